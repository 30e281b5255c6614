"""Likely label mistakes, by linear models on the frozen vectors of a candidate."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from unmask.batches.batch import Batch
from unmask.batches.draws import Draws
from unmask.errors import DataError
from unmask.evaluation.label_mistakes import Judged, judge_labels, judge_numbers, judge_sets
from unmask.evaluation.probe import F32
from unmask.pipelines.overlapping import FitOverlapping
from unmask.pipelines.running import run
from unmask.pipelines.words import inward, word_rows
from unmask.report.facts_scope import JudgedFacts, SuspectRow
from unmask.text.tags import OUTSIDE
from unmask.verbs.material import Material
from unmask.verbs.scoping.audit import text_of
from unmask.verbs.scoping.candidates import Candidate

SAMPLED = 903  # stream of Draws
SHOWN = 20
WORDS = 10_000  # that are judged of tagged sentences


@dataclass(frozen=True, slots=True)
class _Vectors:
    """What is judged.

    Attributes:
        vectors: `(N, E)`.
        rows: of each the row of the file.
        texts: what each asks; those that ask the same are never apart.
        labels: of words, their tags; else empty.
        words: of words, each as it stands; else empty.
    """

    vectors: F32
    rows: list[int]
    texts: list[Hashable]
    labels: list[str]
    words: list[str]


def judge(
    candidate: Candidate, data: Material, most_rows: int, seed: int
) -> tuple[JudgedFacts | None, str]:
    """Rows whose label is likely a mistake.

    Args:
        candidate: whose frozen vectors are taken.
        data: the rows.
        most_rows: that are judged; of more, some are drawn.
        seed: of the draw and of the folds.

    Returns:
        What was found; or None, and why nothing was looked for.
    """
    if data.says not in ("label", "labels", "numbers", "tags"):
        why = {"answers": "spans", "nothing": "no labels"}[data.says]
        return None, f"Rows that hold {why} are not judged by linear models on frozen vectors."
    rows = sample(len(data), most_rows, seed)
    try:
        found = (
            _words(candidate, data, rows) if data.says == "tags" else _whole(candidate, data, rows)
        )
        judged = _judged(data, found, seed)
    except DataError as error:
        return None, f"Not looked for: {error}."
    shown = tuple(
        SuspectRow(
            row=data.lines[found.rows[one.row]],
            text=_text(data, found, one.row),
            given=one.given,
            suggested=one.suggested,
            given_score=None if data.says == "numbers" else one.given_score,
            suggested_score=None if data.says == "numbers" else one.suggested_score,
        )
        for one in judged.suspects[:SHOWN]
    )
    words = data.says == "tags"
    whole = sum(map(len, data.tagged.words)) if data.tagged is not None else len(data)
    return (
        JudgedFacts(
            model=candidate.name,
            unit="words" if words else "rows",
            judged=judged.rows,
            of=whole,
            score=judged.score,
            measure=judged.measure,
            suspects=len(judged.suspects),
            shown=shown,
            few=judged.few,
        ),
        "",
    )


def sample(rows: int, most: int, seed: int) -> list[int]:
    """At most so many of the rows, in order."""
    if rows <= most:
        return list(range(rows))
    return sorted(Draws(seed, 0).permutation(rows, SAMPLED)[:most].tolist())


def _text(data: Material, found: _Vectors, place: int) -> str:
    text = text_of(data.asked[found.rows[place]])
    return f"{found.words[place]}: {text}" if found.words else text


def _judged(data: Material, found: _Vectors, seed: int) -> Judged:
    match data.says:
        case "labels":
            sets = [data.labels[row] for row in found.rows]
            return judge_sets(found.vectors, sets, found.texts, seed=seed)
        case "numbers":
            numbers = np.array([_number(data, row) for row in found.rows], dtype=np.float64)
            return judge_numbers(found.vectors, numbers, found.texts, seed=seed)
        case "tags":
            return judge_labels(found.vectors, found.labels, found.texts, seed=seed)
    labels = [data.labels[row][0] for row in found.rows]
    return judge_labels(found.vectors, labels, found.texts, seed=seed)


def _number(data: Material, row: int) -> float:
    target = data.targets[row]
    assert isinstance(target, tuple)
    return float(target[0])


def _whole(candidate: Candidate, data: Material, rows: Sequence[int]) -> _Vectors:
    """A vector for each row. Of a pair those of both texts, how far they are apart, and their
    product, as in Conneau et al. 2017."""
    columns = [
        np.stack(
            [
                one.vector
                for one in candidate.embedder.stream([data.asked[row][part] for row in rows])
            ]
        )
        for part in range(2 if data.pairs else 1)
    ]
    vectors = columns[0]
    if data.pairs:
        a, b = columns
        vectors = np.concatenate([a, b, np.abs(a - b), a * b], axis=1)
    return _Vectors(vectors, list(rows), [data.asked[row] for row in rows], [], [])


def _words(candidate: Candidate, data: Material, rows: Sequence[int]) -> _Vectors:
    """A vector for each word: the last hidden state of its first token."""
    assert data.tagged is not None
    opened = candidate.embedder.opened.encoder
    tagged = data.tagged.some(_enough(data, rows))
    fit = FitOverlapping(opened.tokenizer.layout, candidate.context, "truncate")
    texts = list(word_rows(opened.tokenizer, fit, tagged.sources))
    places = [torch.from_numpy(one) for text in texts for one in text.places]

    def read(batch: Batch) -> list[torch.Tensor]:
        assert batch.samples is not None
        begins = batch.boundaries[:-1].tolist()
        hidden = opened.model(batch)
        return [
            hidden[(places[row] + begin).to(hidden.device)].float().cpu()
            for row, begin in zip(batch.samples.tolist(), begins, strict=True)
        ]

    device = opened.model.embedding.tokens.weight.device
    states = iter(run([row for one in texts for row in one.fitted.rows], read, device))
    vectors = [torch.cat([next(states) for _ in one.places]) for one in texts]
    labels, sentences, words = [], [], []
    chosen = _enough(data, rows)
    for place, (text, spans) in enumerate(zip(texts, inward(texts, tagged), strict=True)):
        tags = tagged.scheme.tags(spans, len(text.worded))[: text.words]
        labels += [_type(tag, bool(tagged.scheme.prefixes)) for tag in tags]
        sentences += [chosen[place]] * len(tags)
        words += [text.worded.text[start:end] for start, end in text.worded.spans[: len(tags)]]
    asked: list[Hashable] = [data.asked[row] for row in sentences]
    return _Vectors(torch.cat(vectors).numpy(), sentences, asked, labels, words)


def _type(tag: str, prefixed: bool) -> str:
    """The type of a tag: where a span begins is no matter of labels."""
    if not prefixed or tag == OUTSIDE:
        return tag
    return tag.partition("-")[2] or "span"


def _enough(data: Material, rows: Sequence[int]) -> list[int]:
    """The first of these sentences that have `WORDS` words together."""
    assert data.tagged is not None
    taken, words = [], 0
    for row in rows:
        taken.append(row)
        words += len(data.tagged.words[row])
        if words >= WORDS:
            break
    return taken
