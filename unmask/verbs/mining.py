"""Pairs of a query and a positive, and the negatives that are found for them.

N rows, M different texts, E numbers of a vector, C candidates of a row.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from unmask.errors import DataError
from unmask.pipelines.embed import Embedder
from unmask.pipelines.negatives import Key, NegativeRule, keys_of, own_of
from unmask.pipelines.quantized import F32
from unmask.pipelines.rerank import Reranker
from unmask.pipelines.search import I64, Hits, pair_scores, search
from unmask.text.bad import Reading
from unmask.text.related import each_related
from unmask.text.related_columns import RelatedColumns, pair_of
from unmask.text.rows import Table, Values
from unmask.tokens.tokenizer import Tokenizer
from unmask.verbs.text_vectors import collected
from unmask.verbs.watch import Watch

ROWS = 256  # whose candidates a reranker reads together
NEW = ("query", "positive", "negatives", "teacher_scores")
"""Columns that are written, in front of those that are passed through."""


@dataclass(frozen=True, slots=True)
class Pairs:
    """Queries with a positive each, in the order of the file.

    Attributes:
        name: of the file.
        columns: where they were found, in words.
        rows: N pairs.
        rest: of each row, its other columns.
        others: their names.
    """

    name: str
    columns: str
    rows: tuple[tuple[str, str], ...]
    rest: tuple[Values, ...]
    others: tuple[str, ...]

    @classmethod
    def read(
        cls, path: str | Path, query: str | None, positive: str | None, reading: Reading
    ) -> Pairs:
        """All rows of a table.

        Raises:
            DataError: a column is missing, another has the name of one that is to be written, or
                there are no rows.
            CorruptText: a bad place.
        """
        table = Table.open(path)
        columns = RelatedColumns("pairs", *pair_of(table, query, positive))
        texts = (columns.query, columns.document)
        others = [name for name in table.columns if name not in texts]
        if taken := [name for name in others if name in NEW]:
            raise DataError(
                f"{table.name} has a column {taken[0]!r}, which is to be written; rename it or "
                "leave it out"
            )
        read = [
            (pair, {name: row.values[name] for name in row.values if name not in texts})
            for row, several in each_related(table, columns, reading)
            for pair in several
        ]
        if not read:
            raise DataError(f"negatives are found for queries, but {table.name} has none")
        rows = tuple((pair.query, pair.document) for pair, _ in read)
        return cls(table.name, str(columns), rows, tuple(rest for _, rest in read), tuple(others))


@dataclass(frozen=True, slots=True)
class Mined:
    """The negatives of a row.

    Attributes:
        places: of them among the texts.
        by_margin: candidates that a margin left out.
        scores: a teacher's logits, of the positive and then of each; None without one.
    """

    places: I64
    by_margin: int
    scores: list[float] | None

    def counts(self, wanted: int) -> Counter[str]:
        """What the row adds to the counts of `MineResult`, by name."""
        count = len(self.places)
        kind = "none" if count == 0 else "full" if count == wanted else "fewer"
        return Counter({kind: 1, "negatives": count, "by_margin": self.by_margin})

    def values(self, pairs: Pairs, number: int, texts: Sequence[str]) -> dict[str, Any]:
        """The new columns of the row."""
        query, positive = pairs.rows[number]
        found = {
            "query": query,
            "positive": positive,
            "negatives": [texts[place] for place in self.places],
        }
        return found if self.scores is None else {**found, "teacher_scores": self.scores}


@dataclass(frozen=True, slots=True)
class Miner:
    """The candidates of all rows.

    Attributes:
        pairs: the rows.
        texts: M different texts that may be negatives.
        rule: which of them become negatives.
        own: of each query, places of its positives.
        hits: the nearest texts of each row's query, its positives among them.
        positives: `(N,)` score of each row's positive.
        on_long: what happens to a text longer than a model takes.
        truncated: texts that were cut.
    """

    pairs: Pairs
    texts: tuple[str, ...]
    rule: NegativeRule
    own: Mapping[str, frozenset[int]]
    hits: Hits
    positives: F32
    on_long: Literal["truncate", "error"]
    truncated: int

    @classmethod
    def of(
        cls,
        pairs: Pairs,
        more: Sequence[str],
        embedder: Embedder,
        rule: NegativeRule,
        on_long: Literal["truncate", "error"],
        watch: Watch,
    ) -> Miner:
        """Turn all texts into vectors and look for the nearest of each query.

        Texts are one where their token ids are, since no model tells them apart. The text of the
        query itself is none of its negatives either.
        """
        candidates = [*(positive for _, positive in pairs.rows), *more]
        queries = {text: n for n, text in enumerate(dict.fromkeys(one for one, _ in pairs.rows))}
        texts, number = _distinct(candidates, queries, embedder.tokenizer)
        own = own_of(
            ((query, number[positive]) for query, positive in pairs.rows),
            {query: number[query] for query in queries if query in number},
        )
        before = embedder.prompts.get("query", "")
        with watch.stage(f"embedding {len(queries):,} queries") as on:
            asked = collected(embedder, [*queries], on_long, prompt=before, advance=on, watch=watch)
        with watch.stage(f"embedding {len(texts):,} candidates") as on:
            after = embedder.document_prompt()
            given = collected(embedder, texts, on_long, prompt=after, advance=on, watch=watch)
        by = embedder.opened.similarity
        with watch.stage("searching"):
            most = rule.range + max(map(len, own.values()))
            hits = search(asked.vectors, given.vectors, most, by=by)
        rows = np.array([queries[query] for query, _ in pairs.rows])
        right = np.array([number[positive] for _, positive in pairs.rows])
        scores = _in_parts(asked.vectors, given.vectors, rows, right, by)
        cut = asked.truncated + given.truncated
        known = {query: frozenset(places) for query, places in own.items()}
        every = Hits(hits.corpus_ids[rows], hits.scores[rows])
        return cls(pairs, texts, rule, known, every, scores, on_long, cut)

    def rows(self, teacher: Reranker | None) -> Iterator[Mined]:
        """The negatives of each row, in order."""
        for first in range(0, len(self.pairs.rows), ROWS):
            numbers = range(first, min(first + ROWS, len(self.pairs.rows)))
            found = [self._candidates(number) for number in numbers]
            if teacher is None:
                for number, (places, scores) in zip(numbers, found, strict=True):
                    chosen, dropped = self.rule.choose(
                        number, float(self.positives[number]), scores
                    )
                    yield Mined(places[chosen], dropped, None)
                continue
            logits = self._logits(teacher, numbers, [places for places, _ in found])
            for number, (places, _), scores in zip(numbers, found, logits, strict=True):
                chosen, dropped = self.rule.choose(number, float(scores[0]), scores[1:])
                kept = [float(scores[0]), *scores[1:][chosen].tolist()]
                yield Mined(places[chosen], dropped, kept)

    def _candidates(self, number: int) -> tuple[I64, F32]:
        """Places and scores of a row's candidates, the nearest first."""
        own = self.own[self.pairs.rows[number][0]]
        near, scores = self.hits.corpus_ids[number], self.hits.scores[number]
        others = np.flatnonzero(~np.isin(near, list(own)))[self.rule.skip_first : self.rule.range]
        return near[others], scores[others]

    def _logits(self, teacher: Reranker, numbers: range, places: Sequence[I64]) -> Iterator[F32]:
        """A teacher's logits of each row's positive and candidates."""
        pairs = []
        for number, some in zip(numbers, places, strict=True):
            query, positive = self.pairs.rows[number]
            pairs += [(query, text) for text in (positive, *(self.texts[one] for one in some))]
        distinct = list(dict.fromkeys(pairs))
        answers = teacher.stream(distinct, on_long=self.on_long)
        of = {pair: float(one.logits[0]) for pair, one in zip(distinct, answers, strict=True)}
        first = 0
        for some in places:
            own = pairs[first : first + 1 + len(some)]
            first += len(own)
            yield np.array([of[pair] for pair in own], dtype=np.float32)


def _distinct(
    texts: Iterable[str], queries: Iterable[str], tokenizer: Tokenizer
) -> tuple[tuple[str, ...], dict[str, int]]:
    """Texts with different token ids, the first of each; and the place of each text among them.

    A query has a place where a text has its ids.
    """
    places: dict[Key, int] = {}
    kept: list[str] = []
    number: dict[str, int] = {}
    for text, key in keys_of(texts, tokenizer).items():
        number[text] = places.setdefault(key, len(kept))
        if number[text] == len(kept):
            kept.append(text)
    asked = keys_of(queries, tokenizer)
    return tuple(kept), {**number, **{q: places[key] for q, key in asked.items() if key in places}}


def _in_parts(first: F32, second: F32, rows: I64, columns: I64, by: Any) -> F32:
    """Scores `(N,)` of pairs of vectors, a few thousand at a time."""
    parts = [
        pair_scores(
            first[rows[at : at + 4096]].astype(np.float64),
            second[columns[at : at + 4096]].astype(np.float64),
            by,
        )
        for at in range(0, len(rows), 4096)
    ]
    return np.concatenate(parts)
