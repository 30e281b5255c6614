"""Which columns of a table hold questions, the texts that answer them, and the answers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from unmask.errors import DataError
from unmask.text.answers import lone_answer
from unmask.text.rows import Table, Values
from unmask.text.squad import Record

# Looked for in any letter case; the first that is there is taken.
QUESTION_COLUMNS = ("question", "query")
CONTEXT_COLUMNS = ("context", "passage", "paragraph", "document", "text")
ARTICLE_COLUMNS = ("title", "article")
ANSWER_COLUMNS = ("answers", "answer")
START_COLUMNS = ("answer_start", "start")


@dataclass(frozen=True, slots=True)
class QuestionColumns:
    """The columns of a table that are used.

    Attributes:
        question, context: the columns of both texts.
        answer: of the answers; None where there is none, or none is read.
        start: of where an answer begins, where that has a column of its own.
        article: what the text belongs to; None where nothing says so.
    """

    question: str
    context: str
    answer: str | None = None
    start: str | None = None
    article: str | None = None

    @classmethod
    def of(
        cls,
        table: Table,
        question: str | None = None,
        context: str | None = None,
        answer: str | None = None,
        *,
        answers: bool = True,
    ) -> QuestionColumns:
        """The columns that were named, else those that are told by their names.

        Args:
            question, context, answer: named by the user, or None.
            answers: whether answers are needed.

        Raises:
            DataError: one is not there; the message lists those that are.
        """
        asked = role_column(table, question, QUESTION_COLUMNS, "question", "--text-column")
        text = role_column(table, context, CONTEXT_COLUMNS, "context", "--pair-column")
        if asked == text:
            raise DataError(
                f"question and context must be two columns, but both are {asked!r} in {table.name}"
            )
        return cls(
            asked,
            text,
            role_column(table, answer, ANSWER_COLUMNS, "answers", "--label-column")
            if answers
            else None,
            first_column(table.columns, START_COLUMNS) if answers else None,
            first_column(table.columns, ARTICLE_COLUMNS),
        )

    def __str__(self) -> str:
        """Which they are, for the user to see."""
        answers = "" if self.answer is None else f", answers from column {self.answer!r}"
        return f"question from column {self.question!r}, context from {self.context!r}{answers}"

    def record(self, values: Values, line: int) -> Record:
        """A row of the table as a record.

        Raises:
            ValueError: the row lacks a column; says which.
        """
        for column in (self.question, self.context, self.answer):
            if column is not None and column not in values:
                raise ValueError(f"no column {column!r}; {_there(values)}")
        context = values[self.context]
        article = values.get(self.article, context) if self.article is not None else context
        answers = None if self.answer is None else values[self.answer]
        if answers is not None and not isinstance(answers, dict | list):
            start = None if self.start is None else values.get(self.start)
            answers = lone_answer(answers, start)
        return Record(str(line), values[self.question], context, answers, str(article), line)


def first_column(columns: Iterable[str], known: tuple[str, ...]) -> str | None:
    """The column with the first of these names that one has, in any letter case; else None."""
    folded: dict[str, str] = {}
    for column in columns:
        folded.setdefault(column.strip().lower(), column)
    return next((folded[name] for name in known if name in folded), None)


def role_column(
    table: Table, named: str | None, known: tuple[str, ...], role: str, option: str
) -> str:
    """The column that plays a role: the one that is named, or else the first of known names.

    Raises:
        DataError: it is not there.
    """
    found = first_column(table.columns, known) if named is None else named
    if found is None or found not in table.columns:
        wanted = " or ".join(map(repr, known)) if named is None else repr(named)
        raise DataError(
            f"one column of {table.name} must hold the {role}, but none is named {wanted}; "
            f"{_there(table.columns)}. Choose with {option}"
        )
    return found


def _there(columns: Any) -> str:
    return f"its columns are: {', '.join(map(repr, columns))}"
