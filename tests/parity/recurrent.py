"""ELMo's language model written out with `torch.nn.LSTM`, one text after the other.

It takes padded batches and answers as a model of `transformers` does, so that one test compares
all architectures.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from safetensors.torch import save_file
from torch import nn

from unmask.arch.spec import HeadKind


class Direction(nn.Module):
    """One LSTM and its projection."""

    def __init__(self, half: int, cells: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(half, cells)
        if cells != half:
            self.project = nn.Linear(cells, half, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out, _ = self.lstm(x[:, None])
        read: torch.Tensor = out[:, 0]
        return self.project(read) if hasattr(self, "project") else read


class Directions(nn.Module):
    """The two LSTMs of a layer."""

    def __init__(self, half: int, cells: int) -> None:
        super().__init__()
        self.onward, self.back = Direction(half, cells), Direction(half, cells)


class Bare(nn.Module):
    """The encoder."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        super().__init__()
        half, cells = settings["hidden_size"] // 2, settings["cell_size"]
        self.embedding = nn.Module()
        self.embedding.tokens = nn.Embedding(settings["vocab_size"], half)
        self.layers = nn.ModuleList(
            Directions(half, cells) for _ in range(settings["num_hidden_layers"])
        )

    def states(self, ids: torch.Tensor) -> list[torch.Tensor]:
        """Hidden states `(S, D)` of one text, the embedding's first."""
        onward = back = self.embedding.tokens(ids)
        states = [torch.cat((onward, back), dim=1)]
        for number, layer in enumerate(self.layers):
            onward = layer.onward(onward) + (onward if number else 0)
            back = layer.back(back.flip(0)).flip(0) + (back if number else 0)
            states.append(torch.cat((onward, back), dim=1))
        return states


class Elmo(nn.Module):
    """An encoder and a head, called with padded batches."""

    def __init__(self, settings: Mapping[str, Any], kind: HeadKind) -> None:
        super().__init__()
        self.kind, width = kind, settings["hidden_size"]
        self.encoder = Bare(settings)
        if kind == "lm":
            self.bias = nn.Parameter(torch.zeros(settings["vocab_size"]))
        elif kind != "encoder":
            self.add_module(kind, nn.Linear(width, 2 if kind == "span" else 3))

    def forward(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
        **ends: Any,
    ) -> Any:
        real = torch.ones_like(input_ids) if attention_mask is None else attention_mask
        texts = [
            self.encoder.states(row[mask.bool()]) for row, mask in zip(input_ids, real, strict=True)
        ]
        states = [padded(layer, real) for layer in zip(*texts, strict=True)]
        answers = [self.logits(text[-1]) for text in texts] if self.kind != "encoder" else None
        given = {"hidden_states": states, "logits": None, "loss": None}
        if answers is not None:
            given["logits"] = (
                torch.stack(answers) if self.kind == "sequence" else padded(answers, real)
            )
            if self.kind == "span":
                given["start_logits"], given["end_logits"] = given["logits"].unbind(-1)
            given["loss"] = self.loss(answers, real, labels, ends)
        return SimpleNamespace(**given)

    def logits(self, last: torch.Tensor) -> torch.Tensor:
        if self.kind == "lm":
            halves = last.chunk(2, dim=1)
            scored = [half @ self.encoder.embedding.tokens.weight.T + self.bias for half in halves]
            return torch.stack(scored, dim=1)
        head = getattr(self, self.kind)
        out: torch.Tensor = head(last.mean(0) if self.kind == "sequence" else last)
        return out

    def loss(
        self,
        answers: list[torch.Tensor],
        real: torch.Tensor,
        labels: torch.Tensor | None,
        ends: Mapping[str, torch.Tensor],
    ) -> torch.Tensor | None:
        cross_entropy = nn.functional.cross_entropy
        if self.kind == "span" and "start_positions" in ends:
            (answer,) = answers
            pair = (ends["start_positions"], ends["end_positions"])
            losses = [cross_entropy(answer[None, :, i], end) for i, end in enumerate(pair)]
            return (losses[0] + losses[1]) / 2
        if labels is None:
            return None
        if self.kind == "sequence":
            return cross_entropy(torch.stack(answers), labels)
        wanted = [row[mask.bool()] for row, mask in zip(labels, real, strict=True)]
        if self.kind == "token":
            return cross_entropy(torch.cat(answers), torch.cat(wanted))
        # The forward half of a token scores the next, the backward half the one before.
        scored = [part for a in answers for part in (a[:-1, 0], a[1:, 1])]
        about = [part for w in wanted for part in (w[1:], w[:-1])]
        return cross_entropy(torch.cat(scored), torch.cat(about))


def padded(rows: Any, real: torch.Tensor) -> torch.Tensor:
    """`(B, S, ...)` with each text's rows at its real tokens and zeros elsewhere."""
    flat = torch.cat(list(rows))
    out = flat.new_zeros(*real.shape, *flat.shape[1:])
    return out.masked_scatter(real.bool().view(*real.shape, *[1] * (flat.dim() - 1)), flat)


def elmo_oracle(settings: Mapping[str, Any], kind: HeadKind) -> Elmo:
    return Elmo(settings, kind)


def write_elmo(
    settings: Mapping[str, Any],
    kind: HeadKind,
    model: Elmo,
    folder: Path,
    labels: tuple[str, ...],
) -> None:
    """A folder in our own format, its weights under our own names, written by hand."""
    folder.mkdir(parents=True, exist_ok=True)
    head = {"bias": "head.bias"} | {
        f"{kind}.{part}": f"head.project.{part}" for part in ("weight", "bias")
    }
    weights = {head.get(name, name): p.detach().clone() for name, p in model.named_parameters()}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    document = {
        "format": "unmask",
        "version": 1,
        "model_type": "unmask",
        "arch": "elmo",
        "head": kind,
        "labels": list(labels) if kind in ("sequence", "token") else [],
        "config": {**settings, "model_type": "elmo"},
    }
    (folder / "config.json").write_text(json.dumps(document))
