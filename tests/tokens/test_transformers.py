"""Folders that `transformers` opens unchanged: the same ids, roles and settings."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from unmask.text.tagged import read_tagged
from unmask.tokens import Tokenizer, train
from unmask.tokens.wordwise import worded_stream

transformers = pytest.importorskip("transformers", reason="transformers is a test dependency")

ODD = [
    "",
    " ",
    "  two  spaces\r\nand\tlines\n\n",
    "don't stop-me, (now)!",
    "naïve e\u0301t\u00e9 İstanbul Straße ﬁne",
    "日本語の文 我們 ภาษาไทย हिन्दी العربية ещё",
    "👩‍👩‍👧 🇩🇪 👍🏽 ❤️ \u200b\ufeff\x00\x1c\ufffd",
    "antidisestablishmentarianism " + "x" * 150,
]


@pytest.fixture(scope="module")
def lines(shared_data: Path) -> list[str]:
    """Real text of several kinds."""
    found: list[str] = []
    for name in ("books-valid.txt", "git_doc.txt", "postgresql_doc.txt"):
        text = (shared_data / "text" / name).read_text(encoding="utf-8")
        found += text.splitlines()[200:900]
    tweets = (shared_data / "wnut17" / "wnut17train.conll").read_text(encoding="utf-8")
    found += [" ".join(b.split()[::2]) for b in tweets.split("\n\t\n")[:300]]
    return found


def opened_by_transformers(folder: Path) -> Any:
    return transformers.AutoTokenizer.from_pretrained(folder)


@pytest.mark.parametrize("kind", ["wordpiece", "bpe"])
@pytest.mark.parametrize("lowercase", [True, False])
def test_trained_tokenizers_give_the_same_ids_on_real_text(
    kind: str, lowercase: bool, lines: list[str], tmp_path: Path
) -> None:
    ours = train(lines, kind=kind, vocab_size=3000, lowercase=lowercase)  # type: ignore[arg-type]
    ours.save_pretrained(tmp_path, model_max_length=512)
    theirs = opened_by_transformers(tmp_path)
    assert theirs.is_fast
    assert len(theirs) == ours.vocab_size
    assert theirs.model_max_length == 512
    for role in ("cls", "sep", "mask", "pad", "unk"):
        assert getattr(theirs, f"{role}_token_id") == ours.roles.get(role)  # type: ignore[arg-type]
    assert set(theirs.all_special_ids) == ours.special_ids
    segments = kind == "wordpiece"
    assert ("token_type_ids" in theirs.model_input_names) == segments
    texts = [*lines, *ODD]
    expected = theirs(texts)["input_ids"]
    assert [list(e.ids) for e in ours.encode_batch(texts, specials=True)] == expected
    for text in lines[:50]:
        ids = theirs.encode(text, add_special_tokens=False)
        assert ours.decode(ids) == theirs.decode(ids, clean_up_tokenization_spaces=False)


def test_a_mask_in_the_text(lines: list[str], tmp_path: Path) -> None:
    for kind in ("wordpiece", "bpe"):
        ours = train(lines, kind=kind, vocab_size=1000)  # type: ignore[arg-type]
        ours.save_pretrained(tmp_path / kind)
        theirs = opened_by_transformers(tmp_path / kind)
        for text in ("The [MASK] brown fox", "[MASK]", "a[MASK]b [MASK][MASK]  [MASK]."):
            expected = theirs(text)["input_ids"]
            assert list(ours.encode(text, specials=True, allow_mask=True).ids) == expected


def test_pairs_have_the_same_segments(tmp_path: Path, wordpiece: Tokenizer) -> None:
    wordpiece.save_pretrained(tmp_path)
    theirs = opened_by_transformers(tmp_path)("the fox", "sees a dog")
    first, second = (e.ids for e in wordpiece.encode_batch(["the fox", "sees a dog"]))
    ids, segments = wordpiece.layout.pair.wrap(first, second)
    assert (ids, segments) == (theirs["input_ids"], theirs["token_type_ids"])


@pytest.mark.parametrize("model_type", ["bert", "modernbert", "roberta", "electra"])
def test_beside_a_models_config_too(
    model_type: str, tmp_path: Path, wordpiece: Tokenizer, texts: list[str]
) -> None:
    """A config would have `transformers` rebuild the tokenizer by its own class of that model."""
    config = {"model_type": model_type, "vocab_size": wordpiece.vocab_size}
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    wordpiece.save_pretrained(tmp_path, segments=model_type in ("bert", "electra"))
    theirs = opened_by_transformers(tmp_path)
    expected = [list(e.ids) for e in wordpiece.encode_batch(texts[:-1], specials=True)]
    assert theirs(texts[:-1])["input_ids"] == expected
    assert ("token_type_ids" in theirs(["x"])) == (model_type in ("bert", "electra"))
    assert theirs.mask_token_id == wordpiece.mask_id


@pytest.mark.parametrize("kind", ["roberta", "template-prefix", "metaspace", "wordpiece-cased"])
def test_tokenizers_of_others_pass_through(
    kind: str, spec: Callable[[str], dict[str, Any]], tmp_path: Path, texts: list[str]
) -> None:
    ours = Tokenizer.from_spec(spec(kind))
    ours.save_pretrained(tmp_path)
    theirs = opened_by_transformers(tmp_path)
    expected = [list(e.ids) for e in ours.encode_batch([*texts[:-1], *ODD], specials=True)]
    assert theirs([*texts[:-1], *ODD])["input_ids"] == expected
    theirs.save_pretrained(tmp_path / "theirs")
    again = Tokenizer.from_pretrained(tmp_path / "theirs")
    assert again.roles == ours.roles
    assert again.encode_batch(texts) == ours.encode_batch(texts)


def test_the_digest_survives_a_visit_to_transformers(
    tmp_path: Path, wordpiece: Tokenizer, bpe: Tokenizer
) -> None:
    for name, ours in (("wordpiece", wordpiece), ("bpe", bpe)):
        ours.save_pretrained(tmp_path / name)
        opened_by_transformers(tmp_path / name).save_pretrained(tmp_path / f"{name}-again")
        assert Tokenizer.from_pretrained(tmp_path / f"{name}-again").digest == ours.digest


def test_a_roberta_folder_of_theirs(tmp_path: Path, spec: Callable[[str], dict[str, Any]]) -> None:
    content = json.dumps(spec("roberta"))
    names = {
        "[CLS]": "<s>",
        "[SEP]": "</s>",
        "[PAD]": "<pad>",
        "[UNK]": "<unk>",
        "[MASK]": "<mask>",
    }
    for old, new in names.items():
        content = content.replace(json.dumps(old), json.dumps(new))
    model = json.loads(content)["model"]
    merges = [tuple(merge) for merge in model["merges"]]
    theirs = transformers.RobertaTokenizer(vocab=model["vocab"], merges=merges)
    theirs.save_pretrained(tmp_path)
    ours = Tokenizer.from_pretrained(tmp_path)
    found = (ours.cls_id, ours.sep_id, ours.pad_id, ours.mask_id, ours.unk_id)
    ids = [
        theirs.convert_tokens_to_ids(names[n])
        for n in ("[CLS]", "[SEP]", "[PAD]", "[MASK]", "[UNK]")
    ]
    assert list(found) == ids
    text = "The quick brown <mask>, over."
    assert list(ours.encode(text, specials=True, allow_mask=True).ids) == theirs(text)["input_ids"]
    first, second = (e.ids for e in ours.encode_batch(["a fox", "a dog"]))
    assert ours.layout.pair.wrap(first, second)[0] == theirs("a fox", "a dog")["input_ids"]


def test_first_tokens_of_given_words_are_those_of_word_ids(
    lines: list[str], shared_data: Path, tmp_path: Path
) -> None:
    ours = train(lines, vocab_size=1000)
    ours.save_pretrained(tmp_path)
    theirs = opened_by_transformers(tmp_path)
    data = read_tagged(shared_data / "wnut17" / "emerging.dev.conll")
    given = [*data.words, ("a", "\u200d", "U.S.", "", "日本語", "e\u0301té", "x" * 150)]
    for words, found in zip(given, worded_stream(ours, given), strict=True):
        encoded = theirs(list(words), is_split_into_words=True, add_special_tokens=False)
        assert list(found.ids) == encoded["input_ids"]
        assert found.owners is not None
        first: dict[int, int] = {}
        for place, word in enumerate(encoded.word_ids()):
            first.setdefault(word, place)
        here: dict[int, int] = {}
        for piece, owner in zip(found.pieces, found.owners, strict=True):
            here.setdefault(owner, piece)
        assert here == first
