"""Queries with documents that were judged for them: rows with a label, or with negatives."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from unmask.errors import DataError, shown
from unmask.text.bad import Reading
from unmask.text.jsonl import kind_in_words, whole_text
from unmask.text.labelled import Columns, asked_of, target_value
from unmask.text.question_columns import first_column, role_column
from unmask.text.rows import Row, Table
from unmask.text.targets import number_of

# Looked for in any letter case; the first that is there is taken.
QUERY_COLUMNS = ("query", "question", "anchor")
DOCUMENT_COLUMNS = ("document", "passage", "paragraph", "context", "text", "answer")
POSITIVE_COLUMNS = ("positive", *DOCUMENT_COLUMNS)
LABEL_COLUMNS = ("label", "score", "relevance", "grade")
NEGATIVES = ("negatives", "negative")
NUMBERED = re.compile(r"negative_\d+", re.IGNORECASE)
TEACHER = "teacher_scores"
CLOSE = 1e-3  # by which a teacher's scores of the same two texts may differ: they hang on the batch


@dataclass(frozen=True, slots=True)
class JudgedQuery:
    """A query with D different documents.

    Attributes:
        text: the query.
        documents: D texts, in the order of the file.
        labels: how well each goes with it: from 0 to 1; or a teacher's logit, any number.
        relevant: whether each counts as relevant where rankings are measured: its label is above
            0, or it is the positive of a row.
        lines: where each stands in the file.
    """

    text: str
    documents: tuple[str, ...]
    labels: tuple[float, ...]
    relevant: tuple[bool, ...]
    lines: tuple[int, ...]

    def __len__(self) -> int:
        """D."""
        return len(self.documents)


@dataclass(frozen=True, slots=True)
class Judgements:
    """Judged queries, in the order in which the file first names them.

    Attributes:
        name: of the file.
        columns: where they were found, in words.
        queries: the G queries.
        grouped: whether its rows are queries with a positive and negatives, rather than a document
            with its label each.
        teacher: whether the labels are logits of a teacher.
        rows: of the file.
        repeated: how often a document was there for its query already, with the same label.
        skipped: bad places that were left out because the reading skips them.
    """

    name: str
    columns: str
    queries: tuple[JudgedQuery, ...]
    grouped: bool
    teacher: bool
    rows: int
    repeated: int = 0
    skipped: int = 0

    def __len__(self) -> int:
        """How many pairs of a query and a document there are."""
        return sum(map(len, self.queries))

    @property
    def binary(self) -> bool:
        """Whether every label is 0 or 1."""
        return not self.teacher and all(
            label in (0.0, 1.0) for query in self.queries for label in query.labels
        )

    def some(self, places: Sequence[int]) -> Judgements:
        """The queries at these places."""
        return replace(self, queries=tuple(self.queries[place] for place in places))


def read_judgements(
    path: str | Path,
    query_column: str | None = None,
    document_column: str | None = None,
    label_column: str | None = None,
    *,
    teacher: bool = False,
    reading: Reading | None = None,
) -> Judgements:
    """All judged queries of a table.

    Its rows are either a query, a document and a label, or a query, a positive and its negatives:
    a list in `negatives`, or one in each of `negative`, `negative_1`, `negative_2` and so on, where
    a row may leave some empty. Rows with the same query are put together.

    Args:
        path: .csv, .tsv, .jsonl or .parquet, all but the last also compressed.
        query_column, document_column, label_column: None to find them by their names. The second
            is that of the document, or of the positive.
        teacher: whether to read a teacher's logits instead of labels: any number in the label's
            column; with negatives, the list `teacher_scores`, of the positive first.
        reading: takes the counts and the bad places; None stops at the first bad place.

    Raises:
        DataError: a column is missing, a label is none, or a document has two for its query.
        CorruptText: a bad place, such as a query without text.
    """
    table, reading = Table.open(path), reading or Reading()
    negatives = negative_columns(table)
    named = (query_column, document_column)
    if negatives:
        _check_one_kind(table, negatives, label_column)
        _check_teacher(table, teacher)
        columns = judged_columns(table, *named, positives=True)
        told = f"{columns}, negatives from {', '.join(map(repr, negatives))}"
        read: _Read = _WithNegatives(table, negatives, teacher)
    else:
        label = _label_column(table, label_column)
        columns = replace(judged_columns(table, *named), label=label)
        told, read = str(columns), _WithLabel(table, label, teacher)
    groups = _Groups(table)
    for row, (text, found) in filled_of(table, columns, reading):
        try:
            several = read(row, found)
        except ValueError as error:
            reading.report_bad(table.name, row.line, str(error))
        else:
            groups.add(row, text, several)
    if not groups.rows:
        raise DataError(f"judged queries must be there, but {table.name} has none; give rows")
    return Judgements(
        table.name, told, groups.queries(), bool(negatives), teacher, groups.rows,
        groups.repeated, reading.bad,
    )  # fmt: skip


def judged_columns(
    table: Table, query: str | None, document: str | None, *, positives: bool = False
) -> Columns:
    """The columns of queries and of documents, or positives: named, or told by their names.

    Raises:
        DataError: one is not there, or both are one.
    """
    asked = role_column(table, query, QUERY_COLUMNS, "query", "--text-column")
    role = "positive" if positives else "document"
    known = POSITIVE_COLUMNS if positives else DOCUMENT_COLUMNS
    found = role_column(table, document, known, role, "--pair-column")
    if asked == found:
        raise DataError(
            f"query and {role} must be two columns, but both are {asked!r} in {table.name}; choose "
            "with --text-column and --pair-column"
        )
    return Columns(asked, None, found)


def filled_of(
    table: Table, columns: Columns, reading: Reading
) -> Iterator[tuple[Row, tuple[str, ...]]]:
    """Each row of a table with its texts, none of which is empty; another row is a bad place.

    Raises:
        CorruptText: at a bad place, unless `reading` skips them.
    """
    for row, texts in asked_of(table, columns, reading):
        empty = [name for name, text in zip(columns.texts, texts, strict=True) if not text.strip()]
        if empty:
            reading.report_bad(table.name, row.line, f"column {empty[0]!r} holds no text")
        else:
            yield row, texts


def negative_columns(table: Table) -> tuple[str, ...]:
    """The columns that hold negatives, by their names."""
    one = first_column(table.columns, NEGATIVES)
    numbered = [name for name in table.columns if NUMBERED.fullmatch(name.strip())]
    return (*(() if one is None else (one,)), *numbered)


_Judged = list[tuple[str, float, bool]]
"""Documents of a row, each with its label and whether it is relevant."""
_Read = Callable[[Row, str], _Judged]


@dataclass(frozen=True, slots=True)
class _WithLabel:
    table: Table
    column: str
    teacher: bool

    def __call__(self, row: Row, document: str) -> _Judged:
        value = target_value(self.table, row, self.column)
        where = f"{self.table.at(row)}: column {self.column!r}"
        try:
            label = number_of(value)
        except ValueError as error:
            raise DataError(
                f"{where} must say how well the document goes with the query, a number, but "
                f"{error}; correct the row or remove it"
            ) from None
        if not self.teacher and not 0.0 <= label <= 1.0:
            raise DataError(
                f"{where} must hold labels from 0 (not relevant) to 1, but holds {label:g}. Divide "
                "grades by the highest one; logits of a teacher are learnt with --set "
                "rank.loss=mse"
            )
        return [(document, label, label > 0)]


@dataclass(frozen=True, slots=True)
class _WithNegatives:
    table: Table
    columns: tuple[str, ...]
    teacher: bool

    def __call__(self, row: Row, document: str) -> _Judged:
        texts = [document]
        for column in self.columns:
            texts += negatives_of(row.values.get(column), column)
        labels = [1.0] + [0.0] * (len(texts) - 1)
        if self.teacher:
            labels = _teacher_scores(row.values.get(TEACHER), len(texts))
        firsts = range(len(texts))
        return [(text, label, n == 0) for text, label, n in zip(texts, labels, firsts, strict=True)]


def negatives_of(value: Any, column: str) -> list[str]:
    """The negatives of a cell: a list, which CSV and TSV write as JSON has it, or one text.

    Raises:
        ValueError: it holds something else; says what.
    """
    if isinstance(value, str) and value.lstrip().startswith("["):
        with suppress(ValueError):  # a text may begin with a bracket
            value = json.loads(value)
    if value is None or (isinstance(value, str) and not value.strip()):
        return []
    found = list(value) if isinstance(value, list | tuple) else [value]
    for one in found:
        if not isinstance(one, str) or not one.strip():
            what = "an empty text" if isinstance(one, str) else kind_in_words(one)
            raise ValueError(f"column {column!r} holds {what} where a negative should be")
        whole_text(one, column)
    return found


def _teacher_scores(value: Any, count: int) -> list[float]:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            value = None
    if not isinstance(value, list | tuple) or len(value) != count:
        raise ValueError(
            f"column {TEACHER!r} must hold a list of {count} numbers, for the positive and its "
            f"negatives, but holds {shown(value)}"
        )
    return [number_of(one) for one in value]


@dataclass(slots=True)
class _Groups:
    """Documents by their query, in order."""

    table: Table
    found: dict[str, dict[str, tuple[float, bool, int]]] = field(default_factory=dict)
    rows: int = 0
    repeated: int = 0

    def add(self, row: Row, query: str, several: _Judged) -> None:
        """Add the documents of a row.

        Raises:
            DataError: one is there already with another label.
        """
        self.rows += 1
        group = self.found.setdefault(query, {})
        for document, label, relevant in several:
            label_before, relevant_before, line = group.get(document, (label, relevant, row.line))
            # A teacher's scores may differ a little; a positive is never a negative.
            if relevant != relevant_before or not math.isclose(
                label, label_before, rel_tol=CLOSE, abs_tol=CLOSE
            ):
                raise DataError(
                    f"{self.table.at(row)}: a document has one label for a query, but "
                    f"{shown(document)} has {label:g} for {shown(query)} here and "
                    f"{label_before:g} in line {line}; remove one of them"
                )
            self.repeated += document in group
            group.setdefault(document, (label, relevant, row.line))

    def queries(self) -> tuple[JudgedQuery, ...]:
        """All of them."""
        return tuple(
            JudgedQuery(
                text,
                tuple(group),
                tuple(label for label, _, _ in group.values()),
                tuple(relevant for _, relevant, _ in group.values()),
                tuple(line for _, _, line in group.values()),
            )
            for text, group in self.found.items()
        )


def _label_column(table: Table, named: str | None) -> str:
    if named is None and first_column(table.columns, LABEL_COLUMNS) is None:
        there = ", ".join(map(repr, table.columns))
        raise DataError(
            "to rank is learnt and measured by documents that do not answer as well, but "
            f"{table.name} has neither a label for each row nor negatives; its columns are: "
            f"{there}. Choose the label with --label-column, or find negatives: unmask mine"
        )
    return role_column(table, named, LABEL_COLUMNS, "label", "--label-column")


def _check_one_kind(table: Table, negatives: Sequence[str], named: str | None) -> None:
    """Rows have negatives or a label: a positive with the label 0 would be neither."""
    label = named or first_column(table.columns, LABEL_COLUMNS)
    if label is not None:
        raise DataError(
            f"rows have a label or negatives, but {table.name} has both: {label!r} and "
            f"{', '.join(map(repr, negatives))}. Leave one of them out of the table"
        )


def _check_teacher(table: Table, teacher: bool) -> None:
    if teacher and TEACHER not in table.columns:
        raise DataError(
            f"a teacher's logits stand in the column {TEACHER!r} beside negatives, but "
            f"{table.name} has none; find negatives with a teacher: unmask mine --reranker"
        )
