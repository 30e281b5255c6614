"""What the architectures of BERT's line share: the layer of 2018, its names, and heads for labels.

Such a layer adds and then normalises (post-norm), after attention and after the feed-forward block.
"""

from __future__ import annotations

from unmask.arch.published import ACTIVATIONS, HiddenAct, PublishedConfig, TransformerConfig
from unmask.arch.weights import Aside, Fuse, Rename, Rule
from unmask.nn.config import (
    AttentionConfig,
    EmbeddingConfig,
    EncoderConfig,
    LayerConfig,
    LMHeadConfig,
    MlpConfig,
    NormConfig,
    Position,
    SequenceHeadConfig,
    TransformConfig,
)


def layer(
    c: TransformerConfig,
    *,
    activation: HiddenAct,
    eps: float,
    attention_dropout: float,
    out_dropout: float,
    mlp_dropout: float,
    position: Position | None = None,
) -> LayerConfig:
    """One layer, with a norm after each of its two sums.

    Args:
        attention_dropout: of probabilities.
        out_dropout, mlp_dropout: of what attention and the feed-forward block give.
    """
    norm = NormConfig(eps=eps)
    return LayerConfig(
        attention=AttentionConfig(
            heads=c.num_attention_heads,
            position=position,
            dropout=attention_dropout,
            out_dropout=out_dropout,
        ),
        mlp=MlpConfig(
            hidden=c.intermediate_size,
            activation=ACTIVATIONS[activation],
            out_dropout=mlp_dropout,
        ),
        after_attention=norm,
        after_mlp=norm,
    )


def stack(
    c: PublishedConfig, layer: LayerConfig, embedding: EmbeddingConfig, *, unused: int = 0
) -> EncoderConfig:
    """As many equal layers as the config says, nothing shared.

    Args:
        unused: rows of the position table that no token reads.
    """
    return EncoderConfig(
        width=c.hidden_size,
        context=c.max_position_embeddings - unused,
        embedding=embedding,
        layers=(layer,) * c.num_hidden_layers,
        weights_of=tuple(range(c.num_hidden_layers)),
    )


def masked_lm(
    c: PublishedConfig, activation: HiddenAct, eps: float, *, width: int | None = None
) -> LMHeadConfig:
    """Dense, activation, norm, then the token table with a bias."""
    c.require_tied()
    transform = TransformConfig(
        activation=ACTIVATIONS[activation], norm=NormConfig(eps=eps), width=width
    )
    return LMHeadConfig(transform=transform)


def sequence_head(
    c: PublishedConfig, labels: tuple[str, ...], transform: TransformConfig, dropout: float
) -> SequenceHeadConfig:
    """The published head on the first token; or, where another pooling is asked for, that alone.

    A transform is trained for what it is given, so another pooling goes without.
    """
    published = c.classifier_pooling == type(c).model_fields["classifier_pooling"].default
    return SequenceHeadConfig(
        labels=labels,
        pooling=c.classifier_pooling,
        transform=transform if published else None,
        dropout=dropout,
    )


def first_given(*shares: float | None) -> float:
    """The first that is not None: heads have a dropout of their own, or the encoder's."""
    return next(share for share in shares if share is not None)


def sizes(layers: int, width: int, heads: int, vocab_size: int, context: int) -> dict[str, int]:
    """The fields that every transformer's size consists of, with a plain feed-forward block."""
    return {
        "vocab_size": vocab_size,
        "hidden_size": width,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "intermediate_size": 4 * width,
        "max_position_embeddings": context,
    }


NO_DROPOUT = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
"""Of a new model: pretraining overfits too little to want any."""


def embedding_rules(positions: bool = True, segments: bool = True) -> tuple[Rule, ...]:
    """BERT's names in the embedding."""
    tables = {"tokens": "word_embeddings"}
    tables |= {"positions": "position_embeddings"} if positions else {}
    tables |= {"segments": "token_type_embeddings"} if segments else {}
    return (
        *(
            Rename(f"encoder.embedding.{ours}.weight", f"@embeddings.{theirs}.weight")
            for ours, theirs in tables.items()
        ),
        Rename("encoder.embedding.norm.*", "@embeddings.LayerNorm.*"),
        Aside("@embeddings.position_ids", "a constant: 0, 1, 2, ..."),
    )


def layer_rules(names: tuple[str, str, str] = ("query", "key", "value")) -> tuple[Rule, ...]:
    """BERT's names in a layer; architectures differ in what they call the three projections."""
    attention = "@encoder.layer.{}.attention."
    return (
        Fuse(
            "encoder.layers.{}.attention.qkv.*",
            tuple(f"{attention}self.{name}.*" for name in names),
        ),
        Rename("encoder.layers.{}.attention.out.*", f"{attention}output.dense.*"),
        Rename("encoder.layers.{}.after_attention.*", f"{attention}output.LayerNorm.*"),
        *feed_forward_rules(),
    )


def feed_forward_rules() -> tuple[Rule, ...]:
    """BERT's names in the second half of a layer."""
    return (
        Rename("encoder.layers.{}.mlp.up.*", "@encoder.layer.{}.intermediate.dense.*"),
        Rename("encoder.layers.{}.mlp.down.*", "@encoder.layer.{}.output.dense.*"),
        Rename("encoder.layers.{}.after_mlp.*", "@encoder.layer.{}.output.LayerNorm.*"),
    )


def project_rule(name: str) -> Rename:
    """The last layer of a head that scores labels, ends of answers or replaced tokens."""
    return Rename("head.project.*", f"{name}.*")
