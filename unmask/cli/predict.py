"""`unmask predict`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from unmask.cli import columns, options
from unmask.cli.console import Terminal, print_json, print_table


def predict(
    model: options.Model,
    input: Annotated[
        Path,
        typer.Option(
            "--input",
            help="Table: .csv .tsv .jsonl .parquet, or .txt with a text on each line; for a tagger "
            "also CoNLL, for a model that finds answers .json in SQuAD's form.",
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", help="New file: .jsonl .csv .tsv; of words .conll.")
    ],
    text_column: columns.TextColumn = None,
    pair_column: columns.PairColumn = None,
    on_long: columns.OnLong = None,
    scores: Annotated[
        bool, typer.Option("--scores", help="Also write the probability of every label.")
    ] = False,
    prefix: Annotated[
        str, typer.Option(help="Before the new columns' names, where the input has one already.")
    ] = "",
    replace: Annotated[
        bool, typer.Option("--replace", help="Replace the output if it is there.")
    ] = False,
    on_bad: options.OnBad = None,
    max_bad: options.MaxBad = None,
    device: options.Device = None,
    threads: options.Threads = None,
    revision: options.Revision = None,
    json: options.Json = False,
) -> None:
    """Say what a model has to say of every row of a table; its other columns are kept.

    Example: unmask predict runs/b --input new.jsonl --output answers.jsonl
    """
    from dataclasses import asdict

    from unmask.verbs.predict import predict

    result = predict(
        model,
        input=input,
        output=output,
        text_column=text_column,
        pair_column=pair_column,
        on_long=options.word("on-long", on_long, (None, "truncate", "chunk", "error")),
        scores=scores,
        prefix=prefix,
        replace=replace,
        **options.bad_places(on_bad, max_bad),
        device=device or "auto",
        threads=threads,
        revision=revision,
        watch=Terminal(),
    )
    (print_json if json else print_table)(asdict(result) if json else result.in_words())
