"""The lesson's plain-Python rule and the package's are two copies on purpose: they must agree."""

from __future__ import annotations

import math
import random
from types import ModuleType

import numpy as np

from unmask.batches.draws import Draws
from unmask.batches.pack import pack
from unmask.objectives.masking import Rates
from unmask.objectives.mlm import MaskedLM

VOCAB, MASK, TOKENS = 50, 4, 40_000


def shares(ids: np.ndarray, seen: np.ndarray, selected: np.ndarray) -> dict[str, float]:
    """What became of the selected tokens, as a reader of the result can tell."""
    chosen = selected.sum()
    masked = (seen[selected] == MASK).sum()
    kept = (seen[selected] == ids[selected]).sum()
    return {
        "selected": chosen / len(ids),
        "masked": masked / chosen,
        "kept": kept / chosen,
        "random": (chosen - masked - kept) / chosen,
    }


def test_both_rules_have_the_same_distribution(lesson: ModuleType) -> None:
    dice = random.Random(3)
    ids = np.array([dice.randrange(5, VOCAB) for _ in range(TOKENS)])
    seen, labels = lesson.create_mlm_batch(ids.tolist(), VOCAB, 0.15, random.Random(4))
    plain = shares(ids, np.array(seen), np.array(labels) != -100)

    task = MaskedLM.over(VOCAB, range(5), MASK).corrupt(pack([ids]), Draws(5, 0))
    selected = np.zeros(TOKENS, dtype=bool)
    selected[task.rows.numpy()] = True
    packed = shares(ids, task.batch.ids.numpy(), selected)

    for name, share in plain.items():
        n = TOKENS if name == "selected" else 0.15 * TOKENS
        spread = math.sqrt(2 * share * (1 - share) / n)  # of the difference of two
        assert abs(share - packed[name]) < 5 * spread, name


def test_neither_touches_special_tokens(lesson: ModuleType) -> None:
    ids = [i % 5 for i in range(500)]
    seen, labels = lesson.create_mlm_batch(ids, VOCAB, 0.9, random.Random(1))
    assert (seen, set(labels)) == (ids, {-100})
    task = MaskedLM.over(VOCAB, range(5), MASK, rates=Rates(rate=0.9)).corrupt(
        pack([ids]), Draws(1, 0)
    )
    assert task.batch.ids.tolist() == ids
    assert len(task.rows) == 0
