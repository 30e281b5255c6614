"""Every error that `unmask` raises on purpose.

    UnmaskError
    ├── ConfigError             a setting that is unknown, of the wrong type or out of range
    ├── TextError               text that cannot be used
    │   └── CorruptText         one bad place in a file: carries file, line and reason
    ├── TokenizerError          a tokenizer that cannot be trained, read or used
    ├── TooLong                 a text longer than the model's context, under `on_long="error"`
    ├── ModelError              a model that cannot be built, opened or saved
    │   ├── UnsupportedModel    an architecture, head or format that is not served, by name
    │   └── WeightMapError      weights without a place, or places without a weight
    ├── CheckpointError         a folder that cannot be written or read back
    │   ├── CorruptCheckpoint   bytes that do not match their recorded digest
    │   └── ResumeMismatch      a run continued with something changed
    ├── DataError               labelled data that cannot be used
    │   └── LabelMismatch       labels of the data and of the model differ
    └── TrainingError           a run that cannot go on
        └── NonFiniteLoss       the loss was not finite, several times in a row

Each message says the rule, the value that broke it, and the remedy. Catching `UnmaskError` catches
them all; the command line prints them without a traceback. `shown` puts a value into a message,
`first_of` some names.
"""

from __future__ import annotations

from collections.abc import Sequence


class UnmaskError(Exception):
    """Root of all errors raised on purpose."""


class ConfigError(UnmaskError):
    """A setting is unknown, of the wrong type, or out of range."""


class TextError(UnmaskError):
    """Text cannot be used: nothing found, or too much of it is bad."""


class CorruptText(TextError):
    """One bad place in a file.

    Attributes:
        file: the file as the user named it.
        line: 1-based line, or None where the format has no lines.
        reason: what is wrong there.
    """

    def __init__(self, file: str, line: int | None, reason: str) -> None:
        self.file, self.line, self.reason = file, line, reason
        place = file if line is None else f"{file}:{line}"
        super().__init__(
            f"{place}: {reason}. Repair it, or pass --on-bad skip to leave such places out."
        )

    def __reduce__(self) -> tuple[type[CorruptText], tuple[str, int | None, str]]:
        return type(self), (self.file, self.line, self.reason)


class TokenizerError(UnmaskError):
    """A tokenizer cannot be trained, read or used."""


class TooLong(UnmaskError):
    """A text is longer than the context, and the caller asked for an error."""


class ModelError(UnmaskError):
    """A model cannot be built, opened or saved."""


class UnsupportedModel(ModelError):
    """An architecture, a head or a format that is not served; the message names it."""


class WeightMapError(ModelError):
    """Weights without a place, or places without a weight; the message lists them."""


class CheckpointError(UnmaskError):
    """A folder cannot be written or read back."""


class CorruptCheckpoint(CheckpointError):
    """Bytes on disk do not match the digest recorded for them."""


class ResumeMismatch(CheckpointError):
    """A run is continued with text, tokenizer or settings other than it began with."""


class DataError(UnmaskError):
    """Labelled data cannot be used."""


class LabelMismatch(DataError):
    """The labels of the data and of the model differ; the message shows both sets."""


class TrainingError(UnmaskError):
    """A run cannot go on."""


class NonFiniteLoss(TrainingError):
    """The loss was not finite several steps in a row."""


def first_of(names: Sequence[str], most: int) -> str:
    """The first of some names as a message lists them, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def shown(value: object, most: int = 80) -> str:
    """A value as a message shows it: its `repr`, of which at most `most` characters are kept."""
    text = repr(value)
    return text if len(text) <= most else f"{text[: most - 3]}..."
