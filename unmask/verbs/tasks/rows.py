"""Texts, or pairs of texts, as rows of token ids for training and measuring."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from unmask.batches.batch import Batch
from unmask.batches.rows import RowBatches
from unmask.batches.sequences import OnLong
from unmask.checkpoint.folder import Opened
from unmask.errors import DataError
from unmask.pipelines.pairs import fit_pair, tells_segments
from unmask.pipelines.running import Fit, mostly_unknown, run
from unmask.text.labelled import Targeted
from unmask.verbs.tasks.labelled_data import is_are


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of token ids.

    Attributes:
        rows: `(N,)` lists of ids, special tokens included.
        truncated: how many of them were cut.
        segments: 0 or 1 for each token, for pairs to a model that tells their texts apart; else
            None.
        groups: how many rows, one after the other, must share a batch; None where each stands by
            itself.
        unknown: how many texts, or pairs, are mostly tokens that the tokenizer does not know; a
            pair is one if one of its texts is.
        texts: how many texts the rows are of; None for as many as there are rows.
    """

    rows: tuple[list[int], ...]
    truncated: int
    segments: tuple[list[int], ...] | None = None
    groups: tuple[int, ...] | None = None
    unknown: int = 0
    texts: int | None = None

    @classmethod
    def of(cls, texts: Sequence[str], opened: Opened[Any], on_long: OnLong) -> Rows:
        """Tokenise texts.

        Raises:
            TooLong: a text is longer than the context, under "error".
        """
        context = opened.model.encoder.config.context
        tokenizer = opened.tokenizer
        fit = Fit(tokenizer.layout, context, on_long, tokenizer.unk_id, ("truncate", "error"))
        fitted = [fit(one, number) for number, one in enumerate(tokenizer.ids_stream(texts))]
        rows, cut = tuple(one.rows[0] for one in fitted), sum(one.truncated for one in fitted)
        return cls(rows, cut, unknown=sum(mostly_unknown(one.unknown) for one in fitted))

    @classmethod
    def of_pairs(
        cls,
        first: Sequence[str],
        second: Sequence[str],
        opened: Opened[Any],
        on_long: OnLong,
        limit: int | None = None,
    ) -> Rows:
        """Tokenise pairs; of one that is too long the longer text is cut.

        Args:
            first, second: the texts of N pairs.
            opened: the model that they are for.
            on_long: what happens to a pair longer than the limit: "truncate" or "error".
            limit: in tokens, special tokens included; None for the context.

        Raises:
            TooLong: a pair is longer than the limit, under "error".
        """
        tokenizer = opened.tokenizer
        longest = limit or opened.model.encoder.config.context
        both = zip(tokenizer.ids_stream(first), tokenizer.ids_stream(second), strict=True)
        fitted = [
            fit_pair(
                one,
                two,
                tokenizer.layout.pair,
                longest,
                tokenizer.unk_id,
                error=on_long == "error",
                number=number,
            )
            for number, (one, two) in enumerate(both)
        ]
        told = tells_segments(opened.model.encoder, tokenizer)
        segments = tuple(pair.segments for pair in fitted) if told else None
        cut = sum(pair.truncated for pair in fitted)
        unknown = sum(mostly_unknown(pair.unknown) for pair in fitted)
        return cls(tuple(pair.ids for pair in fitted), cut, segments, unknown=unknown)

    @property
    def texts_apart(self) -> list[tuple[int, ...]]:
        """`(N,)` what tells whether two rows are the same text: their tokens."""
        return [tuple(row) for row in self.rows]

    def __len__(self) -> int:
        """N."""
        return len(self.rows)

    def batches(self, batch: int, seed: int) -> RowBatches:
        """Batches of so many rows, on average."""
        return RowBatches.of(self.rows, self.segments, batch=batch, seed=seed, groups=self.groups)

    def read(
        self, read: Callable[[Batch], Sequence[torch.Tensor]], device: torch.device
    ) -> list[torch.Tensor]:
        """What is read of each row, in their order."""
        return run(self.rows, read, device, segments=self.segments)


def rows_of(data: Targeted[Any], opened: Opened[Any], on_long: OnLong) -> Rows:
    """The texts, or pairs, of a table as this model's tokens.

    Raises:
        TooLong: one is longer than the context, under "error".
    """
    if data.seconds is None:
        return Rows.of(data.texts, opened, on_long)
    return Rows.of_pairs(data.texts, data.seconds, opened, on_long)


def logits_of(model: nn.Module, rows: Rows, device: torch.device) -> torch.Tensor:
    """`(N, outputs)` float32 on the CPU: what a model over sequences says of each row."""

    def read(batch: Batch) -> list[torch.Tensor]:
        return list(model(batch).float().cpu())

    return torch.stack(rows.read(read, device))


def cut_notes(
    rows: Rows, dev: Rows, opened: Opened[Any], noun: str = "texts", limit: int | None = None
) -> tuple[str, ...]:
    """What was cut, and what the tokenizer does not know, in words.

    Args:
        rows, dev: to learn from, and to measure with.
        opened: the model that they are for.
        noun: what they are.
        limit: the longest in tokens, where that is not the context.

    Raises:
        DataError: there is nothing to learn from, as all training rows are unknown tokens.
    """
    longest = limit or opened.model.encoder.config.context
    learnt = read_notes(rows, longest, f"training {noun}")
    return (*learnt, *read_notes(dev, longest, f"dev {noun}", learnt=False))


def read_notes(rows: Rows, longest: int, noun: str, *, learnt: bool = True) -> tuple[str, ...]:
    """What was cut of some rows, and what the tokenizer does not know, in words.

    Args:
        rows: the rows.
        longest: in tokens.
        noun: what they are.
        learnt: whether a model is to learn from them.

    Raises:
        DataError: as in `unknown_notes`.
    """
    every = len(rows) if rows.texts is None else rows.texts
    cut = (
        f"{rows.truncated:,} of {every:,} {noun} {is_are(rows.truncated)} longer than the context "
        f"of {longest} tokens, and only read to there (--on-long truncate)"
    )
    unknown = unknown_notes(rows.unknown, every, noun, learnt=learnt)
    return (*[cut] * (rows.truncated > 0), *unknown)


def unknown_notes(unknown: int, every: int, noun: str, *, learnt: bool = True) -> tuple[str, ...]:
    """How many texts are mostly tokens that the tokenizer does not know, in words.

    Args:
        unknown: so many, for which nothing is said where there are none.
        every: of all.
        noun: what they are.
        learnt: whether a model is to learn from them.

    Raises:
        DataError: there is nothing to learn from, as all of them are so.
    """
    if learnt and unknown == every > 0:
        raise DataError(
            f"a model learns from tokens that its tokenizer knows, but all {every:,} {noun} are "
            "mostly unknown tokens to this one; begin with a model whose tokenizer knows the script"
        )
    if not unknown:
        return ()
    return (
        f"{unknown:,} of {every:,} {noun} {is_are(unknown)} mostly unknown tokens to this "
        "tokenizer, so that they can hardly be told apart; begin with a model whose tokenizer "
        "knows the script",
    )
