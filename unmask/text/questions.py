"""Questions with the text that answers them: SQuAD's JSON, and tables with a question a row.

Each answer is held against its text, see `unmask.text.answers`: one that is not where it is said
to be is a bad place.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from unmask.errors import DataError, shown
from unmask.text.answers import Answer, answer_in, filled_text, given_answers, lone_answer
from unmask.text.bad import Reading
from unmask.text.readers import kind_of
from unmask.text.rows import Table, Values
from unmask.text.squad import Record, squad_records

# Looked for in any letter case; the first that is there is taken.
QUESTION_COLUMNS = ("question", "query")
CONTEXT_COLUMNS = ("context", "passage", "paragraph", "document", "text")
ARTICLE_COLUMNS = ("title", "article")
ANSWER_COLUMNS = ("answers", "answer")
START_COLUMNS = ("answer_start", "start")


@dataclass(frozen=True, slots=True)
class Question:
    """A question, and the text in which its answer is looked for.

    Attributes:
        name: how messages name it: the line of its file, or its id.
        text: the question.
        context: the text.
        answers: those that people gave, each of them right; none where the text has no answer.
        article: what the text belongs to; questions of one article are kept together.
    """

    name: str
    text: str
    context: str
    answers: tuple[Answer, ...]
    article: str


@dataclass(frozen=True, slots=True)
class Questions:
    """Questions in the order of the file.

    Attributes:
        name: of the file.
        told: where they were found, in words.
        rows: the N questions.
        skipped: bad places that were left out because the reading skips them.
    """

    name: str
    told: str
    rows: tuple[Question, ...]
    skipped: int = 0

    def __len__(self) -> int:
        """N, the number of questions."""
        return len(self.rows)

    @property
    def unanswerable(self) -> int:
        """How many questions have no answer in their text."""
        return sum(not row.answers for row in self.rows)

    @property
    def articles(self) -> int:
        """How many articles they belong to."""
        return len({row.article for row in self.rows})

    def some(self, places: list[int]) -> Questions:
        """Those at these places."""
        return replace(self, rows=tuple(self.rows[place] for place in places))


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
        *,
        answers: bool = True,
    ) -> QuestionColumns:
        """The columns that were named, else those that are told by their names.

        Args:
            question, context: named by the user, or None.
            answers: whether answers are needed.

        Raises:
            DataError: one is not there; the message lists those that are.
        """
        found = _found(table, ANSWER_COLUMNS)
        if answers and found is None:
            raise DataError(
                f"one column of {table.name} must hold the answers, but none is named "
                f"{' or '.join(map(repr, ANSWER_COLUMNS))}; {_there(table.columns)}. Rename it"
            )
        return cls(
            _column(table, question, QUESTION_COLUMNS, "question", "--text-column"),
            _column(table, context, CONTEXT_COLUMNS, "context", "--pair-column"),
            found if answers else None,
            _found(table, START_COLUMNS) if answers else None,
            _found(table, ARTICLE_COLUMNS),
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


def read_questions(
    path: str | Path,
    question_column: str | None = None,
    context_column: str | None = None,
    *,
    answers: bool = True,
    reading: Reading | None = None,
) -> Questions:
    """All questions of a file.

    In a table (.jsonl, .csv, .tsv, .parquet) `answers` holds `{"text": [...], "answer_start":
    [...]}` or a list of `{"text", "answer_start"}`, empty where the text has no answer; or
    `answer` holds one answer and `answer_start` or `start` its first character, which may be left
    out where the words stand only once in the text.

    Args:
        path: .json in SQuAD's form (1.1 or 2.0), or a table; also compressed, but for .parquet.
        question_column, context_column: of a table; None to find them by their names.
        answers: whether they are read; without them questions may come without any.
        reading: takes the counts and the bad places; None stops at the first bad place.

    Raises:
        DataError: a column is missing, or there are no questions.
        CorruptText: a bad place, such as an answer that is not where it is said to be.
    """
    path, reading = Path(path), reading or Reading()
    if kind_of(path, (".json",)) is not None:
        name, told, records = squad_records(path, reading, answers)
    else:
        table = Table.open(path)
        columns = QuestionColumns.of(table, question_column, context_column, answers=answers)
        name, told = table.name, str(columns)
        records = _table_records(table, columns, reading)
    rows = []
    for record in records:
        try:
            rows.append(checked(record, answers=answers))
        except ValueError as error:
            where = "" if record.line is not None else f"question {shown(record.name)}: "
            reading.report_bad(name, record.line, f"{where}{error}")
    reading.check(path.stat().st_size)
    if not rows:
        raise DataError(
            f"questions must be there to be answered, but {name} holds none; give another file"
        )
    return Questions(name, told, tuple(rows), reading.bad)


def checked(record: Record, *, answers: bool = True) -> Question:
    """A record whose texts are texts, and whose answers are where they are said to be.

    Raises:
        ValueError: with the reason, where that is not so.
    """
    text = filled_text(record.question, "question")
    context = filled_text(record.context, "context")
    given = given_answers(record.answers) if answers else []
    found = tuple(dict.fromkeys(answer_in(context, words, start) for words, start in given))
    return Question(record.name, text, context, found, record.article)


def _table_records(table: Table, columns: QuestionColumns, reading: Reading) -> Iterator[Record]:
    for row in table.rows(reading):
        try:
            yield columns.record(row.values, row.line)
        except ValueError as error:
            reading.report_bad(table.name, row.line, str(error))


def _found(table: Table, known: tuple[str, ...]) -> str | None:
    """The first column of these names."""
    folded: dict[str, str] = {}
    for column in table.columns:
        folded.setdefault(column.strip().lower(), column)
    return next((folded[name] for name in known if name in folded), None)


def _column(table: Table, named: str | None, known: tuple[str, ...], role: str, option: str) -> str:
    """The column that plays a role.

    Raises:
        DataError: it is not there.
    """
    found = _found(table, known) if named is None else named
    if found is None or found not in table.columns:
        wanted = " or ".join(map(repr, known)) if named is None else repr(named)
        raise DataError(
            f"one column of {table.name} must hold the {role}, but none is named {wanted}; "
            f"{_there(table.columns)}. Choose with {option}"
        )
    return found


def _there(columns: Any) -> str:
    return f"its columns are: {', '.join(map(repr, columns))}"
