"""Adding words to the model inside a `tokenizer.json` so that they really become tokens.

Never as `added_tokens`: these are cut out of a text before the normaliser has seen it, and in the
middle of other words. What is sound differs between the kinds of model:

- WordPiece takes the longest entry that a word begins with, so an entry for the whole word is
  found. A word that begins with it changes too: "hearts" becomes "heart" "##s".
- BPE joins pairs in the order of its merges. Merges appended at the end fire when no earlier one
  can, that is when a word has fallen into the pieces that it always had; they then join these from
  left to right. What is joined on the way becomes a token too, and each needs an entry.
- Unigram takes the split with the greatest sum of scores. A word whose score is a hair above that
  of its best split is taken whole, and any other word only changes where that split was part of
  its own.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from unmask.errors import TokenizerError
from unmask.tokens.backend import Spec
from unmask.tokens.tokenizer import Tokenizer

_HAIR = 1e-6  # of a score, which is the logarithm of a probability


class Grower(ABC):
    """Collects words for one tokenizer.

    Attributes:
        rows: for each new id the old ids whose rows stand for it.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.tokenizer = tokenizer
        self.rows: dict[int, tuple[int, ...]] = {}

    @abstractmethod
    def joined(self, ids: Sequence[int]) -> str | None:
        """How the token of a whole word is spelled; None where the pieces are no whole word."""

    @abstractmethod
    def add(self, ids: Sequence[int]) -> int:
        """Make one token of these pieces, which are whole; its id."""

    def breaks(self, spelled: str) -> bool:
        """Whether a new word could make a longer one unknown that could be spelled before."""
        return False

    @abstractmethod
    def model(self) -> dict[str, Any]:
        """The grown model, as in `tokenizer.json`."""

    def spec(self) -> Spec:
        """The grown `tokenizer.json`."""
        return {**self.tokenizer.spec, "model": self.model()}

    def _row(self, ids: Sequence[int]) -> int:
        """A new id that stands for these, which may be new themselves."""
        new = self.tokenizer.vocab_size + len(self.rows)
        self.rows[new] = tuple(old for index in ids for old in self.rows.get(index, (index,)))
        return new


class _Mapped(Grower):
    """A model whose vocabulary is a map from tokens to ids."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        super().__init__(tokenizer)
        self._model: dict[str, Any] = tokenizer.spec["model"]
        self.vocab: dict[str, int] = dict(self._model["vocab"])
        for entry in tokenizer.spec["added_tokens"]:
            # The library numbers added tokens that the model does not know behind the model's
            # own, wherever that ends: they would move.
            self.vocab.setdefault(entry["content"], entry["id"])

    def token(self, ids: Sequence[int], spelled: str) -> int:
        """The id of a token, which is made where there is none."""
        if spelled not in self.vocab:
            self.vocab[spelled] = self._row(ids)
        return self.vocab[spelled]


class WordPieceGrower(_Mapped):
    """An entry for each word."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        super().__init__(tokenizer)
        self._mark: str = self._model.get("continuing_subword_prefix") or "##"
        tails = {t.removeprefix(self._mark) for t in self.vocab if t.startswith(self._mark)}
        # Where every character that continues words does so by itself too, any rest can be spelled.
        safe = all(character in tails for character in set("".join(tails)))
        self._tails = set() if safe else tails

    def breaks(self, spelled: str) -> bool:
        """WordPiece never goes back: what follows the longest entry must be spelled from there.

        A longer word comes to another place than before only where one of its old pieces reached
        beyond the end of the new word.
        """
        ends = tuple(spelled[place:] for place in range(1, len(spelled)))
        return any(tail not in ends and tail.startswith(ends) for tail in self._tails)

    def joined(self, ids: Sequence[int]) -> str | None:
        mark = self._mark
        first, *rest = self.tokenizer.tokens(ids)
        if first.startswith(mark) or not all(piece.startswith(mark) for piece in rest):
            return None
        return first + "".join(piece.removeprefix(mark) for piece in rest)

    def add(self, ids: Sequence[int]) -> int:
        spelled = self.joined(ids)
        assert spelled is not None
        return self.token(ids, spelled)

    def model(self) -> dict[str, Any]:
        return {**self._model, "vocab": self.vocab}


class BpeGrower(_Mapped):
    """Merges behind the old ones, from left to right."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        super().__init__(tokenizer)
        for name in ("continuing_subword_prefix", "end_of_word_suffix"):
            if self._model.get(name):
                raise TokenizerError(
                    f"words are added to BPE models without {name}, but this tokenizer's is "
                    f"{self._model[name]!r}. Train a new tokenizer instead: unmask tokenizer train"
                )
        self._merges: list[Any] = list(self._model["merges"])
        self._as_text = any(isinstance(merge, str) for merge in self._merges[:1])
        pairs = (merge.split(" ") if isinstance(merge, str) else merge for merge in self._merges)
        self._ranks = {(left, right): rank for rank, (left, right) in enumerate(pairs)}

    def joined(self, ids: Sequence[int]) -> str | None:
        spelled = "".join(self.tokenizer.tokens(ids))
        return None if self._as_text and " " in spelled else spelled

    def add(self, ids: Sequence[int]) -> int:
        pieces = self._merged(self.tokenizer.tokens(ids))
        whole = pieces[0]
        for piece in pieces[1:]:
            pair, left, right = (whole, piece), self.vocab[whole], self.vocab[piece]
            whole += piece
            self.token((left, right), whole)
            self._ranks[pair] = len(self._merges)
            self._merges.append(" ".join(pair) if self._as_text else list(pair))
        return self.vocab[whole]

    def model(self) -> dict[str, Any]:
        return {**self._model, "vocab": self.vocab, "merges": self._merges}

    def _merged(self, pieces: list[str]) -> list[str]:
        """What all merges so far make of a word's old pieces."""
        while len(pieces) > 1:
            ranks = [self._ranks.get(pair, math.inf) for pair in pairwise(pieces)]
            lowest = min(ranks)
            if lowest == math.inf:
                break
            at = ranks.index(lowest)
            pieces = [*pieces[:at], pieces[at] + pieces[at + 1], *pieces[at + 2 :]]
        return pieces


class UnigramGrower(Grower):
    """A score a hair above that of the best split."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        super().__init__(tokenizer)
        self._model: dict[str, Any] = tokenizer.spec["model"]
        self._vocab: list[list[Any]] = [list(entry) for entry in self._model["vocab"]]
        lowest = min(score for _, score in self._vocab)
        known = {piece for piece, _ in self._vocab}
        for entry in tokenizer.spec["added_tokens"]:
            # An id is a place in the list. Text never reaches the model with this name in it.
            if entry["content"] in known:
                continue
            if entry["id"] != len(self._vocab):
                raise TokenizerError(
                    f"words are added behind the ids that there are, but the added token "
                    f"{entry['content']!r} has the id {entry['id']}, and the vocabulary ends at "
                    f"{len(self._vocab) - 1}. Close the gap in tokenizer.json first"
                )
            self._vocab.append([entry["content"], lowest])
        self._new: dict[str, int] = {}

    def joined(self, ids: Sequence[int]) -> str | None:
        return "".join(self.tokenizer.tokens(ids))

    def add(self, ids: Sequence[int]) -> int:
        spelled = "".join(self.tokenizer.tokens(ids))
        if spelled not in self._new:
            self._new[spelled] = self._row(ids)
        return self._new[spelled]

    def model(self) -> dict[str, Any]:
        scores: dict[str, float] = {}
        for piece, score in self._vocab:
            scores.setdefault(piece, score)
        # Short words first: they may be parts of the best split of longer ones.
        for word in sorted(self._new, key=lambda word: (len(word), word)):
            scores[word] = _best(word, scores) + _HAIR
        new = [[word, scores[word]] for word in self._new]
        return {**self._model, "vocab": [*self._vocab, *new]}


def _best(word: str, scores: dict[str, float]) -> float:
    """The score of the best split of a word."""
    best = [0.0, *[-math.inf] * len(word)]
    for end in range(1, len(word) + 1):
        for start in range(end):
            score = scores.get(word[start:end])
            if score is not None:
                best[end] = max(best[end], best[start] + score)
    return best[-1]


GROWERS: dict[str, type[Grower]] = {
    "WordPiece": WordPieceGrower,
    "BPE": BpeGrower,
    "Unigram": UnigramGrower,
}


def kind_of(tokenizer: Tokenizer) -> str:
    """The kind of model inside, as the library names it. Very old files leave the name out."""
    model = tokenizer.spec["model"]
    if isinstance(name := model.get("type"), str):
        return name
    if "merges" in model:
        return "BPE"
    return "Unigram" if isinstance(model.get("vocab"), list) else "WordPiece"


def grower(tokenizer: Tokenizer) -> Grower:
    """Where words for this tokenizer are collected.

    Raises:
        TokenizerError: its kind of model cannot take words; it is named.
    """
    kind = kind_of(tokenizer)
    if kind not in GROWERS:
        raise TokenizerError(
            f"words can be added to {', '.join(GROWERS)} models, and this tokenizer's is {kind}, "
            "which has no pieces that a word could be made of. Train a new tokenizer instead: "
            "unmask tokenizer train"
        )
    return GROWERS[kind](tokenizer)
