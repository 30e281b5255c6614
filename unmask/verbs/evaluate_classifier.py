"""A classifier on labelled rows, beside another one where asked for, and a report on both."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import astuple, dataclass
from operator import itemgetter
from typing import Any

import numpy as np

from unmask.batches.sequences import OnLong
from unmask.evaluation.classification import ClassificationFigures, compare_labels
from unmask.evaluation.confidence import Shares
from unmask.pipelines.classify import Classifier
from unmask.pipelines.pair import PairClassifier
from unmask.pipelines.regress import Regressor
from unmask.report.classifier import classifier_report
from unmask.report.facts_classifier import AnsweredRow, ClassifierFacts
from unmask.report.facts_measured import Length
from unmask.text.labelled import Labelled, Targeted, sorted_labels
from unmask.verbs.classifier_result import (
    Agreement,
    ClassifierComparison,
    ClassifierEvaluation,
)
from unmask.verbs.evaluation_facts import telling_unknown
from unmask.verbs.tasks.labelled_data import check_known, read_from, remarks
from unmask.verbs.wanted import Wanted, both_or_one
from unmask.verbs.watch import Watch


@dataclass(frozen=True, slots=True)
class Answers:
    """What a classifier says of some rows.

    Attributes:
        guesses: N labels.
        shares: the probabilities of guess and truth.
        lengths: of the texts, and how they were read.
        truncated: texts that were cut.
    """

    guesses: tuple[str, ...]
    shares: Shares
    lengths: tuple[Length, ...]
    truncated: int

    @classmethod
    def of(
        cls,
        classifier: Classifier | PairClassifier,
        rows: Labelled,
        on_long: OnLong,
        watch: Watch,
        title: str,
    ) -> Answers:
        """Read all rows.

        Raises:
            TooLong: a text is longer than the context, under "error".
        """
        guesses, lengths, truncated = [], [], 0
        context = classifier.opened.model.encoder.config.context
        shares = np.empty((2, len(rows)))
        with watch.stage(title) as advance:
            said = said_of(classifier, rows, on_long, scores=True)
            answers = telling_unknown(said, watch, itemgetter("unknown"))
            for place, answer in enumerate(answers):
                guesses.append(answer["label"])
                lengths.append(Length.of(answer["tokens"], answer["truncated"], context))
                truncated += answer["truncated"]
                shares[:, place] = answer["score"], answer["scores"][rows.labels[place]]
                advance((place + 1) / len(rows), "")
        return cls(tuple(guesses), Shares(shares[0], shares[1]), tuple(lengths), truncated)


def evaluate_classifier(
    classifier: Classifier | PairClassifier,
    rows: Labelled,
    wanted: Wanted,
    other: Classifier | PairClassifier | None,
    watch: Watch,
) -> ClassifierEvaluation:
    """Measure a classifier, and another one, on labelled rows.

    Args:
        classifier: to be measured.
        rows: with their labels.
        wanted: what to measure.
        other: the model that is named in `wanted.against`, opened.
        watch: is told of the progress.

    Raises:
        LabelMismatch: the rows have labels that a model lacks.
        TooLong: a text is longer than the context, under "error".
        CheckpointError: the report cannot be written.
    """
    told = said_rows(rows, watch)
    check_known(classifier.labels, rows.labels, "model", rows.name)
    if missing := sorted_labels(set(classifier.labels) - set(rows.labels)):
        watch.say(f"{rows.name} has no row of: {', '.join(missing[:20])}")
    if other is not None:
        # Before the first model reads everything.
        check_known(other.labels, rows.labels, f"model {wanted.against}", rows.name)
    ours = Answers.of(classifier, rows, wanted.on_long, watch, "classifying")
    theirs = (
        None
        if other is None
        else Answers.of(other, rows, wanted.on_long, watch, f"classifying with {wanted.against}")
    )
    with watch.stage("computing figures"):
        figures = _figures(rows, ours, classifier.labels)
        against = (
            None
            if other is None or theirs is None
            else _compared(wanted, rows, (ours, theirs), (classifier.labels, other.labels))
        )
    result = ClassifierEvaluation(
        classifier.opened.path, told, figures, ours.truncated, rows.skipped, against, wanted.report
    )
    wanted.write(lambda: classifier_report(_facts(wanted, rows, ours, result)), watch)
    return result


def said_rows(rows: Targeted[Any], watch: Watch) -> str:
    """Where rows were read from; it is said, and what a person should know of them besides."""
    told = read_from(rows)
    for line in (told, *remarks(rows)):
        watch.say(line)
    return told


def said_of(
    model: Classifier | PairClassifier | Regressor,
    rows: Targeted[Any],
    on_long: OnLong,
    *,
    scores: bool = False,
) -> Iterator[Mapping[str, Any]]:
    """What a model says of each row, whether it reads texts or pairs of them.

    Raises:
        TooLong: a text is longer than the context, under "error".
    """
    if isinstance(model, Regressor):
        asked: Any = rows.texts if rows.seconds is None else rows.asked
        yield from model.stream(asked, on_long=on_long)
    elif isinstance(model, PairClassifier):
        pairs = zip(rows.texts, rows.seconds or (), strict=True)
        yield from model.stream(pairs, on_long=on_long, scores=scores)  # type: ignore[arg-type]
    else:
        yield from model.stream(rows.texts, on_long=on_long, scores=scores)


def _figures(rows: Labelled, said: Answers, labels: tuple[str, ...]) -> ClassificationFigures:
    return ClassificationFigures.of(rows.labels, said.guesses, labels, probabilities=said.shares)


def _compared(
    wanted: Wanted,
    rows: Labelled,
    said: tuple[Answers, Answers],
    labels: tuple[tuple[str, ...], tuple[str, ...]],
) -> ClassifierComparison:
    ours, theirs = said
    every = tuple(dict.fromkeys((*labels[0], *labels[1])))
    found = compare_labels(
        rows.labels,
        ours.guesses,
        theirs.guesses,
        every,
        probabilities=(ours.shares, theirs.shares),
    )
    first, second = (np.array(one.guesses) == np.array(rows.labels) for one in said)
    name, other = wanted.name, str(wanted.against)
    return ClassifierComparison(
        model=name,
        other=other,
        differences=found,
        agreement=Agreement(
            both=int((first & second).sum()),
            first=int((first & ~second).sum()),
            second=int((second & ~first).sum()),
            neither=int((~first & ~second).sum()),
        ),
        figures=_figures(rows, theirs, labels[1]),
        truncated=theirs.truncated,
        verdict=found[0].verdict(name, other),
    )


def _facts(
    wanted: Wanted, rows: Labelled, said: Answers, result: ClassifierEvaluation
) -> ClassifierFacts:
    answered = zip(
        map("\n".join, rows.asked),
        rows.labels,
        said.guesses,
        said.shares.of_guess,
        said.lengths,
        strict=True,
    )
    against = result.against
    each = {} if against is None else both_or_one(wanted, *astuple(against.agreement))
    differences = () if against is None else against.differences
    return ClassifierFacts(
        about=wanted.about(result.data, rows.skipped, differences, each),
        figures=result.figures,
        rows=tuple(
            AnsweredRow(text, truth, guess, float(share), length)
            for text, truth, guess, share, length in answered
        ),
    )
