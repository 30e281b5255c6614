"""What becomes of a span, what is asked of it, and what can be learnt from its boundary."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import nn

from tests.objectives.spans import CLS, MASK, SEP, SPECIAL, VOCAB, span_lm, worded
from tests.train.toys import run, small_model
from unmask.batches.batch import Batch
from unmask.batches.draws import Draws
from unmask.heads.boundary import BoundaryModel
from unmask.nn.init import initialise
from unmask.objectives.corrupt import Split
from unmask.objectives.span import SpanBoundaryLM


class Worded:
    """Batches of rows in which each token is a word, the same in every epoch."""

    def __init__(self, rows: list[list[int]], size: int) -> None:
        self.rows, self.size = rows, size

    def epoch(self, epoch: int, first: int = 0) -> Iterator[Batch]:
        for begin in range(first * self.size, len(self.rows), self.size):
            numbers = range(begin, min(begin + self.size, len(self.rows)))
            yield worded([self.rows[i] for i in numbers], samples=numbers)


def with_boundary(seed: int = 0, places: int = 8) -> BoundaryModel:
    model = BoundaryModel(small_model(seed), places)
    initialise(model.boundary, 0.05, 1, torch.Generator().manual_seed(seed + 1))
    return model


def both(weight: float = 1.0, **settings: Any) -> SpanBoundaryLM:
    return SpanBoundaryLM(span_lm(**settings), weight)


def test_all_of_a_span_becomes_the_same() -> None:
    """Shares are of spans; random tokens are drawn one by one."""
    vocab, lm = 2000, span_lm(Split(), vocab=2000)
    batch = worded([[CLS, *[9] * 200, SEP] for _ in range(60)])
    kinds = {"masked": 0, "random": 0, "kept": 0}
    of_tokens = dict(kinds)
    drawn: list[int] = []
    for epoch in range(10):
        task, spans = lm.hidden(batch, Draws(4, epoch), 0.0)
        for start, size in zip(spans.starts, spans.sizes, strict=True):
            seen = task.batch.ids[start : start + size].tolist()
            # A random token is the old one once in 2,000 times.
            kind = "masked" if MASK in seen else "kept" if set(seen) == {9} else "random"
            assert kind != "masked" or set(seen) == {MASK}
            assert kind != "random" or seen.count(9) <= len(seen) / 2
            assert kind != "random" or len(seen) < 3 or len(set(seen)) > 1
            kinds[kind] += 1
            of_tokens[kind] += len(seen)
            drawn += seen if kind == "random" else []
        assert sum(task.counts[name] for name in kinds) == len(task.rows)
        for name in kinds:
            of_tokens[name] -= task.counts[name]
    assert all(abs(rest) <= 3 for rest in of_tokens.values())
    total = sum(kinds.values())
    for name, share in (("masked", 0.8), ("random", 0.1), ("kept", 0.1)):
        spread = math.sqrt(total * share * (1 - share))
        assert abs(kinds[name] - total * share) < 5 * spread, name
    assert min(drawn) > max(SPECIAL)
    assert len(set(drawn)) > 0.5 * min(len(drawn), vocab)


def test_what_is_asked_of_a_boundary() -> None:
    rows = [[CLS, *range(6, 20), SEP] for _ in range(30)]
    batch, objective = worded(rows), both(rate=0.3)
    task = objective.corrupt(batch, Draws(1, 0))
    _, spans = objective.spans.hidden(batch, Draws(1, 0), 0.0)
    masked = task.masked
    assert task.targets == {"tokens": len(masked.rows), "boundary": len(masked.rows)}
    assert torch.equal(task.labels, batch.ids[masked.rows])
    wanted = [
        (start - 1, start + size, place, int(batch.ids[start + place]))
        for start, size in zip(spans.starts, spans.sizes, strict=True)
        for place in range(size)
    ]
    asked = zip(*task.outside.tolist(), task.places.tolist(), task.labels.tolist(), strict=True)
    assert [*asked] == wanted
    # What bounds a span is there to be seen.
    assert torch.equal(task.batch.ids[task.outside], batch.ids[task.outside])
    moved = task.to(torch.device("cpu"))
    assert torch.equal(moved.outside, task.outside)
    assert moved.targets == task.targets
    assert task.counts["selected"] == len(masked.rows)


def test_a_span_at_the_bare_end_of_a_text_has_no_boundary() -> None:
    rows = [[6, 7, 8], [9, 10, 11, 12, 13, 14], [7]]
    batch, objective = worded(rows), both(rate=0.7)
    bounds = batch.boundaries.tolist()
    lost = 0
    for epoch in range(50):
        task = objective.corrupt(batch, Draws(0, epoch))
        lost += len(task.masked.rows) - len(task.labels)
        for left, right in task.outside.T.tolist():
            assert any(a <= left < right < b for a, b in itertools.pairwise(bounds))
    assert lost > 50


def test_both_terms_are_those_of_their_logits() -> None:
    objective, model = both(2.5, rate=0.3), with_boundary(places=3)
    rows = [[CLS, *range(6, 20), SEP] for _ in range(8)]
    task = objective.corrupt(worded(rows), Draws(0, 0))
    losses = objective.loss(model, task)
    assert [*task.targets] == [*losses.terms] == ["tokens", "boundary"]
    hidden = model.language_model.encoder(task.batch)
    table = model.language_model.encoder.embedding.tokens.weight
    places = task.places.clamp(max=2)
    assert int(task.places.max()) > 2  # and shares the last row
    logits = model.boundary(hidden[task.outside[0]], hidden[task.outside[1]], places, table)
    by_hand = nn.functional.cross_entropy(logits, task.labels, reduction="sum")
    found = losses.terms["boundary"]
    torch.testing.assert_close(found.total, by_hand)
    assert (found.targets, found.weight) == (len(task.labels), 2.5)
    assert int(found.hits) == int((logits.argmax(1) == task.labels).sum())
    plain = objective.spans.loss(model.language_model, task.masked).terms["tokens"]
    torch.testing.assert_close(losses.terms["tokens"].total, plain.total)


def test_a_batch_of_which_nothing_is_selected() -> None:
    task = both().corrupt(worded([[CLS, SEP]]), Draws(0, 0))
    losses = both().loss(with_boundary(), task)
    sum(loss.total for loss in losses.terms.values()).backward()  # type: ignore[union-attr]
    assert [loss.total.item() for loss in losses.terms.values()] == [0.0, 0.0]


class Alone(nn.Module):
    """An encoder in which a token's state is of that token by itself."""

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.embedding, self.config = encoder.embedding, encoder.config

    def forward(self, batch: Batch) -> torch.Tensor:
        state: torch.Tensor = self.embedding(batch)
        return state


def test_what_two_neighbours_say_of_a_token_is_learnt_from_them(tmp_path: Path) -> None:
    """A language of which the least loss is known, read by an encoder without context.

    Threes of a, (a + c) mod K, c, with a and c drawn evenly. The middle is certain from the two
    tokens beside it, and from neither alone. Beside a and c stands the middle, and beyond it a
    token of another three: of them nothing is known, and the least loss is ln K.
    """
    kinds, dice = 4, random.Random(2)

    def three() -> list[int]:
        a, c = dice.randrange(kinds), dice.randrange(kinds)
        return [5 + a, 10 + (a + c) % kinds, 5 + c]

    rows = [[CLS, *itertools.chain(*(three() for _ in range(8))), SEP] for _ in range(1000)]
    objective, model = both(rate=0.3, most=1), with_boundary()
    model.language_model.encoder = Alone(model.language_model.encoder)  # type: ignore[assignment]
    run(model, Worded(rows, 25), tmp_path, 60, mlm=objective, save_seconds=1e9)  # type: ignore[arg-type]
    model.eval()
    with torch.inference_mode():
        task = objective.corrupt(worded(rows), Draws(0, 999))
        nothing = torch.zeros(1, dtype=torch.int64)
        _, logits = model(task.batch, nothing, task.outside, task.places)
        losses = nn.functional.cross_entropy(logits, task.labels, reduction="none")
    middle = task.labels >= 10
    assert float(losses[middle].mean()) < 0.1
    others = float(losses[~middle].mean())
    assert math.log(kinds) - 0.03 < others < math.log(kinds) + 0.1


def test_a_span_is_read_off_its_context(tmp_path: Path) -> None:
    """In texts that count, of which a whole stretch is hidden: where it stands, and from outside.

    The place within the span is needed: what stands before it says only how to begin.
    """
    ordinary = VOCAB - len(SPECIAL)
    rows = [
        [CLS, *(5 + (begin + i) % ordinary for i in range(14)), SEP] for begin in range(ordinary)
    ]
    objective, model = both(rate=0.2, most=3), with_boundary()
    run(model, Worded(rows * 4, 32), tmp_path, 90, mlm=objective, save_seconds=1e9)  # type: ignore[arg-type]
    model.eval()
    task = objective.corrupt(worded(rows), Draws(9, 9))
    with torch.inference_mode():
        losses = objective.loss(model, task)
    for name, loss in losses.terms.items():
        assert int(loss.hits) / loss.targets > 0.9, name
