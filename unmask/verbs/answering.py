"""Models that find answers, measured on questions with known ones, one or two on the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from unmask.batches.sequences import OnLong
from unmask.evaluation.answering import AnswerFigures, agreements, compare_answers
from unmask.evaluation.bootstrap import Difference
from unmask.pipelines.answer import Answered, Answerer
from unmask.pipelines.running import mostly_unknown
from unmask.report.answers import AnswerFacts, AskedRow, answer_report
from unmask.report.facts_measured import Length
from unmask.text.questions import Question, Questions, read_questions
from unmask.verbs.evaluate_rows import Rows
from unmask.verbs.evaluation_facts import OnRows, left_out, unknown_texts
from unmask.verbs.tasks.question_data import told
from unmask.verbs.wanted import Wanted, right_rows
from unmask.verbs.watch import Watch


@dataclass(frozen=True, slots=True)
class AnswerEvaluation(OnRows):
    """A model that finds answers, on questions with known ones.

    Attributes:
        model: its folder.
        data: the file, and what was read of it.
        figures: what came out.
        truncated: questions or texts that were cut.
        skipped: bad places of the file that were left out.
        unknown: texts of mostly tokens that the tokenizer does not know.
    """

    model: Path
    data: str
    figures: AnswerFigures
    truncated: int
    skipped: int
    unknown: int = 0

    def in_words(self) -> dict[str, str]:
        """For people: the figures, and how another model differs."""
        lost = left_out("questions or texts that were cut", self.truncated, self.skipped)
        lost |= unknown_texts(self.unknown)
        return {**self.figures.in_words(), **lost, **self.beside()}


def evaluate_answers(
    folder: Path,
    rows: Rows,
    wanted: Wanted,
    on_long: OnLong,
    device: torch.device,
    watch: Watch,
) -> AnswerEvaluation:
    """Exact match and F1 on questions with known answers, of another model too where asked for.

    Args:
        folder: of the model.
        rows: the file; see `unmask.text.questions`.
        wanted: what to measure beside it.
        on_long: what happens to a text longer than a row of the model.
        device: where the models go.
        watch: is told of the progress.

    Raises:
        DataError, CorruptText: the questions cannot be used.
        TooLong: a text is longer than a row, under "error".
    """
    answerer = Answerer.from_pretrained(folder, device=device)
    other = None
    if wanted.against is not None:
        other = Answerer.from_pretrained(wanted.against, device=device)
    with watch.stage("reading the data"):
        questions = read_questions(
            rows.path, rows.text, rows.pair, rows.label, reading=rows.reading
        )
    for line in told(questions):
        watch.say(line)
    if questions.unanswerable and answerer.rule.threshold is None:
        watch.say(
            f"the model always answers, also the {questions.unanswerable:,} questions without an "
            "answer: its folder has no threshold"
        )
    ours = _read(answerer, questions, on_long, watch, "answering")
    said = [one["text"] for one in ours]
    truths = [[answer.text for answer in row.answers] for row in questions.rows]
    threshold = answerer.rule.threshold
    with watch.stage("computing figures"):
        figures = AnswerFigures.of(said, truths, threshold)
    path = answerer.opened.opened.path
    unknown = sum(mostly_unknown(one["unknown"]) for one in ours)
    data, skipped = told(questions)[0], questions.skipped
    result = AnswerEvaluation(
        path, data, figures, _cut(ours), skipped, unknown, report=wanted.report
    )
    agreed = {}
    if other is not None:
        title = f"answering with {wanted.against}"
        read = _read(other, questions, on_long, watch, title)
        theirs = [one["text"] for one in read]
        differences = _main_first(compare_answers(truths, said, theirs))
        name, lost = str(wanted.against), _cut(read)
        result = replace(result, other=name, differences=differences, other_truncated=lost)
        sides = (agreements(side, truths)[:, 0] for side in (said, theirs))
        agreed = right_rows(wanted, *sides)
    about = wanted.about(data, skipped, result.differences, agreed)
    window = answerer.rule.window
    asked = tuple(_row(*both, window) for both in zip(questions.rows, ours, strict=True))
    wanted.write(lambda: answer_report(AnswerFacts(about, threshold, asked)), watch)
    return result


def _read(
    answerer: Answerer, questions: Questions, on_long: OnLong, watch: Watch, title: str
) -> list[Answered]:
    """What a model says of each question."""
    found: list[Answered] = []
    with watch.stage(title) as advance:
        pairs = [(row.text, row.context) for row in questions.rows]
        for answered in answerer.stream(pairs, on_long=on_long):
            found.append(answered)
            advance(len(found) / len(questions), "")
    return found


def _cut(answers: Sequence[Answered]) -> int:
    return sum(one["truncated"] for one in answers)


def _main_first(differences: tuple[Difference, ...]) -> tuple[Difference, ...]:
    """F1 first: the verdict is on it, as models are chosen by it."""
    return tuple(sorted(differences, key=lambda one: one.figure != "F1"))


def _row(question: Question, said: Answered, window: int) -> AskedRow:
    return AskedRow(
        question=question.text,
        context=question.context,
        truths=tuple((answer.text, answer.start) for answer in question.answers),
        said=said["text"],
        start=said["start"],
        score=said["score"],
        length=Length.of(said["tokens"], said["truncated"], window),
    )
