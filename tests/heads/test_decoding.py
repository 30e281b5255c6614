"""The best valid sequence of labels, against trying all of them."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from unmask.errors import ModelError
from unmask.heads.decoding import F64, I64, Bools, Decoder
from unmask.text.tags import SCHEMES

LABELS = {
    **{name: SCHEMES[name].labels("ab") for name in ("BIO", "IOB1", "BIOES")},
    "plain": ("NOUN", "O", "VERB"),
    "bare": ("I", "O", "B"),
    "IOB1 without B": ("I-a", "O", "I-b", "B-b"),
    "no O": ("B-a", "I-a", "B-b", "I-b"),
    "with others": ("[CLS]", "O", "B-a", "I-a", "X"),
    "no end": ("O", "B-a", "I-a", "S-a"),
}


def allowed(decoder: Decoder, path: tuple[int, ...], inner: Bools) -> bool:
    """By the scheme itself, and with each given word inside one span, or with one label."""
    tags = [decoder.labels[place] for place in path]
    if decoder.scheme.fault(tags) is not None:
        return False
    spans = decoder.scheme.spans(tags)
    begun = {span.first for span in spans} | {span.end for span in spans}
    for place in np.flatnonzero(inner):
        if decoder.scheme.prefixes and place in begun:
            return False
        plain = not decoder.scheme.prefixes or not any(s.first < place < s.end for s in spans)
        if plain and decoder.scheme.read(tags[place]) != decoder.scheme.read(tags[place - 1]):
            return False
    return True


def total(scores: F64, path: I64 | tuple[int, ...]) -> float:
    return float(scores[np.arange(len(scores)), list(path)].sum())


@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)
def test_no_allowed_sequence_scores_higher(labels: tuple[str, ...]) -> None:
    decoder = Decoder.of(labels)
    draws = np.random.default_rng(7)
    most = 3 if len(labels) > 5 else 4
    for words in [1, 2, most] + [most] * 25:
        scores = np.log(draws.dirichlet(np.full(len(labels), 0.3), words) + 1e-9)
        inner = draws.random(words) < 0.3
        inner[0] = False
        good = [p for p in product(range(len(labels)), repeat=words) if allowed(decoder, p, inner)]
        found = decoder.decode(scores, inner)
        assert tuple(found) in good
        assert total(scores, found) == pytest.approx(max(total(scores, path) for path in good))
        for path in good[:: max(1, len(good) // 20)]:
            assert decoder.valid(np.array(path), inner)


@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)
def test_valid_says_what_the_scheme_says(labels: tuple[str, ...]) -> None:
    decoder = Decoder.of(labels)
    for inner in (np.zeros(3, dtype=np.bool_), np.array([False, True, False])):
        for path in product(range(len(labels)), repeat=3):
            assert decoder.valid(np.array(path), inner) == allowed(decoder, path, inner)


def test_nothing_to_decode() -> None:
    decoder = Decoder.of(("O", "B-a", "I-a"))
    assert decoder.decode(np.empty((0, 3)), np.empty(0, dtype=np.bool_)).tolist() == []


def test_labels_that_cannot_serve_every_sentence_are_refused() -> None:
    with pytest.raises(ModelError, match=r"must hold O, or all that spans need.*I-a are missing"):
        Decoder.of(("B-a", "B-b", "I-b"))


def test_ten_thousand_labels_and_as_many_words() -> None:
    labels = SCHEMES["BIOES"].labels(f"type{number}" for number in range(2500))
    decoder = Decoder.of(labels)
    draws = np.random.default_rng(0)
    scores = draws.standard_normal((20, len(labels)))
    found = decoder.decode(scores, np.zeros(20, dtype=np.bool_))
    assert decoder.scheme.fault([labels[place] for place in found]) is None
