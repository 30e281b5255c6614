"""A saved folder of every architecture, tiny, and what an editor or a disk may do to one."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from tests.conftest import sentences
from unmask.arch.registry import ARCHS, TYPES, sized_config
from unmask.arch.spec import HeadKind
from unmask.batches.pack import pack
from unmask.checkpoint.building import bare
from unmask.checkpoint.folder import Opened, save_model
from unmask.checkpoint.formats import LABELLED
from unmask.heads.model import LanguageModel
from unmask.nn.encoder import Encoder
from unmask.nn.init import initialise
from unmask.tokens import Tokenizer, train

LABELS = ("bad", "fine", "good")
WEIGHTS = "model.safetensors"
FILES = (WEIGHTS, "config.json", "tokenizer.json", "tokenizer_config.json")
ROWS = 160
CONTEXT = 24
Folders = Callable[..., Path]


def words() -> Tokenizer:
    """A small WordPiece tokenizer, whose ids need fewer rows than the models have."""
    return train(sentences(), vocab_size=150, min_frequency=1)


def write(path: Path, tokenizer: Tokenizer, type_: str, kind: HeadKind, format: Any) -> None:
    """Save a model of two layers with random weights, by its `model_type`."""
    arch, schema = TYPES[type_], TYPES[type_].configs[type_]
    sized = sized_config(arch.name, "2x64", vocab_size=ROWS, context=CONTEXT, pad_token_id=0)
    fields = {k: v for k, v in sized.model_dump().items() if k in schema.model_fields}
    config = schema.check({**fields, "model_type": type_})
    labels = LABELS if kind in LABELLED else ()
    model = bare(arch, kind, config, labels)
    draws = torch.Generator().manual_seed(3)
    if isinstance(model, Encoder):
        # A head may be drawn by itself only together with an encoder, so it is cut off again.
        whole = LanguageModel(arch.encoder(config), arch.lm_head(config))
        initialise(whole, 0.1, 2, draws)
        model = whole.encoder
    else:
        initialise(model, 0.1, 2, draws)
    save_model(
        path,
        model.eval(),
        arch=arch,
        config=config,
        tokenizer=tokenizer,
        labels=labels,
        format=format,
    )


def folders_in(root: Path, tokenizer: Tokenizer) -> Folders:
    """Gives the folder of an architecture or a `model_type` with a head, made once. Copy it."""

    def get(name: str, kind: HeadKind = "lm", format: Any = "auto") -> Path:
        type_ = next(iter(ARCHS[name].configs)) if name in ARCHS else name
        path = root / f"{type_}-{kind}-{format}"
        if not path.exists():
            write(path, tokenizer, type_, kind, format)
        return path

    return get


def unsealed(folder: Path, into: Path) -> Path:
    """A copy of a folder without its manifest, as others publish theirs."""
    shutil.rmtree(into, ignore_errors=True)
    shutil.copytree(folder, into)
    (into / "manifest.json").unlink()
    return into


def fields_of(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """A folder's `config.json`, and the object in it that describes the model."""
    document = json.loads((folder / "config.json").read_text())
    return document, document["config"] if document.get("format") == "unmask" else document


def flip(path: Path, bit: int) -> None:
    """Turn one bit of a file over, counted from the first."""
    data = bytearray(path.read_bytes())
    data[bit // 8] ^= 1 << bit % 8
    path.write_bytes(data)


def finite(opened: Opened[Any]) -> bool:
    """Whether an opened model reads a text of its tokenizer, and gives numbers for it."""
    ids = opened.tokenizer.encode("the cat sees the river", specials=True).ids
    model = opened.model if isinstance(opened.model, Encoder) else opened.model.encoder
    with torch.inference_mode():
        return bool(torch.isfinite(model(pack([ids[:CONTEXT]]))).all())
