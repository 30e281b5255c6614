"""Saving what a pipeline has open."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from unmask.checkpoint.folder import Opened, save_model

SaveFormat = Literal["auto", "hf", "unmask"]


def save_opened(
    opened: Opened[Any],
    path: str | Path,
    *,
    format: SaveFormat = "auto",
    replace: bool = False,
) -> None:
    """Save a model with all that belongs to it as a folder that opens again, here and elsewhere.

    Args:
        opened: the model.
        path: the folder to make.
        format: "hf" is what `transformers` opens, "unmask" our own, "auto" the first where it can
            express the model.
        replace: whether a folder that was saved there before may be replaced.

    Raises:
        UnsupportedModel: the format asked for cannot express the model; it says what.
        CheckpointError: the folder is taken, or the disk is full.
    """
    save_model(
        path,
        opened.model,
        arch=opened.arch,
        config=opened.config,
        tokenizer=opened.tokenizer,
        labels=opened.labels,
        kept=opened.kept,
        format=format,
        origin=opened.origin,
        replace=replace,
    )
