"""How alike vectors are: larger is more alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from unmask.checkpoint.sentence_schema import Similarity
from unmask.errors import ModelError
from unmask.pipelines.running import F32

# (N, E) and (M, E) to (N, M). Distances count backwards, so that larger is always more alike.
MEASURES: Mapping[Similarity, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = {
    "cosine": lambda a, b: F.normalize(a, dim=1) @ F.normalize(b, dim=1).T,
    "dot": lambda a, b: a @ b.T,
    "euclidean": lambda a, b: -torch.cdist(a, b, p=2.0),
    "manhattan": lambda a, b: -torch.cdist(a, b, p=1.0),
}


def similarity(a: Any, b: Any, by: Similarity) -> F32:
    """Every vector of `a` compared with every vector of `b`.

    Args:
        a: `(N, E)`, or one vector `(E,)`.
        b: `(M, E)`, or one vector `(E,)`.
        by: "cosine", "dot", or minus the "euclidean" or "manhattan" distance.

    Returns:
        `(N, M)`.

    Raises:
        ModelError: the vectors are of different widths.
    """
    one, two = (torch.from_numpy(np.atleast_2d(np.asarray(x, dtype=np.float32))) for x in (a, b))
    if one.ndim != 2 or two.ndim != 2 or one.shape[1] != two.shape[1]:
        raise ModelError(
            "vectors to compare must be (N, E) and (M, E) with the same E, not "
            f"{tuple(one.shape)} and {tuple(two.shape)}. Are they from one model?"
        )
    found: F32 = MEASURES[by](one, two).numpy()
    return found
