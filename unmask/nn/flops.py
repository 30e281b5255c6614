"""What a forward pass costs, counted from the configuration."""

from __future__ import annotations

from collections.abc import Sequence

from unmask.nn.config import EncoderConfig


def matrix_parameters(config: EncoderConfig) -> int:
    """Weights of all matrices that each token passes through in the layers, shared ones counted
    as often as they are used."""
    total = 0
    for layer in config.layers:
        up = 2 if layer.mlp.gated else 1
        total += 4 * config.width**2 + (up + 1) * config.width * layer.mlp.hidden
    return total


def forward_flops(config: EncoderConfig, lengths: Sequence[int]) -> int:
    """Floating-point operations of the matrix products in one forward pass.

    Args:
        lengths: tokens of each sequence; attention reads min(length, 2 window + 1) keys a query.

    Returns:
        Multiplications and additions counted apart, so 2 per weight and token. Norms,
        activations and softmax are left out: a few percent at these widths.
    """
    flops = 2 * matrix_parameters(config) * sum(lengths)
    for layer in config.layers:
        window = layer.attention.window
        for length in lengths:
            keys = length if window is None else min(length, 2 * window + 1)
            flops += 4 * config.width * length * keys
    return flops


def lm_head_flops(config: EncoderConfig, rows: int) -> int:
    """Floating-point operations of the language-model head at `rows` positions."""
    return 2 * rows * (config.width**2 + config.width * config.embedding.vocab)


def lm_training_flops(config: EncoderConfig, tokens: int, rows: int) -> int:
    """Floating-point operations of training on `tokens`, predicting at `rows` of them.

    Forward once and backward twice; attention's own products, a few percent here, are left out.
    """
    return 3 * (2 * matrix_parameters(config) * tokens + lm_head_flops(config, rows))
