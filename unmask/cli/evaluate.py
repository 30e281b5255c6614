"""`unmask evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from unmask.cli import columns, options
from unmask.cli.console import Terminal, print_json, print_table

TASKS = (None, "blimp", "pseudo-perplexity", "whole-word", "nsp", "sop", "rerank")
Data = Annotated[
    Path | None,
    typer.Option(
        help="For a classifier: table with texts and labels, .csv .tsv .jsonl ...; for a tagger: "
        "CoNLL, .jsonl or .parquet; for a reranker: rows with a query, a document and a label, or "
        "with a query, a positive and negatives; for an embedding model: queries with documents, "
        "or pairs with a score; for --task blimp: file or folder of minimal pairs."
    ),
]
Corpus = Annotated[
    Path | None,
    typer.Option(
        help="Of an embedding model: table of all documents. Default: the documents of --data."
    ),
]
Task = Annotated[
    str | None,
    typer.Option(
        help="For a language model: blimp (minimal pairs, by --data), or of --text "
        "pseudo-perplexity, whole-word (words hidden whole), nsp or sop (pairs of texts); rerank "
        "for a cross-encoder whose folder does not say that it is one."
    ),
]
Score = Annotated[
    str | None,
    typer.Option(
        help="Of --task and a masked model: plain (default), or within-word, which hides the "
        "later pieces of the same word too."
    ),
]
Text = Annotated[
    list[str] | None,
    typer.Option("--text", metavar="PATH", help="For a language model: files and folders."),
]
MostTokens = Annotated[int, typer.Option(help="Tokens that a language model reads at most.")]
Document = Annotated[
    str | None,
    typer.Option(
        help="What a text of --text is: file, blank-line, line or record. Default: what the kind "
        "of file suggests."
    ),
]
Cutting = Annotated[
    str | None,
    typer.Option(
        "--splitter",
        help="Of --task nsp and sop: what a pair is made of, lines (default) or sentences.",
    ),
]
Language = Annotated[
    str | None, typer.Option(help="Of --splitter sentences: code of their language. Default: en.")
]
MostPairs = Annotated[
    int | None, typer.Option(help="Minimal pairs of each paradigm. Default: all.")
]
Against = Annotated[
    str | None,
    typer.Option(
        metavar="MODEL",
        help="Another model of the kind on the same rows: how they differ, and whether by chance.",
    ),
]
Report = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Write a page (.html) on what was measured on rows: figures, slices, the worst "
        "mistakes; not of a language model.",
    ),
]
Replace = Annotated[bool, typer.Option("--replace", help="Replace a report that is there.")]


def evaluate(
    model: options.Model,
    data: Data = None,
    corpus: Corpus = None,
    text: Text = None,
    document: Document = None,
    text_column: columns.OnlyTextColumn = None,
    label_column: columns.LabelColumn = None,
    pair_column: columns.PairColumn = None,
    label_separator: columns.LabelSeparator = None,
    on_long: columns.OnLong = None,
    on_bad: options.OnBad = None,
    max_bad: options.MaxBad = None,
    most_tokens: MostTokens = 200_000,
    against: Against = None,
    report: Report = None,
    replace: Replace = False,
    task: Task = None,
    score: Score = None,
    most_pairs: MostPairs = None,
    splitter: Cutting = None,
    language: Language = None,
    device: options.Device = None,
    threads: options.Threads = None,
    revision: options.Revision = None,
    json: options.Json = False,
) -> None:
    """Measure a model on data that it has not seen.

    Example: unmask evaluate runs/b --data test.csv

    Example: unmask evaluate runs/b --against runs/c --data test.csv --report report.html

    Example: unmask evaluate MODEL --data pairs.jsonl --corpus documents.jsonl

    Example: unmask evaluate runs/a --text unseen.txt

    Example: unmask evaluate runs/a --task blimp --data blimp/
    """
    from unmask.verbs.evaluate import evaluate

    result = evaluate(
        model,
        data=data,
        corpus=corpus,
        text=text or (),
        text_column=text_column,
        label_column=label_column,
        pair_column=pair_column,
        label_separator=label_separator,
        on_long=options.word("on-long", on_long, (None, "truncate", "chunk", "error")),
        **options.bad_places(on_bad, max_bad),
        most_tokens=most_tokens,
        device=device or "auto",
        threads=threads,
        revision=revision,
        task=options.word("task", task, TASKS),
        score=options.word("score", score or "plain", ("plain", "within-word")),
        most_pairs=most_pairs,
        document=options.word("document", document, (None, "file", "blank-line", "line", "record")),
        splitter=options.word("splitter", splitter or "lines", ("lines", "sentences")),
        language=language or "en",
        against=against,
        report=report,
        replace=replace,
        watch=Terminal(),
    )
    (print_json if json else print_table)(result.as_dict() if json else result.in_words())
