"""`unmask convert`: a model, of whatever kind and format, as a folder of safetensors."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

import torch

from unmask.checkpoint.answering import rule_kept
from unmask.checkpoint.building import kind_of
from unmask.checkpoint.cross import open_cross, save_cross
from unmask.checkpoint.durable import make_folders, staged
from unmask.checkpoint.files import MANIFEST, check_free, publish, verify_if_manifest
from unmask.checkpoint.folder import Opened, open_model, save_opened
from unmask.checkpoint.formats import HOLDS
from unmask.checkpoint.locating import locate
from unmask.checkpoint.modelfiles import files_of_model, is_pickle
from unmask.checkpoint.origin import SOURCE, Origin, read_origin, write_origin
from unmask.checkpoint.pickles import unpickled
from unmask.checkpoint.sentence import (
    SentenceFormat,
    open_sentence,
    save_sentence,
    sentence_root,
)
from unmask.checkpoint.weightfiles import stored_dtype
from unmask.errors import ConfigError, CorruptCheckpoint, ModelError
from unmask.heads.embedding import PoolingMode
from unmask.verbs.looking import look
from unmask.verbs.watch import Silent, Watch

T = TypeVar("T")
ConvertFormat = Literal["auto", "hf", "sentence-transformers", "unmask"]
DTYPES = ("float32", "bfloat16", "float16")

_CARD = "README.md"
_OWN = frozenset({MANIFEST, SOURCE})


@dataclass(frozen=True, slots=True)
class ConvertResult:
    """What was written.

    Attributes:
        folder: where it is.
        origin: name and commit of the model on the Hub that it comes from, if it does.
        holds: what the model ends in, in words, and its architecture.
        format: "hf" where `transformers` opens it too, "unmask" for our own.
        dtype: of its parameters; the widest where there are several.
        aside: weights that were not written, since nothing that is served uses them.
        left_out: files of the model's folder that were not taken along.
    """

    folder: Path
    origin: str | None
    holds: str
    format: str
    dtype: str
    aside: tuple[str, ...]
    left_out: tuple[str, ...]

    def in_words(self) -> dict[str, str]:
        """For people."""
        return {
            "written to": str(self.folder),
            **({} if self.origin is None else {"from the Hub": self.origin}),
            "holds": self.holds,
            "opens in transformers": "yes" if self.format == "hf" else "no",
            "stored as": self.dtype,
            **({"weights left out": _some(self.aside)} if self.aside else {}),
            **({"files left out": _some(self.left_out)} if self.left_out else {}),
        }


def convert(
    model: str | Path,
    *,
    out: str | Path,
    format: ConvertFormat = "auto",
    dtype: str | None = None,
    pooling: PoolingMode | None = None,
    revision: str | None = None,
    watch: Watch | None = None,
) -> ConvertResult:
    """Write a model as a folder of safetensors that opens here, with digests of all its files.

    Pickled weights (`pytorch_model.bin`) are read in another process, by a reader that builds
    tensors and nothing else; their folder keeps its tensors and its other files as they are. With
    a format or a dtype, and for a folder of safetensors, the model is opened and saved anew.

    Args:
        model: folder of a model or of a finished run, or a name on the Hub.
        out: the folder to make.
        format: "hf" is what `transformers` opens, "sentence-transformers" what that library opens,
            "unmask" our own; "auto" keeps a folder of sentence-transformers one, and is else the
            first that can express the model.
        dtype: "float32", "bfloat16" or "float16"; None for what is stored.
        pooling: how tokens become a vector, for a model that does not say, to be saved for
            sentence-transformers.
        revision: branch, tag or commit of a name on the Hub.
        watch: is told of the progress.

    Raises:
        UnsupportedModel: a pickle asks for more than tensors, or the model or the format wanted is
            not served.
        ModelError: no model is there, or its weights do not fit.
        CorruptCheckpoint: a file cannot be read.
        CheckpointError: `out` is taken, or the disk is full.
        ConfigError: `format`, `dtype` or `revision` is wrong.
    """
    if format not in get_args(ConvertFormat):
        raise ConfigError(
            f"format must be one of {', '.join(get_args(ConvertFormat))}, not {format!r}"
        )
    if pooling is not None and format != "sentence-transformers":
        raise ConfigError(
            "a pooling is saved for sentence-transformers alone: give --format "
            "sentence-transformers with it, or leave it out"
        )
    if dtype is not None and dtype not in DTYPES:
        raise ConfigError(f"dtype must be one of {', '.join(DTYPES)}, not {dtype!r}")
    out, watch = Path(out), watch or Silent()
    check_free(out)
    with watch.stage("finding the model"):
        job = _Job.of(model, revision, out)
    with watch.stage("converting"):
        if not job.pickled:
            return job.rewritten(job.source, format, dtype, pooling)
        if format == "auto" and dtype is None:
            return job.copied()
        make_folders(out.parent)
        with staged(out, os.mkdir) as between:
            unpickled(job.source, job.files, between)
            return job.rewritten(between, format, dtype, pooling)


@dataclass(frozen=True, slots=True)
class _Job:
    """A model's files, and where they go."""

    source: Path
    origin: Origin | None
    files: tuple[str, ...]
    others: tuple[str, ...]
    out: Path

    @classmethod
    def of(cls, model: str | Path, revision: str | None, out: Path) -> _Job:
        located = locate(model, revision, pickled=True)
        source = located.folder
        verify_if_manifest(source)
        origin = located.origin or read_origin(source)
        there = (path for path in source.rglob("*") if path.is_file())
        names = {path.relative_to(source).as_posix() for path in there} - _OWN
        files = files_of_model(names, str(source), pickled=True) or []
        return cls(source, origin, tuple(files), tuple(sorted(names - set(files))), out)

    @property
    def pickled(self) -> bool:
        return any(map(is_pickle, self.files))

    def copied(self) -> ConvertResult:
        """Tensors and files as they are, in safetensors; opened once to see that they fit."""
        seen: list[Opened[Any]] = []
        dtypes: list[torch.dtype] = []

        def write(folder: Path) -> None:
            unpickled(self.source, self.files, folder)
            write_origin(folder, self.origin)
            dtypes.append(stored_dtype(folder))
            seen.append(self._named(folder, lambda: open_model(folder)))

        size = sum((self.source / file).stat().st_size for file in self.files)
        publish(self.out, write, size=size + (1 << 20))
        return self._result(seen[0], seen[0].format, dtypes[0], (), self.others)

    def rewritten(
        self, folder: Path, format: ConvertFormat, dtype: str | None, pooling: PoolingMode | None
    ) -> ConvertResult:
        """Opened and saved anew."""
        kind = stored_dtype(folder) if dtype is None else getattr(torch, dtype)
        whole = sentence_root(folder) is not None and format != "hf"
        if whole or format == "sentence-transformers":
            opened, used = self._sentence(folder, format, kind, pooling)
        else:
            opened = self._named(folder, lambda: open_model(folder, dtype=kind))
            opened = replace(opened, origin=self.origin)
            used = save_opened(
                self.out, opened, format=format, card=_card(self.source), also=rule_kept(opened)
            )
        # The weights are there in another form, all the rest under its name or not at all.
        weights = ("model.", "model-", "pytorch_model")
        kept = {
            file for file in self.files if file.startswith(weights) or (self.out / file).exists()
        }
        others = sorted({*self.others, *self.files} - kept)
        return self._result(opened, used, kind, opened.aside, others)

    def _sentence(
        self, folder: Path, format: SentenceFormat, dtype: torch.dtype, pooling: PoolingMode | None
    ) -> tuple[Opened[Any], str]:
        """A cross-encoder or an embedding model with all that follows its encoder."""
        card = _card(self.source)
        if look(folder)[1].head == "sequence":
            cross = self._named(folder, lambda: open_cross(folder, dtype=dtype))
            cross = replace(cross, opened=replace(cross.opened, origin=self.origin))
            return cross.opened, save_cross(self.out, cross, format=format, card=card)
        model = self._named(folder, lambda: open_sentence(folder, pooling=pooling, dtype=dtype))
        model = replace(model, encoder=replace(model.encoder, origin=self.origin))
        return model.encoder, save_sentence(self.out, model, format=format, card=card)

    def _named(self, folder: Path, act: Callable[[], T]) -> T:
        """Errors about a folder between name the one that it was made of."""
        try:
            return act()
        except ModelError as error:
            raise type(error)(str(error).replace(str(folder), str(self.source))) from error

    def _result(
        self,
        opened: Opened[Any],
        format: str,
        dtype: torch.dtype,
        aside: tuple[str, ...],
        left_out: Sequence[str],
    ) -> ConvertResult:
        return ConvertResult(
            folder=self.out,
            origin=None if self.origin is None else str(self.origin),
            holds=f"{HOLDS[kind_of(opened.model)]}, {opened.arch.name}",
            format=format,
            dtype=str(dtype).removeprefix("torch."),
            aside=aside,
            left_out=tuple(left_out),
        )


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - 8} more" if len(names) > 8 else ""
    return ", ".join(names[:8]) + more


def _card(folder: Path) -> str | None:
    try:
        return (folder / _CARD).read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except UnicodeDecodeError:
        raise CorruptCheckpoint(
            f"{folder / _CARD} must be UTF-8 text, and is not. Repair or remove it"
        ) from None
