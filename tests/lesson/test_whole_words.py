"""The first exercise: tiny runs, its errors, and its page against the stored figures."""

from __future__ import annotations

import json
import math
import re
import statistics
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from scipy.stats import t

from tests.lesson.page import LESSON, blocks, section
from unmask.checkpoint.folder import open_language_model
from unmask.errors import ConfigError, TextError
from unmask.evaluation.masked import MaskedEvaluation
from unmask.evaluation.whole_words import WholeWordEvaluation

STORED = LESSON / "outputs" / "whole-words.json"
TINY = ("--quick", "--seeds", "2")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A run from the command line: its folder, and what it printed."""
    out = tmp_path_factory.mktemp("words")
    script = LESSON / "code" / "whole_words.py"
    done = subprocess.run(
        [sys.executable, "-W", "error", str(script), *TINY, "--out", str(out)],
        capture_output=True,
        text=True,
        check=True,
    )
    return out, done.stdout


def read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def test_a_tiny_run_prints_its_table_and_stores_what_it_says(
    tiny: tuple[Path, str], whole_words: ModuleType
) -> None:
    out, printed = tiny
    result = read(out / "whole-words.json")
    assert printed.rstrip("\n") == whole_words.table(result)
    rows = re.findall(
        r"^    (single tokens|whole words) +([\d.]+) +([\d.]+) +([-+][\d.]+)", printed, re.M
    )
    assert [row[0] for row in rows] == ["single tokens", "whole words"]
    for (_, tokens, words, gain), kind in zip(rows, ("tokens", "words"), strict=True):
        by_arm = result["figures"]
        assert all(len(by_arm[arm][kind]) == 2 for arm in ("tokens", "words"))
        assert float(tokens) == pytest.approx(statistics.mean(by_arm["tokens"][kind]), abs=6e-4)
        assert float(words) == pytest.approx(statistics.mean(by_arm["words"][kind]), abs=6e-4)
        assert float(gain) == pytest.approx(float(words) - float(tokens), abs=2e-3)
    assert (out / "whole-words.svg").read_text().count("single tokens") >= 1


def test_the_same_seeds_give_the_same_figures(
    tiny: tuple[Path, str], whole_words: ModuleType, tmp_path: Path
) -> None:
    recipe = whole_words.QUICK
    again = whole_words.run_seed(whole_words.from_language(recipe), recipe, 1, tmp_path)
    stored = read(tiny[0] / "whole-words.json")["figures"]
    for arm in ("tokens", "words"):
        assert again["figures"][arm] == {k: v[1] for k, v in stored[arm].items()}


def test_figures_are_those_of_the_fixed_protocols_on_sentences_not_seen(
    whole_words: ModuleType, tmp_path: Path
) -> None:
    recipe = whole_words.QUICK
    drawn = whole_words.from_language(recipe)
    found = whole_words.run_seed(drawn, recipe, 0, tmp_path)
    learnt_from, asked_about = drawn(0)
    assert not set(learnt_from) & set(asked_about)
    assert (len(learnt_from), len(asked_about)) == (60, 80)
    opened = open_language_model(tmp_path / "whole_word" / "model")
    for kind, protocol in (("tokens", MaskedEvaluation), ("words", WholeWordEvaluation)):
        asked = protocol.over(opened.tokenizer, asked_about, context=128)
        assert found["figures"]["words"][kind] == asked(opened.model)["top1"]
    # All but the objective is alike in the two runs.
    kept = [
        read(tmp_path / objective / "run.json")["settings"] for objective in ("mlm", "whole_word")
    ]
    assert kept[0].pop("objective") != kept[1].pop("objective")
    assert kept[0] == kept[1]


def test_lines_of_a_text_serve_as_sentences(whole_words: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "own.txt"
    path.write_text("".join(f"line number {n} says {n % 7}\n\n" for n in range(90)) + "line one\n")
    recipe = whole_words.Recipe(sentences=60, held_out=20)
    learnt_from, asked_about = whole_words.from_file(path, recipe)(0)
    assert (len(learnt_from), len(asked_about)) == (60, 20)
    assert not set(learnt_from) & set(asked_about)
    assert whole_words.from_file(path, recipe)(1)[0] != learnt_from
    with pytest.raises(
        TextError, match=r"at least 120 different lines, but .* has 91; .*--sentences 75"
    ):
        whole_words.from_file(path, whole_words.Recipe(sentences=100))
    with pytest.raises(
        TextError, match=r"a file with a sentence on each line, and .*nowhere is none"
    ):
        whole_words.from_file(tmp_path / "nowhere", recipe)


def test_an_interval_needs_two_seeds(
    whole_words: ModuleType, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert whole_words.main(["--seeds", "1", "--out", str(tmp_path)]) == 2
    assert "at least 2 of them, not 1; give --seeds 5" in capsys.readouterr().err


def test_other_figures_are_not_shown(whole_words: ModuleType, tmp_path: Path) -> None:
    other = tmp_path / "other.json"
    other.write_text('{"exercise": "sentiment"}')
    with pytest.raises(ConfigError, match=r"must hold figures of the exercise .whole-words."):
        sys.modules["paired"].load(other, "whole-words")


def test_the_page_shows_what_was_stored(whole_words: ModuleType) -> None:
    assert blocks(section("Exercise 1.")) == [whole_words.table(read(STORED))]


def test_the_stored_interval_is_students(whole_words: ModuleType) -> None:
    """Worked out anew from the figures of the seeds, and found on the page."""
    figures = read(STORED)["figures"]
    (block,) = blocks(section("Exercise 1."))
    for kind in ("tokens", "words"):
        gains = [
            w - o for w, o in zip(figures["words"][kind], figures["tokens"][kind], strict=True)
        ]
        reach = t.ppf(0.975, len(gains) - 1) * statistics.stdev(gains) / math.sqrt(len(gains))
        middle = statistics.mean(gains)
        assert f"{middle:+.3f} ({middle - reach:+.3f} to {middle + reach:+.3f})" in block


def test_what_the_page_says_about_it_holds() -> None:
    figures = read(STORED)["figures"]
    mean = {
        arm: {kind: statistics.mean(of) for kind, of in f.items()} for arm, f in figures.items()
    }
    said = re.sub(r"\s+", " ", section("Exercise 1."))
    assert f"puts {mean['tokens']['tokens']:.0%} of single tokens".replace("%", " %") in said
    shares = f"{mean['words']['words']:.0%} against {mean['tokens']['words']:.0%}"
    assert shares.replace("%", " %") in said
    assert f"only {mean['words']['tokens']:.0%} of hidden tokens".replace("%", " %") in said
    assert 1.4 < mean["words"]["words"] / mean["tokens"]["words"] < 1.6  # "half as many again"
    pairs = zip(figures["words"]["words"], figures["tokens"]["words"], strict=True)
    assert all(words > tokens for words, tokens in pairs)  # "ahead in all five pairs"
    assert len(figures["words"]["words"]) == 5
