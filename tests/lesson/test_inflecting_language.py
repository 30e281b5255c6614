"""The made language of the exercise on whole words: its rules, and the best guess they allow."""

from __future__ import annotations

import random
import sys
from collections import defaultdict
from itertools import product
from types import ModuleType
from typing import Any

import pytest


@pytest.fixture(scope="module")
def bending(whole_words: ModuleType) -> ModuleType:
    """`lesson/code/inflecting_language.py`, as the exercise imported it."""
    assert whole_words is not None
    return sys.modules["inflecting_language"]


def all_sentences(bending: ModuleType, language: Any) -> dict[tuple[str, ...], float]:
    """Every sentence with its probability, worked out from the tables and not by drawing."""
    found = {}
    ranks = list(product(range(3), range(6)))
    phrases = {
        (field, number, case): [
            (
                language.adjectives[field][a] + language.noun_endings[number, case, field % 2],
                language.nouns[field][n] + language.noun_endings[number, case, field % 2],
                bending.ADJECTIVE_SHARES[a] * bending.NOUN_SHARES[n],
            )
            for a, n in ranks
        ]
        for field, number, case in product(range(bending.FIELDS), range(2), range(2))
    }
    for (stem, doer, done_to), tense, one, other in product(
        language.verbs, range(3), range(2), range(2)
    ):
        verb = stem + language.verb_endings[tense, one]
        weight = 1 / (len(language.verbs) * 12)
        for (a, n, p), (b, m, q) in product(phrases[doer, one, 0], phrases[done_to, other, 1]):
            found[language.times[tense], a, n, verb, b, m] = weight * p * q
    return found


def test_the_best_share_is_what_somebody_reaches_who_knows_every_probability(
    bending: ModuleType,
) -> None:
    sentences = all_sentences(bending, bending.Language.made())
    assert sum(sentences.values()) == pytest.approx(1)
    reached = 0.0
    for place in range(bending.WORDS):
        # To each rest of a sentence the likeliest word that fits it.
        best: dict[tuple[str, ...], float] = defaultdict(float)
        for words, weight in sentences.items():
            rest = (*words[:place], "", *words[place + 1 :])
            best[rest] = max(best[rest], weight)
        reached += sum(best.values()) / bending.WORDS
    assert bending.best_share() == pytest.approx(reached, abs=1e-9)


def test_drawn_sentences_are_of_the_language_and_different(bending: ModuleType) -> None:
    language = bending.Language.made()
    known = all_sentences(bending, language)
    drawn = language.sentences(400, random.Random(3))
    assert len(set(drawn)) == 400
    assert all(tuple(one.split()) in known for one in drawn)
    assert drawn == bending.Language.made().sentences(400, random.Random(3))
    assert drawn != language.sentences(400, random.Random(4))
    assert bending.Language.made(1) != language


def test_no_two_words_are_spelt_alike(bending: ModuleType) -> None:
    language = bending.Language.made()
    stems = [stem for field in (*language.nouns, *language.adjectives) for stem in field]
    stems += [*language.times, *(stem for stem, _, _ in language.verbs)]
    assert len(set(stems)) == len(stems)
    endings = [*language.noun_endings.values(), *language.verb_endings.values()]
    assert len(set(endings)) == len(endings)
