"""Tokenizers of every kind that encoders use, trained small on text in many scripts."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import tokenizers
from tokenizers import decoders, models, normalizers, pre_tokenizers, processors, trainers

from unmask.tokens import Tokenizer, train

TEXTS = [
    "The quick brown fox jumps over the lazy dog, and the dog doesn't mind: it sleeps on.",
    "Whole words (all of their pieces) are masked together; punctuation stands by itself!",
    "Untranslatable uncharacteristically internationalization, snake_case and camelCase 3.14",
    "Съешь же ещё этих мягких французских булок, да выпей чаю.",
    "الكلمات العربية تكتب من اليمين إلى اليسار، وهذه جملة قصيرة.",
    "नमस्ते दुनिया, यह हिन्दी में एक छोटा वाक्य है।",
    "日本語の文には空白がありません。カタカナとひらがなと漢字。",
    "我們在這裡寫一個沒有空格的句子。看看模型怎麼讀。",
    "ภาษาไทยเขียนติดกันโดยไม่เว้นวรรค น้ำท่วม",
    "ພາສາລາວຂຽນຕິດກັນ ភាសាខ្មែរសរសេរជាប់គ្នា မြန်မာစာကိုဆက်ရေးသည်",
    "Emoji 👩‍👩‍👧 and flags 🇩🇪🇫🇷, thumbs 👍🏽, a heart ❤️ and keycaps 1️⃣.",
    "e\u0301t\u00e9 nai\u0308ve, lines\r\nend\tin many\n\n  ways\u00a0here\u3000there",
    "[MASK] <mask> </s> [SEP] are text",
]

PAIR = "[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1"


def template(raw: tokenizers.Tokenizer) -> processors.TemplateProcessing:
    ids = [(token, raw.token_to_id(token)) for token in ("[CLS]", "[SEP]")]
    return processors.TemplateProcessing(single="[CLS] $A [SEP]", pair=PAIR, special_tokens=ids)


def byte_level(processor: str, *, prefix: bool, trim: bool) -> tokenizers.Tokenizer:
    raw = tokenizers.Tokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=prefix)
    raw.decoder = decoders.ByteLevel()
    names = ["[CLS]", "[PAD]", "[SEP]", "[UNK]", "[MASK]"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=420, special_tokens=names, initial_alphabet=alphabet, show_progress=False
    )
    raw.train_from_iterator(TEXTS * 3, trainer)
    cls, sep = (("[CLS]", 0), ("[SEP]", 2))
    level = processors.ByteLevel(trim_offsets=trim, add_prefix_space=prefix)
    raw.post_processor = {
        "bytelevel": lambda: level,
        "roberta": lambda: processors.RobertaProcessing(
            sep, cls, trim_offsets=trim, add_prefix_space=prefix
        ),
        "template": lambda: template(raw),
        "both": lambda: processors.Sequence([level, template(raw)]),
    }[processor]()
    return raw


def unigram(scheme: str, *, split: bool) -> tokenizers.Tokenizer:
    raw = tokenizers.Tokenizer(models.Unigram())
    raw.normalizer = normalizers.NFKC()
    raw.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme=scheme, split=split)
    raw.decoder = decoders.Metaspace(prepend_scheme=scheme, split=split)
    names = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    trainer = trainers.UnigramTrainer(
        vocab_size=400, special_tokens=names, unk_token="<unk>", show_progress=False
    )
    raw.train_from_iterator(TEXTS * 3, trainer)
    raw.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>",
        pair="<s> $A </s> </s> $B </s>",
        special_tokens=[("<s>", 0), ("</s>", 2)],
    )
    return raw


def llama_like() -> tokenizers.Tokenizer:
    """Spaces by a normaliser, no pre-tokenizer, unknown characters as bytes."""
    raw = tokenizers.Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True))
    raw.normalizer = normalizers.Sequence(
        [normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")]
    )
    names = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    trainer = trainers.BpeTrainer(vocab_size=600, special_tokens=names, show_progress=False)
    raw.train_from_iterator(TEXTS[:4], trainer)
    learnt = json.loads(raw.to_str())
    learnt["added_tokens"] = learnt["added_tokens"][:3]
    learnt["model"] |= {"unk_token": "<unk>", "byte_fallback": True}
    return tokenizers.Tokenizer.from_str(json.dumps(learnt))


def whole_word() -> tokenizers.Tokenizer:
    raw = tokenizers.Tokenizer(models.WordLevel(unk_token="[UNK]"))
    raw.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    names = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    trainer = trainers.WordLevelTrainer(special_tokens=names, show_progress=False)
    raw.train_from_iterator(TEXTS, trainer)
    raw.post_processor = template(raw)
    return raw


def word_piece(*, lowercase: bool) -> tokenizers.Tokenizer:
    trained = train(TEXTS * 3, vocab_size=420, lowercase=lowercase)
    return tokenizers.Tokenizer.from_str(json.dumps(trained._spec))


BUILDERS: dict[str, Callable[[], tokenizers.Tokenizer]] = {
    "wordpiece": lambda: word_piece(lowercase=True),
    "wordpiece-cased": lambda: word_piece(lowercase=False),
    "bytelevel": lambda: byte_level("bytelevel", prefix=False, trim=False),
    "bytelevel-trim": lambda: byte_level("bytelevel", prefix=False, trim=True),
    "bytelevel-prefix-trim": lambda: byte_level("bytelevel", prefix=True, trim=True),
    "roberta": lambda: byte_level("roberta", prefix=False, trim=True),
    "roberta-untrimmed": lambda: byte_level("roberta", prefix=False, trim=False),
    "roberta-prefix": lambda: byte_level("roberta", prefix=True, trim=True),
    "roberta-prefix-untrimmed": lambda: byte_level("roberta", prefix=True, trim=False),
    "template": lambda: byte_level("template", prefix=False, trim=False),
    "template-prefix": lambda: byte_level("template", prefix=True, trim=False),
    "both": lambda: byte_level("both", prefix=False, trim=True),
    "metaspace": lambda: unigram("always", split=True),
    "metaspace-first": lambda: unigram("first", split=True),
    "metaspace-never-unsplit": lambda: unigram("never", split=False),
    "llama-like": llama_like,
    "whole-word": whole_word,
}
_BUILT: dict[str, tokenizers.Tokenizer] = {}


def raw_of(name: str) -> tokenizers.Tokenizer:
    if name not in _BUILT:
        _BUILT[name] = BUILDERS[name]()
    return _BUILT[name]


def spec_of(name: str) -> dict[str, Any]:
    spec: dict[str, Any] = json.loads(raw_of(name).to_str())
    return spec


@pytest.fixture(scope="session", params=sorted(BUILDERS))
def pipeline(request: pytest.FixtureRequest) -> tokenizers.Tokenizer:
    """The library's own tokenizer, one of each kind."""
    return raw_of(request.param)


@pytest.fixture(scope="session")
def opened(pipeline: tokenizers.Tokenizer) -> Tokenizer:
    """The same tokenizer, opened by this package."""
    return Tokenizer.from_spec(json.loads(pipeline.to_str()))


@pytest.fixture(scope="session")
def wordpiece() -> Tokenizer:
    return train(TEXTS * 3, vocab_size=420)


@pytest.fixture(scope="session")
def bpe() -> Tokenizer:
    return train(TEXTS * 3, kind="bpe", vocab_size=420)


@pytest.fixture(scope="session")
def spec() -> Callable[[str], dict[str, Any]]:
    """The parsed tokenizer.json of a named kind, fresh each time."""
    return spec_of


@pytest.fixture(scope="session")
def texts() -> list[str]:
    return TEXTS
