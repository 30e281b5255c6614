"""Counts the work that PyTorch is given, by the shapes of what its operators read and write."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch.utils._python_dispatch import TorchDispatchMode

# Operator to the place of the matrix `(rows, inner)` among its arguments.
PRODUCTS = {
    "aten::addmm": 1,
    "aten::mm": 0,
    "mkldnn::_linear_pointwise": 0,
    "onednn::qlinear_pointwise": 0,
}
COPIES = {
    "aten::copy_", "aten::clone", "aten::_to_copy", "aten::cat", "aten::index_select",
    "aten::constant_pad_nd", "aten::gather", "aten::repeat", "aten::stack", "aten::index",
    "aten::_reshape_copy", "aten::embedding", "aten::index_add_", "aten::slice_backward",
    "aten::select_backward",
}  # fmt: skip
# Operator to the place of what is written, where the result is all of what it is written into.
PUTS = {"aten::index_put": 2, "aten::index_put_": 2, "aten::_index_put_impl_": 2}
ATTENTION = {"aten::_scaled_dot_product_flash_attention_for_cpu"}
# Of long texts in bf16, whose scores are products of their own (`unmask.nn.chunked`).
SOFTMAX = {"aten::softmax", "aten::_softmax"}


@dataclass
class Work:
    """What was done.

    Attributes:
        products: (rows, inner width, outer width) of every product of two matrices; of the gradient
            of a weight the rows are its outer width, and the tokens are summed over.
        scores: attention scores computed, over all heads.
        copies: sizes of what was copied.
    """

    products: list[tuple[int, int, int]] = field(default_factory=list)
    scores: int = 0
    copies: list[int] = field(default_factory=list)


class Counting(TorchDispatchMode):
    """Counts within the block."""

    def __init__(self) -> None:
        super().__init__()
        self.work = Work()

    def __torch_dispatch__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        # In inference mode operators that are made of others come whole: `contiguous`, `reshape`,
        # `to` and `pad_sequence` copy, or do not, by what they are made of.
        with self:
            parts = func.decompose(*args, **(kwargs or {}))
        if parts is not NotImplemented:
            return parts
        out = func(*args, **(kwargs or {}))
        name = func._schema.name
        if name in PRODUCTS:
            x = args[PRODUCTS[name]]
            self.work.products.append((x.shape[0], x.shape[1], out.shape[-1]))
        elif name == "aten::bmm":
            self.work.scores += out.numel() if out.shape[1] == out.shape[2] else 0
        elif name in SOFTMAX and out.dim() == 2:  # of one head and some queries
            self.work.scores += out.numel()
        elif name in ATTENTION:
            q_NHSK, k_NHSK = args[:2]
            self.work.scores += q_NHSK.shape[:3].numel() * k_NHSK.shape[2]
        elif name in COPIES:
            self.work.copies.append(out.numel())
        elif name in PUTS:
            self.work.copies.append(args[PUTS[name]].numel())
        return out
