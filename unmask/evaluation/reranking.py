"""What a reranker is worth: how it orders the documents of queries, and how sure it may be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from unmask.evaluation.bootstrap import F64, RESAMPLES, Estimate
from unmask.evaluation.confidence import Bin, ConfidenceFigures, Shares
from unmask.evaluation.ranking import Judged, RankingFigures, Scores

GRADES = 1000  # labels are whole numbers of so many parts; a gain that grows with them all the same


@dataclass(frozen=True, slots=True)
class SureFigures:
    """How far scores can be relied on as probabilities.

    Attributes:
        log_loss: mean over pairs of a query and a document, in nats.
        calibration_error: see `unmask.evaluation.confidence`.
        accuracy: share of pairs of which the likelier of relevant and not is true. None in results
            that were stored before it was measured, as are the bins.
        bins: of the calibration error, by the probability of the likelier.
    """

    log_loss: Estimate
    calibration_error: Estimate
    accuracy: float | None = None
    bins: tuple[Bin, ...] = ()

    @classmethod
    def of(cls, probabilities: F64, truth: F64, resamples: int = RESAMPLES) -> SureFigures:
        """Figures of `(N,)` probabilities and of 1 for relevant, else 0."""
        true = (truth > 0).astype(np.int64)
        guessed = (probabilities >= 0.5).astype(np.int64)
        both = np.stack([1 - probabilities, probabilities], axis=1)
        right = guessed == true
        found = ConfidenceFigures.of(right, Shares.of(true, guessed, both, 2), resamples)
        return cls(found.log_loss, found.calibration_error, float(right.mean()), found.bins)


@dataclass(frozen=True, slots=True)
class RerankFigures:
    """What a reranker is worth on judged queries.

    Attributes:
        ranking: how it orders the documents of each query.
        documents: how many pairs of a query and a document were scored.
        sure: of its scores as they are; None where they are no probabilities, or the labels are not
            all 0 or 1.
        uncalibrated: the same before they were calibrated; None where they were not.
    """

    ranking: RankingFigures
    documents: int
    sure: SureFigures | None = None
    uncalibrated: SureFigures | None = None

    def in_words(self) -> dict[str, str]:
        """The figures by name, for people."""
        found = self.ranking.in_words()
        words = {"queries": found.pop("queries"), "documents": f"{self.documents:,}", **found}
        before = {} if self.uncalibrated is None else {", uncalibrated": self.uncalibrated}
        sure = {} if self.sure is None else {"": self.sure}
        for name, one in {**before, **sure}.items():
            words[f"log loss{name}"] = str(one.log_loss)
            words[f"calibration error{name}"] = str(one.calibration_error)
        return words


def as_rankings(
    scores: F64, labels: Sequence[Sequence[float]], relevant: Sequence[Sequence[bool]]
) -> tuple[Scores, Judged]:
    """Scores of judged documents as the measures of rankings take them.

    Documents that are scored alike are ranked the less relevant first: a model that cannot tell
    them apart must gain nothing by the order of the file.

    Args:
        scores: `(N,)` of the documents of all queries, one query after the other.
        labels: of each query's documents: how much each gains.
        relevant: whether each counts as relevant; what does not gains nothing.
    """
    ranked: dict[str, dict[str, float]] = {}
    judged: dict[str, dict[str, int]] = {}
    first = 0
    for query, (own, counts) in enumerate(zip(labels, relevant, strict=True)):
        name = str(query)
        ranked[name], judged[name] = {}, {}
        for place, (label, one) in enumerate(zip(own, counts, strict=True)):
            grade = max(1, round(GRADES * min(1.0, label))) if one else 0
            document = f"{grade:04d} {place:09d}"  # equal scores are ranked by name
            ranked[name][document] = float(scores[first + place])
            judged[name][document] = grade
        first += len(own)
    return ranked, judged
