"""Encoding, decoding, roles and layouts of one tokenizer object."""

from __future__ import annotations

import json
import pickle
import threading
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import FrozenInstanceError
from typing import Any

import pytest
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st

from unmask.errors import TokenizerError
from unmask.tokens import Tokenizer

Spec = Callable[[str], dict[str, Any]]


def test_roles_of_a_trained_wordpiece(wordpiece: Tokenizer) -> None:
    assert wordpiece.tokens(range(5)) == ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    found = (wordpiece.pad_id, wordpiece.unk_id, wordpiece.cls_id, wordpiece.sep_id)
    assert found == (0, 1, 2, 3)
    assert wordpiece.mask_id == 4
    assert wordpiece.special_ids == frozenset(range(5))


def test_roles_do_not_depend_on_spelling(spec: Spec) -> None:
    tokenizer = Tokenizer.from_spec(spec("metaspace"))
    roles = (tokenizer.cls_id, tokenizer.pad_id, tokenizer.sep_id, tokenizer.unk_id)
    assert roles == (0, 1, 2, 3)
    assert tokenizer.id_to_token(tokenizer.mask_id) == "<mask>"


def test_layout_around_one_text_and_two(wordpiece: Tokenizer) -> None:
    assert (wordpiece.layout.prefix, wordpiece.layout.suffix) == ((2,), (3,))
    ids, segments = wordpiece.layout.pair.wrap([7, 8], [9])
    assert ids == [2, 7, 8, 3, 9, 3]
    assert segments == [0, 0, 0, 0, 1, 1]


def test_layout_is_what_the_library_makes(pipeline: tokenizers.Tokenizer) -> None:
    tokenizer = Tokenizer.from_spec(json.loads(pipeline.to_str()))
    first, second = "a quick fox", "it sleeps"
    bare = [pipeline.encode(text, add_special_tokens=False).ids for text in (first, second)]
    single, pair = pipeline.encode(first), pipeline.encode(first, second)
    layout = tokenizer.layout
    assert [*layout.prefix, *bare[0], *layout.suffix] == single.ids
    assert layout.pair.wrap(*bare) == (pair.ids, pair.type_ids)


def test_specials_stand_around_a_text_without_words(wordpiece: Tokenizer) -> None:
    encoded = wordpiece.encode("the fox", specials=True)
    assert (encoded.ids[0], encoded.ids[-1]) == (2, 3)
    assert (encoded.words[0], encoded.words[-1]) == (None, None)
    assert (encoded.offsets[0], encoded.offsets[-1]) == ((0, 0), (0, 0))
    bare = wordpiece.encode("the fox")
    assert encoded.ids[1:-1] == bare.ids
    assert encoded.words[1:-1] == bare.words == tuple(sorted(bare.words, key=lambda n: n or 0))


def test_offsets_are_of_the_original_text(wordpiece: Tokenizer, bpe: Tokenizer) -> None:
    text = "  The Naïve  FOX, nai\u0308ve\r\n"
    for tokenizer in (wordpiece, bpe):
        encoded = tokenizer.encode(text)
        spans = dict.fromkeys(s for s in encoded.offsets if text[slice(*s)].strip())
        assert "".join(text[a:b] for a, b in spans) == "".join(text.split())


SPELLED = "a [MASK] b [SEP] c </s> d <mask> e [CLS][PAD] f <s>"


def test_names_of_special_tokens_are_text(opened: Tokenizer) -> None:
    """In a Unigram or whole-word model the library's own switch does not reach."""
    silent = opened.special_ids - {opened.unk_id}
    encoded = opened.encode(SPELLED)
    assert silent.isdisjoint(encoded.ids)
    assert None not in encoded.words


def test_the_librarys_switch_alone_lets_special_tokens_through(
    spec: Spec,
) -> None:
    raw = tokenizers.Tokenizer.from_str(json.dumps(spec("metaspace")))
    raw.encode_special_tokens = True
    assert 2 in raw.encode("c </s>", add_special_tokens=False).ids  # why literal.py exists


def test_the_mask_counts_where_it_is_allowed(pipeline: tokenizers.Tokenizer) -> None:
    tokenizer = Tokenizer.from_spec(json.loads(pipeline.to_str()))
    if tokenizer.roles.mask is None:
        with pytest.raises(TokenizerError, match="no mask token"):
            tokenizer.encode("x", allow_mask=True)
        return
    name = tokenizer.id_to_token(tokenizer.mask_id)
    text = f"The quick {name} fox."
    encoded = tokenizer.encode(text, allow_mask=True)
    assert list(encoded.ids) == pipeline.encode(text, add_special_tokens=False).ids
    place = encoded.ids.index(tokenizer.mask_id)
    assert encoded.ids.count(tokenizer.mask_id) == 1
    assert encoded.words[place] is None
    assert text[slice(*encoded.offsets[place])] == name
    before, after = encoded.words[place - 1], encoded.words[place + 1]
    assert before is not None
    assert after == before + 1


def test_only_the_mask_counts_where_it_is_allowed(opened: Tokenizer) -> None:
    if opened.roles.mask is None:
        return
    others = opened.special_ids - {opened.unk_id, opened.mask_id}
    ids = opened.encode(SPELLED, allow_mask=True).ids
    assert others.isdisjoint(ids)
    assert ids.count(opened.mask_id) == 1


def test_a_byte_level_mask_takes_the_space_before_it(bpe: Tokenizer) -> None:
    encoded = bpe.encode("quick [MASK] fox", allow_mask=True)
    place = encoded.ids.index(bpe.mask_id)
    assert bpe.id_to_token(encoded.ids[place - 1]) != "Ġ"
    assert encoded.offsets[place] == (6, 12)


def test_decoding_gives_byte_level_text_back(bpe: Tokenizer) -> None:
    @given(st.text())
    @settings(deadline=None)
    def back(text: str) -> None:
        assert bpe.decode(bpe.encode(text).ids) == unicodedata.normalize("NFC", text)

    back()


def test_decoding_shows_special_tokens_only_when_asked(wordpiece: Tokenizer) -> None:
    ids = wordpiece.encode("the fox", specials=True).ids
    assert wordpiece.decode(ids) == "the fox"
    assert wordpiece.decode(ids, specials=True) == "[CLS] the fox [SEP]"


@pytest.mark.parametrize("index", [-1, 10**6, 2**40])
def test_an_unknown_id_is_an_error_and_not_left_out(bpe: Tokenizer, index: int) -> None:
    with pytest.raises(TokenizerError, match=f"id {index} is not in the vocabulary.*419"):
        bpe.decode([7, index])
    with pytest.raises(TokenizerError, match="not in the vocabulary"):
        bpe.id_to_token(index)


def test_token_strings(wordpiece: Tokenizer) -> None:
    assert wordpiece.token_to_id("no such token") is None
    for index in range(wordpiece.vocab_size):
        assert wordpiece.token_to_id(wordpiece.id_to_token(index)) == index


def test_a_lone_surrogate_is_an_error_that_names_its_text(bpe: Tokenizer) -> None:
    with pytest.raises(TokenizerError, match=r"text 2 .*U\+D83D at character 3.*UTF-8"):
        bpe.encode_batch(["fine", "also", "bad\ud83d", "fine"])


def test_what_is_not_text_is_an_error_that_names_its_place(bpe: Tokenizer) -> None:
    with pytest.raises(TokenizerError, match="text 1 is a int"):
        bpe.encode_batch(["fine", 3])  # type: ignore[list-item]
    with pytest.raises(TokenizerError, match="list of texts"):
        bpe.encode_batch("a string")


def test_a_stream_counts_texts_from_its_start(bpe: Tokenizer) -> None:
    texts = ["x"] * 25 + ["\udfff"] + ["x"] * 3
    for stream in (bpe.encode_stream(texts, batch=10), bpe.ids_stream(texts, batch=10)):
        with pytest.raises(TokenizerError, match="text 25 "):
            list(stream)
    with pytest.raises(TokenizerError, match="text 4 is a NoneType"):
        list(bpe.encode_stream(["x"] * 4 + [None]))  # type: ignore[list-item]


def test_streams_give_what_batches_give(bpe: Tokenizer, texts: list[str]) -> None:
    whole = bpe.encode_batch(texts)
    for size in (1, 3, 1000):
        assert list(bpe.encode_stream(texts, batch=size)) == whole
        assert [tuple(ids) for ids in bpe.ids_stream(texts, batch=size)] == [e.ids for e in whole]
    with pytest.raises(TokenizerError, match="at least one text"):
        list(bpe.encode_stream(texts, batch=0))


def test_a_stream_reads_only_what_it_needs(bpe: Tokenizer) -> None:
    asked = 0

    def endless() -> Iterator[str]:
        nonlocal asked
        while True:
            asked += 1
            yield "the fox"

    stream = bpe.encode_stream(endless(), batch=10)
    next(stream)
    assert asked == 10
    long = bpe.ids_stream("the fox " * 100_000 for _ in range(5))
    assert len(next(long)) == len(next(long))  # a batch is cut by its characters too


@pytest.mark.parametrize("text", ["", " ", " \n\t ", "\u3000"])
def test_texts_of_nothing(opened: Tokenizer, text: str) -> None:
    encoded = opened.encode(text)
    assert len(encoded.ids) == len(encoded.words) == len(encoded.offsets)
    framed = opened.encode(text, specials=True)
    extra = len(opened.layout.prefix) + len(opened.layout.suffix)
    assert len(framed) == len(encoded) + extra


@pytest.mark.parametrize("text", ["a" * 1_000_000, "ab " * 60_000, "字" * 60_000])
def test_very_long_texts(wordpiece: Tokenizer, bpe: Tokenizer, text: str) -> None:
    for tokenizer in (wordpiece, bpe):
        encoded = tokenizer.encode(text)
        assert encoded.offsets[-1][1] >= len(text.rstrip())
        assert len(encoded.words) == len(encoded)


def test_it_cannot_be_changed(bpe: Tokenizer) -> None:
    with pytest.raises(FrozenInstanceError):
        bpe.vocab_size = 7  # type: ignore[misc]


def test_equality_is_of_vocabulary_and_roles(
    spec: Spec, wordpiece: Tokenizer, bpe: Tokenizer
) -> None:
    again = Tokenizer.from_spec(json.loads(json.dumps(wordpiece._spec)))
    assert again == wordpiece
    assert hash(again) == hash(wordpiece)
    assert wordpiece != bpe
    assert wordpiece != "wordpiece"


def test_it_travels_to_another_process(bpe: Tokenizer) -> None:
    copy = pickle.loads(pickle.dumps(bpe))
    assert copy == bpe
    assert copy.training == bpe.training
    assert copy.encode("a [MASK]") == bpe.encode("a [MASK]")  # still text


def test_two_threads_can_use_one(spec: Spec, texts: list[str]) -> None:
    tokenizer = Tokenizer.from_spec(spec("template"))
    expected = Tokenizer.from_spec(spec("template")).encode_batch(texts)
    results: list[object] = []
    threads = [
        threading.Thread(target=lambda: results.append(tokenizer.encode_batch(texts)))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [expected, expected]


def test_vocab_size_is_what_an_embedding_needs_even_with_holes(spec: Spec) -> None:
    holed = spec("template")
    token, index = max(holed["model"]["vocab"].items(), key=lambda pair: pair[1])
    holed["model"]["vocab"][token] = index + 10
    assert Tokenizer.from_spec(holed).vocab_size == index + 11
    with pytest.raises(TokenizerError, match="not in the vocabulary"):
        Tokenizer.from_spec(holed).decode([index + 5])
