"""What a forward pass costs, counted from the configuration."""

from __future__ import annotations

from collections.abc import Sequence

from unmask.nn.config import (
    AttentionConfig,
    Disentangled,
    EncoderConfig,
    LayerConfig,
    LMHeadConfig,
    RecurrentConfig,
    TokenHeadConfig,
)


def matrix_parameters(config: EncoderConfig) -> int:
    """Weights of all matrices that each token passes through, shared ones counted as often as they
    are used. The token table is not among them: reading a row multiplies nothing."""
    total = sum(_of_layer(config.width, layer) for layer in config.layers)
    if config.embedding.widen == "project":
        total += config.token_width * config.width
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
    for attention in config.attentions:
        inner = attention.heads * attention.width_of_head(config.width)
        for length in lengths:
            flops += 4 * inner * length * _keys(attention, length)
        if isinstance(position := attention.position, Disentangled):
            # The table's two projections, and each token against all of its rows.
            rows = 2 * position.span
            flops += 2 * rows * config.width * 2 * inner
            flops += 2 * rows * inner * len(position.terms) * sum(lengths)
    return flops


def lm_head_flops(config: EncoderConfig, rows: int, head: LMHeadConfig | None = None) -> int:
    """Floating-point operations of a language-model head at `rows` positions.

    Args:
        head: None for one with a transform that predicts the row's own token.
    """
    transform = 0 if head and head.transform is None else config.width * config.token_width
    table = config.token_width * config.embedding.vocab * (len(head.predicts) if head else 1)
    return 2 * rows * (transform + table)


def lm_training_flops(
    config: EncoderConfig, tokens: int, rows: int, head: LMHeadConfig | None = None
) -> int:
    """Floating-point operations of training on `tokens`, predicting at `rows` of them.

    Forward once and backward twice; attention's own products, a few percent here, are left out.
    """
    return 3 * (2 * matrix_parameters(config) * tokens + lm_head_flops(config, rows, head))


def token_training_flops(
    config: EncoderConfig, tokens: int, rows: int, head: TokenHeadConfig
) -> int:
    """The same for a head over tokens that scores `rows` of them."""
    transform = (
        0 if head.transform is None else config.width * (head.transform.width or config.width)
    )
    own = transform + config.width * head.outputs
    return 3 * 2 * (matrix_parameters(config) * tokens + own * rows)


def _of_layer(width: int, layer: LayerConfig | RecurrentConfig) -> int:
    """Weights of one layer's matrices."""
    if isinstance(layer, RecurrentConfig):
        half, cells = width // 2, layer.cells
        projection = half * cells if cells != half else 0
        # Four gates read the input and the state of the step before, in each of two directions.
        return 2 * (4 * cells * (half + cells) + projection)
    attention = layer.attention
    head = attention.width_of_head(width)
    to_heads = (2 * attention.heads + 2 * attention.key_heads) * head
    return width * (to_heads + (3 if layer.mlp.gated else 2) * layer.mlp.hidden)


def _keys(attention: AttentionConfig, length: int) -> int:
    """Keys that a query is multiplied with, at most."""
    if attention.window is None:
        return length
    return min(length, (1 if attention.causal else 2) * attention.window + 1)
