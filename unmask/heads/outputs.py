"""Functions that stand behind a last layer: of a dense stage, of a cross-encoder's scores."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

import torch
from torch.nn import functional as F

Output = Literal["identity", "tanh", "sigmoid", "relu", "gelu", "silu"]

OUTPUTS: Mapping[Output, Callable[[torch.Tensor], torch.Tensor]] = {
    "identity": lambda x: x,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "relu": F.relu,
    "gelu": F.gelu,
    "silu": F.silu,
}
