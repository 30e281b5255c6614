"""Names of labels, read as texts of their labels, where that helps.

With ten texts of a label its name is worth some more of them, if it says in words what the label
means. Whether it does is asked of the rows: vectors of the model as it is, fitted without a part of
them, tell that part with the names or without.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from unmask.batches.draws import Draws
from unmask.evaluation.probe import F32, Probe

FOLDS = 3
FOLD_STREAM = 63  # of Draws
WEIGHT = 3.0  # texts that a name counts for in the regression; docs/log.md has others
_APART = re.compile(r"[\s_\-/.:]+")


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
    """How many rows a regression tells right that it was not fitted to.

    Attributes:
        rows: how many were asked for.
        without, beside: right without the names, and with them.
    """

    rows: int
    without: int
    beside: int

    @property
    def helps(self) -> bool:
        """Whether the names are worth reading."""
        return self.beside >= self.without

    @classmethod
    def of(
        cls, vectors: F32, labels: Sequence[str], words: F32, names: Sequence[str], strength: float
    ) -> Trial:
        """Ask it of vectors.

        Args:
            vectors: `(N, E)` of the texts.
            labels: theirs.
            words: `(C, E)` of the names.
            names: all C labels.
            strength: inverse regularisation.
        """
        order = np.array(Draws(0, 0).permutation(len(labels), FOLD_STREAM))
        truth = np.array(labels)
        right = {False: 0, True: 0}
        for fold in np.array_split(order, FOLDS):
            rest = np.setdiff1d(order, fold)
            if not len(fold) or len({*truth[rest]}) < 2:
                continue
            for named in right:
                there = vectors[rest], [str(one) for one in truth[rest]]
                probe = fit(*there, words if named else None, names, strength)
                right[named] += int((np.array(probe.predict(vectors[fold])) == truth[fold]).sum())
        return cls(len(labels), right[False], right[True])


def fit(
    vectors: F32,
    labels: Sequence[str],
    words: F32 | None,
    names: Sequence[str],
    strength: float,
    balanced: bool = False,
) -> Probe:
    """A logistic regression on texts and, unless `words` is None, on names; see `Trial.of`."""
    counts = [1.0] * len(labels)
    if words is not None:
        vectors = np.concatenate((vectors, words))
        labels = (*labels, *names)
        counts += [WEIGHT] * len(names)
    return Probe.fit(
        vectors,
        labels,
        strength=strength,
        weights="balanced" if balanced else "none",
        counts=counts,
    )
