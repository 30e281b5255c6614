"""The batch: a flat row of tokens with the places where one sequence ends and the next begins."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch


@dataclass(frozen=True, slots=True)
class Batch:
    """T tokens of B sequences, one after the other. There is no padding.

    Attributes:
        ids: `(T,)` int64, token ids, each sequence with its special tokens.
        positions: `(T,)` int64, the row of the position table that each token uses; counts
            from 0 within a sequence unless the architecture counts otherwise.
        boundaries: `(B + 1,)` int64, sequence b is `ids[boundaries[b]:boundaries[b + 1]]`.
        lengths: the B lengths as plain integers, so that nothing has to wait for a device.
        segments: `(T,)` int64, 0 for the first text of a pair and 1 for the second, or None.
        samples: `(B,)` int64, a number per sequence that does not depend on how it was batched;
            masking draws its randomness from it.
        labels: `(B,)` int64, what each sequence is, where that was drawn when the batch was made.
        causal: whether a token sees only itself and what stands before it, in every layer, also
            where the architecture lets it see both sides.
        words: `(T,)` int64, the number of each token's word within its sequence, counted from 0;
            -1 for special tokens and others without a word. None where nobody asked for words. A
            word that is cut where one sequence ends and the next begins is a word in each.
    """

    ids: torch.Tensor
    positions: torch.Tensor
    boundaries: torch.Tensor
    lengths: tuple[int, ...]
    segments: torch.Tensor | None = None
    samples: torch.Tensor | None = None
    labels: torch.Tensor | None = None
    causal: bool = False
    words: torch.Tensor | None = None

    @property
    def tokens(self) -> int:
        """T, special tokens included."""
        return self.ids.shape[0]

    def __len__(self) -> int:
        """B, the number of sequences."""
        return len(self.lengths)

    def to(self, device: torch.device | str) -> Batch:
        """The same batch on another device."""
        return replace(
            self,
            ids=self.ids.to(device),
            positions=self.positions.to(device),
            boundaries=self.boundaries.to(device),
            segments=None if self.segments is None else self.segments.to(device),
            samples=None if self.samples is None else self.samples.to(device),
            labels=None if self.labels is None else self.labels.to(device),
            words=None if self.words is None else self.words.to(device),
        )
