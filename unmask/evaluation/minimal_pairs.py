"""Minimal pairs: does a model find the grammatical one of two sentences the likelier one?

BLiMP (Warstadt et al. 2020) has 67 kinds of such pairs, its paradigms, in 12 phenomena.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from unmask.errors import DataError
from unmask.evaluation.bootstrap import interval
from unmask.evaluation.pseudo import How, likelihoods
from unmask.heads.model import LanguageModel
from unmask.text.bad import Reading
from unmask.text.jsonl import jsonl_records
from unmask.tokens.tokenizer import Tokenizer

RESAMPLES, SEED = 10_000, 20191202  # any fixed seed will do; this one is the date of the preprint


@dataclass(frozen=True, slots=True)
class MinimalPair:
    """Two sentences that differ in little.

    Attributes:
        good, bad: the sentences.
        paradigm, phenomenon: of which kind they are, and to what it belongs.
    """

    good: str
    bad: str
    paradigm: str
    phenomenon: str


@dataclass(frozen=True, slots=True)
class Share:
    """Pairs of one kind, and how many are right.

    Attributes:
        name: of the paradigm or phenomenon.
        right: share of its pairs, or the mean over its paradigms, in [0, 1].
        pairs: how many there are.
    """

    name: str
    right: float
    pairs: int


@dataclass(frozen=True, slots=True)
class MinimalPairFigures:
    """What a model came to.

    Attributes:
        accuracy: the mean over paradigms, each of which counts the same.
        low, high: its 95 % interval, by resampling paradigms and within each its pairs.
        phenomena, paradigms: the parts, by name; a phenomenon's is the mean over its paradigms.
        pairs: how many were compared.
    """

    accuracy: float
    low: float
    high: float
    phenomena: tuple[Share, ...]
    paradigms: tuple[Share, ...]
    pairs: int

    @classmethod
    def of(cls, pairs: Sequence[MinimalPair], right: Sequence[bool]) -> MinimalPairFigures:
        """Figures from which of the pairs are right.

        Raises:
            DataError: there is no pair.
        """
        if not pairs:
            raise DataError("minimal pairs are needed, but there are none; check --data")
        by_paradigm: dict[tuple[str, str], list[bool]] = {}
        for pair, one in zip(pairs, right, strict=True):
            by_paradigm.setdefault((pair.phenomenon, pair.paradigm), []).append(one)
        shares = {key: Share(key[1], float(np.mean(v)), len(v)) for key, v in by_paradigm.items()}
        phenomena = []
        for name in sorted({phenomenon for phenomenon, _ in shares}):
            own = [share for (phenomenon, _), share in shares.items() if phenomenon == name]
            mean = float(np.mean([share.right for share in own]))
            phenomena.append(Share(name, mean, sum(share.pairs for share in own)))
        low, high = _interval(list(by_paradigm.values()))
        return cls(
            accuracy=float(np.mean([share.right for share in shares.values()])),
            low=low,
            high=high,
            phenomena=tuple(phenomena),
            paradigms=tuple(sorted(shares.values(), key=lambda share: share.name)),
            pairs=len(pairs),
        )


def _interval(groups: Sequence[Sequence[bool]]) -> tuple[float, float]:
    """The 95 % interval of the mean over groups: groups are drawn, then pairs within each.

    Within a group the number of right ones is binomial, so no pair has to be drawn by itself.
    """
    draws = np.random.default_rng(SEED)
    sizes = np.array([len(group) for group in groups])
    shares = np.array([np.mean(group) for group in groups])
    chosen = draws.integers(len(groups), size=(RESAMPLES, len(groups)))
    means = (draws.binomial(sizes[chosen], shares[chosen]) / sizes[chosen]).mean(axis=1)
    found = interval(means)
    return found.low, found.high


def measure(
    model: LanguageModel,
    tokenizer: Tokenizer,
    pairs: Sequence[MinimalPair],
    *,
    how: How = "plain",
) -> MinimalPairFigures:
    """Score both sentences of each pair; a tie counts as wrong.

    Raises:
        ConfigError, TooLong: see `likelihoods`.
    """
    texts = (text for pair in pairs for text in (pair.good, pair.bad))
    totals = likelihoods(model, tokenizer, texts, how=how).totals.reshape(-1, 2)
    return MinimalPairFigures.of(pairs, (totals[:, 0] > totals[:, 1]).tolist())


def read_pairs(path: str | Path, most: int | None = None) -> list[MinimalPair]:
    """Pairs of JSON Lines files as BLiMP publishes them.

    Args:
        path: a file, or a folder of files `*.jsonl`.
        most: of each paradigm, the first so many; None for all.

    Raises:
        DataError: there is no file.
        CorruptText: a line is none, or lacks a sentence.
    """
    path = Path(path)
    files = sorted(path.glob("*.jsonl")) if path.is_dir() else [path]
    if not files or not files[0].is_file():
        raise DataError(
            f"minimal pairs are JSON Lines files with sentence_good and sentence_bad, but "
            f"{path} {'holds no *.jsonl' if path.is_dir() else 'does not exist'}; check --data"
        )
    counts: dict[str, int] = {}
    kept = []
    for pair in _all(files):
        counts[pair.paradigm] = counts.get(pair.paradigm, 0) + 1
        if most is None or counts[pair.paradigm] <= most:
            kept.append(pair)
    return kept


def _all(files: Iterable[Path]) -> Iterable[MinimalPair]:
    for file in files:
        take = partial(_pair, stem=file.stem)
        yield from (pair for _, pair in jsonl_records(file, file.name, Reading(), take))


def _pair(row: dict[str, Any], stem: str) -> MinimalPair:
    """One record; the file's name stands for a paradigm that is not named."""
    for name in ("sentence_good", "sentence_bad"):
        if not isinstance(row.get(name), str) or not row[name].strip():
            raise ValueError(f"a minimal pair needs the text {name!r}, and it is {row.get(name)!r}")
    phenomenon = row.get("linguistics_term") or row.get("field") or "all"
    return MinimalPair(
        row["sentence_good"], row["sentence_bad"], str(row.get("UID") or stem), str(phenomenon)
    )
