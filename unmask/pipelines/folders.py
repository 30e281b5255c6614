"""Saving what a pipeline has open."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from unmask.checkpoint.folder import Opened, save_model


def save_opened(opened: Opened[Any], path: str | Path, *, replace: bool = False) -> None:
    """Save a model with all that belongs to it as a folder that opens again, here and elsewhere.

    Args:
        opened: the model.
        path: the folder to make.
        replace: whether a folder that was saved there before may be replaced.

    Raises:
        CheckpointError: the folder is taken, or the disk is full.
    """
    save_model(
        path,
        opened.model,
        arch=opened.arch,
        config=opened.config,
        tokenizer=opened.tokenizer,
        labels=opened.labels,
        replace=replace,
    )
