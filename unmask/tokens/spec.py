"""From a parsed `tokenizer.json` to everything that is known about it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from unmask.errors import TokenizerError
from unmask.tokens.backend import Raw, Spec, build, guarded
from unmask.tokens.layout import Layout, read_layout
from unmask.tokens.roles import ROLES, Role, Roles, find_roles


@dataclass(frozen=True, slots=True)
class Opened:
    """A `tokenizer.json` made ready for use.

    Attributes:
        spec: the file's content, with truncation, padding and dropout off and roles marked special.
        raw: the library's tokenizer built from it.
        layout: the special ids around texts.
        roles: the ids by role.
        special_ids: the roles, the layout's tokens, and all tokens marked special.
        vocab_size: the largest id plus one.
        digest: SHA-256 of the spec in canonical form, in hexadecimal.
    """

    spec: Spec
    raw: Raw
    layout: Layout
    roles: Roles
    special_ids: frozenset[int]
    vocab_size: int
    digest: str


def open_spec(
    spec: Spec, declared: Mapping[Role, str], where: str, require: Iterable[Role]
) -> Opened:
    """Check a parsed `tokenizer.json` and find out what it holds.

    Raises:
        TokenizerError: it is broken, contradicts itself or the declared roles, or leaves one of the
            required roles empty; the message begins with `where`.
    """
    spec = _deterministic(spec, where)
    _check_merges(spec["model"], where)
    raw = build(spec, where)
    _check_ids(spec, raw, where)
    _check_template(spec.get("post_processor"), where)
    layout = read_layout(raw, where)
    roles = find_roles(spec, raw, layout, declared, where)
    roles.demand(require, where)
    spec = _mark_special(spec, raw, roles)
    raw = build(spec, where)
    marked = {index for index, token in raw.get_added_tokens_decoder().items() if token.special}
    named = {index for role in ROLES if (index := roles.get(role)) is not None}
    special = layout.ids | marked | named
    _check_special(special, raw, where)
    # The JSON itself is hashed, not what the library prints: its floats change when read again.
    canonical = json.dumps(spec, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return Opened(
        spec=spec,
        raw=raw,
        layout=layout,
        roles=roles,
        special_ids=special,
        vocab_size=max(raw.get_vocab().values()) + 1,
        digest=hashlib.sha256(canonical.encode()).hexdigest(),
    )


def _deterministic(spec: Spec, where: str) -> Spec:
    """Switch off what cuts text, pads it, or leaves its ids to chance."""
    model = spec.get("model")
    if not isinstance(model, dict):
        raise TokenizerError(f"{where} is not a tokenizer.json: it has no model")
    if model.get("dropout") is not None:
        model = {**model, "dropout": None}
    return {**spec, "truncation": None, "padding": None, "model": model}


def _check_merges(model: Mapping[str, Any], where: str) -> None:
    """Refuse what ends the process: the library cuts the prefix off the bytes without looking."""
    prefix, merges = model.get("continuing_subword_prefix"), model.get("merges")
    if not isinstance(prefix, str) or not isinstance(merges, list):
        return
    for merge in merges:
        parts = merge.split(" ") if isinstance(merge, str) else merge
        if not isinstance(parts, list) or not parts or not str(parts[-1]).startswith(prefix):
            raise TokenizerError(
                f"{where} has the merge {merge!r}, whose second part does not begin with "
                f"{prefix!r}, the model's continuing_subword_prefix. Correct either"
            )


def _check_template(processor: Any, where: str) -> None:
    """Refuse what makes the library panic, which prints a trace even where it is caught."""
    if not isinstance(processor, dict):
        return
    for part in processor.get("processors") or []:
        _check_template(part, where)
    if processor.get("type") != "TemplateProcessing":
        return
    pieces = [*processor["single"], *processor["pair"]]
    named = {piece["SpecialToken"]["id"] for piece in pieces if "SpecialToken" in piece}
    if lacking := sorted(named - processor["special_tokens"].keys()):
        raise TokenizerError(
            f"{where} has a post-processor whose template names {lacking[0]!r}, which is not among "
            "its special_tokens. Correct either"
        )


def _check_ids(spec: Spec, raw: Raw, where: str) -> None:
    """The library gives an added token another id than its file says, without a word."""
    if not raw.get_vocab_size():
        raise TokenizerError(f"{where} has an empty vocabulary")
    for entry in spec.get("added_tokens") or []:
        index = raw.token_to_id(entry["content"])
        if index != entry["id"]:
            raise TokenizerError(
                f"{where} gives the added token {entry['content']!r} the id {entry['id']}, but by "
                f"its vocabulary it has {index}. Correct the id"
            )


def _check_special(special: frozenset[int], raw: Raw, where: str) -> None:
    for index in special:
        with guarded(f"{where} has a special token with the id {index}"):
            if raw.id_to_token(index) is None:
                raise TokenizerError(
                    f"{where} has a special token with the id {index}, which is not in the "
                    "vocabulary. Correct the id"
                )


def _mark_special(spec: Spec, raw: Raw, roles: Roles) -> Spec:
    """Mark the tokens that have a role as special, where the file leaves it out."""
    added = {entry["content"]: entry for entry in spec.get("added_tokens") or []}
    for role in ROLES:
        index = roles.get(role)
        token = raw.id_to_token(index) if index is not None and index >= 0 else None
        if token is None or added.get(token, {}).get("special"):
            continue
        flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
        entry = {"id": index, "content": token, **flags, **added.get(token, {}), "special": True}
        added[token] = entry
    ordered = sorted(added.values(), key=lambda entry: int(entry["id"]))
    return {**spec, "added_tokens": ordered}
