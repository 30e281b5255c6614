"""`unmask embed`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from unmask.cli import columns, options
from unmask.cli.console import Terminal, print_json, print_table

TruncateDim = Annotated[
    int | None,
    typer.Option(help="Leading numbers of a vector that are kept. Default: what the model says."),
]
Pooling = Annotated[
    str | None,
    typer.Option(help="For a model that was not made for embeddings: mean, cls, max, ..."),
]
PromptName = Annotated[
    str | None, typer.Option(help="Name of one of the model's prompts, such as query.")
]
As = Annotated[
    str | None,
    typer.Option("--as", help="How numbers are stored: float32 (default), float16, int8, bits."),
]
BatchInvariant = Annotated[
    bool, typer.Option("--batch-invariant", help="The same bits whatever the other rows are.")
]


def embed(
    model: options.Model,
    input: Annotated[Path, typer.Option("--input", help="Table, or .txt with a text a line.")],
    output: Annotated[Path, typer.Option("--output", help="New file: .npy.")],
    text_column: columns.TextColumn = None,
    prompt: Annotated[str | None, typer.Option(help="Put before each text.")] = None,
    prompt_name: PromptName = None,
    pooling: Pooling = None,
    truncate_dim: TruncateDim = None,
    normalize: Annotated[
        bool | None,
        typer.Option("--normalize/--raw", help="Length 1, or as is. Default: what the model says."),
    ] = None,
    on_long: columns.OnLong = None,
    as_: As = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Replace the output if it is there.")
    ] = False,
    on_bad: options.OnBad = None,
    max_bad: options.MaxBad = None,
    precision: Annotated[
        str | None,
        typer.Option(help="auto, fp32, bf16 or int8. Default: fp32. See docs/howto/speed.md."),
    ] = None,
    batch_invariant: BatchInvariant = False,
    device: options.Device = None,
    threads: options.Threads = None,
    revision: options.Revision = None,
    json: options.Json = False,
) -> None:
    """Turn every row of a table into a vector.

    Example: unmask embed MODEL --input docs.jsonl --output vectors.npy
    """
    from dataclasses import asdict
    from typing import get_args

    from unmask.heads.embedding import PoolingMode
    from unmask.nn.prepared import Precision
    from unmask.pipelines.quantized import FORMS
    from unmask.verbs.embed import embed

    modes = (None, *get_args(PoolingMode))
    result = embed(
        model,
        input=input,
        output=output,
        text_column=text_column,
        prompt=prompt,
        prompt_name=prompt_name,
        pooling=options.word("pooling", pooling, modes),
        truncate_dim=truncate_dim,
        normalize=normalize,
        on_long=options.word("on-long", on_long or "truncate", ("truncate", "chunk", "error")),
        stored_as=options.word("as", as_ or "float32", FORMS),
        replace=replace,
        **options.bad_places(on_bad, max_bad),
        precision=options.word("precision", precision, (None, *get_args(Precision))),
        batch_invariant=batch_invariant,
        device=device or "auto",
        threads=threads,
        revision=revision,
        watch=Terminal(),
    )
    (print_json if json else print_table)(asdict(result) if json else result.in_words())
