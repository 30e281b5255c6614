"""How well a document goes with a query: a cross-encoder with one score."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from unmask.checkpoint.cross import ACTIVATIONS, cross_writer, open_cross
from unmask.checkpoint.folder import Opened, open_classifier
from unmask.checkpoint.sentence import fitted, with_limit
from unmask.checkpoint.sentence_schema import TransformerFile
from unmask.checkpoint.use import SCALE_WORDS, Scale
from unmask.errors import ConfigError, DataError, ModelError
from unmask.evaluation.bootstrap import F64, RESAMPLES
from unmask.evaluation.platt import Platt
from unmask.evaluation.ranking import Judged, RankingFigures, Scores
from unmask.evaluation.reranking import RerankFigures, SureFigures, as_rankings
from unmask.heads.model import SequenceClassifier
from unmask.objectives.listwise import Listwise, list_losses
from unmask.objectives.supervised import Regression, Several
from unmask.text.judged import Judgements
from unmask.train.loop import Objective
from unmask.verbs.looking import look
from unmask.verbs.task_settings import RankLoss, TuneRank
from unmask.verbs.tasks.frozen import frozen_head
from unmask.verbs.tasks.judged_data import JudgedSplit
from unmask.verbs.tasks.pieces import Finished, Given, Pieces, Said, check_bias, new_weights
from unmask.verbs.tasks.regress import Scale as Spread
from unmask.verbs.tasks.rows import Rows, cut_notes, logits_of

SCORE = "score"  # the name of a new head's output
_BIAS = "give a calibrated score"  # what a head needs one for
Model = Opened[SequenceClassifier]


def rerank(given: Given) -> Pieces:
    """The pieces.

    Raises:
        DataError: see `JudgedSplit.read`; or calibrated scores are asked for, and the dev labels
            are not all 0 or 1.
        ModelError: the model is a classifier of several labels; UnsupportedModel where its head
            has no bias.
    """
    settings, watch = given.settings, given.watch
    loss = settings.rank.loss
    with watch.stage("reading the data"):
        split = JudgedSplit.read(given.train, given.dev, settings.data, loss, settings.split_seed)
    scale = _scale(settings.rank, split.dev)
    opened, limit = _opened(given)
    with watch.stage("tokenising"):
        split = split.without_own(opened.tokenizer, loss)
        rows = rows_of(split.train, opened, given, limit)
        rows = replace(rows, groups=_sizes(split.train)) if loss == "listwise" else rows
        dev_rows = rows_of(split.dev, opened, given, limit)
    spread = _spread(split.train)
    if loss == "mse":
        spread.into(opened.model.head, new=bool(opened.new))
    dev = Measure(dev_rows, split.dev, loss, spread, given.device)
    return Pieces(
        opened=opened,
        rows=rows,
        objective=_objective(split.train, loss, spread),
        dev=dev,
        train_rows=len(split.train),
        dev_rows=len(split.dev),
        said=Said("text-ranking", "reranker", f"Its score is learnt by the {loss} loss"),
        notes=(
            *split.notes,
            *cut_notes(rows, dev_rows, opened, "pairs", limit),
            *new_weights(opened, settings.run.seed),
        ),
        frozen=lambda: frozen_head(opened.model, rows, dev),
        finish=lambda: _finished(with_limit(opened, limit), dev, scale),
        metrics=("nDCG@10", "MRR@10", "loss"),
    )


def rows_of(data: Judgements, opened: Model, given: Given, limit: int) -> Rows:
    """Each query with each of its documents, one query after the other.

    Raises:
        TooLong: a pair is longer than the limit, under "error".
    """
    pairs = [(query.text, text) for query in data.queries for text in query.documents]
    first, second = zip(*pairs, strict=True)
    return Rows.of_pairs(first, second, opened, given.on_long, limit)


def _objective(data: Judgements, loss: RankLoss, spread: Spread) -> Objective:
    if loss == "listwise":
        return Listwise.of(labels_of(data).tolist(), _sizes(data))
    labels = labels_of(data)[:, None]
    if loss == "mse":
        return Regression(torch.from_numpy(spread.small(labels)).float())
    return Several(torch.from_numpy(labels).float())


@dataclass(frozen=True, slots=True)
class Measure:
    """Judged queries to measure a reranker with.

    Attributes:
        rows: each query with each of its documents, as token ids.
        data: the queries.
        loss: that is learnt.
        spread: of a teacher's logits, around which the model's head gives them in training.
        device: where the model is.
    """

    rows: Rows
    data: Judgements
    loss: RankLoss
    spread: Spread
    device: torch.device

    def logits(self, model: nn.Module) -> F64:
        """`(N,)`, query after query."""
        found: F64 = logits_of(model, self.rows, self.device).double().numpy()[:, 0]
        return found

    def __call__(self, model: nn.Module) -> Mapping[str, float]:
        """Figures of the rankings, and the loss that is learnt, in its mean."""
        logits = self.logits(model)
        found = ranking_of(self.data, logits, resamples=1)
        return {
            "nDCG@10": found["nDCG@10"].value or 0.0,
            "MRR@10": found["MRR@10"].value or 0.0,
            "loss": self._loss(torch.from_numpy(logits)),
        }

    def figures(self, model: nn.Module) -> RerankFigures:
        """Figures of the rankings, with intervals."""
        return RerankFigures(ranking_of(self.data, self.logits(model)), len(self.data))

    def _loss(self, logits: torch.Tensor) -> float:
        labels = torch.from_numpy(labels_of(self.data))
        if self.loss == "listwise":
            total, _ = list_losses(logits, labels, _sizes(self.data))
            return float(total) / sum(any(query.labels) for query in self.data.queries)
        if self.loss == "mse":
            small = torch.from_numpy(self.spread.small(labels.numpy()[:, None]))[:, 0]
            return float(F.mse_loss(logits, small))
        return float(F.binary_cross_entropy_with_logits(logits, labels))


def ranking_of(data: Judgements, scores: F64, resamples: int = RESAMPLES) -> RankingFigures:
    """Figures of `(N,)` scores, query after query."""
    return RankingFigures.of(*rankings(data, scores), resamples=resamples)


def rankings(data: Judgements, scores: F64) -> tuple[Scores, Judged]:
    """What `evaluation.ranking` takes; a teacher says which documents are relevant, not how."""
    labels = [[1.0] * len(query) if data.teacher else list(query.labels) for query in data.queries]
    return as_rankings(scores, labels, [query.relevant for query in data.queries])


def _finished(opened: Model, dev: Measure, scale: Scale) -> Finished:
    """The model with its score on the scale that is wanted; calibrated by the dev rows."""
    if dev.loss == "mse":
        dev.spread.out_of(opened.model.head)
    logits = dev.logits(opened.model)
    figures = RerankFigures(ranking_of(dev.data, logits), len(dev.data))
    notes: list[str] = []
    if scale != "logit" and dev.data.binary:
        truth, platt = labels_of(dev.data), None
        if scale == "calibrated":
            platt = Platt.fit(logits, truth)
            scale = "calibrated" if platt.told == "fitted" else "probability"
            told = "; the dev rows chose them, so that both figures flatter a little"
            notes.append(platt.in_words() + told * (scale == "calibrated"))
        plain = SureFigures.of(Platt(1.0, 0.0, 0.0, 0.0, 0, "chance")(logits), truth)
        figures = replace(figures, sure=plain)
        if platt is not None and scale == "calibrated":
            figures = replace(
                figures, sure=SureFigures.of(platt(logits), truth), uncalibrated=plain
            )
            _into(platt, opened.model.head.project)
    notes.append(f"the score of the model is a {SCALE_WORDS[scale]}, and its folder says so")
    use = replace(opened.use, texts="pair", scale=scale, ranges={}, temperature=1.0)
    beside = cross_writer(ACTIVATIONS[scale])
    return Finished(figures, replace(opened, use=use), tuple(notes), beside)


@torch.no_grad()
def _into(platt: Platt, last: nn.Linear) -> None:
    """Let a last layer give calibrated logits, for everyone who reads it."""
    last.weight.mul_(platt.slope)
    last.bias.mul_(platt.slope).add_(platt.offset)


def _scale(settings: TuneRank, dev: Judgements) -> Scale:
    """What the score is to be.

    Raises:
        ConfigError: a teacher's logits are to become probabilities.
        DataError: it is to be calibrated, and the dev labels are not all 0 or 1.
    """
    wanted = settings.scale
    if settings.loss == "mse":
        if wanted not in (None, "logit"):
            raise ConfigError(
                f"rank.scale={wanted} would misread a teacher's logits, which rank.loss=mse "
                "learns as they are; leave it out"
            )
        return "logit"
    if wanted == "calibrated" and not dev.binary:
        raise DataError(
            f"scores are calibrated by labels that are 0 or 1, but {dev.name} has others; give "
            "--set rank.scale=probability"
        )
    return wanted or ("calibrated" if dev.binary else "probability")


def _opened(given: Given) -> tuple[Model, int]:
    """The model, and the longest pair: a score that is there is trained further, or a new head.

    Raises:
        ModelError: it is a classifier of several labels, or a pooling is given for a head that is
            there; UnsupportedModel where the head has no bias.
    """
    settings = given.settings
    where, said = look(given.model, given.revision)
    if said.has("sequence"):
        if len(said.labels) != 1:
            raise ModelError(
                f"{where} is a classifier of {len(said.labels)} labels, and a reranker gives one "
                "score; start from the model that it was trained from"
            )
        if settings.model.pooling is not None:
            raise ModelError(f"{where} has a head that pools already; leave the pooling out")
        cross = open_cross(given.model, device=given.device, revision=given.revision)
        check_bias(cross.opened, _BIAS)
        return cross.opened, cross.limit
    opened = open_classifier(
        given.model,
        labels=(SCORE,),
        pooling=settings.model.pooling,
        outputs=("numbers",),
        seed=settings.run.seed,
        device=given.device,
        revision=given.revision,
    )
    check_bias(opened, _BIAS)
    return fitted(opened, opened.model.encoder.config.context, TransformerFile())


def _spread(data: Judgements) -> Spread:
    labels = labels_of(data)[:, None]
    return Spread((SCORE,), labels.mean(0), np.maximum(labels.std(0), 1e-6), {})


def _sizes(data: Judgements) -> tuple[int, ...]:
    return tuple(map(len, data.queries))


def labels_of(data: Judgements) -> F64:
    """`(N,)`, query after query."""
    return np.fromiter(chain.from_iterable(query.labels for query in data.queries), np.float64)
