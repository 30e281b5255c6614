"""Tiny embedding models and cross-encoders as sentence-transformers makes and saves them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import transformers
from sentence_transformers import CrossEncoder, SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Dense, Normalize, Pooling
from sentence_transformers.sentence_transformer.modules import Transformer as Backbone

from tests.conftest import sentences
from unmask.tokens.train import train

WIDTH = 48
CONTEXT = 40
TEXTS = [
    "the cat sees a red house.",
    "",
    "a",
    "our teacher waits for the piano and the river " * 9,
    *sentences()[::23],
]
PAIRS = [
    ("the cat sees", "a red house"),
    ("", "the river"),
    ("the river", ""),
    ("the dog " * 30, "my old neighbour " * 5),
    ("good music " * 20, "the piano " * 21),
    *zip(sentences()[::31], sentences()[5::31], strict=False),
]

_SIZES: dict[str, Any] = {
    "hidden_size": WIDTH,
    "num_hidden_layers": 2,
    "num_attention_heads": 3,
    "intermediate_size": 40,
    "max_position_embeddings": CONTEXT,
    "pad_token_id": 0,
}
_IDS = {"bos_token_id": 2, "cls_token_id": 2, "eos_token_id": 3, "sep_token_id": 3}
_CONFIGS: dict[str, Callable[..., Any]] = {
    "bert": lambda **more: transformers.BertConfig(**_SIZES, **more),
    "modernbert": lambda **more: transformers.ModernBertConfig(
        **_SIZES, **_IDS, local_attention=8, **more
    ),
}


def backbone(folder: Path, arch: str, kind: str = "AutoModel", **changes: Any) -> Path:
    """A random model and a tokenizer, saved by transformers."""
    tokenizer = train(sentences(), vocab_size=150, min_frequency=1)
    tokenizer.save_pretrained(folder, segments=arch == "bert")
    config = _CONFIGS[arch](vocab_size=tokenizer.vocab_size, **changes)
    torch.manual_seed(7)
    model = getattr(transformers, kind).from_config(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():  # far from the initial zeros and ones
            parameter.add_(torch.randn_like(parameter) * 0.15)
    model.save_pretrained(folder)
    return folder


def embedding_model(
    folder: Path,
    arch: str = "bert",
    modes: tuple[str, ...] = ("mean",),
    *stages: torch.nn.Module,
    include_prompt: bool = True,
    **settings: Any,
) -> Path:
    """An embedding model, saved by sentence-transformers."""
    transformer = Backbone(str(backbone(folder / "plain", arch)), max_seq_length=CONTEXT - 4)
    pooling = Pooling(WIDTH, list(modes), include_prompt=include_prompt)
    model = SentenceTransformer(modules=[transformer, pooling, *stages], **settings)
    model.save(str(folder / "model"), create_model_card=False)
    return folder / "model"


def cross_encoder(folder: Path, arch: str = "bert", labels: int = 1, **changes: Any) -> Path:
    """A cross-encoder as transformers saves it, with what `changes` adds to its `config.json`."""
    kind = "AutoModelForSequenceClassification"
    backbone(folder, arch, kind, num_labels=labels)
    rewrite(folder / "config.json", **changes)
    return folder


def rewrite(path: Path, **changes: Any) -> None:
    """Change fields of a JSON file; None takes one out."""
    fields = json.loads(path.read_text(encoding="utf-8")) | changes
    kept = {name: value for name, value in fields.items() if value is not None}
    path.write_text(json.dumps(kept), encoding="utf-8")


def old_spelling(folder: Path, **settings: Any) -> Path:
    """Rewrite a saved folder as versions before 3 had it."""
    modules = json.loads((folder / "modules.json").read_text())
    for module in modules:
        kind = module["type"].rpartition(".")[2]
        module["type"] = f"sentence_transformers.models.{kind}"
    (folder / "modules.json").write_text(json.dumps(modules))
    limit = {"max_seq_length": 20, "do_lower_case": False}
    (folder / "sentence_bert_config.json").write_text(json.dumps(limit | settings))
    new = json.loads((folder / "1_Pooling" / "config.json").read_text())
    modes = new["pooling_mode"]
    modes = [modes] if isinstance(modes, str) else modes
    names = {
        "cls": "cls_token",
        "max": "max_tokens",
        "mean": "mean_tokens",
        "mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    }
    switches = {f"pooling_mode_{name}": mode in modes for mode, name in names.items()}
    old = {"word_embedding_dimension": new["embedding_dimension"], **switches}
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(old))
    versions = {"__version__": {"sentence_transformers": "2.0.0", "pytorch": "1.8.1"}}
    (folder / "config_sentence_transformers.json").write_text(json.dumps(versions))
    return folder


__all__ = [
    "CONTEXT",
    "PAIRS",
    "TEXTS",
    "WIDTH",
    "CrossEncoder",
    "Dense",
    "Normalize",
    "SentenceTransformer",
    "backbone",
    "cross_encoder",
    "embedding_model",
    "old_spelling",
    "rewrite",
]
