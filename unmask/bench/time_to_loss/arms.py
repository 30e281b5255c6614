"""Two loops that learn the same text to the end of a budget, and the loss that they reach.

Both read the same sequences: neighbouring paragraphs one after the other, cut to full length, each
between the special tokens. So no batch has padding worth telling, and no model is asked for
sequences of another kind than it learnt from.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from unmask.arch.registry import size_of
from unmask.bench.prepare_training import opened, sequences
from unmask.bench.stepping import Stepping, Training
from unmask.bench.training import LineBatches, OwnLoop, masked_run
from unmask.bench.training_peers import held_out_loss, line_rows, real_tokens, trainer
from unmask.checkpoint.jsonfile import read_json, write_json
from unmask.config import merge, parse_assignments
from unmask.errors import ConfigError
from unmask.evaluation.held_out import HeldOutTasks
from unmask.evaluation.masked import MaskedEvaluation
from unmask.text.sources import TextSources, source_digest
from unmask.tokens.tokenizer import Tokenizer
from unmask.verbs.prepared import prepare_text, text_sources
from unmask.verbs.pretrain_settings import pretrain_settings
from unmask.verbs.watch import Silent

LENGTH = 128
"""Tokens of a sequence, special ones included, in training and in the held-out tasks."""
HELD_OUT_TOKENS = 60_000
LONG, SHORT = 100_000, 4_000  # characters of a passage, to learn from and held out
PARTS = 300  # passages to learn from, at least; short texts give shorter ones
TRAIN, HELD_OUT, MADE = "train.txt", "held-out.txt", "prepared.json"

Settings = Mapping[str, Any]
"""Settings of a loop by name; those of our own are dotted, as `--set` takes them."""


def passages(path: Path, longest: int) -> Iterator[str]:
    """Neighbouring paragraphs as one line each, up to so many characters unless one is longer.

    A paragraph is a line; an empty line ends a passage.
    """
    kept: list[str] = []
    size = 0
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            words = " ".join(line.split())
            if kept and (not words or size + len(words) > longest):
                yield " ".join(kept)
                kept, size = [], 0
            if words:
                kept.append(words)
                size += len(words)
    if kept:
        yield " ".join(kept)


def prepare(work: Path, text: Path, held_out: Path, size: str) -> dict[str, Any]:
    """Passages, tokenizer and tokens in a folder; what is there already is kept.

    Args:
        work: the folder; made.
        text: to learn from, a paragraph a line.
        held_out: the same to be asked for.
        size: of both models, a name or LAYERSxWIDTH.

    Returns:
        Options of all arms.

    Raises:
        ConfigError: the folder holds other text or another size.
    """
    digests = {str(i): source_digest(TextSources.find([p])) for i, p in enumerate((text, held_out))}
    wanted = {"digests": digests, "size": size, "length": LENGTH}
    if (work / MADE).is_file():
        if read_json(work / MADE) != wanted:
            raise ConfigError(
                f"{work} holds a comparison on other text or of another size; name another --work"
            )
        return {"work": str(work), "size": size}
    work.mkdir(parents=True, exist_ok=True)
    longest = max(SHORT, min(LONG, text.stat().st_size // PARTS))
    for source, name, most in ((text, TRAIN, longest), (held_out, HELD_OUT, SHORT)):
        (work / name).write_text("".join(f"{one}\n" for one in passages(source, most)), "utf-8")
    settings = pretrain_settings(recipe(work, size, {}, 1, 0))
    prepare_text(settings, text_sources(settings), work, Silent())
    write_json(work / MADE, wanted)
    return {"work": str(work), "size": size}


def recipe(work: Path, size: str, settings: Settings, steps: int, seed: int) -> dict[str, Any]:
    """Settings of `unmask pretrain`: its defaults, with those that are given on top."""
    base: dict[str, Any] = {
        "text": {"paths": [str(work / TRAIN)], "document": "line"},
        "model": {"size": size, "context": LENGTH},
        "budget": {"steps": steps},
        "run": {"seed": seed},
    }
    given = [f"{name}={json.dumps(value)}" for name, value in settings.items()]
    return merge(base, parse_assignments(given))


def held_out_tasks(work: Path, tokenizer: Tokenizer) -> HeldOutTasks:
    """Hidden tokens of passages from all over the held-out text, the same for every model."""
    lines = (work / HELD_OUT).read_text("utf-8").splitlines()
    order = np.random.default_rng(0).permutation(len(lines)).tolist()
    texts = (lines[number] for number in order)
    return MaskedEvaluation.over(tokenizer, texts, context=LENGTH, most_tokens=HELD_OUT_TOKENS)


def own(
    work: str, size: str, settings: Settings, steps: int, seed: int = 0, at_once: int | None = None
) -> OwnLoop:
    """`unmask pretrain` with these settings, in bf16.

    Args:
        work, size: as `prepare` gives them.
        settings: dotted, on top of the defaults.
        steps: of the whole run, over which the schedule decays.
        seed: of weights, order and masks.
        at_once: steps of one run of the arm, to time them; None for all, and the loss after them.
    """
    folder = Path(work)
    wanted, prepared, pieces = opened(folder, recipe(folder, size, settings, steps, seed))
    run = masked_run(wanted, pieces, sequences(pieces), "bf16")
    if at_once is not None:
        return OwnLoop(run, at_once, lambda model: {})
    tasks = held_out_tasks(folder, prepared.tokenizer)
    return OwnLoop(
        run,
        None,
        lambda model: {
            "held_out_loss": tasks(model)["loss"],
            "parameters": sum(p.numel() for p in model.parameters()),
        },
    )


def peer(
    work: str, size: str, settings: Settings, steps: int, seed: int = 0, at_once: int | None = None
) -> Stepping:
    """BERT by `transformers` and its `Trainer`: bf16 autocast, no dropout, AdamW, linear decay.

    Args:
        work, size, steps, seed, at_once: see `own`.
        settings: `lr`, `tokens_per_step`, and `mask_rate`, the share of tokens selected.
    """
    return Stepping(
        lambda stepping: _peer(stepping, Path(work), size, settings, steps, seed, at_once)
    )


def _peer(
    stepping: Stepping,
    folder: Path,
    size: str,
    settings: Settings,
    steps: int,
    seed: int,
    at_once: int | None,
) -> Training:
    import transformers

    batch = int(settings["tokens_per_step"]) // LENGTH
    _, prepared, pieces = opened(folder, recipe(folder, size, {"model.arch": "bert"}, steps, seed))
    transformers.set_seed(seed)
    model = transformers.BertForMaskedLM(_bert(size, prepared.tokenizer))
    rows = line_rows(LineBatches(sequences(pieces), batch), steps)
    words = transformers.AutoTokenizer.from_pretrained(str(folder / "tokenizer"))
    train = trainer(
        stepping,
        model,
        rows,
        transformers.DataCollatorForLanguageModeling(
            words, mlm_probability=float(settings["mask_rate"])
        ),
        batch=batch,
        steps=steps,
        lr=float(settings["lr"]),
        warmup=0.1,
        bf16=True,
        seed=seed,
    )
    tokens = real_tokens(rows, batch)
    if at_once is not None:
        return Training(train, tokens, at_once, dict)
    tasks = held_out_tasks(folder, prepared.tokenizer)
    return Training(
        train,
        tokens,
        steps,
        lambda: {
            "held_out_loss": held_out_loss(model, tasks),
            "parameters": float(sum(p.numel() for p in model.parameters())),
        },
    )


def _bert(size: str, tokenizer: Tokenizer) -> Any:
    """The configuration of a BERT of this size for sequences of `LENGTH`, without dropout."""
    import transformers

    layers, width, heads = size_of("bert", size)
    return transformers.BertConfig(
        vocab_size=tokenizer.vocab_size,
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        intermediate_size=4 * width,
        max_position_embeddings=LENGTH,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        pad_token_id=tokenizer.pad_id,
    )
