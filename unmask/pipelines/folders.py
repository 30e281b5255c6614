"""What all pipelines over one model share: opening it, saving it, its tokenizer."""

from __future__ import annotations

from abc import ABC
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Generic, Literal, Self

import torch

from unmask.checkpoint.folder import M, Opened, save_opened
from unmask.nn.prepared import Precision
from unmask.pipelines.precision import make_fast
from unmask.tokens.tokenizer import Tokenizer

SaveFormat = Literal["auto", "hf", "unmask"]


@dataclass(frozen=True, eq=False)
class Pipeline(ABC, Generic[M]):
    """A model with its tokenizer, put to use.

    Attributes:
        opener: opens the kind of model that the class uses.
        opened: model and tokenizer, and what belongs to them.
    """

    opener: ClassVar[Callable[..., Opened[Any]]]

    opened: Opened[M]

    @classmethod
    def from_pretrained(
        cls,
        path: str | Path,
        *,
        device: str | torch.device = "cpu",
        dtype: torch.dtype = torch.float32,
        precision: Precision | None = None,
        revision: str | None = None,
    ) -> Self:
        """Open a model's folder, the folder of the run that made it, or a model on the Hub.

        Args:
            path: the folder; or a name on the Hub, such as "org/name", where no such folder is.
            device: where the parameters go.
            dtype: what they become, whatever they are stored as.
            precision: of the matrix products; "auto" is bf16 where the processor is fast in it,
                "int8" takes some seconds to find its ranges; None as `dtype` says.
            revision: branch, tag or commit on the Hub; None for the default branch.

        Raises:
            ModelError: no model is there, or of another kind than this class uses.
            CheckpointError: a file cannot be read or fetched.
        """
        opened = cls.opener(path, device=device, dtype=dtype, revision=revision)
        make_fast(opened, precision)
        return cls(opened)

    def save_pretrained(
        self, path: str | Path, *, format: SaveFormat = "auto", replace: bool = False
    ) -> None:
        """Save the model and all that belongs to it as a folder that opens again.

        Args:
            path: the folder to make.
            format: "hf" is what `transformers` opens, "unmask" our own, "auto" the first where it
                can express the model.
            replace: whether a folder that was saved there before may be replaced.

        Raises:
            UnsupportedModel: the format asked for cannot express the model; it says what.
            CheckpointError: the folder is taken and not to be replaced, or the disk is full.
        """
        save_opened(path, self.opened, format=format, replace=replace)

    @property
    def tokenizer(self) -> Tokenizer:
        """Text to ids."""
        return self.opened.tokenizer
