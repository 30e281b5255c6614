"""Documents of which it is known what follows what, and batches of pairs of them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from unmask.batches.pairs import PairBatches
from unmask.tokens.layout import PairLayout

CLS, SEP, MASK = 2, 3, 4
FIRST = 5  # ordinary tokens begin here
LAYOUT = PairLayout((CLS,), (SEP,), (SEP,), ((0,), (0,), (0,), (1,), (1,)))
Document = list[list[int]]
"""Sentences of tokens."""


def topics(dice: np.random.Generator, count: int, kinds: int = 20) -> list[Document]:
    """In each document every sentence ends with the same token, one of `kinds`."""
    return [
        [[*_words(dice), FIRST + 4 + int(topic)] for _ in range(int(dice.integers(2, 7)))]
        for topic in dice.integers(0, kinds, count)
    ]


def numbers(dice: np.random.Generator, count: int, kinds: int = 20) -> list[Document]:
    """The last tokens of a document's sentences rise, from anywhere among `kinds`."""
    documents = []
    for _ in range(count):
        length = int(dice.integers(2, 7))
        rising = np.sort(dice.choice(kinds, length, replace=False))
        documents.append([[*_words(dice), FIRST + 4 + int(number)] for number in rising])
    return documents


def _words(dice: np.random.Generator) -> list[int]:
    """Up to three of the four tokens that mean nothing."""
    return (FIRST + dice.integers(0, 4, int(dice.integers(0, 4)))).tolist()


def batches(documents: list[Document], **settings: object) -> PairBatches:
    """Pairs of these documents."""
    tokens, offsets, units = stored(documents)
    arguments = {"layout": LAYOUT, "kind": "nsp", "context": 40, "budget": 256, "seed": 5}
    return PairBatches.over(tokens, offsets, units, **{**arguments, **settings})  # type: ignore[arg-type]


def stored(documents: list[Document]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The tokens, the bounds of documents, and the beginnings of sentences."""
    sentences = [sentence for document in documents for sentence in document]
    ends = np.cumsum([0, *map(len, sentences)])
    counts = np.cumsum([0, *map(len, documents)])
    tokens = np.array([token for sentence in sentences for token in sentence], dtype=np.uint16)
    return tokens, ends[counts], ends[:-1]


Oracle = Callable[[list[int], list[int]], int]


def topic_oracle(first: list[int], second: list[int]) -> int:
    """0 where both texts have one topic, else 1."""
    return int({max(first)} != {max(second)})


def number_oracle(first: list[int], second: list[int]) -> int:
    """0 where the second text's numbers are higher, else 1."""
    return int(max(first) > max(second))
