"""What the architectures of BERT's line share: the layer of 2018, its names, and heads for labels.

Such a layer adds and then normalises (post-norm), after attention and after the feed-forward block.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from unmask.arch.published import (
    ACTIVATIONS,
    HiddenAct,
    Positive,
    PublishedConfig,
    Share,
    TransformerConfig,
)
from unmask.arch.spec import Head
from unmask.arch.weights import Aside, Fuse, Kept, Rename, Rule, Tied, project_rule
from unmask.nn.config import (
    AttentionConfig,
    EmbeddingConfig,
    EncoderConfig,
    LayerConfig,
    LMHeadConfig,
    MlpConfig,
    NormConfig,
    Position,
    PretrainingHeadConfig,
    SequenceHeadConfig,
    TokenHeadConfig,
    TransformConfig,
)


class PostNormConfig(TransformerConfig):
    """The fields that published configs of this line share."""

    hidden_act: HiddenAct = "gelu"
    hidden_dropout_prob: Share = 0.1
    attention_probs_dropout_prob: Share = 0.1
    layer_norm_eps: Positive = 1e-12


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
        position: how distances enter attention.
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


def bert_layer(c: PostNormConfig, position: Position | None = None) -> LayerConfig:
    """BERT's layer, with one share dropped everywhere but in attention."""
    return layer(
        c,
        activation=c.hidden_act,
        eps=c.layer_norm_eps,
        attention_dropout=c.attention_probs_dropout_prob,
        out_dropout=c.hidden_dropout_prob,
        mlp_dropout=c.hidden_dropout_prob,
        position=position,
    )


def bert_embedding(
    c: PostNormConfig,
    *,
    segments: int = 0,
    positions: bool = True,
    first_position: int = 0,
    width: int | None = None,
    widen: Literal["project"] | None = None,
) -> EmbeddingConfig:
    """BERT's embedding; the arguments are those of its record."""
    return EmbeddingConfig(
        vocab=c.vocab_size,
        width=width,
        positions=c.max_position_embeddings if positions else None,
        first_position=first_position,
        segments=segments,
        norm=NormConfig(eps=c.layer_norm_eps),
        dropout=c.hidden_dropout_prob,
        widen=widen,
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
    c: PublishedConfig, activation: HiddenAct, eps: float, width: int | None = None
) -> LMHeadConfig:
    """Dense, activation, norm, then the token table with a bias.

    Args:
        width: of the table, where it is not the encoder's.
    """
    c.require_tied()
    transform = TransformConfig(
        activation=ACTIVATIONS[activation], norm=NormConfig(eps=eps), width=width
    )
    return LMHeadConfig(transform=transform)


PAIR_LABELS = ("next", "other")
"""What a pair may be, by its number in the published heads: its texts as they followed each other;
or another second text (Devlin et al. 2018), or the two exchanged (Lan et al. 2019)."""


def pretraining_head(
    record: Callable[[Any, tuple[str, ...]], LMHeadConfig],
    rules: tuple[Rule, ...],
    pooler: str,
    project: str,
    dropout: Callable[[Any], float] = lambda _: 0.0,
) -> Head[Any]:
    """The language-model head, and one layer for pairs on the pooler: dense, tanh, first token.

    Args:
        record, rules: of the language-model head by itself.
        pooler, project: what a checkpoint calls the pooler's dense layer and the last layer.
        dropout: what is dropped before the last layer.
    """

    def both(c: PublishedConfig, labels: tuple[str, ...]) -> PretrainingHeadConfig:
        pairs = SequenceHeadConfig(
            labels=PAIR_LABELS,
            pooling="cls",
            transform=TransformConfig(activation="tanh"),
            dropout=dropout(c),
        )
        return PretrainingHeadConfig(tokens=record(c, labels), pairs=pairs)

    pairs = (
        Rename("pairs.transform.dense.*", f"{pooler}.*"),
        Rename("pairs.project.*", f"{project}.*"),
    )
    return Head(suffix="ForPreTraining", record=both, weights=(*rules, *pairs))


def token_head(dropout: Callable[[Any], float], *more: Rule) -> Head[Any]:
    """One dense layer at every token.

    Args:
        dropout: what is dropped before it.
        more: further rules for its checkpoints.
    """

    def record(c: PublishedConfig, labels: tuple[str, ...]) -> TokenHeadConfig:
        return TokenHeadConfig(task="token", labels=labels, dropout=dropout(c))

    weights = (project_rule("classifier"), *more)
    return Head(suffix="ForTokenClassification", record=record, weights=weights)


def span_head(*more: Rule, dropout: Callable[[Any], float] = lambda _: 0.0) -> Head[Any]:
    """One dense layer for the two ends of an answer; the arguments are those of `token_head`."""

    def record(c: PublishedConfig, labels: tuple[str, ...]) -> TokenHeadConfig:
        return TokenHeadConfig(task="span", dropout=dropout(c))

    weights = (project_rule("qa_outputs"), *more)
    return Head(suffix="ForQuestionAnswering", record=record, weights=weights)


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


def head_dropout(c: Any) -> float:
    """The head's own dropout, or where the config has none the encoder's."""
    return float(c.hidden_dropout_prob if c.classifier_dropout is None else c.classifier_dropout)


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


def lm_rules(transform: str, norm: str, bias: str, decoder: str) -> tuple[Rule, ...]:
    """The language-model head, of which the decoder repeats the token table and the bias.

    Args:
        transform, norm, bias, decoder: what a checkpoint calls the parts.
    """
    return (
        Rename("head.transform.dense.*", f"{transform}.*"),
        Rename("head.transform.norm.*", f"{norm}.*"),
        Rename("head.bias", bias),
        Tied(f"{decoder}.weight", "@embeddings.word_embeddings.weight"),
        Tied(f"{decoder}.bias", bias),
    )


CLS_LM = lm_rules(
    "cls.predictions.transform.dense",
    "cls.predictions.transform.LayerNorm",
    "cls.predictions.bias",
    "cls.predictions.decoder",
)
"""BERT's names of it."""
LM_HEAD = lm_rules("lm_head.dense", "lm_head.layer_norm", "lm_head.bias", "lm_head.decoder")
"""RoBERTa's."""
TWO_LAYERS = (
    Rename("head.transform.dense.*", "classifier.dense.*"),
    project_rule("classifier.out_proj"),
)
"""RoBERTa's names of its head on the first token."""
POOLER = Aside("@pooler.dense.*", "the pooler")
"""What checkpoints of other heads often have too."""
BARE: Head[Any] = Head(suffix="Model", record=None, weights=(Kept("@pooler.dense.*"),))
"""The bare encoder, whose published class has a pooler."""
ROBERTA_LM: Head[Any] = Head(
    suffix="ForMaskedLM",
    record=lambda c, _: masked_lm(c, "gelu", c.layer_norm_eps),
    weights=(*LM_HEAD, POOLER),
)
"""RoBERTa's language-model head, whatever the layers' activation is."""
