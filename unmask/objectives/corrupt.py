"""The replacement rule that the masked objectives share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from unmask.batches.draws import Draws
from unmask.errors import ConfigError

I64 = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
ACTION, REPLACEMENT = 2, 3  # streams of Draws; 1 is the selection


@dataclass(frozen=True, kw_only=True, slots=True)
class Split:
    """What becomes of a selected token, as shares of the selected ones.

    Attributes:
        masked: share that becomes the mask token.
        random: share that becomes a random token; the rest stays as it is.

    Source: Devlin et al. 2018, section 3.1: 0.8 and 0.1.
    """

    masked: float = 0.8
    random: float = 0.1

    def __post_init__(self) -> None:
        # What must hold is asked, since nothing holds of a NaN.
        if not (self.masked >= 0 and self.random >= 0 and self.masked + self.random <= 1 + 1e-9):
            raise ConfigError(
                "the shares mask.masked and mask.random of the selected tokens must be at least 0 "
                f"and at most 1 together, not {self.masked} and {self.random}; the rest is kept. "
                "Lower one of them, or leave both out for 0.8 and 0.1"
            )

    @property
    def kept(self) -> float:
        """The share that stays as it is."""
        return max(0.0, 1.0 - self.masked - self.random)


def replace_selected(
    ids: I64,
    selected: Bools,
    split: Split,
    *,
    mask_id: int,
    ordinary: I64,
    draws: Draws,
    coordinates: tuple[I64, I64],
    acting: tuple[I64, I64] | None = None,
) -> tuple[I64, dict[str, int]]:
    """Apply the split to the selected tokens.

    Args:
        ids: `(T,)` token ids.
        selected: `(T,)` True where a token is to be predicted.
        split: the shares.
        mask_id: the mask token.
        ordinary: the ids that a random token is drawn from, evenly: all but special ones.
        draws: the randomness, used at `coordinates` (sample and position of each token).
        acting: where it is drawn what becomes of each token; by default its own coordinates.

    Returns:
        The ids after replacement, and how many were masked, random and kept.
    """
    action = draws.uniform(ACTION, *(acting or coordinates))
    masked = selected & (action < split.masked)
    random = selected & ~masked & (action < split.masked + split.random)
    drawn = draws.uniform(REPLACEMENT, *coordinates)
    choice = ordinary[(drawn * len(ordinary)).astype(np.int64)]
    changed = np.where(masked, mask_id, np.where(random, choice, ids))
    counts = {
        "selected": int(selected.sum()),
        "masked": int(masked.sum()),
        "random": int(random.sum()),
    }
    counts["kept"] = counts["selected"] - counts["masked"] - counts["random"]
    return changed, counts
