"""One vector per text out of the hidden states of its tokens (Reimers and Gurevych 2019).

An embedding head is a pooling and the stages behind it, each a record here and a module below.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import nn
from torch.nn import functional as F

from unmask.batches.batch import Batch
from unmask.errors import ModelError, shown
from unmask.heads.outputs import OUTPUTS, Output
from unmask.heads.pooling import by_equal_length

# Shapes: T tokens of a batch, B texts, D width of the encoder, E width of an embedding.

PoolingMode = Literal["cls", "max", "mean", "mean_sqrt_len_tokens", "weightedmean", "lasttoken"]
POOLINGS: tuple[PoolingMode, ...] = get_args(PoolingMode)


@dataclass(frozen=True, kw_only=True, slots=True)
class PoolConfig:
    """How the tokens of a text become one vector.

    Attributes:
        modes: one or several; the vectors of several stand one behind the other.
        include_prompt: whether the tokens of a prompt count. Where they do not, the special tokens
            before the prompt do not count either.
    """

    modes: tuple[PoolingMode, ...]
    include_prompt: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class DenseConfig:
    """A linear layer with a function behind it.

    Attributes:
        inputs, outputs: widths.
        bias: whether the layer has one.
        activation: the function.
        residual: whether the input is added to the output; where the widths differ, through a
            linear layer of its own.
    """

    inputs: int
    outputs: int
    bias: bool = True
    activation: Output = "tanh"
    residual: bool = False


@dataclass(frozen=True, slots=True)
class NormalizeConfig:
    """Division by the Euclidean length, which becomes 1."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EmbeddingHeadConfig:
    """Pooling and the stages behind it.

    Attributes:
        width: of the hidden states, D.
        pool: how tokens become a vector.
        stages: what follows, in order.
        keep: how many leading numbers of the vector are kept at the end, or None for all.

    Raises:
        ModelError: no pooling, an unknown mode or one twice, or widths that do not fit each other.
    """

    width: int
    pool: PoolConfig
    stages: tuple[DenseConfig | NormalizeConfig, ...] = ()
    keep: int | None = None

    def __post_init__(self) -> None:
        modes = self.pool.modes
        for mode in modes:
            if mode not in POOLINGS:
                raise ModelError(f"pooling must be by {', '.join(POOLINGS)}, not {shown(mode)}")
        if not modes or len(set(modes)) < len(modes):
            raise ModelError(f"pooling must be by one or several different modes, not {modes}")
        width = self.width * len(modes)
        for number, stage in enumerate(self.stages):
            if isinstance(stage, DenseConfig):
                if stage.inputs != width:
                    raise ModelError(
                        f"stage {number} behind the pooling must take vectors of width {width}, "
                        f"but is a dense layer for {stage.inputs}. Correct its in_features"
                    )
                width = stage.outputs
        if self.keep is not None and not 0 < self.keep <= width:
            raise ModelError(
                f"vectors of width {width} cannot be cut to {self.keep} (truncate_dim)"
            )

    @property
    def whole(self) -> int:
        """The width of an embedding of which nothing is cut."""
        widths = [stage.outputs for stage in self.stages if isinstance(stage, DenseConfig)]
        return widths[-1] if widths else self.width * len(self.pool.modes)

    @property
    def dimension(self) -> int:
        """E, the width of an embedding."""
        return self.whole if self.keep is None else self.keep


def _weighted_mean(rows_NSD: torch.Tensor, before: int) -> torch.Tensor:
    """Later tokens weigh more, in proportion to their place (Muennighoff 2022)."""
    first, last = before + 1, before + rows_NSD.shape[1]
    places_S = torch.arange(first, last + 1, device=rows_NSD.device, dtype=rows_NSD.dtype)
    return (rows_NSD * places_S[:, None]).sum(1) / places_S.sum()


# The tokens (N, S, D) of N texts of equal length in float32, and how many tokens stand before them,
# to (N, D). Never across texts, so that a text's vector does not depend on its neighbours.
POOL: Mapping[PoolingMode, Callable[[torch.Tensor, int], torch.Tensor]] = {
    "cls": lambda rows, before: rows[:, 0],
    "max": lambda rows, before: rows.amax(1),
    "mean": lambda rows, before: rows.mean(1),
    "mean_sqrt_len_tokens": lambda rows, before: rows.sum(1) / rows.shape[1] ** 0.5,
    "weightedmean": _weighted_mean,
    "lasttoken": lambda rows, before: rows[:, -1],
}


class Dense(nn.Module):
    """`(B, inputs)` to `(B, outputs)`."""

    def __init__(self, config: DenseConfig) -> None:
        super().__init__()
        self.linear = nn.Linear(config.inputs, config.outputs, bias=config.bias)
        self.activation = OUTPUTS[config.activation]
        self.residual: nn.Module | None = None
        if config.residual:
            same = config.inputs == config.outputs
            own = nn.Linear(config.inputs, config.outputs, bias=False)
            self.residual = nn.Identity() if same else own

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = self.activation(self.linear(x))
        return out if self.residual is None else out + self.residual(x)


class Normalize(nn.Module):
    """`(B, E)` to the same of length 1; a vector of zeros stays one."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.normalize(x, dim=1)


class EmbeddingHead(nn.Module):
    """Hidden states to embeddings."""

    def __init__(self, config: EmbeddingHeadConfig) -> None:
        super().__init__()
        self.config = config
        self.stages = nn.ModuleList(
            Dense(stage) if isinstance(stage, DenseConfig) else Normalize()
            for stage in config.stages
        )

    def forward(self, hidden: torch.Tensor, batch: Batch) -> torch.Tensor:
        """`(T, D)` hidden states to `(B, E)` embeddings of texts without a prompt."""
        return self.finish(self.pool(hidden, batch))

    def pool(self, hidden: torch.Tensor, batch: Batch, skip: int = 0) -> torch.Tensor:
        """`(T, D)` hidden states to `(B, modes x D)`.

        Args:
            hidden: of the batch's tokens.
            batch: the texts.
            skip: how many tokens at the beginning of each text do not count; fewer than any has.
        """
        modes = [POOL[mode] for mode in self.config.pool.modes]
        pooled = []
        for rows_NSD in by_equal_length(hidden, batch):
            kept_NSD = rows_NSD[:, skip:].float()
            pooled.append(torch.cat([mode(kept_NSD, skip) for mode in modes], dim=1))
        return torch.cat(pooled).to(hidden.dtype)

    def finish(self, pooled: torch.Tensor, *, normalize: bool | None = None) -> torch.Tensor:
        """`(B, modes x D)` to `(B, E)`: the stages behind the pooling.

        Args:
            pooled: from `pool`.
            normalize: None for what the stages say; True for length 1 in any case; False to leave
                out a normalising at the end.
        """
        stages = list(self.stages)
        if normalize is False:
            while stages and isinstance(stages[-1], Normalize):
                stages.pop()
        for stage in stages:
            pooled = stage(pooled)
        cut = pooled[:, : self.config.keep]
        return F.normalize(cut, dim=1) if normalize else cut
