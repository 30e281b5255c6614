"""Writes `docs/settings.md` from the settings' dataclasses: `python docs/make_settings.py`.

Names, types and defaults are read from the classes; what a setting means from the "Attributes:"
part of its class's docstring. Where that says "see `some.function`", what is said there counts.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from importlib import import_module
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

PAGE = Path(__file__).with_name("settings.md")

HEAD = """\
# Settings

All settings of `unmask pretrain` and `unmask finetune`. This page is written by
`docs/make_settings.py` from the code; a test fails when the two differ.

A setting is named `room.key`. There are four ways to give it a value; the later wins:

1. the default,
2. a recipe: `--config FILE.toml`, where a room is a table, `[optim]`, and a key a line in it,
   `lr = 0.003`,
3. the option in the table below, where there is one,
4. `--set optim.lr=0.003`, for any setting; may be given several times. The right side is read as
   TOML (`0.003`, `true`, `[0.9, 0.95]`), and as plain text where it is not TOML.

In Python the options are keywords with underscores: `unmask.pretrain(out="runs/a", steps=100)`; a
recipe is `config="FILE.toml"`.
A name that does not exist is an error that lists those that do. `none` as a default means that the
setting is left open; the description says what happens then.
"""

_SEE = re.compile(r"see `([\w.]+)`")
_CODE_ONLY = re.compile(r",? see `[A-Z_]+`")  # a constant of the module is no help to a reader
_ENTRY = re.compile(r"(\w+(?:, \w+)*): (.*)")


@dataclass(frozen=True)
class Verb:
    """A command with settings.

    Attributes:
        name: as it is typed.
        settings: all its settings, at their defaults; most fields are rooms with settings of
            their own.
        short: keyword to the path of the one setting that its option sets.
        after: what is said below its tables.
    """

    name: str
    settings: Any
    short: Mapping[str, tuple[str, ...]]
    after: str = ""


def verbs() -> tuple[Verb, ...]:
    """The commands that have settings."""
    from unmask.verbs import finetune_settings as tune
    from unmask.verbs import pretrain_settings as pre

    return (
        Verb("pretrain", pre.PretrainSettings(), pre.SHORT),
        Verb("finetune", tune.FinetuneSettings(), tune.SHORT, _chosen()),
    )


def _chosen() -> str:
    """The rates and epochs that fine-tuning chooses by itself."""
    from unmask.verbs import embed_settings as embed
    from unmask.verbs import tune_recipe as tune

    rows = [
        *(
            (f"up to {most}" if most else "wider", f"{rate:g}", str(epochs))
            for most, rate, epochs in tune.RECIPES
        ),
        ("any, with `--freeze`", f"{tune.FROZEN_LR:g}", str(tune.FROZEN_EPOCHS)),
        ("any, with `--lora`", f"{tune.LORA_LR:g}", "as by width"),
        *(
            (f"up to {most}, `embed`" if most else "wider, `embed`", f"{rate:g}", str(epochs))
            for most, rate, epochs in embed.EMBED_RECIPES
        ),
        ("any, with `--few-shot`", "as by width", str(tune.FEW_EPOCHS)),
    ]
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    return f"""### What is chosen for you

Where `optim.lr` and `budget.epochs` are left open, they follow from the width of the encoder:

| width | `optim.lr` | `budget.epochs` |
|---|---|---|
{table}

Small data is read more often, up to {tune.MOST_EPOCHS} times, so that a run has about
{tune.LEAST_UPDATES} updates or more ({embed.EMBED_UPDATES} of `embed`).
The command prints what it chose.
"""


def page() -> str:
    """The whole page."""
    return "\n".join([HEAD, *(_section(verb) for verb in verbs())]).rstrip() + "\n"


def _section(verb: Verb) -> str:
    """One command: a table for each room."""
    options = {
        tuple(path): f"`--{name.rstrip('_').replace('_', '-')}`"
        for name, path in verb.short.items()
    }
    rooms = {field.name: getattr(verb.settings, field.name) for field in fields(verb.settings)}
    parts = [f"## unmask {verb.name}\n"]
    alone = [name for name, room in rooms.items() if not is_dataclass(room)]
    if alone:
        parts.append(_table((), verb.settings, alone, options))
    for name, room in rooms.items():
        if is_dataclass(room):
            parts.append(f"### {name}\n")
            parts.append(_table((name,), room, [field.name for field in fields(room)], options))
    return "\n".join([*parts, verb.after]).rstrip() + "\n"


def _table(
    above: tuple[str, ...], room: Any, names: list[str], options: Mapping[tuple[str, ...], str]
) -> str:
    """The settings `names` of a room, which stands at the path `above`."""
    hints = get_type_hints(type(room))
    lines = ["| setting | option | values | default | meaning |", "|---|---|---|---|---|"]
    for name in names:
        path = (*above, name)
        cells = (
            f"`{'.'.join(path)}`",
            options.get(path, ""),
            _values(hints[name]),
            _default(getattr(room, name)),
            _meaning(type(room), name),
        )
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def _values(hint: Any) -> str:
    """A type in words."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return ", ".join(_values(option) for option in inner if option is not NoneType)
    if origin is Literal:
        return ", ".join(f"`{word}`" for word in inner)
    if origin is tuple:
        items = f"list of {_values(inner[0])}" + "s" * (get_origin(inner[0]) is not Literal)
        return items if inner[-1] is Ellipsis else f"{items}, {len(inner)} of them"
    return {int: "whole number", float: "number", bool: "`true`, `false`", str: "text"}[hint]


def _default(value: Any) -> str:
    if value is None or value == ():
        return "none"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{list(value) if isinstance(value, tuple) else value}`"


def _meaning(cls: type, name: str) -> str:
    """What a setting means.

    Raises:
        LookupError: the docstring does not say it.
    """
    entries = _entries(cls)
    # A name may be explained beside another: "rate: ...; `final_rate` that at the end".
    beside = (text for text in entries.values() if f"`{name}`" in text)
    text = entries.get(name) or next(beside, None)
    if text and (see := _SEE.fullmatch(text.rstrip("."))):
        text = _entries(_named(see[1])).get(name)
    if not text:
        raise LookupError(f"the docstring of {cls.__name__} does not explain {name}")
    return _CODE_ONLY.sub("", text).replace("None", "none")


def _entries(thing: Any) -> dict[str, str]:
    """Names and explanations in the "Attributes:" or "Args:" part of a docstring."""
    parts = re.split(r"^ *(?:Attributes|Args):$", inspect.getdoc(thing) or "", flags=re.MULTILINE)
    entries: dict[str, list[str]] = {}
    names: list[str] = []
    base: int | None = None
    for line in parts[1].splitlines() if len(parts) > 1 else ():
        indent = len(line) - len(line.lstrip())
        if not line.strip():
            if entries:
                break
            continue
        base = indent if base is None else base
        if indent < base:
            break
        if indent == base and (entry := _ENTRY.fullmatch(line.strip())):
            names = entry[1].split(", ")
            entries |= {name: [entry[2]] for name in names}
        else:
            for name in names:
                entries[name].append(line.strip())
    return {name: " ".join(lines) for name, lines in entries.items()}


def _named(dotted: str) -> Any:
    module, _, name = dotted.rpartition(".")
    return getattr(import_module(module), name)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    PAGE.write_text(page(), encoding="utf-8")
