"""Questions with the text that answers them: SQuAD's JSON, and tables with a question a row.

Each answer is held against its text, see `unmask.text.answers`: one that is not where it is said
to be is a bad place.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from unmask.errors import DataError, shown
from unmask.text.answers import Answer, answer_in, filled_text, given_answers
from unmask.text.bad import Reading
from unmask.text.question_columns import QuestionColumns
from unmask.text.readers import kind_of
from unmask.text.rows import Row, Table, Values
from unmask.text.squad import Record, squad_records


@dataclass(frozen=True, slots=True)
class Question:
    """A question, and the text in which its answer is looked for.

    Attributes:
        name: how messages name it: the line of its file, or its id.
        text: the question.
        context: the text.
        answers: those that people gave, each of them right; none where the text has no answer.
        article: what the text belongs to; questions of one article are kept together.
        line: of the file; where that has no lines that count, the question's number, from 1.
    """

    name: str
    text: str
    context: str
    answers: tuple[Answer, ...]
    article: str
    line: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Questions:
    """Questions in the order of the file.

    Attributes:
        name: of the file.
        told: where they were found, in words.
        rows: the N questions.
        skipped: bad places that were left out because the reading skips them.
        left_out: what is said of them; see `Reading.left_out`.
    """

    name: str
    told: str
    rows: tuple[Question, ...]
    skipped: int = 0
    left_out: str = ""

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


def read_questions(
    path: str | Path,
    question_column: str | None = None,
    context_column: str | None = None,
    answer_column: str | None = None,
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
        question_column, context_column, answer_column: of a table; None to find them by their
            names.
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
        columns = QuestionColumns.of(
            table, question_column, context_column, answer_column, answers=answers
        )
        name, told = table.name, str(columns)
        records = _table_records(table, columns, reading)
    rows = []
    for number, record in enumerate(records, 1):
        try:
            rows.append(replace(checked(record, answers=answers), line=record.line or number))
        except ValueError as error:
            where = "" if record.line is not None else f"question {shown(record.name)}: "
            reading.report_bad(name, record.line, f"{where}{error}")
    reading.check(path.stat().st_size)
    if not rows:
        raise DataError(
            f"questions must be there to be answered, but {name} holds none; give another file"
        )
    return Questions(name, told, tuple(rows), reading.bad, reading.left_out)


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


def question_table(path: str | Path) -> Table:
    """A table of questions; SQuAD's JSON is one too, with a row for each question.

    Such a row has `id` and `title` as the file has them, `question`, `context`, and `answers` where
    there are some. The file is held in memory whole.

    Raises:
        DataError, CorruptText: it cannot be read; see `Table.open` and `squad_records`.
    """
    return Table.open(path, {".json": _squad_rows})


def _squad_rows(path: Path, name: str, reading: Reading) -> Iterator[tuple[int, Values]]:
    _, _, records = squad_records(path, reading, answers=False)
    for number, one in enumerate(records, 1):
        answers = {} if one.answers is None else {"answers": one.answers}
        yield number, {**one.kept, "question": one.question, "context": one.context, **answers}


def filled(
    table: Table, columns: QuestionColumns, reading: Reading
) -> Iterator[tuple[Row, tuple[str, str]]]:
    """Each row of a table with its question and its text. A row without one is a bad place.

    Raises:
        CorruptText: at a bad place, unless `reading` skips them.
    """
    for row in table.rows(reading):
        try:
            asked = checked(columns.record(row.values, row.line), answers=False)
        except ValueError as error:
            reading.report_bad(table.name, row.line, str(error))
        else:
            yield row, (asked.text, asked.context)


def _table_records(table: Table, columns: QuestionColumns, reading: Reading) -> Iterator[Record]:
    for row in table.rows(reading):
        try:
            yield columns.record(row.values, row.line)
        except ValueError as error:
            reading.report_bad(table.name, row.line, str(error))
