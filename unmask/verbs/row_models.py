"""Models with a sequence head, opened for the rows of a table."""

from __future__ import annotations

from pathlib import Path

import torch

from unmask.checkpoint.folder import Opened, open_classifier
from unmask.errors import ConfigError
from unmask.heads.model import SequenceClassifier
from unmask.pipelines.precision import make_fast
from unmask.verbs.tasks.pieces import with_texts


def open_for_rows(
    path: str | Path, device: torch.device, pair_column: str | None
) -> Opened[SequenceClassifier]:
    """A model, prepared, that says whether it reads pairs.

    Where its folder does not say, it does if the column of a second text is named.

    Raises:
        ConfigError: it reads single texts, and a pair's column is named.
        ModelError: it has no sequence head.
    """
    opened = open_classifier(path, outputs=("one", "several", "numbers"), device=device)
    texts = opened.use.texts
    if pair_column is not None and texts == "single":
        raise ConfigError(
            f"{opened.path} reads single texts, and the column {pair_column!r} of a second text "
            "was given; leave out --pair-column"
        )
    make_fast(opened, None)
    return with_texts(opened, texts == "pair" or (texts is None and pair_column is not None))
