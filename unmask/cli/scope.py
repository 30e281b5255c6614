"""`unmask scope`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from unmask.cli import columns, options
from unmask.cli.console import Terminal, print_json, print_table

Data = Annotated[
    Path, typer.Argument(help="What is to be learnt from, as finetune --train takes it.")
]
Task = Annotated[str, typer.Option(help="classify, pair, regress, tag, answer, embed or rerank.")]
Dev = Annotated[
    Path | None,
    typer.Option(help="File to measure with. Default: a stratified share is held out."),
]
Models = Annotated[
    list[str] | None,
    typer.Option(
        "--model",
        metavar="MODEL",
        help="Candidate for the backbone: a folder, or a name on the Hub. May be given several "
        "times. Default: the models that open here.",
    ),
]
Latency = Annotated[
    float | None, typer.Option(help="Budget for one row at the 95th percentile of length.")
]
Memory = Annotated[str | None, typer.Option(help="Budget for the parameters, such as 500MB.")]
Metric = Annotated[
    str | None,
    typer.Option(help="The figure that decides, such as accuracy, macro-f1. Default: shown."),
]
MostRows = Annotated[
    int, typer.Option(help="Rows that are judged for label mistakes, drawn where more.")
]
Out = Annotated[
    Path | None,
    typer.Option(
        help="Folder for scope.html and recipe.toml. Default: scope-NAME, by the name of the data."
    ),
]
Replace = Annotated[bool, typer.Option("--replace", help="Replace the files of an earlier run.")]


def scope(
    data: Data,
    task: Task,
    out: Out = None,
    dev: Dev = None,
    model: Models = None,
    latency_ms: Latency = None,
    memory: Memory = None,
    metric: Metric = None,
    text_column: columns.TextColumn = None,
    label_column: columns.LabelColumn = None,
    pair_column: columns.PairColumn = None,
    label_separator: columns.LabelSeparator = None,
    on_bad: options.OnBad = None,
    max_bad: options.MaxBad = None,
    most_rows: MostRows = 5000,
    seed: options.Seed = None,
    device: options.Device = None,
    threads: options.Threads = None,
    replace: Replace = False,
    json: options.Json = False,
) -> None:
    """Audit labelled data before anything is trained, and plan the training, or refuse it.

    Example: unmask scope train.csv --task classify

    Example: unmask scope train.csv --task classify --latency-ms 20 --out scoped

    Writes a page and a recipe that unmask finetune --config runs. Exits with 1 where it refuses.
    """
    from dataclasses import asdict

    from unmask.verbs.scope import scope

    result = scope(
        data,
        task=task,
        out=out,
        dev=dev,
        models=model or (),
        latency_ms=latency_ms,
        memory=memory,
        metric=metric,
        text_column=text_column,
        label_column=label_column,
        pair_column=pair_column,
        label_separator=label_separator,
        **options.bad_places(on_bad, max_bad),
        most_rows=most_rows,
        seed=0 if seed is None else seed,
        device=device or "auto",
        threads=threads,
        replace=replace,
        watch=Terminal(),
    )
    (print_json if json else print_table)(asdict(result) if json else result.in_words())
    if result.facts.refused:
        raise typer.Exit(1)
