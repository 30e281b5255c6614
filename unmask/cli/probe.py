"""`unmask probe`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from unmask.cli import columns, options
from unmask.cli.console import Terminal, print_json, print_table


def probe(
    model: options.Model,
    train: Annotated[Path, typer.Option(help="Table with texts and labels to learn from.")],
    test: Annotated[Path, typer.Option(help="Table to measure on.")],
    per_label: Annotated[
        int | None, typer.Option(help="Rows of each label to learn from. Default: all.")
    ] = None,
    seeds: Annotated[
        int | None, typer.Option(help="Of --per-label: how often rows are drawn. Default: 5.")
    ] = None,
    text_column: columns.OnlyTextColumn = None,
    label_column: columns.LabelColumn = None,
    on_long: Annotated[
        str | None, typer.Option(help="At a text longer than the context: truncate or error.")
    ] = None,
    on_bad: options.OnBad = None,
    max_bad: options.MaxBad = None,
    device: options.Device = None,
    threads: options.Threads = None,
    revision: options.Revision = None,
    json: options.Json = False,
) -> None:
    """Measure what a model's vectors hold: labels told by logistic regression on them.

    Example: unmask probe MODEL --train train.csv --test test.csv

    Example: unmask probe MODEL --train train.csv --test test.csv --per-label 8
    """
    from dataclasses import asdict

    from unmask.verbs.probe import probe

    result = probe(
        model,
        train=train,
        test=test,
        per_label=per_label,
        seeds=seeds,
        text_column=text_column,
        label_column=label_column,
        on_long=options.word("on-long", on_long or "truncate", ("truncate", "error")),
        **options.bad_places(on_bad, max_bad),
        device=device or "auto",
        threads=threads,
        revision=revision,
        watch=Terminal(),
    )
    (print_json if json else print_table)(asdict(result) if json else result.in_words())
