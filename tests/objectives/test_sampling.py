"""Drawing by the inverse of the cumulative distribution, against the distribution itself."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from unmask.batches.draws import Draws
from unmask.objectives.sampling import sample_rows

BARRED = torch.tensor([0, 3, 11])
VOCAB = 12
MANY = 40_000


def scores(seed: int = 0, rows: int = 1) -> torch.Tensor:
    """Normal scores; a barred token's is the highest of all."""
    logits = 1.5 * torch.randn(rows, VOCAB, generator=torch.Generator().manual_seed(seed))
    logits[:, 3] = 30.0
    return logits


def allowed(logits: torch.Tensor) -> torch.Tensor:
    return logits.double().index_fill(1, BARRED, -torch.inf).softmax(1)


@pytest.mark.parametrize("seed", range(3))
def test_draws_follow_the_distribution(seed: int) -> None:
    """Chi-square over 40,000 draws of the run's own numbers."""
    place = np.arange(MANY)
    uniform = torch.from_numpy(Draws(seed, 1).uniform(4, place, place % 7))
    drawn = sample_rows(scores(seed).expand(MANY, -1), uniform, BARRED)
    counts = torch.bincount(drawn, minlength=VOCAB).double()
    expected = MANY * allowed(scores(seed))[0]
    assert counts[BARRED].sum() == 0
    kept = expected > 0
    square = float(((counts - expected)[kept] ** 2 / expected[kept]).sum())
    free = int(kept.sum()) - 1
    # Its mean and standard deviation are free and sqrt(2 free); five of them are one in thousands.
    assert square < free + 5 * math.sqrt(2 * free)
    other = expected.roll(1)
    assert float(((counts - other)[other > 0] ** 2 / other[other > 0]).sum()) > 100 * free


def test_each_number_falls_into_its_own_share() -> None:
    """Just inside both ends of a token's part of [0, 1)."""
    shares = allowed(scores())[0]
    ends = shares.cumsum(0)
    for token in (shares > 0).nonzero().flatten().tolist():
        inside = torch.stack([ends[token] - shares[token] + 1e-6, ends[token] - 1e-6])
        assert sample_rows(scores().expand(2, -1), inside, BARRED).tolist() == [token, token]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_ends_of_the_interval(dtype: torch.dtype) -> None:
    """0 and the last number below 1 give the first and the last token that may be drawn."""
    logits = scores(5, 2).to(dtype)
    drawn = sample_rows(logits, torch.tensor([0.0, 1 - 2.0**-53], dtype=torch.float64), BARRED)
    assert drawn.tolist() == [1, 10]


def test_a_draw_does_not_depend_on_the_rows_beside_it(monkeypatch: pytest.MonkeyPatch) -> None:
    logits, uniform = scores(2, 50), torch.rand(50, dtype=torch.float64)
    together = sample_rows(logits, uniform, BARRED)
    monkeypatch.setattr("unmask.objectives.sampling.CHUNK", 7 * VOCAB)
    assert torch.equal(sample_rows(logits, uniform, BARRED), together)
    assert torch.equal(sample_rows(logits[9:10], uniform[9:10], BARRED), together[9:10])
    assert len({*together.tolist()}) > 3


def test_no_rows_and_no_numbers() -> None:
    none = sample_rows(torch.zeros(0, VOCAB), torch.zeros(0, dtype=torch.float64), BARRED)
    assert (none.dtype, len(none)) == (torch.int64, 0)
    broken = torch.full((2, VOCAB), torch.nan)
    drawn = sample_rows(broken, torch.tensor([0.1, 0.9], dtype=torch.float64), BARRED)
    assert ((drawn >= 0) & (drawn < VOCAB)).all()
