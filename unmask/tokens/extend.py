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
from unmask.tokens.tokenizer import Tokenizer

TABLE = 200_000
"""Fragmented words counted at a time: some 50 MB."""

_SHOWN = 10

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
    takes), words that hold a special token's name, words with an unknown piece, and words that the
    tokenizer cuts before it looks for tokens ("sha1" is "sha" and "1" in byte-level BPE).

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
    fit, left_out = _fitting(tally.tokenizer, wanted)
    banned: set[tuple[int, ...]] = set()
    while True:
        chosen = list(islice((ids for ids in fit if ids not in banned), add))
        extension = _grown(tally, chosen)
        if not (bad := _bad(tally, chosen, extension.tokenizer)):
            break
        banned |= bad
    if banned:
        left_out["their letters would no longer be known in other words"] = len(banned)
    changed, examples = _changed(tally, set(chosen), extension.tokenizer)
    return Extension(
        extension.tokenizer, extension.words, extension.rows, changed, examples, left_out
    )


def _fitting(
    tokenizer: Tokenizer, wanted: Sequence[tuple[int, ...]]
) -> tuple[list[tuple[int, ...]], Counter[str]]:
    """Those that can be added, and how many cannot, by reason."""
    grow, left_out = grower(tokenizer), Counter[str]()
    longest = tokenizer.spec["model"].get("max_input_chars_per_word") or LONGEST_WORD
    special = {tokenizer.id_to_token(index) for index in tokenizer.special_ids}
    texts = [tokenizer.decode(ids) for ids in wanted]
    again = tokenizer.ids_stream(texts)
    fit = []
    for ids, text, now in zip(wanted, texts, again, strict=True):
        spelled = grow.joined(ids)
        if not any(character.isalpha() for character in text):
            left_out["no letter in them"] += 1
        elif tokenizer.unk_id in ids:
            left_out["a piece is unknown"] += 1
        elif len(text.strip()) > min(longest, LONGEST_WORD):
            left_out["too long"] += 1
        elif any(name in text for name in special):
            left_out["a special token's name in them"] += 1
        elif spelled is None or tuple(now) != ids or tokenizer.units(text) != [spelled]:
            left_out["the tokenizer cuts them before it looks for tokens"] += 1
        else:
            fit.append(ids)
    return fit, left_out


def _grown(tally: Tally, chosen: Sequence[tuple[int, ...]]) -> Extension:
    """The tokenizer with these words, before it is known what else they change."""
    old = tally.tokenizer
    grow = grower(old)
    words = []
    for ids in chosen:
        index, spelled = grow.add(ids), grow.joined(ids)
        assert spelled is not None
        pieces = tuple(old.tokens(ids))
        text = old.decode(ids).strip()
        words.append(AddedWord(text, spelled, index, pieces, tally.fragmented[ids]))
    new = Tokenizer.from_spec(grow.spec(), old.settings, where="the extended tokenizer")
    return Extension(new, tuple(words), grow.rows, 0, (), {})


def _bad(tally: Tally, chosen: Sequence[tuple[int, ...]], new: Tokenizer) -> set[tuple[int, ...]]:
    """Words that did not become a token, or that make another word unknown.

    WordPiece never goes back: a word that begins with a new entry, and whose rest cannot be
    spelled, becomes unknown.
    """
    old = tally.tokenizer
    texts = {ids: old.decode(ids) for ids in chosen}
    bad = {
        ids
        for (ids, _), now in zip(texts.items(), new.ids_stream(texts.values()), strict=True)
        if len(now) != 1
    }
    if new.unk_id is None:
        return bad
    known = [ids for ids in tally.fragmented if new.unk_id not in ids]
    others = [old.decode(ids) for ids in known]
    for other, now in zip(others, new.ids_stream(others), strict=True):
        if new.unk_id in now:
            bad |= {ids for ids, text in texts.items() if other.startswith(text)}
    return bad


def _changed(
    tally: Tally, chosen: set[tuple[int, ...]], new: Tokenizer
) -> tuple[int, tuple[Split, ...]]:
    """Other words that are split otherwise. Words that were one token still are."""
    old = tally.tokenizer
    others = [ids for ids in tally.ranked() if ids not in chosen]
    texts = [old.decode(ids) for ids in others]
    changed = 0
    examples: list[Split] = []
    rows = zip(others, texts, old.ids_stream(texts), new.ids_stream(texts), strict=True)
    for ids, text, before, after in rows:
        if tuple(before) == ids and after != before:
            changed += 1
            if len(examples) < _SHOWN:
                were, are = tuple(old.tokens(before)), tuple(new.tokens(after))
                examples.append((text.strip(), were, are))
    return changed, tuple(examples)
