"""Words of six scripts, texts of them, and batches that tell their words."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import strategies as st

from unmask.batches.loader import PretrainingBatches
from unmask.objectives.targets import Task
from unmask.tokens.marks import words_stream
from unmask.tokens.tokenizer import Tokenizer

WORDS = [
    *("internationalization", "fox", "untranslatable", "the", "naïve"),
    *("французских", "булок", "ещё", "съешь"),
    *("العربية", "الكلمات", "جملة"),
    *("हिन्दी", "नमस्ते", "दुनिया"),
    *("日本語", "漢字", "我們在這裡"),
    *("ภาษาไทย", "น้ำท่วม", "เขียน"),
]
GLUE = (" ", " ", ", ", "! ", "-", "")
texts_drawn = st.lists(
    st.lists(st.tuples(st.sampled_from(WORDS), st.sampled_from(GLUE)), min_size=1, max_size=12).map(
        lambda parts: "".join(word + glue for word, glue in parts)
    ),
    min_size=1,
    max_size=6,
)


def batches_of(tokenizer: Tokenizer, texts: list[str], **changed: int) -> PretrainingBatches:
    rows = list(words_stream(tokenizer, texts, "characters"))
    layout = tokenizer.layout
    return PretrainingBatches.over(
        np.array([i for ids, _ in rows for i in ids], dtype=np.uint16),
        np.cumsum([0, *(len(ids) for ids, _ in rows)]),
        prefix=layout.prefix,
        suffix=layout.suffix,
        begins=np.frombuffer(b"".join(begins for _, begins in rows), dtype=np.uint8),
        **{"context": 400, "budget": 4000, "seed": 1, **changed},
    )


def words_by_oracle(tokenizer: Tokenizer, text: str) -> list[int | None]:
    """The words of a text between its special tokens, from the tokenizer and no store."""
    return list(tokenizer.encode(text, specials=True).words)


def masks(task: Task) -> dict[int, list[int]]:
    """The ids that a model sees of each sequence, by its sample."""
    rows = torch.split(task.batch.ids, list(task.batch.lengths))
    assert task.batch.samples is not None
    return {s: r.tolist() for s, r in zip(task.batch.samples.tolist(), rows, strict=True)}
