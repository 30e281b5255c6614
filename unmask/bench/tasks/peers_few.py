"""Few texts of each label, by SetFit (Tunstall et al. 2022), and by its parts without it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from unmask.bench.arm import Measured
from unmask.bench.tasks.rows import Row, by_label, read_rows
from unmask.bench.tasks.task import Given

BATCH, LR = 16, 2e-5  # SetFit's defaults, and AdamW's rate with a tenth of warm-up


def setfit(given: Given) -> Measured:
    """The library, with its defaults and so many pairs a text of either kind (`num_iterations`)."""
    from datasets import Dataset
    from setfit import SetFitModel, Trainer, TrainingArguments

    begun = time.perf_counter()
    rows = read_rows(given.file("train"))
    labels = sorted({row[-1] for row in rows})
    model = SetFitModel.from_pretrained(str(given.model), labels=labels, device=given.device)
    arguments = TrainingArguments(
        output_dir=given.out,
        batch_size=BATCH,
        num_epochs=given.epochs,
        num_iterations=given.more["pairs"],
        seed=given.seed,
        save_strategy="no",
        report_to="none",
        show_progress_bar=False,
    )
    learnt = Dataset.from_dict(
        {"text": [row[0] for row in rows], "label": [labels.index(row[-1]) for row in rows]}
    )
    Trainer(model=model, args=arguments, train_dataset=learnt).train()
    model.save_pretrained(given.out)
    seconds = time.perf_counter() - begun
    said = model.predict([text for text, _ in read_rows(given.file("test"))])
    return given.told(seconds, seconds, [str(one) for one in said])


def parts(given: Given) -> Measured:
    """The same by hand: sentence-transformers' `CosineSimilarityLoss`, then scikit-learn's head."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.losses import CosineSimilarityLoss
    from sklearn.linear_model import LogisticRegression

    begun = time.perf_counter()
    rows = read_rows(given.file("train"))
    torch.manual_seed(given.seed)
    model = SentenceTransformer(given.model, device=given.device)
    loss = CosineSimilarityLoss(model)
    pairs = list(_pairs(rows, given.more["pairs"], given.seed)) * given.epochs
    steps = -(-len(pairs) // BATCH)
    optimizer = torch.optim.AdamW(model.parameters(), lr=LR, weight_decay=0.01)
    rate = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _rate(step, steps))
    model.train()
    for start in range(0, len(pairs), BATCH):
        some = pairs[start : start + BATCH]
        sides = [model.preprocess([pair[side] for pair in some]) for side in (0, 1)]
        loss(sides, torch.tensor([pair[2] for pair in some], device=given.device)).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        rate.step()
    model.eval()
    head = LogisticRegression(max_iter=1000)
    head.fit(_vectors(model, [row[0] for row in rows]), [row[-1] for row in rows])
    model.save(given.out)
    seconds = time.perf_counter() - begun
    texts = [text for text, _ in read_rows(given.file("test"))]
    said = [str(one) for one in head.predict(_vectors(model, texts))]
    return given.told(seconds, seconds, said, steps=steps)


def _vectors(model: Any, texts: Sequence[str]) -> Any:
    return model.encode(list(texts), show_progress_bar=False)


def _rate(step: int, steps: int) -> float:
    """Warm-up over a tenth, then linear decay."""
    warm = max(1, steps // 10)
    return min((step + 1) / warm, (steps - step) / max(1, steps - warm))


def _pairs(rows: Sequence[Row], each: int, seed: int) -> Iterator[tuple[str, str, float]]:
    """So many pairs of either kind for each text, in any order: same label 1, others 0."""
    dice = np.random.default_rng(seed)
    labels = by_label(rows)
    owner = {place: number for number, places in enumerate(labels) for place in places}
    found = []
    for place, row in enumerate(rows):
        same = [one for one in labels[owner[place]] if one != place] or [place]
        others = [one for one in range(len(rows)) if owner[one] != owner[place]]
        for among, score in ((same, 1.0), (others, 0.0)):
            found += [(row[0], rows[one][0], score) for one in dice.choice(among, each).tolist()]
    for number in dice.permutation(len(found)).tolist():
        yield found[number]
