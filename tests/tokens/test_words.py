"""The word map against a slow oracle, and the cases that the leading library gets wrong."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import regex
import tokenizers
from hypothesis import example, given, settings
from hypothesis import strategies as st

from unmask.tokens import Encoded, Tokenizer, segments, train, word_map

Span = tuple[int, int]
SPACE = regex.compile(r"\p{White_Space}")
SIGN = regex.compile(r"[\p{P}\p{S}\u200b]")
MARK = regex.compile(r"[\p{M}\u200c\u200d]")
UNSPACED = regex.compile(
    r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Bopomofo}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}ー]"
)
DIGIT = regex.compile(r"\p{Nd}")
CLINGING = regex.compile(r"[\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f\u0e33\u0eb3]")
FLAG = regex.compile(r"\p{Regional_Indicator}")
STACKER = regex.compile(r"[\u1039\u17d2\u1a60]")

# Words of six scripts and everything that sits between them.
PIECES = [
    *("fox", "naïve", "İstanbul", "ﬁx", "don't", "e\u0301", "x", "Straße", "A1"),
    *("булок", "ещё", "Й", "и\u0306"),
    *("كلمة", "العَرَبِيَّة", "لا", "٣٤"),
    *("हिन्दी", "क्ष", "में", "है।", "र्\u200dक"),
    *("日本語", "カタカナー", "漢字", "々", "ガ", "か\u3099", "\u3007", "⽇", "葛\U000e0100"),
    *("ภาษาไทย", "น้ำ", "เก่า", "๑๒", "ລາວ", "ខ្មែរ", "မြန်မာ", "ကမ္ဘာ"),
    *("👩‍👩‍👧", "🇩🇪🇫🇷", "👍🏽", "❤️", "1️⃣", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "\u200d", "\u200b"),
    *("!", "...", "(", ")", "—", "$5", "_", "-", "'", "。", "、", "«", "@"),
    *(" ", "  ", "\n", "\r\n", "\t", "\u00a0", "\u3000", "\u2028", "\u0085", "\x1c", "\x00"),
    *("[MASK]", "</s>", "한국어", "שלום", "\ufeff", "\ufffd"),
]
mixed = st.lists(st.sampled_from(PIECES), max_size=12).map("".join)


def oracle_segments(text: str) -> list[Span]:
    """Character by character: does it join the segment before it?"""
    found: list[list[int]] = []
    kind = "space"
    for place, character in enumerate(text):
        if SPACE.match(character):
            kind = "space"
            continue
        mark = bool(MARK.match(character))
        if SIGN.match(character):
            here = "sign"
        elif UNSPACED.match(character) and not mark and not DIGIT.match(character):
            here = "unspaced"
        else:
            here = "run"
        before = text[place - 1] if place else ""
        joins = kind != "space" and (
            mark
            or (here == "run" and kind == "run")
            or (kind in ("sign", "unspaced") and bool(CLINGING.match(character)))
            or (kind == "sign" and here == "sign" and before == "\u200d")
            or (kind == "unspaced" and here == "unspaced" and bool(STACKER.match(before)))
            or (bool(FLAG.match(character) and FLAG.match(before)) and place - found[-1][0] == 1)
        )
        if joins:
            found[-1][1] = place + 1
        else:
            found.append([place, place + 1])
            kind = here
    return [(start, end) for start, end in found]


def oracle_words(text: str, spans: Sequence[Span]) -> list[int]:
    """Tokens that touch one segment are one word; pairs are joined until nothing changes."""
    cuts = oracle_segments(text)
    touched = [
        {n for n, (a, b) in enumerate(cuts) if start < end and a < end and start < b}
        for start, end in spans
    ]
    groups = [set(some) for some in touched]
    changed = True
    while changed:
        changed = False
        for one in groups:
            for other in groups:
                if one & other and one != other:
                    one |= other
                    changed = True
    for place in reversed(range(len(spans))):
        if touched[place]:
            continue
        start, end = spans[place]
        follower = spans[place + 1] if place + 1 < len(spans) else None
        if (
            follower is not None
            and touched[place + 1]
            and follower[0] == end
            and not SPACE.match(text[end])
            and text[start:end] in ("", " ")
        ):
            groups[place] = groups[place + 1]
    inside = [
        place
        for place, group in enumerate(groups)
        if not group
        and any(groups[a] and groups[a] == groups[b] for a in range(place)
                for b in range(place + 1, len(groups)))
    ]  # fmt: skip
    for place in inside:
        groups[place] = next(g for g in reversed(groups[:place]) if g)
    numbers: list[int] = []
    for place, group in enumerate(groups):
        new = place == 0 or group != groups[place - 1]
        numbers.append((numbers[-1] if numbers else -1) + new)
    return numbers


def untrimmed(raw: tokenizers.Tokenizer) -> tokenizers.Tokenizer:
    """The same tokenizer with its offsets as they were before any post-processor."""
    spec = json.loads(raw.to_str())
    spec["post_processor"] = None
    bare = tokenizers.Tokenizer.from_str(json.dumps(spec))
    bare.encode_special_tokens = True
    return bare


@given(mixed)
@example("👩‍👩‍👧x")
@example(" \u0301a")
@example("🇩🇪🇫🇷🇮")
@example("🇩🇪🇫🇷\u200dfox")
@settings(deadline=None)
def test_segments_are_those_of_the_oracle(text: str) -> None:
    assert segments(text) == oracle_segments(text)


@given(st.text(max_size=40))
@settings(deadline=None)
def test_segments_cover_every_character_but_white_space_in_any_text(text: str) -> None:
    covered = [place for start, end in segments(text) for place in range(start, end)]
    assert covered == [n for n, character in enumerate(text) if not SPACE.match(character)]


@st.composite
def text_and_spans(draw: st.DrawFn) -> tuple[str, list[Span]]:
    """Spans as tokenizers give them: in order, with gaps, doubled, empty, across anything."""
    text = draw(mixed)
    spans: list[Span] = []
    place = 0
    for _ in range(draw(st.integers(0, 14))):
        start = min(len(text), place + draw(st.sampled_from([0, 0, 0, 0, 1])))
        end = min(len(text), start + draw(st.integers(0, 4)))
        spans += [(start, end)] * draw(st.sampled_from([1, 1, 1, 3] if end - start == 1 else [1]))
        place = end
    return text, spans


@given(text_and_spans())
@settings(max_examples=400, deadline=None)
def test_word_map_is_that_of_the_oracle_for_any_spans(case: tuple[str, list[Span]]) -> None:
    text, spans = case
    assert word_map(text, spans) == oracle_words(text, spans)


def test_word_map_is_that_of_the_oracle_for_every_tokenizer(
    pipeline: tokenizers.Tokenizer, opened: Tokenizer, texts: list[str]
) -> None:
    bare = untrimmed(pipeline)
    draw = random.Random(0)
    made = ["".join(draw.choices(PIECES, k=draw.randint(1, 12))) for _ in range(150)]
    for text in ["", " ", *texts, *made]:
        encoding = bare.encode(text, add_special_tokens=False)
        encoded = opened.encode(text)
        if any(index in opened.special_ids - {opened.unk_id} for index in encoding.ids):
            continue  # the library finds special tokens in text; see test_tokenizer
        assert list(encoded.ids) == encoding.ids
        assert list(encoded.words) == oracle_words(text, encoding.offsets), text


def stripped(text: str) -> str:
    """Without the white space at its ends; `str.strip` takes U+001C to U+001F off as well."""
    return str(regex.sub(r"^\p{White_Space}+|\p{White_Space}+$", "", text))


def test_words_keep_their_promises_in_every_tokenizer(opened: Tokenizer) -> None:
    @given(mixed)
    @example("\x1c\u2028🏴")
    @settings(max_examples=60, deadline=None)
    def promises(text: str) -> None:
        encoded = opened.encode(text)
        numbers = [number for number in encoded.words if number is not None]
        assert len(numbers) == len(encoded)  # every token of a text has a word
        assert numbers == sorted(numbers)
        assert set(numbers) == set(range(len(set(numbers))))
        crossing = {
            number
            for number, (start, end) in zip(numbers, encoded.offsets, strict=True)
            if SPACE.search(stripped(text[start:end]))
        }
        for number in set(numbers) - crossing:
            spans = [s for n, s in zip(numbers, encoded.offsets, strict=True) if n == number]
            whole = text[min(a for a, _ in spans) : max(b for _, b in spans)]
            assert not SPACE.search(stripped(whole))

    promises()


@pytest.mark.parametrize("kind", ["bpe", "wordpiece"])
def test_offsets_cover_all_text(kind: str, bpe: Tokenizer, wordpiece: Tokenizer) -> None:
    tokenizer = {"bpe": bpe, "wordpiece": wordpiece}[kind]

    @given(mixed)
    @settings(deadline=None)
    def cover(text: str) -> None:
        covered = {
            place for start, end in tokenizer.encode(text).offsets for place in range(start, end)
        }
        for place, character in enumerate(text):
            # BERT's normaliser drops control characters; a mark on nothing has no letter to go to.
            alone = MARK.match(character) and (place == 0 or place - 1 not in covered)
            dropped = kind == "wordpiece" and regex.match(r"[\p{C}\ufffd]", character)
            assert place in covered or alone or dropped or SPACE.match(character)

    cover()


HEADLINE = "The quick brown fox, unbelievably, jumps over Constantinople and antidisestablishment"


def touching_words(encoding: tokenizers.Encoding) -> int:
    """Words as the leading library counts them since 2025: runs of touching offsets."""
    ends = [-1] + [end for _, end in encoding.offsets]
    return sum(start != end for (start, _), end in zip(encoding.offsets, ends, strict=False))


def test_template_processing_over_bytes_is_not_one_word(
    spec: Callable[[str], dict[str, Any]],
) -> None:
    raw = tokenizers.Tokenizer.from_str(json.dumps(spec("template")))
    text = HEADLINE.replace(",", "")
    encoding = raw.encode(text, add_special_tokens=False)
    assert touching_words(encoding) == 1  # the failing case itself
    encoded = Tokenizer.from_spec(spec("template")).encode(text)
    assert len(set(encoded.words)) == len(text.split())
    assert len(encoded) > len(text.split()) * 2


def test_chinese_in_wordpiece_is_not_one_word(wordpiece: Tokenizer) -> None:
    text = "我們在這裡寫一個沒有空格的句子"
    encoding = tokenizers.Tokenizer.from_str(json.dumps(wordpiece._spec)).encode(
        text, add_special_tokens=False
    )
    assert touching_words(encoding) == 1  # the failing case itself
    encoded = wordpiece.encode(text)
    assert len(set(encoded.words)) == len(text)


def test_punctuation_is_no_part_of_its_neighbour(wordpiece: Tokenizer, bpe: Tokenizer) -> None:
    for tokenizer in (wordpiece, bpe):
        encoded = tokenizer.encode("dog, (dog) dog!")
        assert words_of(encoded, "dog, (dog) dog!") == ["dog", ",", "(", "dog", ")", "dog", "!"]


def words_of(encoded: Encoded, text: str) -> list[str]:
    """The text of each word, without the space before it."""
    spans: dict[int, Span] = {}
    for number, (start, end) in zip(encoded.words, encoded.offsets, strict=True):
        if number is not None:
            first, last = spans.get(number, (start, end))
            spans[number] = (min(first, start), max(last, end))
    return [text[a:b].strip() for a, b in spans.values()]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("untranslatable naïve", ["untranslatable", "naïve"]),
        ("नमस्ते दुनिया", ["नमस्ते", "दुनिया"]),
        ("ещё булок", ["ещё", "булок"]),
        ("日本語", ["日", "本", "語"]),
        ("น้ำกา", ["น้ำ", "ก", "า"]),
        ("ខ្មែរ", ["ខ្មែ", "រ"]),
        ("👩‍👩‍👧👍🏽❤️🇩🇪🇫🇷", ["👩‍👩‍👧", "👍🏽", "❤️", "🇩🇪", "🇫🇷"]),
        ("x手机y", ["x", "手", "机", "y"]),
        ("A\u00a0B\r\nC", ["A", "B", "C"]),
    ],
)
def test_words_of_single_characters(text: str, words: list[str]) -> None:
    spans = [(place, place + 1) for place in range(len(text)) if not text[place].isspace()]
    numbers = word_map(text, spans)
    found = [
        "".join(text[a:b] for (a, b), m in zip(spans, numbers, strict=True) if m == n)
        for n in range(max(numbers) + 1)
    ]
    assert found == words


def test_a_token_across_characters_makes_them_one_word() -> None:
    assert word_map("日本語", [(0, 2), (2, 3)]) == [0, 1]
    assert word_map("dog...", [(0, 3), (3, 5), (5, 6)]) == [0, 1, 2]
    assert word_map("dog,", [(0, 4)]) == [0]


def test_tokens_that_share_a_character_are_one_word(bpe: Tokenizer) -> None:
    encoded = bpe.encode("鬱鬱")  # not in the training text: three bytes each
    assert encoded.words == (0, 0, 0, 1, 1, 1)


def test_a_space_belongs_to_the_word_after_it_and_other_white_space_to_itself() -> None:
    text = "a  b\nc "
    spans = [(place, place + 1) for place in range(len(text))]
    assert word_map(text, spans) == [0, 1, 2, 2, 3, 4, 5]


def test_words_survive_every_text_of_the_training_set(
    wordpiece: Tokenizer, texts: list[str]
) -> None:
    rebuilt = train(texts * 3, vocab_size=420)
    assert [rebuilt.encode(t).words for t in texts] == [wordpiece.encode(t).words for t in texts]
