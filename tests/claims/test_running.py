"""Claims run end to end on a small corpus: arms are shared, stopped work goes on, figures hold."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import sentences
from unmask.claims import command, metrics, running
from unmask.claims.arms import runs_of
from unmask.claims.command import run_claims
from unmask.claims.data import ClaimData
from unmask.claims.metrics import METRICS
from unmask.claims.recipe import Arm, Claim, Effect, all_claims, claim_from
from unmask.claims.results import ClaimResult, load_result
from unmask.claims.running import Job, figures_of, work
from unmask.errors import ConfigError, DataError, TrainingError, UnmaskError

STORED = ClaimResult(
    name="half",
    date="2026-01-01",
    matched="tokens",
    arms={"usual": ({"tokens": 1.0}, {"tokens": 1.0}), "half": ({"tokens": 1.0}, {"tokens": 1.0})},
    effects=(),
    says="undecided",
    hours=0.1,
    versions={},
    processor="some",
)
SMALL = """
name = "{name}"
sentence = "Masking half is worse."
source = "nobody"

[set]
"model.size" = "1x64"
"model.context" = 32
"budget.tokens" = 6000
"budget.tokens_per_step" = 512

[[arm]]
name = "usual"

[[arm]]
name = "half"
set = {{ "mask.rate" = 0.5 }}

[[effect]]
metric = "masked_loss"
of = "usual"
against = "half"

[[effect]]
metric = "probe_accuracy"
of = "usual"
against = "half"
minus = "blimp"
beyond = -1.0
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("data")
    (data / "text").mkdir()
    lines = sentences() * 3
    random.Random(0).shuffle(lines)
    lines = [f"{line} {n}" for n, line in enumerate(lines)]
    (data / "text/books-train.txt").write_text("\n".join(lines), "utf-8")
    (data / "text/books-valid.txt").write_text("\n".join(sentences()[:40]), "utf-8")
    (data / "sentence_polarity").mkdir()
    for label, word in (("pos", "likes"), ("neg", "forgets")):
        rows = [f"she {word} {line}" for line in sentences()[:50]]
        (data / f"sentence_polarity/rt-polarity.{label}").write_text("\n".join(rows), "utf-8")
    (data / "blimp").mkdir()
    pairs = [{"sentence_good": s, "sentence_bad": s[::-1]} for s in sentences()[:6]]
    text = "".join(json.dumps(pair) + "\n" for pair in pairs)
    (data / "blimp/all.jsonl").write_text(text, "utf-8")
    return data


def claim(tmp_path: Path, name: str = "half") -> str:
    path = tmp_path / f"{name}.toml"
    path.write_text(SMALL.format(name=name), "utf-8")
    return str(path)


def test_a_claim_from_beginning_to_end(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("unmask.claims.arms.VOCAB_SIZE", 300)
    said: list[str] = []
    given = {"data": folder, "out": tmp_path / "out", "work": tmp_path / "work", "seeds": 2}
    (found,) = run_claims([claim(tmp_path)], say=said.append, **given)  # type: ignore[arg-type]
    assert len(said) == 4
    assert load_result(tmp_path / "out/half.json") == found
    for name, figures in found.arms.items():
        assert len(figures) == 2, name
        assert all(one["tokens"] > 5000 for one in figures)
        assert all(one["flops"] > 0 and one["seconds"] > 0 for one in figures)
    loss, mixed = found.effects
    usual, half = found.arms["usual"], found.arms["half"]
    assert loss.differences == tuple(
        b["masked_loss"] - a["masked_loss"] for a, b in zip(usual, half, strict=True)
    )
    assert mixed.differences == pytest.approx(
        [
            a["probe_accuracy"] - b["probe_accuracy"] - (a["blimp"] - b["blimp"])
            for a, b in zip(usual, half, strict=True)
        ]
    )
    # The same arms under another claim are not trained again.
    said.clear()
    (again,) = run_claims([claim(tmp_path, "again")], say=said.append, **given)  # type: ignore[arg-type]
    assert said == []
    assert again.arms == found.arms
    texts = list((tmp_path / "work/prepared").iterdir())
    assert len(texts) == 1  # cleaned and tokenised once for all of them


def test_a_claim_is_stored_before_the_next_is_trained(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("unmask.claims.arms.VOCAB_SIZE", 300)
    other = Path(claim(tmp_path, "other"))
    other.write_text(other.read_text("utf-8").replace("6000", "5000"), "utf-8")
    out = tmp_path / "out"

    def stop(words: str) -> None:
        if words.startswith("3 of 4"):
            raise KeyboardInterrupt

    given = {"data": folder, "out": out, "work": tmp_path / "work", "seeds": 1, "at_once": 1}
    names = [claim(tmp_path), str(other)]
    with pytest.raises(KeyboardInterrupt):
        run_claims(names, say=stop, **given)  # type: ignore[arg-type]
    assert [path.name for path in out.iterdir()] == ["half.json"]


def test_what_is_missing_is_refused_before_any_work(folder: Path, tmp_path: Path) -> None:
    where = {"out": tmp_path / "out", "work": tmp_path / "work"}
    with pytest.raises(DataError, match="does not hold it; see --data"):
        run_claims([claim(tmp_path)], data=tmp_path, **where)
    with pytest.raises(ConfigError, match="there is no claim 'nothing'"):
        run_claims(["nothing"], data=folder, **where)
    with pytest.raises(ConfigError, match="at least 1"):
        run_claims([claim(tmp_path)], data=folder, seeds=0, **where)
    path = Path(claim(tmp_path, "odd"))
    path.write_text(path.read_text("utf-8").replace('"masked_loss"', '"luck"'), "utf-8")
    with pytest.raises(ConfigError, match="has the metric 'luck', but there are masked_loss"):
        run_claims([str(path)], data=folder, **where)
    path.write_text(path.read_text("utf-8").replace('"mask.rate"', '"mask.share"'), "utf-8")
    with pytest.raises(ConfigError, match=r"mask\.share"):
        runs_of(claim_from(path), 1, None)
    assert not (tmp_path / "work/arms").exists()


def test_other_data_are_refused_in_the_same_folder(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nothing(*args: object) -> list[str]:
        return []

    monkeypatch.setattr("unmask.claims.arms.VOCAB_SIZE", 300)
    monkeypatch.setattr(command, "run_jobs", nothing)
    given: dict[str, Any] = {"out": tmp_path / "out", "work": tmp_path / "work", "seeds": 1}
    for _ in range(2):
        with pytest.raises(KeyError):  # nothing is done, so there is no result
            run_claims([claim(tmp_path)], data=folder, **given)
    for name in ("text/books-valid.txt", "sentence_polarity/rt-polarity.pos"):
        other = tmp_path / name.replace("/", "-")
        shutil.copytree(folder, other)
        with (other / name).open("a") as file:
            file.write("One line more.\n")
        with pytest.raises(DataError, match=r"holds what was made of another .*--work"):
            run_claims([claim(tmp_path)], data=other, **given)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("text/books-valid.txt", b"", r"claims read text, but .*books-valid.txt has none"),
        ("text/books-valid.txt", b"one\ncaf\xe9\n", r"books-valid.txt:2: byte 0xe9 .*convert"),
        ("sentence_polarity/rt-polarity.pos", b"caf\xe9\n", r"rt-polarity.pos:1: byte 0xe9 .*conv"),
        ("blimp/all.jsonl", b"{}\n", r"all.jsonl:1: a minimal pair needs the text"),
    ],
)
def test_what_cannot_be_read_is_refused_before_training_and_may_be_mended(
    name: str, content: bytes, said: str, folder: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    def nothing(*args: object) -> list[str]:
        return []

    monkeypatch.setattr("unmask.claims.arms.VOCAB_SIZE", 300)
    monkeypatch.setattr(command, "run_jobs", nothing)
    data = tmp_path / "data"
    shutil.copytree(folder, data)
    given: dict[str, Any] = {
        "data": data, "out": tmp_path / "out", "work": tmp_path / "work", "seeds": 1
    }  # fmt: skip
    right = (data / name).read_bytes()
    (data / name).write_bytes(content)
    with pytest.raises(UnmaskError, match=said):
        run_claims([claim(tmp_path)], **given)
    (data / name).write_bytes(right)
    with pytest.raises(KeyError):  # nothing is done, so there is no result
        run_claims([claim(tmp_path)], **given)


@pytest.mark.parametrize("vocab", [80, 300])
def test_words_of_several_tokens_are_asked_for_where_there_are_any(
    vocab: int, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("unmask.claims.arms.VOCAB_SIZE", vocab)
    path = Path(claim(tmp_path))
    path.write_text(path.read_text("utf-8").replace('"masked_loss"', '"long_word_loss"'), "utf-8")
    given: dict[str, Any] = {"out": tmp_path / "out", "work": tmp_path / "work", "seeds": 1}
    if vocab == 300:  # every word is a token
        with pytest.raises(TrainingError, match="measure as long_word_loss, loss at hidden words"):
            run_claims([str(path)], data=folder, say=lambda words: None, **given)
        return
    (found,) = run_claims([str(path)], data=folder, say=lambda words: None, **given)
    for arm in found.arms.values():
        for one in arm:
            assert 0 < one["long_word_loss"] < 20


def test_a_trial_does_not_replace_a_result_of_more_seeds(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    stored = replace(STORED, name="half")
    stored.save(out)
    given: dict[str, Any] = {"data": folder, "out": out, "work": tmp_path / "work"}
    with pytest.raises(ConfigError, match="holds a result of 2 seeds"):
        run_claims([claim(tmp_path)], seeds=1, **given)
    with pytest.raises(ConfigError, match="holds a result of arms matched by tokens"):
        run_claims([claim(tmp_path)], seeds=2, minutes_per_model=0.1, **given)


def test_an_arm_that_fails_keeps_no_other_from_its_turn(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("unmask.claims.arms.VOCAB_SIZE", 300)
    bad = Path(claim(tmp_path, "bad"))
    # Found only when the text is read: its documents are lines, of which no pair can be made.
    pairs = '"objective.name" = "sop", "model.arch" = "bert"'
    bad.write_text(bad.read_text("utf-8").replace('"mask.rate" = 0.5', pairs), "utf-8")
    out, said = tmp_path / "out", list[str]()
    given: dict[str, Any] = {"data": folder, "out": out, "work": tmp_path / "work", "seeds": 1}
    with pytest.raises(TrainingError, match=r"1 of 3 arms failed.* half, seed 0: "):
        run_claims([str(bad), claim(tmp_path)], say=said.append, **given)
    assert [path.name for path in out.iterdir()] == ["half.json"]
    assert sum("half, seed 0 failed: " in line for line in said) == 1


KILLED = """
import sys
from unmask.claims import arms
from unmask.claims.command import run_claims

if __name__ == "__main__":
    claim, data, out, work = sys.argv[1:]
    arms.VOCAB_SIZE = 300
    run_claims([claim], data=data, out=out, work=work, seeds=1, say=lambda words: None)
"""


def children(process: int) -> set[int]:
    """Processes that another one has begun."""
    found = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            after = stat.read_text().rpartition(")")[2].split()
            if int(after[1]) == process:
                found.add(int(stat.parent.name))
    return found


def until(happens: Callable[[], object]) -> None:
    """Wait; the limit only ends a test that would never end."""
    for _ in range(1200):
        if happens():
            return
        time.sleep(0.1)
    raise AssertionError("it did not happen")


@pytest.mark.skipif(not Path("/proc/self/stat").is_file(), reason="looks at processes in /proc")
@pytest.mark.parametrize("whole", [True, False])
def test_killed_and_begun_again_it_goes_on(whole: bool, folder: Path, tmp_path: Path) -> None:
    """Either the command itself is killed, or a process that trains."""
    script = tmp_path / "run.py"
    script.write_text(KILLED, "utf-8")
    path = Path(claim(tmp_path))
    # Several seconds of training on a fast machine, where workers look once a second.
    path.write_text(path.read_text("utf-8").replace("6000", "300000"), "utf-8")
    work_in = tmp_path / "work"
    words = [
        sys.executable,
        str(script),
        str(path),
        str(folder),
        str(tmp_path / "out"),
        str(work_in),
    ]
    process = subprocess.Popen(words, stderr=subprocess.PIPE, text=True)
    until(lambda: len([*work_in.glob("arms/*/log.jsonl")]) == 2)
    begun = children(process.pid)
    workers = {one for one in begun if b"spawn_main" in Path(f"/proc/{one}/cmdline").read_bytes()}
    assert len(workers) == 2
    os.kill(process.pid if whole else min(workers), signal.SIGKILL)
    _, said = process.communicate()
    until(lambda: not any(Path(f"/proc/{one}").exists() for one in workers))
    if not whole:
        assert process.returncode == 1
        assert "was killed, which a system does that runs out of memory" in said
    arms = {one.parent for one in work_in.glob("arms/*/log.jsonl")}
    assert not any((arm / "result.json").exists() for arm in arms)
    # It writes to the same runs, which are refused where another process writes to them.
    subprocess.run(words, check=True)
    assert (tmp_path / "out/half.json").is_file()


def test_identical_arms_have_one_key_and_others_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = (claim_from(Path(claim(tmp_path, name))) for name in ("one", "two"))
    first, second = runs_of(one, 2, None), runs_of(two, 2, None)
    assert [run.key for run in first.values()] == [run.key for run in second.values()]
    keys = {run.key for run in first.values()}
    assert len(keys) == 4
    monkeypatch.setattr("unmask.claims.arms.__version__", "another")
    assert not {run.key for run in first.values()} & keys
    timed = runs_of(one, 2, 3.0)
    assert not {run.key for run in timed.values()} & {run.key for run in first.values()}
    elsewhere = runs_of(one, 2, None, "cuda:0")
    assert {run.device for run in elsewhere.values()} == {"cuda:0"}
    assert not {run.key for run in elsewhere.values()} & {run.key for run in first.values()}
    arms = (*one.arms, Arm(name="more", after="usual"), Arm(name="other", after="half"))
    chained = runs_of(replace(one, arms=arms), 1, None)
    assert chained["more", 0].key != chained["other", 0].key


def test_an_arm_waits_for_the_one_it_goes_on_from(tmp_path: Path) -> None:
    base = claim_from(Path(claim(tmp_path)))
    arms = (*base.arms, Arm(name="more", after="usual"))
    runs = runs_of(replace(base, arms=arms), 1, None)
    jobs = running._merged([Job(runs["more", 0], frozenset({"blimp"}))])
    assert [job.run.name for job in jobs.values()] == ["usual", "more"]
    assert not running._ready(list(jobs.values())[1], set())
    assert running._ready(list(jobs.values())[1], {runs["usual", 0].key})


def test_arms_are_measured_where_they_are_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All that opens a model is told the device; what a GPU says is tested where there is one."""
    run = runs_of(claim_from(Path(claim(tmp_path))), 1, None, "cuda:0")["usual", 0]
    arm = metrics.Measured(run, tmp_path, ClaimData(tmp_path, tmp_path), tmp_path)
    told: list[object] = []

    def opens(*args: object, device: object = None, settings: Any = None, **more: object) -> None:
        told.append(device or settings.run.device)
        raise InterruptedError

    def tunes(*args: object, settings: Any, **more: object) -> None:
        # The table that is tested on chooses no weights.
        assert not settings.budget.best
        opens(settings=settings)

    monkeypatch.setattr(metrics, "open_language_model", opens)
    monkeypatch.setattr(metrics, "finetune", tunes)
    monkeypatch.setattr(metrics.Embedder, "from_pretrained", opens)
    monkeypatch.setattr(metrics, "read_rows", lambda path: ([], []))
    monkeypatch.setattr(ClaimData, "polarity", lambda data: (tmp_path, tmp_path))
    (tmp_path / "text").mkdir()
    (tmp_path / "text/books-valid.txt").touch()
    for name in ("masked_loss", "copied", "probe_accuracy", "finetune_accuracy"):
        with pytest.raises(InterruptedError):
            METRICS[name].of(arm)
    assert told == ["cuda:0"] * 4


def test_a_device_that_is_not_there_is_refused(folder: Path, tmp_path: Path) -> None:
    where = {"out": tmp_path / "out", "work": tmp_path / "work"}
    with pytest.raises(ConfigError, match="device must be auto, cpu, cuda"):
        run_claims([claim(tmp_path)], data=folder, device="tpu", **where)


def test_going_on_from_another_arm(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("unmask.claims.arms.VOCAB_SIZE", 300)
    base = claim_from(Path(claim(tmp_path)))
    arms = (*base.arms, Arm(name="more", after="usual"))
    runs = runs_of(replace(base, arms=arms), 1, None)
    data = ClaimData(folder, tmp_path / "work")
    for name in ("usual", "more"):
        work(Job(runs[name, 0], frozenset({"masked_loss"})), data)
    first, more = (figures_of(runs[name, 0], data) for name in ("usual", "more"))
    assert more["masked_loss"] < first["masked_loss"]


def test_every_claim_of_the_package_can_be_run() -> None:
    claims = all_claims()
    assert claims
    for one in claims.values():
        if one.arms:
            assert command._metrics(one)
            assert runs_of(one, 1, None)


def test_an_effect_names_arms_that_are_there() -> None:
    with pytest.raises(ConfigError, match="names the arm 'c'"):
        Claim(
            name="x",
            sentence="s",
            source="y",
            arms=(Arm(name="a"), Arm(name="b")),
            effects=(Effect(metric="blimp", of="a", against="c"),),
        )
