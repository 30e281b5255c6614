"""`unmask pretrain`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from unmask.cli import options
from unmask.cli.console import Terminal, print_json, print_table

if TYPE_CHECKING:
    from unmask.verbs.pretrain import PretrainResult

Arch = Annotated[
    str | None,
    typer.Option(
        help="modernbert (default), bert, roberta, distilbert, electra, albert, mpnet or "
        "deberta_v2; without masks: decoder or elmo."
    ),
]
Objective = Annotated[
    str | None,
    typer.Option(
        help="mlm, whole_word, span, clm or elmo; pairs of texts beside mlm, for bert and albert: "
        "nsp or sop; replaced tokens: rtd; mlm and clm by turns: hybrid; vectors of texts, with "
        "--from: simcse. Default: what the architecture is for."
    ),
]
Context = Annotated[
    int | None,
    typer.Option(help="Longest sequence. Default: 512, or what the model of --from takes."),
]
From = Annotated[
    str | None,
    typer.Option(
        "--from",
        metavar="MODEL",
        help="Go on from this folder, run or name on the Hub, which says architecture, size and "
        "tokenizer.",
    ),
]
Layers = Annotated[
    str | None, typer.Option(help="Of that model, such as 0,2,4. Default: all of them.")
]
OnLong = Annotated[
    str | None,
    typer.Option(help="Documents longer than that: chunk (default), truncate or error."),
]


def pretrain(
    out: Annotated[Path, typer.Option(help="Folder of the run; an unfinished one is resumed.")],
    text: options.Text = None,
    minutes: Annotated[float | None, typer.Option(help="Time to train for.")] = None,
    steps: Annotated[int | None, typer.Option(help="Or: number of updates.")] = None,
    tokens: Annotated[int | None, typer.Option(help="Or: number of tokens.")] = None,
    size: Annotated[
        str | None,
        typer.Option(help="tiny, mini, small, medium, base, or LAYERSxWIDTH. Default: mini."),
    ] = None,
    arch: Arch = None,
    objective: Objective = None,
    context: Context = None,
    from_: From = None,
    revision: options.Revision = None,
    layers: Layers = None,
    on_long: OnLong = None,
    tokenizer: Annotated[
        str | None, typer.Option(metavar="FOLDER", help="Use this one instead of training one.")
    ] = None,
    vocab_size: Annotated[
        int | None, typer.Option(help="Of a tokenizer trained here. Default: 8000.")
    ] = None,
    field: options.Field = None,
    document: options.Document = None,
    on_bad: options.OnBad = None,
    max_bad: options.MaxBad = None,
    eval_every: Annotated[
        int | None, typer.Option(help="Steps between held-out evaluations. Default: ten in all.")
    ] = None,
    keep: Annotated[int | None, typer.Option(help="Checkpoints kept. Default: 2.")] = None,
    seed: options.Seed = None,
    device: options.Device = None,
    dtype: options.Dtype = None,
    threads: options.Threads = None,
    tensorboard: Annotated[
        bool | None, typer.Option("--tensorboard", help="Also write TensorBoard event files.")
    ] = None,
    config: options.Config = None,
    set_: options.Set = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print tokens, memory and time, and stop.")
    ] = False,
    json: options.Json = False,
) -> None:
    """Pretrain a model on raw text by masked language modelling.

    Example: unmask pretrain --text corpus/ --size mini --minutes 10 --out runs/a

    The decoder and elmo learn to predict each token's neighbours instead.

    Killed or interrupted, the same command goes on where it was, to the same bits.
    """
    from unmask.verbs.pretrain import plan, pretrain
    from unmask.verbs.pretrain_settings import SHORT, settle

    given = locals()
    base, over = options.recipe(config, set_)
    settings = settle(base, over, **{name: given[name] for name in SHORT})
    watch = Terminal()
    if dry_run:
        (print_json if json else print_table)(plan(settings=settings, watch=watch).as_dict())
        return
    result = pretrain(out=out, settings=settings, watch=watch)
    _show(result, json)
    options.exit_code(result.stopped_by)


def _show(result: PretrainResult, json: bool) -> None:
    """Figures and what to type next, or how to go on."""
    from dataclasses import asdict

    if json:
        print_json(asdict(result))
    elif result.finished:
        print_table({"steps": f"{result.steps:,}", "tokens": f"{result.tokens:,}"})
        print_table({f"held-out {k}": f"{v:.4f}" for k, v in result.held_out.items()})
        print(f"\nNext: unmask {_next(result)}")
    else:
        said = f"Stopped at step {result.steps:,}. The same command goes on from there."
        print(said, file=sys.stderr)


def _next(result: PretrainResult) -> str:
    """What a finished model is good for first."""
    if result.fills:
        return f'fill {result.folder} "a sentence with a [MASK] in it"'
    if result.head == "lm":
        return f"evaluate {result.folder} --text FILE"
    if result.head == "encoder":
        return f"embed {result.folder} --input TABLE --output vectors.npy"
    return f"finetune {result.folder} --task classify --train TABLE --out FOLDER"
