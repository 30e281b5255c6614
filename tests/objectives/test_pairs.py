"""Hidden tokens and pairs: both terms are what they say, and pairs are learnt from their texts."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from tests.batches.pairworld import FIRST, MASK, batches, numbers, topics
from unmask.arch.registry import arch_of, sized_config
from unmask.batches.draws import Draws
from unmask.batches.pairs import PairBatches
from unmask.heads.model import PretrainingModel
from unmask.nn.init import initialise
from unmask.objectives.mlm import MaskedLM
from unmask.objectives.pairs import PairLM
from unmask.train.loop import LoopConfig, Run
from unmask.train.optim import OptimConfig, Optimizer
from unmask.train.schedule import Schedule

VOCAB = FIRST + 24
MASKED = MaskedLM.over(VOCAB, range(FIRST), MASK)
WORLDS = {"nsp": topics, "sop": numbers}


def model_of(seed: int = 0) -> PretrainingModel:
    """Two layers of width 64."""
    config = sized_config("bert", "2x64", vocab_size=VOCAB, context=40, pad_token_id=0)
    arch = arch_of("bert")
    model = PretrainingModel(arch.encoder(config), arch.pretraining_head(config))
    initialise(model, 0.05, 2, torch.Generator().manual_seed(seed))
    return model


def source_of(kind: str, seed: int, count: int = 1500) -> PairBatches:
    return batches(WORLDS[kind](np.random.default_rng(seed), count), kind=kind, budget=1024)


def accuracy(model: PretrainingModel, source: PairBatches) -> float:
    """On pairs with nothing hidden."""
    right = []
    with torch.inference_mode():
        for batch in source.epoch(0):
            assert batch.labels is not None
            right.append(model.pairs(model.encoder(batch), batch).argmax(1) == batch.labels)
    return float(torch.cat(right).float().mean())


def test_both_terms_are_cross_entropies() -> None:
    source, model = source_of("nsp", 0, 60), model_of()
    objective = PairLM(MASKED, weight=0.3)
    batch = next(source.epoch(0))
    task = objective.corrupt(batch, Draws(5, 0))
    losses = objective.loss(model, task)
    tokens, pairs = losses.terms["tokens"], losses.terms["pairs"]
    assert dict(task.targets) == {"tokens": tokens.targets, "pairs": len(batch)}
    assert list(task.targets) == list(losses.terms) == ["tokens", "pairs"]
    assert (tokens.weight, pairs.weight) == (1.0, 0.3)
    logits, scores = model(task.batch, task.masked.rows)
    expected = F.cross_entropy(logits, task.masked.labels, reduction="sum")
    torch.testing.assert_close(tokens.total, expected, rtol=1e-4, atol=0.0)
    assert batch.labels is not None
    expected = F.cross_entropy(scores, batch.labels, reduction="sum")
    torch.testing.assert_close(pairs.total, expected, rtol=1e-5, atol=0.0)
    assert int(pairs.hits) == int((scores.argmax(1) == batch.labels).sum())
    assert task.counts["changed_pairs"] == int(batch.labels.sum())
    assert task.counts["masked"] > 0


def test_every_parameter_learns_and_segments_count() -> None:
    source, model = source_of("sop", 0, 60), model_of()
    task = PairLM(MASKED).corrupt(next(source.epoch(0)), Draws(5, 0))
    sum(loss.total for loss in PairLM(MASKED).loss(model, task).terms.values()).backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())
    segments = task.batch.segments
    assert segments is not None
    turned = replace(task.batch, segments=1 - segments)
    with torch.no_grad():
        as_it_is, other = (model(batch, task.masked.rows)[1] for batch in (task.batch, turned))
    assert not torch.allclose(as_it_is, other, atol=1e-3)


@pytest.mark.parametrize("kind", WORLDS)
def test_pairs_are_learnt(kind: str) -> None:
    """In "nsp" a topic tells them; in "sop" both texts have the same and rising numbers tell."""
    model, source, held_out = model_of(), source_of(kind, 1), source_of(kind, 2, 300)
    steps = 150
    optimizer = Optimizer(model, OptimConfig())
    run = Run(
        model,
        PairLM(MASKED),
        source,
        LoopConfig(steps=steps),
        optimizer,
        Schedule(),
        torch.device("cpu"),
        torch.float32,
    )
    before = accuracy(model, held_out)
    facts = [run.step() for _ in range(steps)]
    assert before < 0.6
    assert accuracy(model, held_out) > 0.85
    assert facts[-1].terms["tokens"]["loss"] < facts[0].terms["tokens"]["loss"]


def test_the_order_cannot_be_told_by_topics() -> None:
    """Both texts of a pair have one topic whatever its label, so that "sop" has no use for it."""
    source = batches(topics(np.random.default_rng(3), 200), kind="sop")
    for batch in islice(source.epoch(0), 20):
        assert batch.segments is not None
        for ids, segments in zip(
            torch.split(batch.ids, [*batch.lengths]),
            torch.split(batch.segments, [*batch.lengths]),
            strict=True,
        ):
            assert ids[segments == 0].max() == ids[segments == 1].max()
