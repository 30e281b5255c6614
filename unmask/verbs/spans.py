"""A tagger on the rows of a file: spans for each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import tee

from unmask.batches.sequences import OnLong
from unmask.pipelines.tag import Tagger, Tagging
from unmask.text.bad import Reading
from unmask.text.columns import TEXT_COLUMNS, column_of, kinds_of
from unmask.text.conll import CONLL
from unmask.text.jsonl import kind_in_words, whole_text
from unmask.text.readers import kind_of
from unmask.text.rows import Row, Table
from unmask.text.tagged import WORD_COLUMNS, WORDS, word_column, words_of
from unmask.tokens.wordwise import Source


def source_column(table: Table, named: str | None) -> str:
    """The column that a tagger reads: of texts, else of words.

    Raises:
        DataError: a named column is not there, or none or several could be meant.
    """
    if kind_of(table.path, CONLL):
        return WORDS  # the number that was named told where they stand
    folded = {column.strip().lower() for column in table.columns}
    if named is None and not folded & {*TEXT_COLUMNS} and folded & {*WORD_COLUMNS}:
        return word_column(table, named)
    return column_of(table, named, TEXT_COLUMNS, "text")


def holds_words(table: Table, column: str) -> bool:
    """Whether the rows have lists of words there, and not texts."""
    return kinds_of(table)[column] in ("strings", "nothing")


def sources_of(
    table: Table, column: str, words: bool, reading: Reading
) -> Iterator[tuple[Row, Source]]:
    """Each row of a table with its text, or the list of its words. Another is a bad place.

    Args:
        table, column: where they are.
        words: whether lists of words are what the column holds.
        reading: takes the counts and the bad places.

    Raises:
        CorruptText: at a bad place, unless `reading` skips them.
    """
    for row in table.rows(reading):
        value = row.values.get(column)
        try:
            if isinstance(value, str):
                yield row, whole_text(value, column)
            elif words or isinstance(value, list):
                yield row, words_of(row, column)
            else:
                raise ValueError(
                    f"column {column!r} must hold a text, but holds {kind_in_words(value)}"
                )
        except ValueError as error:
            reading.report_bad(table.name, row.line, str(error))


def tagged_rows(
    tagger: Tagger, table: Table, column: str, words: bool, reading: Reading, on_long: OnLong
) -> Iterator[tuple[Row, Tagging]]:
    """Rows with what is said of them; no more are held than the tagger reads ahead."""
    rows, sources = tee(sources_of(table, column, words, reading))
    answers = tagger.stream((source for _, source in sources), on_long=on_long)
    return zip((row for row, _ in rows), answers, strict=True)


def counted_spans(answer: Tagging) -> Counter[str]:
    """How many spans of each type."""
    return Counter(span["label"] for span in answer["spans"])
