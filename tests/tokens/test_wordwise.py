"""Words and their first tokens: raw text and given words, for tokenizers of every kind."""

from __future__ import annotations

import pytest

from unmask.errors import TokenizerError
from unmask.text.tags import CharSpan, WordSpan
from unmask.tokens import Tokenizer
from unmask.tokens.words import segments
from unmask.tokens.wordwise import Worded, worded_stream

NOTHING = "\u200d"  # joins what stands beside it, and is no word by itself


def worded(tokenizer: Tokenizer, source: str | list[str]) -> Worded:
    (found,) = worded_stream(tokenizer, [source])
    return found


def test_words_are_those_of_the_word_map(opened: Tokenizer, texts: list[str]) -> None:
    for text, found in zip(texts, worded_stream(opened, texts), strict=True):
        encoded = opened.encode(text)
        assert found.ids == encoded.ids
        cut = segments(text)
        for piece, (start, end) in zip(found.pieces, found.spans, strict=True):
            assert encoded.words[piece] is not None
            first, last = encoded.offsets[piece - 1]
            same = piece > 0 and encoded.words[piece] == encoded.words[piece - 1]
            assert not (same and text[first:last].strip())  # but for its own space
            assert text[start:end].strip() == text[start:end] != ""
        # Nothing visible is lost, and no segment is parted.
        starts = {start for start, _ in cut}
        assert {start for start, _ in found.spans} <= starts
        assert list(found.pieces) == sorted(set(found.pieces))


def test_given_words_own_what_lies_in_them(opened: Tokenizer) -> None:
    given = ["Ada", "U.S.", "snake_case", "dog", "日本語", "x"]
    found = worded(opened, given)
    assert found.text == " ".join(given)
    assert found.owners is not None
    assert found.given is not None
    assert [found.text[a:b] for a, b in found.given] == given
    assert list(found.owners) == sorted(found.owners)
    for owner, (start, end), inner in zip(found.owners, found.spans, found.inner, strict=True):
        first, last = found.given[owner]
        assert first <= start < last
        assert start == first or inner or end > last  # the first word begins the given one


def test_characters_of_words_are_those_words(opened: Tokenizer, texts: list[str]) -> None:
    for found in worded_stream(opened, texts):
        spans = [CharSpan(start, end, "x") for start, end in found.spans[::2]]
        touched = found.touched(spans)
        assert touched == [WordSpan(2 * n, 2 * n + 1, "x") for n in range(len(spans))]
        assert [found.characters(span) for span in touched] == spans
        if found.spans:
            whole = CharSpan(found.spans[0][0], found.spans[-1][1], "x")
            assert found.touched([whole]) == [WordSpan(0, len(found), "x")]


def test_a_word_is_of_the_first_span_that_touches_it(wordpiece: Tokenizer) -> None:
    found = worded(wordpiece, "the dogs, over")
    words = [found.text[start:end] for start, end in found.spans]
    assert words == ["the", "dogs", ",", "over"]
    spans = [CharSpan(4, 6, "a"), CharSpan(6, 8, "b"), CharSpan(9, 10, "c"), CharSpan(12, 14, "d")]
    # "do" has the word; "gs" has none left; the space is no word; "er" is read as "over".
    assert found.touched(spans) == [WordSpan(1, 2, "a"), WordSpan(3, 4, "d")]
    assert found.touched([CharSpan(6, 10, "e")]) == [WordSpan(1, 3, "e")]


def test_a_word_without_tokens_moves_no_other(wordpiece: Tokenizer) -> None:
    plain = worded(wordpiece, ["dog", "fox", "over"])
    with_it = worded(wordpiece, ["dog", NOTHING, "fox", "", "over", "\u0301"])
    assert plain.owners == (0, 1, 2)
    assert with_it.ids == plain.ids
    assert with_it.owners == (0, 2, 4)
    spans = [WordSpan(0, 2, "a"), WordSpan(2, 3, "b"), WordSpan(3, 4, "c"), WordSpan(4, 6, "d")]
    inwards = with_it.inwards(spans)
    assert inwards == [WordSpan(0, 1, "a"), WordSpan(1, 2, "b"), WordSpan(2, 3, "d")]
    assert with_it.outwards(inwards) == [
        WordSpan(0, 1, "a"), WordSpan(2, 3, "b"), WordSpan(4, 5, "d")
    ]  # fmt: skip


def test_spans_go_inwards_and_outwards(wordpiece: Tokenizer) -> None:
    found = worded(wordpiece, ["The", "U.S.", "fox", "snake_case", "!"])
    assert found.owners == (0, 1, 1, 1, 1, 2, 3, 3, 3, 4)
    assert found.inner == [False, False, True, True, True, False, False, True, True, False]
    spans = [WordSpan(1, 3, "a"), WordSpan(3, 4, "b")]
    assert found.inwards(spans) == [WordSpan(1, 6, "a"), WordSpan(6, 9, "b")]
    assert found.outwards(found.inwards(spans)) == spans
    plain = [WordSpan(place, place + 1, "N") for place in range(10)]
    assert found.outwards(plain) == [WordSpan(place, place + 1, "N") for place in range(5)]


def test_a_script_that_is_unknown_keeps_its_places(wordpiece: Tokenizer) -> None:
    text = "The ⵜⴰⵎⴰⵣⵉⵖⵜ ꦗꦮ, fox"
    found = worded(wordpiece, text)
    unknown = [place for place, one in enumerate(found.ids) if one == wordpiece.unk_id]
    assert len(unknown) >= 2
    words = [text[start:end] for start, end in found.spans]
    assert words == ["The", "ⵜⴰⵎⴰⵣⵉⵖⵜ", "ꦗꦮ", ",", "fox"]


def test_a_token_over_two_given_words_belongs_to_the_first() -> None:
    found = Worded("a b c", (1, 2), (0, 1), ((0, 3), (4, 5)), (0, 2), ((0, 1), (2, 3), (4, 5)))
    spans = [WordSpan(0, 1, "x"), WordSpan(1, 2, "y"), WordSpan(2, 3, "z")]
    assert found.inwards(spans) == [WordSpan(0, 1, "x"), WordSpan(1, 2, "z")]


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (3, r"text 7 is a int"),
        (["a", 4], r"text 7 has 4 among them"),
        ({"a": 1}, r"text 7 is a dict"),
        ("\ud800", r"text 7 .*lone surrogate"),
    ],
)
def test_what_is_no_text_is_refused_by_number(
    wordpiece: Tokenizer, source: object, words: str
) -> None:
    with pytest.raises(TokenizerError, match=words):
        list(worded_stream(wordpiece, [source], number=7))  # type: ignore[list-item]
