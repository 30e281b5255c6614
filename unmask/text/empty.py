"""Text in which nothing is to be seen."""

from __future__ import annotations

import re

# White space, and what Unicode calls Default_Ignorable_Code_Point (DerivedCoreProperties.txt of
# version 16): zero-width spaces and joiners, byte order marks, soft hyphens, directions, variation
# selectors, tags and fillers. Web pages and spreadsheets leave cells of these alone.
_UNSEEN = re.compile(
    r"[\s\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    r"\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3"
    r"\U0001d173-\U0001d17a\U000e0000-\U000e0fff]*"
)


def is_empty(text: str) -> bool:
    """Whether a text has no character, or none but white space and those that are never drawn."""
    return _UNSEEN.fullmatch(text) is not None
