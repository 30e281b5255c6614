"""First weights of a new model."""

from __future__ import annotations

import math

import torch
from torch import nn

# Truncated at two standard deviations, as ModernBERT's code does; the published BERT does too.
CUTOFF = 2.0


def initialise(model: nn.Module, std: float, depth: int, generator: torch.Generator) -> None:
    """Draw every matrix anew; norms become one, biases zero, but for an LSTM's forget gates.

    Projections back into the residual stream are scaled by 1 / sqrt(2 depth), so that the sum of
    all layers starts with the variance of one (Radford et al. 2019; ModernBERT's code).

    Args:
        model: any module made of the blocks here.
        std: standard deviation of the draws, 0.02 in BERT.
        depth: number of layers.
        generator: source of the randomness, on the CPU.
    """
    for name, parameter in sorted(model.named_parameters()):
        if parameter.dim() < 2:
            own = name.rpartition(".")[2]
            nn.init.constant_(parameter, 0.0 if own.startswith("bias") else 1.0)
            if own.startswith("bias_ih"):
                # A new LSTM that forgets does not learn to remember (Jozefowicz et al. 2015).
                nn.init.constant_(parameter.chunk(4)[1], 1.0)
            continue
        back = name.endswith(("attention.out.weight", "mlp.down.weight"))
        scale = std / math.sqrt(2 * depth) if back else std
        nn.init.trunc_normal_(
            parameter, 0.0, scale, -CUTOFF * scale, CUTOFF * scale, generator=generator
        )
