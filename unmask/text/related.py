"""Texts that belong together: queries with their documents, others that do not fit, or a grade.

    query, document                                     pairs
    query, document, negative, negative_2 ...           pairs, with documents that do not fit
    text, text, score                                   graded pairs
    query, document, negative ..., teacher_scores       pairs, with what a teacher says of each

A document may be a list of several, of which each makes a pair; negatives may be a column for each
or a list. CSV and TSV write lists as JSON has it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from unmask.errors import DataError
from unmask.text.answers import filled_text
from unmask.text.bad import Reading
from unmask.text.labelled import PAIR_COLUMNS, pair_columns
from unmask.text.question_columns import first_column
from unmask.text.rows import Row, Table, Values
from unmask.text.targets import numbers_of

What = Literal["pairs", "graded", "taught"]
"""What rows say: which document belongs to a query, how alike two texts are, or what a teacher
gives a query's documents."""

RELATED_COLUMNS = tuple(
    dict.fromkeys((
        ("anchor", "positive"), ("query", "positive"), ("question", "positive"),
        ("query", "pos"), ("question", "context"), ("question", "paragraph"),
        ("question", "passage"), ("question", "document"), *PAIR_COLUMNS,
    ))
)  # fmt: skip
GRADE_COLUMNS = (
    "score", "similarity_score", "similarity", "grade", "rating", "label", "labels", "relevance",
)  # fmt: skip
TEACHER_COLUMNS = ("teacher_scores", "teacher_score", "scores")
_NEGATIVE = re.compile(r"(hard[_ ]?)?neg(ative)?s?([_ ]?\d+)?")


@dataclass(frozen=True, slots=True)
class RelatedColumns:
    """The columns of a table that are used.

    Attributes:
        what: the rows say.
        query, document: the columns of the two texts.
        negatives: of documents that do not fit; none of graded pairs.
        numbers: of the grade, or of the teacher's scores; None of pairs.
        unread: columns that would have been read if `what` were another.
    """

    what: What
    query: str
    document: str
    negatives: tuple[str, ...] = ()
    numbers: str | None = None
    unread: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        table: Table,
        query: str | None = None,
        document: str | None = None,
        numbers: str | None = None,
        what: What | None = None,
    ) -> RelatedColumns:
        """The columns that were named, else those that are told by their names.

        Args:
            query, document, numbers: named by the user, or None.
            what: the rows are to say; None for what the columns tell.

        Raises:
            DataError: one is not there, or they leave open what is meant.
        """
        first, second = pair_columns(table, query, document, RELATED_COLUMNS)
        if first == second:
            raise DataError(
                f"the two texts must be different columns, but in {table.name} both are {first!r}; "
                "choose with --text-column and --pair-column"
            )
        rest = [name for name in table.columns if name not in (first, second)]
        if numbers is not None and numbers not in rest:
            raise DataError(
                f"{table.name} has no further column {numbers!r} for numbers; {_there(table)}. "
                "Choose one of them with --label-column"
            )
        found = _Found(
            negatives=tuple(n for n in rest if _NEGATIVE.fullmatch(n.strip().lower())),
            grade=first_column(rest, GRADE_COLUMNS),
            teacher=first_column(rest, TEACHER_COLUMNS),
        )
        what = what or _told(table, found, numbers)
        column = {"pairs": None, "graded": found.grade, "taught": found.teacher}[what]
        column = column if numbers is None or what == "pairs" else numbers
        negatives = () if what == "graded" else found.negatives
        if what != "pairs" and column is None:
            raise DataError(
                f"one column of {table.name} must hold {_NUMBERS[what]}, but none is named "
                f"{_known(what)}; {_there(table)}. Choose with --label-column"
            )
        if what == "taught" and not negatives:
            raise DataError(
                f"a teacher's scores are learnt by their differences, but {table.name} has one "
                f"document for each query: a column 'negative' is missing; {_there(table)}"
            )
        used = {column, *negatives}
        unread = {*found.negatives, found.grade, found.teacher, numbers} - used - {None}
        return cls(what, first, second, negatives, column, tuple(n for n in rest if n in unread))

    def __str__(self) -> str:
        """Which they are, for the user to see."""
        said = f"pairs from columns {self.query!r} and {self.document!r}"
        if self.negatives:
            said += f", negatives from {', '.join(map(repr, self.negatives))}"
        if self.numbers is not None:
            said += f", {_NUMBERS[self.what]} from {self.numbers!r}"
        if self.unread:
            said += f" (not read: {', '.join(map(repr, self.unread))})"
        return said


@dataclass(frozen=True, slots=True)
class _Found:
    """What a table's names offer."""

    negatives: tuple[str, ...]
    grade: str | None
    teacher: str | None


_NUMBERS = {"pairs": "nothing", "graded": "the grade", "taught": "the teacher's scores"}


def _told(table: Table, found: _Found, named: str | None) -> What:
    """What the columns tell."""
    if named is not None:
        return "taught" if named == found.teacher else "graded"
    if found.teacher is not None and found.negatives:
        return "taught"
    if found.grade is None:
        return "pairs"
    if found.negatives:
        raise DataError(
            f"rows have a grade or negatives, but {table.name} has columns for both: "
            f"{found.grade!r} and {', '.join(map(repr, found.negatives))}. Say which counts: "
            f"--label-column {found.grade} for grades, --set embed.loss=contrastive for negatives"
        )
    return "graded"


@dataclass(frozen=True, slots=True)
class RelatedRow:
    """A query with what belongs to it.

    Attributes:
        query: a text.
        document: that belongs to it, or of a graded pair the second text.
        negatives: documents that do not.
        grade: of the pair; 0 where there is none.
        teacher: what a teacher gives the document and each negative; empty without one.
    """

    query: str
    document: str
    negatives: tuple[str, ...] = ()
    grade: float = 0.0
    teacher: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Related:
    """Rows in the order of the file.

    Attributes:
        name: of the file.
        columns: where they were found.
        rows: N.
        skipped: bad places that were left out because the reading skips them.
    """

    name: str
    columns: RelatedColumns
    rows: tuple[RelatedRow, ...]
    skipped: int = 0

    def __len__(self) -> int:
        """N."""
        return len(self.rows)

    def some(self, places: Sequence[int]) -> Related:
        """The rows at these places."""
        return replace(self, rows=tuple(self.rows[place] for place in places))


def read_related(
    path: str | Path,
    query_column: str | None = None,
    document_column: str | None = None,
    numbers_column: str | None = None,
    *,
    what: What | None = None,
    reading: Reading | None = None,
) -> Related:
    """All rows of a table.

    Args:
        path: .csv, .tsv, .jsonl or .parquet, all but the last also compressed.
        query_column, document_column, numbers_column, what: as in `RelatedColumns.of`.
        reading: takes the counts and the bad places; None stops at the first bad place.

    Raises:
        DataError: a column is missing, a grade is none, or there are no rows.
        CorruptText: a bad place, such as a query without a document or an empty text.
    """
    table, reading = Table.open(path), reading or Reading()
    columns = RelatedColumns.of(table, query_column, document_column, numbers_column, what)
    rows: list[RelatedRow] = []
    for row in table.rows(reading):
        try:
            rows += _rows(table, row, columns)
        except ValueError as error:
            reading.report_bad(table.name, row.line, str(error))
    if not rows:
        raise DataError(
            f"there must be rows to learn from or to measure, but {table.name} has none"
        )
    return Related(table.name, columns, tuple(rows), reading.bad)


def _rows(table: Table, row: Row, columns: RelatedColumns) -> Iterator[RelatedRow]:
    """The pairs of one row."""
    query = filled_text(_value(row.values, columns.query), f"query in column {columns.query!r}")
    documents = _texts(_value(row.values, columns.document), columns.document)
    if not documents:
        raise ValueError(f"the query has no document: column {columns.document!r} is empty")
    negatives = tuple(
        text for column in columns.negatives for text in _texts(row.values.get(column), column)
    )
    numbers = () if columns.numbers is None else numbers_of(table, row, columns.numbers)
    where = f"{table.at(row)}: column {columns.numbers!r}"
    if columns.what == "graded" and len(numbers) != 1:
        raise DataError(f"{where} must hold the pair's one grade, but holds {len(numbers)} numbers")
    if columns.what == "taught" and (len(documents) > 1 or len(numbers) != 1 + len(negatives)):
        raise DataError(
            f"{where} must hold a score for the one document and each negative, in their order, "
            f"but there are {len(numbers)} scores for {len(documents)} and {len(negatives)}"
        )
    grade = numbers[0] if columns.what == "graded" else 0.0
    teacher = numbers if columns.what == "taught" else ()
    for document in documents:
        yield RelatedRow(query, document, negatives, grade, teacher)


def _value(values: Values, column: str) -> Any:
    if column not in values:
        raise ValueError(f"no column {column!r}; its columns are: {', '.join(map(repr, values))}")
    return values[column]


def _texts(value: Any, column: str) -> tuple[str, ...]:
    """The texts of a cell: none, one, or those of a list.

    Raises:
        ValueError: one of a list is empty, or none of them a text.
    """
    if value is None or (isinstance(value, str) and not value.strip()):
        return ()
    listed = _listed(value)
    return tuple(filled_text(one, f"text in column {column!r}") for one in listed)


def _listed(value: Any) -> list[Any]:
    if isinstance(value, list | tuple):
        return list(value)
    if isinstance(value, str) and value.lstrip().startswith("["):
        try:
            found = json.loads(value)
        except ValueError:
            return [value]  # a text that begins with a bracket
        if isinstance(found, list) and all(isinstance(one, str) for one in found):
            return found
    return [value]


def _known(what: What) -> str:
    names = GRADE_COLUMNS if what == "graded" else TEACHER_COLUMNS
    return " or ".join(map(repr, names))


def _there(table: Table) -> str:
    return f"its columns are: {', '.join(map(repr, table.columns))}"
