"""Runs a model of `transformers` and ours on the same input, and says how far they are apart.

Every comparison gives one number: the largest difference between two values, divided by the
largest of the oracle's values where that is above one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
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
from unmask.checkpoint.folder import Opened, open_classifier, open_encoder, open_language_model
from unmask.nn import kernels

Side = Literal["left", "right"]

# The longest length allowed, single tokens, neighbours of equal length, and lengths on both sides
# of the block borders of local attention.
LENGTHS = (CONTEXT, 5, 17, 17, 1, 33, 16, 48)
OPENERS: Mapping[HeadKind, Callable[..., Opened[Any]]] = {
    "encoder": open_encoder,
    "lm": open_language_model,
    "sequence": open_classifier,
}


def difference(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    """The largest absolute difference, relative to the oracle's largest value above one."""
    assert ours.shape == theirs.shape
    assert ours.isfinite().all()
    scale = max(1.0, theirs.abs().max().item())
    return (ours.float() - theirs.float()).abs().max().item() / scale


def rows_of(difference_of: list[float]) -> float:
    return max(difference_of)


@dataclass(frozen=True)
class Inputs:
    """The same sequences, packed for ours and padded for theirs."""

    ids: list[list[int]]
    segments: list[list[int]]

    @classmethod
    def draw(cls, segments: int) -> Inputs:
        """Random ids, never the padding; every second sequence is a pair where there are segments."""
        draws = torch.Generator().manual_seed(3)
        ids = [torch.randint(1, VOCAB, (n,), generator=draws).tolist() for n in LENGTHS]
        cuts = [n // 3 if i % 2 and segments > 1 else n for i, n in enumerate(LENGTHS)]
        kinds = [[int(i >= cut) for i in range(n)] for n, cut in zip(LENGTHS, cuts, strict=True)]
        return cls(ids, kinds)

    def packed(self) -> Batch:
        return pack(self.ids, segments=self.segments)

    def padded(self, side: Side, segments: int) -> dict[str, torch.Tensor]:
        """`(B, S)` tensors as `transformers` takes them, with positions that do not count pads."""
        longest = max(map(len, self.ids))
        rows: dict[str, list[list[int]]] = {}
        for ids, kinds in zip(self.ids, self.segments, strict=True):
            pad = [0] * (longest - len(ids))
            columns = {
                "input_ids": ids,
                "attention_mask": [1] * len(ids),
                "position_ids": list(range(len(ids))),
                "token_type_ids": kinds,
            }
            if not segments:
                del columns["token_type_ids"]
            for name, column in columns.items():
                rows.setdefault(name, []).append(pad + column if side == "left" else column + pad)
        return {name: torch.tensor(column) for name, column in rows.items()}

    def one_by_one(self, segments: int) -> Iterator[dict[str, torch.Tensor]]:
        """Each sequence by itself, without padding and without explicit positions."""
        for ids, kinds in zip(self.ids, self.segments, strict=True):
            alone = {"input_ids": torch.tensor([ids])}
            yield alone | ({"token_type_ids": torch.tensor([kinds])} if segments else {})


@dataclass
class Pair:
    """A model of `transformers`, and ours opened from its folder."""

    row: Row
    kind: HeadKind
    folder: Path

    @cached_property
    def theirs(self) -> Any:
        model = oracle(self.row, self.kind)
        write_folder(self.row, model, self.folder, tokenizer())
        return model

    @cached_property
    def opened(self) -> Opened[Any]:
        _ = self.theirs
        return OPENERS[self.kind](self.folder)

    @property
    def segments(self) -> int:
        return int(getattr(self.theirs.config, "type_vocab_size", 0))

    @cached_property
    def inputs(self) -> Inputs:
        return Inputs.draw(self.segments)

    def padded(self, side: Side) -> dict[str, torch.Tensor]:
        return self.inputs.padded(side, self.segments)

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


@contextmanager
def recorded(encoder: Any, tokens: int) -> Iterator[list[torch.Tensor]]:
    """Collects what the embedding and every layer give, and last what the encoder gives."""
    seen: list[torch.Tensor] = []
    keep = lambda _module, _arguments, out: seen.append(out[:tokens])  # noqa: E731
    hooks = [m.register_forward_hook(keep) for m in (encoder.embedding, *encoder.layers, encoder)]
    try:
        yield seen
    finally:
        for hook in hooks:
            hook.remove()


@torch.no_grad()
def hidden_states(pair: Pair) -> float:
    """Every layer at every real token: three paddings against two kernels."""
    batch, ours = pair.inputs.packed(), []
    for name in (None, "reference"):
        with kernel(name), recorded(pair.opened.model, batch.tokens) as seen:  # type: ignore[arg-type]
            pair.opened.model(batch)
        *inner, last = seen
        # Theirs gives the last layer once, after the final norm.
        ours.append([*inner[:-1], last])
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
        for alone in pair.inputs.one_by_one(pair.segments)
    ]
    return [torch.cat([state[0] for state in layer]) for layer in zip(*each, strict=True)]


def our_logits(pair: Pair, model: nn.Module) -> torch.Tensor:
    batch = pair.inputs.packed()
    logits = model(batch, torch.arange(batch.tokens)) if pair.kind == "lm" else model(batch)
    assert isinstance(logits, torch.Tensor)
    return logits


def their_logits(pair: Pair, model: Any) -> torch.Tensor:
    """With the padding on the right: theirs takes the first column for the first token."""
    logits: torch.Tensor = model(**pair.padded("right")).logits
    return pair.real(logits, "right") if pair.kind == "lm" else logits


@torch.no_grad()
def logits(pair: Pair) -> float:
    """The head's output."""
    return difference(our_logits(pair, pair.opened.model), their_logits(pair, pair.theirs))


def targets(pair: Pair) -> torch.Tensor:
    """Random ids at a third of the tokens and -100 elsewhere `(T,)`, or random labels `(B,)`."""
    draws = torch.Generator().manual_seed(5)
    if pair.kind == "sequence":
        return torch.randint(0, len(LABELS), (len(LENGTHS),), generator=draws)
    chosen = torch.rand(sum(LENGTHS), generator=draws) < 0.3
    return torch.where(chosen, torch.randint(0, VOCAB, chosen.shape, generator=draws), -100)


def _our_loss(pair: Pair) -> torch.Tensor:
    model, batch, wanted = pair.opened.model, pair.inputs.packed(), targets(pair)
    if pair.kind == "sequence":
        return nn.functional.cross_entropy(model(batch), wanted)
    rows = (wanted >= 0).nonzero().flatten()
    return nn.functional.cross_entropy(model(batch, rows), wanted[rows])


def _their_loss(pair: Pair, side: Side) -> torch.Tensor:
    inputs, wanted = pair.padded(side), targets(pair)
    if pair.kind == "lm":
        real = inputs["attention_mask"].bool()
        wanted = torch.full(real.shape, -100).masked_scatter(real, wanted)
    loss: torch.Tensor = pair.theirs(**inputs, labels=wanted).loss
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
    with training(pair.opened.model, pair.theirs), torch.no_grad():
        return difference(_our_loss(pair), _their_loss(pair, "right"))


def gradients(pair: Pair) -> float:
    """The gradient of every parameter, by its published name, fused ones in their parts."""
    arch = arch_of(pair.row.arch)
    with training(pair.opened.model, pair.theirs):
        _our_loss(pair).backward()
        _their_loss(pair, "right").backward()
    mine = {name: p.grad for name, p in named_weights(pair.opened.model).items()}
    rules = arch.weights + arch.head_weights(pair.kind)
    ours = write(rules, arch.prefix, mine)  # type: ignore[arg-type]
    theirs = {name: p.grad for name, p in pair.theirs.named_parameters() if p.grad is not None}
    assert ours.keys() == theirs.keys()
    largest = max(gradient.abs().max().item() for gradient in theirs.values())
    assert largest > 0.01
    return max(difference(ours[name], theirs[name]) for name in theirs)


@torch.no_grad()
def bfloat16(pair: Pair) -> float:
    """Rounding of ours in bfloat16, in units of the rounding of theirs: about 1 is equal.

    Both are measured against theirs in float32 with the same rounded weights.
    """
    fresh = oracle(pair.row, pair.kind).bfloat16()
    half = OPENERS[pair.kind](pair.folder, dtype=torch.bfloat16)
    theirs = their_logits(pair, fresh).float()
    ours = our_logits(pair, half.model).float()
    exact = their_logits(pair, fresh.float())
    return ((ours - exact).square().mean() / (theirs - exact).square().mean()).sqrt().item()
