"""The decoder-only baseline: Llama (Touvron et al. 2023) and Qwen2 (Yang et al. 2024).

Causal, pre-norm with RMS norms, rotary positions, SwiGLU, heads of keys and values that several
heads of queries share.
"""

from __future__ import annotations

from unmask.arch.decoder_config import DecoderConfig, LlamaConfig, Qwen2Config, biases, windows
from unmask.arch.published import ACTIVATIONS
from unmask.arch.spec import Arch, Head
from unmask.arch.weights import Aside, Fuse, Rename, Rule, Tied, project_rule
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
)


def encoder(c: DecoderConfig) -> EncoderConfig:
    """Pre-norm layers; some of Qwen2's may see only the last tokens."""
    norm = NormConfig(kind="rms", eps=c.rms_norm_eps)
    qkv_bias, out_bias, mlp_bias = biases(c)

    def layer(window: int | None) -> LayerConfig:
        return LayerConfig(
            attention=AttentionConfig(
                heads=c.num_attention_heads,
                groups=c.key_heads,
                head_width=c.head_dim,
                window=window,
                causal=True,
                position=Rope(c.rope_parameters.rope_theta),
                bias=qkv_bias,
                out_bias=out_bias,
                dropout=c.attention_dropout,
            ),
            mlp=MlpConfig(
                hidden=c.intermediate_size,
                activation=ACTIVATIONS[c.hidden_act],
                gated=True,
                bias=mlp_bias,
            ),
            before_attention=norm,
            before_mlp=norm,
        )

    return EncoderConfig(
        width=c.hidden_size,
        context=c.max_position_embeddings,
        embedding=EmbeddingConfig(vocab=c.vocab_size, norm=None),
        layers=tuple(layer(window) for window in windows(c)),
        weights_of=tuple(range(c.num_hidden_layers)),
        final_norm=norm,
    )


def lm(c: DecoderConfig, labels: tuple[str, ...]) -> LMHeadConfig:
    """The token table read backwards, or a table of its own; for the next token."""
    return LMHeadConfig(transform=None, bias=False, tied=c.tie_word_embeddings, predicts=(1,))


def sequence(c: DecoderConfig, labels: tuple[str, ...]) -> SequenceHeadConfig:
    """One row of weights per label on the last token, the only one that has seen all others."""
    return SequenceHeadConfig(
        labels=labels, pooling=c.classifier_pooling, transform=None, bias=False
    )


def token(c: DecoderConfig, labels: tuple[str, ...]) -> TokenHeadConfig:
    """One dense layer."""
    dropout = 0.1 if c.classifier_dropout is None else c.classifier_dropout
    return TokenHeadConfig(task="token", labels=labels, dropout=dropout)


def weights(c: DecoderConfig) -> tuple[Rule, ...]:
    """Keys and values have fewer rows than queries where heads are shared."""
    heads = (c.num_attention_heads, c.key_heads, c.key_heads)
    attention, mlp = "@layers.{}.self_attn.", "@layers.{}.mlp."
    return (
        Rename("encoder.embedding.tokens.weight", "@embed_tokens.weight"),
        Rename("encoder.layers.{}.before_attention.*", "@layers.{}.input_layernorm.*"),
        Fuse(
            "encoder.layers.{}.attention.qkv.*",
            tuple(f"{attention}{part}_proj.*" for part in ("q", "k", "v")),
            heads,
        ),
        Rename("encoder.layers.{}.attention.out.*", f"{attention}o_proj.*"),
        Rename("encoder.layers.{}.before_mlp.*", "@layers.{}.post_attention_layernorm.*"),
        Fuse("encoder.layers.{}.mlp.up.*", (f"{mlp}gate_proj.*", f"{mlp}up_proj.*")),
        Rename("encoder.layers.{}.mlp.down.*", f"{mlp}down_proj.*"),
        Rename("encoder.final_norm.*", "@norm.*"),
        Aside("@layers.{}.self_attn.rotary_emb.inv_freq", "a constant: the rotary frequencies"),
    )


def lm_weights(c: DecoderConfig) -> tuple[Rule, ...]:
    """A tied table is not stored twice."""
    if c.tie_word_embeddings:
        return (Tied("lm_head.weight", "@embed_tokens.weight"),)
    return (Rename("head.table.weight", "lm_head.weight"),)


def sized(
    layers: int, width: int, heads: int, *, vocab_size: int, context: int, pad_token_id: int
) -> DecoderConfig:
    """A decoder with the parameters of an encoder of that size: SwiGLU has two thirds of 4 x width,
    and the token table serves both ends."""
    return LlamaConfig.check(
        {
            "vocab_size": vocab_size,
            "hidden_size": width,
            "num_hidden_layers": layers,
            "num_attention_heads": heads,
            "intermediate_size": round(width * 8 / 3 / 64) * 64,
            "max_position_embeddings": context,
            "pad_token_id": pad_token_id,
            **dict.fromkeys(("bos_token_id", "eos_token_id")),
            "tie_word_embeddings": True,
        }
    )


DECODER = Arch[DecoderConfig](
    name="decoder",
    configs={"llama": LlamaConfig, "qwen2": Qwen2Config},
    stems={"llama": "Llama", "qwen2": "Qwen2"},
    encoder=encoder,
    sized=sized,
    prefix="model.",
    token_ids={"pad_token_id": "pad", "bos_token_id": "cls", "eos_token_id": "sep"},
    roles=(),
    weights=weights,
    heads={
        "encoder": Head(suffix="Model", record=None),
        "lm": Head(suffix="ForCausalLM", record=lm, weights=lm_weights),
        "sequence": Head(
            suffix="ForSequenceClassification", record=sequence, weights=(project_rule("score"),)
        ),
        "token": Head(
            suffix="ForTokenClassification", record=token, weights=(project_rule("score"),)
        ),
        "span": Head(
            suffix="ForQuestionAnswering",
            record=lambda c, _: TokenHeadConfig(task="span"),
            weights=(project_rule("qa_outputs"),),
            prefix="transformer.",
        ),
    },
)
