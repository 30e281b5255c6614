"""Tokenizers that spell words of six scripts in many pieces."""

from __future__ import annotations

import pytest

from tests.objectives.scripts import WORDS
from unmask.tokens.tokenizer import Tokenizer
from unmask.tokens.train import Kind, train


@pytest.fixture(scope="module", params=["wordpiece", "bpe"])
def tokenizer(request: pytest.FixtureRequest) -> Tokenizer:
    kind: Kind = request.param
    # Every character at the beginning of words and inside, and few pairs that occur twice: so
    # words are spelled in many pieces, and none is unknown.
    backwards, apart = (" ".join(word[::-1] for word in WORDS), " ".join("".join(WORDS)))
    texts = [" ".join(WORDS), backwards, backwards, apart, apart]
    made = train(texts, kind=kind, vocab_size={"wordpiece": 300, "bpe": 290}[kind])
    ids = made.encode(" ".join(WORDS)).ids
    assert len(ids) > 3 * len(WORDS)
    assert made.unk_id not in ids or kind == "bpe"
    return made
