"""Training: what comes out, that it repeats, and that memory and odd text are kept in check."""

from __future__ import annotations

import hashlib
import json
import os
import random
import string
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from unmask.errors import TokenizerError
from unmask.tokens import Tokenizer, train

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def novel(shared_data: Path) -> list[str]:
    text = (shared_data / "text" / "books-valid.txt").read_text(encoding="utf-8")
    return text.splitlines()[:1500]


def test_wordpiece_is_berts(wordpiece: Tokenizer) -> None:
    content = wordpiece._spec
    assert content["model"]["type"] == "WordPiece"
    assert content["normalizer"] == {
        "type": "BertNormalizer",
        "clean_text": True,
        "handle_chinese_chars": True,
        "strip_accents": None,
        "lowercase": True,
    }
    assert content["pre_tokenizer"] == {"type": "BertPreTokenizer"}
    assert wordpiece.encode("ÉTÉ").ids == wordpiece.encode("ete").ids
    assert all(entry["special"] for entry in content["added_tokens"])
    assert len(content["added_tokens"]) == 5  # the alphabet is not special


def test_bpe_is_modernberts(bpe: Tokenizer) -> None:
    content = bpe._spec
    assert bpe.tokens(range(5)) == ["[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]"]
    assert content["model"]["type"] == "BPE"
    assert content["pre_tokenizer"]["type"] == "ByteLevel"
    assert not content["pre_tokenizer"]["add_prefix_space"]
    assert [entry["lstrip"] for entry in content["added_tokens"]] == [False] * 4 + [True]
    assert bpe.unk_id == 0
    assert 0 not in bpe.encode("\0 ☃ 鬱 \U0010ffff").ids


def test_every_ascii_character_can_be_spelled() -> None:
    tokenizer = train(["only these words, only these"], vocab_size=500)
    printable = "".join(map(chr, range(33, 127)))
    for text in (printable, " ".join(printable), string.ascii_lowercase + string.digits):
        assert tokenizer.unk_id not in tokenizer.encode(text).ids


def test_case_can_be_kept_or_thrown_away(texts: list[str]) -> None:
    cased = train(texts, vocab_size=300, lowercase=False)
    assert cased.encode("Fox").ids != cased.encode("fox").ids
    uncased = train(texts, kind="bpe", vocab_size=300, lowercase=True)
    assert uncased.encode("FOX").ids == uncased.encode("fox").ids


def test_accents_can_be_kept(texts: list[str]) -> None:
    kept = train(["naïve हिन्दी"] * 3, vocab_size=200, strip_accents=False)
    assert kept.encode("naïve").ids != kept.encode("naive").ids
    assert kept.unk_id not in kept.encode("हिन्दी").ids


@pytest.mark.parametrize("kind", ["wordpiece", "bpe"])
def test_frequent_words_become_tokens(kind: str, novel: list[str]) -> None:
    tokenizer = train(novel, kind=kind, vocab_size=2000)  # type: ignore[arg-type]
    assert tokenizer.vocab_size == 2000
    assert tokenizer.training is not None
    assert tokenizer.training.vocab_size == 2000
    assert len(tokenizer.encode("and the people that were before him")) == 7


@pytest.mark.parametrize("kind", ["wordpiece", "bpe"])
def test_training_repeats_in_other_processes(kind: str, tmp_path: Path, texts: list[str]) -> None:
    """Hash seeds differ between processes; vocabularies must not."""
    file = tmp_path / "texts.json"
    file.write_text(json.dumps(texts * 3), encoding="utf-8")
    code = (
        "import json, sys; from unmask.tokens import train; "
        f"texts = json.load(open({str(file)!r}, encoding='utf-8')); "
        f"print(train(iter(texts), kind={kind!r}, vocab_size=600).digest)"
    )
    digests = set()
    for seed in ("0", "1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            [sys.executable, "-c", code],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
        )
        digests.add(done.stdout)
    assert len(digests) == 1


@pytest.mark.parametrize("kind", ["wordpiece", "bpe"])
def test_training_repeats_on_real_text(kind: str, novel: list[str]) -> None:
    """Many pairs are equally frequent here, and the choice among them must not be left open."""
    digests = {train(novel, kind=kind, vocab_size=1500).digest for _ in range(4)}  # type: ignore[arg-type]
    assert len(digests) == 1


def test_a_small_text_gives_a_small_vocabulary_and_says_so() -> None:
    tokenizer = train(["a tiny text"], vocab_size=8000)
    summary = tokenizer.training
    assert summary is not None
    assert summary.asked_vocab_size == 8000
    assert summary.vocab_size == tokenizer.vocab_size < 200
    assert any("not 8000" in note for note in summary.notes())


def test_nothing_is_noted_where_nothing_is_out_of_the_ordinary(novel: list[str]) -> None:
    tokenizer = train(novel, kind="bpe", vocab_size=500)
    assert tokenizer.training is not None
    assert tokenizer.training.notes() == ()
    assert tokenizer.training.documents == 1500
    assert tokenizer.training.one_in == 1


@pytest.mark.parametrize("texts", [[], [""], ["", " \n\t"], ["\0"]])
@pytest.mark.parametrize("kind", ["wordpiece", "bpe"])
def test_no_words_no_tokenizer(texts: list[str], kind: str) -> None:
    if texts == ["\0"] and kind == "bpe":
        return  # a byte like any other
    with pytest.raises(TokenizerError, match=f"the {len(texts)} texts hold none"):
        train(texts, kind=kind)  # type: ignore[arg-type]


def test_too_much_text_is_sampled_and_says_so(novel: list[str]) -> None:
    tokenizer = train(novel, vocab_size=500, max_bytes=60_000)
    summary = tokenizer.training
    assert summary is not None
    assert summary.used_bytes <= 60_000
    assert summary.text_bytes == sum(len(text.encode()) for text in novel)
    assert summary.one_in >= 4
    assert any(f"one block of text in {summary.one_in}" in note for note in summary.notes())


def test_too_many_words_are_sampled_and_say_so() -> None:
    draw = random.Random(0)
    texts = ["".join(draw.choices("abcdefgh", k=12)) for _ in range(4000)]
    tokenizer = train(texts, kind="bpe", vocab_size=400, max_word_bytes=10_000)
    assert tokenizer.training is not None
    assert tokenizer.training.one_in == 8
    assert tokenizer.training.used_bytes <= 10_000
    unbounded = train(texts, kind="bpe", vocab_size=400)
    assert unbounded.training is not None
    assert unbounded.training.one_in == 1


def test_overlong_words_are_left_out_and_counted() -> None:
    blob = hashlib.sha256(b"0").hexdigest() * 40
    text = f"some words here {blob} and some words there"
    for kind in ("wordpiece", "bpe"):
        tokenizer = train([text] * 5, kind=kind, vocab_size=400)  # type: ignore[arg-type]
        plain = train([text.replace(blob, " ")] * 5, kind=kind, vocab_size=400)  # type: ignore[arg-type]
        assert tokenizer.digest == plain.digest
        assert tokenizer.training is not None
        assert tokenizer.training.overlong_words == 5
        assert any("5 unbroken runs" in note for note in tokenizer.training.notes())


def test_a_hundred_letters_are_not_overlong() -> None:
    tokenizer = train(["a" * 100 + " b " + "字" * 5000], vocab_size=100)
    assert tokenizer.training is not None
    assert tokenizer.training.overlong_words == 0


def test_rare_characters_are_left_out_and_counted() -> None:
    texts = ["abc def"] * 20 + ["☃"]
    tokenizer = train(texts, vocab_size=300)
    assert tokenizer.training is not None
    assert tokenizer.training.left_out_characters == 1
    assert tokenizer.unk_id in tokenizer.encode("☃").ids
    assert any("1 rare characters" in note for note in tokenizer.training.notes())
    kept = train([*texts, "☃"], vocab_size=300)
    assert kept.unk_id not in kept.encode("☃").ids


def test_many_characters_do_not_crowd_out_the_words() -> None:
    draw = random.Random(0)
    han = ["".join(chr(0x4E00 + draw.randrange(3000)) for _ in range(20)) for _ in range(2000)]
    tokenizer = train([*han, *["the quick brown fox"] * 50], vocab_size=400)
    single = [
        t
        for t in tokenizer.tokens(range(5, tokenizer.vocab_size))
        if len(t.removeprefix("##")) == 1
    ]
    assert tokenizer.vocab_size <= 400
    assert len(single) <= 200
    assert len(tokenizer.encode("the quick brown fox")) == 4


def test_special_names_in_the_text_are_text() -> None:
    tokenizer = train(["[MASK] [CLS] mask"] * 10, vocab_size=200)
    assert tokenizer.special_ids == frozenset(range(5))
    assert tokenizer.tokens(tokenizer.encode("[MASK]").ids) == ["[", "mask", "]"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"kind": "unigram"}, "kind must be one of wordpiece, bpe, not 'unigram'"),
        ({"vocab_size": 31}, "at least 32 tokens, not 31"),
        ({"kind": "bpe", "vocab_size": 260}, "at least 261 tokens, not 260"),
        ({"min_frequency": 0}, "min_frequency must be at least 1, not 0"),
        ({"max_bytes": 0}, "max_bytes must be positive, not 0"),
        ({"max_word_bytes": -1}, "max_word_bytes must be positive, not -1"),
        ({"kind": "bpe", "strip_accents": True}, "strip_accents is for wordpiece"),
    ],
)
def test_settings_out_of_range(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(TokenizerError, match=message):
        train(["text"], **arguments)  # type: ignore[arg-type]


def test_the_smallest_vocabularies() -> None:
    assert train(["the fox"] * 5, vocab_size=32).vocab_size <= 32
    assert train(["the fox"] * 5, kind="bpe", vocab_size=261).vocab_size == 261


def test_a_lone_surrogate_is_an_error_that_names_its_text() -> None:
    with pytest.raises(TokenizerError, match=r"text 2 .*U\+D800"):
        train(["fine", "fine", "\ud800"])


def test_an_error_of_the_callers_is_the_callers() -> None:
    def failing() -> Iterator[str]:
        yield "fine"
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        train(failing())


def test_progress_tells_every_step() -> None:
    told: list[tuple[str, int, int | None]] = []
    train(["the fox"] * 7, vocab_size=100, progress=lambda *step: told.append(step))
    assert [step for step in told if step[0] == "read"][-1] == ("read", 7, None)
    assert list(dict.fromkeys(step[0] for step in told)) == ["read", "survey", "count", "learn"]
    assert told[-2] == ("count", 7, 7)
