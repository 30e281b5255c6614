"""Taggers on tagged sentences, one or two on the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from operator import itemgetter
from pathlib import Path

import numpy as np
import torch

from unmask.batches.sequences import OnLong
from unmask.evaluation.tagging import TaggingFigures, compare_tags
from unmask.pipelines.tag import Tagger, Tagging
from unmask.report.facts_measured import Length
from unmask.report.tags import TagFacts, TaggedRow, tag_report
from unmask.text.tagged import Tagged
from unmask.text.tags import OUTSIDE
from unmask.tokens.marked import Compared, Spans, read_sentences
from unmask.verbs.evaluate_rows import Rows
from unmask.verbs.evaluation_facts import OnRows, left_out, telling_unknown
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
        rows: the file; see `unmask.tokens.marked`.
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
        data = read_sentences(rows.path, rows.text, rows.label, reading=rows.reading)
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
    read = [_read(tagger, data, on_long, watch, "tagging")]
    if other is not None:
        read.append(_read(other, data, on_long, watch, f"tagging with {wanted.against}"))
    context = tagger.opened.model.encoder.config.context
    with watch.stage("computing figures"):
        marked = data.marked is not None
        sides = [[_found(answer, marked) for answer in answers] for answers in read]
        compared = Compared.of(data, sides, scheme)
        truth, guesses = compared.truth, compared.guesses
        figures = TaggingFigures.of(truth, guesses[0], scheme)
    path, cut = tagger.opened.path, [_cut(answers) for answers in read]
    result = TaggerEvaluation(path, told, figures, cut[0], data.skipped, report=wanted.report)
    agreed = {}
    if other is not None:
        differences = compare_tags(truth, guesses[0], guesses[1], scheme)
        result = replace(
            result, other=str(wanted.against), differences=differences, other_truncated=cut[1]
        )
        all_right = [
            np.array([one == own for one, own in zip(side, truth, strict=True)], np.float64)
            for side in guesses
        ]
        agreed = right_rows(wanted, *all_right)
    about = wanted.about(told, data.skipped, result.differences, agreed)
    wanted.write(
        lambda: tag_report(TagFacts(about, scheme, _rows(compared, read[0], context))),
        watch,
    )
    return result


def _rows(compared: Compared, answers: list[Tagging], context: int) -> tuple[TaggedRow, ...]:
    """Each sentence with what is said of it, for the report."""
    return tuple(
        TaggedRow(
            words=words,
            truth=tuple(tags),
            guess=tuple(guess),
            scores=tuple(span["score"] for span in answer["spans"]),
            length=Length.of(answer["tokens"], answer["truncated"], context),
        )
        for words, tags, guess, answer in zip(
            compared.words, compared.truth, compared.guesses[0], answers, strict=True
        )
    )


def _cut(answers: Sequence[Tagging]) -> int:
    return sum(answer["truncated"] for answer in answers)


def _read(tagger: Tagger, data: Tagged, on_long: OnLong, watch: Watch, title: str) -> list[Tagging]:
    """What a tagger says of each sentence."""
    answers: list[Tagging] = []
    said = tagger.stream(data.sources, on_long=on_long)
    with watch.stage(title) as advance:
        for answer in telling_unknown(said, watch, itemgetter("unknown")):
            answers.append(answer)
            advance(len(answers) / len(data), "")
    return answers


def _found(answer: Tagging, marked: bool) -> Spans:
    """The spans of a sentence, in characters where its data are marked by them, else in words."""
    if marked:
        return [(one["start"], one["end"], one["label"]) for one in answer["spans"]]
    return [(*one["words"], one["label"]) for one in answer["spans"]]
