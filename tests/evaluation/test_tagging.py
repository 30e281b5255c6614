"""Figures of tags: conlleval's counting, plain tags, intervals."""

from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np
import pytest
from seqeval.metrics import f1_score, precision_score, recall_score
from seqeval.metrics.sequence_labeling import precision_recall_fscore_support

from unmask.config import from_mapping
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


def test_types_have_the_intervals_of_drawn_sentences() -> None:
    draws = np.random.default_rng(2)
    tags = ["O", "B-a", "B-b"]
    truth = [[tags[n] for n in draws.choice(3, size=8, p=[0.6, 0.3, 0.1])] for _ in range(90)]
    noise = [[tags[n] for n in draws.choice(3, size=8, p=[0.4, 0.4, 0.2])] for _ in range(90)]
    guess = [
        [tag if draws.random() < 0.7 else other for tag, other in zip(own, others, strict=True)]
        for own, others in zip(truth, noise, strict=True)
    ]
    found = TaggingFigures.of(truth, guess, BIO)
    drawn = [draws.integers(90, size=90) for _ in range(300)]
    each = [
        precision_recall_fscore_support(
            [truth[c] for c in chosen], [guess[c] for c in chosen], average=None, zero_division=0
        )[:3]
        for chosen in drawn
    ]
    overall = [
        (
            precision_score([truth[c] for c in chosen], [guess[c] for c in chosen]),
            recall_score([truth[c] for c in chosen], [guess[c] for c in chosen]),
        )
        for chosen in drawn
    ]
    expected = np.quantile(np.array(each), [0.025, 0.975], axis=0)  # ends, figures, types
    assert [one.label for one in found.types] == ["a", "b"]
    for place, own in enumerate(found.types):
        for figure, one in enumerate(own.estimates):
            assert one.interval is not None
            ends = (one.interval.low, one.interval.high)
            assert ends == pytest.approx(tuple(expected[:, figure, place]), abs=0.025)
    both = np.quantile(np.array(overall), [0.025, 0.975], axis=0)
    for figure, between in enumerate((found.precision_interval, found.recall_interval)):
        assert between is not None
        assert (between.low, between.high) == pytest.approx(tuple(both[:, figure]), abs=0.015)


def test_people_read_intervals_of_all_spans_and_of_each_type_that_has_enough() -> None:
    truth = ["B-a O O", "B-b O O"] * 10 + ["B-c O O"] * 3
    found = figures(truth, ["B-a O O", "O O O"] * 11 + ["O B-c O"])
    words = found.in_words()
    between = found.precision_interval
    assert words["precision"] == f"{found.precision:.3f} (95 %: {between})"
    assert words["recall"] == f"{found.recall:.3f} (95 %: {found.recall_interval})"
    by_type = found.by_type()
    assert by_type["  a"].startswith("F1 0.952 (95 %: ")
    assert by_type["  c"].startswith("F1 0.000 (too few spans)       ")
    assert len({line.index("  precision") for line in by_type.values()}) == 1


def test_figures_that_were_stored_without_these_intervals_are_read() -> None:
    found = figures(TRUTH, GUESS)
    stored = json.loads(json.dumps(asdict(found)))
    assert from_mapping(TaggingFigures, stored) == found
    for own in (stored, *stored["types"]):
        del own["precision_interval"], own["recall_interval"]
    for own in stored["types"]:
        del own["f1_interval"]
    read = from_mapping(TaggingFigures, stored)
    assert read.precision_interval is None
    assert read.in_words()["recall"] == "0.250"
    assert [one.f1 for one in read.types] == [one.f1 for one in found.types]


@pytest.mark.parametrize(("truth", "guess"), [([], []), (["O O"], ["O"]), (["O"], ["O", "O"])])
def test_words_and_guesses_must_go_together(truth: list[str], guess: list[str]) -> None:
    with pytest.raises(DataError, match="a tag guessed for each"):
        figures(truth, guess)
