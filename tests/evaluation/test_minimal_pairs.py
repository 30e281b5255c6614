"""Minimal pairs: a model that knows the rule is right, and the figures count paradigms alike."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

from unmask.errors import CorruptText, DataError
from unmask.evaluation import minimal_pairs
from unmask.evaluation.minimal_pairs import MinimalPair, MinimalPairFigures, measure, read_pairs
from unmask.evaluation.pseudo import Likelihoods


def pair(paradigm: str, phenomenon: str, good: str = "a b", bad: str = "b a") -> MinimalPair:
    return MinimalPair(good, bad, paradigm, phenomenon)


def test_every_paradigm_counts_the_same() -> None:
    pairs = [pair("long", "one")] * 6 + [pair("short", "one")] * 2 + [pair("other", "two")] * 4
    right = [True] * 6 + [False] * 2 + [True, True, True, False]
    found = MinimalPairFigures.of(pairs, right)
    assert found.accuracy == pytest.approx((1 + 0 + 0.75) / 3)
    assert {one.name: one.right for one in found.phenomena} == {"one": 0.5, "two": 0.75}
    assert {one.name: one.pairs for one in found.phenomena} == {"one": 8, "two": 4}
    assert [one.name for one in found.paradigms] == ["long", "other", "short"]
    assert found.low < found.accuracy < found.high


def test_the_interval_narrows_with_paradigms() -> None:
    def width(paradigms: int) -> float:
        draws = np.random.default_rng(0)
        pairs = [pair(f"p{n}", "one") for n in range(paradigms) for _ in range(50)]
        shares = np.repeat(draws.uniform(0.4, 0.9, paradigms), 50)
        found = MinimalPairFigures.of(pairs, (draws.uniform(size=len(pairs)) < shares).tolist())
        return found.high - found.low

    assert width(60) < 0.6 * width(10)


def test_the_interval_of_certain_figures_is_a_point() -> None:
    found = MinimalPairFigures.of([pair("p", "one")] * 5, [True] * 5)
    assert (found.low, found.accuracy, found.high) == (1.0, 1.0, 1.0)


def test_the_likelier_sentence_wins_and_a_tie_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    scores = {"good": -1.0, "bad": -2.0, "same": -1.0}

    def known(model: object, tokenizer: object, texts: Iterable[str], *, how: str) -> Likelihoods:
        return Likelihoods(np.array([scores[text] for text in texts]), np.array([1]), np.array([1]))

    monkeypatch.setattr(minimal_pairs, "likelihoods", known)
    pairs = [pair("p", "x", "good", "bad"), pair("q", "x", "bad", "good"),
             pair("r", "x", "good", "same")]  # fmt: skip
    found = measure(None, None, pairs)  # type: ignore[arg-type]
    assert {one.name: one.right for one in found.paradigms} == {"p": 1.0, "q": 0.0, "r": 0.0}


def write(path: Path, *rows: dict[str, object]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")


def test_reading_a_folder(tmp_path: Path) -> None:
    row = {"sentence_good": "a b", "sentence_bad": "b a"}
    named = {"UID": "kind", "linguistics_term": "term", "field": "field"}
    write(tmp_path / "a.jsonl", *[row | named] * 3)
    write(tmp_path / "b.jsonl", row, row | {"field": "field"})
    assert read_pairs(tmp_path, most=2) == [
        *[pair("kind", "term")] * 2,
        pair("b", "all"),
        pair("b", "field"),
    ]
    assert len(read_pairs(tmp_path / "a.jsonl")) == 3


def test_bad_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"holds no \*\.jsonl; check --data"):
        read_pairs(tmp_path)
    with pytest.raises(DataError, match="does not exist"):
        read_pairs(tmp_path / "none.jsonl")
    write(tmp_path / "a.jsonl", {"sentence_good": "a"})
    with pytest.raises(CorruptText, match="needs the text 'sentence_bad'"):
        read_pairs(tmp_path)
    write(tmp_path / "a.jsonl", {"sentence_good": " ", "sentence_bad": "a"})
    with pytest.raises(CorruptText, match="needs the text 'sentence_good', and it is ' '"):
        read_pairs(tmp_path)
    with pytest.raises(DataError, match="there are none"):
        MinimalPairFigures.of([], [])


def test_blimp_as_it_is_published(shared_data: Path) -> None:
    folder = shared_data / "blimp"
    if not folder.is_dir():
        pytest.skip("needs data/blimp")
    pairs = read_pairs(folder)
    assert len(pairs) == 67_000
    assert len({one.paradigm for one in pairs}) == 67
    assert len({one.phenomenon for one in pairs}) >= 12
