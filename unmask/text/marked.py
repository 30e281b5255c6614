"""Texts in which spans are marked by their characters, as annotation tools write them.

    {"text": "Anna lives in Bern", "spans": [{"start": 0, "end": 4, "label": "person"}]}
    {"text": "Anna lives in Bern", "entities": [[0, 4, "person"]]}

Offsets count characters from 0, as Python counts them, and the end is behind the last. What
`unmask predict` writes can be read here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise

from unmask.errors import shown
from unmask.text.answers import stands_instead
from unmask.text.bad import Reading
from unmask.text.columns import TEXT_COLUMNS, column_of, kinds_of
from unmask.text.empty import is_empty
from unmask.text.jsonl import kind_in_words, whole_text
from unmask.text.rows import Table
from unmask.text.tagged import TAG_COLUMNS, WORD_COLUMNS
from unmask.text.tags import OUTSIDE, CharSpan

# Looked for in any letter case; see `unmask.text.columns`.
SPAN_COLUMNS = ("spans", "entities", "annotations", "labels", "label")
STARTS, ENDS = ("start", "start_offset"), ("end", "end_offset")
LABELS = ("label", "type", "entity_group")
_FORM = (
    'a list of spans such as {"start": 0, "end": 4, "label": "person"} or [0, 4, "person"], and [] '
    "where a text has none"
)


def marked_columns(
    table: Table, text_column: str | None, label_column: str | None
) -> tuple[str, str] | None:
    """The columns of texts and of their spans; None where the rows have words and their tags.

    Columns are told by the first value in each that tells anything. Where a row has a text as well
    as words, it is the labels that tell what is meant.

    Raises:
        DataError: there are texts, but no column of spans, or several.
    """
    held = kinds_of(table)
    if text_column is not None:
        if held.get(text_column) in ("strings", "nothing"):
            return None
    else:
        kinds = {column.strip().lower(): kind for column, kind in held.items()}
        words = any(kinds.get(name) in ("strings", "nothing") for name in WORD_COLUMNS)
        texts = {kinds[name] for name in TEXT_COLUMNS if name in kinds}
        if "text" not in texts and (words or None not in texts):
            return None
        if label_column is not None:
            known = label_column.strip().lower()
            known = known if known in (*TAG_COLUMNS, *SPAN_COLUMNS) else SPAN_COLUMNS[0]
            kinds = {known: held.get(label_column)}
        if words and not _spans_beside_words(kinds):
            return None
    text = column_of(table, text_column, TEXT_COLUMNS, "text")
    return text, column_of(table, label_column, SPAN_COLUMNS, "label")


def read_marked(
    table: Table, text_column: str, label_column: str, reading: Reading
) -> Iterator[tuple[int, str, tuple[CharSpan, ...]]]:
    """Each text with the line it stands on and its spans, ascending.

    Raises:
        CorruptText: a row has no text, or no spans that could be of it, unless `reading` skips it.
    """
    for row in table.rows(reading):
        try:
            text = row.values.get(text_column)
            if not isinstance(text, str):
                raise ValueError(
                    f"column {text_column!r} must hold a text, but holds {kind_in_words(text)}"
                )
            spans = spans_in(
                whole_text(text, text_column), row.values.get(label_column), label_column
            )
        except ValueError as error:
            reading.report_bad(table.name, row.line, str(error))
        else:
            yield row.line, text, spans


def spans_in(text: str, value: object, column: str) -> tuple[CharSpan, ...]:
    """The spans of a text, ascending.

    Args:
        text: they are of.
        value: of the row's column.
        column: its name, for messages.

    Raises:
        ValueError: it is no list of spans, or one does not lie in the text, says of other words
            than stand there, has no label, or overlaps another.
    """
    if not isinstance(value, list):
        raise ValueError(f"column {column!r} must hold {_FORM}, but holds {kind_in_words(value)}")
    found = sorted(_span(text, one, column) for one in value)
    for one, other in pairwise(found):
        if other.start < one.end:
            raise ValueError(
                f"spans must not overlap, as each word has one tag, but "
                f"{_named(text, one)} and {_named(text, other)} do; keep one of them"
            )
    return tuple(found)


def _span(text: str, value: object, column: str) -> CharSpan:
    if isinstance(value, Mapping):
        start, end, label = (_first(value, names) for names in (STARTS, ENDS, LABELS))
        words = value.get("text")
    elif isinstance(value, list) and len(value) == 3:
        (start, end, label), words = value, None
    else:
        raise ValueError(f"column {column!r} must hold {_FORM}, but one is {shown(value)}")
    for offset in (start, end):
        if isinstance(offset, bool) or not isinstance(offset, int):
            raise ValueError(
                f"a span's start and end must be whole numbers, but one of {shown(value)} is "
                f"{shown(offset)}"
            )
    assert isinstance(start, int)
    assert isinstance(end, int)
    if not isinstance(label, str) or is_empty(label) or label.strip() == OUTSIDE:
        raise ValueError(
            f"a span's label must be a name other than {OUTSIDE!r}, but that of {shown(value)} is "
            f"{shown(label)}"
        )
    if not 0 <= start < end <= len(text):
        raise ValueError(
            f"a span must lie in its text, which has {len(text):,} characters, and have one or "
            f"more, but {label!r} goes from {start} to {end}{_counted(text, words, start, end)}"
        )
    if isinstance(words, str) and words != text[start:end]:
        raise ValueError(
            f"the text of a span must stand where it is marked, but from {start} to {end} there "
            f"is {shown(text[start:end])} and not {shown(words)}; "
            f"{_stands(text, words, start)}"
        )
    if not text[start:end].strip():
        raise ValueError(
            f"a span must have more than white space, but {label!r} from {start} to {end} has none"
        )
    return CharSpan(start, end, whole_text(label, column))


def _counted(text: str, words: object, start: int, end: int) -> str:
    """Why a span may lie outside of its text."""
    if isinstance(words, str) and words:
        return f"; {_stands(text, words, start)}"
    if len(text) < end <= len(text.encode()):
        utf16 = len(text) < end <= len(text.encode("utf-16-le")) // 2
        units = "bytes of UTF-8 or units of UTF-16" if utf16 else "bytes of UTF-8"
        return f"; if the offsets count {units}, write them in characters"
    return "; correct the offsets"


def _stands(text: str, words: str, start: int) -> str:
    """Where the words of a span stand, which do not stand where it is marked."""
    if start >= 0 and text.startswith(words, start):
        return (
            f"it begins there, and its end, the place behind its last character, is "
            f"{start + len(words)}"
        )
    return stands_instead(text, words, start, "the span")


def _named(text: str, span: CharSpan) -> str:
    return f"{shown(text[span.start : span.end])} ({span.label}, {span.start} to {span.end})"


def _first(value: Mapping[str, object], names: tuple[str, ...]) -> object:
    # A table fills in null where a row has one of these names and another row the other.
    return next((value[name] for name in names if value.get(name) is not None), None)


def _spans_beside_words(kinds: Mapping[str, str | None]) -> bool:
    """Whether labels are spans of the text, where a row has a text and its words too."""
    tags = {kinds.get(name) for name in TAG_COLUMNS}
    spans = {kinds.get(name) for name in SPAN_COLUMNS}
    if "strings" in tags | spans or "spans" in tags | spans:
        return "strings" not in tags | spans
    if "others" in tags:
        return False
    sure = {kinds.get(name) for name in TAG_COLUMNS if name not in SPAN_COLUMNS}
    return "nothing" in spans and "nothing" not in sure
