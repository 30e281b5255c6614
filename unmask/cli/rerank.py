"""`unmask rerank`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from unmask.cli import columns, options
from unmask.cli.console import Terminal, print_json


def rerank(
    model: options.Model,
    query: Annotated[str, typer.Option("--query", help="What the rows are compared with.")],
    input: Annotated[Path, typer.Option("--input", help="Table: .csv .tsv .jsonl .parquet.")],
    top_k: Annotated[int, typer.Option(help="How many rows are given, best first.")] = 10,
    text_column: columns.TextColumn = None,
    on_long: Annotated[
        str | None,
        typer.Option(help="Pair longer than the context: truncate (default; counted) or error."),
    ] = None,
    on_bad: options.OnBad = None,
    max_bad: options.MaxBad = None,
    device: options.Device = None,
    threads: options.Threads = None,
    revision: options.Revision = None,
    json: options.Json = False,
) -> None:
    """Rank the rows of a table by how well they go with a query.

    Example: unmask rerank MODEL --query "how do I undo a commit" --input docs.jsonl
    """
    from unmask.verbs.rerank import rerank

    result = rerank(
        model,
        query=query,
        input=input,
        top_k=top_k,
        text_column=text_column,
        on_long=options.word("on-long", on_long or "truncate", ("truncate", "error")),
        **options.bad_places(on_bad, max_bad),
        device=device or "auto",
        threads=threads,
        revision=revision,
        watch=Terminal(),
    )
    if json:
        print_json(result.as_dict())
        return
    for place, one in enumerate(result.ranked, 1):
        text = " ".join(one["text"].split())
        print(f"{place:>3}  {one['score']:8.4f}  row {one['corpus_id']:<6}  {text[:100]}")
