"""`unmask info`."""

from __future__ import annotations

from typing import Annotated

import typer

from unmask.cli import options
from unmask.cli.console import print_json, print_table


def info(
    model: options.Model,
    tokens: Annotated[
        int | None,
        typer.Option(help="Length of a text to count operations for. Default: the context."),
    ] = None,
    revision: options.Revision = None,
    json: options.Json = False,
) -> None:
    """Describe a model: architecture, size, labels, cost. It is opened and checked on the way.

    Example: unmask info runs/b
    """
    from dataclasses import asdict

    from unmask.verbs.info import info

    result = info(model, tokens=tokens, revision=revision)
    (print_json if json else print_table)(asdict(result) if json else result.in_words())
