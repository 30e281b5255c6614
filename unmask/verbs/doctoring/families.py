"""Published embedding models whose pooling and prompts are known, told by their names.

What each was trained with stands on the page of the model itself. Only what has one answer for the
whole family is here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Family:
    """Models of one kind.

    Attributes:
        name: of the family.
        pattern: that their names hold.
        pooling: that they were trained with.
        prompts: what stands before texts: of queries, and of documents; empty for nothing.
    """

    name: str
    pattern: str
    pooling: Literal["mean", "cls"]
    prompts: tuple[str, str] = ("", "")


_BGE = "Represent this sentence for searching relevant passages: "
FAMILIES = (
    Family("E5", r"\b(multilingual-)?e5-(small|base|large)(?!.*instruct)", "mean",
           ("query: ", "passage: ")),
    Family("BGE", r"\bbge-(small|base|large)-en", "cls", (_BGE, "")),
    Family("GTE", r"\bgte-(small|base|large)\b(?!-en)", "mean"),
    Family("Arctic Embed", r"\bsnowflake-arctic-embed-(xs|s|m|l)\b", "cls", (_BGE, "")),
    Family("mxbai", r"\bmxbai-embed-large", "cls", (_BGE, "")),
    Family("Nomic Embed", r"\bnomic-embed-text|\bmodernbert-embed", "mean",
           ("search_query: ", "search_document: ")),
    Family("sentence-transformers all-*", r"\ball-(minilm|mpnet|distilroberta)", "mean"),
)  # fmt: skip


def family_of(names: str) -> Family | None:
    """The family that a model's names tell; None where they tell none, or several."""
    found = [one for one in FAMILIES if re.search(one.pattern, names, re.IGNORECASE)]
    return found[0] if len(found) == 1 else None
