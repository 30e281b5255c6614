"""`create_mlm_batch`: the rule, its convention about specials, and its errors."""

import inspect
import random
from math import sqrt
from types import ModuleType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

SPECIALS = range(5)
MASK = 4
IGNORE = -100


@st.composite
def exercises(draw: st.DrawFn) -> tuple[list[int], int, float, int]:
    """Tokens with specials among them, a vocabulary size, a mask probability, a seed."""
    vocab_size = draw(st.integers(6, 60))
    tokens = draw(st.lists(st.integers(0, vocab_size - 1), max_size=60))
    mask_prob = draw(st.floats(0, 1) | st.just(1.0))
    return tokens, vocab_size, mask_prob, draw(st.integers(0, 2**32))


@settings(deadline=None, max_examples=300)
@given(exercise=exercises())
def test_specials_are_never_chosen_and_never_drawn(
    lesson: ModuleType, exercise: tuple[list[int], int, float, int]
) -> None:
    tokens, vocab_size, mask_prob, seed = exercise
    input_ids, labels = lesson.create_mlm_batch(tokens, vocab_size, mask_prob, random.Random(seed))
    for token, shown, label in zip(tokens, input_ids, labels, strict=True):
        if token in SPECIALS:
            assert (shown, label) == (token, IGNORE)
        else:
            assert shown == MASK or 5 <= shown < vocab_size


@settings(deadline=None, max_examples=300)
@given(exercise=exercises())
def test_inputs_and_labels_fit_together(
    lesson: ModuleType, exercise: tuple[list[int], int, float, int]
) -> None:
    tokens, vocab_size, mask_prob, seed = exercise
    before = list(tokens)
    input_ids, labels = lesson.create_mlm_batch(tokens, vocab_size, mask_prob, random.Random(seed))
    assert tokens == before
    assert len(input_ids) == len(labels) == len(tokens)
    assert all(type(number) is int for number in input_ids + labels)
    for token, shown, label in zip(tokens, input_ids, labels, strict=True):
        # A label is the original; where there is none, nothing was changed either.
        assert label in (token, IGNORE)
        if label == IGNORE:
            assert shown == token
    again = lesson.create_mlm_batch(tokens, vocab_size, mask_prob, random.Random(seed))
    assert again == (input_ids, labels)


@pytest.mark.parametrize("vocab_size", [25, 1_005])
def test_the_distribution_is_the_one_that_the_rule_says(
    lesson: ModuleType, vocab_size: int
) -> None:
    rng = random.Random(7)
    words = [rng.randrange(5, vocab_size) for _ in range(200_000)]
    input_ids, labels = lesson.create_mlm_batch(words, vocab_size, rng=rng)
    targets = [(new, old) for new, old in zip(input_ids, labels, strict=True) if old != IGNORE]
    own = 0.1 / (vocab_size - 5)  # a random word that happens to be the old one looks kept
    shares = {
        "targets": (0.15, len(targets), len(words)),
        "masked": (0.8, sum(new == MASK for new, _ in targets), len(targets)),
        "kept": (0.1 + own, sum(new == old for new, old in targets), len(targets)),
    }
    for name, (expected, count, total) in shares.items():
        error = sqrt(expected * (1 - expected) / total)
        assert abs(count / total - expected) < 4.5 * error, name


def test_random_words_are_drawn_evenly_over_all_words(lesson: ModuleType) -> None:
    vocab_size, old = 15, 9
    input_ids, _ = lesson.create_mlm_batch([old] * 100_000, vocab_size, 1.0, random.Random(3))
    counts = {word: input_ids.count(word) for word in range(5, vocab_size) if word != old}
    expected = 100_000 * 0.1 / 10
    chi_square = sum((count - expected) ** 2 / expected for count in counts.values())
    assert chi_square < 33.7  # 9 degrees of freedom, one in ten thousand


def test_targets_are_chosen_independently_of_their_place(lesson: ModuleType) -> None:
    rng = random.Random(11)
    chosen = [0] * 10
    for _ in range(20_000):
        _, labels = lesson.create_mlm_batch([6] * 10, 25, rng=rng)
        chosen = [n + (label != IGNORE) for n, label in zip(chosen, labels, strict=True)]
    error = sqrt(0.15 * 0.85 / 20_000)
    assert all(abs(count / 20_000 - 0.15) < 4.5 * error for count in chosen)


def test_without_a_generator_every_call_draws_afresh(lesson: ModuleType) -> None:
    words = list(range(5, 205))
    state = random.getstate()
    first, second = (lesson.create_mlm_batch(words, 205) for _ in range(2))
    assert first != second
    assert random.getstate() == state  # nobody else's random numbers were used up


def test_the_signature_is_the_published_one(lesson: ModuleType) -> None:
    parameters = inspect.signature(lesson.create_mlm_batch).parameters
    assert list(parameters) == ["tokens", "vocab_size", "mask_prob", "rng"]
    assert (parameters["mask_prob"].default, parameters["rng"].default) == (0.15, None)


def test_the_edges(lesson: ModuleType) -> None:
    assert lesson.create_mlm_batch([], 25) == ([], [])
    assert lesson.create_mlm_batch([2, 7, 8, 3], 25, 0) == ([2, 7, 8, 3], [IGNORE] * 4)
    assert lesson.create_mlm_batch([2, 7, 1, 3], 25, 1)[1] == [IGNORE, 7, IGNORE, IGNORE]
    assert lesson.create_mlm_batch((2, 7, 3), 25, 0)[0] == [2, 7, 3]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([], 5), "more than 5 ids to hold a word; vocab_size is 5"),
        (([6], -1), "vocab_size is -1"),
        (([6], 25, 1.5), "from 0 to 1; it is 1.5"),
        (([6], 25, -0.1), "from 0 to 1; it is -0.1"),
        (([6], 25, float("nan")), "it is nan"),
        (([6, 25], 25), "from 0 to 24 .*position 1 is 25"),
        (([-100], 25), "position 0 is -100"),
    ],
)
def test_an_error_says_the_rule_and_the_value(
    lesson: ModuleType, arguments: tuple[list[int], int], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        lesson.create_mlm_batch(*arguments)


def test_a_token_is_a_whole_number(lesson: ModuleType) -> None:
    with pytest.raises(TypeError, match="integer"):
        lesson.create_mlm_batch([6.5], 25)
