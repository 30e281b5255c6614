"""`unmask tokenizer train`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from unmask.cli import options
from unmask.cli.console import Terminal, print_json, print_table

app = typer.Typer(
    no_args_is_help=True, add_completion=False, rich_markup_mode=None, name="tokenizer"
)


@app.callback()
def tokenizer() -> None:
    """Tokenizers: train one on your own text."""


@app.command()
def train(
    out: Annotated[Path, typer.Option(help="Folder for the tokenizer.")],
    text: options.Text = None,
    kind: Annotated[str, typer.Option(help="wordpiece, or bpe over bytes.")] = "wordpiece",
    vocab_size: Annotated[int, typer.Option(help="Tokens at most.")] = 8000,
    lowercase: Annotated[
        bool | None,
        typer.Option("--lowercase/--cased", help="Default: lower-case for wordpiece only."),
    ] = None,
    field: options.Field = None,
    document: options.Document = None,
    on_bad: options.OnBad = None,
    max_bad: options.MaxBad = None,
    json: options.Json = False,
) -> None:
    """Train a tokenizer and report how it does on the text.

    Example: unmask tokenizer train --text corpus/ --out tok/
    """
    from dataclasses import asdict

    from unmask.verbs.tokenizer import train_tokenizer

    _, report = train_tokenizer(
        out=out,
        text=text or (),
        kind=options.word("kind", kind, ("wordpiece", "bpe")),
        vocab_size=vocab_size,
        lowercase=lowercase,
        field=field or "text",
        document=options.word("document", document, (None, "file", "blank-line", "line", "record")),
        on_bad=options.word("on-bad", on_bad or "stop", ("stop", "skip")),
        max_bad=0.01 if max_bad is None else max_bad,
        watch=Terminal(),
    )
    facts = asdict(report)
    words = [one.text for one in report.fragmented]
    if json:
        print_json(facts)
    else:
        facts["fragmented"] = ", ".join(words)
        print_table({k: f"{v:,.4g}" if isinstance(v, float) else v for k, v in facts.items()})
