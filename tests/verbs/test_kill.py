"""`kill -9` at twelve random moments, inside a save too, changes no bit of the result."""

from __future__ import annotations

import hashlib
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from unmask.checkpoint.state import latest_state, load_state
from unmask.train.log import read_log

CHILD = Path(__file__).with_name("pretrain_child.py")
KILLS = 12
PATIENCE = 120.0  # seconds that one session may take before the test gives up


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A few hundred documents of a made-up language."""
    dice = random.Random(1)
    words = [f"{a}{b}" for a in ("ka", "lo", "mi", "ru") for b in ("n", "s", "ta", "ve")]
    lines = [" ".join(dice.choices(words, k=dice.randint(3, 20))) for _ in range(600)]
    path = tmp_path_factory.mktemp("text") / "text.jsonl"
    path.write_text("".join(f'{{"text": "{line}"}}\n' for line in lines))
    return path


def start(text: Path, out: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, str(CHILD), str(text), str(out)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def finish(text: Path, out: Path) -> None:
    child = start(text, out)
    _, errors = child.communicate(timeout=PATIENCE)
    assert child.returncode == 0, errors.decode()


def lines_of(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


def saving(out: Path) -> bool:
    """Whether a checkpoint is being written this moment."""
    folder = out / "checkpoints"
    return folder.is_dir() and any(path.name.startswith(".") for path in folder.iterdir())


def wait_for_a_moment(child: subprocess.Popen[bytes], out: Path, dice: random.Random) -> bool:
    """Wait some steps, or for a save to begin; whether the moment lies inside a save."""
    log = out / "log.jsonl"
    before, steps = lines_of(log), dice.randint(1, 9)
    inside = dice.random() < 0.5
    deadline = time.monotonic() + PATIENCE
    while child.poll() is None:
        if lines_of(log) - before >= steps and (not inside or saving(out)):
            return saving(out)
        assert time.monotonic() < deadline, "the run made no progress"
        time.sleep(0.0005)
    return False


def digest(out: Path) -> dict[str, str]:
    return {
        name: hashlib.sha256((out / "model" / name).read_bytes()).hexdigest()
        for name in ("model.safetensors", "tokenizer.json", "config.json")
    }


def steps_logged(out: Path) -> list[tuple[int, float]]:
    return [(r["step"], r["loss"]) for r in read_log(out / "log.jsonl") if r["kind"] == "train"]


def test_twelve_kills_change_nothing(text: Path, tmp_path: Path) -> None:
    alone, killed = tmp_path / "alone", tmp_path / "killed"
    finish(text, alone)
    dice = random.Random(20)
    kills, inside = 0, 0
    while kills < KILLS:
        child = start(text, killed)
        inside += wait_for_a_moment(child, killed, dice)
        child.send_signal(signal.SIGKILL)
        child.communicate()
        assert not (killed / "model").exists(), "the run ended before twelve kills"
        kills += 1
    finish(text, killed)
    assert inside >= 1, "no kill fell inside a save"
    assert digest(killed) == digest(alone)
    assert steps_logged(killed) == steps_logged(alone)
    ends = [latest_state(out) for out in (alone, killed)]
    states = [load_state(end.path) for end in ends if end is not None]
    assert states[0]["optimizer"]["adamw"].keys() == states[1]["optimizer"]["adamw"].keys()
    for moment in ("step", "epoch", "batch", "tokens", "targets", "counts"):
        assert states[0]["position"][moment] == states[1]["position"][moment]
