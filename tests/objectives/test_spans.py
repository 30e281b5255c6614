"""Which spans are drawn: their lengths, their share of the tokens, and that words stay whole."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.objectives.scripts import WORDS, batches_of, masks, texts_drawn, words_by_oracle
from tests.objectives.spans import CLS, KIND, SEP, UNKNOWN, span_lm, worded
from unmask.batches.draws import Draws
from unmask.batches.pack import pack
from unmask.errors import ConfigError
from unmask.objectives.masking import Masking, Rates
from unmask.objectives.span import SpanLM
from unmask.objectives.spans import Lengths
from unmask.tokens.tokenizer import Tokenizer


def of_tokenizer(tokenizer: Tokenizer, rate: float) -> SpanLM:
    rates = Rates(rate=rate)
    ids = tokenizer.special_ids, tokenizer.mask_id
    return SpanLM(Masking.over(tokenizer.vocab_size, *ids, rates=rates, split=KIND), Lengths())


def geometric(p: float, most: int) -> np.ndarray:
    """The shares by hand."""
    shares = np.array([p * (1 - p) ** (words - 1) for words in range(1, most + 1)])
    return shares / shares.sum()


@pytest.mark.parametrize(("p", "most"), [(0.2, 10), (0.5, 3), (0.05, 6), (0.3, 1)])
def test_lengths_are_those_of_the_cut_geometric(p: float, most: int) -> None:
    """Of spans as they are drawn in long texts, where the last one of each counts for little."""
    batch = worded([[CLS, *[9] * 2000, SEP] for _ in range(4)])
    lm = span_lm(p=p, most=most, rate=0.1)
    drawn = [lm.hidden(batch, Draws(3, epoch), 0.0)[1] for epoch in range(12)]
    found = np.bincount(np.concatenate([d.words for d in drawn]), minlength=most + 1)[1:]
    wanted = geometric(p, most) * found.sum()
    # A chi-square's mean is its degrees of freedom, and its variance twice that.
    distance = float(((found - wanted) ** 2 / wanted).sum())
    assert distance <= most - 1 + 5 * math.sqrt(2 * (most - 1))
    assert (len(found), int(found.sum()) > 2000) == (most, True)


def test_the_mean_length_is_that_of_the_paper() -> None:
    shares = Lengths().shares
    assert float(shares @ np.arange(1, 11)) == pytest.approx(3.80, abs=0.005)
    assert Lengths().of(np.array([0.0, 0.2, 0.999999, 1 - 2**-53])).tolist() == [1, 1, 10, 10]


@pytest.mark.parametrize("rate", [0.05, 0.15, 0.5, 0.95])
def test_the_share_of_tokens_is_the_rate(tokenizer: Tokenizer, rate: float) -> None:
    """In texts of a few words of several scripts too, of which the first span may be too long."""
    texts = [" ".join(WORDS[i % 18 : i % 18 + 1 + i % 7]) for i in range(60)]
    loader = batches_of(tokenizer, texts)
    batch, lm = loader.batch(np.arange(60)), of_tokenizer(tokenizer, rate)
    free = batch.words >= 0  # type: ignore[operator]
    missing = []
    for epoch in range(60):
        chosen = torch.zeros(batch.tokens)
        chosen[lm.corrupt(batch, Draws(1, epoch)).rows] = 1.0
        parts = torch.split(chosen - rate * free, list(batch.lengths))
        missing += [float(part.sum()) for part in parts]
    spread = float(np.std(missing)) / math.sqrt(len(missing))
    assert abs(float(np.mean(missing))) < 5 * spread
    # To keep or to leave every last span would change the share by more than this.
    assert 5 * spread < 0.4 * rate * float(free.sum()) / 60


@settings(max_examples=80, deadline=None)
@given(
    texts=texts_drawn.map(lambda texts: [text.replace("ещё", "☃") for text in texts]),
    rate=st.floats(0.05, 0.99),
    seed=st.integers(0, 2**40),
)
def test_spans_are_of_whole_words_and_apart(
    tokenizer: Tokenizer, texts: list[str], rate: float, seed: int
) -> None:
    loader = batches_of(tokenizer, texts)
    batch, lm = loader.batch(np.arange(len(loader.lengths))), of_tokenizer(tokenizer, rate)
    task, spans = lm.hidden(batch, Draws(seed, 0), 0.0)
    kept = [text for text in texts if tokenizer.encode(text).ids]
    words = [
        (number, word) if word is not None else None
        for number, text in enumerate(kept)
        for word in words_by_oracle(tokenizer, text)
    ]
    taken: set[int] = set()
    for start, size, count in zip(spans.starts, spans.sizes, spans.words, strict=True):
        rows = range(start, start + size)
        assert not taken & {*rows}
        taken |= {*rows}
        inside = [words[row] for row in rows]
        assert None not in inside
        assert inside[0] != words[start - 1]
        assert inside[-1] != words[start + size]
        assert len({word[0] for word in inside if word}) == 1
        assert len({*inside}) == count <= 10
        assert not {*batch.ids[start : start + size].tolist()} & {*tokenizer.special_ids}
    assert task.rows.tolist() == sorted(taken)
    assert torch.equal(task.labels, batch.ids[task.rows])
    assert task.counts["selected"] == task.counts["masked"] == len(taken)
    assert task.counts["spans"] == len(spans.starts)
    assert task.counts["words"] == spans.words.sum()


def test_a_word_that_is_unknown_in_part_parts_spans() -> None:
    """Also where that leaves no room for the length that was drawn."""
    row = [CLS, *[9, 9, UNKNOWN, 9] * 5, SEP]
    words = [-1, *range(5), 5, 5, *range(6, 19), -1]  # one of two pieces
    batch = worded([row] * 50, [words] * 50)
    _, spans = span_lm(rate=0.9).hidden(batch, Draws(0, 0), 0.0)
    known = (batch.ids == 9).numpy()
    assert len(spans.starts) > 200
    assert int(spans.sizes.max()) == 3
    for start, size in zip(spans.starts, spans.sizes, strict=True):
        place = int(batch.positions[start])
        assert known[start : start + size].all()
        assert not {*range(place, place + int(size))} & {6, 7}


def test_masks_do_not_depend_on_the_batch(tokenizer: Tokenizer) -> None:
    loader = batches_of(tokenizer, [" ".join(WORDS[i:]) for i in range(12)])
    lm, draws = of_tokenizer(tokenizer, 0.4), Draws(5, 2)

    whole = masks(lm.corrupt(loader.batch(np.arange(12)), draws))
    for some in ([3], [7, 1], [11, 0, 5]):
        part = masks(lm.corrupt(loader.batch(np.array(some)), draws))
        assert part == {sample: whole[sample] for sample in some}
    again = masks(lm.corrupt(loader.batch(np.arange(12)), Draws(5, 3)))
    assert sum(again[sample] != whole[sample] for sample in whole) > 8


def test_a_sequence_without_special_tokens_is_drawn_as_if_it_were_alone() -> None:
    """The neighbour in the row of tokens is not a neighbour in a text."""
    rows = [[9] * size for size in (5, 1, 12, 7)]
    lm = span_lm(rate=0.6)
    whole = torch.split(lm.corrupt(worded(rows), Draws(1, 1)).batch.ids, [5, 1, 12, 7])
    for number, row in enumerate(rows):
        alone = lm.corrupt(worded([row], samples=[number]), Draws(1, 1))
        assert torch.equal(alone.batch.ids, whole[number])


def test_a_word_stays_between_spans_while_there_are_others() -> None:
    batch = worded([[CLS, *[9] * 120, SEP] for _ in range(40)])
    for rate, apart in ((0.15, True), (0.9, False)):
        _, spans = span_lm(rate=rate).hidden(batch, Draws(2, 0), 0.0)
        gaps = spans.starts[1:] - (spans.starts + spans.sizes)[:-1]
        assert bool((gaps > 0).all()) == apart
        assert (gaps >= 0).all()


def test_static_and_changing_rates() -> None:
    batch = worded([[CLS, *[9] * 400, SEP] for _ in range(20)])
    kept, anew = (span_lm(rate=0.2, static=static) for static in (True, False))
    first = anew.corrupt(batch, Draws(2, 0)).batch.ids
    assert torch.equal(kept.corrupt(batch, Draws(2, 7)).batch.ids, first)
    assert not torch.equal(anew.corrupt(batch, Draws(2, 7)).batch.ids, first)
    lm = span_lm(rate=0.3, final_rate=0.1)
    for progress, rate in ((0.0, 0.3), (0.5, 0.2), (1.0, 0.1)):
        task = lm.corrupt(batch, Draws(0, 0), progress)
        assert len(task.rows) / task.counts["ordinary"] == pytest.approx(rate, abs=0.01)


def test_a_text_of_which_nothing_is_open() -> None:
    task = span_lm().corrupt(worded([[CLS, UNKNOWN, SEP]]), Draws(0, 0))
    assert (len(task.rows), task.counts["spans"]) == (0, 0)


def test_a_batch_without_words_is_refused() -> None:
    with pytest.raises(ConfigError, match="built with words"):
        span_lm().corrupt(pack([[9, 10]]), Draws(0, 0))


@pytest.mark.parametrize("p", [0.0, 1.0, -0.2, float("nan")])
def test_a_chance_out_of_its_range_is_refused(p: float) -> None:
    with pytest.raises(ConfigError, match=rf"length_p, .*0 and 1, not be {p}; the paper's is 0.2"):
        Lengths(p, 10)


def test_spans_without_a_word_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"at least one word, but span\.most is 0"):
        Lengths(0.2, 0)


def test_another_share_of_predictions_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"mask.predict=0.1 .*give --objective whole_word"):
        span_lm(predict=0.1)
