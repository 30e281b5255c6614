"""A label for each word of a sentence: entities, parts of speech."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from unmask.checkpoint.folder import Opened, open_model
from unmask.errors import DataError, first_of
from unmask.evaluation.tagging import TaggingFigures
from unmask.heads.decoding import Bools, Decoder
from unmask.heads.model import TokenClassifier
from unmask.objectives.tagging import TokenLabels
from unmask.pipelines.overlapping import FitOverlapping
from unmask.pipelines.running import mostly_unknown
from unmask.pipelines.tag import decoded
from unmask.pipelines.words import F64, WordRows, inward, word_rows, word_scores
from unmask.text.bad import NAMED
from unmask.text.tagged import Tagged
from unmask.text.tags import OUTSIDE, CharSpan, Scheme, WordSpan
from unmask.tokens.marked import Compared, Spans, bare
from unmask.tokens.wordwise import Worded
from unmask.verbs.finetune_settings import TuneLoss
from unmask.verbs.looking import look
from unmask.verbs.tasks.frozen_words import frozen_token_head
from unmask.verbs.tasks.labelled_data import counted
from unmask.verbs.tasks.pieces import Given, Pieces, Said, new_weights
from unmask.verbs.tasks.rows import Rows, cut_notes
from unmask.verbs.tasks.tagged_data import TaggedSplit, check_types

MOST_TYPES = 20  # named in the card


def tag(given: Given) -> Pieces:
    """What makes the pieces."""
    settings, watch = given.settings, given.watch
    with watch.stage("reading the data"):
        split = TaggedSplit.read(given.train, given.dev, settings.data, settings.split_seed)
    opened = _opened(given, split)
    decoder = Decoder.of(opened.labels)
    context = opened.model.encoder.config.context
    fit = FitOverlapping(opened.tokenizer.layout, context, given.on_long)
    with watch.stage("tokenising"):
        train = TaggedRows.of(split.train, opened, decoder, fit)
        dev = TaggedRows.of(split.dev, opened, decoder, fit)
    if not any(dev.words):
        raise DataError(
            f"measuring needs words, but the tokenizer makes no token of any in {split.dev.name}; "
            "use a model for this script"
        )
    rows, objective = train.training(opened.labels, settings.loss)
    cuts = cut_notes(rows, dev.rows, opened, "sentences")
    measure = Measure(dev, decoder, given.device)
    return Pieces(
        opened=opened,
        rows=rows,
        objective=objective,
        dev=measure,
        train_rows=len(split.train),
        dev_rows=len(split.dev),
        said=_said(decoder),
        notes=(
            *split.notes,
            *_unlearnt(train),
            *_unfound(dev),
            *cuts,
            *new_weights(opened, settings.run.seed),
        ),
        frozen=lambda: frozen_token_head(opened.model, rows, measure),
        metrics=("f1", "token_accuracy", "loss"),
    )


@dataclass(frozen=True, slots=True)
class TaggedRows:
    """Tagged sentences as rows for a model.

    Attributes:
        data: the N sentences.
        texts: they as rows.
        words: of each, the tags of the words that are read: `(W,)` by the tokenizer's word map.
        learnt: of each, `(W,)` which of these words are learnt, see `_learnt`.
        parted: how many spans of characters begin or end within a word of the tokenizer's.
        lost: how many spans are not learnt: an earlier one has their word, or they have none.
        parted_at, lost_at: where the sentences of these begin, as `file:line`.
    """

    data: Tagged
    texts: tuple[WordRows, ...]
    words: tuple[list[str], ...]
    learnt: tuple[Bools, ...]
    parted: int
    lost: int
    parted_at: tuple[str, ...]
    lost_at: tuple[str, ...]

    @classmethod
    def of(
        cls,
        data: Tagged,
        opened: Opened[TokenClassifier],
        decoder: Decoder,
        fit: FitOverlapping,
    ) -> TaggedRows:
        """Sentences in the scheme of a model.

        Raises:
            TooLong: one is longer than the context, under "error".
        """
        texts = tuple(word_rows(opened.tokenizer, fit, data.sources))
        spans, scheme = inward(texts, data), decoder.scheme
        words = tuple(
            scheme.tags(some, len(one.worded))[: one.words]
            for one, some in zip(texts, spans, strict=True)
        )
        learnt = tuple(_learnt(one, tags, scheme) for one, tags in zip(texts, words, strict=True))
        given = data.spans if data.marked is None else data.marked
        lost = [len(one) - len(some) for one, some in zip(given, spans, strict=True)]
        # Those that are lost are among the inexact ones.
        parted = [
            len({*marked} - {_shown(one.worded, span) for span in some}) - gone
            for one, some, marked, gone in zip(texts, spans, data.marked or (), lost, strict=False)
        ]
        return cls(
            data, texts, words, learnt, sum(parted), sum(lost), _at(data, parted), _at(data, lost)
        )

    @property
    def rows(self) -> Rows:
        """The rows of all sentences; one that is long has several."""
        return _rows(self.texts, (row for one in self.texts for row in one.fitted.rows))

    def training(self, labels: tuple[str, ...], loss: TuneLoss) -> tuple[Rows, TokenLabels]:
        """The rows in which a word is learnt, and what is learnt there.

        Args:
            labels: of the model.
            loss: how labels are weighed and smoothed.

        Raises:
            DataError: there are none.
        """
        rows, places, names = [], [], []
        for one, tags, learnt in zip(self.texts, self.words, self.learnt, strict=True):
            first = 0
            for row, asked in zip(one.fitted.rows, one.places, strict=True):
                here = learnt[first : first + len(asked)]
                if here.any():
                    rows.append(row)
                    places.append(asked[here])
                    names.append([tags[first + place] for place in np.flatnonzero(here)])
                first += len(asked)
        if not rows:
            raise DataError(
                "training needs words, but the tokenizer makes no token of any in the training "
                "data; use a model for this script"
            )
        objective = TokenLabels.of(
            places,
            names,
            labels,
            balanced=loss.class_weights == "balanced",
            smoothing=loss.smoothing,
        )
        return _rows(self.texts, rows), objective


@dataclass(frozen=True, slots=True)
class Measure:
    """Tagged sentences to measure a tagger with.

    Attributes:
        dev: the sentences.
        decoder: for the model's labels.
        device: where the model is.
    """

    dev: TaggedRows
    decoder: Decoder
    device: torch.device

    @property
    def rows(self) -> Rows:
        """The sentences as token ids."""
        return self.dev.rows

    def figures(self, model: nn.Module) -> TaggingFigures:
        """All figures, with intervals."""
        return self._figures(self._scores(model))

    def __call__(self, model: nn.Module) -> Mapping[str, float]:
        """Mean loss of words as they are learnt, in nats; F1 of spans and share of right tags."""
        scores = self._scores(model)
        figures = self._figures(scores, resamples=1)
        number = {label: index for index, label in enumerate(self.decoder.labels)}
        losses = [
            -one[np.arange(len(tags)), [number[tag] for tag in tags]][learnt]
            for one, tags, learnt in zip(scores, self.dev.words, self.dev.learnt, strict=True)
            if tags
        ]
        return {
            "loss": float(np.concatenate(losses).mean()),
            "f1": figures.f1,
            "token_accuracy": figures.token_accuracy,
        }

    def _scores(self, model: nn.Module) -> list[F64]:
        return list(word_scores(self.dev.texts, model, self.device))

    def _figures(self, scores: list[F64], **settings: int) -> TaggingFigures:
        scheme = self.decoder.scheme
        compared = Compared.of(self.dev.data, [map(self._found, self.dev.texts, scores)], scheme)
        return TaggingFigures.of(compared.truth, compared.guesses[0], scheme, **settings)

    def _found(self, text: WordRows, scores: F64) -> Spans:
        spans = decoded(self.decoder, text.worded, scores)[0]
        if self.dev.data.marked is None:
            return spans
        return [text.worded.characters(span) for span in spans]


def _at(data: Tagged, counts: Sequence[int]) -> tuple[str, ...]:
    """Where the sentences begin for which something is counted."""
    return tuple(data.at(place) for place, count in enumerate(counts) if count)


def _shown(worded: Worded, span: WordSpan) -> CharSpan:
    """A span of words as the characters by which it is compared."""
    start, end, label = worded.characters(span)
    return CharSpan(*bare(worded.text, (start, end)), label)


def _unlearnt(rows: TaggedRows) -> Iterator[str]:
    """What of the training rows is learnt otherwise than it is marked, or not at all."""
    if rows.lost:
        yield (
            f"{counted(rows.lost, _what(rows))} to train on cannot be learnt: this tokenizer makes "
            "no token there, or one word together with what is marked before; see "
            f"{first_of(rows.lost_at, NAMED)}"
        )
    if rows.parted:
        does = "begins or ends" if rows.parted == 1 else "begin or end"
        marked = sum(map(len, rows.data.marked or ()))
        hint = "; are the ends those of the last characters? An end is the place behind it"
        yield (
            f"{counted(rows.parted, 'span')} to train on, of {marked:,}, {does} within a word, "
            "which this tokenizer does not part: the whole word is learnt, unless a span before "
            f"has it{hint if rows.parted > marked / 2 else ''}; see "
            f"{first_of(rows.parted_at, NAMED)}"
        )


def _unfound(rows: TaggedRows) -> Iterator[str]:
    """What of the dev rows no model with this tokenizer can find."""
    if missed := rows.lost + rows.parted:
        yield (
            f"{counted(missed, _what(rows))} to measure with cannot be found, as this tokenizer "
            f"has no such words, and {'counts' if missed == 1 else 'count'} as missed; see "
            f"{first_of(tuple(dict.fromkeys((*rows.lost_at, *rows.parted_at))), NAMED)}"
        )


def _what(rows: TaggedRows) -> str:
    return "span" if rows.data.scheme.prefixes else "tag"


def _learnt(text: WordRows, tags: list[str], scheme: Scheme) -> Bools:
    """Which of a text's words are learnt: all but those within a given word outside of all spans.

    The file says of "@anna" as a whole that it is no name. That "anna" behind the "@" is none would
    be learnt of every handle, address and hashtag, and unlearns names: see docs/decisions/0009.
    """
    inner = np.array(text.worded.inner[: len(tags)], dtype=np.bool_)
    outside = np.array([bool(scheme.prefixes) and tag == OUTSIDE for tag in tags], dtype=np.bool_)
    return ~(inner & outside)


def _rows(texts: tuple[WordRows, ...], rows: Iterable[list[int]]) -> Rows:
    cut = sum(one.fitted.truncated for one in texts)
    unknown = sum(mostly_unknown(one.unknown) for one in texts)
    return Rows(tuple(rows), cut, unknown=unknown, texts=len(texts))


def _opened(given: Given, split: TaggedSplit) -> Opened[TokenClassifier]:
    """The model: a tagger that is there and knows all types, or a new head for them."""
    _, said = look(given.model, given.revision)
    labels: tuple[str, ...] | None = split.labels
    if said.has("token"):
        scheme = Decoder.of(said.labels).scheme
        check_types(scheme, scheme.types(said.labels), split.train, "model")
        labels = None
    return open_model(
        given.model,
        "token",
        labels=labels,
        seed=given.settings.run.seed,
        device=given.device,
        revision=given.revision,
    )


def _said(decoder: Decoder) -> Said:
    types = sorted(decoder.scheme.types(decoder.labels))
    count = f"{len(types)} type{'s' * (len(types) != 1)}"
    return Said(
        "token-classification",
        f"tagger for {count} of words"
        if not decoder.scheme.prefixes
        else f"tagger for {count} of spans",
        f"Types: {first_of(types, MOST_TYPES)}. Labels are {decoder.scheme.name} tags",
    )
