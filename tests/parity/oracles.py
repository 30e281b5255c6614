"""Tiny models of `transformers` with odd sizes and random weights: what ours is compared with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import transformers

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

# Shared by all rows: 3 heads of 20, and every size different from every other.
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
# A window of 5 to each side is read in blocks of 16 queries, so most sequences cross their borders.
_MODERNBERT = {
    **_COMMON,
    "num_hidden_layers": 5,
    "local_attention": 10,
    "norm_eps": 0.017,
    "bos_token_id": 2,
    "cls_token_id": 2,
    "eos_token_id": 3,
    "sep_token_id": 3,
    "classifier_pooling": "mean",
}
_BIASES = dict.fromkeys(("norm_bias", "attention_bias", "mlp_bias", "classifier_bias"), True)

_APPROXIMATE = {"hidden_act": "gelu_new"}
_FIRST_TOKEN = {"classifier_pooling": "cls", "decoder_bias": False}
_PREVIOUS = {
    "global_attn_every_n_layers": 2,
    "global_rope_theta": 5000.0,
    "local_rope_theta": 300.0,
}

CLASSES: Mapping[HeadKind, Any] = {
    "encoder": transformers.AutoModel,
    "lm": transformers.AutoModelForMaskedLM,
    "sequence": transformers.AutoModelForSequenceClassification,
}


@dataclass(frozen=True)
class Row:
    """One configuration of one architecture.

    Attributes:
        arch: its name here and in `transformers`.
        variant: what is special.
        settings: arguments of the configuration.
        previous: whether `config.json` is rewritten in the previous published format.
    """

    arch: str
    variant: str
    settings: Mapping[str, Any] = field(hash=False)
    previous: bool = False

    @property
    def name(self) -> str:
        return f"{self.arch}, {self.variant}"


ROWS: tuple[Row, ...] = (
    Row("bert", "as published", _BERT),
    Row("bert", "approximate GELU, one segment", {**_BERT, **_APPROXIMATE, "type_vocab_size": 1}),
    Row("modernbert", "as published", _MODERNBERT),
    Row("modernbert", "every bias, first token", {**_MODERNBERT, **_BIASES, **_FIRST_TOKEN}),
    Row("modernbert", "previous config format", {**_MODERNBERT, **_PREVIOUS}, previous=True),
)


def tokenizer() -> Tokenizer:
    """A small WordPiece tokenizer."""
    return train(TEXTS * 3, vocab_size=VOCAB - 20)


def oracle(row: Row, kind: HeadKind) -> Any:
    """A model of `transformers` with weights large enough that every one of them matters."""
    config = transformers.AutoConfig.for_model(row.arch, **row.settings)
    if kind == "sequence":
        config.id2label = dict(enumerate(LABELS))
        config.label2id = {label: index for index, label in enumerate(LABELS)}
    model = CLASSES[kind].from_config(config, attn_implementation="eager")
    draws = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = torch.randn(parameter.shape, generator=draws)
            if parameter.dim() > 1:
                parameter.copy_(0.12 * noise)
            else:
                parameter.copy_(0.2 * noise + ("bias" not in name))
    return model.eval()


def write_folder(row: Row, model: Any, folder: Path, tokens: Tokenizer) -> None:
    """Save a model of `transformers` as it saves itself, and the tokenizer beside it."""
    model.save_pretrained(folder)
    tokens.save_pretrained(folder, model_max_length=CONTEXT)
    if row.previous:
        path = folder / "config.json"
        config = json.loads(path.read_text())
        for new in ("layer_types", "rope_parameters"):
            del config[new]
        config |= {key: row.settings[key] for key in _PREVIOUS}
        path.write_text(json.dumps(config))
