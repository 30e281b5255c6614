"""A model as the doctor looks at it: each part read by itself, so that one may be broken."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Generic, TypeVar

import torch

from unmask.checkpoint.building import encoder_of
from unmask.checkpoint.folder import Opened, open_encoder, open_model
from unmask.checkpoint.formats import CONFIG, Described, describe
from unmask.checkpoint.jsonfile import read_json
from unmask.checkpoint.locating import AnyPath, model_folder, resolved
from unmask.checkpoint.sentence import SentenceModel, open_sentence, sentence_root
from unmask.checkpoint.sentence_files import read_modules
from unmask.checkpoint.weightfiles import read_weights, stored_types
from unmask.errors import ModelError, UnmaskError
from unmask.pipelines.precision import sample_texts
from unmask.tokens.settings import TOKENIZER_FILE
from unmask.tokens.settings import read_json as read_tokenizer_json
from unmask.tokens.tokenizer import Tokenizer
from unmask.verbs.material import Material

T = TypeVar("T")
README = "README.md"
PLAIN = ("argparse", "collections", "datetime", "email.message", "logging", "unittest.case")
"""Modules whose docstrings are read as plain English, where the user gives no texts."""
_LONGEST_README = 200_000  # characters that are looked at


@dataclass(frozen=True, slots=True)
class Part(Generic[T]):
    """A part of a model that was read, or why it was not.

    Attributes:
        value: the part; None where it cannot be read.
        error: what stands in the way; None where it was read.
    """

    value: T | None
    error: UnmaskError | None = None

    @classmethod
    def of(cls, read: Callable[[], T]) -> Part[T]:
        """Read it."""
        try:
            return cls(read())
        except UnmaskError as error:
            return cls(None, error)


@dataclass(frozen=True)
class Patient:
    """A model with all that could be read of it, and what it is used for.

    Attributes:
        folder: of the encoder.
        root: the folder with `modules.json`, of an embedding model; else None.
        name: how messages name it.
        raw: what `config.json` holds; empty where it is no JSON object.
        described: the same, understood.
        spec: what `tokenizer.json` holds; empty where it is no JSON object.
        tokenizer: opened without asking for any special token.
        weights: every stored tensor.
        opened: the model, or its encoder where its head is not served.
        sentence: of an embedding model, all of it.
        readme: the text of its `README.md`; empty where there is none.
        material: the user's data, or None.
        pooling: how the user's own code pools; None where that is not said.
        prompt: what the user's own code puts before a text; None where that is not said.
    """

    folder: Path
    root: Path | None
    name: str
    raw: Mapping[str, Any]
    described: Part[Described]
    spec: Mapping[str, Any]
    tokenizer: Part[Tokenizer]
    weights: Part[dict[str, torch.Tensor]]
    opened: Part[Opened[Any]]
    sentence: Part[SentenceModel]
    readme: str
    material: Material | None
    pooling: str | None
    prompt: str | None

    @classmethod
    def of(
        cls,
        model: str | Path,
        material: Material | None,
        *,
        pooling: str | None = None,
        prompt: str | None = None,
        revision: str | None = None,
        device: torch.device | str = "cpu",
    ) -> Patient:
        """Read all of a model that can be read.

        Raises:
            ModelError: no model is there.
            CheckpointError: a file cannot be fetched.
        """
        path, origin = resolved(model, revision)
        root = sentence_root(path)
        folder = _folder(path, root)
        raw = Part.of(lambda: read_json(folder / CONFIG)).value
        return cls(
            folder=folder,
            root=root,
            name=origin.name if origin is not None else (root or folder).name,
            raw=raw if isinstance(raw, dict) else {},
            described=Part.of(lambda: describe(folder, lambda: stored_types(folder))),
            spec=Part.of(lambda: read_tokenizer_json(folder / TOKENIZER_FILE)).value or {},
            tokenizer=Part.of(lambda: Tokenizer.from_pretrained(folder, require=())),
            weights=Part.of(lambda: read_weights(folder)),
            opened=Part.of(lambda: _open(folder, device)),
            sentence=_sentence(root, device),
            readme=_readme(root or folder),
            material=material,
            pooling=pooling,
            prompt=prompt,
        )

    @cached_property
    def texts(self) -> list[str]:
        """The user's texts, or plain English where there are none."""
        return sample_texts(PLAIN) if self.material is None else self.material.texts

    @property
    def context(self) -> int | None:
        """The longest row of the encoder, special tokens included; None where it is not known."""
        opened = self.opened.value
        return None if opened is None else encoder_of(opened.model).config.context

    @property
    def limit(self) -> int | None:
        """The longest row that is read; None where it is not known."""
        return self.sentence.value.limit if self.sentence.value is not None else self.context

    @property
    def names(self) -> str:
        """All that could tell which published model this is: names and the first heading."""
        heading = re.search(r"^# +(.+)$", self.readme, re.MULTILINE)
        base = self.raw.get("_name_or_path")
        said = [self.name, self.folder.name, base if isinstance(base, str) else ""]
        return " ".join([*said, heading[1] if heading else ""])


def _folder(path: AnyPath, root: Path | None) -> Path:
    """The folder of the encoder: that of the first module, where there are modules."""
    if root is not None and (modules := Part.of(lambda: read_modules(root)).value):
        return modules[0][1]
    return model_folder(path)


def _open(folder: Path, device: torch.device | str) -> Opened[Any]:
    """The model; its encoder where the head has a fault of its own, which is told elsewhere."""
    try:
        return open_model(folder, device=device)
    except ModelError:
        said = describe(folder, lambda: stored_types(folder))
        if said.fault is None:
            raise
        return open_encoder(folder, device=device)


def _sentence(root: Path | None, device: torch.device | str) -> Part[SentenceModel]:
    """All of an embedding model; neither it nor an error where there is none."""
    return Part(None) if root is None else Part.of(lambda: open_sentence(root, device=device))


def _readme(folder: Path) -> str:
    file = folder / README
    if not file.is_file():
        return ""
    return file.read_text(encoding="utf-8", errors="replace")[:_LONGEST_README]
