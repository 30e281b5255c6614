"""Rerankers on judged queries, one or two on the same rows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from unmask.errors import ConfigError
from unmask.evaluation.bootstrap import Difference
from unmask.evaluation.ranking import RankingFigures, compare_rankings
from unmask.evaluation.reranking import RerankFigures, SureFigures
from unmask.pipelines.rerank import Reranker, Scored
from unmask.text.judged import Judgements, read_judgements
from unmask.verbs.evaluate_classifier import Wanted
from unmask.verbs.evaluate_rows import Rows
from unmask.verbs.evaluation_facts import as_facts, left_out, set_against
from unmask.verbs.tasks.judged_data import check_measurable, told
from unmask.verbs.tasks.rerank import SCALE_WORDS, labels_of, rankings
from unmask.verbs.watch import Watch


@dataclass(frozen=True, slots=True)
class RerankEvaluation:
    """A reranker on judged queries.

    Attributes:
        model: its folder.
        data: the table, and what was read of it.
        scale: what a score of the model is; None where its folder names a function that gives
            neither logits nor probabilities.
        figures: what came out.
        truncated: pairs that were cut.
        skipped: bad places of the table that were left out.
        other: what the model beside it was called; None without one.
        differences: of the two on the same queries, this model less the other.
    """

    model: Path
    data: str
    scale: str | None
    figures: RerankFigures
    truncated: int
    skipped: int
    other: str | None = None
    differences: tuple[Difference, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """For programs: the figures beside the rest."""
        return as_facts(self)

    def in_words(self) -> dict[str, str]:
        """For people: the figures, and how another model differs."""
        lost = left_out("pairs that were cut", self.truncated, self.skipped)
        found = {**self.figures.in_words(), **lost}
        found |= set_against(self.differences, self.other)
        return found


def evaluate_reranker(
    folder: Path, rows: Rows, wanted: Wanted, device: torch.device, watch: Watch
) -> RerankEvaluation:
    """Measure a reranker, and another one where asked for.

    Raises:
        ConfigError: a report is asked for, or what is to happen to long pairs is no word for it.
        ModelError: a model gives no score.
        DataError, CorruptText: the rows cannot be used.
        TooLong: a pair is longer than a model takes, under "error".
    """
    if wanted.report is not None:
        raise ConfigError(
            f"a report is written for models that give one label, and {wanted.name} gives a "
            "score; leave out --report"
        )
    model = _opened(folder, device)
    other = None if wanted.against is None else _opened(wanted.against, device)
    with watch.stage("reading the data"):
        data = read_judgements(rows.path, rows.text, rows.pair, rows.label, reading=rows.reading)
    check_measurable(data)
    for line in (told(data), said_of(model)):
        watch.say(line)
    answers = _read(model, data, wanted, watch, "scoring")
    result = RerankEvaluation(
        model=model.opened.opened.path,
        data=told(data),
        scale=model.scale,
        figures=_figures(model, data, answers),
        truncated=sum(one.truncated for one in answers),
        skipped=data.skipped,
    )
    if other is None:
        return result
    theirs = _read(other, data, wanted, watch, f"scoring with {wanted.against}")
    ours, judged = rankings(data, model.order(answers))
    differences = compare_rankings(ours, rankings(data, other.order(theirs))[0], judged)
    return replace(result, other=str(wanted.against), differences=differences)


def said_of(model: Reranker) -> str:
    """What a model's score is, and where that is said."""
    known = model.opened.opened.use.scale is not None
    why = ", as its folder says" if known else f": {model.opened.said}"
    return f"the score of the model is a {SCALE_WORDS[model.scale]}{why}"


def _opened(path: str | Path, device: torch.device) -> Reranker:
    model = Reranker.from_pretrained(path, device=device)
    model.check_score()
    return model


def _read(
    model: Reranker, data: Judgements, wanted: Wanted, watch: Watch, title: str
) -> list[Scored]:
    """The answer to each query with each of its documents."""
    if wanted.on_long == "chunk":
        raise ConfigError("pairs are not split; on_long must be truncate or error, not 'chunk'")
    found = []
    pairs = [(query.text, text) for query in data.queries for text in query.documents]
    with watch.stage(title) as advance:
        for answer in model.stream(pairs, on_long=wanted.on_long):
            found.append(answer)
            advance(len(found) / len(pairs), "")
    return found


def _figures(model: Reranker, data: Judgements, answers: list[Scored]) -> RerankFigures:
    ranking = RankingFigures.of(*rankings(data, model.order(answers)))
    figures = RerankFigures(ranking, len(data))
    if model.scale in ("probability", "calibrated") and data.binary:
        scores = np.array([float(one.scores[0]) for one in answers])
        return replace(figures, sure=SureFigures.of(scores, labels_of(data)))
    return figures
