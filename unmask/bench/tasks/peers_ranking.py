"""Rankings with `sentence-transformers` and its trainers, on the same pairs, as its pages say.

Batch, rate, epochs, warm-up and linear decay are those of our arm; what is left is the library's:
AdamW, float32, the dropout of the model's configuration.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from unmask.bench.arm import Measured
from unmask.bench.tasks.ours_ranking import mined, reranked
from unmask.bench.tasks.paragraphs import asked_of, nearest
from unmask.bench.tasks.peers import arguments
from unmask.bench.tasks.rows import read_rows
from unmask.bench.tasks.task import Given

WARMUP = 0.1  # share of the steps, as `unmask finetune` has it
SURE = 30.0  # a label that a softmax takes for the only right one


def embed(given: Given) -> Measured:
    """In-batch negatives, and no paragraph twice in a batch, as the page of the loss advises."""
    from datasets import Dataset
    from sentence_transformers import (
        SentenceTransformer,
        SentenceTransformerTrainer,
        SentenceTransformerTrainingArguments,
    )
    from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss

    begun = time.perf_counter()
    rows = read_rows(given.file("train"))
    model = SentenceTransformer(given.model, device=given.device)
    trainer = SentenceTransformerTrainer(
        model=model,
        args=arguments(
            given,
            SentenceTransformerTrainingArguments,
            warmup_steps=WARMUP,
            batch_sampler="no_duplicates",
        ),
        train_dataset=Dataset.from_dict(
            {"anchor": [row[0] for row in rows], "positive": [row[1] for row in rows]}
        ),
        loss=MultipleNegativesRankingLoss(model),
    )
    training = _trained(trainer, given)
    seconds = time.perf_counter() - begun
    asked = asked_of(Path(given.data))
    questions, corpus = (
        model.encode(list(texts), show_progress_bar=False) for texts in (asked.first, asked.second)
    )
    return given.told(seconds, training, nearest(questions, corpus))


def rerank(given: Given) -> Measured:
    """A cross-encoder by ListNet's loss on the pairs that ours learns from.

    The trained model is read by `unmask.Reranker`, which gives the same scores sooner.
    """
    from datasets import Dataset
    from sentence_transformers.cross_encoder import (
        CrossEncoder,
        CrossEncoderTrainer,
        CrossEncoderTrainingArguments,
    )
    from sentence_transformers.cross_encoder.losses import ListNetLoss

    begun = time.perf_counter()
    with mined(given) as (train, _):
        rows = [json.loads(line) for line in train.read_text("utf-8").splitlines()]
    lists = [(row["query"], [row["positive"], *row["negatives"]]) for row in rows]
    lists = [one for one in lists if len(one[1]) > 1]
    model = CrossEncoder(given.model, num_labels=1, device=given.device)
    trainer = CrossEncoderTrainer(
        model=model,
        # A query with all its documents is one row to the trainer.
        args=arguments(
            given,
            CrossEncoderTrainingArguments,
            rows=max(1, given.more["batch"] // (1 + given.more["negatives"])),
            warmup_steps=WARMUP,
        ),
        train_dataset=Dataset.from_dict(
            {
                "query": [query for query, _ in lists],
                "documents": [documents for _, documents in lists],
                "labels": [[SURE] + [0.0] * (len(one) - 1) for _, one in lists],
            }
        ),
        loss=ListNetLoss(model, mini_batch_size=-1),
    )
    training = _trained(trainer, given)
    seconds = time.perf_counter() - begun
    return given.told(seconds, training, reranked(given, Path(given.out)))


def _trained(trainer: Any, given: Given) -> float:
    """Train and save; seconds of the training."""
    found = trainer.train()
    trainer.model.save_pretrained(given.out)
    return float(found.metrics["train_runtime"])
