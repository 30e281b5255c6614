"""Text in which nothing is to be seen."""

from __future__ import annotations

import re
from collections.abc import Iterable

from unmask.text.bad import NAMED

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


class EmptyTexts:
    """Counts the empty texts of a file, and keeps where the first of them stand.

    Attributes:
        name: of the file, for messages.
        count: how many there are.
        places: of the first of them, as `file:line`.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.count = 0
        self.places: list[str] = []

    def look(self, line: int, texts: Iterable[str]) -> None:
        """Looks at the texts of a row.

        Args:
            line: where it stands; see `unmask.text.rows.Row`.
            texts: its text, or the two of a pair.
        """
        for text in texts:
            if is_empty(text):
                self.count += 1
                if len(self.places) < NAMED:
                    self.places.append(f"{self.name}:{line}")

    @property
    def told(self) -> str:
        """How many there are and where the first of them; empty where there are none."""
        if not self.count:
            return ""
        what = "1 text is" if self.count == 1 else f"{self.count:,} texts are"
        rest = self.count - len(self.places)
        more = f" and {rest:,} more" if rest else ""
        return f"{what} empty: {', '.join(dict.fromkeys(self.places))}{more}"
