"""A tagger on the rows of a file: spans for each, or figures where the words have tags."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import tee
from pathlib import Path
from typing import Any

from unmask.batches.sequences import OnLong
from unmask.evaluation.tagging import TaggingFigures
from unmask.pipelines.tag import Tagger, Tagging
from unmask.text.bad import Reading
from unmask.text.jsonl import whole_text
from unmask.text.labelled import TEXT_COLUMNS, column_of
from unmask.text.rows import Row, Table
from unmask.text.tagged import WORD_COLUMNS, read_tagged, words_of
from unmask.text.tags import OUTSIDE
from unmask.tokens.wordwise import Source
from unmask.verbs.evaluation_facts import as_facts, left_out
from unmask.verbs.tasks.tagged_data import check_types, tagged_note
from unmask.verbs.watch import Watch


@dataclass(frozen=True, slots=True)
class TaggerEvaluation:
    """A tagger on tagged sentences.

    Attributes:
        model: its folder.
        data: the file, which of its columns were read, and what is in it.
        figures: what came out.
        truncated: sentences that were cut to the context.
        skipped: bad places of the file that were left out.
    """

    model: Path
    data: str
    figures: TaggingFigures
    truncated: int
    skipped: int

    def as_dict(self) -> dict[str, Any]:
        """For programs: the figures beside the rest."""
        return as_facts(self)

    def in_words(self) -> dict[str, str]:
        """For people: the figures, and what each type has of them."""
        lost = left_out("sentences cut to the context", self.truncated, self.skipped)
        return {**self.figures.in_words(), **lost, **self.figures.by_type()}


def evaluate_tagger(
    tagger: Tagger,
    data: str | Path,
    text_column: str | None,
    label_column: str | None,
    on_long: OnLong,
    reading: Reading,
    watch: Watch,
) -> TaggerEvaluation:
    """Figures of a tagger on a file of tagged sentences; see `unmask.text.tagged`.

    Raises:
        LabelMismatch: the data have types that the model lacks.
        DataError, CorruptText: the data cannot be used.
    """
    with watch.stage("reading the data"):
        rows = read_tagged(data, text_column, label_column, reading=reading)
    told = tagged_note(rows)
    watch.say(told)
    scheme = tagger.scheme
    known = scheme.types(tagger.labels)
    check_types(scheme, known, rows, "model")
    if missing := sorted(known - rows.types - {OUTSIDE}):
        watch.say(f"{rows.name} has no span of: {', '.join(missing[:20])}")
    truth = [
        scheme.tags(spans, len(words)) for spans, words in zip(rows.spans, rows.words, strict=True)
    ]
    guesses, truncated = [], 0
    with watch.stage("tagging") as advance:
        for answer in tagger.stream(rows.words, on_long=on_long):
            guesses.append(answer["tags"])
            truncated += answer["truncated"]
            advance(len(guesses) / len(rows), "")
    with watch.stage("computing figures"):
        figures = TaggingFigures.of(truth, guesses, scheme)
    return TaggerEvaluation(tagger.opened.path, told, figures, truncated, rows.skipped)


def source_column(table: Table, named: str | None) -> str:
    """The column that a tagger reads: of texts, else of words.

    Raises:
        DataError: a named column is not there, or none or several could be meant.
    """
    folded = {column.strip().lower() for column in table.columns}
    words = named is None and not folded & {*TEXT_COLUMNS} and folded & {*WORD_COLUMNS}
    return column_of(table, named, WORD_COLUMNS if words else TEXT_COLUMNS, "text")


def holds_words(table: Table, column: str) -> bool:
    """Whether the first row has a list of words there, and not a text."""
    first = next(table.rows(Reading("skip", max_bad=1.0)), None)
    return first is not None and isinstance(first.values.get(column), list)


def sources_of(table: Table, column: str, reading: Reading) -> Iterator[tuple[Row, Source]]:
    """Each row of a table with its text, or the list of its words. Another is a bad place.

    Raises:
        CorruptText: at a bad place, unless `reading` skips them.
    """
    for row in table.rows(reading):
        value = row.values.get(column)
        try:
            if isinstance(value, str):
                yield row, whole_text(value, column)
            else:
                yield row, words_of(row, column)
        except ValueError as error:
            reading.report_bad(table.name, row.line, str(error))


def tagged_rows(
    tagger: Tagger, table: Table, column: str, reading: Reading, on_long: OnLong
) -> Iterator[tuple[Row, Tagging]]:
    """Rows with what is said of them; no more are held than the tagger reads ahead."""
    rows, sources = tee(sources_of(table, column, reading))
    answers = tagger.stream((source for _, source in sources), on_long=on_long)
    return zip((row for row, _ in rows), answers, strict=True)


def counted_spans(answer: Tagging) -> Counter[str]:
    """How many spans of each type."""
    return Counter(span["label"] for span in answer["spans"])
