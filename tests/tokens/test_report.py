"""The figures of a tokenizer on a text."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from unmask.errors import TokenizerError
from unmask.tokens import FragmentedWord, Tokenizer, report, train


@pytest.fixture(scope="module")
def small() -> Tokenizer:
    return train(["the fox sees the dog"] * 20, vocab_size=400)


def test_figures_by_hand(small: Tokenizer) -> None:
    texts = ["the fox, the dog", "the foxes ☃☃"]
    result = report(small, texts)
    pieces = small.tokens(small.encode("foxes").ids)
    assert pieces == ["fox", "##es"]
    assert result.texts == 2
    assert result.words == 5 + 3
    assert result.tokens == 5 + 1 + len(pieces) + 1
    assert result.characters == len("".join(texts))
    assert result.tokens_per_word == pytest.approx(result.tokens / 8)
    assert result.characters_per_token == pytest.approx(result.characters / result.tokens)
    assert result.unknown_share == pytest.approx(1 / result.tokens)
    assert result.unknown_character_share == pytest.approx(2 / result.characters)
    assert result.vocab_size == small.vocab_size
    used = {i for text in texts for i in small.encode(text).ids} - small.special_ids
    assert result.vocabulary_used == pytest.approx(len(used) / (small.vocab_size - 5))
    assert result.fragmented == (FragmentedWord("foxes", tuple(pieces), 1),)


def test_the_costliest_words_come_first(small: Tokenizer) -> None:
    texts = ["zzzzzz"] + ["qqq"] * 10 + ["Vx"] * 3
    worst = report(small, texts).fragmented
    assert [word.text for word in worst] == ["qqq", "zzzzzz", "Vx"]
    assert [word.count for word in worst] == [10, 1, 3]
    assert worst[0].pieces == ("q", "##q", "##q")


def test_ten_words_at_most(bpe: Tokenizer) -> None:
    result = report(bpe, [f"zxq{letter}jvw" for letter in "abcdefghijklmnop"])
    assert len(result.fragmented) == 10
    assert all(word.text.startswith("zxq") for word in result.fragmented)


def test_white_space_is_no_word(bpe: Tokenizer) -> None:
    result = report(bpe, ["fox\n\n\n  fox \n"])
    assert result.words == 2


def test_no_text_gives_zeros(small: Tokenizer) -> None:
    result = report(small, [])
    assert (result.texts, result.tokens, result.words) == (0, 0, 0)
    assert (result.tokens_per_word, result.unknown_share, result.vocabulary_used) == (0, 0, 0)
    assert result.fragmented == ()


def test_it_reads_a_stream_of_many_texts(small: Tokenizer) -> None:
    def stream() -> Iterator[str]:
        for number in range(3000):
            yield "the fox" if number % 2 else "the dog sees"

    result = report(small, stream())
    assert (result.texts, result.words) == (3000, 7500)


def test_the_table_of_words_stays_small(small: Tokenizer, monkeypatch: pytest.MonkeyPatch) -> None:
    module = sys.modules["unmask.tokens.report"]
    monkeypatch.setattr(module, "_TABLE", 20)
    common = ["zebra"] * 30
    rare = [f"q{a}{b}z" for a in "bcdfghjkl" for b in "bcdfghjkl"]
    worst = report(small, [*common, *rare, *common]).fragmented
    assert worst[0].text == "zebra"
    assert worst[0].count == 60


def test_bad_text_is_an_error(small: Tokenizer) -> None:
    with pytest.raises(TokenizerError, match="text 1 "):
        report(small, ["fine", "\ud800"])
