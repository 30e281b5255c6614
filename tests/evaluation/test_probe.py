"""A linear classifier on frozen vectors."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest

from unmask.errors import ConfigError, DataError
from unmask.evaluation.probe import Probe, draws_of


def vectors(labels: list[str], seed: int) -> np.ndarray:
    """Noise of 8 numbers, of which the third tells "a" from "b"."""
    found = np.random.default_rng(seed).normal(size=(len(labels), 8)).astype(np.float32)
    found[:, 2] = [3.0 if label == "a" else -3.0 for label in labels]
    # Scales differ by a factor that an unstandardised probe would be misled by.
    return found * np.float32([1, 1, 1e-4, 100, 1, 1, 1, 1])


def test_what_one_number_tells_is_learnt_and_noise_is_not() -> None:
    labels = ["a", "b"] * 100
    known, asked = vectors(labels, 0), vectors(labels, 1)
    probe = Probe.fit(known, labels)
    assert probe.accuracy(asked, labels) == 1.0
    assert probe.predict(asked[:2]) == ["a", "b"]
    known[:, 2] = asked[:, 2] = 0.0
    assert Probe.fit(known, labels).accuracy(asked, labels) == pytest.approx(0.5, abs=0.15)


def test_one_label_is_refused() -> None:
    with pytest.raises(DataError, match=r"two or more labels to tell apart, not \['a'\]"):
        Probe.fit(np.zeros((3, 2), np.float32), ["a"] * 3)


def test_draws_are_of_every_label_and_differ_by_seed() -> None:
    labels = ["a"] * 20 + ["b"] * 30 + ["c"] * 10
    draws = list(draws_of(labels, 4, 6))
    assert draws == list(draws_of(labels, 4, 6))
    assert len({tuple(rows) for rows in draws}) == 6
    for rows in draws:
        assert len(set(rows)) == 12
        assert sorted(labels[row] for row in rows) == ["a"] * 4 + ["b"] * 4 + ["c"] * 4
    assert {row for rows in draws_of(labels, 10, 1) for row in rows if row >= 50} == {
        *range(50, 60)
    }


def test_what_cannot_be_drawn_is_refused() -> None:
    with pytest.raises(DataError, match="'c' has only 2; ask for 2 or fewer"):
        list(draws_of(["a"] * 9 + ["c"] * 2 + ["b"] * 3, 4, 1))
    with pytest.raises(ConfigError, match="at least 1, not 0 and 5"):
        list(draws_of(["a", "b"], 0, 5))


@pytest.mark.parametrize("weights", ["none", "balanced"])
def test_a_vector_that_counts_for_three_is_three(weights: Literal["none", "balanced"]) -> None:
    labels = ["a"] * 9 + ["b"] * 4
    known = vectors(labels, 0)
    thrice = Probe.fit(
        np.concatenate((known, known[:2], known[:2])), labels + ["a"] * 4, weights=weights
    )
    counted = Probe.fit(known, labels, weights=weights, counts=[3.0] * 2 + [1.0] * 11)
    asked = vectors(["a"] * 5, 1)
    assert np.allclose(thrice.probabilities(asked), counted.probabilities(asked), atol=1e-4)


@pytest.mark.parametrize("names", [("b", "a"), ("c", "a", "b")])
@pytest.mark.parametrize("weights", ["none", "balanced"])
def test_as_a_layer_it_says_the_same(
    names: tuple[str, ...], weights: Literal["none", "balanced"]
) -> None:
    labels = [names[number % len(names)] for number in range(60)] + [names[0]] * 20
    known = vectors(labels, 0)
    probe = Probe.fit(known, labels, strength=0.5, weights=weights)
    weight, bias = probe.layer(names)
    assert weight.shape == (len(names), 8)
    logits = vectors(labels, 1).astype(np.float64) @ weight.T + bias
    shares = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    order = [sorted(names).index(name) for name in names]
    theirs = probe._steps.predict_proba(vectors(labels, 1))[:, order]
    assert shares == pytest.approx(theirs, abs=1e-6)
