"""The bounded, even sample that training reads."""

from __future__ import annotations

import pytest

from unmask.errors import TokenizerError
from unmask.tokens.sample import Sample


def sampled(texts: list[str], max_bytes: int) -> Sample:
    sample = Sample(max_bytes)
    for text in texts:
        sample.add(text)
    return sample


def test_text_that_fits_is_kept_whole_and_in_order() -> None:
    texts = ["one", "two", "", "three ☃"]
    sample = sampled(texts, 1000)
    assert list(sample) == texts
    assert (sample.documents, sample.level) == (4, 0)
    assert sample.held_bytes == sample.offered_bytes == len("".join(texts).encode())


def test_text_that_does_not_fit_is_sampled_evenly() -> None:
    texts = [f"{number:06d}" for number in range(20_000)]
    sample = sampled(texts, 12_000)
    kept = [int(text) for text in sample]
    assert kept == sorted(kept)
    assert sample.held_bytes == 6 * len(kept) <= 12_000
    assert sample.offered_bytes == 120_000
    assert 2**sample.level == 16
    expected = 20_000 / 16
    assert abs(len(kept) - expected) < 0.05 * expected
    for tenth in range(10):  # as many from every part of the text
        here = sum(tenth * 2000 <= number < (tenth + 1) * 2000 for number in kept)
        assert abs(here - expected / 10) < 0.25 * expected / 10
    for period in (2, 3, 5, 7, 10):  # and from every phase of a pattern in it
        here = sum(number % period == 0 for number in kept)
        assert abs(here - len(kept) / period) < 0.2 * len(kept) / period


def test_the_same_texts_give_the_same_sample() -> None:
    texts = [f"text {number}" for number in range(5000)]
    assert list(sampled(texts, 3000)) == list(sampled(texts, 3000))


def test_texts_that_are_all_the_same_are_sampled_too() -> None:
    sample = sampled(["again"] * 10_000, 1000)
    assert 50 <= len(sample) <= 200


def test_a_long_document_is_offered_in_blocks() -> None:
    document = " ".join(f"word{number}" for number in range(100_000))
    sample = sampled([document], 10**9)
    assert len(sample) > 10
    assert "".join(sample) == document
    assert all(len(block) <= 2 * 65_536 for block in sample)
    assert all(not block[0].isalnum() for block in list(sample)[1:])  # cut before a word
    few = sampled([document], 200_000)
    assert few.level > 0
    assert few.held_bytes <= 200_000


def test_a_document_without_spaces_is_cut_all_the_same() -> None:
    document = "字" * 300_000
    sample = sampled([document], 10**9)
    assert "".join(sample) == document
    assert len(sample) > 1


def test_the_last_block_stays() -> None:
    sample = sampled(["much too long"], 3)
    assert list(sample) == ["much too long"]
    for _ in range(70):
        sample.halve()
    assert len(sample) == 1


def test_bad_texts_and_bounds_are_errors() -> None:
    with pytest.raises(TokenizerError, match="max_bytes must be positive, not 0"):
        Sample(0)
    with pytest.raises(TokenizerError, match=r"text 1 .*U\+DC00"):
        sampled(["fine", "\udc00"], 100)
    with pytest.raises(TokenizerError, match="text 0 is a bytes"):
        sampled([b"bytes"], 100)  # type: ignore[list-item]
