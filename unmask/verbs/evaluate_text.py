"""A language model on text that it has not seen: loss, and how often it guesses right."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from unmask.checkpoint.folder import open_language_model
from unmask.evaluation.neighbours_lm import held_out_tasks
from unmask.text.bad import Reading
from unmask.text.sources import TextSources
from unmask.verbs.watch import Watch

# What a head's `predicts` means.
_PREDICTED = {(0,): "masked tokens", (1,): "next tokens", (1, -1): "next and previous tokens"}


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


def on_text(
    folder: Path,
    paths: list[str | Path],
    field: str,
    reading: Reading,
    most_tokens: int,
    device: torch.device,
    watch: Watch,
) -> LanguageModelEvaluation:
    """Measure a language model on files and folders of text.

    Args:
        folder: of the model.
        paths: of the text.
        field: of rows that hold it.
        reading: what becomes of bad places.
        most_tokens: that are read.
        device: of the model.
        watch: is told of the progress.

    Raises:
        TextError, DataError: the text cannot be used.
    """
    opened = open_language_model(folder, device=device)
    predicts = opened.model.head_config.predicts
    sources = TextSources.find(paths)

    def texts() -> Iterator[str]:
        yield from (d.text for d in sources.documents(reading, field=field))
        reading.check(sum(file.size for file in sources.files))

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
