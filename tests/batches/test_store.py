"""The token store: what goes in comes out, keyed by what it was made of."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unmask.batches.store import META, OFFSETS, TOKENS, WORDS, TokenStore, build_store
from unmask.errors import CorruptText, TextError
from unmask.tokens.tokenizer import Tokenizer
from unmask.tokens.train import train

TEXTS = ["the cat sat on the mat", "a dog ran", "", "the dog sat", "unseen ☃ sign"]


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return train(TEXTS[:4] * 5, vocab_size=64)


def test_every_token_comes_back(tokenizer: Tokenizer, tmp_path: Path) -> None:
    store = build_store(tmp_path, TEXTS, tokenizer, "text")
    for number, text in enumerate(TEXTS):
        begin, end = store.offsets[number], store.offsets[number + 1]
        assert store.tokens[begin:end].tolist() == list(tokenizer.encode(text).ids)
    assert store.meta.documents == len(TEXTS)
    unknown = [i for text in TEXTS for i in tokenizer.encode(text).ids if i == tokenizer.unk_id]
    assert store.meta.unknown == len(unknown) > 0
    assert store.meta.dtype == "uint16"


def test_a_store_of_the_same_is_opened_and_not_built_again(
    tokenizer: Tokenizer, tmp_path: Path
) -> None:
    build_store(tmp_path, TEXTS, tokenizer, "text")

    def never() -> None:
        raise AssertionError("the texts were read again")

    again = build_store(tmp_path, (never() or "" for _ in range(1)), tokenizer, "text")
    assert again.meta.documents == len(TEXTS)


def test_a_store_of_other_text_is_replaced(tokenizer: Tokenizer, tmp_path: Path) -> None:
    build_store(tmp_path, TEXTS, tokenizer, "text")
    other = build_store(tmp_path, ["the cat"], tokenizer, "other text")
    assert other.tokens.tolist() == list(tokenizer.encode("the cat").ids)


def test_no_text_is_an_error(tokenizer: Tokenizer, tmp_path: Path) -> None:
    with pytest.raises(TextError, match="gives no token"):
        build_store(tmp_path, ["", " "], tokenizer, "text")
    with pytest.raises(TextError, match="must hold a finished token store"):
        TokenStore.open(tmp_path)


@pytest.mark.parametrize("name", [TOKENS, OFFSETS])
def test_a_file_of_another_length_is_an_error(
    tokenizer: Tokenizer, tmp_path: Path, name: str
) -> None:
    build_store(tmp_path, TEXTS, tokenizer, "text")
    (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:-1])
    with pytest.raises(CorruptText, match=f"{name}.*bytes, but has"):
        TokenStore.open(tmp_path)


def test_a_damaged_description_is_an_error(tokenizer: Tokenizer, tmp_path: Path) -> None:
    build_store(tmp_path, TEXTS, tokenizer, "text")
    meta = json.loads((tmp_path / META).read_text())
    (tmp_path / META).write_text(json.dumps({**meta, "surprise": 1}))
    with pytest.raises(TextError, match="unreadable"):
        TokenStore.open(tmp_path)


@settings(max_examples=25, deadline=None)
@given(texts=st.lists(st.text(st.characters(codec="utf-8"), max_size=40), max_size=20))
def test_any_texts(
    tmp_path_factory: pytest.TempPathFactory, tokenizer: Tokenizer, texts: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("store")
    expected = [list(tokenizer.encode(text).ids) for text in texts]
    if not any(expected):
        return
    store = build_store(folder, texts, tokenizer, "text")
    parts = np.split(np.asarray(store.tokens), store.offsets[1:-1])
    assert [part.tolist() for part in parts] == expected


def test_words_are_stored_where_they_are_asked_for(tokenizer: Tokenizer, tmp_path: Path) -> None:
    build_store(tmp_path, TEXTS, tokenizer, "text")
    told = build_store(tmp_path, TEXTS, tokenizer, "text", words="characters")
    assert told.begins is not None
    words = [tokenizer.encode(text).words for text in TEXTS]
    expected = [n == 0 or row[n] != row[n - 1] for row in words for n in range(len(row))]
    assert told.begins.tolist() == [int(begins) for begins in expected]
    # One with words serves those who do not ask, and is not built again.
    assert build_store(tmp_path, [], tokenizer, "text").meta == told.meta
    marked = build_store(tmp_path, TEXTS, tokenizer, "text", words="marked")
    assert marked.meta.words == "marked"
    plain = build_store(tmp_path, TEXTS, tokenizer, "text")  # not of a text without its marks
    assert plain.begins is None


def test_words_of_another_length_are_an_error(tokenizer: Tokenizer, tmp_path: Path) -> None:
    build_store(tmp_path, TEXTS, tokenizer, "text", words="characters")
    (tmp_path / WORDS).write_bytes(b"")
    with pytest.raises(CorruptText, match=r"words.bin.*bytes, but has"):
        TokenStore.open(tmp_path)
