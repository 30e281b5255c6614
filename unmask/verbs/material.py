"""A user's file before anything is trained on it: what each row asks and says, for any task."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from unmask.errors import DataError
from unmask.text.bad import Reading
from unmask.text.columns import Columns
from unmask.text.empty import is_empty
from unmask.text.formats import shown, text_lines
from unmask.text.labelled import Targeted, asked_of, sorted_labels
from unmask.text.readers import kind_of
from unmask.text.related import read_related
from unmask.text.rows import Table
from unmask.text.tagged import Tagged
from unmask.tokens.tokenizer import Tokenizer
from unmask.verbs.finetune_settings import TuneData
from unmask.verbs.tasks.labelled_data import held, read_pairs, read_texts, told
from unmask.verbs.tasks.question_data import held_articles, read_asked
from unmask.verbs.tasks.question_data import told as told_questions
from unmask.verbs.tasks.regress import like_numbers, read_numbers
from unmask.verbs.tasks.sets import holds_sets, read_pair_sets, read_sets
from unmask.verbs.tasks.several import rarest
from unmask.verbs.tasks.tagged_data import rarest_types, read_sentences, tagged_note

MaterialTask = Literal["classify", "pair", "regress", "tag", "answer", "embed", "rerank"]
TASKS: tuple[MaterialTask, ...] = get_args(MaterialTask)
Says = Literal["label", "labels", "numbers", "tags", "answers", "nothing"]
CLASSED: tuple[Says, ...] = ("label", "labels", "tags")
"""What is said by rows that have classes, each of which is to be told."""
ANSWERED, UNANSWERED = "answer", "no answer"
I64 = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Material:
    """Rows of a file, each with what it asks and what is said of it.

    Attributes:
        name: of the file.
        told: what was read from where, in words.
        says: what kind of thing a row says.
        asked: N rows; of each its text, or its two.
        targets: N values, alike where two rows say the same.
        labels: of each row the labels in it: the one, several, the types of its spans, or whether
            it has an answer; empty where a row says a number or nothing.
        groups: N names; a share of each is held out.
        lines: where each row stands in the file; see `unmask.text.rows.Row`.
        columns: the columns that were found, by their settings' names.
        tagged: of tagged rows, the sentences themselves; else None.
    """

    name: str
    told: str
    says: Says
    asked: tuple[tuple[str, ...], ...]
    targets: tuple[Hashable, ...]
    labels: tuple[tuple[str, ...], ...]
    groups: tuple[str, ...]
    lines: tuple[int, ...]
    columns: Mapping[str, str] = field(default_factory=dict)
    tagged: Tagged | None = None

    def __len__(self) -> int:
        """N, the number of rows."""
        return len(self.asked)

    @property
    def texts(self) -> list[str]:
        """All texts, those of a pair one after the other."""
        return [text for row in self.asked for text in row]

    @property
    def pairs(self) -> bool:
        """Whether a row has two texts."""
        return bool(self.asked) and len(self.asked[0]) == 2

    @property
    def names(self) -> tuple[str, ...]:
        """All labels, in the order in which a model numbers them."""
        return sorted_labels(label for row in self.labels for label in row)

    def held_out(self, share: float, seed: int) -> list[int]:
        """The rows that `unmask finetune` would hold out; of answers, whole texts.

        Raises:
            DataError: no group has two different texts.
        """
        if self.says == "answers":
            return held_articles(self.groups, share, seed, self.name)
        out = held(self.asked, self.groups, share, seed, self.name)
        return [int(row) for row in np.flatnonzero(out)]


def read_material(path: str | Path, task: MaterialTask, settings: TuneData) -> Material:
    """All rows of a file for a task.

    Raises:
        DataError: a column or a label is missing, or there are no rows.
        CorruptText: a bad place.
    """
    return _READERS[task](path, settings)


def row_lengths(data: Material, tokenizer: Tokenizer, most: int) -> I64:
    """`(N,)` the tokens of the first rows as a model reads them, special ones included.

    Args:
        data: the rows.
        tokenizer: of the model.
        most: rows that are counted.
    """
    if not data.pairs:
        return longest_texts(data, tokenizer, most)
    pair = tokenizer.layout.pair
    total: I64 = _lengths(data, tokenizer, most).sum(0)
    return total + len((*pair.before, *pair.between, *pair.after))


def longest_texts(data: Material, tokenizer: Tokenizer, most: int) -> I64:
    """`(N,)` the tokens of the longest text of each row by itself, special ones included."""
    layout = tokenizer.layout
    longest: I64 = _lengths(data, tokenizer, most).max(0)
    return longest + len(layout.prefix) + len(layout.suffix)


def _lengths(data: Material, tokenizer: Tokenizer, most: int) -> I64:
    """`(K, N)` the tokens of each of the K texts of the first rows."""
    columns = zip(*data.asked[:most], strict=True)
    return np.array(
        [[len(ids) for ids in tokenizer.ids_stream(column)] for column in columns], dtype=np.int64
    )


def read_plain(path: str | Path, settings: TuneData) -> Material:
    """The texts of a file by themselves: of a table, or one a line of .txt.

    Raises:
        DataError: it has no column of text, or no rows.
        CorruptText: a bad place.
    """
    if kind_of(Path(path), (".txt",)) is not None:
        reading = Reading(settings.on_bad, settings.max_bad)
        lines = text_lines(Path(path), shown(Path(path)), reading)
        texts = [(line, (text,)) for line, text in lines if not is_empty(text)]
        return _plain(shown(Path(path)), "a text a line", texts, reading)
    table = Table.open(path)
    columns = Columns.of(table, settings.text_column, labels=False)
    reading = Reading(settings.on_bad, settings.max_bad)
    rows = [(row.line, asked) for row, asked in asked_of(table, columns, reading)]
    return _plain(table.name, str(columns), rows, reading, _named(columns))


def _plain(
    name: str,
    columns: str,
    rows: Sequence[tuple[int, tuple[str, ...]]],
    reading: Reading,
    named: Mapping[str, str] | None = None,
) -> Material:
    if not rows:
        raise DataError(f"texts must be there to be read, but {name} has none")
    return Material(
        name=name,
        told=_told(f"{name}: {columns}; {len(rows):,} rows", reading.left_out),
        says="nothing",
        asked=tuple(asked for _, asked in rows),
        targets=(None,) * len(rows),
        labels=((),) * len(rows),
        groups=("",) * len(rows),
        lines=tuple(line for line, _ in rows),
        columns=named or {},
    )


def _classify(path: str | Path, settings: TuneData) -> Material:
    if holds_sets(path, settings):
        return _several(read_sets(path, settings))
    return _one(read_texts(path, settings))


def _pair(path: str | Path, settings: TuneData) -> Material:
    if holds_sets(path, settings):
        return _several(read_pair_sets(path, settings))
    return _one(read_pairs(path, settings))


def _one(rows: Targeted[str]) -> Material:
    return Material(
        name=rows.name,
        told=told(rows),
        says="label",
        asked=rows.asked,
        targets=rows.labels,
        labels=tuple((label,) for label in rows.labels),
        groups=rows.labels,
        lines=rows.lines,
        columns=_named(rows.columns),
    )


def _several(rows: Targeted[tuple[str, ...]]) -> Material:
    return Material(
        name=rows.name,
        told=told(rows),
        says="labels",
        asked=rows.asked,
        targets=tuple(frozenset(names) for names in rows.labels),
        labels=rows.labels,
        groups=tuple(rarest(rows.labels)),
        lines=rows.lines,
        columns=_named(rows.columns),
    )


def _regress(path: str | Path, settings: TuneData) -> Material:
    rows = read_numbers(path, settings)
    return Material(
        name=rows.name,
        told=told(rows),
        says="numbers",
        asked=rows.asked,
        targets=rows.labels,
        labels=((),) * len(rows),
        groups=tuple(like_numbers(rows.labels)),
        lines=rows.lines,
        columns=_named(rows.columns),
    )


def _tag(path: str | Path, settings: TuneData) -> Material:
    rows = read_sentences(path, settings)
    return Material(
        name=rows.name,
        told=tagged_note(rows),
        says="tags",
        asked=tuple((one if isinstance(one, str) else " ".join(one),) for one in rows.sources),
        targets=rows.tags,
        labels=tuple(tuple(sorted({one.label for one in spans})) for spans in rows.spans),
        groups=rarest_types(rows),
        lines=rows.lines,
        columns=_given(settings),
        tagged=rows,
    )


def _answer(path: str | Path, settings: TuneData) -> Material:
    rows = read_asked(path, settings)
    return Material(
        name=rows.name,
        told="; ".join(told_questions(rows)),
        says="answers",
        asked=tuple((row.text, row.context) for row in rows.rows),
        targets=tuple(frozenset(one.text for one in row.answers) for row in rows.rows),
        labels=tuple((ANSWERED if row.answers else UNANSWERED,) for row in rows.rows),
        groups=tuple(row.article for row in rows.rows),
        lines=tuple(row.line for row in rows.rows),
        columns=_given(settings),
    )


def _matched(path: str | Path, settings: TuneData) -> Material:
    """Pairs that belong together, as embeddings and reranking learn from; a grade may be there."""
    rows = read_related(
        path,
        settings.text_column,
        settings.pair_column,
        settings.label_column,
        reading=Reading(settings.on_bad, settings.max_bad),
    )
    graded, columns = rows.columns.what == "graded", rows.columns
    grade = columns.numbers if graded else settings.label_column
    return Material(
        name=rows.name,
        told=_told(f"{rows.name}: {columns}; {len(rows):,} rows", rows.left_out),
        says="nothing",
        asked=tuple((row.query, row.document) for row in rows.rows),
        targets=tuple(f"{row.grade:g}" if graded else None for row in rows.rows),
        labels=((),) * len(rows),
        groups=("",) * len(rows),
        lines=tuple(row.line for row in rows.rows),
        columns=_named(Columns(columns.query, grade, columns.document)),
    )


def _told(*parts: str) -> str:
    """What was read from where, and what of it was left out if anything was."""
    return "; ".join(filter(None, parts))


def _named(columns: Columns) -> dict[str, str]:
    found = {
        "text_column": columns.text,
        "pair_column": columns.pair,
        "label_column": columns.label,
    }
    return {name: column for name, column in found.items() if column is not None}


def _given(settings: TuneData) -> dict[str, str]:
    """Columns of words and of questions are found in ways of their own: those named are kept."""
    names = ("text_column", "pair_column", "label_column")
    found: Sequence[tuple[str, Any]] = [(name, getattr(settings, name)) for name in names]
    return {name: column for name, column in found if column is not None}


_READERS: Mapping[MaterialTask, Callable[[str | Path, TuneData], Material]] = {
    "classify": _classify,
    "pair": _pair,
    "regress": _regress,
    "tag": _tag,
    "answer": _answer,
    "embed": _matched,
    "rerank": _matched,
}
