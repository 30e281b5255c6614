"""Pairs: what each is, where it was cut, and that nothing else decides it."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.batches.pairworld import (
    CLS,
    LAYOUT,
    SEP,
    Document,
    Oracle,
    batches,
    number_oracle,
    numbers,
    topic_oracle,
    topics,
)
from unmask.batches.batch import Batch
from unmask.batches.draws import Draws
from unmask.batches.pairs import NEXT, OTHER, PairBatches
from unmask.errors import ConfigError, TextError, TooLong
from unmask.tokens.layout import PairLayout

DICE = np.random.default_rng(0)
WORLDS: dict[str, tuple[list[Document], Oracle]] = {
    "nsp": (topics(DICE, 400, kinds=400), topic_oracle),
    "sop": (numbers(DICE, 400), number_oracle),
}


def told(batch: Batch) -> list[tuple[int, list[int], list[int], int]]:
    """Number, first text, second text and label of each pair, as its segments part it."""
    assert batch.segments is not None
    assert batch.samples is not None
    assert batch.labels is not None
    found = []
    rows = zip(
        torch.split(batch.ids, [*batch.lengths]),
        torch.split(batch.segments, [*batch.lengths]),
        batch.samples.tolist(),
        batch.labels.tolist(),
        strict=True,
    )
    for ids, segments, sample, label in rows:
        cut = int((segments == 0).sum())
        assert segments.tolist() == [0] * cut + [1] * (len(ids) - cut)
        first, second = ids[:cut].tolist(), ids[cut:].tolist()
        assert (first[0], first[-1], second[-1]) == (CLS, SEP, SEP)
        found.append((sample, first[1:-1], second[:-1], label))
    return found


def all_of(source: PairBatches, epoch: int = 0) -> dict[int, tuple[list[int], list[int], int]]:
    pairs = [pair for batch in source.epoch(epoch) for pair in told(batch)]
    assert sorted(pair[0] for pair in pairs) == list(range(len(source.runs)))
    return {sample: (first, second, label) for sample, first, second, label in pairs}


@pytest.mark.parametrize("kind", WORLDS)
def test_the_label_is_what_the_texts_say(kind: str) -> None:
    """0 for neighbours in order and 1 for others, as in the heads of transformers."""
    documents, oracle = WORLDS[kind]
    pairs = all_of(batches(documents, kind=kind))
    assert (NEXT, OTHER) == (0, 1)
    # Few documents share their topic by chance.
    right = [oracle(first, second) == label for first, second, label in pairs.values()]
    assert sum(right) >= (len(right) if kind == "sop" else 0.99 * len(right))


@pytest.mark.parametrize("kind", WORLDS)
def test_texts_are_whole_sentences_of_their_documents(kind: str) -> None:
    documents = WORLDS[kind][0][:100]
    joined = [[t for sentence in document for t in sentence] for document in documents]
    for first, second, label in all_of(batches(documents, kind=kind)).values():
        both = first + second if label == NEXT else second + first
        if label == NEXT or kind == "sop":
            assert both in joined
        for text in (first, second):
            at = [document for document in documents if _runs_in(text, document)]
            assert at, "no run of whole sentences of one document"


def _runs_in(text: list[int], document: Document) -> bool:
    return any(
        [t for sentence in document[i:j] for t in sentence] == text
        for i in range(len(document))
        for j in range(i + 1, len(document) + 1)
    )


@pytest.mark.parametrize("negatives", [0.1, 0.5, 0.8])
@pytest.mark.parametrize("kind", WORLDS)
def test_the_share_of_changed_pairs(kind: str, negatives: float) -> None:
    source = batches(WORLDS[kind][0] * 5, kind=kind, negatives=negatives)
    labels = source.drawn(Draws(5, 0)).labels
    deviation = (negatives * (1 - negatives) / len(labels)) ** 0.5
    assert abs(labels.mean() - negatives) < 5 * deviation


@settings(deadline=None, max_examples=20)
@given(st.sampled_from(["nsp", "sop"]), st.integers(40, 600), st.integers(1, 9), st.integers(0, 20))
def test_batching_and_resuming_change_no_pair(
    kind: str, budget: int, window: int, first: int
) -> None:
    documents = WORLDS[kind][0][:80]
    whole = all_of(batches(documents, kind=kind), epoch=3)
    other = batches(documents, kind=kind, budget=budget, window=window)
    assert all_of(other, epoch=3) == whole
    rest = [told(batch) for batch in other.epoch(3, first)]
    assert rest == [told(batch) for batch in islice(other.epoch(3), first, None)]


def test_seed_and_epoch_draw_anew() -> None:
    documents = WORLDS["nsp"][0]
    one = all_of(batches(documents))
    assert all_of(batches(documents), epoch=1) != one
    assert all_of(batches(documents, seed=6)) != one
    # The place where a run is cut, the kind of pair and the other text, each for itself.
    source = batches(documents)
    drawn = [source.drawn(Draws(*at)) for at in ((5, 0), (5, 1), (6, 0))]
    for other in drawn[1:]:
        both = (drawn[0].labels == NEXT) & (other.labels == NEXT)
        assert (drawn[0].second[both, 0] != other.second[both, 0]).any()
        assert (drawn[0].labels != other.labels).any()
        both = (drawn[0].labels == OTHER) & (other.labels == OTHER)
        assert (drawn[0].second[both, 0] != other.second[both, 0]).mean() > 0.9


def test_the_other_text_is_of_another_document_and_any() -> None:
    documents = [[[10 * d + 100], [10 * d + 101], [10 * d + 102]] for d in range(6)]
    seen = set()
    for epoch in range(60):
        for first, second, label in all_of(batches(documents), epoch).values():
            own, theirs = first[0] // 10, second[0] // 10
            assert (own != theirs) == (label == OTHER)
            # A true second text never begins with a document's first sentence.
            assert second[0] % 10 > 0
            seen.add((own, theirs))
    assert len(seen) == 36


def test_lengths_tell_nothing() -> None:
    """Sentences of very unequal length, in documents of which many are longer than a pair."""
    dice = np.random.default_rng(1)
    documents = [
        [[9] * int(dice.integers(1, 16)) for _ in range(int(dice.integers(2, 30)))]
        for _ in range(1500)
    ]
    source = batches(documents)
    drawn = source.drawn(Draws(5, 0))
    totals, changed = drawn.lengths, drawn.labels == OTHER
    assert totals.max() <= 37
    assert abs(totals[changed].mean() - totals[~changed].mean()) < 1.0
    full = totals > 30
    assert abs(full[changed].mean() - full[~changed].mean()) < 0.05


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.lists(st.integers(1, 60), min_size=2, max_size=9), min_size=2, max_size=12),
    st.integers(9, 50),
    st.sampled_from(["nsp", "sop"]),
)
def test_any_lengths_fit_and_all_text_is_read(
    lengths: list[list[int]], context: int, kind: str
) -> None:
    numbers = iter(range(100, 10**6))
    documents = [[[next(numbers) for _ in range(n)] for n in document] for document in lengths]
    source = batches(documents, kind=kind, context=context, budget=100)
    read: set[int] = set()
    for first, second, label in all_of(source).values():
        assert first
        assert second
        assert len(first) + len(second) + 3 <= context
        read |= {*first, *second}
        if label == NEXT:
            assert second[0] == first[-1] + 1
    if kind == "sop":
        assert read == {t for document in documents for sentence in document for t in sentence}


def test_what_cannot_be_paired_or_is_cut_is_counted() -> None:
    documents = [[[7] * 4], [[7] * 30, [8] * 2], [[9] * 3] * 20, [[7] * 5, [8] * 5]]
    runs = batches(documents).runs
    assert (runs.alone, runs.alone_tokens, runs.split, runs.long_documents) == (1, 4, 1, 1)
    alone, split, long = runs.notes()
    assert "1 documents with 4 tokens have a single sentence" in alone
    assert "1 sentences are longer than half the context; they were split" in split
    assert "1 documents are longer than a pair; they were split into several" in long
    kept = batches(documents, on_long="truncate").runs
    assert kept.tokens_cut == 60 - 36
    assert "24 tokens of them were left out" in kept.notes()[2]
    with pytest.raises(TooLong, match="1 documents have more; pass --on-long chunk"):
        batches(documents, on_long="error")


@pytest.mark.parametrize("kind", ["nsp", "sop"])
def test_no_document_of_two_sentences_is_an_error(kind: str) -> None:
    with pytest.raises(TextError, match=r"each of the 2 documents .*--set pairs\.splitter="):
        batches([[[7]], [[8] * 90]], kind=kind)


def test_a_single_document_serves_the_order_but_no_other_text() -> None:
    documents = [[[7], [8]], [[9]]]
    assert len(batches(documents, kind="sop").runs) == 1
    with pytest.raises(TextError, match=r"a single document has two .*--objective sop"):
        batches(documents, kind="nsp")


def test_a_tokenizer_that_does_not_part_the_texts_is_refused() -> None:
    blind = PairLayout(LAYOUT.before, LAYOUT.between, LAYOUT.after, ((0,),) * 5)
    with pytest.raises(ConfigError, match="a segment of its own, but this one gives both 0"):
        batches(WORLDS["sop"][0], layout=blind)
