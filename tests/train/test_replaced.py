"""A generator and a discriminator, stopped by a signal, go on to the same bits."""

from __future__ import annotations

import signal
from copy import deepcopy
from pathlib import Path
from typing import get_args

import pytest
import torch

from tests.objectives.replaced import MASK, SPECIAL, VOCAB, detection, pair
from tests.train.test_loop import Stopping
from tests.train.toys import Listed, rows_of, run
from unmask.checkpoint.state import latest_state, load_state
from unmask.heads.replaced import Share
from unmask.objectives.corrupt import Split
from unmask.objectives.masking import Rates
from unmask.objectives.mlm import MaskedLM
from unmask.train.log import read_log
from unmask.train.optim import OptimConfig


@pytest.mark.parametrize("share", get_args(Share))
def test_stopped_and_gone_on_is_the_same(share: Share, tmp_path: Path) -> None:
    """In the middle of a later epoch, with steps of two batches and a changing rate of masks."""
    made = detection()
    alone, stopped, again = pair(share), pair(share), pair(share, seed=9)
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    given = {"mlm": made, "accumulate": 2}
    run(alone, Listed(rows_of(40), 4), whole, 14, **given)  # type: ignore[arg-type]
    breaking = Stopping(rows_of(40), 4, signal.SIGTERM)
    breaking.read = -9
    first = run(stopped, breaking, cut, 14, **given)  # type: ignore[arg-type]
    assert first.stopped_by == signal.SIGTERM
    assert 5 < first.position.step < 14
    second = run(again, Listed(rows_of(40), 4), cut, 14, **given)  # type: ignore[arg-type]
    assert (second.stopped_by, second.position.step) == (None, 14)
    for name, tensor in alone.state_dict().items():
        assert torch.equal(tensor, again.state_dict()[name]), name
    seen = [
        [(r["loss"], r["terms"], r["counts"]) for r in read_log(folder / "log.jsonl")]
        for folder in (whole, cut)
    ]
    assert seen[0] == seen[1]
    assert len(seen[0]) == 14
    # Each weight is on the disk once.
    found = latest_state(cut)
    assert found is not None
    stored = load_state(found.path)["model"]
    assert stored.keys() == dict(alone.named_parameters()).keys()
    moments = load_state(found.path)["optimizer"]
    assert sum(len(part) for part in moments.values()) == len(stored)


@pytest.mark.parametrize("share", ["none", "gdes", "tokens"])
def test_the_generator_learns_as_it_would_alone(share: Share, tmp_path: Path) -> None:
    """Nothing of the discriminator reaches it but through what the two have in common."""
    model = pair(share)
    alone = deepcopy(model.generator)
    mlm = MaskedLM.over(
        VOCAB, SPECIAL, MASK, rates=Rates(rate=0.3), split=Split(masked=1.0, random=0.0)
    )
    # Below the length at which gradients are cut, and without Muon, which works on both at once.
    optim = OptimConfig(lr=1e-3, muon_lr=0.0, clip=1e9)
    source = Listed(rows_of(40), 8)
    run(alone, source, tmp_path / "alone", 8, mlm=mlm, optim=optim)
    run(model, source, tmp_path / "both", 8, mlm=detection(), optim=optim)  # type: ignore[arg-type]
    for name, tensor in alone.state_dict().items():
        same = torch.allclose(model.generator.state_dict()[name], tensor, atol=1e-6)
        assert same == (share != "tokens"), name
