"""`unmask convert`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from unmask.cli import options
from unmask.cli.console import Terminal, print_json, print_table

POOLINGS = ("cls", "max", "mean", "mean_sqrt_len_tokens", "weightedmean", "lasttoken")


def convert(
    model: options.Model,
    out: Annotated[Path, typer.Option(help="New folder.")],
    format: Annotated[
        str,
        typer.Option(help="hf, which transformers opens; sentence-transformers; unmask; or auto."),
    ] = "auto",
    dtype: Annotated[
        str | None,
        typer.Option(help="float32, bfloat16 or float16. Default: as it is stored."),
    ] = None,
    pooling: Annotated[
        str | None,
        typer.Option(
            help="cls, mean, max and others: how tokens become a vector, for a model that does not "
            "say, with --format sentence-transformers."
        ),
    ] = None,
    revision: options.Revision = None,
    json: options.Json = False,
) -> None:
    """Write a model as a folder of safetensors. Pickled weights are read without running them.

    Example: unmask convert org/name --out models/name
    """
    from dataclasses import asdict

    from unmask.verbs.convert import convert

    result = convert(
        model,
        out=out,
        format=options.word("format", format, ("auto", "hf", "sentence-transformers", "unmask")),
        dtype=dtype,
        pooling=options.word("pooling", pooling, (*POOLINGS, None)),
        revision=revision,
        watch=Terminal(),
    )
    (print_json if json else print_table)(asdict(result) if json else result.in_words())
