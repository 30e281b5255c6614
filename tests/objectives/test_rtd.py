"""What the discriminator is shown, what counts as replaced, and the least loss it can have."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.objectives.replaced import (
    CLS,
    MASK,
    SEP,
    SPECIAL,
    VOCAB,
    Fixed,
    always,
    detection,
    pair,
    uniform,
)
from tests.train.toys import Listed, rows_of, run
from unmask.batches.batch import Batch
from unmask.batches.draws import Draws
from unmask.batches.pack import pack
from unmask.errors import ConfigError
from unmask.heads.replaced import ReplacedTokens
from unmask.objectives import rtd
from unmask.objectives.rtd import ReplacedTask, judged_logits
from unmask.objectives.targets import Losses


def shown(
    monkeypatch: pytest.MonkeyPatch, model: ReplacedTokens, task: ReplacedTask
) -> tuple[Batch, Losses]:
    """The batch that the discriminator sees, and the losses."""
    seen: list[Batch] = []

    def noting(discriminator: Any, batch: Batch, rows: torch.Tensor) -> torch.Tensor:
        seen.append(batch)
        return judged_logits(discriminator, batch, rows)

    monkeypatch.setattr(rtd, "judged_logits", noting)
    losses = detection().loss(model, task)
    return seen[0], losses


def test_a_token_drawn_as_it_was_counts_as_original(monkeypatch: pytest.MonkeyPatch) -> None:
    """The generator always gives 7; half of the text is 7."""
    rows = [[CLS, *([7, 8] * 6), SEP] for _ in range(20)]
    task = detection().corrupt(pack(rows), Draws(1, 0))
    model = pair()
    model.generator = Fixed(always(7))  # type: ignore[assignment]
    seen, losses = shown(monkeypatch, model, task)
    before, masked = pack(rows).ids, task.masked.rows
    assert set(task.batch.ids[masked].tolist()) == {MASK}
    assert set(seen.ids[masked].tolist()) == {7}
    others = torch.ones(len(before), dtype=torch.bool).index_fill_(0, masked, False)
    assert torch.equal(seen.ids[others], before[others])
    eights = int((before[masked] == 8).sum())
    assert 0 < eights < len(masked)
    assert int(losses.counts["replaced"]) == eights
    assert int(losses.counts["sampled_original"]) == len(masked) - eights
    # The loss is that of the labels "differs from the text", at ordinary tokens alone.
    judged = task.judged
    assert set(before[judged].tolist()) == {7, 8}
    assert len(judged) == 12 * 20
    logits = judged_logits(model.discriminator, seen, judged)
    labels = (seen.ids != before)[judged]
    assert int(labels.sum()) == eights
    by_hand = -torch.where(labels, logits.sigmoid(), (-logits).sigmoid()).log().sum()
    found = losses.terms["discriminator"]
    torch.testing.assert_close(found.total, by_hand)
    assert (found.targets, found.weight) == (240, 50.0)
    assert int(found.hits) == int(((logits > 0) == labels).sum())
    assert int(losses.counts["found"]) == int(((logits > 0) & labels).sum())


def test_the_terms_are_known_before_the_loss_is() -> None:
    task = detection().corrupt(pack(rows_of(10)), Draws(0, 0))
    losses = detection().loss(pair(), task)
    assert [*task.targets] == [*losses.terms] == ["discriminator", "generator"]
    assert task.targets == {name: loss.targets for name, loss in losses.terms.items()}
    moved = task.to(torch.device("cpu"))
    assert torch.equal(moved.uniform, task.uniform)
    assert moved.targets == task.targets


def test_special_tokens_are_never_put_into_the_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """Though the generator likes them best."""
    rows = [[CLS, *[6] * 20, SEP] for _ in range(20)]
    model = pair()
    model.generator = Fixed(  # type: ignore[assignment]
        lambda batch, rows: torch.zeros(len(rows), VOCAB).index_fill(1, torch.tensor(SPECIAL), 20.0)
    )
    task = detection(0.9).corrupt(pack(rows), Draws(2, 0))
    seen, _ = shown(monkeypatch, model, task)
    drawn = seen.ids[task.masked.rows].tolist()
    assert not set(drawn) & set(SPECIAL)
    assert set(drawn) == set(range(5, VOCAB))


def test_draws_do_not_depend_on_the_batch() -> None:
    dice = random.Random(5)
    rows = rows_of(30)
    whole = detection().corrupt(pack(rows), Draws(3, 2))
    places = [(i, p) for i, row in enumerate(rows) for p in range(len(row))]
    number = {
        places[row]: float(u)
        for row, u in zip(whole.masked.rows.tolist(), whole.uniform, strict=True)
    }
    order = dice.sample(range(30), 30)
    part = detection().corrupt(pack([rows[i] for i in order], samples=order), Draws(3, 2))
    moved = [(i, p) for i in order for p in range(len(rows[i]))]
    assert {
        moved[row]: float(u) for row, u in zip(part.masked.rows.tolist(), part.uniform, strict=True)
    } == number
    other = detection().corrupt(pack(rows), Draws(3, 1))
    assert not set(other.uniform.tolist()) & set(whole.uniform.tolist())


def test_a_batch_of_which_nothing_is_masked() -> None:
    task = detection(1e-6).corrupt(pack([[CLS, 6, SEP]]), Draws(0, 0))
    losses = detection(1e-6).loss(pair(), task)
    assert task.targets == {"discriminator": 1, "generator": 0}
    assert losses.terms["generator"].total.item() == 0.0
    assert int(losses.counts["replaced"]) == 0


@pytest.mark.parametrize("weight", [0.0, -1.0, float("inf"), float("nan")])
def test_a_weight_that_cannot_be_is_refused(weight: float) -> None:
    with pytest.raises(ConfigError, match=r"weight .* above 0 and finite.*paper's is 50"):
        detection(weight=weight)


def test_the_best_discriminator_is_found(tmp_path: Path) -> None:
    """A language of which the least loss is known.

    At place p stands one of two tokens, a coin decides. A share r is masked, and a generator draws
    one of K tokens evenly. One that does not belong to the place is replaced for certain. Of those
    that do, the share (r / K) is the other of the two, put there, and 1 - r + r / K is the text's:
    nothing tells them apart, and the best loss is the entropy of that, over this part of the text.
    """
    rate, kinds, places = 0.5, VOCAB - len(SPECIAL), 6
    dice = random.Random(3)
    rows = [[CLS, *(5 + 2 * p + dice.randrange(2) for p in range(places)), SEP] for _ in range(64)]
    put, own = rate / kinds, 1 - rate + rate / kinds
    floor = -(put * math.log(put / (put + own)) + own * math.log(own / (put + own)))
    replaced = rate * (1 - 1 / kinds)
    ignorant = -(replaced * math.log(replaced) + (1 - replaced) * math.log(1 - replaced))
    assert floor < 0.3 * ignorant

    model, objective = pair("none"), detection(rate)
    model.generator = Fixed(uniform)  # type: ignore[assignment]
    run(model, Listed(rows, 64), tmp_path, 120, mlm=objective, save_seconds=1e9)  # type: ignore[arg-type]
    model.eval()
    total = targets = 0.0
    with torch.inference_mode():
        for epoch in range(1000, 1020):
            task = objective.corrupt(pack(rows), Draws(0, epoch))
            loss = objective.loss(model, task).terms["discriminator"]
            total, targets = total + float(loss.total), targets + loss.targets
    # Over 7,680 tokens the mean itself is uncertain by about 0.008.
    assert floor - 0.03 < total / targets < floor + 0.03


def test_the_discriminator_may_be_asked_of_the_masked_tokens_alone() -> None:
    batch = pack([[CLS, *([7, 8] * 6), SEP] for _ in range(20)])
    objective = detection()
    alone = replace(objective, judged="masked")
    task, less = (one.corrupt(batch, Draws(1, 0)) for one in (objective, alone))
    assert torch.equal(less.judged, task.masked.rows)
    assert torch.equal(less.uniform, task.uniform)
    model = pair()
    all_of, some_of = objective.loss(model, task), alone.loss(model, less)
    assert some_of.terms["discriminator"].targets == len(task.masked.rows)
    # What the generator did is the same; only what is asked about it differs.
    assert torch.equal(some_of.counts["replaced"], all_of.counts["replaced"])
    torch.testing.assert_close(some_of.terms["generator"].total, all_of.terms["generator"].total)
