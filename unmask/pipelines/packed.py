"""Hidden states of several texts, one after the other.

Shapes: T tokens of all texts, B texts, S tokens of the longest, D width, H heads.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch

from unmask.errors import ConfigError, shown
from unmask.pipelines.checks import is_whole


@dataclass(frozen=True, slots=True)
class Padded:
    """Hidden states of B texts as a block, for callers who want one.

    Attributes:
        last_hidden_state: `(B, S, D)`, zeros behind shorter texts.
        attention_mask: `(B, S)` bool, True at real tokens.
    """

    last_hidden_state: torch.Tensor
    attention_mask: torch.Tensor


@dataclass(frozen=True, slots=True)
class Packed:
    """Hidden states of B texts, one after the other, without padding.

    Attributes:
        last_hidden_state: `(T, D)`, special tokens included.
        boundaries: `(B + 1,)` int64; text b is rows `boundaries[b]:boundaries[b + 1]`.
        lengths: the B numbers of rows.
        tokens: the B numbers of tokens before anything was cut.
        hidden_states: those of the layers that were asked for, each `(T, D)`: 0 is the embedding,
            1 the first layer, and the last goes through the final norm.
        attentions: attention probabilities of the layers that were asked for, the first being 0:
            for each text `(H, S, S)` in float32, of S queries over S keys.
    """

    last_hidden_state: torch.Tensor
    boundaries: torch.Tensor
    lengths: tuple[int, ...]
    tokens: tuple[int, ...]
    hidden_states: Mapping[int, torch.Tensor] = field(default_factory=dict)
    attentions: Mapping[int, tuple[torch.Tensor, ...]] = field(default_factory=dict)

    def __len__(self) -> int:
        """B, the number of texts."""
        return len(self.lengths)

    def __getitem__(self, text: int) -> torch.Tensor:
        """The rows of one text, `(its length, D)`; a negative number counts from the last text.

        Raises:
            ConfigError: `text` is no whole number.
            IndexError: there is no such text; this also ends a loop over all of them.
        """
        if not is_whole(text):
            raise ConfigError(
                "texts are taken one at a time, by a whole number, as in packed[0], not by "
                f"{shown(text)}. For several, write [packed[i] for i in range(2)]"
            )
        return torch.split(self.last_hidden_state, list(self.lengths))[text]

    @property
    def truncated(self) -> tuple[bool, ...]:
        """For each text whether it was cut."""
        return tuple(n < had for n, had in zip(self.lengths, self.tokens, strict=True))

    def padded(self) -> Padded:
        """The same as a block `(B, S, D)`."""
        longest, width = max(self.lengths, default=0), self.last_hidden_state.shape[1]
        states_BSD = self.last_hidden_state.new_zeros(len(self), longest, width)
        sizes = torch.tensor(self.lengths, dtype=torch.int64, device=states_BSD.device)
        real_BS = torch.arange(longest, device=states_BSD.device) < sizes[:, None]
        states_BSD[real_BS] = self.last_hidden_state
        return Padded(states_BSD, real_BS)
