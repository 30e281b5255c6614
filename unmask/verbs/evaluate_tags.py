"""Taggers on tagged sentences, one or two on the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from unmask.batches.sequences import OnLong
from unmask.evaluation.tagging import TaggingFigures, compare_tags
from unmask.pipelines.tag import Tagger
from unmask.report.facts_measured import Length
from unmask.report.tags import TagFacts, TaggedRow, tag_report
from unmask.text.tagged import Tagged, read_tagged
from unmask.text.tags import OUTSIDE, Scheme
from unmask.verbs.evaluate_rows import Rows
from unmask.verbs.evaluation_facts import OnRows, left_out
from unmask.verbs.tasks.tagged_data import check_types, tagged_note
from unmask.verbs.wanted import Wanted, right_rows
from unmask.verbs.watch import Watch


@dataclass(frozen=True, slots=True)
class TaggerEvaluation(OnRows):
    """A tagger on tagged sentences.

    Attributes:
        model: its folder.
        data: the file, which of its columns were read, and what is in it.
        figures: what came out.
        truncated: sentences that were cut to the context.
        skipped: bad places of the file that were left out.
    """

    model: Path
    data: str
    figures: TaggingFigures
    truncated: int
    skipped: int

    def in_words(self) -> dict[str, str]:
        """For people: the figures, what each type has of them, and how another model differs."""
        lost = left_out("sentences cut to the context", self.truncated, self.skipped)
        found = {**self.figures.in_words(), **lost, **self.figures.by_type()}
        return {**found, **self.beside()}


def evaluate_tagger(
    folder: Path,
    rows: Rows,
    wanted: Wanted,
    on_long: OnLong,
    device: torch.device,
    watch: Watch,
) -> TaggerEvaluation:
    """Figures of a tagger on a file of tagged sentences, and of another one where asked for.

    Args:
        folder: of the tagger.
        rows: the file; see `unmask.text.tagged`.
        wanted: what to measure beside it.
        on_long: what happens to a sentence longer than the context.
        device: where the taggers go.
        watch: is told of the progress.

    Raises:
        LabelMismatch: the data have types that a model lacks.
        DataError, CorruptText: the data cannot be used.
        TooLong: a sentence is longer than the context, under "error".
    """
    tagger = Tagger.from_pretrained(folder, device=device)
    other = None
    if wanted.against is not None:
        other = Tagger.from_pretrained(wanted.against, device=device)
    with watch.stage("reading the data"):
        data = read_tagged(rows.path, rows.text, rows.label, reading=rows.reading)
    told = tagged_note(data)
    watch.say(told)
    scheme = tagger.scheme
    known = scheme.types(tagger.labels)
    check_types(scheme, known, data, "model")
    if other is not None:
        # Before the first model reads everything.
        types = other.scheme.types(other.labels)
        check_types(other.scheme, types, data, f"model {wanted.against}")
    if missing := sorted(known - data.types - {OUTSIDE}):
        watch.say(f"{data.name} has no span of: {', '.join(missing[:20])}")
    ours = _read(tagger, data, scheme, on_long, watch, "tagging")
    truth, guesses = [row.truth for row in ours], [row.guess for row in ours]
    with watch.stage("computing figures"):
        figures = TaggingFigures.of(truth, guesses, scheme)
    path = tagger.opened.path
    result = TaggerEvaluation(path, told, figures, _cut(ours), data.skipped, report=wanted.report)
    agreed = {}
    if other is not None:
        title = f"tagging with {wanted.against}"
        read = _read(other, data, scheme, on_long, watch, title)
        theirs = [row.guess for row in read]
        differences = compare_tags(truth, guesses, theirs, scheme)
        name, lost = str(wanted.against), _cut(read)
        result = replace(result, other=name, differences=differences, other_truncated=lost)
        all_right = [
            np.array([one == own for one, own in zip(side, truth, strict=True)], dtype=np.float64)
            for side in (guesses, theirs)
        ]
        agreed = right_rows(wanted, *all_right)
    about = wanted.about(told, data.skipped, result.differences, agreed)
    wanted.write(lambda: tag_report(TagFacts(about, scheme, tuple(ours))), watch)
    return result


def _cut(rows: Sequence[TaggedRow]) -> int:
    return sum(row.length.how == "cut" for row in rows)


def _read(
    tagger: Tagger, data: Tagged, scheme: Scheme, on_long: OnLong, watch: Watch, title: str
) -> list[TaggedRow]:
    """Each sentence with what a tagger says of it, all tags in one scheme."""
    context = tagger.opened.model.encoder.config.context
    rows: list[TaggedRow] = []
    with watch.stage(title) as advance:
        answers = tagger.stream(data.words, on_long=on_long)
        for words, spans, answer in zip(data.words, data.spans, answers, strict=True):
            guess = answer["tags"]
            if tagger.scheme != scheme:
                guess = scheme.tags(tagger.scheme.spans(guess), len(words))
            sure = {span["words"]: span["score"] for span in answer["spans"]}
            rows.append(
                TaggedRow(
                    words=words,
                    truth=tuple(scheme.tags(spans, len(words))),
                    guess=tuple(guess),
                    scores=tuple(sure.get(one[:2], 0.0) for one in scheme.spans(guess)),
                    length=Length.of(answer["tokens"], answer["truncated"], context),
                )
            )
            advance(len(rows) / len(data), "")
    return rows
