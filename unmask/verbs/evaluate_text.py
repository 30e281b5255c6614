"""A language model on text that it has not seen: loss, and how often it guesses tokens or whole
words right."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from unmask.checkpoint.folder import open_language_model
from unmask.errors import ConfigError
from unmask.evaluation.neighbours_lm import held_out_tasks
from unmask.evaluation.whole_words import WholeWordEvaluation
from unmask.text.bad import Reading
from unmask.text.readers import Unit
from unmask.text.sources import TextSources
from unmask.verbs.watch import Watch

# What a head's `predicts` means.
_PREDICTED = {(0,): "masked tokens", (1,): "next tokens", (1, -1): "next and previous tokens"}


@dataclass(frozen=True, slots=True)
class Texts:
    """Files and folders of text, to be read as often as wanted.

    Attributes:
        paths: of the files and folders.
        field: of records that holds the text.
        document: what a text is; None for what the kind of file suggests.
        on_bad, max_bad: see `Reading`.
    """

    paths: tuple[str | Path, ...]
    field: str
    document: Unit | None
    on_bad: str
    max_bad: float

    def __call__(self) -> Iterator[str]:
        """The texts, as a stream.

        Raises:
            TextError: a file cannot be read; while reading, too many places are bad.
        """
        sources = TextSources.find(self.paths)
        # Counts of one pass: those of an earlier one are none of its bad places.
        reading = Reading(self.on_bad, self.max_bad)

        def stream() -> Iterator[str]:
            for one in sources.documents(reading, field=self.field, document=self.document):
                yield one.text
            reading.check(sum(file.size for file in sources.files))

        return stream()


@dataclass(frozen=True, slots=True)
class LanguageModelEvaluation:
    """A language model on text: a masked one under the protocol of `unmask.evaluation.masked`, one
    that predicts neighbours at every token. Losses of the two kinds are not to be compared.

    Attributes:
        model: its folder.
        predicted: "masked tokens", "next tokens" or "next and previous tokens".
        loss: mean over the predicted tokens, in nats.
        top1, top5: share of them that the first guess, or one of the first five, got right.
        targets: how many were predicted; at a token with two neighbours, two.
        tokens: how many were read, special tokens included.
        left_out: how many tokens of the text were not read, because there were enough.
    """

    model: Path
    predicted: str
    loss: float
    top1: float
    top5: float
    targets: int
    tokens: int
    left_out: int

    def as_dict(self) -> dict[str, Any]:
        """For programs."""
        return asdict(self)

    def in_words(self) -> dict[str, str]:
        """For people."""
        return {
            self.predicted: f"{self.targets:,} in {self.tokens:,} read ({self.left_out:,} not)",
            "loss": f"{self.loss:.4f} nats",
            "first guess right": f"{self.top1:.1%}",
            "in five guesses": f"{self.top5:.1%}",
        }


@dataclass(frozen=True, slots=True)
class WholeWordsEvaluation:
    """A masked model on words of text, all pieces of which are hidden, under the protocol of
    `unmask.evaluation.whole_words`.

    Attributes:
        model: its folder.
        right: share of the words of which the first guess is right for every piece.
        long_right: the same of words of several pieces; None where there is none.
        loss: mean over the pieces, in nats.
        words, long_words, targets: how many words were hidden, those of several pieces, and pieces.
        tokens: how many were read, special tokens included.
        left_out: how many tokens of the text were not read, because there were enough.
    """

    model: Path
    right: float
    long_right: float | None
    loss: float
    words: int
    long_words: int
    targets: int
    tokens: int
    left_out: int

    def as_dict(self) -> dict[str, Any]:
        """For programs."""
        return asdict(self)

    def in_words(self) -> dict[str, str]:
        """For people."""
        return {
            "hidden words": f"{self.words:,} of {self.targets:,} tokens, in {self.tokens:,} read "
            f"({self.left_out:,} not)",
            "all of the word right": f"{self.right:.1%}",
            **(
                {}
                if self.long_right is None
                else {"of words of several tokens": f"{self.long_right:.1%} of {self.long_words:,}"}
            ),
            "loss of a token": f"{self.loss:.4f} nats",
        }


def on_text(
    folder: Path, texts: Texts, most_tokens: int, device: torch.device, watch: Watch
) -> LanguageModelEvaluation:
    """Measure a language model on text.

    Args:
        folder: of the model.
        texts: that it has not seen.
        most_tokens: that are read.
        device: of the model.
        watch: is told of the progress.

    Raises:
        TextError, DataError: the text cannot be used.
    """
    opened = open_language_model(folder, device=device)
    predicts = opened.model.head_config.predicts
    with watch.stage("reading the text"):
        tasks = held_out_tasks(
            opened.tokenizer,
            texts(),
            predicts=predicts,
            context=opened.model.encoder.config.context,
            most_tokens=most_tokens,
        )
    with watch.stage(f"predicting {_PREDICTED[predicts]}"):
        figures = tasks(opened.model)
    return LanguageModelEvaluation(
        model=folder,
        predicted=_PREDICTED[predicts],
        loss=figures["loss"],
        top1=figures["top1"],
        top5=figures["top5"],
        targets=tasks.targets,
        tokens=tasks.tokens,
        left_out=tasks.left_out,
    )


def on_words(
    folder: Path, texts: Texts, most_tokens: int, device: torch.device, watch: Watch
) -> WholeWordsEvaluation:
    """Measure a masked model on whole words of text; see `on_text`.

    Raises:
        ConfigError: the model predicts no masked tokens.
        TextError, DataError: the text cannot be used.
    """
    opened = open_language_model(folder, device=device)
    predicts = opened.model.head_config.predicts
    if predicts != (0,):
        raise ConfigError(
            f"whole words are hidden from a masked model, but {folder} predicts "
            f"{_PREDICTED[predicts]}, and hides none; leave --task out, or give --task "
            "pseudo-perplexity"
        )
    with watch.stage("reading the text"):
        tasks = WholeWordEvaluation.over(
            opened.tokenizer,
            texts(),
            context=opened.model.encoder.config.context,
            most_tokens=most_tokens,
        )
    with watch.stage("predicting whole words"):
        figures = tasks(opened.model)
    return WholeWordsEvaluation(
        model=folder,
        right=figures["top1"],
        long_right=figures.get("long_top1"),
        loss=figures["loss"],
        words=tasks.words,
        long_words=tasks.long_words,
        targets=tasks.targets,
        tokens=tasks.tokens,
        left_out=tasks.left_out,
    )
