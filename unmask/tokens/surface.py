"""Which tokens of two tokenizers stand for the same text.

Kinds of tokenizers write down differently where a word begins: WordPiece marks what continues one
(`##ing`), byte-level BPE what begins one with the space before it (`Ġthe`), SentencePiece does so
too with another sign (`▁the`). So tokens are compared as the text that they stand for and whether
a word begins with them. Tokenizers of one kind are compared by spelling.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from tokenizers.decoders import ByteLevel

from unmask.tokens.growing import kind_of
from unmask.tokens.roles import ROLES
from unmask.tokens.tokenizer import Tokenizer

Convention = Literal["wordpiece", "bytes", "metaspace"]
Surface = tuple[str, bool]  # the text of a token, and whether a word begins with it

_LOWER_BAR = "\u2581"
_NOT_TEXT = "\ufffd"  # what the library writes for bytes that are no whole character


@dataclass(frozen=True, slots=True)
class Translation:
    """What each token of a new tokenizer was in an old one.

    Attributes:
        sources: for each new id the old ids that its row is made of: one for a token that both
            have, the pieces of its text for others, none where the old tokenizer cannot spell it.
        copied: tokens that both have, special ones by their role.
        averaged: tokens made of pieces.
        drawn: tokens that nothing stands for.
    """

    sources: Mapping[int, tuple[int, ...]]
    copied: int
    averaged: int
    drawn: int


def translate(old: Tokenizer, new: Tokenizer) -> Translation:
    """Find for each token of `new` what it was in `old`.

    In this order: special tokens by role, then by name; other tokens by spelling where both
    tokenizers are of one kind, else by text; then the pieces into which `old` cuts the text.
    """
    same = dict(_specials(old, new))
    pieces: dict[int, str] = {}
    ways = convention(old), convention(new)
    known = {} if ways[0] is None else {_surface(old, i, ways[0]): i for i in _ordinary(old)}
    for index in _ordinary(new):
        token = new.id_to_token(index)
        surface = (token, False) if ways[1] is None else _surface(new, index, ways[1])
        found = old.token_to_id(token) if ways[0] == ways[1] else None
        if found is None and surface is not None:
            text, begins = surface
            # What can stand anywhere may have been seen at the beginning of words only.
            found = known.get(surface, None if begins else known.get((text, True)))
            pieces[index] = f" {text}" if begins and ways[0] == "bytes" else text
        if found is not None and found not in old.special_ids:
            same[index] = found
    rest = [index for index in pieces if index not in same]
    cut = dict(zip(rest, old.ids_stream(pieces[index] for index in rest), strict=True))
    averaged = {
        index: spelled
        for index, ids in cut.items()
        if (spelled := tuple(i for i in ids if i != old.unk_id))
    }
    sources = {index: (found,) for index, found in same.items()} | averaged
    tokens = len(_ids(new))
    return Translation(sources, len(same), len(averaged), tokens - len(sources))


def convention(tokenizer: Tokenizer) -> Convention | None:
    """How a tokenizer writes down where words begin; None where it is none of the known ways."""
    if kind_of(tokenizer) == "WordPiece":
        return "wordpiece"
    parts = [tokenizer.spec.get(part) for part in ("pre_tokenizer", "decoder", "normalizer")]
    said = json.dumps(parts, ensure_ascii=False)
    if '"ByteLevel"' in said:
        return "bytes"
    return "metaspace" if '"Metaspace"' in said or _LOWER_BAR in said else None


def spoken(tokenizer: Tokenizer, spelled: str) -> str:
    """The text of a word that is spelled as a token, with the space that belongs to it."""
    way = convention(tokenizer)
    if way == "bytes":
        return str(ByteLevel().decode([spelled]))
    return spelled.replace(_LOWER_BAR, " ") if way == "metaspace" else spelled


def _specials(old: Tokenizer, new: Tokenizer) -> dict[int, int]:
    """The old special token of each new one."""
    found = {}
    for index in sorted(new.special_ids):
        named = old.token_to_id(new.id_to_token(index))
        if named in old.special_ids and named is not None:
            found[index] = named
    for role in ROLES:
        now, before = new.roles.get(role), old.roles.get(role)
        if now is not None and before is not None:
            found[now] = before
    return found


def _surface(tokenizer: Tokenizer, index: int, way: Convention) -> Surface | None:
    """What a token stands for; None for a part of a character."""
    token = tokenizer.id_to_token(index)
    if way == "wordpiece":
        mark = tokenizer.spec["model"].get("continuing_subword_prefix") or "##"
        return token.removeprefix(mark), not token.startswith(mark)
    if way == "metaspace":
        byte = token.startswith("<0x") and token.endswith(">")
        return None if byte else (token.removeprefix(_LOWER_BAR), token.startswith(_LOWER_BAR))
    text = tokenizer.decode([index])
    return None if _NOT_TEXT in text else (text.removeprefix(" "), text.startswith(" "))


def _ids(tokenizer: Tokenizer) -> list[int]:
    """The ids that have a token; some vocabularies have gaps."""
    return [i for i in range(tokenizer.vocab_size) if tokenizer.has_id(i)]


def _ordinary(tokenizer: Tokenizer) -> list[int]:
    return [index for index in _ids(tokenizer) if index not in tokenizer.special_ids]
