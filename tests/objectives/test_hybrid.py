"""Masked and causal updates by turns: who sees whom, when it is which, and what is asked."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.nn.models import ARCHITECTURES, encoder_of, random_rows
from tests.train.toys import CPU, Listed, objective, rows_of, small_model
from unmask.batches.draws import Draws
from unmask.batches.pack import pack
from unmask.errors import ConfigError
from unmask.nn.encoder import Encoder
from unmask.objectives.hybrid import HybridLM
from unmask.objectives.neighbours import NeighbourLM
from unmask.train.loop import LoopConfig, Run
from unmask.train.optim import OptimConfig, Optimizer
from unmask.train.schedule import Schedule

ATTENDING = [name for name in ARCHITECTURES if name != "elmo"]


def states(encoder: Encoder, rows: list[list[int]], *, causal: bool) -> list[torch.Tensor]:
    with torch.inference_mode():
        batch = replace(pack(rows), causal=causal)
        return list(torch.split(encoder(batch), [*batch.lengths]))


@pytest.mark.parametrize("name", ATTENDING)
def test_a_causal_batch_sees_no_later_token(name: str) -> None:
    """Also through windows and tables of distances. In a batch that is none, everything is seen."""
    encoder = encoder_of(name).eval()
    rows = random_rows((9, 24, 24))
    changed = [[*row] for row in rows]
    place = 14
    changed[1][place] = (changed[1][place] + 1) % 61
    before, after = (states(encoder, given, causal=True) for given in (rows, changed))
    torch.testing.assert_close(before[1][:place], after[1][:place])
    assert not torch.allclose(before[1][place:], after[1][place:], atol=1e-3)
    torch.testing.assert_close(before[2], after[2])
    sees_behind = name != "decoder"
    plain = [states(encoder, given, causal=False)[1] for given in (rows, changed)]
    assert torch.allclose(plain[0][:place], plain[1][:place], atol=1e-3) != sees_behind


@pytest.mark.parametrize("name", ["modernbert", "bert"])
def test_a_causal_batch_is_a_causal_architecture(name: str) -> None:
    """The oracle: the same weights in an encoder whose configuration is causal, windows too."""
    encoder = encoder_of(name).eval()
    config = replace(
        encoder.config,
        layers=tuple(
            replace(layer, attention=replace(layer.attention, causal=True))  # type: ignore[union-attr]
            for layer in encoder.config.layers
        ),
    )
    oracle = Encoder(config).eval()
    oracle.load_state_dict(encoder.state_dict())
    rows = random_rows((40, 7, 7))
    pairs = zip(states(encoder, rows, causal=True), states(oracle, rows, causal=False), strict=True)
    for ours, theirs in pairs:
        torch.testing.assert_close(ours, theirs)


def test_recurrent_layers_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"recurrent.*use an encoder of attention"):
        states(encoder_of("elmo"), random_rows((4,)), causal=True)


def hybrid(causal: float, final: float | None = None) -> HybridLM:
    return HybridLM(objective(0.3), causal, causal if final is None else final)


def test_the_share_of_causal_updates_is_what_was_asked_along_a_straight_line() -> None:
    steps = 4000
    modes = np.array(
        [hybrid(0.2, 0.8).is_causal(Draws(3, 0), step / steps) for step in range(steps)]
    )
    for part, share in zip(np.split(modes, 4), (0.275, 0.425, 0.575, 0.725), strict=True):
        assert abs(part.mean() - share) < 4 * (0.25 / 1000) ** 0.5
    flat = [hybrid(0.5).is_causal(Draws(3, 0), step / 50) for step in range(50)]
    assert flat == [hybrid(0.5).is_causal(Draws(3, 7), step / 50) for step in range(50)]
    assert flat != [hybrid(0.5).is_causal(Draws(4, 0), step / 50) for step in range(50)]


def test_shares_at_the_ends() -> None:
    assert not any(hybrid(0.0).is_causal(Draws(0, 0), step / 99) for step in range(99))
    assert all(hybrid(1.0).is_causal(Draws(0, 0), step / 99) for step in range(99))


def test_each_mode_asks_by_its_own_rule() -> None:
    batch, draws = pack(rows_of(6)), Draws(0, 0)
    masked, causal = (hybrid(share).corrupt(batch, draws) for share in (0.0, 1.0))
    alone = objective(0.3).corrupt(batch, draws)
    assert torch.equal(masked.batch.ids, alone.batch.ids)
    assert torch.equal(masked.labels, alone.labels)
    assert not masked.batch.causal
    assert causal.batch.causal
    assert torch.equal(causal.batch.ids, batch.ids)
    assert torch.equal(causal.labels, NeighbourLM((1,)).corrupt(batch, draws).labels)
    assert causal.counts == {"causal": batch.tokens}


def test_both_modes_are_learnt_by_one_model() -> None:
    """All batches of an update share its mode, and both losses fall."""
    model, rows = small_model(), [[2, *range(5 + n, 11 + n), 3] for n in range(8)]
    made = Run(
        model, hybrid(0.5), Listed(rows, 4), LoopConfig(steps=120, accumulate=2),
        Optimizer(model, OptimConfig()), Schedule(), CPU, torch.float32,
    )  # fmt: skip
    facts = [made.step() for _ in range(120)]
    for name in ("causal", "masked"):
        own = [one for one in facts if name in one.counts]
        assert len(own) > 30
        assert own[-1].loss < own[0].loss / 2
    assert not any({"causal", "masked"} <= one.counts.keys() for one in facts)


@pytest.mark.parametrize("share", [-0.1, 1.1])
def test_a_share_out_of_range_is_refused(share: float) -> None:
    with pytest.raises(ConfigError, match=f"between 0 and 1, not be {share}"):
        hybrid(0.5, share)
