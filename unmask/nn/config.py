"""What encoders and heads are made of, as data: one entry per layer, one value per alternative.

Nothing here knows a published model. `arch/` translates a published configuration into these
records, and the blocks of `nn/` are built from them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Activation = Literal["gelu", "gelu_tanh", "relu", "silu", "tanh"]
Pooling = Literal["cls", "mean", "last"]


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
class Bucketed:
    """A learned number per head and bucket of distances, added to the scores (Raffel et al. 2020).

    One table serves all layers. Half of the buckets are for keys before the query; of each half
    the first half holds one distance each, and the rest grow with its logarithm.

    Attributes:
        buckets: rows of the table.
        farthest: distances from here on share the last bucket.
    """

    buckets: int
    farthest: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Disentangled:
    """Distances as vectors, which content attends to and which attend to content (He et al. 2021).

    One table of vectors serves all layers; each projects it by its own query and key matrices.

    Attributes:
        span: distances from -span to span - 1 have rows of their own; 2 x span rows.
        farthest: where `bucketed`, the distance at which the last bucket is reached.
        bucketed: whether distances beyond span / 2 share rows by their logarithm.
        terms: which products are added to content-to-content: "c2p" is a query's content with a
            distance, "p2c" a distance with a key's content.
        norm: the norm that the table goes through, or None.
        dropout: share of the table dropped in each layer, in training.
    """

    span: int
    farthest: int
    bucketed: bool
    terms: tuple[Literal["c2p", "p2c"], ...]
    norm: NormConfig | None
    dropout: float = 0.0


Position = Rope | Bucketed | Disentangled
"""How attention learns of distances. Learned positions belong to the embedding instead."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AttentionConfig:
    """Multi-head self-attention of one layer.

    Attributes:
        heads: number of heads of the queries.
        groups: heads of keys and values, each shared by heads / groups queries (Ainslie et al.
            2023); None for as many as queries.
        head_width: width of a head; None for the layer's width divided by `heads`.
        window: how many tokens a query sees on each side, or None for all of its sequence.
        causal: whether a token sees only itself and what stands before it.
        position: how distances enter, or None where positions are added to the embeddings alone.
        bias: whether the projection to queries, keys and values has a bias.
        out_bias: whether the projection back has one; None for the same as `bias`.
        dropout: share of attention probabilities dropped in training. Above 0 it forces the
            kernel that materialises all scores.
        out_dropout: share of the block's output dropped in training.
    """

    heads: int
    groups: int | None = None
    head_width: int | None = None
    window: int | None = None
    causal: bool = False
    position: Position | None = None
    bias: bool = True
    out_bias: bool | None = None
    dropout: float = 0.0
    out_dropout: float = 0.0

    def width_of_head(self, width: int) -> int:
        """K, the width of one head in a layer of this width."""
        return self.head_width or width // self.heads

    @property
    def key_heads(self) -> int:
        """Heads of keys and of values."""
        return self.groups or self.heads


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
class RecurrentConfig:
    """One layer of two LSTMs, one reading forwards and one backwards (Peters et al. 2018).

    The first half of the hidden state belongs to the forward one and the second to the backward
    one; neither sees the other's.

    Attributes:
        cells: cells of each LSTM.
        residual: whether the layer's input is added to its output.
        dropout: share of the input dropped in training.
    """

    cells: int
    residual: bool = True
    dropout: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class EmbeddingConfig:
    """Token ids to vectors.

    Attributes:
        vocab: number of rows.
        width: of a row; None for the encoder's width.
        positions: rows of a learned position table, or None.
        first_position: row of the first token's position. RoBERTa's rows up to its padding id are
            never read.
        segments: rows of a segment table, 0 for none.
        norm: the norm that follows the sum, or None.
        dropout: share dropped in training.
        widen: how rows reach the encoder's width: "project" by a dense layer, "repeat" by standing
            once for each direction of a recurrent encoder; None where they have it.
    """

    vocab: int
    width: int | None = None
    positions: int | None = None
    first_position: int = 0
    segments: int = 0
    norm: NormConfig | None
    dropout: float = 0.0
    widen: Literal["project", "repeat"] | None = None


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
    layers: tuple[LayerConfig | RecurrentConfig, ...]
    weights_of: tuple[int, ...]
    final_norm: NormConfig | None = None

    @property
    def token_width(self) -> int:
        """E, the width of a row of the token table."""
        return self.embedding.width or self.width

    @property
    def attentions(self) -> tuple[AttentionConfig, ...]:
        """The attention of each layer that has one, in order."""
        return tuple(c.attention for c in self.layers if isinstance(c, LayerConfig))


@dataclass(frozen=True, kw_only=True, slots=True)
class TransformConfig:
    """A dense layer, an activation and a norm.

    Attributes:
        activation: the nonlinearity after the dense layer.
        bias: whether the dense layer has one.
        norm: the norm that follows, or None.
        width: of what comes out; None for the width of what comes in.
        dropout: share of what comes in that is dropped, in training.
    """

    activation: Activation
    bias: bool = True
    norm: NormConfig | None = None
    width: int | None = None
    dropout: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class LMHeadConfig:
    """The language-model head: a transform or none, then the token table read backwards.

    Attributes:
        transform: what stands before the table, or None.
        bias: whether each vocabulary entry has a learned bias.
        tied: whether the table is that of the embedding; else the head has one of its own.
        predicts: which tokens the scores at a row are for, relative to the row: 0 is the row's own,
            1 the next. With several, the hidden state is cut into as many equal parts.
    """

    transform: TransformConfig | None
    bias: bool = True
    tied: bool = True
    predicts: tuple[int, ...] = (0,)


@dataclass(frozen=True, kw_only=True, slots=True)
class SequenceHeadConfig:
    """The sequence head: pooling, a transform or none, dropout, one row of weights per label.

    Attributes:
        labels: their names, in the order of the outputs.
        pooling: how a sequence becomes one vector.
        transform: what stands between, or None.
        dropout: share dropped before the last layer, in training.
        bias: whether each label has one.
    """

    labels: tuple[str, ...]
    pooling: Pooling
    transform: TransformConfig | None
    dropout: float = 0.0
    bias: bool = True


TokenTask = Literal["token", "span", "discriminator"]


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenHeadConfig:
    """A head over every token: a transform or none, dropout, one row of weights per output.

    Attributes:
        task: "token" scores labels, "span" the start and the end of an answer (two outputs),
            "discriminator" whether the token was replaced (one output).
        labels: names of the labels of "token", in the order of the outputs; else empty.
        transform: what stands before the last layer, or None.
        dropout: share dropped before the last layer, in training.
    """

    task: TokenTask
    labels: tuple[str, ...] = ()
    transform: TransformConfig | None = None
    dropout: float = 0.0

    @property
    def outputs(self) -> int:
        """Scores for each token."""
        return {"token": len(self.labels), "span": 2, "discriminator": 1}[self.task]


@dataclass(frozen=True, kw_only=True, slots=True)
class PretrainingHeadConfig:
    """Two heads side by side: one predicts tokens, one says what a pair of texts is.

    Attributes:
        tokens: the language-model head.
        pairs: the head over sequences, each of which is a pair.
    """

    tokens: LMHeadConfig
    pairs: SequenceHeadConfig


HeadConfig = LMHeadConfig | SequenceHeadConfig | TokenHeadConfig | PretrainingHeadConfig
