"""Training with `transformers` and its `Trainer`, so many steps at a time.

A `Trainer` trains to the end once it is started, so it is an arm by `Stepping`; nothing of the
library is changed.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from unmask.batches.loader import PretrainingBatches
from unmask.bench.prepare_training import START, opened, sequences
from unmask.bench.stepping import Stepping, Training
from unmask.bench.training import (
    I64,
    LINES,
    LineBatches,
    Tuning,
    by_lines,
    held_out,
)
from unmask.config import from_mapping
from unmask.evaluation.held_out import HeldOutTasks

# B sequences, S positions, W width


@dataclass(frozen=True, slots=True)
class Loop:
    """How `transformers` trains.

    Attributes:
        bf16: whether it runs under bf16 autocast.
        dropout: of hidden units and of attention.
        grouped: length of the blocks that all texts, one after the other, are cut into, as its
            example `run_mlm.py` does; None for lines, padded to the longest of a batch.
    """

    bf16: bool
    dropout: float
    grouped: int | None


LOOPS = {
    "default": Loop(bf16=False, dropout=0.1, grouped=None),
    "grouped-128": Loop(bf16=True, dropout=0.0, grouped=128),
    "grouped-512": Loop(bf16=True, dropout=0.0, grouped=512),
}


def trainer(
    stepping: Stepping,
    model: Any,
    rows: Sequence[dict[str, Any]],
    collator: Any,
    *,
    batch: int,
    steps: int,
    lr: float,
    warmup: float,
    bf16: bool,
    seed: int = 0,
) -> Callable[[], object]:
    """The `train` of a `Trainer` that reads the rows in their order, its defaults for all else."""
    import transformers

    class Stand(transformers.TrainerCallback):  # type: ignore[misc, unused-ignore]
        """Stands still before the first step, and whenever the steps asked for are done."""

        def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            stepping.stand()

        def on_log(self, args: Any, state: Any, control: Any, **more: Any) -> None:
            if "loss" in more["logs"]:
                stepping.told(float(more["logs"]["loss"]))

    # It makes its folder when it is made, and writes nothing: it saves and reports nowhere.
    with tempfile.TemporaryDirectory() as folder:
        arguments = transformers.TrainingArguments(
            output_dir=folder,
            use_cpu=True,
            bf16=bf16,
            per_device_train_batch_size=batch,
            max_steps=steps,
            learning_rate=lr,
            lr_scheduler_type="linear",
            warmup_steps=round(warmup * steps),
            train_sampling_strategy="sequential",
            logging_steps=1,
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
            dataloader_pin_memory=False,
            seed=seed,
        )
        made = transformers.Trainer(
            model=model,
            args=arguments,
            train_dataset=rows,
            data_collator=collator,
            callbacks=[Stand()],
        )
    made.remove_callback(transformers.PrinterCallback)
    return made.train


def masked_lm(
    work: str, recipe: dict[str, Any], loop: str, steps: int = 8, total: int | None = None
) -> Stepping:
    """BERT from the same first weights, over the same lines, by `Trainer`.

    Its batches are those of `training.by_lines`, or blocks of about as many tokens.

    Args:
        work, recipe: as `prepare_training` gives them.
        loop: a name in `LOOPS`.
        steps: of one run of the arm.
        total: of the loop; None for as many as the recipe says.
    """
    return Stepping(lambda stepping: _masked_lm(stepping, work, recipe, LOOPS[loop], steps, total))


def _masked_lm(
    stepping: Stepping, work: str, recipe: dict[str, Any], how: Loop, steps: int, total: int | None
) -> Training:
    import transformers

    settings, prepared, pieces = opened(Path(work), recipe)
    total = settings.budget.steps if total is None else total
    assert total is not None
    lines = by_lines(sequences(pieces))
    rows, batch = _rows(lines, total, how.grouped)
    model = transformers.AutoModelForMaskedLM.from_pretrained(
        str(Path(work) / START),
        hidden_dropout_prob=how.dropout,
        attention_probs_dropout_prob=how.dropout,
    )
    tokenizer = transformers.AutoTokenizer.from_pretrained(str(Path(work) / START))
    train = trainer(
        stepping,
        model,
        rows,
        transformers.DataCollatorForLanguageModeling(tokenizer),
        batch=batch,
        steps=total,
        lr=settings.optim.lr,
        warmup=settings.schedule.warmup,
        bf16=how.bf16,
    )
    tasks = held_out(prepared, settings.model.context)
    return Training(
        train,
        real_tokens(rows, batch),
        steps,
        lambda: {"held_out_loss": held_out_loss(model, tasks, how.bf16)},
    )


def _rows(
    lines: LineBatches, steps: int, grouped: int | None
) -> tuple[list[dict[str, list[int]]], int]:
    """The sequences in the order in which they are read, and how many make a batch."""
    rows = line_rows(lines, steps)
    if grouped is None:
        return rows, lines.lines
    blocks = grouped_ids([row["input_ids"] for row in rows], grouped)
    batch = max(1, round(len(blocks) / steps))
    # Rounding up leaves the last steps without blocks; they begin again at the first.
    blocks += blocks[: max(0, steps * batch - len(blocks))]
    return [{"input_ids": row} for row in blocks], batch


def line_rows(lines: LineBatches, steps: int) -> list[dict[str, list[int]]]:
    """The sequences of so many batches in the order in which they are read."""
    order = np.concatenate(lines.first(steps))
    return [{"input_ids": row} for row in _ids(lines.over, order)]


def grouped_ids(rows: Sequence[list[int]], length: int) -> list[list[int]]:
    """All rows one after the other in blocks of one length; the rest is left out.

    Source: `group_texts` in the `transformers` example run_mlm.py.
    """
    flat = [token for row in rows for token in row]
    whole = len(flat) // length * length
    return [flat[start : start + length] for start in range(0, whole, length)]


def _ids(batches: PretrainingBatches, order: I64) -> list[list[int]]:
    """The sequences of these numbers, special tokens included, in this order."""
    batch = batches.batch(order)
    flat = batch.ids.tolist()
    ends = list(accumulate(batch.lengths))
    return [flat[end - size : end] for end, size in zip(ends, batch.lengths, strict=True)]


def real_tokens(rows: Sequence[dict[str, Any]], batch: int) -> list[int]:
    """Real tokens of each batch."""
    lengths = [len(row["input_ids"]) for row in rows]
    return [sum(lengths[start : start + batch]) for start in range(0, len(lengths), batch)]


def held_out_loss(model: Any, tasks: HeldOutTasks, bf16: bool = False) -> float:
    """Mean loss of a `transformers` BERT at the same hidden tokens as `tasks` asks our model for.

    Args:
        model: with a `bert` and a `cls`; left in the mode that it is in.
        bf16: whether it computes under autocast.
    """
    training = model.training
    model.eval()
    total = 0.0
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=bf16):
        for task in tasks.tasks:
            sizes = torch.tensor(task.batch.lengths)
            mask_bs = torch.arange(int(sizes.max())) < sizes[:, None]
            ids_bs = torch.zeros(mask_bs.shape, dtype=torch.int64)
            ids_bs[mask_bs] = task.batch.ids
            hidden_bsw = model.bert(input_ids=ids_bs, attention_mask=mask_bs.long())[0]
            logits = model.cls(hidden_bsw[mask_bs][task.rows]).float()
            total += float(F.cross_entropy(logits, task.labels, reduction="sum"))
    model.train(training)
    return total / tasks.targets


def classifier(tuning: dict[str, Any], steps: int | None = 20, bf16: bool = False) -> Stepping:
    """`BertForSequenceClassification` by `Trainer`, in batches padded to their longest text.

    Args:
        tuning: fields of `training.Tuning`.
        steps: of one run of the arm; None for the whole epoch, with the accuracy after it.
        bf16: whether it runs under bf16 autocast.
    """
    wanted = from_mapping(Tuning, tuning)
    return Stepping(lambda stepping: _classifier(stepping, wanted, steps, bf16))


def _classifier(stepping: Stepping, wanted: Tuning, steps: int | None, bf16: bool) -> Training:
    import transformers

    split = wanted.split()
    number = {label: index for index, label in enumerate(split.labels)}
    transformers.set_seed(0)
    model = transformers.AutoModelForSequenceClassification.from_pretrained(
        wanted.model, num_labels=len(number)
    )
    tokenizer = transformers.AutoTokenizer.from_pretrained(wanted.model)
    ids = tokenizer(list(split.train.texts), truncation=True, max_length=512)["input_ids"]
    order = np.random.default_rng(0).permutation(len(ids)).tolist()
    rows = [{"input_ids": ids[n], "label": number[split.train.labels[n]]} for n in order]
    total = -(-len(rows) // wanted.batch)
    train = trainer(
        stepping,
        model,
        rows,
        transformers.DataCollatorWithPadding(tokenizer),
        batch=wanted.batch,
        steps=total,
        lr=wanted.lr,
        warmup=0.1,
        bf16=bf16,
    )
    tokens = real_tokens(rows, wanted.batch)
    if steps is not None:
        return Training(train, tokens, steps, dict)

    def accuracy() -> dict[str, float]:
        truth = [number[label] for label in split.dev.labels]
        return {"accuracy": _accuracy(model, tokenizer, split.dev.texts, truth)}

    return Training(train, tokens, total, accuracy)


def _accuracy(model: Any, tokenizer: Any, texts: Sequence[str], truth: Sequence[int]) -> float:
    """Share of texts whose label scores highest."""
    training = model.training
    model.eval()
    right = 0
    with torch.inference_mode():
        for start in range(0, len(texts), LINES):
            some = list(texts[start : start + LINES])
            fields = tokenizer(some, truncation=True, padding=True, return_tensors="pt")
            best = model(**fields).logits.argmax(1).tolist()
            right += sum(a == b for a, b in zip(best, truth[start : start + LINES], strict=True))
    model.train(training)
    return right / len(texts)
