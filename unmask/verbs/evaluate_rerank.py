"""Rerankers on judged queries, one or two on the same rows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from operator import attrgetter
from pathlib import Path

import numpy as np
import torch

from unmask.checkpoint.use import SCALE_WORDS
from unmask.errors import ConfigError, ModelError
from unmask.evaluation.ranking import ByQuery, RankingFigures, Scores, by_query, compare_rankings
from unmask.evaluation.reranking import RerankFigures, SureFigures
from unmask.pipelines.rerank import Reranker, Scored
from unmask.report.facts_measured import Length
from unmask.report.rankings import RankedQuery, Rankings, ranking_lines, ranking_report
from unmask.report.section_measured import Line
from unmask.text.judged import Judgements, read_judgements
from unmask.verbs.evaluate_rows import Rows
from unmask.verbs.evaluation_facts import OnRows, left_out, telling_unknown
from unmask.verbs.tasks.judged_data import check_measurable, told
from unmask.verbs.tasks.rerank import labels_of, rankings
from unmask.verbs.wanted import Wanted, better_rows
from unmask.verbs.watch import Watch

LENGTHS = "A query counts as long as its longest pair with a document."


@dataclass(frozen=True, slots=True)
class RerankEvaluation(OnRows):
    """A reranker on judged queries.

    Attributes:
        model: its folder.
        data: the table, and what was read of it.
        scale: what a score of the model is; None where its folder names a function that gives
            neither logits nor probabilities.
        figures: what came out.
        truncated: pairs that were cut.
        skipped: bad places of the table that were left out.
    """

    model: Path
    data: str
    scale: str | None
    figures: RerankFigures
    truncated: int
    skipped: int

    def in_words(self) -> dict[str, str]:
        """For people: the figures, and how another model differs."""
        lost = left_out("pairs that were cut", self.truncated, self.skipped)
        found = {**self.figures.in_words(), **lost}
        return {**found, **self.beside()}


def evaluate_reranker(
    folder: Path, rows: Rows, wanted: Wanted, device: torch.device, watch: Watch
) -> RerankEvaluation:
    """Measure a reranker, and another one where asked for.

    Raises:
        ConfigError: what is to happen to long pairs is no word for it.
        ModelError: a model gives no score.
        DataError, CorruptText: the rows cannot be used.
        TooLong: a pair is longer than a model takes, under "error".
    """
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
        report=wanted.report,
    )
    ours, judged = rankings(data, model.order(answers))
    each, agreed = by_query(ours, judged), {}
    if other is not None:
        read = _read(other, data, wanted, watch, f"scoring with {wanted.against}")
        theirs = rankings(data, other.order(read))[0]
        differences = compare_rankings(ours, theirs, judged)
        cut = sum(one.truncated for one in read)
        result = replace(
            result, other=str(wanted.against), differences=differences, other_truncated=cut
        )
        gains = (each.values[:, 0], by_query(theirs, judged).values[:, 0])
        agreed = better_rows(wanted, "better", *gains)
    about = wanted.about(result.data, data.skipped, result.differences, agreed)
    asked = _asked(data, answers, ours, each, model.max_length)
    lines = tuple(_lines(result.figures))
    scale = "score" if model.scale is None else SCALE_WORDS[model.scale]
    sure = result.figures.sure
    facts = Rankings(about, lines, asked, each.without_relevant, scale, LENGTHS, sure=sure)
    wanted.write(lambda: ranking_report(facts), watch)
    return result


def said_of(model: Reranker) -> str:
    """What a model's score is, and where that is said."""
    known = model.opened.opened.use.scale is not None
    why = ", as its folder says" if known else f": {model.opened.said}"
    return f"the score of the model is a {SCALE_WORDS[model.scale]}{why}"


def _opened(path: str | Path, device: torch.device) -> Reranker:
    model = Reranker.from_pretrained(path, device=device)
    if len(model.labels) != 1:
        raise ModelError(
            f"to rank takes a model with one output, a score, but {path} has the labels "
            f"{', '.join(model.labels)}; measure it as a classifier: unmask evaluate {path} --data "
            "TABLE"
        )
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
        said = model.stream(pairs, on_long=wanted.on_long)
        for answer in telling_unknown(said, watch, attrgetter("unknown")):
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


def _asked(
    data: Judgements, answers: list[Scored], scores: Scores, each: ByQuery, limit: int
) -> tuple[RankedQuery, ...]:
    """The queries that the figures are means over, with their documents in the model's order."""
    gains = dict(zip(each.queries, each.values[:, 0], strict=True))
    rows, first = [], 0
    for number, query in enumerate(data.queries):
        own = answers[first : first + len(query)]
        first += len(query)
        if (gain := gains.get(str(number))) is None:
            continue
        # As the figures have it; the names tell the documents' places, see `as_rankings`.
        ranked = scores[str(number)]
        names = sorted(ranked, key=lambda name: (-ranked[name], name))
        order = [int(name.split()[1]) for name in names]
        rank = next(place for place, one in enumerate(order) if query.relevant[one])
        rows.append(
            RankedQuery(
                text=query.text,
                gain=float(gain),
                relevant=query.documents[order[rank]],
                rank=rank + 1,
                first=query.documents[order[0]],
                score=float(own[order[0]].scores[0]),
                documents=len(order),
                length=Length.longest(Length.of(one.tokens, one.truncated, limit) for one in own),
            )
        )
    return tuple(rows)


def _lines(figures: RerankFigures) -> list[Line]:
    lines = ranking_lines(figures.ranking)
    if figures.sure is not None:
        loss, error = figures.sure.log_loss, figures.sure.calibration_error
        lines.append(Line("log loss, in nats", loss, "of its scores as probabilities"))
        lines.append(Line("calibration error", error, "how far its probabilities are off"))
    return lines
