"""`unmask finetune`."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from unmask.cli import columns, options, training
from unmask.cli.console import Terminal, print_json, print_table

if TYPE_CHECKING:
    from unmask.verbs.finetune_settings import FinetuneSettings


def finetune(
    model: options.Model,
    train: columns.Train,
    out: training.Out,
    dev: training.Dev = None,
    task: columns.Task = None,
    text_column: columns.TextColumn = None,
    label_column: columns.LabelColumn = None,
    pair_column: columns.PairColumn = None,
    label_separator: columns.LabelSeparator = None,
    class_weights: columns.ClassWeights = None,
    label_smoothing: columns.LabelSmoothing = None,
    query_prompt: columns.QueryPrompt = None,
    document_prompt: columns.DocumentPrompt = None,
    freeze: training.Freeze = None,
    lora: training.Lora = None,
    few_shot: training.FewShot = None,
    unlabelled: training.Unlabelled = None,
    layer_decay: training.LayerDecay = None,
    epochs: training.Epochs = None,
    lr: training.Rate = None,
    batch: training.Batch = None,
    patience: training.Patience = None,
    eval_every: training.EvalEvery = None,
    metric: training.Metric = None,
    dropout: training.Dropout = None,
    pretrained_share: training.PretrainedShare = None,
    pooling: training.Pooling = None,
    dev_share: training.DevShare = None,
    on_long: columns.OnLongTuned = None,
    on_bad: options.OnBad = None,
    max_bad: options.MaxBad = None,
    seed: options.Seed = None,
    seeds: training.Seeds = None,
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
        model, train=train, dev=dev, unlabelled=unlabelled, out=out, settings=settings,
        revision=revision, watch=watch,
    )  # fmt: skip
    if json:
        print_json(asdict(result))
    elif result.finished:
        print_table(result.in_words())
        print(f"\nNext: {result.next}{_columns(settings)}")
    else:
        watch.say(f"Stopped at step {result.steps:,}. The same command goes on from there.")
    options.exit_code(result.stopped_by)


def _columns(settings: FinetuneSettings) -> str:
    """The columns of texts that were named, as the command that predicts takes them."""
    if settings.task not in ("classify", "pair", "regress"):
        return ""  # of words, or of questions, which are named otherwise in use
    data = settings.data
    named = {"--text": data.text_column, "--pair": data.pair_column}
    return "".join(f" {name} {shlex.quote(one)}" for name, one in named.items() if one is not None)
