"""Reading the names of special tokens as plain text.

A corpus may well contain the characters `[MASK]` or `</s>`: a page about BERT, a page of HTML. Read
by the library as it stands, they become the special tokens themselves, and a text could forge the
end of its own sequence. The library's switch `encode_special_tokens` covers only part of this: a
Unigram or whole-word model still finds the name in its own vocabulary. Here the names themselves
are replaced by strings that no text matches, at the same ids.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from unmask.errors import TokenizerError
from unmask.tokens.backend import Raw, Spec, build


def build_literal(
    spec: Spec, special: Mapping[int, str], *, unk: int | None, marker: int | None, where: str
) -> Raw:
    """Build a tokenizer that never gives a special id for text, and adds none by itself.

    It has no post-processor either, so its offsets are those before any trimming.

    Args:
        spec: the parsed `tokenizer.json`.
        special: the special tokens by id.
        unk: the unknown token, which text may well give.
        marker: the one special id that its name in a text still gives, or None.
        where: the file or folder, for messages.
    """
    names = {
        token: f"\0special {index}\0"
        for index, token in special.items()
        if index not in (unk, marker)
    }
    added = []
    for entry in spec.get("added_tokens") or []:
        token = entry["content"]
        changed = {**entry, "content": names.get(token, token)}
        if marker is not None and token == special[marker]:
            changed["special"] = False  # so that the switch below does not pass it over
        added.append(changed)
    model = {**spec["model"], "vocab": _rename(spec["model"].get("vocab"), names)}
    raw = build({**spec, "added_tokens": added, "model": model, "post_processor": None}, where)
    raw.encode_special_tokens = True
    for index, token in special.items():
        if raw.token_to_id(names.get(token, token)) != index:
            raise TokenizerError(
                f"{where} cannot be read with {token!r} as plain text: its id {index} is not its "
                "own. Give every special token one id and one name"
            )
    return raw


def _rename(vocab: Any, names: Mapping[str, str]) -> Any:
    if isinstance(vocab, dict):
        return {names.get(token, token): index for token, index in vocab.items()}
    if isinstance(vocab, list):  # Unigram: pieces with their scores, the id is the place
        return [[names.get(piece, piece), score] for piece, score in vocab]
    return vocab
