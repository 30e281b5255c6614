"""RoBERTa (Liu et al. 2019), and XLM-RoBERTa and CamemBERT, which differ in their vocabulary: BERT
with positions that start behind the padding id, and a head of two layers on the first token."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import model_validator

from unmask.arch import postnorm
from unmask.arch.postnorm import first_given, project_rule
from unmask.arch.published import Count, HiddenAct, Positive, Share, TransformerConfig
from unmask.arch.spec import Arch, Head
from unmask.arch.weights import Aside, Kept, Rename, Tied
from unmask.nn.config import (
    EmbeddingConfig,
    EncoderConfig,
    NormConfig,
    SequenceHeadConfig,
    TokenHeadConfig,
    TransformConfig,
)


class RobertaConfig(TransformerConfig):
    """The fields of a published RoBERTa `config.json`, and `classifier_pooling`, which is ours."""

    model_type: Literal["roberta", "xlm-roberta", "camembert"] = "roberta"
    hidden_act: HiddenAct = "gelu"
    hidden_dropout_prob: Share = 0.1
    attention_probs_dropout_prob: Share = 0.1
    type_vocab_size: Count = 2
    layer_norm_eps: Positive = 1e-12
    pad_token_id: int = 1
    bos_token_id: int | None = 0
    eos_token_id: int | list[int] | None = 2
    classifier_dropout: Share | None = None

    @model_validator(mode="after")
    def _check_positions(self) -> Self:
        if not 0 <= self.pad_token_id < self.max_position_embeddings - 1:
            raise ValueError(
                f"positions start at pad_token_id + 1, which must be a row of the table, but "
                f"pad_token_id={self.pad_token_id} and "
                f"max_position_embeddings={self.max_position_embeddings}"
            )
        return self


def encoder(c: RobertaConfig) -> EncoderConfig:
    """BERT's layers; the table's first rows, up to the padding id, are never read."""
    layer = postnorm.layer(
        c,
        activation=c.hidden_act,
        eps=c.layer_norm_eps,
        attention_dropout=c.attention_probs_dropout_prob,
        out_dropout=c.hidden_dropout_prob,
        mlp_dropout=c.hidden_dropout_prob,
    )
    embedding = EmbeddingConfig(
        vocab=c.vocab_size,
        positions=c.max_position_embeddings,
        first_position=c.pad_token_id + 1,
        segments=c.type_vocab_size,
        norm=NormConfig(eps=c.layer_norm_eps),
        dropout=c.hidden_dropout_prob,
    )
    return postnorm.stack(c, layer, embedding, unused=c.pad_token_id + 1)


def sequence(c: RobertaConfig, labels: tuple[str, ...]) -> SequenceHeadConfig:
    """Two layers on the first token, dropout before each."""
    dropout = first_given(c.classifier_dropout, c.hidden_dropout_prob)
    transform = TransformConfig(activation="tanh", dropout=dropout)
    return postnorm.sequence_head(c, labels, transform, dropout)


def token(c: RobertaConfig, labels: tuple[str, ...]) -> TokenHeadConfig:
    """One dense layer."""
    dropout = first_given(c.classifier_dropout, c.hidden_dropout_prob)
    return TokenHeadConfig(task="token", labels=labels, dropout=dropout)


def sized(
    layers: int, width: int, heads: int, *, vocab_size: int, context: int, pad_token_id: int
) -> RobertaConfig:
    """A RoBERTa of any size; its position table has rows for the positions that are not used."""
    sizes = postnorm.sizes(layers, width, heads, vocab_size, context + pad_token_id + 1)
    own = {"type_vocab_size": 1, "pad_token_id": pad_token_id}
    open_ids = dict.fromkeys(("bos_token_id", "eos_token_id"))
    return RobertaConfig.check({**sizes, **postnorm.NO_DROPOUT, **own, **open_ids})


POOLER = Aside("@pooler.dense.*", "the pooler")
ROBERTA = Arch(
    name="roberta",
    configs=dict.fromkeys(("roberta", "xlm-roberta", "camembert"), RobertaConfig),
    stems={"roberta": "Roberta", "xlm-roberta": "XLMRoberta", "camembert": "Camembert"},
    encoder=encoder,
    sized=sized,
    prefix="roberta.",
    token_ids={"pad_token_id": "pad", "bos_token_id": "cls", "eos_token_id": "sep"},
    weights=(*postnorm.embedding_rules(), *postnorm.layer_rules()),
    heads={
        "encoder": Head(suffix="Model", record=None, weights=(Kept("@pooler.dense.*"),)),
        "lm": Head(
            suffix="ForMaskedLM",
            record=lambda c, _: postnorm.masked_lm(c, "gelu", c.layer_norm_eps),
            weights=(
                Rename("head.transform.dense.*", "lm_head.dense.*"),
                Rename("head.transform.norm.*", "lm_head.layer_norm.*"),
                Rename("head.bias", "lm_head.bias"),
                Tied("lm_head.decoder.weight", "@embeddings.word_embeddings.weight"),
                Tied("lm_head.decoder.bias", "lm_head.bias"),
                POOLER,
            ),
        ),
        "sequence": Head(
            suffix="ForSequenceClassification",
            record=sequence,
            weights=(
                Rename("head.transform.dense.*", "classifier.dense.*"),
                project_rule("classifier.out_proj"),
                POOLER,
            ),
        ),
        "token": Head(
            suffix="ForTokenClassification",
            record=token,
            weights=(project_rule("classifier"), POOLER),
        ),
        "span": Head(
            suffix="ForQuestionAnswering",
            record=lambda c, _: TokenHeadConfig(task="span"),
            weights=(project_rule("qa_outputs"), POOLER),
        ),
    },
)
