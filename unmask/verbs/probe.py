"""`unmask evaluate --task probe`: a linear classifier on a model's frozen vectors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
import torch

from unmask.batches.sequences import OnLong
from unmask.checkpoint.sentence import sentence_root
from unmask.errors import ConfigError
from unmask.evaluation.probe import F32, Probe, draws_of
from unmask.pipelines.embed import Embedder
from unmask.verbs.finetune_settings import TuneData
from unmask.verbs.labelled_data import Split
from unmask.verbs.watch import Watch

SEEDS = 5


@dataclass(frozen=True, slots=True)
class ProbeEvaluation:
    """How far labels can be told by a model's vectors as they are.

    Attributes:
        model: its folder.
        pooling: how its tokens became a vector: "mean", or "as saved" of an embedding model.
        accuracy: share of the test rows whose label was found; the mean over draws.
        accuracies: of each draw.
        per_label: rows of each label that were learnt from; None for all.
        rows, test_rows: rows that could be learnt from, and those that were asked for.
        truncated: texts that were cut to the context.
    """

    model: Path
    pooling: str
    accuracy: float
    accuracies: tuple[float, ...]
    per_label: int | None
    rows: int
    test_rows: int
    truncated: int

    def as_dict(self) -> dict[str, Any]:
        """For programs."""
        return asdict(self)

    def in_words(self) -> dict[str, str]:
        """For people."""
        cut = {"texts cut to the context": f"{self.truncated:,}"} if self.truncated else {}
        if self.per_label is None:
            learnt = f"{self.rows:,} rows"
            told = f"{self.accuracy:.1%} of {self.test_rows:,} rows"
        else:
            learnt = f"{self.per_label:,} of each label, drawn {len(self.accuracies)} times"
            least, most = min(self.accuracies), max(self.accuracies)
            told = (
                f"{self.accuracy:.1%} of {self.test_rows:,} rows, the mean over draws "
                f"({least:.1%} to {most:.1%})"
            )
        return {"learnt from": learnt, "vectors": self.pooling, "right": told, **cut}


def probe(
    folder: Path,
    *,
    train: str | Path | None,
    data: str | Path | None,
    settings: TuneData,
    per_label: int | None,
    seeds: int | None,
    device: torch.device,
    watch: Watch,
) -> ProbeEvaluation:
    """Logistic regression on a model's vectors of the training rows, asked for those of others.

    Args:
        folder: of the model.
        train: table to learn from.
        data: table to measure on.
        settings: which columns, and what becomes of texts that are long or bad.
        per_label: rows of each label to learn from; None for all.
        seeds: how often these are drawn; None for five.
        device: of the model.
        watch: is told of the progress.

    Raises:
        ConfigError: a table is missing, or rows are to be drawn that are not said.
        DataError, LabelMismatch: see `Split.read`; or a label has too few rows.
    """
    if train is None or data is None:
        raise ConfigError(
            "--task probe learns from the rows of one table and is measured on those of another: "
            "give --train TABLE and --data TABLE"
        )
    if per_label is None and seeds is not None:
        raise ConfigError(
            f"--seeds {seeds} says how often rows are drawn, but all rows of {train} are learnt "
            "from, which gives one figure; give --per-label N too, or leave --seeds out"
        )
    with watch.stage("reading the data"):
        split = Split.read(train, data, settings, 0)
    for note in split.notes:
        watch.say(note)
    known, asked = split.train, split.dev
    chosen = (
        [list(range(len(known)))]
        if per_label is None
        else list(draws_of(known.labels, per_label, SEEDS if seeds is None else seeds))
    )
    own = sentence_root(folder) is not None
    embedder = Embedder.from_pretrained(folder, pooling=None if own else "mean", device=device)
    needed = sorted({row for rows in chosen for row in rows})
    with watch.stage("making vectors"):
        learnt, cut = _vectors(embedder, [known.texts[row] for row in needed], settings.on_long)
        tested, cut_too = _vectors(embedder, asked.texts, settings.on_long)
    place = {row: number for number, row in enumerate(needed)}
    with watch.stage("fitting"):
        found = tuple(
            Probe.fit(
                learnt[[place[row] for row in rows]], [known.labels[row] for row in rows]
            ).accuracy(tested, asked.labels)
            for rows in chosen
        )
    return ProbeEvaluation(
        model=folder,
        pooling="as saved" if own else "mean",
        accuracy=mean(found),
        accuracies=found,
        per_label=per_label,
        rows=len(known),
        test_rows=len(asked),
        truncated=cut + cut_too,
    )


def _vectors(embedder: Embedder, texts: Sequence[str], on_long: OnLong) -> tuple[F32, int]:
    """Vectors `(N, E)` of texts, and how many texts were cut."""
    answers = list(embedder.stream(iter(texts), on_long=on_long))
    return np.stack([one.vector for one in answers]), sum(one.truncated for one in answers)
