"""MPNet (Song et al. 2020): RoBERTa without segments, and a bias by bucketed distance that all
layers share."""

from __future__ import annotations

from typing import Literal

from unmask.arch import postnorm
from unmask.arch.postnorm import POOLER, PostNormConfig, span_head, token_head
from unmask.arch.spec import Arch, Head
from unmask.arch.weights import Fuse, Rename
from unmask.nn.config import (
    Bucketed,
    EncoderConfig,
    SequenceHeadConfig,
    TransformConfig,
)

FIRST = 2  # the row of the first position; a constant in the published code, whatever the padding
FARTHEST = 128


class MPNetConfig(PostNormConfig):
    """The fields of a published MPNet `config.json`, and `classifier_pooling`, which is ours.

    The published code reads 32 buckets whatever the field says, so no other number is served.
    """

    model_type: Literal["mpnet"] = "mpnet"
    relative_attention_num_buckets: Literal[32] = 32
    pad_token_id: int | None = 1
    bos_token_id: int | None = 0
    eos_token_id: int | list[int] | None = 2


def encoder(c: MPNetConfig) -> EncoderConfig:
    """BERT's layers with the shared bias in every attention."""
    layer = postnorm.bert_layer(
        c, Bucketed(buckets=c.relative_attention_num_buckets, farthest=FARTHEST)
    )
    embedding = postnorm.bert_embedding(c, first_position=FIRST)
    return postnorm.stack(c, layer, embedding, unused=FIRST)


def sequence(c: MPNetConfig, labels: tuple[str, ...]) -> SequenceHeadConfig:
    """Two layers on the first token, dropout before each."""
    transform = TransformConfig(activation="tanh", dropout=c.hidden_dropout_prob)
    return postnorm.sequence_head(c, labels, transform, c.hidden_dropout_prob)


def sized(
    layers: int, width: int, heads: int, *, vocab_size: int, context: int, pad_token_id: int
) -> MPNetConfig:
    """An MPNet of any size."""
    sizes = postnorm.sizes(layers, width, heads, vocab_size, context + FIRST)
    open_ids = dict.fromkeys(("bos_token_id", "eos_token_id"))
    own = {**open_ids, "pad_token_id": pad_token_id}
    return MPNetConfig.check({**sizes, **postnorm.NO_DROPOUT, **own})


ATTENTION = "@encoder.layer.{}.attention."
MPNET = Arch(
    name="mpnet",
    configs={"mpnet": MPNetConfig},
    stems={"mpnet": "MPNet"},
    encoder=encoder,
    sized=sized,
    prefix="mpnet.",
    token_ids={"pad_token_id": "pad", "bos_token_id": "cls", "eos_token_id": "sep"},
    weights=(
        *postnorm.embedding_rules(segments=False),
        Rename("encoder.relative.table.weight", "@encoder.relative_attention_bias.weight"),
        Fuse(
            "encoder.layers.{}.attention.qkv.*",
            tuple(f"{ATTENTION}attn.{part}.*" for part in ("q", "k", "v")),
        ),
        Rename("encoder.layers.{}.attention.out.*", f"{ATTENTION}attn.o.*"),
        Rename("encoder.layers.{}.after_attention.*", f"{ATTENTION}LayerNorm.*"),
        *postnorm.feed_forward_rules(),
    ),
    heads={
        "encoder": postnorm.BARE,
        "lm": postnorm.ROBERTA_LM,
        "sequence": Head(
            suffix="ForSequenceClassification",
            record=sequence,
            weights=(
                *postnorm.TWO_LAYERS,
                POOLER,
            ),
        ),
        "token": token_head(lambda c: c.hidden_dropout_prob, POOLER),
        "span": span_head(POOLER),
    },
)
