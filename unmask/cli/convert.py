"""`unmask convert`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from unmask.cli import options
from unmask.cli.console import Terminal, print_json, print_table


def convert(
    model: options.Model,
    out: Annotated[Path, typer.Option(help="New folder.")],
    format: Annotated[
        str,
        typer.Option(help="hf, which transformers opens; unmask; or auto for hf where it can be."),
    ] = "auto",
    dtype: Annotated[
        str | None,
        typer.Option(help="float32, bfloat16 or float16. Default: as it is stored."),
    ] = None,
    revision: options.Revision = None,
    json: options.Json = False,
) -> None:
    """Write a model as a folder of safetensors. Pickled weights are read without running them.

    Example: unmask convert org/name --out models/name
    """
    from dataclasses import asdict

    from unmask.verbs.convert import convert

    how = options.word("format", format, ("auto", "hf", "unmask"))
    result = convert(model, out=out, format=how, dtype=dtype, revision=revision, watch=Terminal())
    (print_json if json else print_table)(asdict(result) if json else result.in_words())
