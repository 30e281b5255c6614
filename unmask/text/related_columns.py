"""Which columns of a table hold texts that belong together, and what they say of them.

    query, document                                     pairs
    query, document, negative, negative_2 ...           pairs, with documents that do not fit
    text, text, score                                   graded pairs
    query, document, negative ..., teacher_scores       pairs, with what a teacher says of each

Embeddings and rerankers read the same columns.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from unmask.errors import DataError
from unmask.text.columns import column_of, pair_columns
from unmask.text.question_columns import first_column
from unmask.text.rows import Table

What = Literal["pairs", "graded", "taught"]
"""What rows say: which document belongs to a query, how well two texts go together, or what a
teacher gives a query's documents."""

# Looked for in any letter case; the first that is there is taken. Where a query or a document has
# none of these names, the two are looked for among the pairs of `columns.PAIR_COLUMNS`.
QUERY_COLUMNS = ("query", "question", "anchor")
DOCUMENT_COLUMNS = (
    "positive", "positives", "pos", "document", "passage", "paragraph", "context", "text", "answer",
)  # fmt: skip
GRADE_COLUMNS = (
    "label", "labels", "score", "similarity_score", "similarity", "relevance", "grade", "rating",
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
        first, second = pair_of(table, query, document)
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
        _check(table, what, column, negatives)
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


def pair_of(table: Table, query: str | None, document: str | None) -> tuple[str, str]:
    """The columns of a query and of its document, or of two texts: named, or told by their names.

    Raises:
        DataError: one is not there, or both are one.
    """
    for name, role in ((query, "text"), (document, "pair")):
        if name is not None:
            column_of(table, name, (), role)
    free = [name for name in table.columns if name not in (query, document)]
    first = query or first_column(free, QUERY_COLUMNS)
    second = document or first_column(free, DOCUMENT_COLUMNS)
    if first is None or second is None:
        first, second = pair_columns(table, query, document)
    if first == second:
        raise DataError(
            f"the two texts must be different columns, but in {table.name} both are {first!r}; "
            "choose with --text-column and --pair-column"
        )
    return first, second


def _told(table: Table, found: _Found, named: str | None) -> What:
    """What the columns tell."""
    if named is not None:
        return "taught" if named == found.teacher and found.negatives else "graded"
    if found.negatives and found.grade is not None:
        raise DataError(
            f"rows have a grade or negatives, but {table.name} has columns for both: "
            f"{found.grade!r} and {', '.join(map(repr, found.negatives))}. Say which counts: "
            f"--label-column {found.grade} for grades; for negatives leave the column out, or for "
            "embeddings give --set embed.loss=contrastive"
        )
    if found.negatives:
        return "pairs" if found.teacher is None else "taught"
    return "pairs" if found.grade is None else "graded"


def _check(table: Table, what: What, column: str | None, negatives: tuple[str, ...]) -> None:
    """Check that what rows are to say is there.

    Raises:
        DataError: it is not.
    """
    if what != "pairs" and column is None:
        known = GRADE_COLUMNS if what == "graded" else TEACHER_COLUMNS
        teacher = "" if what == "graded" else ", or find negatives with a teacher: unmask mine "
        raise DataError(
            f"one column of {table.name} must hold {_NUMBERS[what]}, but none is named "
            f"{' or '.join(map(repr, known))}; {_there(table)}. Choose with --label-column"
            f"{teacher and teacher + '--reranker'}"
        )
    if what == "taught" and not negatives:
        raise DataError(
            f"a teacher's scores are learnt by their differences, but {table.name} has one "
            f"document for each query: a column 'negative' is missing; {_there(table)}. Find "
            "negatives with a teacher: unmask mine --reranker"
        )


def _there(table: Table) -> str:
    return f"its columns are: {', '.join(map(repr, table.columns))}"
