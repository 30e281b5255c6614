"""Which tokens play the parts that models rely on: found by role, never by one fixed spelling."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from unmask.errors import TokenizerError
from unmask.tokens.backend import Raw, Spec
from unmask.tokens.layout import Layout

Role = Literal["cls", "sep", "mask", "pad", "unk"]
ROLES: tuple[Role, ...] = get_args(Role)

# What the published families call them; used only where nothing else says.
_WELL_KNOWN: dict[Role, tuple[str, ...]] = {
    "cls": ("[CLS]", "<s>", "<cls>"),
    "sep": ("[SEP]", "</s>", "<sep>"),
    "mask": ("[MASK]", "<mask>"),
    "pad": ("[PAD]", "<pad>"),
    "unk": ("[UNK]", "<unk>"),
}


@dataclass(frozen=True, slots=True)
class Roles:
    """The id of the token in each role, or None where the tokenizer has none.

    Attributes:
        cls: stands first; its hidden state stands for the text.
        sep: ends a text, or parts two.
        mask: what is to be predicted.
        pad: fills rows where a caller asks for padding.
        unk: what the vocabulary cannot spell. Byte-level tokenizers may do without.
    """

    cls: int | None = None
    sep: int | None = None
    mask: int | None = None
    pad: int | None = None
    unk: int | None = None

    def get(self, role: Role) -> int | None:
        """The id in a role, or None."""
        found: int | None = getattr(self, role)
        return found

    def need(self, role: Role) -> int:
        """The id in a role.

        Raises:
            TokenizerError: the tokenizer has no such token.
        """
        found = self.get(role)
        if found is None:
            raise TokenizerError(
                f"this tokenizer has no {role} token. Name one as {role}_token in "
                "tokenizer_config.json, or use a tokenizer trained for encoders"
            )
        return found

    def demand(self, roles: Iterable[Role], where: str) -> None:
        """Check that all of these roles are filled.

        Raises:
            TokenizerError: lists every role that is not.
        """
        missing = [role for role in roles if self.get(role) is None]
        if missing:
            names = "; ".join(f"{role} (such as {_WELL_KNOWN[role][0]})" for role in missing)
            raise TokenizerError(
                f"{where} has no token for: {names}. An encoder needs them: name them in "
                "tokenizer_config.json as "
                + ", ".join(f"{role}_token" for role in missing)
                + ", or train a tokenizer with `unmask tokenizer train`"
            )


def find_roles(
    spec: Spec, raw: Raw, layout: Layout, declared: Mapping[Role, str], where: str
) -> Roles:
    """Find the token of each role.

    What the folder's configuration declares comes first, then what the post-processor puts around
    a text, then the model's own unknown token, then the well-known names.

    Args:
        spec: the parsed `tokenizer.json`.
        raw: the tokenizer built from it.
        layout: what its post-processor puts around texts.
        declared: token strings by role from the configuration files; empty where there are none.
        where: the file or folder, for messages.

    Raises:
        TokenizerError: a declared token is not in the vocabulary.
    """
    found: dict[Role, int] = {}
    for role, token in declared.items():
        index = raw.token_to_id(token)
        if index is None:
            raise TokenizerError(
                f"{where} declares {role}_token {token!r}, but tokenizer.json has no such token. "
                "Add it there, or correct the declaration"
            )
        found[role] = index
    if layout.prefix:
        found.setdefault("cls", layout.prefix[0])
    if layout.suffix:
        found.setdefault("sep", layout.suffix[-1])
    unknown = _model_unknown(spec["model"], raw)
    if unknown is not None:
        found.setdefault("unk", unknown)
    for role, names in _WELL_KNOWN.items():
        known = [index for name in names if (index := raw.token_to_id(name)) is not None]
        if known:
            found.setdefault(role, known[0])
    return Roles(**found)


def _model_unknown(model: Mapping[str, Any], raw: Raw) -> int | None:
    """The unknown token of the model itself: by id in Unigram, by name in the others."""
    index = model.get("unk_id")
    if isinstance(index, int):
        return index
    token = model.get("unk_token")
    return raw.token_to_id(token) if isinstance(token, str) else None
