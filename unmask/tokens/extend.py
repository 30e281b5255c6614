"""Adding a domain's fragmented words to a tokenizer, whose ids all stay as they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from unmask.errors import TokenizerError
from unmask.tokens.growing import grower
from unmask.tokens.report import Tally, count
from unmask.tokens.summary import LONGEST_WORD
from unmask.tokens.surface import spoken
from unmask.tokens.tokenizer import Tokenizer

TABLE = 200_000
"""Fragmented words counted at a time: some 50 MB."""

_SHOWN = 10

Ids = tuple[int, ...]
Split = tuple[str, tuple[str, ...], tuple[str, ...]]  # a word, its old tokens, its new tokens


@dataclass(frozen=True, slots=True)
class AddedWord:
    """A word that became a token.

    Attributes:
        text: the word as the normaliser leaves it.
        token: the token, as the vocabulary spells it.
        id: its id.
        pieces: the tokens that it had before.
        count: how often it occurs; a lower bound where more than `TABLE` words are fragmented.
    """

    text: str
    token: str
    id: int
    pieces: tuple[str, ...]
    count: int


@dataclass(frozen=True, slots=True)
class Extension:
    """A tokenizer with words added.

    Attributes:
        tokenizer: the new tokenizer.
        words: what was added, the words that save most tokens first.
        rows: for each new id the old ids whose mean its row is to be. Those of BPE hold more ids
            than there are words: what is joined on the way to a word becomes a token too.
        changed: other words of the text that are now split otherwise, since they begin with a new
            token or hold one.
        examples: some of them.
        left_out: words that would have been worth it and cannot be added, by reason.
    """

    tokenizer: Tokenizer
    words: tuple[AddedWord, ...]
    rows: Mapping[int, tuple[int, ...]]
    changed: int
    examples: tuple[Split, ...]
    left_out: Mapping[str, int]


def count_words(tokenizer: Tokenizer, texts: Iterable[str]) -> Tally:
    """Read texts, once and with constant memory, for what `extend` needs to know.

    Raises:
        TokenizerError: a text is not a str or not valid Unicode.
    """
    return count(tokenizer, texts, table=TABLE)


def extend(tally: Tally, *, add: int = 1000, min_count: int = 5, min_pieces: int = 2) -> Extension:
    """Add the fragmented words of a text that save most tokens.

    A word is what `unmask.tokens.words` says, after the tokenizer's normaliser. Not added are
    words without a letter, unbroken runs of more than 100 characters (or of more than the model
    takes), words that hold a special token's name, words with an unknown piece, words that the
    tokenizer cuts before it looks for tokens ("sha1" is "sha" and "1" in byte-level BPE), and words
    whose entry could make the rest of a longer word unknown (see `Grower.breaks`).

    Args:
        tally: the text's words, from `count_words`.
        add: words to add at most.
        min_count: how often a word must occur.
        min_pieces: how many tokens it must have now.

    Returns:
        The new tokenizer. Old ids keep their tokens, and each new word is one token wherever it
        stands as a word. The same text gives the same words.

    Raises:
        TokenizerError: a number is out of range, or the tokenizer's kind of model cannot take
            words.
    """
    for name, value, least in (("add", add, 1), ("min_count", min_count, 1)):
        if value < least:
            raise TokenizerError(f"{name} must be at least {least}, not {value}")
    if min_pieces < 2:
        raise TokenizerError(
            f"min_pieces must be at least 2, not {min_pieces}: a word of one piece is a token"
        )
    wanted = [
        ids
        for ids in tally.ranked()
        if tally.fragmented[ids] >= min_count and len(ids) >= min_pieces
    ]
    texts = _texts(tally.tokenizer, list(tally.fragmented))
    fit, left_out = _fitting(tally.tokenizer, wanted, texts)
    banned: set[Ids] = set()
    while True:
        chosen = list(islice((ids for ids in fit if ids not in banned), add))
        extension = _grown(tally, chosen, texts)
        now = extension.tokenizer.ids_stream(texts[ids] for ids in chosen)
        # Scores are sums of floats, so in principle a word of Unigram could miss.
        bad = {ids for ids, one in zip(chosen, now, strict=True) if len(one) != 1}
        if not bad:
            break
        banned |= bad
    if banned:
        left_out["they do not become one token"] = len(banned)
    others = {ids: texts[ids] for ids in tally.ranked() if ids in texts and ids not in set(chosen)}
    changed, examples = _changed(tally.tokenizer, extension.tokenizer, others)
    return Extension(
        extension.tokenizer, extension.words, extension.rows, changed, examples, left_out
    )


def _texts(tokenizer: Tokenizer, words: Sequence[Ids]) -> dict[Ids, str]:
    """Texts that are tokenized to just these words, for those that stand alone so."""
    grow, found = grower(tokenizer), dict[Ids, str]()
    spelled = {ids: token for ids in words if (token := grow.joined(ids)) is not None}
    for begin in ("", " "):  # some tokenizers put the space before a text themselves
        left = {ids: token for ids, token in spelled.items() if ids not in found}
        texts = [begin + spoken(tokenizer, token).removeprefix(" ") for token in left.values()]
        for ids, text, now in zip(left, texts, tokenizer.ids_stream(texts), strict=True):
            if tuple(now) == ids:
                found[ids] = text
    return found


def _fitting(
    tokenizer: Tokenizer, wanted: Sequence[Ids], texts: Mapping[Ids, str]
) -> tuple[list[Ids], Counter[str]]:
    """Those that can be added, and how many cannot, by reason."""
    grow, left_out = grower(tokenizer), Counter[str]()
    longest = tokenizer.spec["model"].get("max_input_chars_per_word") or LONGEST_WORD
    special = {tokenizer.id_to_token(index) for index in tokenizer.special_ids}
    fit = []
    for ids in wanted:
        spelled = grow.joined(ids)
        text = texts.get(ids) or spoken(tokenizer, spelled or "".join(tokenizer.tokens(ids)))
        units = tokenizer.units(text)
        if not any(character.isalpha() for character in text):
            left_out["no letter in them"] += 1
        elif tokenizer.unk_id in ids:
            left_out["a piece is unknown"] += 1
        elif len(text.strip()) > min(longest, LONGEST_WORD):
            left_out["too long"] += 1
        elif any(name in text for name in special):
            left_out["a special token's name in them"] += 1
        elif len(text.removeprefix(" ").split()) != 1 or text[-1].isspace():
            left_out["white space inside or behind them"] += 1
        elif ids not in texts or units not in (None, [spelled]):
            left_out["the tokenizer cuts them before it looks for tokens"] += 1
        elif spelled is not None and grow.breaks(spelled):
            left_out["other words that begin so could no longer be spelled"] += 1
        else:
            fit.append(ids)
    return fit, left_out


def _grown(tally: Tally, chosen: Sequence[Ids], texts: Mapping[Ids, str]) -> Extension:
    """The tokenizer with these words, before it is known what else they change."""
    old = tally.tokenizer
    grow = grower(old)
    words = []
    for ids in chosen:
        index, spelled = grow.add(ids), grow.joined(ids)
        assert spelled is not None
        pieces = tuple(old.tokens(ids))
        count = tally.fragmented[ids]
        words.append(AddedWord(texts[ids].strip(), spelled, index, pieces, count))
    new = Tokenizer.from_spec(grow.spec(), old.settings, where="the extended tokenizer")
    return Extension(new, tuple(words), grow.rows, 0, (), {})


def _changed(
    old: Tokenizer, new: Tokenizer, others: Mapping[Ids, str]
) -> tuple[int, tuple[Split, ...]]:
    """Other words that are split otherwise. Words that were one token still are."""
    changed = 0
    examples: list[Split] = []
    for (ids, text), now in zip(others.items(), new.ids_stream(others.values()), strict=True):
        if tuple(now) != ids:
            changed += 1
            if len(examples) < _SHOWN:
                were, are = tuple(old.tokens(ids)), tuple(new.tokens(now))
                examples.append((text.strip(), were, are))
    return changed, tuple(examples)
