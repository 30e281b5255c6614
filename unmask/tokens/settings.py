"""The files beside `tokenizer.json`: what they declare, and writing them for `transformers`."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from unmask.errors import TokenizerError
from unmask.tokens.roles import ROLES, Role

TOKENIZER_FILE = "tokenizer.json"
CONFIG_FILE = "tokenizer_config.json"
SPECIAL_FILE = "special_tokens_map.json"

# `transformers` writes 1e30 where no limit is known.
_NO_LIMIT = 10**9
# Kept from an opened folder when it is saved again. Everything else is left behind: settings such
# as `add_bos_token` or a class name make `transformers` rebuild the tokenizer, with other ids.
_KEPT = ("bos_token", "eos_token", "padding_side", "truncation_side")


@dataclass(frozen=True, slots=True)
class Settings:
    """What a folder says about its tokenizer outside `tokenizer.json`.

    Attributes:
        declared: token strings by role.
        model_max_length: longest input of the model in tokens, or None where it is not known.
        segments: whether the model takes segment ids, or None where it is not said.
        kept: other entries that are written back as they were.
    """

    declared: Mapping[Role, str] = field(default_factory=dict)
    model_max_length: int | None = None
    segments: bool | None = None
    kept: Mapping[str, Any] = field(default_factory=dict)


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        TokenizerError: the file is missing, unreadable, not UTF-8, not JSON, or not an object.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=_once)
    except FileNotFoundError as error:
        raise TokenizerError(f"{path} does not exist") from error
    except OSError as error:
        raise TokenizerError(f"{path} cannot be read: {error.strerror}") from error
    except RecursionError as error:
        raise TokenizerError(f"{path} is nested too deeply to be a tokenizer") from error
    except ValueError as error:  # bad UTF-8 and bad JSON are both ValueError
        raise TokenizerError(f"{path} is not valid JSON: {error}") from error
    if not isinstance(value, dict):
        raise TokenizerError(f"{path} must hold a JSON object, but it holds a {_kind(value)}")
    return value


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write a JSON object so that the file is either the old one or the whole new one."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(value, ensure_ascii=False, indent=2) + "\n"
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        raise TokenizerError(f"{path} cannot be written: {error.strerror}") from error
    finally:
        with suppress(OSError):
            temporary.unlink()


def read_settings(folder: Path) -> Settings:
    """Read `tokenizer_config.json` and `special_tokens_map.json`, as far as they exist.

    Where both name a token for a role, `tokenizer_config.json` counts.

    Raises:
        TokenizerError: a file is not valid JSON, or an entry has the wrong type.
    """
    config, special = (
        # A link that leads nowhere is a lost file, and not a file that was never there.
        read_json(folder / name) if os.path.lexists(folder / name) else {}
        for name in (CONFIG_FILE, SPECIAL_FILE)
    )
    declared: dict[Role, str] = {}
    for role in ROLES:
        for file, entries in ((SPECIAL_FILE, special), (CONFIG_FILE, config)):
            token = _content(entries.get(f"{role}_token"), f"{folder / file}: {role}_token")
            if token is not None:
                declared[role] = token
    names = config.get("model_input_names")
    if names is not None and not (
        isinstance(names, list) and all(isinstance(name, str) for name in names)
    ):
        raise TokenizerError(
            f"{folder / CONFIG_FILE}: model_input_names must be a list of names, but it is "
            f"{json.dumps(names)[:60]}"
        )
    return Settings(
        declared=declared,
        model_max_length=_limit(config.get("model_max_length"), folder / CONFIG_FILE),
        segments=None if names is None else "token_type_ids" in names,
        kept={key: config[key] for key in _KEPT if config.get(key) is not None},
    )


def write_settings(folder: Path, settings: Settings) -> None:
    """Write `tokenizer_config.json` so that `transformers.AutoTokenizer` opens the folder.

    The class named there is the generic one, which takes `tokenizer.json` as it is; a class such as
    `BertTokenizer` would rebuild normaliser and post-processor from other settings.
    """
    names = ["input_ids", "attention_mask"]
    if settings.segments:
        names.insert(1, "token_type_ids")
    config: dict[str, Any] = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        **settings.kept,
        **{f"{role}_token": token for role, token in settings.declared.items()},
        "model_input_names": names,
        "clean_up_tokenization_spaces": False,
    }
    if settings.model_max_length is not None:
        config["model_max_length"] = settings.model_max_length
    write_json(folder / CONFIG_FILE, config)


def _content(entry: object, where: str) -> str | None:
    """A token is written as a string or as an object with its `content`."""
    if entry is None:
        return None
    token = entry.get("content") if isinstance(entry, dict) else entry
    if not isinstance(token, str) or not token:
        raise TokenizerError(f"{where} must be a token, but it is {json.dumps(entry)[:60]}")
    return token


def _limit(value: object, file: Path) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 1:
        raise TokenizerError(f"{file}: model_max_length must be a positive number, not {value!r}")
    if value >= _NO_LIMIT:
        return None
    if value != int(value):
        raise TokenizerError(f"{file}: model_max_length must be a whole number, not {value!r}")
    return int(value)


def _once(items: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON, each of whose keys stands there once: of two the last would count."""
    found = dict(items)
    if len(found) < len(items):
        twice = next(key for key, count in Counter(key for key, _ in items).items() if count > 1)
        raise ValueError(f"the key {twice!r} stands twice in one object")
    return found


def _kind(value: object) -> str:
    return {list: "list", str: "string", type(None): "null"}.get(type(value), "number")
