"""Matrix products for inference, with what follows them, by weights that are laid out once.

| product | runs on                    | what follows in the same pass                  |
|---------|----------------------------|------------------------------------------------|
| plain   | anything                   | nothing: PyTorch's calls, one after the other  |
| onednn  | CPU, float32 and bf16      | bias, activation, a sum or a product           |
| tiled   | CPU, float32 and bf16      | the same, on tiles of a fixed number of rows   |
| int8    | CPU with byte products     | the same, and the scales (`unmask.nn.int8`)    |

`onednn` calls the operators that PyTorch's own compiler calls (`mkldnn::_linear_pointwise`); where
a build lacks them, `plain` takes their place.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, Protocol

import torch
from torch.nn import functional as F

from unmask.nn.config import Activation
from unmask.nn.linear import ACTIVATIONS
from unmask.nn.processor import fast_bf16

POST: dict[Activation | None, tuple[str, str]] = {
    None: ("none", "none"),
    "gelu": ("gelu", "none"),
    "gelu_tanh": ("gelu", "tanh"),
    "relu": ("relu", "none"),
    "silu": ("swish", "none"),
    "tanh": ("tanh", "none"),
}
"""oneDNN's names for what follows a product, and for how it is computed."""

# Rows for which a weight is laid out. oneDNN picks the same layout for any number above a few.
ROWS = 1024
# Rows of a tile: a product of so many rows is nearly as fast as one of thousands.
TILE = 256


Combined = Literal["add", "mul"]
COMBINE: dict[Combined, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = {
    "add": torch.add,
    "mul": torch.mul,
}
"""How the result is combined with another tensor, last of all; oneDNN has the same names."""


class Product(Protocol):
    """x W' + b and the activation, which it was made with."""

    def __call__(
        self, x: torch.Tensor, other: torch.Tensor | None = None, by: Combined = "add"
    ) -> torch.Tensor:
        """`(T, inputs)` to `(T, outputs)`, combined with another of that shape."""
        ...


def onednn_here() -> bool:
    """Whether this build of PyTorch has oneDNN."""
    return bool(torch.backends.mkldnn.is_available())  # type: ignore[no-untyped-call]


def has_onednn(device: torch.device, dtype: torch.dtype) -> bool:
    """Whether products that are fused with what follows them can be had there."""
    if device.type != "cpu" or not onednn_here():
        return False
    found = hasattr(torch.ops.mkldnn, "_linear_pointwise")
    return found and (dtype == torch.float32 or fast_bf16(device))


class Plain:
    """PyTorch's own calls, on a weight of another type."""

    def __init__(
        self,
        weight: torch.Tensor,
        bias: torch.Tensor | None,
        activation: Activation | None,
        dtype: torch.dtype,
    ) -> None:
        self.weight = weight.detach().to(dtype)
        self.bias = None if bias is None else bias.detach().to(dtype)
        self.activation = None if activation is None else ACTIVATIONS[activation]

    def __call__(
        self, x: torch.Tensor, other: torch.Tensor | None = None, by: Combined = "add"
    ) -> torch.Tensor:
        out = F.linear(x.to(self.weight.dtype), self.weight, self.bias)
        out = out if self.activation is None else self.activation(out)
        return out if other is None else COMBINE[by](other, out)


class OneDnn:
    """One call of oneDNN, on a weight in the order in which its kernels read it."""

    def __init__(
        self,
        weight: torch.Tensor,
        bias: torch.Tensor | None,
        activation: Activation | None,
        dtype: torch.dtype,
    ) -> None:
        self.dtype = dtype
        self.weight = torch.ops.mkldnn._reorder_linear_weight(weight.detach().to(dtype), ROWS)
        self.bias = None if bias is None else bias.detach().to(dtype)
        self.post, self.how = POST[activation]

    def __call__(
        self, x: torch.Tensor, other: torch.Tensor | None = None, by: Combined = "add"
    ) -> torch.Tensor:
        run = torch.ops.mkldnn._linear_pointwise
        x = x.to(self.dtype)
        out: torch.Tensor
        if other is not None and self.post == "none":
            out = run.binary(x, other.to(self.dtype), self.weight, self.bias, by)
            return out
        out = run(x, self.weight, self.bias, self.post, [], self.how)
        return out if other is None else COMBINE[by](other, out)


class Tiled:
    """Another product, on tiles of a fixed number of rows.

    In what order a kernel adds up may depend on the number of rows, and with it the last bits. In
    tiles of one size a row's result is the same whatever rows are beside it.
    """

    def __init__(self, product: Product) -> None:
        self.product = product

    def __call__(
        self, x: torch.Tensor, other: torch.Tensor | None = None, by: Combined = "add"
    ) -> torch.Tensor:
        starts = range(0, len(x), TILE)
        outs = [
            self.product(_tile(x, at), None if other is None else _tile(other, at), by)
            for at in starts
        ]
        return torch.cat(outs)[: len(x)]


def in_tiles(function: Callable[[torch.Tensor], torch.Tensor], x: torch.Tensor) -> torch.Tensor:
    """A function of rows `(T, width)`, on tiles of a fixed number of them; see `Tiled`."""
    return torch.cat([function(_tile(x, at)) for at in range(0, len(x), TILE)])[: len(x)]


def _tile(x: torch.Tensor, at: int) -> torch.Tensor:
    """`(TILE, width)`: the rows from one on, with zeros behind the last."""
    rows = x[at : at + TILE]
    return F.pad(rows, (0, 0, 0, TILE - len(rows)))
