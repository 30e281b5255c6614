"""Questions with their texts as rows, where answers stand in them, and the best spans over all."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from tests.conftest import sentences
from unmask.errors import ConfigError, TextError, TokenizerError, TooLong
from unmask.pipelines.overlapping import window_starts
from unmask.pipelines.passages import Passage, PassageFit, passages
from unmask.pipelines.spans import best_spans, span_scores
from unmask.tokens.layout import PairLayout
from unmask.tokens.tokenizer import Tokenizer
from unmask.tokens.train import train

TEXT = " ".join(sentences()[:12])


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return train(sentences(), vocab_size=150, min_frequency=1)


def fit(
    tokenizer: Tokenizer, limit: int = 32, overlap: int = 8, on_long: str = "chunk"
) -> PassageFit:
    return PassageFit(tokenizer.layout.pair, limit, overlap, on_long, tokenizer.unk_id)  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [1, 2, 7, 30])
@pytest.mark.parametrize("overlap", [0, 1, 3, 99])
@pytest.mark.parametrize("more", [0, 1, 5, 6, 100])
def test_windows_cover_all_and_overlap(size: int, overlap: int, more: int) -> None:
    starts = window_starts(size + more, size, overlap)
    assert (starts[0], starts[-1] + size) == (0, size + more)
    shared = min(overlap, size // 2)
    steps = [b - a for a, b in itertools.pairwise(starts)]
    assert all(0 < step <= size - shared for step in steps)
    assert not steps or (len(steps) - 1) * (size - shared) < more  # no window too many


def test_rows_are_the_layout_of_pairs(tokenizer: Tokenizer) -> None:
    question = "who sees the river?"
    (read,) = passages([(question, TEXT)], tokenizer, fit(tokenizer))
    asked, text = tokenizer.encode(question).ids, tokenizer.encode(TEXT).ids
    for row, parts, start in zip(read.rows, read.segments, read.starts, strict=True):
        window = text[start : start + read.size]
        assert (row, parts) == tokenizer.layout.pair.wrap(asked, window)
        assert len(row) == 32
        assert row[read.before : read.before + read.size] == list(window)
    assert (read.tokens, read.truncated, read.unknown) == (len(asked) + len(text) + 3, False, 0)
    (short,) = passages([(question, "the river")], tokenizer, fit(tokenizer))
    assert (len(short.rows), short.starts, short.size) == (1, (0,), len(short.spans))


def test_an_answer_is_at_its_tokens_in_each_window_that_holds_it(tokenizer: Tokenizer) -> None:
    (read,) = passages([("who?", TEXT)], tokenizer, fit(tokenizer))
    for words in ("the lazy dog", "she", "paints", "quick brown fox jumps", "r"):
        start = TEXT.find(words, 100)
        if start < 0:
            continue
        places = read.places_of(start, start + len(words))
        assert places is not None
        held = 0
        for begin, (first, last) in zip(read.starts, places, strict=True):
            if (first, last) == (0, 0):
                continue
            held += 1
            chars = (
                read.spans[begin + first - read.before][0],
                read.spans[begin + last - read.before][1],
            )
            assert words in TEXT[slice(*chars)]
            inner = [s for s in read.spans if s[0] < start + len(words) and s[1] > start]
            assert chars == (inner[0][0], inner[-1][1])  # no token too many
        assert 1 <= held <= len(read.starts)
    # An answer longer than a window is in none, and white space has no token.
    assert read.places_of(0, len(TEXT)) is None
    assert read.places_of(3, 4) is None


def test_long_questions_and_texts(tokenizer: Tokenizer) -> None:
    long = "the dog " * 30
    (read,) = passages([(long, TEXT)], tokenizer, fit(tokenizer))
    assert (read.truncated, read.before, len(read.rows[0])) == (True, 1 + 14 + 1, 32)
    (read,) = passages([(long, "she")], tokenizer, fit(tokenizer, limit=80))
    assert not read.truncated  # longer than half a row, and yet both fit
    (read,) = passages([("who?", TEXT)], tokenizer, fit(tokenizer, on_long="truncate"))
    assert (read.truncated, len(read.rows), len(read.spans)) == (True, 1, read.size)
    with pytest.raises(
        TooLong, match=r"at most 32 tokens here.* but pair 4 \(counted from 0\) has"
    ):
        passages([("who?", "she"), ("who?", TEXT)], tokenizer, fit(tokenizer, on_long="error"), 3)


def test_what_cannot_be_read_names_its_pair(tokenizer: Tokenizer) -> None:
    for pair, words in ((("", "she"), "question of pair 8"), (("who?", " "), "text of pair 8")):
        with pytest.raises(TextError, match=words):
            passages([("who?", "she"), pair], tokenizer, fit(tokenizer), 7)
    bad: list[tuple[str, str]] = [("who?", "she")] * 2 + [("who?", None)]  # type: ignore[list-item]
    with pytest.raises(TokenizerError, match=r"\b2\b"):
        passages(bad, tokenizer, fit(tokenizer))


def test_a_row_must_have_room_and_a_first_special_token(tokenizer: Tokenizer) -> None:
    with pytest.raises(ConfigError, match="3 special ones and 1 of text"):
        fit(tokenizer, limit=4)
    with pytest.raises(ConfigError, match="must be one of chunk"):
        fit(tokenizer, on_long="cut")
    bare = PairLayout((), (), (), ((), (0,), (), (0,), ()))
    with pytest.raises(TokenizerError, match="no answer"):
        PassageFit(bare, 32, 8, "chunk")


def drawn(read: Passage, seed: int = 0) -> list[np.ndarray]:
    generator = np.random.default_rng(seed)
    return [generator.normal(size=(len(row), 2)).astype(np.float32) * 3 for row in read.rows]


def brute(read: Passage, scores: list[np.ndarray], longest: int) -> dict[tuple[int, int], float]:
    """The best score of every span, one by one."""
    found: dict[tuple[int, int], float] = {}
    for begin, row in zip(read.starts, scores, strict=True):
        for i in range(read.size):
            for j in range(i, min(i + longest, read.size)):
                score = float(row[read.before + i, 0]) + float(row[read.before + j, 1])
                span = (read.spans[begin + i][0], read.spans[begin + j][1])
                found[span] = max(found.get(span, -math.inf), score)
    return found


@pytest.mark.parametrize("longest", [1, 4, 30])
@pytest.mark.parametrize("limit", [16, 32, 400])
def test_the_best_spans_are_those_of_trying_all(
    tokenizer: Tokenizer, limit: int, longest: int
) -> None:
    (read,) = passages([("who sees?", TEXT)], tokenizer, fit(tokenizer, limit))
    scores = drawn(read)
    every = brute(read, scores, longest)
    null = min(float(row[0].sum(dtype=np.float64)) for row in scores)
    whole = math.log(sum(map(math.exp, every.values())) + math.exp(null))
    order = sorted(every, key=lambda span: -every[span])
    for top_k in (1, 7, len(every), len(every) + 5):
        found = best_spans(read, scores, TEXT, longest=longest, top_k=top_k)
        assert found is not None
        assert list(found.spans) == order[:top_k]
        expected = [math.exp(every[span] - whole) for span in found.spans]
        assert found.shares == pytest.approx(expected, rel=1e-5)
        assert found.margin == pytest.approx(null - every[order[0]], abs=1e-5)
        assert found.no_answer == pytest.approx(math.exp(null - whole), rel=1e-5)
    assert sum(found.shares) + found.no_answer == pytest.approx(1)


def test_no_answer_is_the_least_of_all_windows(tokenizer: Tokenizer) -> None:
    (read,) = passages([("who sees?", TEXT)], tokenizer, fit(tokenizer))
    scores = [np.zeros_like(row) for row in drawn(read)]
    for row in scores:
        row[0] = 10  # each window says that the answer is elsewhere, but one
    scores[1][0] = -10
    scores[1][read.before + 2 : read.before + 4] = 1
    found = best_spans(read, scores, TEXT, longest=9, top_k=1)
    assert found is not None
    assert found.margin == pytest.approx(-22)
    begin = read.starts[1] + 2
    assert found.spans[0][0] in (read.spans[begin][0], read.spans[begin + 1][0])


def test_white_space_is_no_end_of_an_answer_and_spans_of_the_same_characters_count_once() -> None:
    text = "ab  é"
    spans = ((0, 2), (2, 4), (4, 5), (4, 5))  # a token of white space; two of one letter
    read = Passage(((9, 8, 9, 1, 2, 3, 4, 9),), ((0,) * 8,), (0,), 3, 4, spans, 8, False, 0.0)  # type: ignore[arg-type]
    scores = [np.full((8, 2), 5.0, dtype=np.float32)]
    found = best_spans(read, scores, text, longest=4, top_k=99)
    assert found is not None
    assert sorted(found.spans) == [(0, 2), (0, 5), (4, 5)]
    blank = Passage(((9, 8, 9, 1, 9),), ((0,) * 5,), (0,), 3, 1, ((0, 2),), 5, False, 0.0)  # type: ignore[arg-type]
    assert best_spans(blank, [np.zeros((5, 2), np.float32)], "  ", longest=4, top_k=1) is None


def test_the_table_of_scores_has_no_span_that_no_window_holds(tokenizer: Tokenizer) -> None:
    (read,) = passages([("who?", TEXT)], tokenizer, fit(tokenizer, 16, 0))
    table = span_scores(read, drawn(read), 30)
    held = {
        (begin + i, d)
        for begin in read.starts
        for i in range(read.size)
        for d in range(read.size - i)
    }
    assert {(int(n), int(d)) for n, d in np.argwhere(np.isfinite(table))} == held
