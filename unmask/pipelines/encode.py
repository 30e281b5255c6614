"""`Encoder`: the hidden states of texts."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch

from unmask.batches.batch import Batch
from unmask.checkpoint.folder import Opened, open_encoder
from unmask.errors import TokenizerError
from unmask.nn.encoder import Encoder as EncoderModule
from unmask.pipelines.folders import SaveFormat, save_opened
from unmask.pipelines.running import Fit, run
from unmask.tokens.tokenizer import Tokenizer

# Shapes: T tokens of all texts, B texts, S tokens of the longest, D width.


@dataclass(frozen=True, slots=True)
class Packed:
    """Hidden states of B texts, one after the other, without padding.

    Attributes:
        last_hidden_state: `(T, D)`, special tokens included.
        boundaries: `(B + 1,)` int64; text b is rows `boundaries[b]:boundaries[b + 1]`.
        lengths: the B numbers of rows.
        tokens: the B numbers of tokens before anything was cut.
    """

    last_hidden_state: torch.Tensor
    boundaries: torch.Tensor
    lengths: tuple[int, ...]
    tokens: tuple[int, ...]

    def __len__(self) -> int:
        """B, the number of texts."""
        return len(self.lengths)

    def __getitem__(self, text: int) -> torch.Tensor:
        """The rows of one text, `(its length, D)`."""
        return torch.split(self.last_hidden_state, list(self.lengths))[text]

    @property
    def truncated(self) -> tuple[bool, ...]:
        """For each text whether it was cut."""
        return tuple(n < had for n, had in zip(self.lengths, self.tokens, strict=True))

    def padded(self) -> tuple[torch.Tensor, torch.Tensor]:
        """`(B, S, D)` with zeros behind shorter texts, and `(B, S)` bool, True at real tokens."""
        longest, width = max(self.lengths, default=0), self.last_hidden_state.shape[1]
        states_BSD = self.last_hidden_state.new_zeros(len(self), longest, width)
        sizes = torch.tensor(self.lengths, dtype=torch.int64, device=states_BSD.device)
        real_BS = torch.arange(longest, device=states_BSD.device) < sizes[:, None]
        states_BSD[real_BS] = self.last_hidden_state
        return states_BSD, real_BS


@dataclass(frozen=True, eq=False)
class Encoder:
    """Hidden states of texts, by the encoder of any model folder.

    Attributes:
        opened: the encoder with its tokenizer.
    """

    opened: Opened[EncoderModule]

    @classmethod
    def from_pretrained(
        cls,
        path: str | Path,
        *,
        device: str | torch.device = "cpu",
        dtype: torch.dtype = torch.float32,
        revision: str | None = None,
    ) -> Encoder:
        """Open the encoder of a model: of its folder, the folder of its run, or a name on the Hub.

        Args:
            path: the folder; or a name on the Hub, such as "org/name", where no such folder is.
            device: where the parameters go.
            dtype: what they become, whatever they are stored as.
            revision: branch, tag or commit on the Hub; None for the default branch.

        Raises:
            ModelError: no model is there.
            CheckpointError: a file cannot be read or fetched.
        """
        return cls(open_encoder(path, dtype=dtype, device=device, revision=revision))

    def save_pretrained(
        self, path: str | Path, *, format: SaveFormat = "auto", replace: bool = False
    ) -> None:
        """Save encoder and tokenizer as a folder.

        Raises:
            CheckpointError: the folder is taken and not to be replaced, or the disk is full.
        """
        save_opened(self.opened, path, format=format, replace=replace)

    @property
    def tokenizer(self) -> Tokenizer:
        """Text to ids."""
        return self.opened.tokenizer

    def __call__(
        self, texts: Sequence[str], *, on_long: Literal["truncate", "error"] = "truncate"
    ) -> Packed:
        """The last layer's hidden states, texts in their order, on the model's device.

        Args:
            texts: the texts. All their states are held in memory.
            on_long: "truncate" reads the beginning of a text longer than the context, and warns
                once with the count; "error" raises.

        Raises:
            TooLong: a text is longer than the context, under "error".
            TokenizerError: a text is no str.
        """
        if isinstance(texts, str):
            raise TokenizerError("Encoder takes a list of texts; for one text, write [text]")
        model, tokenizer = self.opened.model, self.tokenizer
        fit = Fit(tokenizer.layout, model.config.context, on_long, ("truncate", "error"))
        fitted = [fit(ids, number) for number, ids in enumerate(tokenizer.ids_stream(texts))]
        weight = model.embedding.tokens.weight

        def read(batch: Batch) -> list[torch.Tensor]:
            return list(model(batch).split(batch.lengths))

        states = run([one.rows[0] for one in fitted], read, weight.device)
        lengths = tuple(len(state) for state in states)
        if cut := sum(one.truncated for one in fitted):
            warnings.warn(
                f"{cut} of {len(fitted)} texts are longer than the context of "
                f"{model.config.context} tokens, and only their beginnings were read; "
                "on_long='error' refuses them",
                stacklevel=2,
            )
        ends = torch.tensor([0, *lengths], dtype=torch.int64, device=weight.device).cumsum(0)
        flat = torch.cat(states) if states else weight.new_zeros(0, model.config.width)
        return Packed(flat, ends, lengths, tuple(one.tokens for one in fitted))
