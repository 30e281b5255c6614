"""Pairs of one label: every row once, its partner beside it, and nothing but the seed decides."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from unmask.batches.together import TogetherBatches


def source(counts: list[int], batch: int = 8, seed: int = 0) -> TogetherBatches:
    labels = np.repeat(np.arange(len(counts)), counts)
    labels = labels[np.random.default_rng(1).permutation(len(labels))]
    rows = [[1] * (2 + number % 5) for number in range(len(labels))]
    return TogetherBatches.of(rows, labels, batch=batch, seed=seed)


def samples(some: TogetherBatches, epoch: int, first: int = 0) -> list[list[int]]:
    found = []
    for batch in some.epoch(epoch, first):
        assert batch.samples is not None
        found.append(batch.samples.tolist())
    return found


@pytest.mark.parametrize("counts", [[10] * 7, [8, 8], [1, 2, 3, 9, 30], [5, 1, 1, 1]])
@pytest.mark.parametrize("size", [1, 8, 32, 1000])
def test_every_row_is_read_once_with_another_of_its_label(counts: list[int], size: int) -> None:
    some = source(counts, size)
    for epoch in range(3):
        batches = samples(some, epoch)
        assert sorted(number for batch in batches for number in batch) == [*range(sum(counts))]
        for batch in batches:
            there = Counter(some.labels[batch].tolist())
            assert all(times > 1 or counts[label] == 1 for label, times in there.items())
            lengths = [len(some.rows.rows[number]) for number in batch]
            assert lengths == sorted(lengths)
        assert some.steps(epoch + 1) == (epoch + 1) * len(batches)


def test_batches_are_about_as_large_as_asked() -> None:
    sizes = [len(batch) for batch in samples(source([10] * 20, 16), 0)]
    assert len(sizes) == 12
    assert max(sizes) - min(sizes) <= 2


def test_the_seed_and_the_epoch_decide_and_nothing_else() -> None:
    some = source([6] * 9)
    assert samples(some, 2) == samples(source([6] * 9), 2)
    assert samples(some, 2)[3:] == samples(some, 2, first=3)
    assert samples(some, 2) != samples(some, 3)
    assert samples(some, 2) != samples(source([6] * 9, seed=1), 2)
    partners = {
        frozenset(number for number in batch if some.labels[number] == 0)
        for epoch in range(8)
        for batch in samples(some, epoch)
    }
    assert len(partners) > 8  # others beside a row each time
