"""What kind of model a folder holds, before it is opened."""

from __future__ import annotations

from pathlib import Path

from unmask.checkpoint.formats import Described, describe
from unmask.checkpoint.locating import locate
from unmask.checkpoint.use import read_use
from unmask.checkpoint.weightfiles import stored_types


def look(path: str | Path, revision: str | None = None) -> tuple[Path, Described]:
    """A model's own folder, and what its `config.json` says. A name on the Hub is fetched.

    Raises:
        ModelError: no model is there, or one that is not served.
        CheckpointError: a file cannot be read or fetched.
        ConfigError: a revision of a folder.
    """
    folder = locate(path, revision).folder
    return folder, describe(folder, lambda: stored_types(folder))


def scores_pairs(folder: Path, said: Described) -> bool:
    """Whether a folder holds a reranker that says what its score is."""
    if not said.has("sequence"):
        return False
    return read_use(folder, said.outputs, said.labels).scale is not None
