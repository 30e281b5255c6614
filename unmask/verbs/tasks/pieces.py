"""A model, the rows it learns from and those it is measured with, whatever the task."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, get_args

import torch
from torch import nn

from unmask.batches.sequences import OnLong
from unmask.checkpoint.folder import Opened
from unmask.checkpoint.formats import Format
from unmask.checkpoint.sentence import open_sentence, sentence_root
from unmask.errors import ConfigError, UnsupportedModel, first_of
from unmask.evaluation.answering import AnswerFigures
from unmask.evaluation.classification import ClassificationFigures
from unmask.evaluation.embedding import EmbeddingFigures
from unmask.evaluation.multilabel import MultiLabelFigures
from unmask.evaluation.regression import RegressionFigures
from unmask.evaluation.reranking import RerankFigures
from unmask.evaluation.tagging import TaggingFigures
from unmask.heads.model import SequenceClassifier
from unmask.report.card import Task
from unmask.train.loop import Evaluate, Objective, Source
from unmask.verbs.finetune_settings import FinetuneSettings
from unmask.verbs.watch import Watch


@dataclass(frozen=True, slots=True)
class Given:
    """What every task is made from.

    Attributes:
        model, revision: the model to begin with.
        train: the file to learn from.
        dev: the file to measure with, or None to hold out a share.
        settings: of the run.
        on_long: what happens to text longer than the context.
        device: of the model.
        watch: is told of the progress.
        unlabelled: a file of texts without a label to learn from as well; None for none.
    """

    model: str | Path
    revision: str | None
    train: str | Path
    dev: str | Path | None
    settings: FinetuneSettings
    on_long: OnLong
    device: torch.device
    watch: Watch
    unlabelled: str | Path | None = None


MOST_LABELS = 20  # named in a card
TaskFigures = (
    ClassificationFigures
    | MultiLabelFigures
    | RegressionFigures
    | TaggingFigures
    | AnswerFigures
    | EmbeddingFigures
    | RerankFigures
)
"""What a finished model is worth on the dev rows: of each task, one of these. No two have the same
fields, so that a stored one can be told."""


class Measure(Protocol):
    """Dev rows to measure a model with."""

    def __call__(self, model: nn.Module) -> Mapping[str, float]:
        """A few figures, in the course of training; the model is in evaluation mode."""
        ...

    def figures(self, model: nn.Module) -> TaskFigures:
        """All of them, with intervals."""
        ...


class Batches(Source, Protocol):
    """Where batches come from, and how many there are."""

    def steps(self, epochs: int) -> int:
        """The number of batches in so many epochs."""
        ...


class LearntRows(Protocol):
    """Rows to learn from."""

    @property
    def truncated(self) -> int:
        """How many texts were cut."""
        ...

    def __len__(self) -> int:
        """How many rows there are."""
        ...

    def batches(self, batch: int, seed: int) -> Batches:
        """Batches of so many rows."""
        ...


@dataclass(frozen=True, slots=True)
class Said:
    """The words for a finished model, for its card.

    Attributes:
        task: of the model.
        noun: what kind of model it is, and for what, behind its size: "classifier for 4 labels".
        data: a sentence on what it learnt, such as its labels.
    """

    task: Task
    noun: str
    data: str


@dataclass(frozen=True, slots=True)
class Finished:
    """What a training came to.

    Attributes:
        figures: of the model on the dev rows.
        opened: the model as it is saved.
        notes: what was chosen on the dev rows.
        beside: writes the files that its folder has beside those of every model; None for none.
    """

    figures: TaskFigures
    opened: Opened[Any]
    notes: tuple[str, ...]
    beside: Callable[[Path, Format], None] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Pieces:
    """A model and what it learns from.

    Attributes:
        opened: the model, with its tokenizer and labels.
        rows: what it learns from, as token ids; a sample's number is its row's.
        objective: what it learns.
        dev: what it is measured with.
        train_rows, dev_rows: how many rows of the files were used for what.
        said: it in words.
        notes: what a person should know of the data and of how the run begins.
        frozen: gives the head alone as a module over what the frozen encoder says, computed once,
            and what measures it; None where the task cannot be learnt so.
        begin: is called before the first step, while the model is as it was opened, to measure it;
            None for nothing.
        source: gives batches of so many rows by a seed, where not any rows may make one; None for
            those of `rows`.
        finish: what is done once the training is, such as choosing thresholds on the dev rows;
            None for nothing.
        chosen: a digest of what is learnt from, where the model itself has chosen a part of it;
            else None.
        metrics: figures of `dev` that weights may be chosen by; the first is the task's own. Empty
            where the last weights are kept.
    """

    opened: Opened[Any]
    rows: LearntRows
    objective: Objective
    dev: Measure
    train_rows: int
    dev_rows: int
    said: Said
    notes: tuple[str, ...]
    frozen: Callable[[], tuple[nn.Module, Evaluate]] | None = None
    begin: Callable[[], None] | None = None
    source: Callable[[int, int], Batches] | None = None
    finish: Callable[[], Finished] | None = None
    chosen: str | None = None
    metrics: tuple[str, ...] = ()

    def batches(self, batch: int, seed: int) -> Batches:
        """Batches of so many rows, on average."""
        return (self.source or self.rows.batches)(batch, seed)

    def finished(self) -> Finished:
        """What is saved, and what it is worth; the model is trained and in evaluation mode."""
        if self.finish is not None:
            return self.finish()
        return Finished(self.dev.figures(self.opened.model), self.opened, ())


def new_weights(opened: Opened[Any], seed: int) -> tuple[str, ...]:
    """What was drawn, in words, and what speaks against how it reads; empty for nothing."""
    names = sorted({name.rpartition(".")[0] for name in opened.new})
    if not names:
        return ()
    return (f"new weights, drawn from seed {seed}: {', '.join(names)}", *_pools_otherwise(opened))


def _pools_otherwise(opened: Opened[Any]) -> tuple[str, ...]:
    """That a new head reads the first token of an embedding model whose vectors are means.

    Such a token has learnt nothing since the encoder was pretrained; docs/log.md has what it costs.
    """
    model, root = opened.model, sentence_root(opened.path)
    if root is None or not isinstance(model, SequenceClassifier):
        return ()
    modes = open_sentence(root).head.config.pool.modes
    if model.head_config.pooling != "cls" or modes != ("mean",):
        return ()
    return (
        "the new head reads the first token, but the model was trained to give the mean of its "
        "tokens: --pooling mean may learn faster, at the price of a folder that transformers does "
        "not open",
    )


def labels_in_words(labels: tuple[str, ...]) -> str:
    """The first of them, for a card."""
    return f"Labels: {first_of(labels, MOST_LABELS)}"


def check_on_long(word: OnLong | None, allowed: tuple[OnLong, ...]) -> OnLong:
    """The word, or the first that is allowed.

    Raises:
        ConfigError: it makes no sense for the task.
    """
    if word is None:
        return allowed[0]
    if word not in allowed:
        others = ", ".join(one for one in get_args(OnLong) if one in allowed)
        raise ConfigError(f"on_long must be one of {others} for this task, not {word!r}")
    return word


def check_bias(opened: Opened[SequenceClassifier], why: str) -> None:
    """Check that the outputs of a head, new or not, can be moved up and down.

    Args:
        opened: the model.
        why: what they could not do else.

    Raises:
        UnsupportedModel: its architecture gives them no bias, as decoders do.
    """
    if opened.model.head.project.bias is None:
        raise UnsupportedModel(
            f"{opened.path} is of the {opened.arch.name} architecture, whose head for whole texts "
            f"has no bias, without which it cannot {why}; start from a model of another "
            "architecture, such as bert or modernbert"
        )


def with_texts(opened: Opened[Any], pairs: bool) -> Opened[Any]:
    """The model, saying whether it reads pairs."""
    return replace(opened, use=replace(opened.use, texts="pair" if pairs else "single"))
