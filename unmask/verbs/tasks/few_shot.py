"""A classifier from few texts of each label: drawn together, then told apart.

The encoder learns by contrast which texts belong together, for which a few texts are many pairs;
then a linear layer is fitted on its vectors by logistic regression (SetFit, Tunstall et al. 2022).
The loss is that of Khosla et al. 2020, over whole batches instead of pair by pair. The names of the
labels are texts of their labels too, where they help (`few_names`). What comes out is a classifier
like any other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import nn

from unmask.batches.batch import Batch
from unmask.batches.together import TogetherBatches
from unmask.checkpoint.folder import Opened
from unmask.checkpoint.sentence import open_sentence, sentence_root
from unmask.errors import ConfigError, DataError, ModelError, first_of
from unmask.evaluation.probe import F32
from unmask.heads.embedding import DenseConfig, PoolingMode
from unmask.heads.model import SequenceClassifier
from unmask.nn.config import Pooling
from unmask.objectives.supervised import Classification
from unmask.objectives.supervised_contrastive import Together
from unmask.verbs.finetune_settings import FinetuneSettings
from unmask.verbs.looking import look
from unmask.verbs.tasks.few_names import Trial, fit, in_words
from unmask.verbs.tasks.labelled_data import counted
from unmask.verbs.tasks.pieces import (
    Finished,
    Given,
    Measure,
    Pieces,
    TaskFigures,
    new_weights,
)
from unmask.verbs.tasks.rows import Rows

FEWEST = 8  # texts of a label, below which the figures vary widely from draw to draw
MANY = 64  # texts of a label, on average, from which on ordinary fine-tuning is the better choice
_POOLINGS: Mapping[PoolingMode, Pooling] = {"mean": "mean", "cls": "cls", "lasttoken": "last"}


def as_few_shot(given: Given) -> Given:
    """The same, with the pooling by which the model's vectors are good ones.

    Of an embedding model it is its folder's; of a classifier its own; of any other the mean.

    Raises:
        ConfigError: settings that do nothing here; or the folder pools as no classifier does.
    """
    settings = given.settings
    _check(settings)
    if settings.model.pooling is not None:
        return given
    folder, said = look(given.model, given.revision)
    if said.has("sequence"):
        return given
    pooling: Pooling = "mean"
    if sentence_root(folder) is not None:
        head = open_sentence(folder).head.config
        if len(head.pool.modes) > 1 or head.pool.modes[0] not in _POOLINGS:
            raise ConfigError(
                f"a classifier pools by one of {', '.join(_POOLINGS.values())}, but {folder} by "
                f"{' and '.join(head.pool.modes)}. Choose one with --pooling, such as mean"
            )
        pooling = _POOLINGS[head.pool.modes[0]]
        if any(isinstance(stage, DenseConfig) for stage in head.stages):
            given.watch.say(f"the dense layers behind the pooling of {folder} are left out")
    model = replace(settings.model, pooling=pooling)
    return replace(given, settings=replace(settings, model=model))


def from_few(pieces: Pieces, settings: FinetuneSettings) -> Pieces:
    """The pieces of ordinary fine-tuning as those of learning from few texts.

    Raises:
        DataError: no label has two texts.
        ModelError: the head has no bias, which logistic regression gives it.
    """
    model, ordinary, rows = pieces.opened.model, pieces.objective, pieces.rows
    assert isinstance(model, SequenceClassifier)
    assert isinstance(ordinary, Classification)
    assert isinstance(rows, Rows)
    if model.head.project.bias is None:
        raise ModelError(
            f"few-shot needs a head whose labels have a bias, but that of "
            f"{pieces.opened.arch.name} has none. Fine-tune without --few-shot"
        )
    numbers, names = ordinary.labels, pieces.opened.labels
    labels = tuple(names[number] for number in numbers.tolist())
    notes = pieces.notes
    if all(name.startswith("head.project.") for name in pieces.opened.new):
        # Nothing of what was drawn is left.
        drawn = new_weights(pieces.opened, settings.run.seed)
        notes = tuple(note for note in notes if note not in drawn)
    fitted, said = _with_names(
        FittedHead(model, rows, None, labels, names, pieces.dev, settings), pieces.opened
    )
    if fitted.words is not None:
        rows = replace(rows, rows=(*rows.rows, *fitted.words.rows))
        numbers = torch.cat((numbers, torch.arange(len(names), dtype=numbers.dtype)))
    # It is computed, not trained.
    model.head.project.requires_grad_(False)

    def finish() -> Finished:
        fitted.fit()
        assert pieces.finish is not None
        return pieces.finish()

    return replace(
        pieces,
        objective=Together(numbers, settings.few_shot.temperature),
        source=lambda batch, seed: TogetherBatches.of(
            rows.rows, numbers.numpy(), batch=batch, seed=seed
        ),
        dev=fitted,
        notes=(*notes, *_notes(labels), *said),
        finish=finish,
    )


def _with_names(fitted: FittedHead, opened: Opened[Any]) -> tuple[FittedHead, tuple[str, ...]]:
    """The same with the names of the labels, if they are words and help, and what to say of it."""
    few = fitted.settings.few_shot
    words = in_words(fitted.names) if few.names else None
    if words is None:
        return fitted, ()
    named = replace(fitted, words=Rows.of(words, opened, "truncate"))
    fitted.model.eval()
    texts, labels, names = named.vectors()
    assert names is not None
    trial = Trial.of(texts, labels, names, fitted.names, few.strength)
    found = (
        f"of {trial.rows:,} rows, each left out once, {trial.beside:,} are told right with "
        f"them and {trial.without:,} without"
    )
    if not trial.helps:
        return fitted, (f"the names of the labels are not read as texts: {found}",)
    return named, (
        f"the names of the labels, such as {words[0]!r}, are read as texts too: {found} (leave "
        "them out with --set few_shot.names=false)",
    )


@dataclass(frozen=True, slots=True)
class FittedHead:
    """A classifier whose last layer is fitted to what its encoder gives, and then measured.

    Attributes:
        model: encoder and head.
        rows: the texts to fit to.
        words: the names of the labels as texts, to fit to as well; None to leave them out.
        labels: those of the texts.
        names: all labels, in the order of the model's outputs.
        dev: what the model is measured with.
        settings: of the run.
    """

    model: SequenceClassifier
    rows: Rows
    words: Rows | None
    labels: tuple[str, ...]
    names: tuple[str, ...]
    dev: Measure
    settings: FinetuneSettings

    def vectors(self) -> tuple[F32, tuple[str, ...], F32 | None]:
        """`(N, E)` of the texts as the encoder is now, their labels, and `(C, E)` of the names."""

        def read(batch: Batch) -> list[torch.Tensor]:
            return list(self.model.vectors(batch).float().cpu())

        device = self.model.encoder.embedding.tokens.weight.device
        texts, words = (
            None if rows is None else torch.stack(rows.read(read, device)).numpy()
            for rows in (self.rows, self.words)
        )
        assert texts is not None
        return texts, self.labels, words

    def fit(self) -> None:
        """Put a logistic regression into the last layer; the model is in evaluation mode."""
        probe = fit(
            *self.vectors(),
            self.names,
            self.settings.few_shot.strength,
            balanced=self.settings.loss.class_weights == "balanced",
        )
        project = self.model.head.project
        with torch.no_grad():
            for place, fitted in zip(
                (project.weight, project.bias), probe.layer(self.names), strict=True
            ):
                place.copy_(torch.from_numpy(np.asarray(fitted, dtype=np.float32)))

    def __call__(self, model: nn.Module) -> Mapping[str, float]:
        """A few figures with the layer that fits the encoder as it is now."""
        self.fit()
        return self.dev(model)

    def figures(self, model: nn.Module) -> TaskFigures:
        """All figures with that layer."""
        self.fit()
        return self.dev.figures(model)


def _check(settings: FinetuneSettings) -> None:
    """Refuse what would do nothing."""
    for name, given, else_ in (
        (
            "model.freeze=true",
            settings.model.freeze,
            "unmask probe uses the model as it is",
        ),
        ("loss.smoothing", settings.loss.smoothing > 0, "no label is a target of its loss"),
    ):
        if given:
            raise ConfigError(
                f"{name} would do nothing with --few-shot, where texts are drawn together and the "
                f"last layer is a logistic regression; leave it out ({else_})"
            )


def _notes(labels: tuple[str, ...]) -> tuple[str, ...]:
    """What a person should know of how many texts the labels have.

    Raises:
        DataError: no label has two.
    """
    counts = Counter(labels)
    single = [name for name, count in counts.items() if count < 2]
    if len(single) == len(counts):
        raise DataError(
            "few-shot draws texts of one label together, but no label has two texts to train on; "
            "give 8 to 64 of each, or give --dev a file so that none are held out"
        )
    notes = []
    if single:
        notes.append(
            f"{counted(len(single), 'label')} with a single text, to which none can be drawn: "
            f"{first_of(single, 20)}; 8 to 64 of each are better"
        )
    elif (least := min(counts.values())) < FEWEST:
        few = [name for name, count in counts.items() if count < FEWEST]
        notes.append(
            f"{counted(len(few), 'label')} with fewer than {FEWEST} texts to train on, the least "
            f"with {least}: {first_of(few, 20)}; {FEWEST} to {MANY} of each are better"
        )
    if len(labels) > MANY * len(counts):
        notes.append(
            f"{len(labels) / len(counts):,.0f} texts a label are many for --few-shot, which is "
            f"made for 8 to {MANY}; compare with fine-tuning without it"
        )
    return tuple(notes)
