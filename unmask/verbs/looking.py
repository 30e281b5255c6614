"""What kind of model a folder holds, before it is opened."""

from __future__ import annotations

from pathlib import Path

from unmask.checkpoint.folder import model_folder
from unmask.checkpoint.formats import Described, describe
from unmask.checkpoint.weightfiles import read_weights


def look(path: str | Path) -> tuple[Path, Described]:
    """A model's own folder, and what its `config.json` says.

    Raises:
        ModelError: no model is there, or one that is not served.
        CheckpointError: a file cannot be read.
    """
    folder = model_folder(path)
    return folder, describe(folder, lambda: read_weights(folder))
