"""Tiny oracles with odd sizes and random weights: what ours is compared with.

Models of `transformers`, and for `elmo`, which it does not have, `torch.nn.LSTM` text by text.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import transformers

from tests.parity.recurrent import elmo_oracle, write_elmo
from unmask.arch.registry import arch_of
from unmask.arch.spec import HeadKind
from unmask.tokens import Tokenizer, train

LABELS = ("negative", "neutral", "positive")
CONTEXT = 72  # the longest length allowed
VOCAB = 331  # more rows than the tokenizer has ids, and no round number

TEXTS = [
    "The quick brown fox jumps over the lazy dog, and the dog doesn't mind: it sleeps on.",
    "A tiny model with odd sizes is saved by one library and opened by the other.",
    "Whole words are masked; punctuation stands by itself! Numbers, too: 3.14 and 2,718.",
]

# Shared by most rows: 3 heads of 20, and every size different from every other.
_COMMON: dict[str, Any] = {
    "vocab_size": VOCAB,
    "hidden_size": 60,
    "num_attention_heads": 3,
    "intermediate_size": 52,
    "max_position_embeddings": CONTEXT,
    "pad_token_id": 0,
}
_BERT = {
    **_COMMON,
    "num_hidden_layers": 3,
    "type_vocab_size": 3,
    "layer_norm_eps": 0.013,  # large enough to matter
    "hidden_dropout_prob": 0.0,
    "attention_probs_dropout_prob": 0.0,
}
_LATER_IDS = {"bos_token_id": 2, "eos_token_id": 3}
_ROBERTA = {
    **_BERT,
    **_LATER_IDS,
    "type_vocab_size": 1,
    "pad_token_id": 1,
    "max_position_embeddings": CONTEXT + 2,
}
_DISTILBERT = {
    "vocab_size": VOCAB,
    "dim": 60,
    "n_heads": 3,
    "n_layers": 3,
    "hidden_dim": 52,
    "max_position_embeddings": CONTEXT,
    "pad_token_id": 0,
    **dict.fromkeys(("dropout", "attention_dropout", "qa_dropout", "seq_classif_dropout"), 0.0),
}
_ALBERT = {
    **_BERT,
    **_LATER_IDS,
    "embedding_size": 28,
    "classifier_dropout_prob": 0.0,
}
_MPNET = {k: v for k, v in _ROBERTA.items() if k != "type_vocab_size"}
# Buckets of 12 rows: distances from 6 on share them, and the last is reached within the context.
_DEBERTA = {
    **_BERT,
    "type_vocab_size": 0,
    "relative_attention": True,
    "share_att_key": True,
    "pos_att_type": ["p2c", "c2p"],
    "position_buckets": 12,
    "max_relative_positions": 50,
    "position_biased_input": False,
    "norm_rel_ebd": "layer_norm",
    "pooler_hidden_act": "gelu",
}
_DEBERTA_PLAIN = {
    "type_vocab_size": 3,
    "position_biased_input": True,
    "position_buckets": -1,
    "max_relative_positions": 30,
    "norm_rel_ebd": "none",
    "pos_att_type": "c2p",
}
# A window of 5 to each side is read in blocks of 16 queries, so most sequences cross their borders.
_MODERNBERT = {
    **_COMMON,
    **_LATER_IDS,
    "num_hidden_layers": 5,
    "local_attention": 10,
    "norm_eps": 0.017,
    "cls_token_id": 2,
    "sep_token_id": 3,
    "classifier_pooling": "mean",
}
_BIASES = dict.fromkeys(("norm_bias", "attention_bias", "mlp_bias", "classifier_bias"), True)
_FIRST_TOKEN = {"classifier_pooling": "cls", "decoder_bias": False}
_PREVIOUS = {
    "global_attn_every_n_layers": 2,
    "global_rope_theta": 5000.0,
    "local_rope_theta": 300.0,
}
# Six heads of queries share three of keys and values; a base so small that every position matters.
_DECODER = {
    **_COMMON,
    **_LATER_IDS,
    "num_attention_heads": 6,
    "num_key_value_heads": 3,
    "num_hidden_layers": 3,
    "rms_norm_eps": 0.013,
    "rope_parameters": {"rope_type": "default", "rope_theta": 500.0},
    "tie_word_embeddings": True,
    "classifier_dropout": 0.0,
}
_OLD_ROPE = {"rope_theta": 500.0}
_UNTIED = {"tie_word_embeddings": False, "attention_bias": True, "mlp_bias": True, "head_dim": 14}
_SLIDING = {"use_sliding_window": True, "sliding_window": 6, "max_window_layers": 1}
_ELMO = {
    "vocab_size": VOCAB,
    "hidden_size": 60,
    "num_hidden_layers": 3,
    "cell_size": 44,
    "max_position_embeddings": CONTEXT,
    "pad_token_id": 0,
    "classifier_dropout": 0.0,
}


@dataclass(frozen=True)
class Row:
    """One configuration of one architecture.

    Attributes:
        arch: its name here.
        variant: what is special.
        settings: arguments of the configuration.
        model_type: its name in `transformers`; None where it has none.
        previous: what `config.json` is rewritten with, in the previous published format: fields to
            leave out, and fields to add.
        renamed: whether `config.json` written here says the same in other words.
    """

    arch: str
    variant: str
    settings: Mapping[str, Any] = field(hash=False)
    model_type: str | None = None
    previous: tuple[tuple[str, ...], Mapping[str, Any]] | None = field(default=None, hash=False)
    renamed: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return f"{self.arch}, {self.variant}"

    @property
    def published(self) -> bool:
        """Whether `transformers` has the architecture."""
        return self.model_type is not None

    @property
    def segments(self) -> int:
        return int(self.settings.get("type_vocab_size", 0))

    @property
    def padding(self) -> int:
        return int(self.settings["pad_token_id"])

    @property
    def heads(self) -> tuple[HeadKind, ...]:
        return tuple(arch_of(self.arch).heads)


ROWS: tuple[Row, ...] = (
    Row("bert", "as published", _BERT, "bert"),
    Row(
        "bert",
        "approximate GELU, one segment",
        {**_BERT, "hidden_act": "gelu_new", "type_vocab_size": 1},
        "bert",
    ),
    Row("roberta", "as published", _ROBERTA, "roberta"),
    Row("roberta", "XLM-RoBERTa", {**_ROBERTA, "type_vocab_size": 2}, "xlm-roberta"),
    Row("roberta", "CamemBERT", {**_ROBERTA, "hidden_act": "relu"}, "camembert"),
    Row("distilbert", "as published", _DISTILBERT, "distilbert"),
    Row("electra", "narrow embedding", {**_BERT, "embedding_size": 28}, "electra"),
    Row("electra", "equal widths", {**_BERT, "embedding_size": 60}, "electra"),
    Row("albert", "as published", _ALBERT, "albert"),
    Row("albert", "two groups", {**_ALBERT, "num_hidden_groups": 2}, "albert"),
    Row("mpnet", "as published", _MPNET, "mpnet"),
    Row("deberta_v2", "as in DeBERTa-v3", _DEBERTA, "deberta-v2"),
    Row(
        "deberta_v2",
        "no buckets, one term, learned positions, segments",
        {**_DEBERTA, **_DEBERTA_PLAIN},
        "deberta-v2",
    ),
    Row(
        "deberta_v2",
        "other names of the head",
        {**_DEBERTA, "legacy": False},
        "deberta-v2",
        renamed=("legacy",),
    ),
    Row("modernbert", "as published", _MODERNBERT, "modernbert"),
    Row(
        "modernbert",
        "every bias, first token",
        {**_MODERNBERT, **_BIASES, **_FIRST_TOKEN},
        "modernbert",
    ),
    Row(
        "modernbert",
        "previous config format",
        {**_MODERNBERT, **_PREVIOUS},
        "modernbert",
        previous=(("layer_types", "rope_parameters"), _PREVIOUS),
    ),
    Row("decoder", "Llama, tied", _DECODER, "llama"),
    Row(
        "decoder",
        "Llama, untied, every bias, wide heads, previous config format",
        {**_DECODER, **_UNTIED},
        "llama",
        previous=(("rope_parameters",), _OLD_ROPE),
    ),
    Row("decoder", "Qwen2, sliding window", {**_DECODER, **_SLIDING}, "qwen2"),
    Row("elmo", "projected", _ELMO),
    Row("elmo", "cells as wide as a direction", {**_ELMO, "cell_size": 30}),
)

_CLASSES: Mapping[HeadKind, Any] = {
    "encoder": transformers.AutoModel,
    "lm": transformers.AutoModelForMaskedLM,
    "pretraining": transformers.AutoModelForPreTraining,
    "sequence": transformers.AutoModelForSequenceClassification,
    "token": transformers.AutoModelForTokenClassification,
    "span": transformers.AutoModelForQuestionAnswering,
    "discriminator": transformers.AutoModelForPreTraining,
}


def class_of(row: Row, kind: HeadKind) -> Any:
    """The class of `transformers` that opens a model of this kind."""
    if row.arch == "decoder" and kind == "lm":
        return transformers.AutoModelForCausalLM
    return _CLASSES[kind]


def tokenizer() -> Tokenizer:
    """A small WordPiece tokenizer."""
    return train(TEXTS * 3, vocab_size=VOCAB - 20)


def oracle(row: Row, kind: HeadKind) -> Any:
    """A model with weights large enough that every one of them matters."""
    model = _published(row, kind) if row.published else elmo_oracle(row.settings, kind)
    draws = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = torch.randn(parameter.shape, generator=draws)
            if parameter.dim() > 1:
                parameter.copy_(0.12 * noise)
            else:
                parameter.copy_(0.2 * noise + ("bias" not in name))
    return model.eval()


def _published(row: Row, kind: HeadKind) -> Any:
    config = transformers.AutoConfig.for_model(row.model_type, **row.settings)
    if kind in ("sequence", "token"):
        config.id2label = dict(enumerate(LABELS))
        config.label2id = {label: index for index, label in enumerate(LABELS)}
    return class_of(row, kind).from_config(config, attn_implementation="eager")


def write_folder(row: Row, kind: HeadKind, model: Any, folder: Path, tokens: Tokenizer) -> None:
    """Save an oracle as it saves itself, and the tokenizer beside it."""
    if not row.published:
        write_elmo(row.settings, kind, model, folder, LABELS)
    else:
        model.save_pretrained(folder)
    tokens.save_pretrained(folder, model_max_length=CONTEXT)
    if row.previous:
        path = folder / "config.json"
        config = json.loads(path.read_text())
        for new in row.previous[0]:
            del config[new]
        path.write_text(json.dumps(config | row.previous[1]))
