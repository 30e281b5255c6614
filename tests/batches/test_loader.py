"""Batches from a store: whole texts between special tokens, from any point of an epoch."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from unmask.batches.batch import Batch
from unmask.batches.loader import PretrainingBatches
from unmask.batches.pack import unpack
from unmask.errors import TextError, TooLong

CLS, SEP, END = 1001, 1002, 1003
DOCUMENTS = [[*range(10 * n, 10 * n + n % 23)] for n in range(1, 90)]


def loader_over(documents: list[list[int]] = DOCUMENTS, **changed: object) -> PretrainingBatches:
    tokens = np.array([t for document in documents for t in document], dtype=np.uint16)
    offsets = np.cumsum([0, *map(len, documents)])
    arguments = {
        "prefix": (CLS,),
        "suffix": (SEP, END),
        "context": 11,
        "budget": 70,
        "seed": 5,
        "window": 4,
    } | changed
    return PretrainingBatches.over(tokens, offsets, **arguments)  # type: ignore[arg-type]


def same(a: Batch, b: Batch) -> bool:
    assert a.samples is not None
    assert b.samples is not None
    return torch.equal(a.ids, b.ids) and torch.equal(a.samples, b.samples)


def test_an_epoch_holds_all_text() -> None:
    """Each text once between the specials, and chunks of long ones join to the whole."""
    loader = loader_over()
    pieces = {}
    for batch in loader.epoch(0):
        assert batch.tokens <= 70
        assert batch.samples is not None
        for sample, row in zip(batch.samples.tolist(), unpack(batch), strict=True):
            assert row[0] == CLS
            assert row[-2:] == [SEP, END]
            assert len(row) <= 11
            assert len(row) == loader.lengths[sample]
            assert sample not in pieces
            pieces[sample] = row[1:-2]
    assert sorted(pieces) == list(range(len(loader.lengths)))
    joined = [token for sample in sorted(pieces) for token in pieces[sample]]
    assert joined == [token for document in DOCUMENTS for token in document]


@pytest.mark.parametrize(("prefix", "suffix"), [((), ()), ((CLS,), ()), ((CLS, SEP), (END,))])
def test_any_special_tokens(prefix: tuple[int, ...], suffix: tuple[int, ...]) -> None:
    loader = loader_over([[7, 8], [9]], prefix=prefix, suffix=suffix)
    rows = [row for batch in loader.epoch(0) for row in unpack(batch)]
    assert sorted(rows) == sorted([[*prefix, 7, 8, *suffix], [*prefix, 9, *suffix]])


@settings(deadline=None)
@given(st.integers(0, 3), st.integers(0, 40))
def test_an_epoch_begins_at_any_batch(epoch: int, first: int) -> None:
    whole = list(loader_over().epoch(epoch))
    rest = list(loader_over().epoch(epoch, first))
    assert len(rest) == max(0, len(whole) - first)
    assert all(same(a, b) for a, b in zip(islice(whole, first, None), rest, strict=True))


def test_the_seed_orders() -> None:
    first = next(iter(loader_over(seed=1).epoch(0)))
    assert same(first, next(iter(loader_over(seed=1).epoch(0))))
    assert not same(first, next(iter(loader_over(seed=2).epoch(0))))
    assert not same(first, next(iter(loader_over(seed=1).epoch(1))))


def test_what_is_too_long_follows_the_callers_word() -> None:
    cut = loader_over(on_long="truncate")
    assert cut.sequences.tokens_cut > 0
    assert len(cut.lengths) == sum(len(document) > 0 for document in DOCUMENTS)
    with pytest.raises(TooLong):
        loader_over(on_long="error")


@pytest.mark.parametrize("documents", [[], [[], []]])
def test_a_store_without_tokens_is_an_error(documents: list[list[int]]) -> None:
    with pytest.raises(TextError, match=r"training needs text.*check --text"):
        loader_over(documents)
