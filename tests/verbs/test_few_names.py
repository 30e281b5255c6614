"""Names of labels as texts of their labels."""

from __future__ import annotations

import numpy as np
import pytest

from unmask.evaluation.probe import F32
from unmask.verbs.tasks.few_names import Regression, Trial, in_words


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (("card_arrival", "Lost-or-stolen"), ("card arrival", "Lost or stolen")),
        (("sport.football", "sport/tennis"), ("sport football", "sport tennis")),
        (("жалоба", "хвала"), ("жалоба", "хвала")),
        (("0", "1"), None),
        (("good", "2"), None),
        (("a_b", "a b"), None),
    ],
)
def test_names_as_one_would_write_them(
    names: tuple[str, ...], words: tuple[str, ...] | None
) -> None:
    assert in_words(names) == words


def test_a_name_counts_for_three_texts() -> None:
    dice = np.random.default_rng(0)
    vectors = dice.normal(size=(12, 3)).astype(np.float32)
    labels, names = ["a", "b"] * 6, ["a", "b"]
    fit = Regression(("a", "b"), 0.1)
    words = dice.normal(size=(2, 3)).astype(np.float32)
    once = fit(vectors, labels, words)
    thrice = fit(np.concatenate((vectors, words, words, words)), labels + names * 3, None)
    asked = dice.normal(size=(5, 3)).astype(np.float32)
    assert np.allclose(once.probabilities(asked), thrice.probabilities(asked), atol=1e-4)


def test_a_trial_tells_names_that_help_from_those_that_harm() -> None:
    dice = np.random.default_rng(1)
    centres = dice.normal(size=(6, 8)).astype(np.float32)
    labels = [str(number) for number in range(6) for _ in range(3)]
    vectors = (np.repeat(centres, 3, axis=0) + 0.7 * dice.normal(size=(18, 8))).astype(np.float32)
    fit = Regression(tuple(str(number) for number in range(6)), 0.1)

    def trial(words: F32) -> Trial:
        return Trial.of(
            vectors,
            labels,
            range(18),
            lambda v, named: fit(v, named, None),
            lambda v, named: fit(v, named, words),
        )

    good, bad = trial(centres), trial(np.roll(centres, 1, axis=0))
    assert good.rows == bad.rows == 18
    assert good.helps
    assert good.beside > good.without
    assert not bad.helps
    assert good.without == bad.without


def test_the_same_text_is_not_learnt_from_and_asked_for() -> None:
    dice = np.random.default_rng(2)
    texts = [f"text {number}" for number in range(24)]
    vectors = dice.normal(size=(24, 16)).astype(np.float32)
    labels = ["ab"[number % 2] for number in range(24)]
    fit = Regression(("a", "b"), 10.0)
    once = Trial.of(
        vectors, labels, texts, lambda v, n: fit(v, n, None), lambda v, n: fit(v, n, None)
    )
    # Nothing tells the labels of others, so copies would make all of them right.
    thrice = Trial.of(
        np.concatenate([vectors] * 3), labels * 3, texts * 3,
        lambda v, n: fit(v, n, None), lambda v, n: fit(v, n, None),
    )  # fmt: skip
    assert once.without < 20
    assert thrice.rows == 72
    assert thrice.without < 60
