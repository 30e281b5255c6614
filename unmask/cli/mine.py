"""`unmask mine`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from unmask.cli import columns, options
from unmask.cli.console import Terminal, print_json, print_table

Corpus = Annotated[
    Path | None,
    typer.Option(help="Table with more texts to look among. Default: the positives alone."),
]
Teacher = Annotated[
    str | None,
    typer.Option(
        metavar="MODEL", help="A cross-encoder, whose logits count and become teacher_scores."
    ),
]
PerQuery = Annotated[int, typer.Option(help="Negatives of a row.")]
SkipFirst = Annotated[int, typer.Option(help="Nearest candidates that are left out.")]
Range = Annotated[
    int, typer.Option("--range", help="Up to which candidate, counted from the nearest.")
]
Margin = Annotated[
    float | None, typer.Option(help="A negative scores so much below the positive, at least.")
]
RelativeMargin = Annotated[
    float | None,
    typer.Option(help="The same as a share: 0.05 for at most 95 % of the positive's score."),
]
Pick = Annotated[
    str, typer.Option(help="top (the nearest that are left) or sampled (drawn among them).")
]
CorpusColumn = Annotated[
    str | None, typer.Option(metavar="COLUMN", help="Column of the corpus. Default: found.")
]


def mine(
    model: options.Model,
    input: Annotated[Path, typer.Option("--input", help="Table: .csv .tsv .jsonl .parquet.")],
    output: Annotated[Path, typer.Option("--output", help="New file: .jsonl.")],
    corpus: Corpus = None,
    reranker: Teacher = None,
    per_query: PerQuery = 5,
    skip_first: SkipFirst = 0,
    range_: Range = 100,
    margin: Margin = None,
    relative_margin: RelativeMargin = None,
    pick: Pick = "top",
    text_column: columns.TextColumn = None,
    pair_column: columns.PairColumn = None,
    corpus_column: CorpusColumn = None,
    on_long: Annotated[
        str | None,
        typer.Option(help="Long text: truncate (default; counted) or error."),
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Replace the output if it is there.")
    ] = False,
    on_bad: options.OnBad = None,
    max_bad: options.MaxBad = None,
    seed: options.Seed = None,
    device: options.Device = None,
    threads: options.Threads = None,
    revision: options.Revision = None,
    json: options.Json = False,
) -> None:
    """Find hard negatives for queries and their positives, to train embeddings or a reranker.

    Example: unmask mine MODEL --input pairs.jsonl --output mined.jsonl --relative-margin 0.05
    """
    from dataclasses import asdict

    from unmask.verbs.mine import mine

    result = mine(
        model,
        input=input,
        output=output,
        corpus=corpus,
        per_query=per_query,
        skip_first=skip_first,
        range=range_,
        margin=margin,
        relative_margin=relative_margin,
        pick=options.word("pick", pick, ("top", "sampled")),
        seed=seed,
        reranker=reranker,
        text_column=text_column,
        pair_column=pair_column,
        corpus_column=corpus_column,
        on_long=options.word("on-long", on_long or "truncate", ("truncate", "error")),
        replace=replace,
        **options.bad_places(on_bad, max_bad),
        device=device or "auto",
        threads=threads,
        revision=revision,
        watch=Terminal(),
    )
    (print_json if json else print_table)(asdict(result) if json else result.in_words())
