"""What the loops of a comparison share: text, tokens, first weights, settings."""

from __future__ import annotations

from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np
import torch

from unmask.batches.loader import PretrainingBatches
from unmask.bench.arm import ArmSpec
from unmask.bench.exports import once
from unmask.bench.measure import Measure, Setting
from unmask.bench.process import resolve
from unmask.bench.texts import documents, minilm
from unmask.checkpoint.saving import save_model
from unmask.errors import DataError
from unmask.heads.model import LanguageModel
from unmask.verbs.assembled import assemble
from unmask.verbs.learning.pieces import Pieces
from unmask.verbs.prepared import Prepared, prepare_text, text_sources
from unmask.verbs.pretrain_settings import PretrainSettings, pretrain_settings
from unmask.verbs.watch import Silent

LINES = 24_000  # 370 batches of 64; more than any comparison reads
FEW_LINES = 2_000  # in a smoke test
STEPS = 200  # of the schedule; a comparison of speed stops long before
ROWS, BATCH = 10_003, 32  # of banking77's train.csv, which is read once
LASTS = {
    f"{__name__}:pretraining": STEPS,
    f"{__name__}:finetuning": -(-ROWS // BATCH),
}
"""Steps until the loops of a measure are at their end, by what prepares it."""
RATE = 1e-3
START = "start"
"""Folder of the first weights, as both libraries open it."""


def docstring_lines(work: Path, most: int, seed: int = 0) -> list[str]:
    """Distinct paragraphs of the installed packages' docstrings, each as one line, shuffled."""
    lines = dict.fromkeys(
        " ".join(paragraph.split())
        for text in documents(work)
        for paragraph in text.split("\n\n")
        if paragraph.strip()
    )
    kept = list(lines)
    order = np.random.default_rng(seed).permutation(len(kept))[:most]
    return [kept[place] for place in order]


def pretraining(setting: Setting) -> dict[str, Any]:
    """Docstrings line by line, the tokens of all-MiniLM-L6-v2, BERT of 4 layers, 256 wide.

    Returns:
        Options of all arms: the folder with text, tokens and first weights, and the recipe.
    """
    count = FEW_LINES if setting.quick else LINES
    # By its lines: a run on few of them must not decide the text and tokens of the next on many.
    work = Path(setting.work) / f"pretraining-{count}"

    def make(path: Path) -> None:
        path.write_text("\n".join(docstring_lines(Path(setting.work), count)), encoding="utf-8")

    text = once(work / "lines.txt", make)
    recipe = bert_recipe(text, minilm(), size="tiny" if setting.quick else "mini")
    save_start(work, recipe)
    return {"work": str(work), "recipe": recipe}


def most_rounds(measure: Measure) -> int | None:
    """The rounds that its loops have steps for; None where nothing limits them.

    A loop goes on from round to round, and its schedule ends.
    """
    lasts = LASTS.get(measure.prepare or "")
    if lasts is None:
        return None
    rounds = [
        lasts // steps - measure.warm_up
        for spec in measure.arms
        if (steps := _steps(spec)) is not None and spec.name not in measure.fewer
    ]
    return min(rounds, default=None)


def _steps(spec: ArmSpec) -> int | None:
    """The steps of one run of an arm; None for all of them."""
    usual = signature(resolve(spec.make)).parameters["steps"].default
    steps: int | None = spec.options.get("steps", usual)
    return steps


def bert_recipe(text: Path, tokenizer: Path, *, size: str, context: int = 512) -> dict[str, Any]:
    """Settings of `pretrain` that a `Trainer` can have too: AdamW, no dropout, linear decay."""
    return {
        "text": {"paths": [str(text)], "document": "line"},
        "tokenizer": {"path": str(tokenizer)},
        "model": {"arch": "bert", "size": size, "context": context},
        "budget": {"steps": STEPS, "on_long": "truncate"},
        "optim": {"lr": RATE, "muon_lr": 0.0, "weight_decay": 0.0, "betas": [0.9, 0.999]},
        "schedule": {"shape": "linear", "warmup": 0.1},
    }


def opened(work: Path, recipe: dict[str, Any]) -> tuple[PretrainSettings, Prepared, Pieces]:
    """Settings, text and a model with its first weights, as the verb `pretrain` makes them.

    What is in the folder already is kept; the weights are drawn from the recipe's seed.
    """
    settings = pretrain_settings(recipe)
    prepared = prepare_text(settings, text_sources(settings), work, Silent())
    return settings, prepared, assemble(settings, None, prepared, torch.device("cpu"))


def sequences(pieces: Pieces) -> PretrainingBatches:
    """The sequences that a run of masked language modelling reads."""
    assert isinstance(pieces.source, PretrainingBatches)
    return pieces.source


def save_start(work: Path, recipe: dict[str, Any]) -> None:
    """The first weights as a folder that `transformers` opens."""
    _, prepared, pieces = opened(work, recipe)
    assert isinstance(pieces.model, LanguageModel)
    save_model(
        work / START,
        pieces.model,
        arch=pieces.arch,
        config=pieces.config,
        tokenizer=prepared.tokenizer,
        format="hf",
        replace=True,
    )


def finetuning(setting: Setting) -> dict[str, Any]:
    """The tables of banking77, which stand in the working folder under its name.

    Raises:
        DataError: they do not.
    """
    folder = Path(setting.work) / "banking77"
    tables = {name: folder / f"{name}.csv" for name in ("train", "test")}
    if missing := [str(path) for path in tables.values() if not path.is_file()]:
        raise DataError(
            f"fine-tuning needs banking77, but {' and '.join(missing)} are missing; put train.csv "
            "and test.csv with the columns text and category there, or a link to their folder"
        )
    paths = {name: str(path) for name, path in tables.items()}
    return {"tuning": {**paths, "model": str(minilm())}}
