"""Tagged sentences for training and for measuring: read, held apart, checked against each other."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from unmask.errors import DataError
from unmask.text.bad import Reading
from unmask.text.labelled import sorted_labels
from unmask.text.tagged import Tagged
from unmask.text.tags import BIO, IOB1, OUTSIDE, Scheme
from unmask.tokens import marked
from unmask.verbs.finetune_settings import TuneData
from unmask.verbs.tasks.labelled_data import check_known, counted, held, is_are, of_different


@dataclass(frozen=True, slots=True)
class TaggedSplit:
    """Sentences to train on and sentences to measure with.

    Attributes:
        train, dev: the sentences.
        scheme: that a new model learns: the training data's, but BIO for IOB1.
        labels: that a new model has.
        notes: what a person should know of the data.
    """

    train: Tagged
    dev: Tagged
    scheme: Scheme
    labels: tuple[str, ...]
    notes: tuple[str, ...]

    @classmethod
    def read(
        cls, train: str | Path, dev: str | Path | None, settings: TuneData, seed: int
    ) -> TaggedSplit:
        """Read a training file, and a dev file or hold out a share.

        Raises:
            DataError: a column is missing, the tags follow no scheme, or there is only one tag.
            LabelMismatch: the dev sentences have types that the training sentences lack.
            CorruptText: a bad place.
        """
        whole = read_sentences(train, settings)
        scheme = BIO if whole.scheme == IOB1 else whole.scheme
        labels = scheme.labels(whole.types)
        if len(labels) < 2:
            raise DataError(
                f"a tagger needs two or more tags to tell apart, but {whole.name} has only "
                f"{labels[0]!r}; add sentences with others, or choose another column with "
                "--label-column"
            )
        learnt = f"; they are learnt as {scheme.name}" if scheme != whole.scheme else ""
        told = f"{tagged_note(whole)}{learnt}"
        if dev is None:
            rest, held_out = _hold_out(whole, settings.dev_share, seed)
            how = (
                f"{len(held_out):,} of {counted(len(whole), _unit(whole))} "
                f"{is_are(len(held_out))} held out"
                f"{of_different(whole.asked, held_out.asked, 'sentences')}, stratified by the "
                "rarest type in them"
            )
            return cls(rest, held_out, scheme, labels, (told, how))
        measured = read_sentences(dev, settings)
        check_types(whole.scheme, whole.types, measured, "training data")
        notes = [told, tagged_note(measured)]
        if shared := len({*whole.asked} & {*measured.asked}):
            notes.append(
                f"{counted(shared, _unit(measured))} of {measured.name} {is_are(shared)} in "
                f"{whole.name} as well, which flatters the figures"
            )
        if missing := sorted(whole.types - measured.types - {OUTSIDE}):
            notes.append(f"{measured.name} has no span of: {', '.join(missing[:20])}")
        return cls(whole, measured, scheme, labels, tuple(notes))


def tagged_note(data: Tagged) -> str:
    """What was read from where."""
    words = sum(map(len, data.words))
    if data.scheme.prefixes:
        spans = sum(map(len, data.spans))
        what = f"{counted(spans, 'span')} of {counted(len(data.types), 'type')}"
        if data.marked is None:
            what += f" in {data.scheme.name}"
        if data.trimmed:
            what += f", {data.trimmed:,} of them trimmed at their ends"
    else:
        what = f"{counted(words, 'word')} with {counted(len(data.types), 'plain tag')}"
    bad = f"; {data.left_out}" if data.left_out else ""
    none = ""
    if data.wordless:
        none = f"; {counted(data.wordless, _unit(data))} without a word left out"
    return f"{data.name}: {data.columns}; {counted(len(data), _unit(data))}, {what}{none}{bad}"


def _unit(data: Tagged) -> str:
    return "sentence" if data.texts is None else "text"


def check_types(scheme: Scheme, known: set[str], data: Tagged, whose: str) -> None:
    """Check that all types of some sentences are known.

    Args:
        scheme: of what is known.
        known: types of the model, or of the training data; with plain tags, the tags.
        data: the sentences.
        whose: whose types `known` are, for the message.

    Raises:
        LabelMismatch: shows both sets.
        DataError: spans are marked on one side and every word has a tag of its own on the other.
    """
    found = data.types - ({OUTSIDE} if scheme.prefixes else set())
    if found and bool(scheme.prefixes) != bool(data.scheme.prefixes):
        sides = ["plain tags", "tags with prefixes, such as B-"]
        ours, theirs = sides[bool(scheme.prefixes)], sides[bool(data.scheme.prefixes)]
        raise DataError(
            f"the tags of {data.name} must be of the kind that the {whose} has, {ours}, but are "
            f"{theirs}. Choose another column with --label-column"
        )
    check_known(sorted_labels(known), sorted_labels(found), whose, data.name)


def read_sentences(path: str | Path, settings: TuneData) -> Tagged:
    """All tagged sentences of a file; see `unmask.tokens.marked`."""
    reading = Reading(settings.on_bad, settings.max_bad)
    return marked.read_sentences(path, settings.text_column, settings.label_column, reading=reading)


def _hold_out(data: Tagged, share: float, seed: int) -> tuple[Tagged, Tagged]:
    """Hold out a share of the sentences whose rarest type is the same; see `held`."""
    out = held(data.asked, rarest_types(data), share, seed, data.name)
    return data.some(np.flatnonzero(~out).tolist()), data.some(np.flatnonzero(out).tolist())


def rarest_types(data: Tagged) -> tuple[str, ...]:
    """Of each sentence, the type in it that the fewest sentences have; "" where it has none."""
    types = [sorted({span.label for span in spans}) for spans in data.spans]
    count = Counter(label for labels in types for label in labels)
    return tuple(min(labels, key=lambda label: count[label], default="") for labels in types)
