"""Tokens of one tokenizer found in another."""

from __future__ import annotations

import pytest

from tests.tokens.conftest import BUILDERS, spec_of
from unmask.tokens import Tokenizer, train
from unmask.tokens.surface import convention, translate

WAYS = {
    "wordpiece": "wordpiece",
    "bytelevel": "bytes",
    "roberta": "bytes",
    "metaspace": "metaspace",
    "llama-like": "metaspace",
    "whole-word": None,
}


@pytest.mark.parametrize("name", WAYS)
def test_conventions(name: str) -> None:
    assert convention(Tokenizer.from_spec(spec_of(name))) == WAYS[name]


@pytest.mark.parametrize("name", sorted(BUILDERS))
def test_a_tokenizer_finds_all_of_itself(name: str) -> None:
    own = Tokenizer.from_spec(spec_of(name))
    said = translate(own, own)
    ids = [index for index in range(own.vocab_size) if own.has_id(index)]
    assert said.sources == {index: (index,) for index in ids}
    assert (said.copied, said.averaged, said.drawn) == (len(ids), 0, 0)


@pytest.mark.parametrize("old", ["wordpiece", "bytelevel", "metaspace", "llama-like", "whole-word"])
@pytest.mark.parametrize("new", ["wordpiece", "bytelevel", "metaspace", "whole-word"])
def test_all_kinds_translate(old: str, new: str) -> None:
    one, two = Tokenizer.from_spec(spec_of(old)), Tokenizer.from_spec(spec_of(new))
    said = translate(one, two)
    assert said.copied + said.averaged + said.drawn == sum(map(two.has_id, range(two.vocab_size)))
    for role in ("cls", "sep", "mask", "pad", "unk"):
        now, was = two.roles.get(role), one.roles.get(role)  # type: ignore[arg-type]
        if now is not None and was is not None:
            assert said.sources[now] == (was,)
    ordinary = set(range(two.vocab_size)) - two.special_ids
    for index in ordinary:
        assert not set(said.sources.get(index, ())) & one.special_ids
    assert said.copied >= len(two.special_ids)


def test_marks_of_words_are_translated() -> None:
    wordpiece = train(["dog the jumping going, all of it, is seen"] * 3, vocab_size=250)
    bpe = train(["dog the jumping going, all of it, is seen"] * 3, kind="bpe", vocab_size=300)
    said = translate(wordpiece, bpe)
    assert wordpiece.token_to_id("##ing") is not None

    def source(token: str) -> list[str]:
        index = bpe.token_to_id(token)
        assert index is not None
        return wordpiece.tokens(said.sources[index])

    assert source("Ġthe") == ["the"]
    assert source("ing") == ["##ing"]
    assert source("s") == ["##s"]
    assert source("Ġof") == ["of"]
    assert source(".") == ["."]
    # Case folds where the old tokenizer folds it.
    assert source("T") == ["t"]
    half = bpe.token_to_id("Ð")  # the first byte of a Cyrillic letter
    assert half is not None
    assert half not in said.sources
