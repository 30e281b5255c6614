"""Names of labels, read as texts of their labels, where that helps.

With ten texts of a label its name is worth some more of them, if it says in words what the label
means. Whether it does is asked of the rows: vectors of the model as it is, fitted without a part of
them, tell that part with the names or without.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from unmask.batches.draws import Draws
from unmask.evaluation.probe import F32, Probe

FOLDS = 3
FOLD_STREAM = 63  # of Draws
WEIGHT = 3.0  # texts that a name counts for in the regression; docs/log.md has others
_APART = re.compile(r"[\s_\-/.:]+")
Fitting = Callable[[F32, Sequence[str]], Probe]
"""Vectors `(N, E)` and their labels to what has learnt from them."""
Fits = Callable[[F32, Sequence[str], F32 | None, Sequence[float] | None], Probe]
"""As `Regression.__call__`."""


def in_words(names: Sequence[str]) -> tuple[str, ...] | None:
    """Names as one would write them in a text, such as "card arrival" of "card_arrival".

    None where one of them has no letter, as numbers have none, or two read alike.
    """
    words = tuple(_APART.sub(" ", name).strip() for name in names)
    if len({*words}) < len(words):
        return None
    return words if all(any(map(str.isalpha, one)) for one in words) else None


@dataclass(frozen=True, slots=True)
class Trial:
    """How many rows two ways of fitting tell right that they were not fitted to.

    Attributes:
        rows: how many were asked for.
        without, beside: right without what is tried, and with it.
    """

    rows: int
    without: int
    beside: int

    @property
    def helps(self) -> bool:
        """Whether what is tried is worth having."""
        return self.beside >= self.without

    @classmethod
    def of(
        cls,
        vectors: F32,
        labels: Sequence[str],
        texts: Sequence[Hashable],
        without: Fitting,
        beside: Fitting,
    ) -> Trial:
        """Ask it of vectors `(N, E)` and their labels.

        Args:
            vectors, labels: of the texts.
            texts: what tells which of the N are the same text, of which none is asked for while
                another is learnt from.
            without, beside: fit to a part of them.
        """
        number = {text: place for place, text in enumerate(dict.fromkeys(texts))}
        numbers = np.array([number[text] for text in texts])
        order = np.array(Draws(0, 0).permutation(len(number), FOLD_STREAM))
        truth = np.array(labels)
        right = [0, 0]
        for some in np.array_split(order, FOLDS):
            left_out = np.isin(numbers, some)
            fold, rest = np.flatnonzero(left_out), np.flatnonzero(~left_out)
            if not len(fold) or len({*truth[rest]}) < 2:
                continue
            for way, fitting in enumerate((without, beside)):
                probe = fitting(vectors[rest], [str(one) for one in truth[rest]])
                right[way] += int((np.array(probe.predict(vectors[fold])) == truth[fold]).sum())
        return cls(len(labels), *right)

    def in_words(self) -> str:
        """What was found."""
        return (
            f"of {self.rows:,} rows, left out a third at a time, {self.beside:,} are told right "
            f"with them and {self.without:,} without"
        )


@dataclass(frozen=True, slots=True)
class Regression:
    """How the last layer is fitted, whatever the vectors.

    Attributes:
        names: all labels, C of them.
        strength: inverse regularisation.
        balanced: whether the rows of each label together have the same weight.
    """

    names: tuple[str, ...]
    strength: float
    balanced: bool = False

    def __call__(
        self,
        vectors: F32,
        labels: Sequence[str],
        words: F32 | None,
        counts: Sequence[float] | None = None,
    ) -> Probe:
        """A logistic regression on texts and, unless `words` is None, on names.

        Args:
            vectors: `(N, E)` of the texts.
            labels: theirs.
            words: `(C, E)` of the names.
            counts: how many texts each of the N stands for; None for one.
        """
        counts = [1.0] * len(labels) if counts is None else counts
        if words is not None:
            vectors = np.concatenate((vectors, words))
            labels = (*labels, *self.names)
            counts = (*counts, *[WEIGHT] * len(self.names))
        return Probe.fit(
            vectors,
            labels,
            strength=self.strength,
            weights="balanced" if self.balanced else "none",
            counts=counts,
        )
