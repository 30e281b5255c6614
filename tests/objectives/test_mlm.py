"""Which tokens are selected, and what becomes of them."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from unmask.batches.draws import Draws
from unmask.batches.pack import pack
from unmask.errors import ConfigError
from unmask.objectives.corrupt import Split
from unmask.objectives.masking import Rates
from unmask.objectives.mlm import MaskedLM
from unmask.tokens.tokenizer import Tokenizer
from unmask.tokens.train import Kind, train

SPECIAL, MASK, VOCAB = (0, 1, 2, 3, 4), 4, 40
TEXTS = [f"the {a} {b} saw {n} of the {b}s, {a}!" for a in ("red", "old", "wet")
         for b in ("fox", "cow") for n in range(40)]  # fmt: skip


def objective(**settings: float) -> MaskedLM:
    split = Split(masked=settings.pop("masked", 0.8), random=settings.pop("random", 0.1))
    return MaskedLM.over(VOCAB, SPECIAL, MASK, rates=Rates(**settings), split=split)


def within(count: int, n: int, share: float) -> bool:
    """Whether a binomial count lies within five standard deviations, one in two million."""
    return abs(count - n * share) <= 5 * math.sqrt(n * share * (1 - share)) + 1


@pytest.mark.parametrize("kind", ["wordpiece", "bpe"])
def test_shares_over_real_tokens(kind: Kind) -> None:
    tokenizer = train(TEXTS, kind=kind, vocab_size=400)
    check_shares(tokenizer, [list(e.ids) for e in tokenizer.encode_batch(TEXTS, specials=True)])


def check_shares(tokenizer: Tokenizer, rows: list[list[int]]) -> None:
    mlm = MaskedLM.over(tokenizer.vocab_size, tokenizer.special_ids, tokenizer.mask_id)
    total: dict[str, int] = {}
    for epoch in range(20):
        task = mlm.corrupt(pack(rows), Draws(7, epoch))
        for name, count in task.counts.items():
            total[name] = total.get(name, 0) + count
    assert within(total["selected"], total["ordinary"], 0.15)
    assert within(total["masked"], total["selected"], 0.8)
    assert within(total["random"], total["selected"], 0.1)
    assert within(total["kept"], total["selected"], 0.1)


def test_random_tokens_are_drawn_evenly_from_all_ordinary_ones() -> None:
    mlm = objective(rate=0.5, masked=0.0, random=1.0)
    rows = [[10] * 2000 for _ in range(10)]
    task = mlm.corrupt(pack(rows), Draws(1, 0))
    drawn = np.bincount(task.batch.ids[task.rows].numpy(), minlength=VOCAB)
    assert drawn[list(SPECIAL)].sum() == 0
    ordinary = VOCAB - len(SPECIAL)
    assert all(within(int(n), len(task.rows), 1 / ordinary) for n in drawn[len(SPECIAL) :])


rows_of_ids = st.lists(
    st.lists(st.integers(0, VOCAB - 1), min_size=1, max_size=30), min_size=1, max_size=20
)


@settings(max_examples=60, deadline=None)
@given(
    rows=rows_of_ids,
    rate=st.floats(0.01, 0.99),
    masked=st.floats(0, 1),
    seed=st.integers(0, 2**40),
    epoch=st.integers(0, 9),
)
def test_on_any_input(
    rows: list[list[int]], rate: float, masked: float, seed: int, epoch: int
) -> None:
    batch = pack(rows)
    mlm = objective(rate=rate, masked=masked, random=1 - masked)
    task = mlm.corrupt(batch, Draws(seed, epoch))
    before, after = batch.ids, task.batch.ids
    assert torch.equal(task.labels, before[task.rows])  # the labels are the originals
    assert not set(task.labels.tolist()) & set(SPECIAL)  # special tokens are never selected
    untouched = torch.ones(len(before), dtype=torch.bool)
    untouched[task.rows] = False
    assert torch.equal(before[untouched], after[untouched])
    changed = after[task.rows][after[task.rows] != MASK]
    assert not set(changed.tolist()) & set(SPECIAL)  # nor ever drawn


def test_masks_do_not_depend_on_the_batch() -> None:
    dice = random.Random(5)
    rows = [[dice.randrange(VOCAB) for _ in range(dice.randint(1, 30))] for _ in range(50)]
    mlm, draws = objective(rate=0.3), Draws(3, 2)
    whole = mlm.corrupt(pack(rows), draws)
    together = torch.split(whole.batch.ids, list(whole.batch.lengths))
    order = dice.sample(range(50), 50)
    for begin in range(0, 50, 7):
        some = order[begin : begin + 7]
        part = mlm.corrupt(pack([rows[i] for i in some], samples=some), draws)
        alone = torch.split(part.batch.ids, list(part.batch.lengths))
        for number, ids in zip(some, alone, strict=True):
            assert torch.equal(ids, together[number])


def test_masks_are_drawn_anew_in_each_epoch() -> None:
    batch = pack([[10 + i % 20 for i in range(4000)]])
    chosen = [set(objective().corrupt(batch, Draws(0, e)).rows.tolist()) for e in (0, 1)]
    assert within(len(chosen[0] & chosen[1]), 4000, 0.15**2)  # as independent choices overlap


def test_the_rate_follows_the_progress() -> None:
    batch = pack([[10] * 20_000])
    mlm = objective(rate=0.3, final_rate=0.1)
    for progress, rate in ((0.0, 0.3), (0.5, 0.2), (1.0, 0.1)):
        assert within(len(mlm.corrupt(batch, Draws(0, 0), progress).rows), 20_000, rate)


@pytest.mark.parametrize("rate", [0.0, 1.0, -0.1, 1.5])
def test_a_rate_outside_is_refused(rate: float) -> None:
    with pytest.raises(ConfigError, match=f"between 0 and 1, not be {rate}"):
        objective(rate=rate)


def test_shares_above_one_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"at most 1 together, not 0\.9 and 0\.2"):
        Split(masked=0.9, random=0.2)


def test_a_vocabulary_of_special_tokens_is_refused() -> None:
    with pytest.raises(ConfigError, match="all 5 of the vocabulary are special"):
        MaskedLM.over(5, SPECIAL, MASK)


def test_a_batch_of_which_nothing_is_selected_costs_nothing() -> None:
    from unmask.arch.registry import arch_of, sized_config
    from unmask.heads.model import LanguageModel

    config = sized_config("modernbert", "1x64", vocab_size=VOCAB, context=8, pad_token_id=0)
    arch = arch_of("modernbert")
    model = LanguageModel(arch.encoder(config), arch.lm_head(config))
    mlm = objective()
    task = mlm.corrupt(pack([[2, 3]]), Draws(0, 0))
    loss = mlm.loss(model, task).terms[task.term]
    loss.total.backward()
    assert (loss.total.item(), loss.targets, int(loss.hits)) == (0.0, 0, 0)
    assert all(not p.grad.any() for p in model.parameters() if p.grad is not None)
