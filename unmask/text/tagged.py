"""Tagged text: sentences as words, with a tag for each.

Texts with marked characters (`unmask.text.marked`) come to the same, and keep their characters.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from unmask.errors import DataError
from unmask.errors import shown as quoted
from unmask.text.bad import Reading, none_read
from unmask.text.columns import column_of, kinds_of
from unmask.text.conll import CONLL, Places, Sentence, conll_sentences
from unmask.text.empty import is_empty
from unmask.text.formats import Damaged, shown
from unmask.text.jsonl import kind_in_words, whole_text
from unmask.text.labelled import check_spelling
from unmask.text.readers import kind_of
from unmask.text.rows import Read, Row, Table, Values, text_table
from unmask.text.schemes import scheme_of_sentences
from unmask.text.tags import CharSpan, Scheme, WordSpan

LISTS = (".jsonl", ".json-lines", ".parquet")
"""Tables whose cells can hold lists."""
NO_LISTS = (".csv", ".json")
"""Files that are neither such tables nor CoNLL, whatever their lines look like."""
WORDS = "words"
"""The column that a CoNLL file's words are given in, as rows of a table."""
# Looked for in any letter case; see `unmask.text.columns`.
WORD_COLUMNS = ("tokens", "words", "forms", "token", "word")
TAG_COLUMNS = (
    "tags", "ner_tags", "pos_tags", "upos", "labels", "ner", "pos", "entities", "tag", "label",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Tagged:
    """Tagged sentences, in the order of the file.

    Attributes:
        name: of the file.
        columns: where words and tags were found, in words.
        scheme: how the tags say where spans begin and end.
        words: of N sentences, none of which is empty.
        tags: one for each word.
        skipped: bad places that were left out because the reading skips them.
        texts: where spans are marked by characters, the texts as they stand in the file, of which
            `words` are the smallest units; where the words are the file's, None.
        marked: of each of these texts, its spans as characters.
        trimmed: how many spans had white space or control characters at their ends, which were
            left off.
        wordless: how many sentences had no words, and were left out.
        left_out: what is said of the bad places; see `Reading.left_out`.
        lines: where each sentence begins in the file; see `Row.line`.
    """

    name: str
    columns: str
    scheme: Scheme
    words: tuple[tuple[str, ...], ...]
    tags: tuple[tuple[str, ...], ...]
    skipped: int = 0
    texts: tuple[str, ...] | None = None
    marked: tuple[tuple[CharSpan, ...], ...] | None = None
    trimmed: int = 0
    wordless: int = 0
    left_out: str = ""
    lines: tuple[int, ...] = ()

    def __len__(self) -> int:
        """N, the number of sentences."""
        return len(self.words)

    @property
    def sources(self) -> Sequence[str] | Sequence[tuple[str, ...]]:
        """What a model reads: the texts, or the words of each."""
        return self.words if self.texts is None else self.texts

    @property
    def asked(self) -> list[tuple[str]]:
        """`(N,)` what each sentence asks about: its characters but white space, by which it is
        known again however its words were parted."""
        whole = map("".join, self.words) if self.texts is None else self.texts
        return [("".join(one.split()),) for one in whole]

    @property
    def spans(self) -> list[list[WordSpan]]:
        """The spans of each sentence."""
        return [self.scheme.spans(tags) for tags in self.tags]

    @property
    def types(self) -> set[str]:
        """The types of spans; in plain tags, the tags."""
        return self.scheme.types({tag for tags in self.tags for tag in tags})

    def some(self, places: Sequence[int]) -> Tagged:
        """The sentences at these places."""
        texts, marked = self.texts, self.marked
        return replace(
            self,
            words=tuple(self.words[place] for place in places),
            tags=tuple(self.tags[place] for place in places),
            texts=None if texts is None else tuple(texts[place] for place in places),
            marked=None if marked is None else tuple(marked[place] for place in places),
            lines=tuple(self.lines[place] for place in places),
        )

    def at(self, place: int) -> str:
        """Where a sentence begins, for messages: `file:line`."""
        return f"{self.name}:{self.lines[place]}"


def read_tagged(
    path: str | Path,
    text_column: str | None = None,
    label_column: str | None = None,
    *,
    reading: Reading | None = None,
) -> Tagged:
    """All tagged sentences of a file.

    Args:
        path: .jsonl or .parquet with a list of words and a list of tags in each row; any other
            name is that of a CoNLL file (see `unmask.text.conll`). All but .parquet also
            compressed.
        text_column, label_column: of the words and of the tags. In a table, names; in a CoNLL file
            numbers, 1 for the first column and -1 for the last. None to tell by the names in
            `WORD_COLUMNS` and `TAG_COLUMNS`, or to take a CoNLL file's first and last column.
        reading: takes the counts and the bad places; None stops at the first bad place.

    Raises:
        DataError: a column is missing, a tag is no name, the tags follow no scheme, two types
            differ only in the space around them, or there are no sentences.
        CorruptText: a bad place, or words and tags that do not go together.
    """
    path, reading = Path(path), reading or Reading()
    name = shown(path)
    if kind_of(path, NO_LISTS):
        raise DataError(
            f"tagged words must be in a CoNLL file, or in lists in .jsonl or .parquet, but {name} "
            "is none of them; convert it"
        )
    if kind_of(path, LISTS):
        table = Table.open(path)
        word = word_column(table, text_column)
        tag = column_of(table, label_column, TAG_COLUMNS, "label")
        columns = f"words from column {word!r}, tags from column {tag!r}"
        sentences = list(_of_table(table, word, tag, reading))
    else:
        places = Places.of(path, text_column, label_column)
        columns = str(places)
        sentences = list(_of_conll(path, name, places, reading))
    read, sentences = len(sentences), [one for one in sentences if one.words]
    if not sentences:
        raise DataError(none_read("tagged data must have sentences with words", name, reading))

    def at(number: int, place: int) -> str:
        return f"{name}:{sentences[number].lines[place]}"

    tags = tuple(sentence.tags for sentence in sentences)
    words = tuple(sentence.words for sentence in sentences)
    scheme, wordless = scheme_of_sentences(tags, at), read - len(sentences)
    check_spelling(name, _types(scheme, sentences))
    return Tagged(
        name, columns, scheme, words, tags, reading.bad, wordless=wordless,
        left_out=reading.left_out, lines=tuple(sentence.lines[0] for sentence in sentences),
    )  # fmt: skip


def _types(scheme: Scheme, sentences: Sequence[Sentence]) -> Iterator[tuple[str, int]]:
    """The types of spans, each with the first line on which a tag of it stands."""
    first: dict[str, int] = {}
    for sentence in sentences:
        for tag, line in zip(sentence.tags, sentence.lines, strict=True):
            first.setdefault(tag, line)
    return ((label, line) for tag, line in first.items() for label in scheme.types((tag,)))


def word_table(path: str | Path, text_column: str | None = None) -> Table:
    """A table of texts or of lists of words; a CoNLL file is one too, with a row for each sentence.

    Such a row has `words`. Nothing else of the file is kept, so it needs no tags.

    Args:
        path: the file; it is a CoNLL file if it is named as in `unmask.text.conll.CONLL`.
        text_column: the number of the words' column in a CoNLL file; None for the usual one.

    Raises:
        DataError, CorruptText: it cannot be read; see `Table.open`.
    """
    places = Places.of(Path(path), text_column if kind_of(Path(path), CONLL) else None, tags=False)
    return text_table(path, dict.fromkeys(CONLL, _sentences(places)))


def _sentences(places: Places) -> Read:
    def rows(path: Path, name: str, reading: Reading) -> Iterator[tuple[int, Values]]:
        for one in conll_sentences(path, name, places, reading):
            yield one.lines[0], {WORDS: list(one.words)}

    return rows


def word_column(table: Table, named: str | None) -> str:
    """The column of words: the named one, or one whose name tells it and that holds lists of them.

    Raises:
        DataError: the named column is not there, or none or several could be meant.
    """
    kinds = {name.strip().lower(): kind for name, kind in kinds_of(table).items()}
    lists = tuple(one for one in WORD_COLUMNS if kinds.get(one) in ("strings", "nothing"))
    return column_of(table, named, lists or WORD_COLUMNS, "text")


def words_of(row: Row, column: str) -> tuple[str, ...]:
    """The words of a row.

    Raises:
        ValueError: it has no such column, or no list of words there; says what it has.
    """
    return tuple(whole_text(word, column) for word in _strings(row, column, "words"))


def _of_conll(path: Path, name: str, places: Places, reading: Reading) -> Iterator[Sentence]:
    """The sentences of a CoNLL file, with the count of bad places held against its limit."""
    if not path.is_file():
        raise DataError(f"tagged data must be a file, and {name} is none; check the path")
    size = path.stat().st_size
    try:
        yield from conll_sentences(path, name, places, reading)
    except Damaged as damage:
        lost = size if damage.lost_bytes is None else damage.lost_bytes
        reading.report_bad(name, damage.line, damage.reason, lost)
    reading.finished(size)
    reading.check(size)


def _of_table(table: Table, word: str, tag: str, reading: Reading) -> Iterator[Sentence]:
    for row in table.rows(reading):
        try:
            words, tags = words_of(row, word), _strings(row, tag, "tags")
            if len(words) != len(tags):
                raise ValueError(
                    f"every word must have a tag, but there are {len(words)} words in {word!r} and "
                    f"{len(tags)} tags in {tag!r}"
                )
            if any(is_empty(whole_text(one, tag)) for one in tags):
                raise ValueError(f"a tag in column {tag!r} is empty")
        except ValueError as error:
            reading.report_bad(table.name, row.line, str(error))
        else:
            yield Sentence(words, tuple(tags), (row.line,) * len(words))


def _strings(row: Row, column: str, what: str) -> list[str]:
    """Raises ValueError where a cell is no list of strings."""
    value: Any = row.values.get(column)
    if not isinstance(value, list):
        raise ValueError(
            f"column {column!r} must hold a list of {what}, but holds {kind_in_words(value)}"
        )
    for one in value:
        if not isinstance(one, str):
            names = "; write tags by name, not by number" if what == "tags" else ""
            raise ValueError(
                f"column {column!r} must hold {what} as strings, but has {quoted(one)}, "
                f"{kind_in_words(one)}{names}"
            )
    return value
