"""Runs an oracle and ours on the same input, and says how far they are apart.

Every comparison gives one number: the largest difference between two values, divided by the
largest of the oracle's values where that is above one.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn

from tests.parity.oracles import CONTEXT, LABELS, VOCAB, Row, oracle, tokenizer, write_folder
from unmask.arch.registry import arch_of
from unmask.arch.spec import HeadKind
from unmask.arch.weights import write
from unmask.batches.batch import Batch
from unmask.batches.pack import pack
from unmask.checkpoint.building import named_weights
from unmask.checkpoint.folder import Opened, open_model
from unmask.nn import kernels

Side = Literal["left", "right"]

# The longest length allowed, single tokens, neighbours of equal length, and lengths on both sides
# of the block borders of local attention.
LENGTHS = (CONTEXT, 5, 17, 17, 1, 33, 16, 48)


def difference(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    """The largest absolute difference, relative to the oracle's largest value above one."""
    assert ours.shape == theirs.shape
    assert ours.isfinite().all()
    scale = max(1.0, theirs.abs().max().item())
    return (ours.float() - theirs.float()).abs().max().item() / scale


@dataclass(frozen=True)
class Inputs:
    """The same sequences, packed for ours and padded for theirs."""

    ids: list[list[int]]
    segments: list[list[int]]

    @classmethod
    def draw(cls, segments: int, seed: int = 3) -> Inputs:
        """Random ids, never the padding; every second sequence is a pair if there are segments."""
        draws = torch.Generator().manual_seed(seed)
        ids = [torch.randint(2, VOCAB, (n,), generator=draws).tolist() for n in LENGTHS]
        cuts = [n // 3 if i % 2 and segments > 1 else n for i, n in enumerate(LENGTHS)]
        kinds = [[int(i >= cut) for i in range(n)] for n, cut in zip(LENGTHS, cuts, strict=True)]
        return cls(ids, kinds)

    def packed(self) -> Batch:
        return pack(self.ids, segments=self.segments)

    def padded(self, side: Side, row: Row) -> dict[str, torch.Tensor]:
        """`(B, S)` tensors as `transformers` takes them, with positions that do not count pads."""
        longest = max(map(len, self.ids))
        first = row.padding + 1 if row.arch in ("roberta", "mpnet") else 0
        rows: dict[str, list[list[int]]] = {}
        for ids, kinds in zip(self.ids, self.segments, strict=True):
            columns = {
                "input_ids": (ids, row.padding),
                "attention_mask": ([1] * len(ids), 0),
                "position_ids": (list(range(first, first + len(ids))), 0),
                "token_type_ids": (kinds, 0),
            }
            if not row.segments:
                del columns["token_type_ids"]
            for name, (column, filler) in columns.items():
                pad = [filler] * (longest - len(ids))
                rows.setdefault(name, []).append(pad + column if side == "left" else column + pad)
        return {name: torch.tensor(column) for name, column in rows.items()}

    def one_by_one(self, segments: int) -> Iterator[dict[str, torch.Tensor]]:
        """Each sequence by itself, without padding and without explicit positions."""
        for ids, kinds in zip(self.ids, self.segments, strict=True):
            alone = {"input_ids": torch.tensor([ids])}
            yield alone | ({"token_type_ids": torch.tensor([kinds])} if segments else {})


@dataclass
class Pair:
    """An oracle, ours opened from its folder, and what both are given."""

    row: Row
    kind: HeadKind
    folder: Path
    seed: int = 3

    @cached_property
    def theirs(self) -> Any:
        model = oracle(self.row, self.kind)
        write_folder(self.row, self.kind, model, self.folder, tokenizer())
        return model

    @cached_property
    def opened(self) -> Opened[Any]:
        _ = self.theirs
        return open_model(self.folder)

    @cached_property
    def inputs(self) -> Inputs:
        return Inputs.draw(self.row.segments, self.seed)

    def padded(self, side: Side) -> dict[str, torch.Tensor]:
        return self.inputs.padded(side, self.row)

    def real(self, x: torch.Tensor, side: Side) -> torch.Tensor:
        """The rows `(T, ...)` of real tokens of `(B, S, ...)`, in the order of the packed batch."""
        return x[self.padded(side)["attention_mask"].bool()]


@contextmanager
def kernel(name: kernels.Kernel | None) -> Iterator[None]:
    """Attention by one kernel; None leaves the choice."""
    before = kernels.choose_kernel
    if name is not None:
        kernels.choose_kernel = lambda *_, **__: name  # type: ignore[assignment]
    try:
        yield
    finally:
        kernels.choose_kernel = before


@torch.no_grad()
def hidden_states(pair: Pair) -> float:
    """Every layer at every real token: three paddings against two kernels."""
    batch, ours = pair.inputs.packed(), []
    for name in (None, "reference"):
        with kernel(name):  # type: ignore[arg-type]
            ours.append(list(pair.opened.model.states(batch)))
    theirs = [_theirs_padded(pair, side) for side in ("left", "right")]
    theirs.append(_theirs_alone(pair))
    return max(
        difference(a, b)
        for mine in ours
        for other in theirs
        for a, b in zip(mine, other, strict=True)
    )


def _theirs_padded(pair: Pair, side: Side) -> list[torch.Tensor]:
    states = pair.theirs(**pair.padded(side), output_hidden_states=True).hidden_states
    return [pair.real(state, side) for state in states]


def _theirs_alone(pair: Pair) -> list[torch.Tensor]:
    each = [
        pair.theirs(**alone, output_hidden_states=True).hidden_states
        for alone in pair.inputs.one_by_one(pair.row.segments)
    ]
    return [torch.cat([state[0] for state in layer]) for layer in zip(*each, strict=True)]


def our_logits(pair: Pair, model: nn.Module) -> torch.Tensor:
    """The head's output; of two heads both, one after the other, in one row."""
    batch = pair.inputs.packed()
    if pair.kind == "pretraining":
        return torch.cat([x.flatten() for x in model(batch, torch.arange(batch.tokens))])
    logits = model(batch, torch.arange(batch.tokens)) if pair.kind == "lm" else model(batch)
    assert isinstance(logits, torch.Tensor)
    return logits


def their_logits(pair: Pair, model: Any, side: Side = "right") -> torch.Tensor:
    """Padded on the right unless said: some of theirs take the first column for the first token."""
    out = model(**pair.padded(side))
    if pair.kind == "span":
        return pair.real(torch.stack((out.start_logits, out.end_logits), -1), side)
    if pair.kind == "pretraining":
        tokens = pair.real(out.prediction_logits, side).flatten()
        return torch.cat([tokens, _their_pairs(out).flatten()])
    logits: torch.Tensor = out.logits
    if pair.kind == "discriminator":
        logits = logits[..., None]
    return logits if pair.kind == "sequence" else pair.real(logits, side)


def _their_pairs(out: Any) -> torch.Tensor:
    """Scores `(B, 2)` of pairs, which go by the name of what the architecture learnt from them."""
    scores: torch.Tensor = out["sop_logits" if "sop_logits" in out else "seq_relationship_logits"]
    return scores


FIRST_TOKEN = ("sequence", "pretraining")


@torch.no_grad()
def logits(pair: Pair) -> float:
    """The head's output; padded on the left too, where the head reads every token."""
    ours = our_logits(pair, pair.opened.model)
    sides: tuple[Side, ...] = ("right",) if pair.kind in FIRST_TOKEN else ("right", "left")
    return max(difference(ours, their_logits(pair, pair.theirs, side)) for side in sides)


def targets(pair: Pair) -> torch.Tensor:
    """Random ids at a third of the tokens and -100 elsewhere, labels or bits at each `(T,)`;
    labels of sequences `(B,)`; first and last token of answers `(B, 2)`. For two heads those of
    tokens and behind them what each of the pairs is."""
    draws = torch.Generator().manual_seed(5)
    lengths = torch.tensor(LENGTHS)
    match pair.kind:
        case "sequence":
            return torch.randint(0, len(LABELS), (len(LENGTHS),), generator=draws)
        case "span":
            shares = torch.rand(len(LENGTHS), 2, generator=draws).sort(1).values
            return (shares * lengths[:, None]).long()
        case "token" | "discriminator":
            most = len(LABELS) if pair.kind == "token" else 2
            return torch.randint(0, most, (sum(LENGTHS),), generator=draws)
    chosen = torch.rand(sum(LENGTHS), generator=draws) < 0.3
    ids = torch.where(chosen, torch.randint(0, VOCAB, chosen.shape, generator=draws), -100)
    if pair.kind == "pretraining":
        return torch.cat([ids, torch.randint(0, 2, (len(LENGTHS),), generator=draws)])
    return ids


def _our_loss(pair: Pair, model: nn.Module) -> torch.Tensor:
    batch, wanted = pair.inputs.packed(), targets(pair)
    if pair.kind == "lm":
        return _our_lm_loss(model, batch, wanted)
    if pair.kind == "pretraining":
        both = zip(model(batch, torch.arange(batch.tokens)), _halves(batch, wanted), strict=True)
        return torch.stack([nn.functional.cross_entropy(x.float(), y) for x, y in both]).sum()
    logits = model(batch).float()
    match pair.kind:
        case "discriminator":
            return nn.functional.binary_cross_entropy_with_logits(logits[:, 0], wanted.float())
        case "span":
            texts = torch.split(logits, [*batch.lengths])
            ends = [nn.functional.cross_entropy(x.T, y) for x, y in zip(texts, wanted, strict=True)]
            return torch.stack(ends).mean()
    return nn.functional.cross_entropy(logits, wanted)


def _halves(batch: Batch, wanted: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Targets of tokens, and of pairs."""
    return wanted[: batch.tokens], wanted[batch.tokens :]


def _our_lm_loss(model: Any, batch: Batch, wanted: torch.Tensor) -> torch.Tensor:
    """Over the tokens that each row predicts, which may stand before or behind it."""
    text = torch.repeat_interleave(torch.arange(len(batch)), torch.tensor(batch.lengths))
    scored, about = [], []
    for part, offset in enumerate(model.head_config.predicts):
        rows = torch.arange(batch.tokens)
        there = (rows + offset >= 0) & (rows + offset < batch.tokens)
        rows = rows[there]
        rows = rows[(text[rows + offset] == text[rows]) & (wanted[rows + offset] >= 0)]
        logits = model(batch, rows).float()
        scored.append(logits if logits.dim() == 2 else logits[:, part])
        about.append(wanted[rows + offset])
    return nn.functional.cross_entropy(torch.cat(scored), torch.cat(about))


def _their_loss(pair: Pair, model: Any) -> torch.Tensor:
    inputs, wanted = pair.padded("right"), targets(pair)
    if pair.kind == "span":
        # Theirs lets padding compete for the ends, so each text is asked by itself.
        alone = zip(pair.inputs.one_by_one(pair.row.segments), wanted, strict=True)
        each = [
            model(**text, start_positions=ends[:1], end_positions=ends[1:]).loss
            for text, ends in alone
        ]
        return torch.stack(each).mean()
    if pair.kind == "pretraining":
        wanted, labels = _halves(pair.inputs.packed(), wanted)
        name = "sentence_order_label" if pair.row.arch == "albert" else "next_sentence_label"
        inputs |= {name: labels}
    if pair.kind != "sequence":
        real = inputs["attention_mask"].bool()
        wanted = torch.full(real.shape, -100).masked_scatter(real, wanted)
    if pair.kind == "discriminator":
        wanted = wanted.clamp(min=0)
    loss: torch.Tensor = model(**inputs, labels=wanted).loss
    return loss


@contextmanager
def training(*models: Any) -> Iterator[None]:
    """Training mode without gradients from before."""
    for model in models:
        model.train()
        model.zero_grad(set_to_none=True)
    try:
        yield
    finally:
        for model in models:
            model.eval()


def loss(pair: Pair) -> float:
    """Cross-entropy in training mode, without dropout."""
    ours, theirs = pair.opened.model, pair.theirs
    with training(ours, theirs), torch.no_grad():
        return difference(_our_loss(pair, ours), _their_loss(pair, theirs))


def our_gradients(pair: Pair, model: Any) -> dict[str, torch.Tensor]:
    """The gradient of every parameter, by its published name, fused ones in their parts."""
    with training(model):
        _our_loss(pair, model).backward()
    arch = arch_of(pair.row.arch)
    found = {name: p.grad for name, p in named_weights(model).items() if p.grad is not None}
    rules = arch.rules(pair.opened.config, pair.kind)
    return _one_name(write(rules, arch.prefix_of(pair.kind), found))


def _one_name(found: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """DeBERTa's head has two sets of names; ours is written under the first."""
    names = {
        "lm_predictions.lm_head.dense": "cls.predictions.transform.dense",
        "lm_predictions.lm_head.LayerNorm": "cls.predictions.transform.LayerNorm",
        "lm_predictions.lm_head.bias": "cls.predictions.bias",
    }

    def first(name: str) -> str:
        old = next((old for old in names if name.startswith(old)), None)
        return name if old is None else name.replace(old, names[old])

    return {first(name): gradient for name, gradient in found.items()}


def their_gradients(pair: Pair, model: Any) -> dict[str, torch.Tensor]:
    """A tied weight stands under each of its names."""
    with training(model):
        _their_loss(pair, model).backward()
    named = model.named_parameters(remove_duplicate=False)
    return _one_name({name: p.grad for name, p in named if p.grad is not None})


def gradients(pair: Pair) -> float:
    """The largest difference in any parameter, relative to the largest gradient of all."""
    ours, theirs = our_gradients(pair, pair.opened.model), their_gradients(pair, pair.theirs)
    assert {id(g) for g in theirs.values()} == {id(theirs[name]) for name in ours}
    largest = max(gradient.abs().max().item() for gradient in theirs.values())
    assert largest > 0.01
    return max((ours[n] - theirs[n]).abs().max().item() for n in ours) / largest


SEEDS = range(6)


def bfloat16(pair: Pair) -> float:
    """Rounding of our logits in bfloat16, in units of the rounding of theirs: about 1 is equal.

    Both are measured against theirs in float32 with the same rounded weights; ours with and
    without recording for gradients, which chooses between kernels.
    """
    half, theirs, exact = _in_bfloat16(pair)
    errors = torch.zeros(3, dtype=torch.float64)
    for seed in SEEDS:
        drawn = replace(pair, seed=seed)
        recording = our_logits(drawn, half).detach()
        with torch.no_grad():
            truth = their_logits(drawn, exact)
            given = (their_logits(drawn, theirs), our_logits(drawn, half), recording)
            errors += torch.stack([(x.float() - truth).square().mean() for x in given])
    unit, *ours = errors.sqrt().tolist()
    return max(ours) / unit


@torch.no_grad()
def bfloat16_hidden_states(pair: Pair) -> float:
    """As `bfloat16`, for the hidden states of the layer that is farthest off."""
    half, theirs, exact = _in_bfloat16(pair)
    errors: torch.Tensor | int = 0
    for seed in SEEDS:
        drawn = replace(pair, seed=seed)
        truth, rounded = (
            _theirs_padded(replace_theirs(drawn, model), "right") for model in (exact, theirs)
        )
        ours = list(half.states(drawn.inputs.packed()))
        layers = zip(truth, rounded, ours, strict=True)
        squares = [[(x.float() - t).square().mean() for x in (r, o)] for t, r, o in layers]
        errors = errors + torch.tensor(squares, dtype=torch.float64)
    assert isinstance(errors, torch.Tensor)
    unit, mine = errors.sqrt().unbind(1)
    # Nothing is rounded where rows of a rounded table are read as they are.
    return float((mine / unit.clamp(min=1e-12)).max())


def replace_theirs(pair: Pair, model: Any) -> Pair:
    """The same pair with another oracle."""
    other = replace(pair)
    other.theirs = model
    return other


@torch.no_grad()
def bfloat16_loss(pair: Pair) -> float:
    """As `bfloat16`, for the loss, whose own last digit is a unit too: theirs may hit by chance."""
    half, theirs, exact = _in_bfloat16(pair)
    errors = torch.zeros(3, dtype=torch.float64)
    with training(half, theirs, exact):
        for seed in SEEDS:
            drawn = replace(pair, seed=seed)
            truth = _their_loss(drawn, exact).double()
            given = (_their_loss(drawn, theirs), _our_loss(drawn, half))
            digit = truth * torch.finfo(torch.bfloat16).eps / 2
            errors += torch.stack([digit**2, *((x.double() - truth) ** 2 for x in given)])
    digit, unit, ours = errors.sqrt().tolist()
    return float(ours / max(digit, unit))


def bfloat16_gradients(pair: Pair) -> float:
    """As `bfloat16`, for the gradients of all parameters together."""
    half, theirs, exact = _in_bfloat16(pair)
    truth, ours = their_gradients(pair, exact), our_gradients(pair, half)

    def error(found: dict[str, torch.Tensor]) -> float:
        return sum((found[n].float() - truth[n]).square().sum().item() for n in ours) ** 0.5

    return error(ours) / error(their_gradients(pair, theirs))


def _in_bfloat16(pair: Pair) -> tuple[Any, Any, Any]:
    """Ours, theirs, and theirs in float32, all with weights rounded to bfloat16."""
    theirs = copy.deepcopy(pair.theirs).bfloat16()
    half = open_model(pair.folder, dtype=torch.bfloat16).model
    return half, theirs, copy.deepcopy(theirs).float()
