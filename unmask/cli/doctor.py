"""`unmask doctor`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from unmask.cli import columns, options
from unmask.cli.console import Terminal, print_json


def doctor(
    model: options.Model,
    data: Annotated[
        Path | None,
        typer.Argument(help="Texts that the model is used on: a table, .txt, CoNLL, SQuAD's JSON."),
    ] = None,
    task: Annotated[
        str | None,
        typer.Option(help="What the rows of DATA hold. Default: what the model's head asks for."),
    ] = None,
    pooling: Annotated[
        str | None,
        typer.Option(help="How your own code pools, mean or cls: is it the model's way?"),
    ] = None,
    prompt: Annotated[
        str | None, typer.Option(help="What your own code puts before a text: is it the model's?")
    ] = None,
    text_column: columns.TextColumn = None,
    label_column: columns.LabelColumn = None,
    pair_column: columns.PairColumn = None,
    label_separator: columns.LabelSeparator = None,
    on_bad: options.OnBad = None,
    max_bad: options.MaxBad = None,
    device: options.Device = None,
    threads: options.Threads = None,
    revision: options.Revision = None,
    json: options.Json = False,
) -> None:
    """Look for mistakes in a model's folder, and in its use on your texts, that fail nothing.

    Example: unmask doctor MODEL

    Example: unmask doctor MODEL new.csv --pooling mean

    Exits with 1 where there is an error.
    """
    from dataclasses import asdict

    from unmask.verbs.doctor import doctor
    from unmask.verbs.material import TASKS

    result = doctor(
        model,
        data,
        task=options.word("task", task, (None, *TASKS)),
        pooling=pooling,
        prompt=prompt,
        text_column=text_column,
        label_column=label_column,
        pair_column=pair_column,
        label_separator=label_separator,
        **options.bad_places(on_bad, max_bad),
        device=device or "auto",
        threads=threads,
        revision=revision,
        watch=Terminal(),
    )
    if json:
        print_json(asdict(result))
    else:
        print(result.in_words())
    if not result.healthy:
        raise typer.Exit(1)
