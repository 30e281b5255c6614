"""`unmask finetune`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from unmask.cli import columns, options
from unmask.cli.console import Terminal, print_json, print_table


def finetune(
    model: options.Model,
    train: columns.Train,
    out: Annotated[Path, typer.Option(help="Folder of the run; an unfinished one is resumed.")],
    dev: Annotated[
        Path | None, typer.Option(help="Table to measure with. Default: a tenth is held out.")
    ] = None,
    task: columns.Task = None,
    text_column: columns.TextColumn = None,
    label_column: columns.LabelColumn = None,
    pair_column: columns.PairColumn = None,
    label_separator: columns.LabelSeparator = None,
    class_weights: columns.ClassWeights = None,
    label_smoothing: columns.LabelSmoothing = None,
    query_prompt: columns.QueryPrompt = None,
    document_prompt: columns.DocumentPrompt = None,
    freeze: Annotated[
        bool | None, typer.Option("--freeze", help="Train the head, leave the encoder as it is.")
    ] = None,
    lora: Annotated[
        int | None,
        typer.Option(
            metavar="RANK", help="Train matrices of this rank beside the encoder's; try 8."
        ),
    ] = None,
    layer_decay: Annotated[
        float | None,
        typer.Option(help="Learning rate of a layer, of that of the one above. Default: 1."),
    ] = None,
    epochs: Annotated[int | None, typer.Option(help="Default: by width and rows; shown.")] = None,
    lr: Annotated[float | None, typer.Option(help="Default: by width; shown.")] = None,
    batch: Annotated[int | None, typer.Option(help="Rows of an update. Default: 32.")] = None,
    patience: Annotated[
        int | None,
        typer.Option(help="End after so many evaluations without a better figure. Default: never."),
    ] = None,
    eval_every: Annotated[
        float | None, typer.Option(help="Epochs between evaluations. Default: 1.")
    ] = None,
    metric: Annotated[
        str | None,
        typer.Option(help="Figure on the dev rows by which weights are chosen. Default: by task."),
    ] = None,
    dropout: Annotated[float | None, typer.Option(help="Of hidden units. Default: 0.")] = None,
    pooling: Annotated[str | None, typer.Option(help="Of a new head: cls or mean.")] = None,
    dev_share: Annotated[float | None, typer.Option(help="Held out without --dev.")] = None,
    on_long: columns.OnLongTuned = None,
    on_bad: options.OnBad = None,
    max_bad: options.MaxBad = None,
    seed: options.Seed = None,
    seeds: Annotated[
        int | None,
        typer.Option(help="Runs, with this seed and the next ones: mean and interval. Default: 1."),
    ] = None,
    device: options.Device = None,
    dtype: options.Dtype = None,
    threads: options.Threads = None,
    config: options.Config = None,
    set_: options.Set = None,
    revision: options.Revision = None,
    json: options.Json = False,
) -> None:
    """Teach a model a task, from a table of texts and labels.

    Example: unmask finetune runs/a --train train.csv --dev dev.csv --out runs/b

    Killed or interrupted, the same command goes on where it was, to the same bits.
    """
    from dataclasses import asdict

    from unmask.verbs.finetune import finetune
    from unmask.verbs.finetune_settings import SHORT, finetune_settings

    given = locals()
    base, over = options.recipe(config, set_)
    short = {name: given[name] for name in SHORT if name in given}
    watch = Terminal()
    settings = finetune_settings(base, over, **short)
    result = finetune(
        model,
        train=train,
        dev=dev,
        out=out,
        settings=settings,
        revision=revision,
        watch=watch,
    )
    if json:
        print_json(asdict(result))
    elif result.finished:
        print_table(result.in_words())
        print(f"\nNext: {result.next}")
    else:
        watch.say(f"Stopped at step {result.steps:,}. The same command goes on from there.")
    options.exit_code(result.stopped_by)
