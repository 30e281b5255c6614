"""Options of the verbs that read tables, so that they read the same everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

_COLUMN = "Default: found by its name, and shown."

TextColumn = Annotated[
    str | None,
    typer.Option(
        "--text-column", "--text", metavar="COLUMN", help=f"Column that holds the text. {_COLUMN}"
    ),
]
OnlyTextColumn = Annotated[
    str | None,
    typer.Option("--text-column", metavar="COLUMN", help=f"Column that holds the text. {_COLUMN}"),
]
LabelColumn = Annotated[
    str | None,
    typer.Option(
        "--label-column",
        "--label",
        metavar="COLUMN",
        help=f"Column that holds the label. {_COLUMN}",
    ),
]
PairColumn = Annotated[
    str | None,
    typer.Option(
        "--pair-column",
        "--pair",
        metavar="COLUMN",
        help=f"Column that holds the second text of a pair. {_COLUMN}",
    ),
]
LabelSeparator = Annotated[
    str | None, typer.Option(help="Between the labels of a row, where they are no list.")
]
ClassWeights = Annotated[
    str | None, typer.Option(help="balanced: a rare label counts as much as a frequent one.")
]
LabelSmoothing = Annotated[
    float | None, typer.Option(help="Share of a target spread over all labels. Default: 0.")
]
QueryPrompt = Annotated[
    str | None,
    typer.Option(help="Of embed: put before each query. Default: what the model says."),
]
DocumentPrompt = Annotated[
    str | None,
    typer.Option(help="Of embed: put before each document. Default: what the model says."),
]
Task = Annotated[
    str | None,
    typer.Option(
        help="classify: labels for each text (default); pair: for two; regress: numbers; tag: a "
        "label for each word; answer: the words of a text that answer a question; embed: vectors "
        "of texts; rerank: how well a document goes with a query."
    ),
]
Train = Annotated[
    Path,
    typer.Option(
        help="Table to train on: .csv .tsv .jsonl .parquet; for tag also CoNLL, for answer "
        "SQuAD's .json."
    ),
]
OnLongTuned = Annotated[
    str | None,
    typer.Option(
        help="Long text: truncate (default; counted) or error; chunk is the default of tag and "
        "answer."
    ),
]
OnLong = Annotated[
    str | None,
    typer.Option(
        help="Text longer than the context: truncate (default; counted), chunk (parts are "
        "averaged; default of a tagger and of a model that answers questions, which read "
        "overlapping parts; two texts that are read together are never split) or error."
    ),
]
