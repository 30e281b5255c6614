"""Queries with documents that were judged for them: rows with a grade, or with negatives.

The rows are those of `related`. Here those of one query are put together, and what a ranking needs
besides is checked.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from unmask.errors import DataError, shown
from unmask.text.bad import Reading
from unmask.text.related import Related, RelatedRow, rows_related
from unmask.text.related_columns import RelatedColumns
from unmask.text.rows import Table

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

    def some(self, places: Sequence[int]) -> JudgedQuery:
        """With the documents at these places."""
        return replace(
            self,
            documents=tuple(self.documents[place] for place in places),
            labels=tuple(self.labels[place] for place in places),
            relevant=tuple(self.relevant[place] for place in places),
            lines=tuple(self.lines[place] for place in places),
        )


@dataclass(frozen=True, slots=True)
class Judgements:
    """Judged queries, in the order in which the file first names them.

    Attributes:
        name: of the file.
        columns: where they were found.
        queries: the G queries.
        teacher: whether the labels are logits of a teacher.
        rows: pairs of a query and a document that the file has, less their negatives.
        repeated: how often a document was there for its query already, with the same label.
        barred: negatives that are left out because another row has them as documents of the query.
        skipped: bad places that were left out because the reading skips them.
        left_out: what is said of them; see `Reading.left_out`.
    """

    name: str
    columns: RelatedColumns
    queries: tuple[JudgedQuery, ...]
    teacher: bool
    rows: int
    repeated: int = 0
    barred: int = 0
    skipped: int = 0
    left_out: str = ""

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

    Its rows are those of `read_related`: a query, a document and a label, or a query, a positive
    and its negatives. Rows with the same query are put together. What is a positive of a query in
    one row is none of its negatives in another.

    Args:
        path: .csv, .tsv, .jsonl or .parquet, all but the last also compressed.
        query_column, document_column, label_column: None to find them by their names. The second
            is that of the document, or of the positive.
        teacher: whether to read a teacher's logits instead of labels: any number in the label's
            column; with negatives, the list `teacher_scores`, of the positive first.
        reading: takes the counts and the bad places; None stops at the first bad place.

    Raises:
        DataError: a column is missing, a label is none, or a document has two for its query.
        CorruptText: a bad place, such as a query without text or without a document.
    """
    table = Table.open(path)
    columns = _columns(table, query_column, document_column, label_column, teacher)
    data = rows_related(table, columns, reading or Reading())
    if columns.what == "graded" and not teacher:
        _check_labels(data)
    groups = _Groups(data.name)
    for row in data.rows:
        groups.add(row, columns)
    return Judgements(
        data.name, columns, groups.queries(), teacher, len(data), groups.repeated, groups.barred,
        data.skipped, data.left_out,
    )  # fmt: skip


def _columns(
    table: Table, query: str | None, document: str | None, label: str | None, teacher: bool
) -> RelatedColumns:
    """Where judged queries are.

    Raises:
        DataError: see `RelatedColumns.of`; or nothing tells a document that answers from another.
    """
    found = RelatedColumns.of(table, query, document, label)
    if found.what == "graded":
        return found
    if not found.negatives:
        there = ", ".join(map(repr, table.columns))
        raise DataError(
            "to rank is learnt and measured by documents that do not answer as well, but "
            f"{table.name} has neither a label for each row nor negatives; its columns are: "
            f"{there}. Choose the label with --label-column, or find negatives: unmask mine"
        )
    if label is not None and not teacher:
        raise DataError(
            f"labels are one number for each row, but {label!r} of {table.name} holds a teacher's "
            "scores of the negatives too; leave --label-column out, or learn the scores with --set "
            "rank.loss=mse"
        )
    return RelatedColumns.of(table, query, document, label, "taught" if teacher else "pairs")


def _check_labels(data: Related) -> None:
    """Check that labels are some.

    Raises:
        DataError: one is not from 0 to 1.
    """
    for row in data.rows:
        if not 0.0 <= row.grade <= 1.0:
            raise DataError(
                f"{data.name}:{row.line}: column {data.columns.numbers!r} must hold labels from 0 "
                f"(not relevant) to 1, but holds {row.grade:g}. Divide grades by the highest one; "
                "logits of a teacher are learnt with --set rank.loss=mse"
            )


@dataclass(frozen=True, slots=True)
class _Judged:
    label: float
    relevant: bool
    line: int


def _documents(row: RelatedRow, columns: RelatedColumns) -> Iterator[tuple[str, _Judged]]:
    """The documents of a row as they are judged."""
    if columns.what == "graded":
        yield row.document, _Judged(row.grade, row.grade > 0, row.line)
        return
    texts = (row.document, *row.negatives)
    labels = row.teacher or (1.0, *(0.0 for _ in row.negatives))
    for place, (text, label) in enumerate(zip(texts, labels, strict=True)):
        yield text, _Judged(label, place == 0, row.line)


@dataclass(slots=True)
class _Groups:
    """Documents by their query, in order."""

    name: str
    found: dict[str, dict[str, _Judged]] = field(default_factory=dict)
    repeated: int = 0
    barred: int = 0

    def add(self, row: RelatedRow, columns: RelatedColumns) -> None:
        """Add the documents of a row.

        Raises:
            DataError: one is there already with another label.
        """
        group = self.found.setdefault(row.query, {})
        for document, new in _documents(row, columns):
            old = group.get(document)
            if old is None:
                group[document] = new
            elif columns.what != "graded" and new.relevant != old.relevant:
                self.barred += 1
                group[document] = new if new.relevant else old
            elif math.isclose(new.label, old.label, rel_tol=CLOSE, abs_tol=CLOSE):
                self.repeated += 1
            else:
                raise DataError(
                    f"{self.name}:{new.line}: a document has one label for a query, but "
                    f"{shown(document)} has {new.label:g} for {shown(row.query)} here and "
                    f"{old.label:g} in line {old.line}; remove one of them"
                )

    def queries(self) -> tuple[JudgedQuery, ...]:
        """All of them."""
        return tuple(
            JudgedQuery(
                text,
                tuple(group),
                tuple(one.label for one in group.values()),
                tuple(one.relevant for one in group.values()),
                tuple(one.line for one in group.values()),
            )
            for text, group in self.found.items()
        )
