"""From what a user calls a model to a folder: a path on this machine, or a name on the Hub."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from unmask.checkpoint.files import recover
from unmask.checkpoint.formats import CONFIG
from unmask.checkpoint.hub import fetch, is_name
from unmask.checkpoint.origin import Origin
from unmask.errors import ConfigError, ModelError

AnyPath = str | os.PathLike[str]


@dataclass(frozen=True, slots=True)
class Located:
    """A model's folder, and the model on the Hub that it was fetched from, if it was."""

    folder: Path
    origin: Origin | None


def resolved(
    path: AnyPath, revision: str | None = None, *, pickled: bool = False
) -> tuple[AnyPath, Origin | None]:
    """`path` as it is where it is one, or the folder that a name on the Hub was fetched into.

    A folder on this machine wins. A `str` that is none, and that could be a name on the Hub
    (`org/name`, or `name`), is looked for there. A `Path` is always one of this machine.

    Args:
        path: a model folder, the folder of a finished run, or a name on the Hub.
        revision: branch, tag or commit on the Hub; None for the default branch.
        pickled: whether pickle weights are fetched where there are no others.

    Raises:
        ModelError: `path` is empty; or it is the shape of a name, and there is no such folder, and
            no such name that can be reached.
        UnsupportedModel: its weights on the Hub are in no safetensors file.
        ConfigError: a revision is given, and `path` is a folder.
        CheckpointError: fetching broke off.
    """
    _check_named(path)
    if revision == "":
        raise ConfigError("revision must be a branch, a tag or a commit, not be empty")
    here = _on_disk(path) is not None or os.path.lexists(path)
    if not here and isinstance(path, str) and is_name(path):
        return fetch(path, revision, pickled=pickled)
    if here and revision is not None:
        raise ConfigError(
            f"revision goes with a name on the Hub, and {path} is on this machine. Leave the "
            "revision out"
        )
    return path, None


def locate(path: AnyPath, revision: str | None = None, *, pickled: bool = False) -> Located:
    """The folder of a model, fetched where `path` is a name on the Hub; see `resolved`.

    Raises:
        ModelError: there is no model; the rest is as in `resolved`.
    """
    found, origin = resolved(path, revision, pickled=pickled)
    return Located(model_folder(found), origin)


def model_folder(path: AnyPath) -> Path:
    """The folder of a model: `path` itself, or `model` below it where `path` is a run.

    Raises:
        ModelError: `path` is empty, or neither is there; a run that is not finished is told apart.
    """
    _check_named(path)
    root = Path(path)
    if found := _on_disk(root):
        return found
    if not root.is_dir():
        what = "is a file" if root.exists() else "does not exist"
        raise ModelError(f"{root} must be the folder of a model or of a finished run, but {what}")
    if (root / "run.json").is_file():
        raise ModelError(
            f"{root} is a run that is not finished: its model is written at the end. Start the "
            "same command again to finish it"
        )
    raise ModelError(
        f"{root} holds no model: neither {CONFIG} nor model/{CONFIG} is there. Name the folder "
        "of a model or of a finished run"
    )


def _check_named(path: AnyPath) -> None:
    """Refuse an empty path, which `Path` takes for the folder that the program runs in."""
    if not os.fspath(path):
        raise ModelError(
            f"the path of a model must not be empty, but is {path!r}. Name the folder of a model "
            "or of a finished run, or a model on the Hub; '.' is the present folder"
        )


def _on_disk(path: AnyPath) -> Path | None:
    root = Path(path)
    for folder in (root, root / "model"):
        # A save that was killed while it replaced the folder may have left the old one aside.
        if (folder.is_dir() or recover(folder)) and (folder / CONFIG).is_file():
            return folder
    return None
