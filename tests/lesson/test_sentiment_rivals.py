"""The second exercise: a tiny run, its figures worked out anew, and its page."""

from __future__ import annotations

import json
import math
import re
import statistics
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from scipy.stats import t

from tests.conftest import sentences
from tests.lesson.page import LESSON, blocks, section
from unmask.checkpoint.folder import open_classifier
from unmask.verbs.evaluate import evaluate

STORED = LESSON / "outputs" / "sentiment.json"
RIVALS = ("encoder", "decoder", "lstm")


def read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sentences, half of which like something."""
    path = tmp_path_factory.mktemp("data") / "likes.csv"
    liking = ("likes", "paints", "waits for")
    rows = [f"{s},{'yes' if any(w in s for w in liking) else 'no'}" for s in sentences()]
    path.write_text("\n".join(["text,label", *rows]) + "\n")
    return path


@pytest.fixture(scope="module")
def tiny(
    sentiment_rivals: ModuleType, table: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, str]:
    """A run of two seeds: its folder, and what it printed."""
    out = tmp_path_factory.mktemp("rivals")
    words = f"--data {table} --quick --seeds 2 --steps 4 --vocabulary 120 --jobs 1 --out {out}"
    printed: list[str] = []
    threads = torch.get_num_threads()
    patch = pytest.MonkeyPatch()
    patch.setattr("builtins.print", lambda *said, **_: printed.append(" ".join(map(str, said))))
    try:
        assert sentiment_rivals.main(words.split()) == 0, printed
    finally:
        patch.undo()
        torch.set_num_threads(threads)
    return out, printed[-1]


def test_the_texts_that_are_tested_on_choose_no_weights(tiny: tuple[Path, str]) -> None:
    runs = [read(path) for path in (tiny[0] / "sentiment-runs").rglob("run.json")]
    tuned = [run["settings"]["budget"] for run in runs if run["kind"] == "finetune"]
    assert len(tuned) == 12
    assert not any(budget["best"] for budget in tuned)


def test_a_tiny_run_prints_its_table_and_stores_what_it_says(
    tiny: tuple[Path, str], sentiment_rivals: ModuleType
) -> None:
    out, printed = tiny
    result = read(out / "sentiment.json")
    assert printed == sentiment_rivals.table(result)
    rows = re.findall(
        r"^    (\S.*?)  +([\d,]+) +([\d,]+) +([\d.]+) \S+ +([\d.]+) \S+$", printed, re.M
    )
    assert [row[0].split(",")[0] for row in rows] == ["encoder", "decoder", "two-way LSTM"]
    for row, name in zip(rows, RIVALS, strict=True):
        for share, way in zip(row[3:], ("pretrained", "scratch"), strict=True):
            assert len(result["figures"][name][way]) == 2
            mean = statistics.mean(result["figures"][name][way])
            assert float(share) == pytest.approx(mean, abs=6e-4)
    (bag,) = re.findall(r"^    bag of words  +([\d.]+) \(", printed, re.M)
    mean = statistics.mean(result["figures"]["bag"]["scratch"])
    assert float(bag) == pytest.approx(mean, abs=6e-4)
    assert len(re.findall(r"\([-+][\d.]+ to [-+][\d.]+\)$", printed, re.M)) == 6
    assert (out / "sentiment.svg").read_text().count("bag of words") >= 1


def test_accuracies_are_those_of_the_saved_classifiers(tiny: tuple[Path, str]) -> None:
    out, _ = tiny
    figures = read(out / "sentiment.json")["figures"]
    for seed in (0, 1):
        work = out / "sentiment-runs" / f"seed-{seed}"
        for name in RIVALS:
            for way in ("pretrained", "scratch"):
                measured = evaluate(work / f"{name}-{way}", data=work / "test.csv")
                assert measured.figures.accuracy == figures[name][way][seed], (name, way, seed)


def test_each_is_classified_by_the_vector_that_has_seen_all(tiny: tuple[Path, str]) -> None:
    work = tiny[0] / "sentiment-runs" / "seed-0"
    pooled = {
        name: open_classifier(work / f"{name}-pretrained" / "model").model.head_config.pooling
        for name in RIVALS
    }
    assert pooled == {"encoder": "cls", "decoder": "last", "lstm": "mean"}


def test_what_is_pretrained_began_with_the_weights_of_what_is_not(tiny: tuple[Path, str]) -> None:
    work = tiny[0] / "sentiment-runs" / "seed-1"
    for name in RIVALS:
        settings = read(work / f"{name}-reading" / "run.json")["settings"]
        assert settings["model"]["start"] == str(work / f"{name}-untrained")
    texts = {
        side: [
            line.rpartition(",")[0] for line in (work / f"{side}.csv").read_text().split("\n")[1:-1]
        ]
        for side in ("train", "test")
    }
    read_in_pretraining = (work / "sentences.txt").read_text().splitlines()
    assert sorted(read_in_pretraining) == sorted(texts["train"])
    assert not set(read_in_pretraining) & set(texts["test"])


def test_parameters_agree_within_five_per_cent(sentiment_rivals: ModuleType) -> None:
    assert sentiment_rivals is not None
    rivals = sys.modules["rivals"]
    for vocabulary in (300, 4000, 8000):
        counts = {
            name: rivals.parameters(name, config)[0]
            for name, config in rivals.shapes(vocabulary, 0).items()
        }
        assert all(abs(n / counts["encoder"] - 1) < 0.05 for n in counts.values()), counts
    stored = read(STORED)["parameters"]
    assert all(abs(stored[name][0] / stored["encoder"][0] - 1) < 0.05 for name in RIVALS)


def test_a_finished_run_is_shown_again_without_training(
    tiny: tuple[Path, str], sentiment_rivals: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    out, printed = tiny
    assert sentiment_rivals.main(["--show", str(out / "sentiment.json")]) == 0
    assert capsys.readouterr().out.rstrip("\n") == printed


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("", "give --data TABLE or --sst2, and not neither"),
        ("--sst2 --data x.csv", "give --data TABLE or --sst2, and not both"),
        ("--data x.csv --seeds 1", "at least 2 of them, not 1; give --seeds 5"),
        ("--data x.csv --jobs 0", "--jobs must be at least 1, not 0"),
        ("--data nowhere.csv", "a table must be a file, and nowhere.csv is none; check the path"),
    ],
)
def test_a_wrong_call_is_a_line(
    sentiment_rivals: ModuleType, capsys: pytest.CaptureFixture[str], words: str, message: str
) -> None:
    assert sentiment_rivals.main(words.split()) == 2
    said = capsys.readouterr()
    assert said.err.startswith("error: ")
    assert message in said.err
    assert said.out == ""


def test_the_page_shows_what_was_stored(sentiment_rivals: ModuleType) -> None:
    assert blocks(section("Exercise 2.")) == [sentiment_rivals.table(read(STORED))]


def test_the_stored_intervals_are_students() -> None:
    """Worked out anew from the figures of the seeds, and found on the page."""
    figures = read(STORED)["figures"]
    (block,) = blocks(section("Exercise 2."))
    encoder = figures["encoder"]["pretrained"]
    others = [
        figures["bag"]["scratch"],
        figures["encoder"]["scratch"],
        *(figures[name][way] for name in ("decoder", "lstm") for way in ("pretrained", "scratch")),
    ]
    shown = block.split("interval:")[1].strip("\n").split("\n")
    for line, values in zip(shown, others, strict=True):
        gains = [100 * (one - other) for one, other in zip(values, encoder, strict=True)]
        reach = t.ppf(0.975, len(gains) - 1) * statistics.stdev(gains) / math.sqrt(len(gains))
        middle = statistics.mean(gains)
        assert line.endswith(f"{middle:+.1f} ({middle - reach:+.1f} to {middle + reach:+.1f})")


def test_what_the_page_says_about_it_holds(sentiment_rivals: ModuleType) -> None:
    result = read(STORED)
    said = re.sub(r"\s+", " ", section("Exercise 2."))
    effects = {
        name: sentiment_rivals.Estimate.of(values)
        for name, values in sentiment_rivals.rivals_of(result).items()
    }
    assert f"by {effects['bag of words'].mean:.1f} points" in said
    assert effects["bag of words"].low > 0
    # "The LSTM is ahead of the encoder, and the encoder of the decoder"
    assert f"by {effects['LSTM'].mean:.1f} points ({effects['LSTM'].low:.1f} to" in said
    assert effects["LSTM"].low > 0
    assert f"of the decoder by {-effects['decoder'].mean:.1f}" in said
    assert effects["decoder"].high < 0
    figures = result["figures"]
    bag = statistics.mean(figures["bag"]["scratch"])
    assert all(
        statistics.mean(figures[name][way]) < bag for name in RIVALS for way in figures[name]
    )
    # "Pretraining helped nobody for sure: every interval holds zero."
    for name in RIVALS:
        gain = sentiment_rivals.Estimate.of(
            sentiment_rivals.differences(figures[name]["pretrained"], figures[name]["scratch"])
        )
        assert gain.low < 0 < gain.high
        # Of a loss the ends are told as a loss's.
        ends = (gain.low, gain.high) if gain.mean > 0 else (-gain.high, -gain.low)
        told = f"{100 * abs(gain.mean):.1f} ({100 * ends[0]:.1f} to {100 * ends[1]:+.1f})"
        assert told in said.replace(" points (", " (")
