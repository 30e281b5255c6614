"""The settings of the objectives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from unmask.text.sentences import Splitter

ObjectiveName = Literal["mlm", "clm", "elmo", "nsp", "sop"]
PAIRS: frozenset[ObjectiveName] = frozenset({"nsp", "sop"})
"""Objectives that need to know where sentences begin."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ObjectiveSettings:
    """Attributes:
    name: what is learnt. "mlm" predicts hidden tokens; "clm" the next token; "elmo" the next and
        the previous one; "nsp" hidden tokens and whether a second text follows a first one, "sop"
        hidden tokens and whether two texts stand in order. None for what the architecture is for.
    """

    name: ObjectiveName | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class MaskSettings:
    """Attributes:
    rate: share of tokens selected; `final_rate` that at the end, if it is to change. "clm" and
        "elmo" have no masks, and refuse settings of this room.
    masked, random: what becomes of the selected; the rest is kept.
    """

    rate: float = 0.15
    final_rate: float | None = None
    masked: float = 0.8
    random: float = 0.1


@dataclass(frozen=True, kw_only=True, slots=True)
class PairSettings:
    """Attributes:
    splitter: what the texts of a pair are made of: "lines" of a document, or "sentences", which
        needs the extra of that name. Of "nsp" and "sop" alone, as all settings of this room.
    language: code of the language of "sentences", such as "en".
    negatives: share of pairs that are changed: of "nsp" by another second text, of "sop" by
        exchanging the two.
    weight: of the pairs' loss, beside 1 for that of the hidden tokens.
    """

    splitter: Splitter = "lines"
    language: str = "en"
    negatives: float = 0.5
    weight: float = 1.0
