"""Stages: each reads as many batches as it is to, from an epoch of its own on."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.batches.pairworld import batches as pair_batches
from tests.batches.pairworld import topics
from tests.batches.test_loader import loader_over, same
from unmask.batches.batch import Batch
from unmask.batches.stages import Part, Staged

PARTS = (
    loader_over(context=6, budget=40),
    loader_over(context=8, budget=160),
    loader_over(context=11, budget=70),
)


def walked(source: Staged, epoch: int = 0, first: int = 0) -> Iterator[tuple[int, int, Batch]]:
    """Epoch, number and batch, as the loop asks for them, without an end."""
    while True:
        number = first
        for number, batch in enumerate(source.epoch(epoch, first), first):
            yield epoch, number, batch
        epoch, first = epoch + 1, 0


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 150), st.integers(1, 40))
def test_each_stage_reads_its_batches(one: int, two: int) -> None:
    read = list(islice(walked(Staged(PARTS, (one, two))), one + two + 60))
    stages = [0] * one + [1] * two + [2] * 60
    of_epoch: dict[int, int] = {}
    for stage, (epoch, number, batch) in zip(stages, read, strict=True):
        assert of_epoch.setdefault(epoch, stage) == stage
        assert same(batch, next(PARTS[stage].epoch(epoch, number)))
        assert max(batch.lengths) <= (6, 8, 11)[stage]
    assert sorted(of_epoch) == list(range(len(of_epoch)))
    # A stage reads all text, and all of it again: only its last epoch ends early.
    for epoch, stage in list(of_epoch.items())[:-1]:
        if of_epoch[epoch + 1] == stage:
            count = sum(at == epoch for at, _, _ in read)
            assert count == PARTS[stage].count(epoch, 10**6)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 130))
def test_no_sample_comes_twice_in_an_epoch(skipped: int) -> None:
    """What an objective draws by (seed, epoch, sample, position) is drawn once."""
    seen: set[tuple[int, int]] = set()
    for epoch, _, batch in islice(walked(Staged(PARTS, (90, 7))), skipped, skipped + 60):
        assert batch.samples is not None
        now = {(epoch, sample) for sample in batch.samples.tolist()}
        assert len(now) == len(batch)
        assert not now & seen
        seen |= now


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 130))
def test_a_run_goes_on_from_any_batch(done: int) -> None:
    whole = list(islice(walked(Staged(PARTS, (90, 7))), 140))
    # Where a stage or an epoch has just ended, the loop still names the batch behind its last.
    epoch, number, _ = whole[done]
    if done:
        epoch, number = whole[done - 1][0], whole[done - 1][1] + 1
    rest = islice(walked(Staged(PARTS, (90, 7)), epoch, number), 140 - done)
    for before, after in zip(whole[done:], rest, strict=True):
        assert before[:2] == after[:2]
        assert same(before[2], after[2])


PAIRS = pair_batches(topics(np.random.default_rng(0), 200))


@pytest.mark.parametrize("part", [PARTS[0], PAIRS], ids=["texts", "pairs"])
def test_batches_are_counted(part: Part) -> None:
    for epoch in range(3):
        assert part.count(epoch, 10**6) == sum(1 for _ in part.epoch(epoch))
        assert part.count(epoch, 5) == 5


def test_left_out_tokens_are_told() -> None:
    assert PARTS[0].tokens_cut == PAIRS.tokens_cut == 0
    cut = loader_over(on_long="truncate")
    assert cut.tokens_cut == cut.sequences.tokens_cut > 0
