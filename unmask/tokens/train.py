"""Learning a vocabulary from text: WordPiece as in BERT, byte-level BPE as in ModernBERT.

Memory stays bounded however much text comes. The text is sampled evenly down to `max_bytes`, and
further until its distinct words fit `max_word_bytes`, for it is the library's table of words that
takes the room: in the worst case measured (byte-level, Chinese, tokenizers 0.23, November 2026)
110 bytes for each byte of distinct words. Bounding the text also keeps the library's pair counts,
which are 32 bits wide, far from their end. What was sampled is told in `Tokenizer.training`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, get_args

import tokenizers
from tokenizers import decoders, models, normalizers, pre_tokenizers, processors, trainers

from unmask.errors import TokenizerError
from unmask.tokens.alphabet import Alphabet
from unmask.tokens.backend import guarded
from unmask.tokens.sample import Sample
from unmask.tokens.settings import Settings
from unmask.tokens.summary import LONGEST_WORD, TrainingSummary
from unmask.tokens.survey import Survey, fits
from unmask.tokens.tokenizer import ENCODER_ROLES, Tokenizer

Kind = Literal["wordpiece", "bpe"]

Progress = Callable[[str, int, int | None], None]
"""Called with a step ("read", "survey", "count", "learn"), how much of it is done, and the whole if
that is known: texts when reading, blocks of text afterwards."""

# In the order of their ids: as in BERT, and as ModernBERT's tokenizer lists them.
_SPECIALS: dict[Kind, tuple[str, ...]] = {
    "wordpiece": ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"),
    "bpe": ("[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]"),
}
# Below this there is no room for the characters (half of it) or the 256 bytes.
_SMALLEST: dict[Kind, int] = {"wordpiece": 32, "bpe": 5 + 256}


@dataclass(frozen=True, slots=True)
class _Recipe:
    kind: Kind
    vocab_size: int
    min_frequency: int
    normalizer: normalizers.Normalizer


def train(
    texts: Iterable[str],
    *,
    kind: Kind = "wordpiece",
    vocab_size: int = 8000,
    lowercase: bool | None = None,
    strip_accents: bool | None = None,
    min_frequency: int = 2,
    max_bytes: int = 100_000_000,
    max_word_bytes: int = 16_000_000,
    progress: Progress | None = None,
) -> Tokenizer:
    """Train a tokenizer. The same texts in the same order give the same vocabulary, id by id.

    Args:
        texts: any number of texts, read once.
        kind: "wordpiece", with BERT's normaliser and pre-tokenizer; or "bpe" over bytes, with
            GPT-2's pre-tokenizer, which can spell any text and knows no unknown token.
        vocab_size: tokens at most, special ones included. Text with less to give gives fewer.
        lowercase: whether case is thrown away; None for yes with "wordpiece", no with "bpe".
        strip_accents: whether accents and other non-spacing marks are thrown away, "wordpiece"
            only. None for: if lower-casing, as BERT has it. Devanagari, Thai and others need them.
        min_frequency: how often a pair of tokens must occur to become one.
        max_bytes: text kept in memory at most; what exceeds it is sampled evenly.
        max_word_bytes: distinct words at most, in UTF-8; as above.
        progress: told how far the training is.

    Returns:
        The tokenizer, with the special tokens [PAD] [UNK] [CLS] [SEP] [MASK] at the first five ids
        and `[CLS] A [SEP] B [SEP]` as its layout, B in segment 1. `training` says how it went.

    Raises:
        TokenizerError: there are no words in the texts, a text is not valid Unicode, or a setting
            is out of range.
    """
    recipe = _check(kind, vocab_size, min_frequency, lowercase, strip_accents)
    if max_word_bytes < 1:
        raise TokenizerError(f"max_word_bytes must be positive, not {max_word_bytes}")
    tell = progress or (lambda step, done, whole: None)
    sample = Sample(max_bytes)
    for number, text in enumerate(texts, start=1):
        sample.add(text)
        tell("read", number, None)
    survey = _survey(sample, recipe, max_word_bytes, tell)
    if not survey.word_bytes:
        raise TokenizerError(
            f"a tokenizer needs words to learn from, but the {sample.documents} texts hold none. "
            "Give it text"
        )
    with guarded("training failed"):
        raw, left_out = _learn(survey, recipe, tell)
    summary = TrainingSummary(
        kind=kind,
        asked_vocab_size=vocab_size,
        vocab_size=raw.get_vocab_size(),
        documents=sample.documents,
        text_bytes=sample.offered_bytes,
        used_bytes=sample.held_bytes,
        one_in=2**sample.level,
        overlong_words=survey.overlong_words,
        left_out_characters=left_out,
    )
    spec = json.loads(raw.to_str())
    # BERT takes segment ids and ModernBERT takes none; saving for a model may say otherwise.
    settings = Settings(segments=kind == "wordpiece")
    where = f"the trained {kind} tokenizer"
    return Tokenizer.from_spec(spec, settings, where=where, require=ENCODER_ROLES, training=summary)


def _check(
    kind: Kind,
    vocab_size: int,
    min_frequency: int,
    lowercase: bool | None,
    strip_accents: bool | None,
) -> _Recipe:
    if kind not in get_args(Kind):
        raise TokenizerError(f"kind must be one of {', '.join(get_args(Kind))}, not {kind!r}")
    if vocab_size < _SMALLEST[kind]:
        raise TokenizerError(
            f"a {kind} vocabulary needs at least {_SMALLEST[kind]} tokens, not {vocab_size}"
        )
    if min_frequency < 1:
        raise TokenizerError(f"min_frequency must be at least 1, not {min_frequency}")
    normalizer: normalizers.Normalizer
    if kind == "wordpiece":
        lower = lowercase is not False
        normalizer = normalizers.BertNormalizer(lowercase=lower, strip_accents=strip_accents)
    elif strip_accents:
        raise TokenizerError("strip_accents is for wordpiece; a byte-level tokenizer spells them")
    else:
        steps = [normalizers.NFC(), *([normalizers.Lowercase()] if lowercase else [])]
        normalizer = normalizers.Sequence(steps)
    return _Recipe(kind, vocab_size, min_frequency, normalizer)


def _survey(sample: Sample, recipe: _Recipe, max_word_bytes: int, tell: Progress) -> Survey:
    """Thin the sample out until its words fit, and get it ready."""
    while True:
        tell("survey", 0, len(sample))
        alphabet = None
        if recipe.kind == "wordpiece":
            alphabet = Alphabet(recipe.normalizer, pre_tokenizers.BertPreTokenizer())
        survey = Survey(recipe.normalizer, alphabet)
        if fits(sample, survey, max_word_bytes):
            tell("survey", len(sample), len(sample))
            return survey
        sample.halve()


def _learn(survey: Survey, recipe: _Recipe, tell: Progress) -> tuple[tokenizers.Tokenizer, int]:
    """Train, and count the characters left out."""
    if recipe.kind == "wordpiece":
        return _wordpiece(survey, recipe, tell)
    return _bpe(survey, recipe, tell), 0


def _wordpiece(survey: Survey, recipe: _Recipe, tell: Progress) -> tuple[tokenizers.Tokenizer, int]:
    assert survey.alphabet is not None
    specials = _SPECIALS["wordpiece"]
    room = (recipe.vocab_size - len(specials)) // 2
    alphabet, inside = survey.alphabet.choose(room, recipe.min_frequency)
    # Every single-character token is handed over as if it were special: that fixes its id, and
    # with the ids the library's choice among equally frequent pairs. They lose the mark below.
    trainer = trainers.WordPieceTrainer(
        vocab_size=recipe.vocab_size,
        min_frequency=recipe.min_frequency,
        special_tokens=[*specials, *alphabet, *("##" + character for character in inside)],
        initial_alphabet=alphabet,
        limit_alphabet=len(alphabet),
        show_progress=False,
    )
    learner = tokenizers.Tokenizer(models.WordPiece(unk_token="[UNK]"))
    learner.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    learner.train_from_iterator(_feed(survey, tell), trainer)
    raw = tokenizers.Tokenizer(
        models.WordPiece(
            learner.get_vocab(), unk_token="[UNK]", max_input_chars_per_word=LONGEST_WORD
        )
    )
    raw.normalizer = recipe.normalizer
    raw.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    raw.decoder = decoders.WordPiece()
    _add_specials(raw, specials, mask_takes_space=False)
    return raw, survey.alphabet.left_out(alphabet)


def _bpe(survey: Survey, recipe: _Recipe, tell: Progress) -> tokenizers.Tokenizer:
    raw = tokenizers.Tokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=recipe.vocab_size,
        min_frequency=recipe.min_frequency,
        special_tokens=list(_SPECIALS["bpe"]),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    raw.train_from_iterator(_feed(survey, tell), trainer)
    raw.normalizer = recipe.normalizer
    raw.decoder = decoders.ByteLevel()
    # A mask stands for a token with its space, so in " [MASK]" it takes the space along.
    _add_specials(raw, _SPECIALS["bpe"], mask_takes_space=True)
    return raw


def _feed(survey: Survey, tell: Progress) -> Iterator[str]:
    for number, text in enumerate(survey.texts, start=1):
        tell("count", number, len(survey.texts))
        yield text
    tell("learn", 0, None)


def _add_specials(
    raw: tokenizers.Tokenizer, specials: Iterable[str], *, mask_takes_space: bool
) -> None:
    raw.add_special_tokens(
        [
            tokenizers.AddedToken(
                token,
                special=True,
                normalized=False,
                lstrip=mask_takes_space and token == "[MASK]",
            )
            for token in specials
        ]
    )
    raw.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[(token, raw.token_to_id(token)) for token in ("[CLS]", "[SEP]")],
    )
