"""Which of the texts near a query are its negatives: near, and yet hardly answers themselves.

What lies near a query and is none of its known answers may still be one that nobody marked. Such
false negatives are kept out by margins below the score of the known answer (de Souza Moreira et al.
2024, "NV-Retriever", section 3, where the relative one does best).

A query's own documents are none of its negatives, and neither is its own text. Texts are one where
their token ids are: what a model cannot tell apart it must not be asked to tell apart.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np
import numpy.typing as npt

from unmask.batches.draws import Draws
from unmask.errors import ConfigError
from unmask.pipelines.quantized import F32
from unmask.tokens.tokenizer import Tokenizer

I64 = npt.NDArray[np.int64]
MINED = 232  # stream of Draws
Pick = Literal["top", "sampled"]
Key = tuple[int, ...]
"""A text's token ids, by which it is told from others."""
Q = TypeVar("Q", bound=Hashable)
D = TypeVar("D", bound=Hashable)


def keys_of(texts: Iterable[str], tokenizer: Tokenizer) -> dict[str, Key]:
    """What each different text is told by, in the order of the texts."""
    different = list(dict.fromkeys(texts))
    ids = tokenizer.ids_stream(different)
    return {text: tuple(one) for text, one in zip(different, ids, strict=True)}


def own_of(pairs: Iterable[tuple[Q, D]], same: Mapping[Q, D]) -> dict[Q, set[D]]:
    """Of each query what is none of its negatives.

    Args:
        pairs: a query and a document of its own; both may be numbers, texts or keys.
        same: of a query the document that is the query's own text, if there is one.
    """
    own = {query: {document} for query, document in same.items()}
    for query, document in pairs:
        own.setdefault(query, set()).add(document)
    return own


@dataclass(frozen=True, kw_only=True, slots=True)
class NegativeRule:
    """How negatives are chosen among the candidates of a query.

    Attributes:
        per_query: how many are wanted.
        skip_first: so many of the nearest candidates are left out.
        range: up to which candidate they are looked at, counted from the nearest.
        margin: a negative scores at least this much below the positive; None for no such rule.
        relative_margin: a negative scores at most this share less of the positive's score: with
            0.05, at most 95 % of it. (Of a score below 0, the share is of its distance from 0.)
            None for no such rule.
        pick: "top" takes those with the best scores, "sampled" draws among all that are left.
        seed: of the draw of "sampled"; None for 0.
    """

    per_query: int = 5
    skip_first: int = 0
    range: int = 100
    margin: float | None = None
    relative_margin: float | None = None
    pick: Pick = "top"
    seed: int | None = None

    def __post_init__(self) -> None:
        if self.per_query < 1 or self.skip_first < 0 or self.range <= self.skip_first:
            raise ConfigError(
                "per_query must be at least 1, and range above skip_first, which is at least 0, "
                f"not {self.per_query}, {self.range} and {self.skip_first}"
            )
        if self.margin is not None and not 0.0 <= self.margin < np.inf:
            raise ConfigError(f"a margin must be at least 0, not {self.margin}")
        share = self.relative_margin
        if share is not None and not 0.0 <= share < 1.0:
            raise ConfigError(
                f"a relative margin must be at least 0 and below 1, not {share}; 0.05 keeps "
                "negatives to 95 % of the positive's score"
            )
        if self.pick not in ("top", "sampled"):
            raise ConfigError(f"pick must be top or sampled, not {self.pick!r}")
        if self.pick == "top" and self.seed is not None:
            raise ConfigError(
                f"seed={self.seed} would do nothing: the top candidates are taken, and none is "
                "drawn; leave it out, or give pick=sampled (--pick sampled)"
            )

    def ceiling(self, positive: float) -> float:
        """The highest score of a negative, given that of the positive."""
        ends = [np.inf]
        if self.margin is not None:
            ends.append(positive - self.margin)
        if self.relative_margin is not None:
            ends.append(positive - self.relative_margin * abs(positive))
        return float(min(ends))

    def choose(self, row: int, positive: float, scores: F32) -> tuple[I64, int]:
        """The negatives of a row.

        Args:
            row: its number, of which the draw is a function.
            positive: score of its positive.
            scores: `(C,)` of the candidates, the nearest first; those that are skipped or beyond
                the range are not among them.

        Returns:
            Places of the negatives among the candidates, the highest score first; and how many
            candidates the margins left out.
        """
        left = np.flatnonzero(scores <= self.ceiling(positive))
        dropped = len(scores) - len(left)
        if self.pick == "sampled" and len(left) > self.per_query:
            keys = Draws(self.seed or 0, 0).bits(MINED, np.full(len(left), row), left)
            left = left[np.argsort(keys, kind="stable")[: self.per_query]]
        order = np.lexsort((left, -scores[left]))
        return left[order][: self.per_query], dropped
