"""Options that several verbs share, so that they read the same everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

Text = Annotated[
    list[str] | None,
    typer.Option(
        "--text",
        metavar="PATH",
        help="File or folder: .txt .md .rst .jsonl .csv .parquet, also .gz and .zst. May be given "
        "several times. Default: the docstrings of the installed Python packages.",
    ),
]
Field = Annotated[
    str | None, typer.Option(help="Column or key that holds the text. Default: text.")
]
Document = Annotated[
    str | None,
    typer.Option(
        help="What a document is: file, blank-line, line or record. Default: what the kind of "
        "file suggests."
    ),
]
OnBad = Annotated[
    str | None,
    typer.Option(help="stop at a corrupt place (default), or skip it, counted and reported."),
]
MaxBad = Annotated[
    float | None, typer.Option(help="Largest share of corrupt places under skip. Default: 0.01.")
]
Config = Annotated[
    Path | None,
    typer.Option("--config", metavar="TOML", help="A recipe; options given beside it win."),
]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Any setting, such as optim.lr=0.003."),
]
Seed = Annotated[int | None, typer.Option(help="Default: 0.")]
Device = Annotated[str | None, typer.Option(help="auto, cpu, cuda, cuda:1. Default: auto.")]
Dtype = Annotated[
    str | None,
    typer.Option(help="fp32, bf16, or auto for bf16 where the processor is fast at it."),
]
Threads = Annotated[int | None, typer.Option(help="CPU threads. Default: one for each core.")]
Model = Annotated[
    str, typer.Argument(help="Folder of a model, or of its run; or a name on the Hub: org/name.")
]
Revision = Annotated[
    str | None,
    typer.Option(help="Of a name on the Hub: branch, tag or commit. Default: the main branch."),
]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


def recipe(config: Path | None, assignments: list[str] | None) -> tuple[dict[str, Any], Any]:
    """A recipe's table and the dotted overrides, as nested mappings."""
    from unmask.config import parse_assignments, read_recipe

    return read_recipe(config), parse_assignments(assignments or [])


def exit_code(signal: int | None) -> None:
    """Leave as a process does that a signal ended; nothing where none did."""
    if signal is not None:
        raise typer.Exit(128 + signal)


def word(option: str, value: Any, words: tuple[Any, ...]) -> Any:
    """A value that must be one of a few words.

    Raises:
        ConfigError: it is another.
    """
    from unmask.errors import ConfigError

    if value not in words:
        known = ", ".join(w for w in words if w)
        raise ConfigError(f"--{option} must be one of {known}, not {value!r}")
    return value


def bad_places(on_bad: str | None, max_bad: float | None) -> dict[str, Any]:
    """How corrupt places are met, as the verbs that read tables and texts take it.

    Raises:
        ConfigError: `on_bad` is no word for it.
    """
    how = word("on-bad", on_bad or "stop", ("stop", "skip"))
    return {"on_bad": how, "max_bad": 0.01 if max_bad is None else max_bad}
