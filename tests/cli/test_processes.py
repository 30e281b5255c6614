"""Every verb as a user runs it: a process, its exit code, what it prints."""

from __future__ import annotations

import csv
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from unmask.cli.main import VERBS

SMALL = [
    "--size", "1x64", "--context", "32", "--vocab-size", "200", "--threads", "1",
    "--set", "budget.tokens_per_step=256",
]  # fmt: skip


def unmask(*arguments: str | Path, code: int = 0) -> subprocess.CompletedProcess[str]:
    """Run the command line; both streams are kept."""
    command = [sys.executable, "-m", "unmask", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == code, f"{done.stdout}\n{done.stderr}"
    return done


def out_of(*arguments: str | Path) -> Any:
    """What a verb prints as JSON."""
    return json.loads(unmask(*arguments, "--json").stdout)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Text in two folders, and labelled data that the words give away."""
    root = tmp_path_factory.mktemp("cli")
    dice = random.Random(2)
    words = {"sea": ["wave", "fish", "boat", "salt"], "sky": ["cloud", "bird", "star", "wind"]}
    for group, own in words.items():
        (root / "texts" / group).mkdir(parents=True)
        lines = [" ".join(dice.choices([*own, "the", "a", "is"], k=9)) for _ in range(400)]
        (root / "texts" / group / "all.txt").write_text("\n\n".join(lines))
        for name, count in (("train", 60), ("test", 20)):
            with (root / f"{name}.csv").open("a", newline="") as file:
                writer = csv.writer(file)
                if group == "sea":
                    writer.writerow(["id", "text", "label"])
                for number in range(count):
                    text = " ".join(dice.choices([*own, "the", "a"], k=6))
                    writer.writerow([f"{group}{number}", text, group])
    return root


@pytest.fixture(scope="module")
def model(folder: Path) -> Path:
    """A pretraining run of a few steps."""
    out = folder / "run"
    result = out_of("pretrain", "--text", folder / "texts", "--out", out, "--steps", "30", *SMALL)
    assert result["finished"] is True
    assert result["steps"] == 30
    assert set(result["held_out"]) == {"loss", "top1", "top5"}
    return out


@pytest.fixture(scope="module")
def classifier(folder: Path, model: Path) -> Path:
    out = folder / "classifier"
    unmask(
        "finetune", model, "--task", "classify", "--train", folder / "train.csv", "--out", out,
        "--threads", "1",
    )  # fmt: skip
    return out


def test_help_lists_every_verb_and_loads_no_torch() -> None:
    said = unmask("--help").stdout
    for verb in VERBS:
        assert verb in said
    code = "import sys, unmask.cli.main as m; [m.Verbs().get_command(None, v) for v in m.VERBS]"
    check = f"{code}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], timeout=60).returncode == 0


GROUPS = {"tokenizer": ("train", "extend"), "claims": ("list", "run", "report")}
COMMANDS = [
    verb if part is None else f"{verb} {part}"
    for verb in sorted(VERBS)
    for part in GROUPS.get(verb, (None,))
]


@pytest.mark.parametrize("verb", COMMANDS)
def test_help_shows_an_example(verb: str) -> None:
    said = " ".join(unmask(*verb.split(), "--help").stdout.split())
    assert f"Example: unmask {verb}" in said


def test_version() -> None:
    from unmask import __version__

    assert unmask("--version").stdout.strip() == __version__


def test_tokenizer_train(folder: Path) -> None:
    facts = out_of(
        "tokenizer", "train", "--text", folder / "texts", "--out", folder / "tok",
        "--vocab-size", "100",
    )  # fmt: skip
    assert facts["vocab_size"] <= 100
    assert facts["tokens_per_word"] >= 1.0
    assert (folder / "tok" / "tokenizer.json").is_file()


def test_dry_run_leaves_nothing(folder: Path) -> None:
    out = folder / "never"
    plan = out_of(
        "pretrain", "--text", folder / "texts", "--out", out, "--minutes", "2", *SMALL, "--dry-run"
    )
    assert plan["steps"] > 0
    assert plan["memory_gib"] > 0
    assert not out.exists()


def test_fill(model: Path) -> None:
    guesses = out_of("fill", model, "the [MASK] is a wave")
    assert len(guesses) >= 1
    assert "[MASK]" in unmask("fill", model, "no mask here", code=2).stderr


def test_info(model: Path, classifier: Path) -> None:
    assert "modernbert" in json.dumps(out_of("info", model)).lower()
    assert "sea" in json.dumps(out_of("info", classifier))


def test_evaluate_both_kinds(folder: Path, model: Path, classifier: Path) -> None:
    masked = out_of("evaluate", model, "--text", folder / "texts")
    assert 0.0 <= masked["top1"] <= masked["top5"] <= 1.0
    labels = out_of("evaluate", classifier, "--data", folder / "test.csv")
    assert labels["accuracy"] >= 0.9  # the words give the label away


def test_embed(folder: Path, model: Path) -> None:
    out = folder / "vectors.npy"
    arguments = ("embed", model, "--input", folder / "test.csv", "--output", out)
    assert "must say how a text becomes one vector" in unmask(*arguments, code=2).stderr
    facts = out_of(*arguments, "--pooling", "mean", "--threads", "1")
    assert (facts["rows"], facts["dimension"]) == (40, 64)
    assert out.stat().st_size == 128 + 40 * 64 * 4


def test_rerank_wants_a_score(folder: Path, classifier: Path) -> None:
    arguments = ("rerank", classifier, "--query", "a wave", "--input", folder / "test.csv")
    assert "takes a model with one output" in unmask(*arguments, code=2).stderr


def test_predict_keeps_other_columns_and_the_order(folder: Path, classifier: Path) -> None:
    answers = folder / "answers.jsonl"
    unmask("predict", classifier, "--input", folder / "test.csv", "--output", answers)
    rows = [json.loads(line) for line in answers.read_text().splitlines()]
    with (folder / "test.csv").open() as file:
        given = list(csv.DictReader(file))
    assert [row["id"] for row in rows] == [row["id"] for row in given]
    assert all(0.0 <= row["score"] <= 1.0 for row in rows)


def test_a_finished_run_is_left_alone(folder: Path, model: Path) -> None:
    before = (model / "model" / "model.safetensors").stat().st_mtime_ns
    again = unmask("pretrain", "--text", folder / "texts", "--out", model, "--steps", "30", *SMALL)
    assert "is finished" in again.stderr
    assert (model / "model" / "model.safetensors").stat().st_mtime_ns == before


def test_other_settings_are_refused(folder: Path, model: Path) -> None:
    said = unmask(
        "pretrain", "--text", folder / "texts", "--out", model, "--steps", "31", *SMALL, code=2
    ).stderr
    assert "budget.steps was 30 and is 31" in said
    assert "Traceback" not in said


def test_changed_text_is_refused(folder: Path, tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_text("\n\n".join(f"one two three {i} four" for i in range(300)))
    run = ("pretrain", "--text", text, "--out", tmp_path / "run", "--steps", "5", *SMALL)
    unmask(*run)
    text.write_text(text.read_text() + "\n\nanother paragraph")
    assert "the data 'text' changed" in unmask(*run, code=2).stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_with_a_message_and_the_same_command_goes_on(
    folder: Path, tmp_path: Path, number: signal.Signals
) -> None:
    out = tmp_path / "run"
    arguments = ["pretrain", "--text", folder / "texts", "--out", out, "--steps", "150", *SMALL]
    command = [sys.executable, "-m", "unmask", *map(str, arguments)]
    child = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    log = out / "log.jsonl"
    deadline = time.monotonic() + 120
    while not (log.exists() and log.stat().st_size > 0) and time.monotonic() < deadline:
        time.sleep(0.01)
    child.send_signal(number)
    _, said = child.communicate(timeout=120)
    assert child.returncode == 128 + number, said
    assert "Stopped at step" in said
    assert "goes on from there" in said
    result = out_of(*arguments)
    assert result["finished"] is True
    assert result["sessions"] == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["pretrain", "--out", "x", "--steps", "3", "--text", "nowhere"], "nowhere"),
        (["pretrain", "--out", "x"], "--minutes, --steps, --tokens or --set budget.flops"),
        (["pretrain", "--out", "x", "--steps", "3", "--minutes", "1"], "exactly one of"),
        (["pretrain", "--out", "x", "--steps", "3", "--set", "optim.lrr=1"], "nearest is 'lr'"),
        (["pretrain", "--out", "x", "--steps", "3", "--size", "huge"], "tiny, mini"),
        (["fill", "nowhere", "a [MASK]"], "nowhere"),
        (["info", "nowhere"], "nowhere"),
    ],
)
def test_bad_input_is_one_line_without_a_traceback(
    tmp_path: Path, arguments: list[str], words: str
) -> None:
    text = tmp_path / "text.txt"
    text.write_text("\n\n".join(f"paragraph number {i}" for i in range(300)))
    if arguments[0] == "pretrain" and "--text" not in arguments:
        arguments = [*arguments, "--text", str(text)]
    arguments = [str(tmp_path / "x") if a == "x" else a for a in arguments]
    said = unmask(*arguments, code=2).stderr
    assert words in said
    assert "Traceback" not in said


def test_quickstart_on_own_text(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "quick"
    run = ("quickstart", "--text", folder / "texts", "--minutes", "0.05", "--out", out)
    said = unmask(*run, "--threads", "1").stdout
    assert "unmask fill" in said
    page = (out / "report.html").read_text()
    assert "sky" in page
    assert (out / "log.jsonl").stat().st_size > 0
    facts = json.loads((out / "facts.json").read_text())
    assert facts["classification"]["labels"][0]["name"] in ("sea", "sky")
    assert os.path.isdir(out / "model")
