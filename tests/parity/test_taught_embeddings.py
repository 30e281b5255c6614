"""What `--task embed` learns and saves, beside sentence-transformers: losses, prompts, vectors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer import losses
from sentence_transformers.sentence_transformer.modules import Dense, Normalize
from sentence_transformers.util import pairwise_cos_sim
from torch.nn import functional as F

from tests.pipelines.theirs import WIDTH, embedding_model
from tests.verbs.related_texts import pairs, written
from unmask.objectives.contrastive import Contrast
from unmask.objectives.graded import Cosine, Divergence, MarginError, Ranking
from unmask.objectives.related import AskedRows, Rule
from unmask.pipelines.embed import Embedder
from unmask.verbs.finetune import finetune
from unmask.verbs.finetune_settings import finetune_settings

N, SCALE = 6, 20.0
DICE = torch.Generator().manual_seed(0)
GRADES, TEACHER = torch.rand(N, generator=DICE), torch.randn(N, 3, generator=DICE)


def scaled(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return SCALE * pairwise_cos_sim(a, b)


SYMMETRIC: dict[str, Any] = {
    "directions": ("query_to_doc", "doc_to_query"),
    "partition_mode": "per_direction",
}
NOTHING: Any = None
CASES: list[tuple[Rule, Any, int, torch.Tensor | None]] = [
    (Contrast(), losses.MultipleNegativesRankingLoss(NOTHING, SCALE), 3, None),
    (Contrast(), losses.MultipleNegativesRankingLoss(NOTHING, SCALE), 1, None),
    (
        Contrast(directions="both"),
        losses.MultipleNegativesRankingLoss(NOTHING, SCALE, **SYMMETRIC),
        1,
        None,
    ),
    (Ranking(), losses.CoSENTLoss(NOTHING, SCALE), 1, GRADES),
    (Cosine(), losses.CosineSimilarityLoss(NOTHING), 1, GRADES),
    (MarginError(), losses.MarginMSELoss(NOTHING, scaled), 3, TEACHER),
    (Divergence(), losses.DistillKLDivLoss(NOTHING, scaled), 3, TEACHER),
]


@pytest.mark.parametrize(("rule", "theirs", "columns", "labels"), CASES)
def test_losses_and_their_gradients(
    rule: Rule, theirs: Any, columns: int, labels: torch.Tensor | None
) -> None:
    dice = torch.Generator().manual_seed(1)
    drawn = torch.randn(1 + columns, N, 8, generator=dice)
    found = []
    for side in ("ours", "theirs"):
        vectors = drawn.clone().requires_grad_()
        if side == "theirs":
            total = theirs.compute_loss_from_embeddings(list(vectors), labels)
        else:
            unit = F.normalize(vectors, dim=-1)
            places = torch.arange(columns * N).view(columns, N).T
            # A query's own document is barred; its hard negatives are not.
            barred = torch.zeros(N, columns * N, dtype=torch.bool)
            barred[torch.arange(N), places[:, 0]] = True
            teacher = TEACHER[:, :columns]
            asked = AskedRows(torch.arange(N), places, barred, GRADES, teacher)
            terms = rule(unit[0] @ unit[1:].flatten(0, 1).T, asked)
            targets = rule.targets(asked)
            total = sum(
                (rule.weight * t / targets[n] for n, (t, _) in terms.items()), torch.zeros(())
            )
        total.backward()
        assert vectors.grad is not None
        found.append((float(total.detach()), vectors.grad))
    assert found[0][0] == pytest.approx(found[1][0], rel=1e-5)
    torch.testing.assert_close(found[0][1], found[1][1], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("include_prompt", [True, False])
def test_the_trained_folder_opens_there(tmp_path: Path, include_prompt: bool) -> None:
    stages = (Dense(WIDTH, 20), Normalize())
    start = embedding_model(tmp_path, "bert", ("mean",), *stages, include_prompt=include_prompt)
    given = {"query_prompt": "the cat ", "document_prompt": "she "}
    settings = finetune_settings(
        None, {"embed": given}, task="embed", epochs=1, lr=1e-3, dtype="fp32", threads=1
    )
    rows = pairs(40)
    train = written(tmp_path / "train.jsonl", rows)
    result = finetune(start, train=train, out=tmp_path / "run", settings=settings)
    ours = Embedder.from_pretrained(result.folder)
    theirs = SentenceTransformer(str(result.model), device="cpu")
    for texts, one, other in (
        ([row["query"] for row in rows], ours.encode_query, theirs.encode_query),
        ([row["positive"] for row in rows], ours.encode_document, theirs.encode_document),
    ):
        np.testing.assert_allclose(one(texts), other(texts), atol=1e-5)
    assert theirs.prompts == {"query": "the cat ", "document": "she "}
    # The dense layer behind the pooling was trained too.
    before = Embedder.from_pretrained(start)
    stages_now, stages_then = (dict(one.opened.head.named_parameters()) for one in (ours, before))
    assert all(not torch.equal(stages_now[n], stages_then[n]) for n in stages_then)
