"""`unmask probe`: a linear classifier on a model's frozen vectors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Literal

import torch

from unmask.batches.sequences import OnLong
from unmask.checkpoint.sentence import sentence_root
from unmask.errors import ConfigError
from unmask.evaluation.probe import Probe, draws_of
from unmask.pipelines.embed import Embedder
from unmask.verbs.finetune_settings import TuneData
from unmask.verbs.looking import look
from unmask.verbs.machine import resolve_device, use_threads
from unmask.verbs.tasks.labelled_data import Split
from unmask.verbs.text_vectors import collected
from unmask.verbs.watch import Silent, Watch

SEEDS = 5


@dataclass(frozen=True, slots=True)
class ProbeResult:
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
    model: str | Path,
    *,
    train: str | Path,
    test: str | Path,
    per_label: int | None = None,
    seeds: int | None = None,
    text_column: str | None = None,
    label_column: str | None = None,
    on_long: Literal["truncate", "error"] = "truncate",
    on_bad: Literal["stop", "skip"] = "stop",
    max_bad: float = 0.01,
    device: str = "auto",
    threads: int | None = None,
    revision: str | None = None,
    watch: Watch | None = None,
) -> ProbeResult:
    """Learn labels from a model's frozen vectors by logistic regression, and measure on other rows.

    The vectors of an embedding model are those that it gives, of any other model the means of its
    last hidden states.

    Args:
        model: folder of a model or of a finished run, or a name on the Hub.
        train, test: tables with a text and a label in each row.
        per_label: rows of each label to learn from; None for all.
        seeds: how often these are drawn; None for five times.
        text_column, label_column: None to find them by their names.
        on_long: what happens to a text longer than the context.
        on_bad, max_bad: at a corrupt place, stop or skip; and how large a share may be skipped.
        device: "cpu", "cuda", "cuda:1"; "auto" for a GPU where there is one.
        threads: of the CPU; None for as many as it has cores.
        revision: branch, tag or commit of a name on the Hub.
        watch: is told of the progress.

    Raises:
        ConfigError: seeds without rows that are drawn, or either below 1.
        DataError, LabelMismatch: see `Split.read`; or a label has too few rows.
        TooLong: a text is longer than the model takes, under "error".
    """
    if per_label is None and seeds is not None:
        raise ConfigError(
            f"seeds={seeds} says how often rows are drawn, but all rows are learnt from, which "
            "gives one figure; give per_label (--per-label N) too, or leave seeds out"
        )
    watch = watch or Silent()
    use_threads(threads)
    rows = TuneData(
        text_column=text_column,
        label_column=label_column,
        on_long=on_long,
        on_bad=on_bad,
        max_bad=max_bad,
    )
    with watch.stage("reading the data"):
        split = Split.read(train, test, rows, 0)
    for note in split.notes:
        watch.say(note)
    every = [[*range(len(split.train))]]
    times = SEEDS if seeds is None else seeds
    drawn = every if per_label is None else [*draws_of(split.train.labels, per_label, times)]
    folder, _ = look(model, revision)
    return _measured(folder, split, drawn, per_label, on_long, resolve_device(device), watch)


def _measured(
    folder: Path,
    split: Split,
    drawn: Sequence[Sequence[int]],
    per_label: int | None,
    on_long: OnLong,
    device: torch.device,
    watch: Watch,
) -> ProbeResult:
    """One probe for each choice of training rows, all on the same vectors."""
    own = sentence_root(folder) is not None
    embedder = Embedder.from_pretrained(folder, pooling=None if own else "mean", device=device)
    known, asked = split.train, split.dev
    needed = sorted({row for rows in drawn for row in rows})
    with watch.stage("making vectors"):
        learnt = collected(embedder, [known.texts[row] for row in needed], on_long, watch=watch)
        tested = collected(embedder, asked.texts, on_long, watch=watch)
    place = {row: number for number, row in enumerate(needed)}
    with watch.stage("fitting"):
        found = tuple(
            Probe.fit(
                learnt.vectors[[place[row] for row in rows]], [known.labels[row] for row in rows]
            ).accuracy(tested.vectors, asked.labels)
            for rows in drawn
        )
    return ProbeResult(
        model=folder,
        pooling="as saved" if own else "mean",
        accuracy=mean(found),
        accuracies=found,
        per_label=per_label,
        rows=len(known),
        test_rows=len(asked),
        truncated=learnt.truncated + tested.truncated,
    )
