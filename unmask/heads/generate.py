"""The most probable continuation of prompts, token by token, by a causal language model."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
import torch

from unmask.batches.batch import Batch
from unmask.batches.pack import pack
from unmask.errors import ModelError, TooLong
from unmask.heads.model import LanguageModel
from unmask.nn.memory import Memory


@torch.inference_mode()
def generate(
    model: LanguageModel,
    prompts: Sequence[Sequence[int]],
    most: int,
    stop: Collection[int] = (),
    *,
    choices: torch.Tensor | None = None,
) -> list[list[int]]:
    """Greedy continuations, with each layer's keys and values kept.

    Args:
        model: a causal language model.
        prompts: token ids of each prompt, none empty.
        most: new tokens of each.
        stop: ids behind which nothing more is written; they are part of the result.
        choices: `(G,)` the ids that may be written, in ascending order; None for all.

    Returns:
        The new tokens of each prompt.

    Raises:
        ModelError: the model is not causal.
        TooLong: a prompt and `most` new tokens exceed the context.
    """
    check_causal(model)
    longest, context = max(map(len, prompts)) + most, model.encoder.config.context
    if longest > context:
        raise TooLong(
            f"prompt and continuation may have at most {context} tokens, but would have {longest}; "
            f"shorten the prompt, or ask for at most {most + context - longest} new tokens"
        )
    device = model.encoder.embedding.tokens.weight.device
    memory = Memory.of(len(model.encoder.config.layers), longest)
    written: list[list[int]] = [[] for _ in prompts]
    open_, batch = list(range(len(prompts))), pack(prompts).to(device)
    for _ in range(most):
        found = _next(model, batch, memory, choices)
        for number, token in zip(open_, found, strict=True):
            written[number].append(token)
        going = [place for place, token in enumerate(found) if token not in stop]
        if not going:
            break
        if len(going) < len(open_):
            memory.keep(going, device)
            open_ = [open_[place] for place in going]
        read = [len(prompts[number]) + len(written[number]) - 1 for number in open_]
        batch = _step([written[number][-1] for number in open_], read).to(device)
    return written


def check_causal(model: LanguageModel) -> None:
    """Check that a model predicts the next token, and that alone.

    Raises:
        ModelError: it does not.
    """
    if model.head_config.predicts != (1,):
        raise ModelError(
            "text is continued by a causal language model, but this one predicts masked tokens or "
            "reads in both directions. Open a decoder, or fill blanks with unmask.FillMask"
        )


def _next(
    model: LanguageModel, batch: Batch, memory: Memory, choices: torch.Tensor | None
) -> list[int]:
    """The best next token of each sequence."""
    hidden = model.encoder(batch, memory.kernels)[batch.boundaries[1:] - 1]
    logits: torch.Tensor = model.head(hidden, model.encoder.embedding.tokens.weight)
    best = logits.argmax(-1) if choices is None else choices[logits[:, choices].argmax(-1)]
    ids: list[int] = best.tolist()
    return ids


def _step(tokens: list[int], positions: list[int]) -> Batch:
    """One token of each sequence, at its place."""
    return Batch(
        ids=torch.tensor(tokens),
        positions=torch.tensor(positions),
        boundaries=torch.from_numpy(np.arange(len(tokens) + 1)),
        lengths=(1,) * len(tokens),
    )
