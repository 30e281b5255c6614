"""What a model says of the rows of a table, whatever its task: the pipeline for each, and what its
answers are called as columns."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from unmask.batches.sequences import OnLong
from unmask.checkpoint.folder import open_classifier
from unmask.errors import ConfigError
from unmask.pipelines.classify import Classifier
from unmask.pipelines.pair import PairClassifier
from unmask.pipelines.regress import Regressor
from unmask.text.labelled import Columns
from unmask.text.rows import Table

Answer = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """How rows are to be read.

    Attributes:
        text_column, pair_column: None to find them by their names.
        on_long: what happens to a text longer than the context; None for what the task does.
        scores: whether all scores are wanted.
    """

    text_column: str | None
    pair_column: str | None
    on_long: OnLong | None
    scores: bool


@dataclass(frozen=True, slots=True)
class Answers:
    """A model put to the rows of a table.

    Attributes:
        doing: what is done, for the bar.
        names: of the new columns, by the answers' keys. Labelled rows have a column "label" of
            their own.
        columns: finds those of a table that are read.
        stream: rows' texts, one or two each, to answers in their order.
        counted: what of an answer is counted in the summary; None for nothing.
    """

    doing: str
    names: Mapping[str, str]
    columns: Callable[[Table], Columns]
    stream: Callable[[Iterator[tuple[str, ...]]], Iterator[Answer]]
    counted: Callable[[Answer], str | None]

    @classmethod
    def of(
        cls, model: str | Path, asked: Asked, device: torch.device, revision: str | None
    ) -> Answers:
        """The pipeline that a model is for.

        Raises:
            ModelError: the model has no head that answers.
            ConfigError: what is asked does not fit the task.
        """
        opened = open_classifier(
            model, outputs=("one", "several", "numbers"), device=device, revision=revision
        )
        use = opened.use
        pairs = use.texts == "pair" or (use.texts is None and asked.pair_column is not None)
        if asked.pair_column is not None and not pairs:
            raise ConfigError(
                f"{opened.path} reads single texts, and pair_column={asked.pair_column!r} was "
                "given; leave it out"
            )
        on_long = asked.on_long or "truncate"
        if use.outputs == "numbers":
            return _numbers(Regressor(opened), asked, on_long)
        if pairs:
            return _pairs(PairClassifier(opened), asked, on_long)
        return _texts(Classifier(opened), asked, on_long)


_COUNTS = {"tokens": "tokens", "truncated": "truncated"}


def _label_names(asked: Asked, several: bool) -> dict[str, str]:
    names = {"label": "predicted", "score": "score"}
    names |= {"labels": "labels"} if several else {}
    return {**names, **_COUNTS, **({"scores": "scores"} if asked.scores else {})}


def _counted(several: bool) -> Callable[[Answer], str | None]:
    if several:
        return lambda answer: " + ".join(sorted(answer["labels"])) or "(none)"
    return lambda answer: str(answer["label"])


def _texts(classifier: Classifier, asked: Asked, on_long: OnLong) -> Answers:
    several = classifier.opened.use.outputs == "several"
    return Answers(
        doing="classifying",
        names=_label_names(asked, several),
        columns=lambda table: Columns.of(table, asked.text_column, labels=False),
        stream=lambda rows: classifier.stream(
            (text for (text,) in rows), on_long=on_long, scores=asked.scores
        ),
        counted=_counted(several),
    )


def _pairs(classifier: PairClassifier, asked: Asked, on_long: OnLong) -> Answers:
    several = classifier.opened.use.outputs == "several"
    return Answers(
        doing="classifying",
        names=_label_names(asked, several),
        columns=lambda table: _pair_columns(table, asked),
        stream=lambda rows: classifier.stream(rows, on_long=on_long, scores=asked.scores),  # type: ignore[arg-type]
        counted=_counted(several),
    )


def _numbers(regressor: Regressor, asked: Asked, on_long: OnLong) -> Answers:
    pairs = regressor.reads_pairs
    many = {"values": "values"} if len(regressor.names) > 1 else {}
    return Answers(
        doing="reading",
        names={"value": "predicted", **many, **_COUNTS},
        columns=lambda table: (
            _pair_columns(table, asked)
            if pairs
            else Columns.of(table, asked.text_column, labels=False)
        ),
        stream=lambda rows: regressor.stream(
            rows if pairs else (text for (text,) in rows), on_long=on_long
        ),
        counted=lambda answer: None,
    )


def _pair_columns(table: Table, asked: Asked) -> Columns:
    return Columns.of_pairs(table, asked.text_column, asked.pair_column, labels=False)
