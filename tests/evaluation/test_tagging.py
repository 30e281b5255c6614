"""Figures of tags: conlleval's counting, plain tags, intervals."""

from __future__ import annotations

import numpy as np
import pytest
from seqeval.metrics import f1_score

from unmask.errors import DataError
from unmask.evaluation.tagging import TaggingFigures
from unmask.text.tags import BIO, BIOES, PLAIN, Scheme

TRUTH = ["B-a I-a O B-b", "O O", "B-a B-a I-a"]
GUESS = ["B-a I-a O B-a", "O B-b", "B-a I-a I-a"]


def figures(truth: list[str], guess: list[str], scheme: Scheme = BIO) -> TaggingFigures:
    return TaggingFigures.of(
        [tags.split() for tags in truth], [tags.split() for tags in guess], scheme
    )


def test_a_span_counts_where_all_of_it_is_right() -> None:
    found = figures(TRUTH, GUESS)
    # Right: the first alone. Found: a, a; b; a. True: a, b; a, a.
    assert (found.sentences, found.words, found.spans) == (3, 9, 4)
    assert (found.precision, found.recall) == (1 / 4, 1 / 4)
    assert found.f1 == pytest.approx(1 / 4)
    assert found.token_accuracy == pytest.approx(6 / 9)
    by_type = {one.label: (one.spans, one.precision, one.recall) for one in found.types}
    assert by_type == {"a": (3, 1 / 3, 1 / 3), "b": (1, 0.0, 0.0)}
    assert found.f1_interval.low <= found.f1 <= found.f1_interval.high
    assert list(found.in_words()) == ["sentences", "F1", "precision", "recall", "token accuracy"]


def test_types_may_hold_hyphens_and_schemes_other_prefixes() -> None:
    found = figures(["S-creative-work O B-x E-x"], ["S-creative-work O O O"], BIOES)
    assert [(one.label, one.f1) for one in found.types] == [("creative-work", 1.0), ("x", 0.0)]
    assert (found.precision, found.recall) == (1.0, 0.5)


def test_every_word_with_a_plain_tag_is_a_span() -> None:
    found = figures(["DET NOUN VERB", "NOUN O"], ["DET VERB VERB", "NOUN NOUN"], PLAIN)
    assert found.token_accuracy == 3 / 5
    assert found.spans == 4
    assert (found.precision, found.recall) == (3 / 5, 3 / 4)
    assert [one.label for one in found.types] == ["DET", "NOUN", "VERB"]


def test_sentences_without_spans_have_no_f1_but_an_accuracy() -> None:
    found = figures(["O O", "O"], ["O O", "O"])
    assert (found.f1, found.token_accuracy, found.types) == (0.0, 1.0, ())


def test_the_interval_is_that_of_drawn_sentences() -> None:
    draws = np.random.default_rng(1)
    labels = BIO.labels("ab")
    truth = [[labels[0] if x < 0.6 else "B-a" for x in draws.random(8)] for _ in range(80)]
    guess = [[tag if draws.random() < 0.8 else "O" for tag in tags] for tags in truth]
    found = TaggingFigures.of(truth, guess, BIO)
    assert found.f1 == pytest.approx(f1_score(truth, guess))
    slow = []
    for _ in range(300):
        chosen = draws.integers(80, size=80)
        slow.append(f1_score([truth[c] for c in chosen], [guess[c] for c in chosen]))
    low, high = np.quantile(slow, [0.025, 0.975])
    assert found.f1_interval.low == pytest.approx(low, abs=0.01)
    assert found.f1_interval.high == pytest.approx(high, abs=0.01)


@pytest.mark.parametrize(("truth", "guess"), [([], []), (["O O"], ["O"]), (["O"], ["O", "O"])])
def test_words_and_guesses_must_go_together(truth: list[str], guess: list[str]) -> None:
    with pytest.raises(DataError, match="a tag guessed for each"):
        figures(truth, guess)
