"""Vectors of texts that belong together: the texts of an update, read in parts, and one loss.

A batch is one update. Its texts are read in parts of a budget of tokens; the loss is that of all of
them together. Up to a second budget what the gradient needs is kept in memory, and texts beyond it
are read twice (`unmask.objectives.reread`), so that the number of rows in an update is not bound by
memory.

Shapes: N rows of an update, Q different queries, M different documents, K documents of a row (the
one that belongs to the query and its negatives), E width of a vector.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from typing import Protocol

import torch
from torch.nn import functional as F

from unmask.batches.batch import Batch
from unmask.batches.draws import Draws
from unmask.batches.order import shortest_first
from unmask.batches.pack import pack
from unmask.heads.sentence import EmbeddingModel
from unmask.objectives.reread import drawn_from, reread
from unmask.objectives.targets import Loss, Losses

TOKENS = 4096
"""Tokens that are read at once: of a small encoder, what a CPU's caches hold."""
KEPT = 8192
"""Tokens of an update of which all is kept that the gradient needs."""

Term = tuple[torch.Tensor, torch.Tensor]
"""The sum of a term, 0-d with its gradient, and its hits."""


@dataclass(frozen=True, slots=True)
class Side:
    """Different texts of one kind, queries or documents.

    Attributes:
        rows: token ids of each, with special tokens and prompt.
        skip: how many tokens at the beginning of each do not count in the pooling.
    """

    rows: tuple[list[int], ...]
    skip: int = 0


@dataclass(frozen=True, slots=True)
class TextRow:
    """A row, its texts by their numbers.

    Attributes:
        query: the query.
        documents: the one that belongs to it, and behind it its negatives.
        grade: of the pair.
        teacher: what a teacher gives each of the documents; empty without one.
    """

    query: int
    documents: tuple[int, ...]
    grade: float = 0.0
    teacher: tuple[float, ...] = ()


@dataclass(frozen=True)
class Texts:
    """All rows that are learnt from.

    Attributes:
        queries, documents: their texts.
        rows: N.
        barred: of each query, the documents that are not to be held against it: its own, in
            whichever row, and those that say the same as the query.
    """

    queries: Side
    documents: Side
    rows: tuple[TextRow, ...]
    barred: tuple[frozenset[int], ...]


@dataclass(frozen=True, slots=True)
class AskedRows:
    """The rows of an update, its texts by their places in it.

    Attributes:
        queries: `(N,)` int64.
        documents: `(N, K)` int64, first the query's own; -1 where a row has fewer.
        barred: `(Q, M)` which documents are not to be held against which query.
        grades: `(N,)` float32.
        teacher: `(N, K)` float32, 0 where a row has fewer.
    """

    queries: torch.Tensor
    documents: torch.Tensor
    barred: torch.Tensor
    grades: torch.Tensor
    teacher: torch.Tensor

    def to(self, device: torch.device) -> AskedRows:
        """The same on another device."""
        return AskedRows(
            self.queries.to(device),
            self.documents.to(device),
            self.barred.to(device),
            self.grades.to(device),
            self.teacher.to(device),
        )


class Rule(Protocol):
    """What is learnt from the cosines of queries and documents."""

    @property
    def weight(self) -> float:
        """Of each term in the loss."""
        ...

    def targets(self, asked: AskedRows) -> Mapping[str, int]:
        """How much each term predicts."""
        ...

    def __call__(self, cosines: torch.Tensor, asked: AskedRows) -> Mapping[str, Term]:
        """Each term's sum and hits, of `(Q, M)` float32 cosines."""
        ...


@dataclass(frozen=True, slots=True)
class Part:
    """Texts that are read at once.

    Attributes:
        batch: the texts.
        skip: tokens at their beginnings that do not count in the pooling.
    """

    batch: Batch
    skip: int


@dataclass(frozen=True, slots=True)
class VectorTask:
    """An update.

    Attributes:
        batch: its texts, the queries first.
        parts: the same texts as they are read.
        order: `(Q + M,)` int64, where each text of `batch` stands in the parts together.
        asked: the rows.
        targets: of each term.
        counts: rows and different texts.
    """

    batch: Batch
    parts: tuple[Part, ...]
    order: torch.Tensor
    asked: AskedRows
    targets: Mapping[str, int]
    counts: Mapping[str, int]

    def to(self, device: torch.device) -> VectorTask:
        """The same task on another device."""
        return replace(
            self,
            parts=tuple(replace(part, batch=part.batch.to(device)) for part in self.parts),
            order=self.order.to(device),
            asked=self.asked.to(device),
        )


@dataclass(frozen=True)
class Relating:
    """A rule over the cosines of an update's texts, of whole vectors and of their beginnings.

    Cosines are computed in float32 whatever the products are: in bfloat16 one divided by 0.05 is
    wrong by up to 0.08.

    Attributes:
        texts: by the number of the sample, which is that of its row.
        rule: what is learnt.
        dims: the loss is summed over the whole vectors and their first so many numbers (Matryoshka,
            Kusupati et al. 2022), each cut before its length is made 1.
        tokens: read at once.
        kept: of which all is kept; texts beyond are read twice.
    """

    texts: Texts
    rule: Rule
    dims: tuple[int, ...] = ()
    tokens: int = TOKENS
    kept: int = KEPT

    def corrupt(self, batch: Batch, draws: Draws, progress: float = 0.0) -> VectorTask:
        """The rows with all their texts, each once.

        Args:
            batch: the queries; its samples are the rows.
            draws, progress: not used, since nothing is drawn.
        """
        assert batch.samples is not None
        rows = [self.texts.rows[number] for number in batch.samples.tolist()]
        queries = _places(row.query for row in rows)
        documents = _places(chain.from_iterable(row.documents for row in rows))
        parts: list[Part] = []
        order: list[int] = []
        for side, places in ((self.texts.queries, queries), (self.texts.documents, documents)):
            some = [side.rows[number] for number in places]
            base = len(order)
            for part in shortest_first([len(row) for row in some], self.tokens):
                parts.append(Part(pack([some[place] for place in part]), side.skip))
                order += [base + place for place in part]
        asked = _asked(rows, queries, documents, self.texts.barred)
        targets = self.rule.targets(asked)
        whole = [self.texts.queries.rows[n] for n in queries]
        whole += [self.texts.documents.rows[n] for n in documents]
        return VectorTask(
            batch=pack(whole),
            parts=tuple(parts),
            order=torch.tensor(order).argsort(),
            asked=asked,
            targets={_named(n, d): c for d in (0, *self.dims) for n, c in targets.items()},
            counts={"rows": len(rows), "texts": len(whole)},
        )

    def loss(self, model: EmbeddingModel, task: VectorTask) -> Losses:
        """The rule's terms, of whole vectors and of their beginnings."""
        vectors, queries = self._vectors(model, task), task.asked.barred.shape[0]
        terms = {}
        with torch.autocast(vectors.device.type, enabled=False):
            for dim in (0, *self.dims):
                unit = F.normalize(vectors[:, : dim or None], dim=1)
                cosines = unit[:queries] @ unit[queries:].T
                for name, (total, hits) in self.rule(cosines, task.asked).items():
                    named = _named(name, dim)
                    terms[named] = Loss(total, task.targets[named], hits, self.rule.weight)
        return Losses(terms)

    def _vectors(self, model: EmbeddingModel, task: VectorTask) -> torch.Tensor:
        """`(Q + M, E)` float32, the queries first."""
        # The loop has seeded the generator from (seed, step), so this is a function of them.
        seed = int(torch.randint(1 << 62, ()))
        found, filled, device = [], 0, task.order.device
        for number, part in enumerate(task.parts):
            read = partial(drawn_from, seed + number, partial(_read, model, part), device)
            filled += part.batch.tokens
            found.append(read() if filled <= self.kept else reread(read, device))
        return torch.cat(found)[task.order]


def _read(model: EmbeddingModel, part: Part) -> torch.Tensor:
    vectors: torch.Tensor = model(part.batch, part.skip)
    return vectors.float()


def _named(term: str, dim: int) -> str:
    """A term's name, of vectors cut to so many numbers; 0 for whole ones."""
    return f"{term}@{dim}" if dim else term


def _places(numbers: Iterable[int]) -> dict[int, int]:
    """Different numbers in the order in which they come, and the place of each."""
    return {number: place for place, number in enumerate(dict.fromkeys(numbers))}


def _asked(
    rows: Sequence[TextRow],
    queries: Mapping[int, int],
    documents: Mapping[int, int],
    barred: Sequence[frozenset[int]],
) -> AskedRows:
    longest = max(len(row.documents) for row in rows)
    listed = [[documents[n] for n in row.documents] for row in rows]
    left_out = torch.zeros(len(queries), len(documents), dtype=torch.bool)
    for number, place in queries.items():
        left_out[place, [documents[n] for n in barred[number] if n in documents]] = True
    return AskedRows(
        queries=torch.tensor([queries[row.query] for row in rows]),
        documents=torch.tensor([one + [-1] * (longest - len(one)) for one in listed]),
        barred=left_out,
        grades=torch.tensor([row.grade for row in rows], dtype=torch.float32),
        teacher=torch.tensor(
            [[*row.teacher, *[0.0] * (longest - len(row.teacher))] for row in rows],
            dtype=torch.float32,
        ),
    )
