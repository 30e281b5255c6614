"""`unmask tokenizer train` and `unmask tokenizer extend`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from unmask.cli import options
from unmask.cli.console import Terminal, print_json, print_table

SHOWN, OTHERS = 12, 4  # added and changed words that are printed

app = typer.Typer(
    no_args_is_help=True, add_completion=False, rich_markup_mode=None, name="tokenizer"
)


@app.callback()
def tokenizer() -> None:
    """Tokenizers: train one on your own text, or add the words of a field to an old one."""


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
        **options.bad_places(on_bad, max_bad),
        watch=Terminal(),
    )
    facts = asdict(report)
    words = [one.text for one in report.fragmented]
    if json:
        print_json(facts)
    else:
        facts["fragmented"] = ", ".join(words)
        print_table({k: f"{v:,.4g}" if isinstance(v, float) else v for k, v in facts.items()})


@app.command()
def extend(
    model: Annotated[
        str,
        typer.Argument(
            help="Folder of a model, of a finished run, or of a tokenizer; or a name on the Hub: "
            "org/name."
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder for the new model, or the new tokenizer.")],
    text: options.Text = None,
    add: Annotated[int, typer.Option(help="Words to add at most.")] = 1000,
    min_count: Annotated[int, typer.Option(help="How often a word must occur.")] = 5,
    min_pieces: Annotated[int, typer.Option(help="How many tokens it must have now.")] = 2,
    field: options.Field = None,
    document: options.Document = None,
    on_bad: options.OnBad = None,
    max_bad: options.MaxBad = None,
    revision: options.Revision = None,
    json: options.Json = False,
) -> None:
    """Add the words of a text that are cut into pieces, and rows for them to the model.

    Example: unmask tokenizer extend runs/a --text field/ --add 500 --out extended/

    A new word's row is the mean of the rows of its pieces. `unmask pretrain --from extended/`
    then trains them.
    """
    from unmask.verbs.extend import extend_tokenizer

    result = extend_tokenizer(
        model,
        out=out,
        text=text or (),
        add=add,
        min_count=min_count,
        min_pieces=min_pieces,
        field=field or "text",
        document=options.word("document", document, (None, "file", "blank-line", "line", "record")),
        **options.bad_places(on_bad, max_bad),
        revision=revision,
        watch=Terminal(),
    )
    if json:
        print_json(result.figures())
        return
    print_table(result.in_words())
    print()
    said = result.extension
    for word in said.words[:SHOWN]:
        print(f"{word.count:>7,}  {word.text}  <-  {' '.join(word.pieces)}")
    if (more := len(said.words) - SHOWN) > 0:
        print(f"    and {more:,} more words; --json lists them all")
    for text_, were, are in said.examples[:OTHERS]:
        print(f"changed  {text_}:  {' '.join(were)}  ->  {' '.join(are)}")
