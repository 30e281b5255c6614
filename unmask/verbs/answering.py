"""Models that find answers, measured on questions with known ones."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unmask.batches.sequences import OnLong
from unmask.evaluation.answering import AnswerFigures
from unmask.pipelines.answer import Answerer
from unmask.text.bad import Reading
from unmask.text.questions import read_questions
from unmask.verbs.evaluation_facts import as_facts, left_out
from unmask.verbs.tasks.question_data import told
from unmask.verbs.watch import Watch


@dataclass(frozen=True, slots=True)
class AnswerEvaluation:
    """A model that finds answers, on questions with known ones.

    Attributes:
        model: its folder.
        data: the file, and what was read of it.
        figures: what came out.
        truncated: questions or texts that were cut.
        skipped: bad places of the file that were left out.
    """

    model: Path
    data: str
    figures: AnswerFigures
    truncated: int
    skipped: int

    def as_dict(self) -> dict[str, Any]:
        """For programs: the figures beside the rest."""
        return as_facts(self)

    def in_words(self) -> dict[str, str]:
        """For people."""
        lost = left_out("questions or texts that were cut", self.truncated, self.skipped)
        return {**self.figures.in_words(), **lost}


def evaluate_answers(
    answerer: Answerer,
    data: str | Path,
    *,
    question_column: str | None,
    context_column: str | None,
    answer_column: str | None,
    on_long: OnLong,
    reading: Reading,
    watch: Watch,
) -> AnswerEvaluation:
    """Exact match and F1 on questions with known answers; see `evaluate`."""
    with watch.stage("reading the data"):
        questions = read_questions(
            data, question_column, context_column, answer_column, reading=reading
        )
    for line in told(questions):
        watch.say(line)
    if questions.unanswerable and answerer.rule.threshold is None:
        watch.say(
            f"the model always answers, also the {questions.unanswerable:,} questions without an "
            "answer: its folder has no threshold"
        )
    found: list[str] = []
    truncated = 0
    with watch.stage("answering") as advance:
        pairs = [(row.text, row.context) for row in questions.rows]
        for answered in answerer.stream(pairs, on_long=on_long):
            found.append(answered["text"])
            truncated += answered["truncated"]
            advance(len(found) / len(questions), "")
    with watch.stage("computing figures"):
        truths = [[answer.text for answer in row.answers] for row in questions.rows]
        figures = AnswerFigures.of(found, truths, answerer.rule.threshold)
    path = answerer.opened.opened.path
    return AnswerEvaluation(path, told(questions)[0], figures, truncated, questions.skipped)
