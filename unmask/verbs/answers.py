"""What a model says of the rows of a table, whatever its task: the pipeline for each, and what its
answers are called as columns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import tee
from pathlib import Path
from typing import Any

import torch

from unmask.batches.sequences import OnLong
from unmask.checkpoint.folder import Opened
from unmask.checkpoint.formats import Described
from unmask.checkpoint.sentence import sentence_root
from unmask.errors import ConfigError, ModelError
from unmask.heads.model import SequenceClassifier
from unmask.pipelines.answer import Answerer
from unmask.pipelines.classify import Classifier
from unmask.pipelines.pair import PairClassifier
from unmask.pipelines.regress import Regressor
from unmask.pipelines.rerank import Reranker, Scored
from unmask.pipelines.tag import Tagger
from unmask.text.bad import Reading
from unmask.text.columns import Columns
from unmask.text.labelled import asked_of
from unmask.text.question_columns import QuestionColumns
from unmask.text.questions import filled
from unmask.text.related_columns import pair_of
from unmask.text.rows import Row, Table
from unmask.verbs.looking import scores_pairs
from unmask.verbs.row_models import open_for_rows
from unmask.verbs.spans import counted_spans, holds_words, source_column, tagged_rows

Answer = Mapping[str, Any]
Said = Callable[[Iterator[tuple[str, ...]]], Iterator[Answer]]
"""Rows' texts, one or two each, to answers in their order."""


@dataclass(frozen=True, slots=True)
class Asked:
    """How the rows of a table are to be read.

    Attributes:
        table: the table.
        text_column, pair_column: None to find them by their names.
        on_long: what happens to a text longer than the context; None for what the task does.
        scores: whether all scores are wanted.
    """

    table: Table
    text_column: str | None
    pair_column: str | None
    on_long: OnLong | None
    scores: bool


@dataclass(frozen=True, slots=True)
class Answers:
    """A model put to the rows of a table.

    Attributes:
        doing: what is done, for the bar.
        names: of the new columns, by the answers' keys. Labelled rows have a column "label" of
            their own.
        columns: which of the table are read, in words.
        texts: those of these columns in which a text may be empty.
        rows: one pass over the table: each row with what is said of it.
        counted: labels of an answer, to be added up.
    """

    doing: str
    names: Mapping[str, str]
    columns: str
    texts: tuple[str, ...]
    rows: Callable[[Reading], Iterator[tuple[Row, Answer]]]
    counted: Callable[[Any], Counter[str]]

    @classmethod
    def of(cls, folder: Path, said: Described, asked: Asked, device: torch.device) -> Answers:
        """What the model is for.

        Args:
            folder: of the model.
            said: what its `config.json` says.
            asked: the rows.
            device: where the model goes.

        Raises:
            ModelError: the model has no head that answers.
            ConfigError: what is asked does not fit the task.
            DataError: the table has no such column.
        """
        if said.head == "token":
            return _spans(Tagger.from_pretrained(folder, device=device), asked)
        if said.head == "span":
            return _questions(Answerer.from_pretrained(folder, device=device), asked)
        if said.head == "sequence" and scores_pairs(folder, said):
            return _scores(Reranker.from_pretrained(folder, device=device), asked)
        if said.head == "sequence":
            return _of_sequences(open_for_rows(folder, device, asked.pair_column), asked)
        if sentence_root(folder) is not None:
            raise ModelError(
                f"{folder} is an embedding model, which gives vectors and says nothing of a row; "
                "use unmask embed, or search with unmask.Embedder"
            )
        raise ModelError(
            f"{folder} holds {said.holds}, which says nothing of a row; fine-tune it first: unmask "
            "finetune"
        )


_COUNTS = {"tokens": "tokens", "truncated": "truncated"}
MOST_ANSWERS = 5
"""The best spans that are written of a question where all scores are asked for."""
_SPANS = {"spans": "spans", "tags": "tags", **_COUNTS}


def _of_sequences(opened: Opened[SequenceClassifier], asked: Asked) -> Answers:
    use, table, on_long = opened.use, asked.table, asked.on_long or "truncate"
    pairs = use.texts == "pair"
    columns = (
        Columns.of_pairs(table, asked.text_column, asked.pair_column, labels=False)
        if pairs
        else Columns.of(table, asked.text_column, labels=False)
    )
    several = use.outputs == "several"
    names = {"label": "predicted", "score": "score", **({"labels": "labels"} if several else {})}
    names |= {**_COUNTS, **({"scores": "scores"} if asked.scores else {})}
    doing, counted = "classifying", _several if several else _one
    if use.outputs == "numbers":
        many = {"values": "values"} if len(opened.labels) > 1 else {}
        names, doing, counted = {"value": "predicted", **many, **_COUNTS}, "reading", _none

    said = _said(opened, pairs=pairs, on_long=on_long, scores=asked.scores)

    def rows(reading: Reading) -> Iterator[tuple[Row, Answer]]:
        # No more rows are held than the model reads ahead.
        first, second = tee(asked_of(table, columns, reading))
        answers = said(texts for _, texts in second)
        return zip((row for row, _ in first), answers, strict=True)

    return Answers(doing, names, str(columns), columns.texts, rows, counted)


def _said(
    opened: Opened[SequenceClassifier], *, pairs: bool, on_long: OnLong, scores: bool
) -> Said:
    if opened.use.outputs == "numbers":
        regressor = Regressor(opened)
        return lambda rows: regressor.stream(
            rows if pairs else (text for (text,) in rows), on_long=on_long
        )
    if pairs:
        if on_long == "chunk":
            raise ConfigError("pairs are not split; on_long must be truncate or error, not 'chunk'")
        pair, cut = PairClassifier(opened), on_long
        return lambda rows: pair.stream(rows, on_long=cut, scores=scores)
    classifier = Classifier(opened)
    return lambda rows: classifier.stream(
        (text for (text,) in rows), on_long=on_long, scores=scores
    )


def _spans(tagger: Tagger, asked: Asked) -> Answers:
    if asked.scores:
        raise ConfigError("a tagger gives a score for each span already; leave --scores out")
    if asked.pair_column is not None:
        raise ConfigError("a tagger reads single texts; leave --pair-column out")
    table, column = asked.table, source_column(asked.table, asked.text_column)
    words = holds_words(table, column)

    def rows(reading: Reading) -> Iterator[tuple[Row, Answer]]:
        return tagged_rows(tagger, table, column, words, reading, asked.on_long or "chunk")

    names = {part: name for part, name in _SPANS.items() if words or part != "tags"}
    what = f"{'words' if words else 'text'} from column {column!r}"
    return Answers("tagging", names, what, (column,), rows, counted_spans)


def _scores(reranker: Reranker, asked: Asked) -> Answers:
    """How well documents go with queries, on the scale that the folder names."""
    reranker.check_score()
    if asked.scores:
        raise ConfigError("a reranker gives one score for each row already; leave --scores out")
    if asked.on_long == "chunk":
        raise ConfigError("pairs are not split; on_long must be truncate or error, not 'chunk'")
    query, document = pair_of(asked.table, asked.text_column, asked.pair_column)
    columns, cut = Columns(query, None, document), asked.on_long

    def rows(reading: Reading) -> Iterator[tuple[Row, Answer]]:
        first, second = tee(asked_of(asked.table, columns, reading))
        answers = reranker.stream((pair for _, pair in second), on_long=cut or "truncate")
        return ((row, _scored(one)) for (row, _), one in zip(first, answers, strict=True))

    names = {"score": "score", **_COUNTS}
    return Answers("scoring", names, str(columns), columns.texts, rows, _none)


def _scored(one: Scored) -> Answer:
    return {
        "score": float(one.scores[0]),
        "tokens": one.tokens,
        "truncated": one.truncated,
        "unknown": one.unknown,
    }


def _questions(answerer: Answerer, asked: Asked) -> Answers:
    table, wanted = asked.table, MOST_ANSWERS if asked.scores else 1
    columns = QuestionColumns.of(table, asked.text_column, asked.pair_column, answers=False)

    def rows(reading: Reading) -> Iterator[tuple[Row, Answer]]:
        first, second = tee(filled(table, columns, reading))
        pairs = (pair for _, pair in second)
        answers = answerer.stream(pairs, on_long=asked.on_long or "chunk", top_k=wanted)
        return zip((row for row, _ in first), answers, strict=True)

    names = {"text": "predicted", "start": "predicted_start", "end": "predicted_end"}
    names |= {"score": "score", "no_answer": "no_answer", **_COUNTS}
    names |= {"answers": "answers"} if asked.scores else {}
    return Answers("answering", names, str(columns), (), rows, _answered)


def _answered(answer: Answer) -> Counter[str]:
    return Counter(["answered" if answer["text"] else "no answer in the text"])


def _one(answer: Answer) -> Counter[str]:
    return Counter([answer["label"]])


def _several(answer: Answer) -> Counter[str]:
    return Counter([" + ".join(sorted(answer["labels"])) or "(none)"])


def _none(answer: Answer) -> Counter[str]:
    return Counter()
