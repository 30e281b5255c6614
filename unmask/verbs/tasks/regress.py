"""One or several numbers for each text, or for each pair of texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import nn

from unmask.checkpoint.folder import Opened, open_classifier
from unmask.errors import DataError, LabelMismatch
from unmask.evaluation.bootstrap import F64
from unmask.evaluation.regression import RegressionFigures
from unmask.heads.model import SequenceClassifier
from unmask.heads.sequence import SequenceHead
from unmask.objectives.supervised import Regression
from unmask.text.bad import Reading
from unmask.text.columns import NUMBER_COLUMNS, Columns
from unmask.text.labelled import Targeted, read_targets
from unmask.text.rows import Table
from unmask.text.targets import Numbers, numbers_of
from unmask.verbs.finetune_settings import TuneData
from unmask.verbs.tasks.frozen import frozen_head
from unmask.verbs.tasks.labelled_data import counted, held_apart, shared_note, told
from unmask.verbs.tasks.pieces import (
    Finished,
    Given,
    Pieces,
    Said,
    check_bias,
    new_weights,
    with_texts,
)
from unmask.verbs.tasks.rows import Rows, cut_notes, logits_of, rows_of

GROUPS = 10  # of like numbers, from each of which a share is held out


def regress(given: Given) -> Pieces:
    """The pieces. With `data.pair_column` the rows are pairs of texts.

    Raises:
        DataError: a number is missing or not finite, rows have more or fewer than the first, or one
            is the same in all rows.
        LabelMismatch: the model gives more or fewer numbers.
        UnsupportedModel: its head has no bias.
    """
    settings, watch = given.settings, given.watch
    with watch.stage("reading the data"):
        train, dev, notes = _split(given)
    scale = Scale.of(train)
    opened = _opened(given, scale)
    scale.into(opened.model.head, new=bool(opened.new))
    with watch.stage("tokenising"):
        rows = rows_of(train, opened, given.on_long)
        device = opened.model.encoder.embedding.tokens.weight.device
        measure = Measure(rows_of(dev, opened, given.on_long), _table(dev), scale, device)
    pairs = train.seconds is not None
    opened = with_texts(opened, pairs)
    many = f"{len(scale.names)} numbers" if len(scale.names) > 1 else "a number"
    ranges = ", ".join(
        f"{name} from {low:g} to {high:g}" for name, (low, high) in scale.ranges.items()
    )
    return Pieces(
        opened=opened,
        rows=rows,
        objective=Regression(torch.from_numpy(scale.small(_table(train))).float()),
        dev=measure,
        train_rows=len(train),
        dev_rows=len(dev),
        said=Said("text-classification", f"regressor that gives {many}", f"Learnt: {ranges}"),
        notes=(
            *notes,
            *cut_notes(rows, measure.rows, opened, "pairs" if pairs else "texts"),
            *new_weights(opened, settings.run.seed),
        ),
        frozen=lambda: frozen_head(opened.model, rows, measure),
        finish=lambda: _finished(opened, measure),
        metrics=("loss", "pearson", "spearman"),
    )


@dataclass(frozen=True, slots=True)
class Scale:
    """Where numbers lie, so that a head learns them around 0, whatever their unit.

    When the training is done the head takes the scale into its weights, and gives the numbers
    themselves, here and elsewhere.

    Attributes:
        names: of the K numbers.
        centre, spread: `(K,)` mean and standard deviation of the training rows.
        ranges: the lowest and the highest of each.
    """

    names: tuple[str, ...]
    centre: F64
    spread: F64
    ranges: dict[str, tuple[float, float]]

    @classmethod
    def of(cls, rows: Targeted[Numbers]) -> Scale:
        """That of the training rows.

        Raises:
            DataError: a number is the same in all rows.
        """
        table, column = _table(rows), rows.columns.label or ""
        count = table.shape[1]
        names = (column,) if count == 1 else tuple(f"{column} {k + 1}" for k in range(count))
        spread = table.std(0)
        for name, low, high in zip(names, table.min(0), table.max(0), strict=True):
            if low == high:
                raise DataError(
                    f"numbers must differ for a model to tell them, but in all rows of {rows.name} "
                    f"{name!r} is {low:g}; choose another column with --label-column"
                )
        ends = zip(table.min(0).tolist(), table.max(0).tolist(), strict=True)
        return cls(names, table.mean(0), spread, dict(zip(names, ends, strict=True)))

    def small(self, numbers: F64) -> F64:
        """`(N, K)` numbers around 0."""
        return (numbers - self.centre) / self.spread

    def large(self, scores: F64) -> F64:
        """The inverse of `small`."""
        return scores * self.spread + self.centre

    @torch.no_grad()
    def into(self, head: SequenceHead, *, new: bool) -> None:
        """Make a head that gives numbers give them around 0; a new one is left as it is."""
        if not new:
            weight, bias = head.project.weight, head.project.bias
            spread, centre = (
                torch.from_numpy(one).to(weight) for one in (self.spread, self.centre)
            )
            weight.div_(spread[:, None])
            bias.sub_(centre).div_(spread)

    @torch.no_grad()
    def out_of(self, head: SequenceHead) -> None:
        """The inverse of `into`: the head gives the numbers themselves."""
        weight, bias = head.project.weight, head.project.bias
        spread, centre = (torch.from_numpy(one).to(weight) for one in (self.spread, self.centre))
        weight.mul_(spread[:, None])
        bias.mul_(spread).add_(centre)


@dataclass(frozen=True, slots=True)
class Measure:
    """Rows with numbers to measure a model with, whose head gives them around 0.

    Attributes:
        rows: the texts as token ids.
        truth: `(N, K)`.
        scale: of the numbers.
        device: where the model is.
    """

    rows: Rows
    truth: F64
    scale: Scale
    device: torch.device

    def __call__(self, model: nn.Module) -> Mapping[str, float]:
        """Mean squared error around 0, and Pearson's and Spearman's correlation."""
        figures = self._figures(model, resamples=1)
        scores = self.scale.small(self.truth) - self.scale.small(self._guesses(model))
        return {
            "loss": float(np.square(scores).mean()),
            "pearson": figures.mean("pearson"),
            "spearman": figures.mean("spearman"),
        }

    def figures(self, model: nn.Module) -> RegressionFigures:
        """All figures, in the numbers' own units."""
        return self._figures(model)

    def _guesses(self, model: nn.Module) -> F64:
        found = logits_of(model, self.rows, self.device)
        return self.scale.large(found.double().numpy())

    def _figures(self, model: nn.Module, **resamples: int) -> RegressionFigures:
        guesses, names = self._guesses(model), self.scale.names
        return RegressionFigures.of(self.truth, guesses, names, **resamples)


def _finished(opened: Opened[SequenceClassifier], dev: Measure) -> Finished:
    figures = dev.figures(opened.model)
    dev.scale.out_of(opened.model.head)
    use = replace(opened.use, ranges=dev.scale.ranges)
    return Finished(figures, replace(opened, labels=dev.scale.names, use=use), ())


def _opened(given: Given, scale: Scale) -> Opened[SequenceClassifier]:
    """The model; one that gives numbers already keeps their meaning, in their order."""
    settings = given.settings
    opened: Opened[SequenceClassifier] = open_classifier(
        given.model,
        labels=scale.names,
        pooling=settings.model.pooling,
        outputs=("numbers",),
        seed=settings.run.seed,
        device=given.device,
        revision=given.revision,
    )
    check_bias(opened, "learn numbers of any unit")
    return opened


def _split(given: Given) -> tuple[Targeted[Numbers], Targeted[Numbers], tuple[str, ...]]:
    settings = given.settings
    whole = read_numbers(given.train, settings.data)
    many = f", {counted(len(whole.labels[0]), 'number')} in each"
    if given.dev is None:
        groups = like_numbers(whole.labels)
        rest, held_out, how = held_apart(
            whole, groups, settings.data.dev_share, settings.split_seed
        )
        return rest, held_out, (told(whole, many), f"{how}, of low and high numbers alike")
    dev = read_numbers(given.dev, settings.data)
    if len(dev.labels[0]) != len(whole.labels[0]):
        raise LabelMismatch(
            f"{dev.name} must have as many numbers in a row as {whole.name}, which has "
            f"{len(whole.labels[0])}, but has {len(dev.labels[0])}; choose another column with "
            "--label-column"
        )
    return whole, dev, (told(whole, many), told(dev), *shared_note(whole, dev))


def like_numbers(rows: Sequence[Numbers]) -> list[str]:
    """For each row the name of its group, of which there are `GROUPS`, by its first number."""
    first = np.array([numbers[0] for numbers in rows])
    edges = np.quantile(first, np.linspace(0, 1, GROUPS + 1)[1:-1])
    return [str(group) for group in np.searchsorted(edges, first).tolist()]


def read_numbers(path: str | Path, settings: TuneData) -> Targeted[Numbers]:
    """All texts of a table, or pairs where `data.pair_column` is named, with their numbers.

    Raises:
        DataError: a number is missing or not finite, or rows have more or fewer than the first.
        CorruptText: a bad place.
    """
    table = Table.open(path)
    if settings.pair_column is None:
        named = (settings.text_column, settings.label_column)
        columns = Columns.of(table, *named, known=NUMBER_COLUMNS)
    else:
        pair = (settings.text_column, settings.pair_column, settings.label_column)
        columns = Columns.of_pairs(table, *pair, known=NUMBER_COLUMNS)
    rows = read_targets(table, columns, Reading(settings.on_bad, settings.max_bad), numbers_of)
    count = len(rows.labels[0])
    for place, numbers in enumerate(rows.labels):
        if len(numbers) != count:
            raise DataError(
                f"all rows must have as many numbers as the first, {count}, but "
                f"{rows.at(place)} has {len(numbers)}; correct the row or remove it"
            )
    return rows


def _table(rows: Targeted[Numbers]) -> F64:
    return np.array(rows.labels, dtype=np.float64)
