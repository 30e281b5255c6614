"""Judged queries for training and for measuring: read, held apart by query, checked."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

import numpy as np

from unmask.errors import DataError
from unmask.pipelines.negatives import keys_of, own_of
from unmask.text.bad import Reading
from unmask.text.judged import Judgements, read_judgements
from unmask.tokens.tokenizer import Tokenizer
from unmask.verbs.finetune_settings import TuneData
from unmask.verbs.task_settings import RankLoss
from unmask.verbs.tasks.labelled_data import counted, held, is_are


@dataclass(frozen=True, slots=True)
class JudgedSplit:
    """Judged queries to train on and to measure with.

    Attributes:
        train, dev: the queries; those of `train` are learnt from, all of them.
        notes: what a person should know of them.
    """

    train: Judgements
    dev: Judgements
    notes: tuple[str, ...]

    @classmethod
    def read(
        cls,
        train: str | Path,
        dev: str | Path | None,
        settings: TuneData,
        loss: RankLoss,
        seed: int,
    ) -> JudgedSplit:
        """Read a training file, and a dev file or hold out some queries.

        Raises:
            DataError: a column is missing, a label is none, or there is nothing to learn from or to
                measure with.
            CorruptText: a bad place, such as a query without text.
        """
        whole = _read(train, settings, loss)
        if dev is None:
            rest, measured, how = _held_apart(whole, settings.dev_share, seed)
            notes = [told(whole), how]
        else:
            rest, measured = whole, _read(dev, settings, loss)
            notes = [told(whole), told(measured)]
            shared = len({q.text for q in whole.queries} & {q.text for q in measured.queries})
            if shared:
                words = f"{shared:,} {'query' if shared == 1 else 'queries'}"
                notes.append(
                    f"{words} of {measured.name} {is_are(shared)} in {whole.name} as well, which "
                    "flatters the figures"
                )
        check_measurable(measured)
        learnt, left_out = _learnt(rest, loss)
        return cls(learnt, measured, tuple(filter(None, (*notes, left_out))))

    def without_own(self, tokenizer: Tokenizer, loss: RankLoss) -> JudgedSplit:
        """Without negatives to learn from that are a relevant document, or the query, by their ids.

        Rows to measure with stay as the file has them, and so do those that a teacher judged one
        by one.

        Raises:
            DataError: nothing is left to learn from.
        """
        data = self.train
        if data.teacher and data.columns.what == "graded":
            return self
        kept = _without_own(data, tokenizer)
        if not (dropped := len(data) - len(kept)):
            return self
        learnt, left_out = _learnt(kept, loss)
        note = (
            f"{counted(dropped, 'training document')} {is_are(dropped)} left out: not relevant by "
            "the rows, but by their tokens one with a document that is, or with the query"
        )
        return replace(self, train=learnt, notes=tuple(filter(None, (*self.notes, note, left_out))))


def _without_own(data: Judgements, tokenizer: Tokenizer) -> Judgements:
    queries = data.queries
    texts = chain.from_iterable((query.text, *query.documents) for query in queries)
    keys = keys_of(texts, tokenizer)
    relevant = (
        (query.text, keys[text])
        for query in queries
        for text, right in zip(query.documents, query.relevant, strict=True)
        if right
    )
    own = own_of(relevant, {query.text: keys[query.text] for query in queries})
    kept = []
    for query in queries:
        both = enumerate(zip(query.documents, query.relevant, strict=True))
        stay = [n for n, (text, right) in both if right or keys[text] not in own[query.text]]
        if stay:
            kept.append(query.some(stay))
    return replace(data, queries=tuple(kept))


def told(data: Judgements) -> str:
    """What was read from where, and what a person should know of it."""
    queries = f"{len(data.queries):,} {'query' if len(data.queries) == 1 else 'queries'}"
    said = [f"{data.name}: {data.columns}; {queries} with {counted(len(data), 'document')}"]
    if data.repeated:
        said.append(
            f"{data.name}: {counted(data.repeated, 'document')} {is_are(data.repeated)} there "
            "for the same query before, with the same label, and counted once"
        )
    if data.barred:
        said.append(
            f"{data.name}: {counted(data.barred, 'negative')} {is_are(data.barred)} left out, "
            "being documents of the query in another row, or in their own"
        )
    if data.left_out:
        said.append(data.left_out)
    return "; ".join(said)


def check_measurable(data: Judgements) -> None:
    """Check that a ranking of these documents can be measured.

    Raises:
        DataError: no query has a relevant document and another one.
    """
    if any(any(query.relevant) and not all(query.relevant) for query in data.queries):
        return
    what = "logit above 0" if data.teacher else "label above 0"
    raise DataError(
        "a ranking is measured by queries with a relevant document (a positive, or a "
        f"{what}) and one that is not, but {data.name} has none; give more documents for each "
        "query, such as those that unmask mine finds"
    )


def _read(path: str | Path, settings: TuneData, loss: RankLoss) -> Judgements:
    return read_judgements(
        path,
        settings.text_column,
        settings.pair_column,
        settings.label_column,
        teacher=loss == "mse",
        reading=Reading(settings.on_bad, settings.max_bad),
    )


def _held_apart(whole: Judgements, share: float, seed: int) -> tuple[Judgements, Judgements, str]:
    """Hold out a share of the queries, of those with a relevant document and of the others."""
    if len(whole.queries) < 2:
        raise DataError(
            f"holding out queries needs two of them, but {whole.name} has one; give --dev a file"
        )
    asked = [(query.text,) for query in whole.queries]
    groups = [str(any(query.relevant)) for query in whole.queries]
    out = held(asked, groups, share, seed, whole.name)
    rest, measured = (whole.some(np.flatnonzero(side).tolist()) for side in (~out, out))
    count = len(measured.queries)
    how = (
        f"{count:,} of {len(whole.queries):,} queries {is_are(count)} held out, with all their "
        "documents"
    )
    return rest, measured, how


def _learnt(data: Judgements, loss: RankLoss) -> tuple[Judgements, str]:
    """The queries that teach something, and how many do not, in words.

    Raises:
        DataError: none does.
    """
    if loss != "listwise":
        labels = {label for query in data.queries for label in query.labels}
        if len(labels) < 2:
            raise DataError(
                "to learn takes documents that go with their query better and worse, but all "
                f"labels of {data.name} are {next(iter(labels)):g}; add others, such as those that "
                "unmask mine finds"
            )
        return data, ""
    why: Counter[str] = Counter()
    kept = []
    for place, query in enumerate(data.queries):
        if not any(query.labels):
            why["without a relevant document"] += 1
        elif len(set(query.labels)) < 2:
            why["without one that is less relevant than another"] += 1
        else:
            kept.append(place)
    reasons = " and ".join(f"{count:,} {reason}" for reason, count in why.items())
    if not kept:
        raise DataError(
            "an order is learnt from queries with a relevant document and one that is less so, but "
            f"of {len(data.queries):,} in {data.name} there are {reasons}; add documents, such as "
            "those that unmask mine finds, or learn pairs by themselves: --set rank.loss=pointwise"
        )
    left = f"queries from which no order can be learnt are left out: {reasons}" if why else ""
    return data.some(kept), left
