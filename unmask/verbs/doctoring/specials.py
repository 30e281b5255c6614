"""Special tokens: there, where the model looks for them, and known as special."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from unmask.checkpoint.formats import Described
from unmask.tokens.roles import ROLES, Role
from unmask.tokens.tokenizer import Tokenizer
from unmask.verbs.doctoring.finding import Finding
from unmask.verbs.doctoring.patient import Patient

CHECK = "special tokens"


def special_tokens(patient: Patient) -> Iterator[Finding]:
    """All that `CHECK` stands for."""
    tokenizer, said = patient.tokenizer.value, patient.described.value
    if tokenizer is None:
        yield Finding(
            "tokenizer",
            "error",
            str(patient.tokenizer.error),
            "Text cannot become ids.",
            "Take the tokenizer from the folder that the weights come from.",
        )
        return
    if said is None:
        return  # `opening` has said why
    found = [
        *_missing(tokenizer, said),
        *_not_added(tokenizer, said),
        *_shared(tokenizer),
        *_ids(tokenizer, said, patient.raw),
        *_unmarked(tokenizer, patient.spec),
        *_written(tokenizer, patient),
    ]
    yield from found
    if not found:
        told = ", ".join(
            f"{role} {tokenizer.id_to_token(index)} ({index})"
            for role in ROLES
            if (index := tokenizer.roles.get(role)) is not None
        )
        around = len(tokenizer.layout.prefix) + len(tokenizer.layout.suffix)
        yield Finding(CHECK, "ok", f"{told}; {around} stand around a text" if told else "none")


def _missing(tokenizer: Tokenizer, said: Described) -> Iterator[Finding]:
    lacks = [role for role in said.arch.roles if tokenizer.roles.get(role) is None]
    if lacks:
        yield Finding(
            CHECK,
            "error",
            f"the tokenizer has no token for: {', '.join(lacks)}",
            f"{said.arch.name} was trained with them.",
            "Take the tokenizer from the folder that the weights come from, or name the tokens in "
            "tokenizer_config.json.",
        )


def _not_added(tokenizer: Tokenizer, said: Described) -> Iterator[Finding]:
    """The tokens that the model was trained with stand around every text."""
    layout, roles = tokenizer.layout, tokenizer.roles
    absent = []
    if "cls" in said.arch.roles and roles.cls is not None and roles.cls not in layout.prefix[:1]:
        absent.append(f"{tokenizer.id_to_token(roles.cls)} is not put before a text")
    if "sep" in said.arch.roles and roles.sep is not None and roles.sep not in layout.suffix[-1:]:
        absent.append(f"{tokenizer.id_to_token(roles.sep)} is not put behind it")
    if absent:
        yield Finding(
            CHECK,
            "error",
            "; ".join(absent),
            "The model was trained with them around each text: what reads the first token reads a "
            "word instead, and every vector moves.",
            "Give tokenizer.json a post-processor of the kind TemplateProcessing, as the published "
            "tokenizer has.",
        )


def _shared(tokenizer: Tokenizer) -> Iterator[Finding]:
    """The mask and the padding are no other token."""
    for role, others in (("mask", ("cls", "sep", "pad", "unk")), ("pad", ("cls", "unk"))):
        index = tokenizer.roles.get(_role(role))
        same = [one for one in others if tokenizer.roles.get(_role(one)) == index]
        if index is not None and same:
            yield Finding(
                CHECK,
                "error",
                f"{role} and {' and '.join(same)} are one token, "
                f"{tokenizer.id_to_token(index)} ({index})",
                "What is masked away or predicted takes the other along with it.",
                "Name each role its own token in tokenizer_config.json.",
            )


def _ids(tokenizer: Tokenizer, said: Described, raw: Mapping[str, Any]) -> Iterator[Finding]:
    """Ids in `config.json` are those of the tokenizer, and have rows in the table."""
    stored = raw.get("config", {}) if said.format == "unmask" else raw
    for name, role in said.arch.token_ids.items():
        value, index = stored.get(name), tokenizer.roles.get(role)
        if isinstance(value, int) and index is not None and value != index:
            yield Finding(
                CHECK,
                "error" if role == "pad" else "warning",
                f"config.json says {name}={value}, and the tokenizer's {role} token "
                f"{tokenizer.id_to_token(index)} has the id {index}",
                "Batches are padded with one and masked by the other, and positions may be "
                "counted from it.",
                "The tokenizer or the configuration is from another model: take both from one.",
            )
    rows = said.config.vocab_size
    for role in ROLES:
        index = tokenizer.roles.get(role)
        if index is not None and index >= rows:
            yield Finding(
                CHECK,
                "error",
                f"the {role} token has the id {index}, and the token table {rows:,} rows",
                "Reading it fails, or reads memory that is not the table's.",
                "Give the table rows for all tokens (unmask tokenizer extend), or take the "
                "tokenizer that belongs to it.",
            )


def _unmarked(tokenizer: Tokenizer, spec: Mapping[str, Any]) -> Iterator[Finding]:
    """Other libraries know a special token by its mark in `tokenizer.json`."""
    marked = {one["id"] for one in spec.get("added_tokens") or [] if one.get("special")}
    roles = [role for role in ROLES if tokenizer.roles.get(role) not in (*marked, None)]
    if roles:
        names = [tokenizer.id_to_token(tokenizer.roles.need(role)) for role in roles]
        yield Finding(
            CHECK,
            "warning",
            f"not marked as special in tokenizer.json: {', '.join(names)}",
            "Collators of other libraries select them to be masked and predicted, and [MASK] in a "
            "text is cut into pieces.",
            'Add them to added_tokens with "special": true.',
        )


def _written(tokenizer: Tokenizer, patient: Patient) -> Iterator[Finding]:
    """The user's texts do not spell them."""
    if patient.material is None:
        return
    names = {tokenizer.id_to_token(index) for index in tokenizer.special_ids}
    texts = patient.material.texts
    for name in sorted(names):
        if len(name) > 2 and (count := sum(name in text for text in texts)):
            yield Finding(
                CHECK,
                "warning",
                f"{count:,} of {len(texts):,} texts of {patient.material.name} hold {name} as text",
                "Here it is text like any other; other libraries make the special token of it, "
                "which ends a text or hides a word in its middle.",
                "Take it out where it was put in by hand: the tokenizer adds special tokens.",
            )


def _role(name: str) -> Role:
    return next(role for role in ROLES if role == name)
