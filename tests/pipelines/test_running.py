"""Rows that fit, batches by length, answers in order."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unmask import progress
from unmask.batches.batch import Batch
from unmask.errors import ConfigError, TooLong
from unmask.pipelines.running import (
    CHARACTERS,
    Fit,
    bar,
    by_length,
    mostly_unknown,
    run,
    unknown_share,
    warned,
    windows,
)
from unmask.tokens.layout import Layout, PairLayout

UNK = 9
LAYOUT = Layout((1,), (2,), PairLayout((1,), (2,), (2,), ((0,), (0,), (0,), (1,), (1,))))


def fit(context: int, on_long: str) -> Fit:
    return Fit(LAYOUT, context, on_long, UNK)  # type: ignore[arg-type]


@pytest.mark.parametrize("on_long", ["chunk", "truncate", "error"])
@pytest.mark.parametrize("size", [0, 1, 5])
def test_what_fits_is_left_alone(on_long: str, size: int) -> None:
    fitted = fit(7, on_long)(list(range(10, 10 + size)))
    assert fitted.rows == ([1, *range(10, 10 + size), 2],)
    assert (fitted.tokens, fitted.truncated) == (size + 2, False)


def test_truncation_keeps_the_beginning_and_says_so() -> None:
    fitted = fit(5, "truncate")([10, 11, 12, 13])
    assert fitted.rows == ([1, 10, 11, 12, 2],)
    assert (fitted.tokens, fitted.truncated) == (6, True)


@given(st.integers(1, 200), st.integers(3, 20))
def test_chunks_hold_everything_in_even_parts(size: int, context: int) -> None:
    fitted = fit(context, "chunk")(list(range(10, 10 + size)))
    inner = [row[1:-1] for row in fitted.rows]
    assert [i for row in inner for i in row] == list(range(10, 10 + size))
    lengths = [len(row) for row in inner]
    assert max(lengths) <= context - 2
    assert max(lengths) - min(lengths) <= 1
    assert len(inner) == -(-size // (context - 2))
    assert not fitted.truncated


def test_error_names_the_text_its_length_and_the_remedy() -> None:
    with pytest.raises(TooLong, match=r"at most 5 tokens here.*text 7 .*has 6.*on_long='chunk' or"):
        fit(5, "error")([10, 11, 12, 13], 7)


def test_unknown_and_unserved_words_are_refused() -> None:
    with pytest.raises(ConfigError, match="one of chunk, truncate, error here, not 'cut'"):
        fit(5, "cut")
    with pytest.raises(ConfigError, match="one of truncate, error here, not 'chunk'"):
        Fit(LAYOUT, 5, "chunk", UNK, ("truncate", "error"))


@given(st.lists(st.integers(1, 30), max_size=60), st.integers(10, 80))
def test_batches_hold_each_row_once_within_the_budget(lengths: list[int], budget: int) -> None:
    rows = [[0] * n for n in lengths]
    batches = list(by_length(rows, budget))
    assert sorted(place for batch in batches for place in batch) == list(range(len(rows)))
    for batch in batches:
        assert len(batch) == 1 or sum(lengths[place] for place in batch) <= budget
    flat = [lengths[place] for batch in batches for place in batch]
    assert all(a <= b for a, b in pairwise(flat))


@given(st.lists(st.lists(st.integers(0, 9), min_size=1, max_size=9), max_size=30))
def test_answers_come_in_the_order_of_the_rows(rows: list[list[int]]) -> None:
    def read(batch: Batch) -> list[list[int]]:
        return [part.tolist() for part in batch.ids.split(batch.lengths)]

    assert run(rows, read, "cpu", tokens=20) == rows


def test_a_window_reads_no_further_than_it_must() -> None:
    taken = []

    def items() -> object:
        for item in range(10):
            taken.append(item)
            yield item

    stream = windows(items(), 4)  # type: ignore[arg-type]
    assert next(stream) == (0, [0, 1, 2, 3])
    assert taken == [0, 1, 2, 3]
    assert list(stream) == [(4, [4, 5, 6, 7]), (8, [8, 9])]


@given(st.lists(st.text(max_size=9), max_size=40), st.integers(1, 7), st.integers(1, 20))
def test_windows_hold_all_in_order_and_end_with_the_text_that_fills_them(
    texts: list[str], size: int, characters: int
) -> None:
    found = list(windows(texts, size, characters=characters))
    assert [text for _, window in found for text in window] == texts
    assert [number for number, _ in found] == [
        sum(len(window) for _, window in found[:place]) for place in range(len(found))
    ]
    for number, window in found:
        assert 1 <= len(window) <= size
        assert sum(map(len, window[:-1])) < characters
        full = len(window) == size or sum(map(len, window)) >= characters
        assert full or number + len(window) == len(texts)


def test_texts_of_a_megabyte_are_read_a_few_at_a_time() -> None:
    taken = 0

    def texts() -> Iterator[str]:
        nonlocal taken
        for _ in range(50):
            taken += 1
            yield "a word " * 150_000

    _, window = next(windows(texts()))
    assert taken == len(window) == -(-CHARACTERS // 1_050_000)


def test_pairs_are_measured_by_both() -> None:
    pairs = [("aa", "bb"), ("a" * 9, ""), ("", "b" * 9), ("a", "b")]
    found = windows(pairs, characters=10, length=lambda pair: sum(map(len, pair)))
    assert [window for _, window in found] == [pairs[:2], pairs[2:]]


def test_what_has_been_read_is_told_batch_by_batch() -> None:
    told: list[float] = []
    rows = [[1] * 4, [1] * 2, [1] * 2]
    run(rows, lambda batch: batch.lengths, "cpu", tokens=4, tell=told.append)
    assert told == [0.5, 1.0]


@pytest.mark.parametrize(
    ("texts", "said"), [(["a"] * 10, ["7 of 10", "10 of 10"]), (iter("a" * 10), ["7 read"])]
)
def test_a_bar_counts_over_windows(
    texts: Iterable[str], said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[tuple[float | None, str]] = []

    class Heard:
        @contextmanager
        def stage(self, title: str) -> Iterator[object]:
            yield lambda share, words: shown.append((share, words))

    monkeypatch.setattr(progress, "Terminal", Heard)
    with bar("reading", texts, True) as within:
        for number in (4, 6):
            within(number, ["a"] * 4)(0.75 if number == 4 else 1.0)
    assert [words for _, words in shown][: len(said)] == said
    assert all(share is None or 0 < share <= 1 for share, _ in shown)
    with bar("reading", texts, False) as within:
        within(0, ["a"])(1.0)
    assert len(shown) == 2


@pytest.mark.parametrize(
    ("ids", "share"), [([], 0.0), ([3, 4], 0.0), ([UNK, 4], 0.5), ([UNK, UNK, UNK, UNK, UNK], 1.0)]
)
@pytest.mark.parametrize("on_long", ["truncate", "chunk"])
def test_the_share_of_unknown_tokens_is_that_of_the_whole_text(
    ids: list[int], share: float, on_long: str
) -> None:
    assert fit(5, on_long)(ids).unknown == share
    assert unknown_share(ids, None) == 0.0


@pytest.mark.parametrize(
    ("share", "mostly"), [(0.0, False), (0.5, False), (0.51, True), (1.0, True)]
)
def test_a_text_is_mostly_unknown_above_a_half(share: float, mostly: bool) -> None:
    assert mostly_unknown(share) is mostly


def test_unknown_texts_have_a_warning_of_their_own() -> None:
    answers = warned(
        [3, 9, 8],
        "numbers are too large",
        lambda n: (n > 8, 0.6 if n == 3 else 0.5),
        lambda n: 10 * n,
    )
    with pytest.warns(UserWarning, match="^1 of 3 ") as caught:
        assert list(answers) == [30, 90, 80]
    told = [str(one.message) for one in caught]
    assert told[0] == "1 of 3 numbers are too large"
    assert told[1].startswith("1 of 3 texts are mostly unknown tokens")
    assert len(told) == 2


def test_one_warning_behind_the_last_of_several_that_were_cut() -> None:
    def over_five(n: int) -> tuple[bool, float]:
        return n > 5, 0.0

    answers = warned([3, 9, 8], "numbers are too large", over_five, lambda n: 10 * n)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert [next(answers) for _ in range(3)] == [30, 90, 80]
    with pytest.warns(UserWarning, match="^2 of 3 numbers are too large$"):
        assert list(answers) == []
    assert list(warned([1], "numbers are too large", over_five, lambda n: n)) == [1]
