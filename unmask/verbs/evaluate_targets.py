"""Models that give any number of labels, or numbers, on rows that have them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np

from unmask.errors import DataError
from unmask.evaluation.bootstrap import F64, Difference
from unmask.evaluation.embedding import EmbeddingFigures
from unmask.evaluation.multilabel import MultiLabelFigures, compare_label_sets
from unmask.evaluation.regression import RegressionFigures, compare_numbers
from unmask.pipelines.classify import Classifier
from unmask.pipelines.pair import PairClassifier
from unmask.pipelines.regress import Regressor
from unmask.report.facts_measured import Length
from unmask.report.label_sets import LabelSetFacts, LabelSetRow, label_set_report
from unmask.report.numbers import NumberFacts, NumberRow, number_report
from unmask.text.labelled import Targeted
from unmask.text.targets import LabelSet, Numbers
from unmask.verbs.evaluate_classifier import said_of, said_rows
from unmask.verbs.evaluation_facts import OnRows, left_out, telling_unknown
from unmask.verbs.tasks.labelled_data import check_known, counted
from unmask.verbs.wanted import Wanted, better_rows, right_rows
from unmask.verbs.watch import Watch


@dataclass(frozen=True, slots=True)
class TargetsEvaluation(OnRows):
    """A model on rows with sets of labels, with numbers, or with texts that belong together.

    Attributes:
        model: its folder.
        data: the table, and which of its columns were read.
        figures: what came out.
        truncated: texts that were cut to the context.
        skipped: bad places of the table that were left out.
    """

    model: Path
    data: str
    figures: MultiLabelFigures | RegressionFigures | EmbeddingFigures
    truncated: int
    skipped: int

    def in_words(self) -> dict[str, str]:
        """For people: the figures, and how another model differs."""
        lost = left_out("texts cut to the context", self.truncated, self.skipped)
        found = {**self.figures.in_words(), **lost}
        if isinstance(self.figures, MultiLabelFigures):
            found |= {f"  {one.label}": str(one) for one in self.figures.labels}
        return {**found, **self.beside()}


def evaluate_sets(
    model: Classifier | PairClassifier,
    rows: Targeted[LabelSet],
    wanted: Wanted,
    other: Classifier | PairClassifier | None,
    watch: Watch,
) -> TargetsEvaluation:
    """Measure a model that gives any number of labels, and another one.

    Raises:
        LabelMismatch: the rows have labels that a model lacks.
        TooLong: a text is longer than the context, under "error".
    """
    told, found = said_rows(rows, watch), {name for names in rows.labels for name in names}
    check_known(model.labels, sorted(found), "model", rows.name)
    if other is not None:
        check_known(other.labels, sorted(found), f"model {wanted.against}", rows.name)
    guesses, lengths = _sets(_read(model, rows, wanted, watch, "classifying"), _context(model))
    figures = MultiLabelFigures.of(rows.labels, guesses, model.labels)
    result = _result(model.opened.path, told, figures, lengths, rows.skipped, wanted)
    agreed = {}
    if other is not None:
        read = _read(other, rows, wanted, watch, f"classifying with {wanted.against}")
        theirs, sizes = _sets(read, _context(other))
        every = tuple(dict.fromkeys((*model.labels, *other.labels)))
        differences = compare_label_sets(rows.labels, guesses, theirs, every)
        result = _beside(result, wanted, differences, sizes)
        exact = (
            np.array([{*one} == {*own} for one, own in zip(side, rows.labels, strict=True)])
            for side in (guesses, theirs)
        )
        agreed = right_rows(wanted, *exact)

    def ordered(labels: Collection[str]) -> tuple[str, ...]:
        return tuple(one for one in model.labels if one in labels)

    about = wanted.about(told, rows.skipped, result.differences, agreed)
    each = zip(map("\n".join, rows.asked), rows.labels, guesses, lengths, strict=True)
    shown = tuple(
        LabelSetRow(text, ordered(true), ordered(given), size) for text, true, given, size in each
    )
    wanted.write(lambda: label_set_report(LabelSetFacts(about, figures, shown)), watch)
    return result


def evaluate_numbers(
    model: Regressor,
    rows: Targeted[Numbers],
    wanted: Wanted,
    other: Regressor | None,
    watch: Watch,
) -> TargetsEvaluation:
    """Measure a model that gives numbers, and another one.

    Raises:
        DataError: a row has more or fewer numbers than a model gives.
        TooLong: a text is longer than the context, under "error".
    """
    told = said_rows(rows, watch)
    models = [one for one in (model, other) if one is not None]
    for one in models:
        _check_count(rows, len(one.names))
    truth = np.array(rows.labels, dtype=np.float64)
    guesses, lengths = _numbers(_read(model, rows, wanted, watch, "reading"), _context(model))
    figures = RegressionFigures.of(truth, guesses, model.names)
    result = _result(model.opened.path, told, figures, lengths, rows.skipped, wanted)
    agreed = {}
    if other is not None:
        read = _read(other, rows, wanted, watch, f"reading with {wanted.against}")
        theirs, sizes = _numbers(read, _context(other))
        differences = tuple(
            one if len(model.names) == 1 else replace(one, figure=f"{name}: {one.figure}")
            for place, name in enumerate(model.names)
            for one in compare_numbers(truth[:, place], guesses[:, place], theirs[:, place])
        )
        result = _beside(result, wanted, differences, sizes)
        spread = np.maximum(truth.std(0), 1e-12)
        near = (-(np.abs(side - truth) / spread).mean(1) for side in (guesses, theirs))
        agreed = better_rows(wanted, "nearer", *near)
    about = wanted.about(told, rows.skipped, result.differences, agreed)
    each = zip(map("\n".join, rows.asked), truth.tolist(), guesses.tolist(), lengths, strict=True)
    shown = tuple(
        NumberRow(text, tuple(true), tuple(given), size) for text, true, given, size in each
    )
    wanted.write(lambda: number_report(NumberFacts(about, figures, shown)), watch)
    return result


def _result(
    path: Path,
    told: str,
    figures: MultiLabelFigures | RegressionFigures,
    lengths: tuple[Length, ...],
    skipped: int,
    wanted: Wanted,
) -> TargetsEvaluation:
    return TargetsEvaluation(path, told, figures, _cut(lengths), skipped, report=wanted.report)


def _beside(
    result: TargetsEvaluation,
    wanted: Wanted,
    differences: tuple[Difference, ...],
    lengths: tuple[Length, ...],
) -> TargetsEvaluation:
    """What came out, beside another model and how long the texts are to it."""
    return replace(
        result,
        other=str(wanted.against),
        differences=differences,
        other_truncated=_cut(lengths),
    )


def _cut(lengths: tuple[Length, ...]) -> int:
    return sum(one.how == "cut" for one in lengths)


def _context(model: Classifier | PairClassifier | Regressor) -> int:
    """Tokens that a model reads at once."""
    return model.opened.model.encoder.config.context


def _read(
    model: Classifier | PairClassifier | Regressor,
    rows: Targeted[Any],
    wanted: Wanted,
    watch: Watch,
    title: str,
) -> Iterator[Mapping[str, Any]]:
    said = said_of(model, rows, wanted.on_long)
    with watch.stage(title) as advance:
        for place, answer in enumerate(telling_unknown(said, watch, itemgetter("unknown"))):
            yield answer
            advance((place + 1) / len(rows), "")


def _sets(
    answers: Iterable[Mapping[str, Any]], context: int
) -> tuple[list[list[str]], tuple[Length, ...]]:
    """The labels given, and how long the texts are."""
    read = [(answer["labels"], _length(answer, context)) for answer in answers]
    return [labels for labels, _ in read], tuple(length for _, length in read)


def _numbers(answers: Iterable[Mapping[str, Any]], context: int) -> tuple[F64, tuple[Length, ...]]:
    """`(N, K)` numbers, and how long the texts are."""
    read = [(list(answer["values"].values()), _length(answer, context)) for answer in answers]
    return np.array([values for values, _ in read]), tuple(length for _, length in read)


def _length(answer: Mapping[str, Any], context: int) -> Length:
    return Length.of(answer["tokens"], answer["truncated"], context)


def _check_count(rows: Targeted[Numbers], count: int) -> None:
    for place, numbers in enumerate(rows.labels):
        if len(numbers) != count:
            raise DataError(
                f"each row needs {counted(count, 'number')}, as the model gives, but "
                f"{rows.at(place)} has {len(numbers)}; correct the row, or choose another column "
                "with --label-column"
            )
