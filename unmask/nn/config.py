"""What encoders and heads are made of, as data: one entry per layer, one value per alternative.

Nothing here knows a published model. `arch/` translates a published configuration into these
records, and the blocks of `nn/` are built from them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Activation = Literal["gelu", "gelu_tanh", "relu", "silu", "tanh"]
Pooling = Literal["cls", "mean"]


@dataclass(frozen=True, kw_only=True, slots=True)
class NormConfig:
    """One normalisation.

    Attributes:
        kind: "layer" centres and scales (Ba et al. 2016); "rms" only scales (Zhang and Sennrich
            2019).
        eps: added to the variance, or to the mean square.
        bias: whether a learned shift follows; "rms" has none.
    """

    kind: Literal["layer", "rms"] = "layer"
    eps: float = 1e-5
    bias: bool = True


@dataclass(frozen=True, slots=True)
class Rope:
    """Rotary positions (Su et al. 2021).

    Attributes:
        base: the slowest wavelength is 2 pi times this, in tokens; 10,000 in the paper.
    """

    base: float


@dataclass(frozen=True, kw_only=True, slots=True)
class AttentionConfig:
    """Multi-head self-attention of one layer.

    Attributes:
        heads: number of heads; divides the width.
        window: how many tokens a query sees on each side, or None for all of its sequence.
        rope: rotary positions, or None where positions are added to the embeddings.
        bias: whether the two projections have biases.
        dropout: share of attention probabilities dropped in training. Above 0 it forces the
            kernel that materialises all scores.
        out_dropout: share of the block's output dropped in training.
    """

    heads: int
    window: int | None = None
    rope: Rope | None = None
    bias: bool = True
    dropout: float = 0.0
    out_dropout: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class MlpConfig:
    """The feed-forward block.

    Attributes:
        hidden: width between the two projections.
        activation: its nonlinearity.
        gated: True for a gated unit, activation(a) * b (Shazeer 2020): GeGLU with "gelu".
        bias: whether the projections have biases.
        dropout: share of hidden units dropped in training.
        out_dropout: share of the block's output dropped in training.
    """

    hidden: int
    activation: Activation = "gelu"
    gated: bool = False
    bias: bool = True
    dropout: float = 0.0
    out_dropout: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class LayerConfig:
    """One residual layer. Pre-norm or post-norm is which of the four slots hold a norm.

    Attributes:
        before_attention, after_attention, before_mlp, after_mlp: the norm slots; None is identity.
    """

    attention: AttentionConfig
    mlp: MlpConfig
    before_attention: NormConfig | None = None
    after_attention: NormConfig | None = None
    before_mlp: NormConfig | None = None
    after_mlp: NormConfig | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class EmbeddingConfig:
    """Token ids to vectors.

    Attributes:
        vocab: number of rows.
        positions: rows of a learned position table, or None.
        segments: rows of a segment table, 0 for none.
        norm: the norm that follows the sum.
        dropout: share dropped in training.
    """

    vocab: int
    positions: int | None = None
    segments: int = 0
    norm: NormConfig
    dropout: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class EncoderConfig:
    """A whole encoder.

    Attributes:
        width: size of a hidden state.
        context: longest sequence in tokens, special tokens included.
        embedding: how ids become vectors.
        layers: one record per layer, in order.
        weights_of: for each layer, which parameter set it uses, numbered from 0; `(0, 1, 2)`
            shares nothing, `(0, 0, 0)` shares everything (Lan et al. 2019).
        final_norm: the norm after the last layer, or None.
    """

    width: int
    context: int
    embedding: EmbeddingConfig
    layers: tuple[LayerConfig, ...]
    weights_of: tuple[int, ...]
    final_norm: NormConfig | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class TransformConfig:
    """A dense layer, an activation and a norm, width kept.

    Attributes:
        activation: the nonlinearity after the dense layer.
        bias: whether the dense layer has one.
        norm: the norm that follows, or None.
    """

    activation: Activation
    bias: bool
    norm: NormConfig | None


@dataclass(frozen=True, kw_only=True, slots=True)
class LMHeadConfig:
    """The language-model head: a transform, then the token table read backwards, plus a bias.

    Attributes:
        bias: whether each vocabulary entry has a learned bias.
    """

    transform: TransformConfig
    bias: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class SequenceHeadConfig:
    """The sequence head: pooling, a transform or none, dropout, one row of weights per label.

    Attributes:
        labels: their names, in the order of the outputs.
        pooling: how a sequence becomes one vector.
        dropout: share dropped before the last layer, in training.
    """

    labels: tuple[str, ...]
    pooling: Pooling
    transform: TransformConfig | None
    dropout: float = 0.0


HeadConfig = LMHeadConfig | SequenceHeadConfig
