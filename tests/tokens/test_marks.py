"""Words that a segmenter marked: where they end, and that no mark becomes a token."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unmask.tokens.marks import BEGINS, INSIDE, MARK, breaks, unmarked, words_stream
from unmask.tokens.train import Kind, train
from unmask.tokens.words import marked_segments, segments

THAI = f"ภาษา{MARK}ไทย{MARK}เขียน ง่าย, มาก"
HAN = f"我們{MARK}在{MARK}這裡。寫句子"


def words_of(text: str) -> list[str]:
    plain = unmarked(text)
    return [plain[start:end] for start, end in marked_segments(plain, breaks(text))]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (THAI, ["ภาษา", "ไทย", "เขียน", "ง่าย", ",", "มาก"]),
        (HAN, ["我們", "在", "這裡", "。", "寫句子"]),
        (f"foo{MARK}bar {MARK}{MARK} end{MARK}", ["foo", "bar", "end"]),
        ("no marks, ไทย", ["no", "marks", ",", "ไทย"]),
        (MARK, []),
    ],
)
def test_words_end_at_marks_spaces_and_punctuation(text: str, words: list[str]) -> None:
    assert words_of(text) == words


@given(st.text(st.sampled_from(f"aж語ไน้ !,\u0301{MARK}")))
def test_marked_words_cover_what_is_not_white_space(text: str) -> None:
    plain = unmarked(text)
    cut = marked_segments(plain, breaks(text))
    covered = [place for start, end in cut for place in range(start, end)]
    assert covered == [place for start, end in segments(plain) for place in range(start, end)]
    starts = {start for start, _ in cut}
    assert all(at in starts or at not in covered for at in breaks(text) if at < len(plain))


@pytest.mark.parametrize("kind", ["wordpiece", "bpe"])
def test_marks_are_no_tokens_and_end_words(kind: Kind) -> None:
    texts = [unmarked(text) for text in (THAI, HAN)]
    # One merge more than none: nearly every character is a token of its own.
    tokenizer = train(texts * 3, kind=kind, vocab_size={"wordpiece": 140, "bpe": 262}[kind])
    marked = list(words_stream(tokenizer, [THAI, HAN], "marked"))
    plain = list(words_stream(tokenizer, texts, "characters"))
    for text, (ids, begins), (same, each) in zip(texts, marked, plain, strict=True):
        assert list(ids) == list(same) == list(tokenizer.encode(text).ids)
        assert len(begins) == len(ids)
        assert set(begins) <= {INSIDE, BEGINS}
        assert begins.count(BEGINS) <= each.count(BEGINS)
    assert len(marked[1][0]) > marked[1][1].count(BEGINS)  # Han: words of several tokens
    if kind == "bpe":  # no token reaches over a mark
        assert [begins.count(BEGINS) for _, begins in marked] == [6, 5]
