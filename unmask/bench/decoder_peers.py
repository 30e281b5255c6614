"""A decoder of `transformers` that writes labels and scores pairs, at its best batch size.

Texts are sorted by length and padded on the left. All of it is inside the clock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch

from unmask.bench import texts as of_texts
from unmask.bench.arm import F32
from unmask.bench.decoder import (
    ANSWERS,
    LABEL_TOKENS,
    one_row,
    to_label,
    to_score,
    words_as_outputs,
)
from unmask.bench.prepare_decoder import DECODER, Pair, loaded_pairs
from unmask.bench.timing import BATCHES, Whole, fastest

T = TypeVar("T")


def writer(models: str, texts: str, precision: str, **_: Any) -> Whole[str]:
    """`generate` with its cache of keys and values, greedy, so many tokens behind each text."""
    model, tokenizer = opened(models, precision)

    def label(size: int, texts: Sequence[str]) -> F32:
        written = [""] * len(texts)
        for places, fields in batches(tokenizer, [*map(to_label, texts)], size):
            found = model.generate(**fields, max_new_tokens=LABEL_TOKENS, do_sample=False)
            words = tokenizer.batch_decode(found[:, fields["input_ids"].shape[1] :])
            for place, word in zip(places, words, strict=True):
                written[place] = word
        return words_as_outputs(written)

    return _best(label, of_texts.loaded(texts))


def scorer(models: str, pairs: str, precision: str, **_: Any) -> Whole[Pair]:
    """The logits behind each pair, at its last token alone."""
    model, tokenizer = opened(models, precision)
    yes, no = (tokenizer.convert_tokens_to_ids(answer) for answer in ANSWERS)

    def score(size: int, pairs: Sequence[Pair]) -> F32:
        scores = np.zeros(len(pairs), np.float32)
        for places, fields in batches(tokenizer, [*map(to_score, pairs)], size):
            logits = model(**fields, logits_to_keep=1, use_cache=False).logits[:, -1].float()
            scores[places] = (logits[:, yes] - logits[:, no]).numpy()
        return one_row(scores)

    return _best(score, loaded_pairs(pairs))


def opened(models: str, precision: str) -> tuple[Any, Any]:
    """The decoder and its tokenizer, which pads on the left."""
    import transformers

    folder = str(Path(models) / DECODER)
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    model: Any = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=dtype)
    model.eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder, padding_side="left")
    return model, tokenizer


def batches(
    tokenizer: Any, prompts: Sequence[str], size: int
) -> Iterator[tuple[list[int], dict[str, torch.Tensor]]]:
    """Places and fields of batches of about equal lengths.

    A prompt begins as a text does, and is not closed as one.
    """
    whole = [tokenizer.cls_token + prompt for prompt in prompts]
    rows = tokenizer(whole, add_special_tokens=False)["input_ids"]
    order = sorted(range(len(rows)), key=lambda place: -len(rows[place]))
    for start in range(0, len(order), size):
        places = order[start : start + size]
        ids = {"input_ids": [rows[place] for place in places]}
        yield places, dict(tokenizer.pad(ids, return_tensors="pt"))


def _best(answer: Callable[[int, Sequence[T]], F32], some: Sequence[T]) -> Whole[T]:
    """The arm with the batch size that is fastest on these."""
    read = torch.inference_mode()(answer)
    choices = {float(size): partial(read, size) for size in BATCHES}
    batch = fastest(choices, some)
    return Whole(choices[batch], some, len(some), {"batch": batch})
