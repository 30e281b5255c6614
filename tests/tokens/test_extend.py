"""Words added to a tokenizer: they are tokens, and nothing else changes that need not."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tokenizers
import transformers
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tokenizers import decoders, models, pre_tokenizers

from tests.tokens.conftest import BUILDERS, TEXTS, spec_of
from unmask.errors import TokenizerError
from unmask.tokens import Tokenizer, train
from unmask.tokens.extend import Extension, count_words, extend

GROWS = sorted(set(BUILDERS) - {"whole-word"})
FIELD = [
    "Glomerulonephritis and thrombocytopenia; the glomerulonephritides, a glomerulonephritis.",
    "Thrombocytopenia (thrombocytopenia) in nephrology, nephrologist and nephrology again",
    "sha1 sha1 sha1 nephrology thrombocytopenia, 31337 31337 31337, -----, naïveté naïveté",
]


def grown(tokenizer: Tokenizer, texts: list[str], **options: int) -> Extension:
    return extend(count_words(tokenizer, texts), **{"min_count": 1, **options})


def check(old: Tokenizer, extension: Extension, texts: list[str]) -> None:
    """What holds for every extension."""
    new = extension.tokenizer
    assert [new.id_to_token(i) for i in range(old.vocab_size)] == [
        old.id_to_token(i) for i in range(old.vocab_size)
    ]
    assert (new.roles, new.layout, new.special_ids) == (old.roles, old.layout, old.special_ids)
    assert sorted(extension.rows) == list(range(old.vocab_size, new.vocab_size))
    assert all(0 <= i < old.vocab_size for ids in extension.rows.values() for i in ids)
    for word in extension.words:
        assert new.id_to_token(word.id) == word.token
        assert any((word.id,) == new.encode(s + word.text).ids for s in ("", " "))
        pieces = tuple(old.tokens(extension.rows[word.id])) if word.id in extension.rows else ()
        assert pieces in ((), word.pieces)
    for text in texts:
        before, after = old.encode(text), new.encode(text)
        texts_of = new.decode(after.ids), old.decode(before.ids)
        if old.spec["decoder"] is None:  # then tokens are set apart by spaces
            texts_of = tuple(one.replace(" ", "") for one in texts_of)
        assert texts_of[0] == texts_of[1]
        # WordPiece takes the longest beginning, even where a shorter one leaves fewer pieces: with
        # the new word "cc" that of "ccdé", which was "c" and "##cdé", is followed by two.
        if old.spec["model"]["type"] != "WordPiece":
            assert len(after) <= len(before)
        assert after.words[-1:] == before.words[-1:]
        if not set(after.ids) & extension.rows.keys():
            assert after == before


@pytest.mark.parametrize("name", GROWS)
def test_words_become_tokens_in_every_kind(name: str) -> None:
    old = Tokenizer.from_spec(spec_of(name))
    extension = grown(old, [*FIELD, *TEXTS], add=12)
    check(old, extension, [*FIELD, *TEXTS])
    assert extension.words
    # A model without a pre-tokenizer has no words that it would not cut.
    if name not in ("llama-like", "metaspace-never-unsplit"):
        assert "thrombocytopenia" in {word.text.lower() for word in extension.words}
        assert len(extension.words) == 12


@pytest.mark.parametrize("name", ["wordpiece", "bytelevel", "roberta", "metaspace"])
def test_transformers_gives_the_same_ids(name: str, tmp_path: Path) -> None:
    extension = grown(Tokenizer.from_spec(spec_of(name)), FIELD, add=10)
    extension.tokenizer.save_pretrained(tmp_path)
    theirs = transformers.AutoTokenizer.from_pretrained(tmp_path)
    assert len(theirs) == extension.tokenizer.vocab_size
    for text in [*FIELD, *TEXTS[:-1]]:
        assert theirs(text, add_special_tokens=False)["input_ids"] == list(
            extension.tokenizer.encode(text).ids
        )
    assert Tokenizer.from_pretrained(tmp_path).digest == extension.tokenizer.digest


LETTERS = st.text(alphabet="abcdé ", min_size=1, max_size=40)


@pytest.mark.parametrize("kind", ["wordpiece", "bpe"])
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(learnt=st.lists(LETTERS, min_size=1), read=st.lists(LETTERS, min_size=1), other=LETTERS)
def test_any_text(kind: str, learnt: list[str], read: list[str], other: str) -> None:
    old = train(["abcdé", *learnt], kind=kind, vocab_size=300)  # type: ignore[arg-type]
    extension = grown(old, read, add=5)
    check(old, extension, [*learnt, *read, other])
    text = "".join(read)
    for word in extension.words:
        assert all(piece in old.tokens(range(old.vocab_size)) for piece in word.pieces)
        assert word.text in old.decode(old.encode(text).ids) or len(read) > 1
    assert grown(old, read, add=5) == extension


@pytest.fixture
def tiny() -> Tokenizer:
    """Letters, and "hea" and "##rt"."""
    vocab = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"hearts1-", "hea", "##rt"]
    vocab += [f"##{letter}" for letter in "hearts1"]
    raw = tokenizers.Tokenizer(
        models.WordPiece({token: i for i, token in enumerate(vocab)}, unk_token="[UNK]")
    )
    raw.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    raw.decoder = decoders.WordPiece()
    return Tokenizer.from_spec(json.loads(raw.to_str()))


def test_words_that_begin_with_a_new_word_change_and_are_counted(tiny: Tokenizer) -> None:
    extension = grown(tiny, ["heart heart heart", "hearts heath 11 11 111 -1"], add=1)
    assert [(w.text, w.token, w.id, w.pieces, w.count) for w in extension.words] == [
        ("heart", "heart", tiny.vocab_size, ("hea", "##rt"), 3)
    ]
    assert extension.changed == 1
    assert extension.examples == (("hearts", ("hea", "##rt", "##s"), ("heart", "##s")),)
    assert extension.left_out == {"no letter in them": 2}


def test_words_that_save_most_come_first(tiny: Tokenizer) -> None:
    texts = ["rats rats rats rats", "tear tear tear", "hats"]
    assert [word.text for word in grown(tiny, texts, add=9).words] == ["rats", "tear", "hats"]
    assert [word.text for word in grown(tiny, texts, add=1).words] == ["rats"]
    assert [word.text for word in grown(tiny, texts, min_count=3).words] == ["rats", "tear"]
    assert grown(tiny, texts, min_pieces=5).words == ()


def test_a_word_that_would_make_others_unknown_is_left_out(tiny: Tokenizer) -> None:
    vocab = [t for t, _ in sorted(tiny.spec["model"]["vocab"].items(), key=lambda p: int(p[1]))]
    vocab[vocab.index("##s")] = "##tse"  # so that no single "##s" is left, nor a way back
    spec = {
        **tiny.spec,
        "model": {**tiny.spec["model"], "vocab": {token: i for i, token in enumerate(vocab)}},
    }
    old = Tokenizer.from_spec(spec)
    assert old.tokens(old.encode("eatse eat").ids) == ["e", "##a", "##tse", "e", "##a", "##t"]
    # With "eat" a token, nothing could follow it in "eatse". A piece that reaches beyond "the" is
    # not there.
    extension = grown(old, ["eat eat eat the"], add=5)
    assert [word.text for word in extension.words] == ["the"]
    assert extension.left_out == {"other words that begin so could no longer be spelled": 1}
    check(old, extension, ["eat eatse the there"])


def test_merges_come_last_and_work_on_the_old_pieces() -> None:
    vocab = {token: i for i, token in enumerate(["a", "b", "c", "d", "ab", "cd"])}
    raw = tokenizers.Tokenizer(models.BPE(vocab, [("c", "d"), ("a", "b")]))
    raw.pre_tokenizer = pre_tokenizers.Whitespace()
    old = Tokenizer.from_spec(json.loads(raw.to_str()))
    extension = grown(old, ["abcda abcda abcda", "cdab cdab", "bcda"], min_count=2)
    assert [word.token for word in extension.words] == ["abcda", "cdab"]
    model = extension.tokenizer.spec["model"]
    assert [list(merge) for merge in model["merges"]] == [
        ["c", "d"], ["a", "b"], ["ab", "cd"], ["abcd", "a"], ["cd", "ab"],
    ]  # fmt: skip
    # "abcd" was joined on the way, and has a row of its own.
    assert extension.rows == {6: (4, 5), 7: (4, 5, 0), 8: (5, 4)}
    assert extension.tokenizer.tokens(extension.tokenizer.encode("bcda").ids) == ["b", "cd", "a"]


def test_a_word_whose_end_an_earlier_word_joins_becomes_a_token_too() -> None:
    vocab = {token: i for i, token in enumerate(["a", "b", "c", "d", "ab", "cd"])}
    raw = tokenizers.Tokenizer(models.BPE(vocab, [("c", "d"), ("a", "b")]))
    raw.pre_tokenizer = pre_tokenizers.Whitespace()
    old = Tokenizer.from_spec(json.loads(raw.to_str()))
    extension = grown(old, ["abcd abcd abcd abcd abcd", "cdabcd cdabcd"])
    assert [word.token for word in extension.words] == ["abcd", "cdabcd"]
    merges = [list(merge) for merge in extension.tokenizer.spec["model"]["merges"]]
    assert merges[2:] == [["ab", "cd"], ["cd", "abcd"]]
    assert extension.rows == {6: (4, 5), 7: (5, 4, 5)}


def test_a_word_of_other_new_words_becomes_a_token_too() -> None:
    pieces = [("<unk>", 0.0), *((letter, -2.0) for letter in "abcd")]
    raw = tokenizers.Tokenizer(models.Unigram(pieces, 0))
    raw.pre_tokenizer = pre_tokenizers.Whitespace()
    old = Tokenizer.from_spec(json.loads(raw.to_str()))
    extension = grown(old, ["abcd abcd abcd abcd", "ab ab ab cd cd cd"])
    assert [word.token for word in extension.words] == ["abcd", "ab", "cd"]
    check(old, extension, ["abcd ab cd abc bcd cdab"])
    assert extension.tokenizer.tokens(extension.tokenizer.encode("cdab").ids) == ["cd", "ab"]


def test_added_tokens_behind_the_vocabulary_stay_where_they_are(bpe: Tokenizer) -> None:
    """As in ModernBERT's file, where the special tokens are in no model."""
    spec: dict[str, Any] = json.loads(json.dumps(bpe.spec))
    names = [entry["content"] for entry in spec["added_tokens"]]
    rest = [t for t, _ in sorted(spec["model"]["vocab"].items(), key=lambda p: int(p[1]))]
    rest = [token for token in rest if token not in names]
    spec["model"]["vocab"] = {token: i for i, token in enumerate(rest)}
    for number, entry in enumerate(spec["added_tokens"]):
        entry["id"] = len(rest) + number
    for name, entry in spec["post_processor"]["special_tokens"].items():
        entry["ids"] = [len(rest) + names.index(name)]
    old = Tokenizer.from_spec(spec)
    check(old, grown(old, FIELD, add=8), [*FIELD, *TEXTS])


def test_what_cannot_be_added_is_counted(bpe: Tokenizer) -> None:
    extension = grown(bpe, [*FIELD, "x" * 150], add=500)
    reasons = extension.left_out
    # "sha1" and " sha1".
    assert reasons["the tokenizer cuts them before it looks for tokens"] == 2
    assert reasons["no letter in them"] >= 1
    assert reasons["too long"] == 1


def test_words_with_unknown_letters_are_left_out() -> None:
    old = Tokenizer.from_spec(spec_of("metaspace"))
    assert old.unk_id in old.encode("nephro\u0416\u04c1logy").ids
    extension = grown(old, ["nephro\u0416\u04c1logy"] * 3)
    assert extension.words == ()
    assert extension.left_out == {"a piece is unknown": 1}


def refused(change: Callable[[dict[str, Any]], Any], message: str, name: str = "wordpiece") -> None:
    spec = spec_of(name)
    change(spec)
    with pytest.raises(TokenizerError, match=message):
        grown(Tokenizer.from_spec(spec), FIELD)


def test_models_without_pieces_are_refused() -> None:
    refused(
        lambda spec: None, r"WordPiece, BPE, Unigram models, and this .* WordLevel", "whole-word"
    )


def test_ends_of_words_are_refused() -> None:
    vocab = {"a</w>": 0, "b": 1, "a": 2, "b</w>": 3}
    raw = tokenizers.Tokenizer(models.BPE(vocab, [], end_of_word_suffix="</w>"))
    old = Tokenizer.from_spec(json.loads(raw.to_str()))
    with pytest.raises(TokenizerError, match=r"without end_of_word_suffix, but .* '</w>'"):
        grown(old, ["ab"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"add": 0}, "add must be at least 1, not 0"),
        ({"min_count": 0}, "min_count must be at least 1, not 0"),
        ({"min_pieces": 1}, "min_pieces must be at least 2, not 1: a word of one piece"),
    ],
)
def test_numbers_out_of_range(options: dict[str, int], message: str, tiny: Tokenizer) -> None:
    with pytest.raises(TokenizerError, match=message):
        grown(tiny, ["heart"], **options)
