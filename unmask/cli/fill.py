"""`unmask fill`."""

from __future__ import annotations

from typing import Annotated

import typer

from unmask.cli import options
from unmask.cli.console import print_json


def fill(
    model: options.Model,
    text: Annotated[
        list[str], typer.Argument(help="Text with the mask where a word is missing, in quotes.")
    ],
    top_k: Annotated[int, typer.Option(help="Guesses for each mask.")] = 5,
    on_long: Annotated[
        str, typer.Option(help="Text longer than the context: error, chunk or truncate.")
    ] = "error",
    device: options.Device = None,
    revision: options.Revision = None,
    json: options.Json = False,
) -> None:
    """Guess masked words.

    Example: unmask fill runs/a "The [MASK] brown fox jumps over the lazy dog."

    Most models write the mask [MASK], some <mask>; `unmask info MODEL` tells.
    """
    from unmask.pipelines.fill import FillMask
    from unmask.verbs.machine import resolve_device

    how = options.word("on-long", on_long, ("error", "chunk", "truncate"))
    pipeline = FillMask.from_pretrained(
        model, device=resolve_device(device or "auto"), revision=revision
    )
    answers = pipeline.by_mask(text, top_k, on_long=how)
    if json:
        pairs = zip(text, answers, strict=True)
        print_json([{"text": one, "masks": masks} for one, masks in pairs])
        return
    for one, masks in zip(text, answers, strict=True):
        print(one)
        for number, guesses in enumerate(masks, 1):
            if len(masks) > 1:
                print(f" mask {number}")
            for guess in guesses:
                print(f"  {guess['score']:6.1%}  {guess['token']:<16}  {guess['text']}")
