"""Texts that are empty, odd, huge or no texts, through every pipeline of every architecture."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.contract.folders import CONTEXT, Folders, fields_of, unsealed
from tests.verbs.labelled import write_csv
from unmask.arch.registry import ARCHS
from unmask.checkpoint.folder import open_classifier
from unmask.checkpoint.use import Use
from unmask.errors import ConfigError, TextError, TokenizerError, TooLong
from unmask.pipelines.classify import Classifier
from unmask.pipelines.embed import Embedder
from unmask.pipelines.encode import Encoder
from unmask.pipelines.fill import FillMask
from unmask.pipelines.generate import Generator
from unmask.pipelines.pair import PairClassifier, ZeroShot
from unmask.pipelines.regress import Regressor
from unmask.pipelines.rerank import Reranker
from unmask.tokens import Tokenizer
from unmask.verbs.finetune import finetune

pytestmark = [
    pytest.mark.usefixtures("one_thread"),
    pytest.mark.filterwarnings("ignore:.*longer than:UserWarning"),
    pytest.mark.filterwarnings("ignore:.*mostly unknown tokens:UserWarning"),
]

every = pytest.mark.parametrize("arch", ARCHS)
MASKED = [arch for arch in ARCHS if arch not in ("decoder", "elmo")]

ODD = {
    "empty": "",
    "spaces": "   ",
    "lines": "\n\r\n\t\v\f\u2028\u2029",
    "no width": "\u200b\u200c\u200d\u2060\ufeff",
    "controls": "".join(map(chr, (*range(1, 32), *range(127, 160)))),
    "NUL": "\0the\0cat\0",
    "families": "👩‍👩‍👧‍👦 👨🏽‍🚀 🏳️‍🌈",
    "flags": "🇩🇪🇫🇷🇬",
    "marks": "e\u0301" * 5 + "\u0301\u0301",
    "right to left": "\u202ethe cat\u202c",
    "not characters": "\ufffe\uffff\U0010ffff",
    "specials": "[CLS] the [SEP] cat [PAD] [UNK] </s> <s>",
    "name with a NUL": "\0special 0\0",
}
MILLION = {
    "a word": "a" * 1_000_000,
    "words": "the cat " * 125_000,
    "spaces": " " * 1_000_000,
    "marks": "\u0301" * 1_000_000,
}
HUNDRED_THOUSAND = "the cat " * 50_000
"""Words, of which each is a token."""
NO_TEXTS: tuple[Any, ...] = (None, b"the cat", 3, 2.5, ["the cat"], np.array("the cat"), object())


def _same(one: np.ndarray[Any, Any], two: np.ndarray[Any, Any]) -> None:
    np.testing.assert_allclose(one, two, rtol=0, atol=2e-5)


# Odd texts: the answer beside others is the answer alone


@every
def test_states_of_odd_texts(folders: Folders, arch: str) -> None:
    encoder = Encoder.from_pretrained(folders(arch, "encoder"))
    found = encoder(list(ODD.values()))
    for number, text in enumerate(ODD.values()):
        alone = encoder([text])
        assert alone.lengths == (found.lengths[number],)
        assert torch.isfinite(alone[0]).all()
        _same(found[number].numpy(), alone[0].numpy())
    assert found.lengths[0] == 2  # of the empty text the two special tokens


@every
@pytest.mark.parametrize("on_long", ["truncate", "chunk"])
def test_labels_scores_and_vectors_of_odd_texts(folders: Folders, arch: str, on_long: Any) -> None:
    texts = list(ODD.values())
    classifier = Classifier.from_pretrained(folders(arch, "sequence"))
    reranker = Reranker.from_pretrained(folders(arch, "sequence"))
    embedder = Embedder.from_pretrained(folders(arch, "encoder"), pooling="mean")
    said = classifier.predict(texts, on_long=on_long, scores=True)
    vectors = embedder.encode(texts, on_long=on_long)
    pairs = reranker.predict([(text, "the cat") for text in texts])
    for number, text in enumerate(texts):
        (alone,) = classifier.predict([text], on_long=on_long, scores=True)
        assert alone["tokens"] == said[number]["tokens"]
        for label, score in alone["scores"].items():
            assert score == pytest.approx(said[number]["scores"][label], abs=2e-5)
        _same(vectors[number], embedder.encode([text], on_long=on_long)[0])
        _same(pairs[number], reranker.predict([(text, "the cat")])[0])


@pytest.mark.parametrize("arch", MASKED)
def test_guesses_in_odd_texts(folders: Folders, arch: str) -> None:
    fill = FillMask.from_pretrained(folders(arch))
    texts = [f"{text} [MASK]" for text in ODD.values()]
    for text, guesses in zip(texts, fill(texts, on_long="chunk"), strict=True):
        alone = fill(text, on_long="chunk")
        assert [guess["score"] for guess in alone] == pytest.approx(
            [guess["score"] for guess in guesses], abs=2e-5
        )
        head = text.removesuffix("[MASK]").rstrip()
        assert all(guess["text"].startswith(head) for guess in guesses)
        assert not any("[MASK]" in guess["text"] for guess in guesses)


@pytest.mark.parametrize("arch", ["elmo", "decoder"])
def test_what_predicts_other_tokens_fills_no_blanks(folders: Folders, arch: str) -> None:
    with pytest.raises(Exception, match="blanks are filled by a masked language model"):
        FillMask.from_pretrained(folders(arch))


def test_odd_texts_go_on(folders: Folders) -> None:
    generator = Generator.from_pretrained(folders("decoder"))
    texts = [text for text in ODD.values() if len(text) < 15]
    for text, found in zip(texts, generator(texts, 4), strict=True):
        assert found == generator([text], 4)[0]


def test_only_ids_with_a_token_are_written(folders: Folders) -> None:
    """The table has more rows than the tokenizer has ids, and one of them is the best of all."""
    generator = Generator.from_pretrained(folders("decoder"))
    rows, ids = 160, generator.tokenizer.named_ids
    assert len(ids) < rows
    table = generator.opened.model.encoder.embedding.tokens.weight
    with torch.no_grad():
        table[len(ids) :] *= 100
    assert [one["tokens"] for one in generator(["the cat", "a dog"], 6)] == [6, 6]


def test_names_of_special_tokens_are_text(tokenizer: Tokenizer) -> None:
    for text in ODD.values():
        ids = tokenizer.encode(text).ids
        assert tokenizer.special_ids.isdisjoint({*ids} - {tokenizer.unk_id})
        assert tokenizer.encode(text, specials=True).ids == (2, *ids, 3)
        assert [one.ids for one in tokenizer.encode_stream(["", text])] == [(), ids]


# A million characters


@every
@pytest.mark.parametrize("text", MILLION.values(), ids=MILLION)
def test_a_million_characters(folders: Folders, arch: str, text: str) -> None:
    encoder = Encoder.from_pretrained(folders(arch, "encoder"))
    found = encoder(["the cat", text])
    assert found.truncated == (False, text.startswith("the"))
    assert found.lengths[1] <= CONTEXT
    assert torch.isfinite(found.last_hidden_state).all()


def test_a_million_characters_in_each_pipeline(folders: Folders) -> None:
    words = MILLION["words"]
    count = 250_002
    classifier = Classifier.from_pretrained(folders("bert", "sequence"))
    (cut,) = classifier.predict([words])
    (whole,) = classifier.predict([words], on_long="chunk")
    assert (cut["tokens"], cut["truncated"]) == (count, True)
    assert (whole["tokens"], whole["truncated"]) == (count, False)
    embedder = Embedder.from_pretrained(folders("bert", "encoder"), pooling="mean")
    with pytest.raises(TooLong, match=rf"at most {CONTEXT} tokens .* text 1 .* has {count}"):
        embedder.encode(["the cat", words], on_long="error")
    reranker = Reranker.from_pretrained(folders("bert", "sequence"))
    assert np.isfinite(reranker.predict([(words, words)])).all()
    with pytest.raises(TooLong, match=r"pair 0 .* has 500003"):
        reranker.predict([(words, words)], on_long="error")
    fill = FillMask.from_pretrained(folders("bert"))
    with pytest.raises(TooLong, match=f"text 0 .* has {count + 1}"):
        fill(f"{words} [MASK]")
    with pytest.raises(TextError, match=r"stands behind that; choose on_long='chunk'"):
        fill(f"{words} [MASK]", on_long="truncate")
    assert len(fill(f"[MASK] {words}", top_k=1, on_long="truncate")) == 1
    generator = Generator.from_pretrained(folders("decoder"))
    with pytest.raises(TooLong, match=f"at most {CONTEXT} tokens, but would have {count + 3}"):
        generator([words], 4)


def test_a_hundred_thousand_words_in_pipelines_that_cut(folders: Folders) -> None:
    """What is read of a text is its beginning, of a pair both beginnings; and it is said."""
    long, count = HUNDRED_THOUSAND, 100_002
    start = " ".join(long.split()[: CONTEXT - 2])
    embedder = Embedder.from_pretrained(folders("bert", "encoder"), pooling="mean")
    with pytest.warns(UserWarning, match=f"1 of 2 texts are longer than {CONTEXT} tokens"):
        cut, whole = embedder.encode([long, start])
    _same(cut, whole)
    sequence = folders("bert", "sequence")
    numbers = replace(open_classifier(sequence), use=Use(outputs="numbers"))
    regressor = Regressor(numbers)
    cut, whole = regressor.predict([long, start])
    assert (cut["tokens"], cut["truncated"], whole["truncated"]) == (count, True, False)
    assert cut["values"] == pytest.approx(whole["values"], abs=2e-5)
    pairs = PairClassifier.from_pretrained(sequence)
    for pair, tokens in (((long, "she"), count + 2), ((long, long), 2 * count - 1)):
        (found,) = pairs.predict([pair], scores=True)
        assert (found["tokens"], found["truncated"]) == (tokens, True)
        half = (" ".join(one.split()[:CONTEXT]) for one in pair)
        (short,) = pairs.predict([tuple(half)], scores=True)
        assert found["scores"] == pytest.approx(short["scores"], abs=2e-5)
    zero = ZeroShot.from_pretrained(sequence, entailment="good")
    texts = [long, " ".join(long.split()[: 3 * CONTEXT])]
    with pytest.warns(UserWarning, match="^2 of 2 texts are too long with their sentence"):
        cut, short = zero.predict(texts, ["music", "dog"], template="she sees {}")
    assert cut["tokens"] - short["tokens"] == 100_000 - 3 * CONTEXT
    assert cut["scores"] == pytest.approx(short["scores"], abs=2e-5)


def test_a_hundred_thousand_words_to_learn_from(folders: Folders, tmp_path: Path) -> None:
    """The row is learnt from by its beginning and counted, or refused before the run begins."""
    rows = [(text, label) for label in ("bad", "good") for text in ("the cat", "a dog", label)]
    train = write_csv(tmp_path / "train.csv", [*rows, (HUNDRED_THOUSAND, "bad")], ("text", "label"))
    dev = write_csv(tmp_path / "dev.csv", rows, ("text", "label"))
    given: dict[str, Any] = {"train": train, "dev": dev, "epochs": 1, "dtype": "fp32", "threads": 1}
    with pytest.raises(TooLong, match=rf"at most {CONTEXT} tokens .* has 100002"):
        finetune(folders("bert"), out=tmp_path / "no", on_long="error", **given)
    assert not (tmp_path / "no").exists()
    result = finetune(folders("bert"), out=tmp_path / "run", **given)
    assert (result.finished, result.train_rows) == (True, 7)
    assert any(
        f"1 of 7 training texts is longer than the context of {CONTEXT}" in note
        for note in result.notes
    )
    (found,) = Classifier.from_pretrained(result.folder).predict([HUNDRED_THOUSAND])
    assert found["tokens"] == 100_002


# What is no text


def _calls(folders: Folders) -> dict[str, Any]:
    embedder = Embedder.from_pretrained(folders("bert", "encoder"), pooling="mean")
    reranker = Reranker.from_pretrained(folders("bert", "sequence"))
    generator = Generator.from_pretrained(folders("decoder"))
    return {
        "Encoder": Encoder.from_pretrained(folders("bert", "encoder")),
        "Classifier": Classifier.from_pretrained(folders("bert", "sequence")).predict,
        "Embedder": embedder.encode,
        "Reranker": lambda texts: reranker.predict([(text, "the cat") for text in texts]),
        "Reranker, second": lambda texts: reranker.predict([("the cat", t) for t in texts]),
        "FillMask": FillMask.from_pretrained(folders("bert")),
        "Generator": lambda texts: generator(texts, 4),
        "Tokenizer": embedder.tokenizer.encode_batch,
    }


def test_what_is_no_text_is_named_by_its_number(folders: Folders) -> None:
    for name, call in _calls(folders).items():
        good = "the [MASK]"
        for item in NO_TEXTS:
            with pytest.raises(TokenizerError) as caught:
                call([good, good, item, good])
            kind = type(item).__name__
            assert f"a text must be a str, but text 2 is a {kind}" in str(caught.value), name
        for bad in ("\ud800", "the cat \udfff", "\ude00\ud83d"):
            with pytest.raises(TokenizerError, match=r"text 2 .* lone surrogate U\+D"):
                call([good, good, bad])


def test_a_str_of_another_library_is_a_str(folders: Folders) -> None:
    for name, call in _calls(folders).items():
        if name != "FillMask":
            call([np.str_("the cat")])


@pytest.mark.parametrize("texts", [None, 3, {"the": "cat"}, {"the", "cat"}, "the cat", b"cat"])
def test_what_is_no_list_of_texts(folders: Folders, texts: Any) -> None:
    for name, call in _calls(folders).items():
        if name.startswith("Reranker") or (name == "FillMask" and isinstance(texts, str)):
            continue
        with pytest.raises(TokenizerError, match="list of texts"):
            call(texts)
    reranker = Reranker.from_pretrained(folders("bert", "sequence"))
    with pytest.raises(TokenizerError, match=r"predict takes (a list of pairs|pairs of two)"):
        reranker.predict(texts)


@pytest.mark.parametrize("read", [0, 3, 2500])
def test_a_source_that_fails_midway(folders: Folders, read: int) -> None:
    """Its own error comes through, behind the answers to what was read long before."""
    classifier = Classifier.from_pretrained(folders("bert", "sequence"))
    embedder = Embedder.from_pretrained(folders("bert", "encoder"), pooling="mean")

    def source() -> Iterator[str]:
        yield from ["the cat"] * read
        raise OSError("the disk is gone")

    for answers in (classifier.predict(source()), embedder.encode(source())):
        got = [next(answers) for _ in range(1024 * (read // 1024))]
        assert len(got) in (0, 2048)
        with pytest.raises(OSError, match="the disk is gone"):
            next(answers)


# A context that holds nothing


@pytest.mark.parametrize("arch", ["modernbert", "deberta_v2", "decoder", "elmo"])
@pytest.mark.parametrize("length", [1, 2])
def test_a_context_without_room(folders: Folders, tmp_path: Path, arch: str, length: int) -> None:
    """Where no table of positions contradicts it."""
    for kind in ("encoder", "sequence", "lm"):
        document, fields = fields_of(unsealed(folders(arch, kind), tmp_path / kind))
        fields["max_position_embeddings"] = length
        (tmp_path / kind / "config.json").write_text(json.dumps(document))
    classifier = Classifier.from_pretrained(tmp_path / "sequence")
    embedder = Embedder.from_pretrained(tmp_path / "encoder", pooling="mean")
    encoder = Encoder.from_pretrained(tmp_path / "encoder")
    with pytest.raises(ConfigError, match=f"but {length} tokens hold only the 2 special ones"):
        encoder(["the cat"])
    for on_long in ("truncate", "chunk", "error"):
        with pytest.raises(ConfigError, match="must leave room for text"):
            classifier.predict(["the cat"], on_long=on_long)
        with pytest.raises(ConfigError, match="must leave room for text"):
            embedder.encode(["the cat"], on_long=on_long)
    with pytest.raises(ConfigError, match="must leave room for two texts"):
        Reranker.from_pretrained(tmp_path / "sequence").predict([("the", "cat")])
    if arch in MASKED:
        with pytest.raises(ConfigError, match="must leave room for text"):
            FillMask.from_pretrained(tmp_path / "lm")("the [MASK]")
