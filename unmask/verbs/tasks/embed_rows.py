"""Texts that belong together as rows of token ids, each different text once.

Texts are equal where their token ids are, before any prompt: what a model cannot tell apart it must
not be asked to tell apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from unmask.batches.sequences import OnLong
from unmask.batches.updates import Updates
from unmask.checkpoint.sentence import SentenceModel
from unmask.errors import DataError
from unmask.objectives.related import Side, TextRow, Texts
from unmask.pipelines.checks import check_filled
from unmask.pipelines.negatives import Key, own_of
from unmask.pipelines.prompted import Prompted
from unmask.pipelines.running import mostly_unknown
from unmask.text.related import Related, RelatedRow
from unmask.verbs.embed_settings import EmbedLoss
from unmask.verbs.tasks.labelled_data import counted, is_are
from unmask.verbs.tasks.rows import unknown_notes


@dataclass(frozen=True, slots=True)
class EmbedRows:
    """What is learnt from.

    Attributes:
        texts: the rows, and their texts as token ids.
        truncated: how many different texts were cut.
        notes: what a person should know of how the texts became rows.
    """

    texts: Texts
    truncated: int
    notes: tuple[str, ...]

    def __len__(self) -> int:
        """N."""
        return len(self.texts.rows)

    def batches(self, batch: int, seed: int) -> Updates:
        """Updates of so many rows."""
        queries = self.texts.queries.rows
        return Updates([queries[row.query] for row in self.texts.rows], batch, seed)

    @classmethod
    def of(
        cls,
        data: Related,
        model: SentenceModel,
        prompts: tuple[str, str],
        on_long: OnLong,
        loss: EmbedLoss,
    ) -> EmbedRows:
        """Tokenise rows, and leave out negatives that are none.

        Args:
            data: the rows.
            model: whose tokens they become.
            prompts: put before queries and before documents.
            on_long: what happens to a text longer than the model takes.
            loss: what is to be learnt.

        Raises:
            DataError: there is nothing to learn from.
            ConfigError: a prompt leaves no room for text.
            TooLong: a text is longer than the model takes, under "error".
        """
        fits = [Prompted.of(model, prompt, on_long) for prompt in prompts]
        room = min(fit.fit.room - fit.lead for fit in fits)
        queries = _Numbered.of((row.query for row in data.rows), fits[0], model, room)
        every = chain.from_iterable((row.document, *row.negatives) for row in data.rows)
        documents = _Numbered.of(every, fits[1], model, room)
        rows = [_numbered(row, queries, documents) for row in data.rows]
        barred = _barred(rows, queries, documents)
        kept = [_without_barred(row, barred[row.query]) for row in rows]
        given = sum(1 + len(row.negatives) for row in data.rows)
        dropped = given - sum(len(row.documents) for row in kept)
        taught = [row for row in kept if len(row.documents) > 1 or not row.teacher]
        found = cls(
            Texts(queries.side, documents.side, tuple(taught), barred),
            queries.truncated + documents.truncated,
            tuple(
                filter(
                    None,
                    (
                        _dropped_note(dropped),
                        _lone_note(len(kept) - len(taught)),
                        _cut_note(queries, documents, model),
                        *unknown_notes(
                            queries.unknown + documents.unknown,
                            len(queries.numbers) + len(documents.numbers),
                            "different training texts",
                        ),
                    ),
                )
            ),
        )
        _check(found.texts, loss, data)
        return found

    def scaled(self) -> EmbedRows:
        """With grades between -1 and 1: those that are not all so already from 0 to 1."""
        grades = [row.grade for row in self.texts.rows]
        low, high = min(grades), max(grades)
        if low >= -1.0 and high <= 1.0:
            return self
        if low == high:
            raise DataError(
                f"a cosine lies between -1 and 1, but all grades are {low:g}, from which no scale "
                "can be told; write grades from 0 to 1"
            )
        rows = tuple(
            replace(row, grade=(row.grade - low) / (high - low)) for row in self.texts.rows
        )
        note = f"grades from {low:g} to {high:g} are learnt as cosines from 0 to 1"
        return replace(self, texts=replace(self.texts, rows=rows), notes=(*self.notes, note))


@dataclass(frozen=True, slots=True)
class _Numbered:
    """Different texts of one kind.

    Attributes:
        side: their rows.
        keys: what each is told by: its own token ids, as far as the model reads them.
        numbers: by text.
        truncated: how many were cut.
        unknown: how many texts are mostly unknown tokens, those counted that are one row since
            no token tells them apart.
    """

    side: Side
    keys: tuple[Key, ...]
    numbers: dict[str, int]
    truncated: int
    unknown: int

    @classmethod
    def of(cls, texts: Iterable[str], fit: Prompted, model: SentenceModel, room: int) -> _Numbered:
        tokenizer, different = model.encoder.tokenizer, list(dict.fromkeys(texts))
        whole = tokenizer.ids_stream([fit.prompt + text for text in different])
        fitted = [fit(ids, number) for number, ids in enumerate(whole)]
        check_filled(fitted, 0, fit.skip)
        keys: dict[Key, int] = {}
        rows, numbers, truncated = [], {}, 0
        for text, ids, one in zip(different, tokenizer.ids_stream(different), fitted, strict=True):
            key = tuple(ids[:room])
            if key not in keys:
                keys[key] = len(keys)
                rows.append(one.rows[0])
                truncated += one.truncated
            numbers[text] = keys[key]
        unknown = sum(mostly_unknown(one.unknown) for one in fitted)
        return cls(Side(tuple(rows), fit.skip), tuple(keys), numbers, truncated, unknown)


def _numbered(row: RelatedRow, queries: _Numbered, documents: _Numbered) -> TextRow:
    """A row by the numbers of its texts; a negative that is there twice stands once."""
    texts = (row.document, *row.negatives)
    scores = row.teacher or (0.0,) * len(texts)
    listed: dict[int, float] = {}
    for text, score in zip(texts, scores, strict=True):
        listed.setdefault(documents.numbers[text], score)
    teacher = tuple(listed.values()) if row.teacher else ()
    return TextRow(queries.numbers[row.query], tuple(listed), row.grade, teacher)


def _barred(
    rows: Sequence[TextRow], queries: _Numbered, documents: _Numbered
) -> tuple[frozenset[int], ...]:
    """Of each query the documents that are not to be held against it."""
    places = {key: number for number, key in enumerate(documents.keys)}
    same = {number: places[key] for number, key in enumerate(queries.keys) if key in places}
    own = own_of(((row.query, row.documents[0]) for row in rows), same)
    return tuple(frozenset(own[number]) for number in range(len(queries.keys)))


def _without_barred(row: TextRow, barred: frozenset[int]) -> TextRow:
    """Without the negatives that belong to the query, or say the same."""
    stays = [place == 0 or number not in barred for place, number in enumerate(row.documents)]
    documents = tuple(n for n, stay in zip(row.documents, stays, strict=True) if stay)
    teacher = tuple(s for s, stay in zip(row.teacher, stays, strict=False) if stay)
    return replace(row, documents=documents, teacher=teacher)


def _check(texts: Texts, loss: EmbedLoss, data: Related) -> None:
    """Check that there is something to learn.

    Raises:
        DataError: there is nothing.
    """
    if loss in ("margin", "kl") and not texts.rows:
        raise DataError(
            f"a teacher's scores are learnt by their differences, but no row of {data.name} has a "
            "negative that is not the query's own document; give other negatives"
        )
    documents = len(texts.documents.rows)
    if loss == "contrastive" and all(len(barred) == documents for barred in texts.barred):
        raise DataError(
            "a query's document is told from others, but there is none in "
            f"{data.name} that could be held against a query: it has {counted(len(data), 'row')} "
            f"with {counted(documents, 'different document')}; give more rows, or negatives"
        )
    if loss == "ranking" and len({row.grade for row in texts.rows}) < 2:
        raise DataError(
            "pairs are put in the order of their grades, but all grades of "
            f"{data.name} are {texts.rows[0].grade:g}; give others, or where the column is no "
            "grade --set embed.loss=contrastive"
        )


def _dropped_note(count: int) -> str:
    if not count:
        return ""
    return (
        f"{counted(count, 'negative')} {is_are(count)} left out: documents of the query itself, or "
        "the query's own text, or twice in a row"
    )


def _lone_note(count: int) -> str:
    if not count:
        return ""
    return f"{counted(count, 'row')} without another negative {is_are(count)} left out"


def _cut_note(queries: _Numbered, documents: _Numbered, model: SentenceModel) -> str:
    cut = queries.truncated + documents.truncated
    every = len(queries.keys) + len(documents.keys)
    if not cut:
        return ""
    return (
        f"{cut:,} of {every:,} different training texts {is_are(cut)} longer than the model's "
        f"limit of {model.limit} tokens, and only read to there (--on-long truncate)"
    )
