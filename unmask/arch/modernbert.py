"""ModernBERT (Warner et al. 2024): rotary positions, pre-norm without biases, GeGLU, and layers
that look 64 tokens to each side, with every third one looking at the whole sequence."""

from __future__ import annotations

from typing import Literal

from unmask.arch import own
from unmask.arch.modernbert_config import ModernBertConfig
from unmask.arch.published import ACTIVATIONS
from unmask.arch.rope import LayerType
from unmask.arch.spec import Arch, Head
from unmask.arch.weights import Rename, Tied, project_rule
from unmask.nn.config import (
    AttentionConfig,
    EmbeddingConfig,
    EncoderConfig,
    LayerConfig,
    LMHeadConfig,
    MlpConfig,
    NormConfig,
    Rope,
    SequenceHeadConfig,
    TokenHeadConfig,
    TransformConfig,
)


def _norm(c: ModernBertConfig) -> NormConfig:
    return NormConfig(kind=c.norm, eps=c.norm_eps, bias=c.norm_bias)


def encoder(c: ModernBertConfig) -> EncoderConfig:
    """Pre-norm layers; the first has no norm before attention, since the embedding ends in one."""

    def layer(index: int, kind: LayerType) -> LayerConfig:
        return LayerConfig(
            attention=AttentionConfig(
                heads=c.num_attention_heads,
                window=c.local_attention // 2 if kind == "sliding_attention" else None,
                position=Rope(c.rope_parameters[kind].rope_theta),
                bias=c.attention_bias,
                dropout=c.attention_dropout,
                out_dropout=c.attention_dropout,
            ),
            mlp=MlpConfig(
                hidden=c.intermediate_size,
                activation=ACTIVATIONS[c.hidden_activation],
                gated=True,
                bias=c.mlp_bias,
                dropout=c.mlp_dropout,
            ),
            before_attention=None if index == 0 else _norm(c),
            before_mlp=_norm(c),
        )

    return EncoderConfig(
        width=c.hidden_size,
        context=c.max_position_embeddings,
        embedding=EmbeddingConfig(vocab=c.vocab_size, norm=_norm(c), dropout=c.embedding_dropout),
        layers=tuple(layer(index, kind) for index, kind in enumerate(c.layer_types)),
        weights_of=tuple(range(c.num_hidden_layers)),
        final_norm=_norm(c),
    )


def _transform(c: ModernBertConfig) -> TransformConfig:
    activation = ACTIVATIONS[c.classifier_activation]
    return TransformConfig(activation=activation, bias=c.classifier_bias, norm=_norm(c))


def lm(c: ModernBertConfig, labels: tuple[str, ...]) -> LMHeadConfig:
    """Dense, GELU, norm, then the token table, with a bias by default."""
    c.require_tied()
    return LMHeadConfig(transform=_transform(c), bias=c.decoder_bias)


def sequence(c: ModernBertConfig, labels: tuple[str, ...]) -> SequenceHeadConfig:
    """First token or mean, then dense, GELU, norm."""
    return SequenceHeadConfig(
        labels=labels,
        pooling=c.classifier_pooling,
        transform=_transform(c),
        dropout=c.classifier_dropout,
    )


def token(c: ModernBertConfig, labels: tuple[str, ...]) -> TokenHeadConfig:
    """Dense, GELU, norm at every token."""
    return TokenHeadConfig(
        task="token", labels=labels, transform=_transform(c), dropout=c.classifier_dropout
    )


def span(c: ModernBertConfig, labels: tuple[str, ...]) -> TokenHeadConfig:
    """The same for the two ends of an answer."""
    return TokenHeadConfig(task="span", transform=_transform(c), dropout=c.classifier_dropout)


def sized(
    layers: int,
    width: int,
    heads: int,
    *,
    vocab_size: int,
    context: int,
    pad_token_id: int,
    norm: Literal["layer", "rms"] = "layer",
) -> ModernBertConfig:
    """A ModernBERT of any size. GeGLU's two thirds of 4 x width keep the parameters of a plain
    block; rounded to a multiple of 64 for the matrix units."""
    return ModernBertConfig.check(
        {
            "vocab_size": vocab_size,
            "hidden_size": width,
            "num_hidden_layers": layers,
            "num_attention_heads": heads,
            "intermediate_size": 1152 if width == 768 else round(width * 8 / 3 / 64) * 64,
            "max_position_embeddings": context,
            "pad_token_id": pad_token_id,
            # The published ids are those of one tokenizer; ours are known when it is saved.
            **dict.fromkeys(("bos_token_id", "eos_token_id", "cls_token_id", "sep_token_id")),
            "norm": norm,
        }
    )


HEAD = (
    Rename("head.transform.dense.*", "head.dense.*"),
    Rename("head.transform.norm.*", "head.norm.*"),
)
LABELS = (*HEAD, project_rule("classifier"))
MODERNBERT = Arch(
    name="modernbert",
    configs={"modernbert": ModernBertConfig},
    stems={"modernbert": "ModernBert"},
    encoder=encoder,
    sized=sized,
    prefix="model.",
    own_heads=own.discriminator(_transform),
    token_ids={
        "pad_token_id": "pad",
        "cls_token_id": "cls",
        "sep_token_id": "sep",
        "bos_token_id": "cls",
        "eos_token_id": "sep",
    },
    weights=(
        Rename("encoder.embedding.tokens.weight", "@embeddings.tok_embeddings.weight"),
        Rename("encoder.embedding.norm.*", "@embeddings.norm.*"),
        Rename("encoder.layers.{}.before_attention.*", "@layers.{}.attn_norm.*"),
        Rename("encoder.layers.{}.attention.qkv.*", "@layers.{}.attn.Wqkv.*"),
        Rename("encoder.layers.{}.attention.out.*", "@layers.{}.attn.Wo.*"),
        Rename("encoder.layers.{}.before_mlp.*", "@layers.{}.mlp_norm.*"),
        Rename("encoder.layers.{}.mlp.up.*", "@layers.{}.mlp.Wi.*"),
        Rename("encoder.layers.{}.mlp.down.*", "@layers.{}.mlp.Wo.*"),
        Rename("encoder.final_norm.*", "@final_norm.*"),
    ),
    heads={
        "encoder": Head(suffix="Model", record=None),
        "lm": Head(
            suffix="ForMaskedLM",
            record=lm,
            weights=(
                *HEAD,
                Rename("head.bias", "decoder.bias"),
                Tied("decoder.weight", "@embeddings.tok_embeddings.weight"),
            ),
        ),
        "sequence": Head(suffix="ForSequenceClassification", record=sequence, weights=LABELS),
        "token": Head(suffix="ForTokenClassification", record=token, weights=LABELS),
        "span": Head(suffix="ForQuestionAnswering", record=span, weights=LABELS),
    },
)
