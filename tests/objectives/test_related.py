"""An update read in parts: gradients as if it were read at once, whatever is read twice."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from tests.objectives.texts import documents
from unmask.arch.registry import arch_of, sized_config
from unmask.batches.draws import Draws
from unmask.batches.pack import pack
from unmask.batches.updates import Updates
from unmask.heads.embedding import EmbeddingHead, EmbeddingHeadConfig, PoolConfig
from unmask.heads.sentence import EmbeddingModel
from unmask.nn.dropout import set_dropout
from unmask.nn.encoder import Encoder
from unmask.nn.init import initialise
from unmask.objectives.contrastive import Contrast
from unmask.objectives.graded import Ranking
from unmask.objectives.related import Relating, Rule, Side, TextRow, Texts, VectorTask
from unmask.train.terms import StepTerms

VOCAB = 60
QUERIES, DOCUMENTS = documents(20, seed=1), documents(30, seed=2)
TEXTS = Texts(
    Side(tuple([2, *row, 3] for row in QUERIES)),
    Side(tuple([2, *row, 3] for row in DOCUMENTS)),
    tuple(TextRow(n, (n, 20 + n % 10), grade=n % 5) for n in range(20)),
    tuple(frozenset({n}) for n in range(20)),
)


def model_of(share: float = 0.0, arch: str = "bert") -> EmbeddingModel:
    """Two layers of width 64, in training mode."""
    config = sized_config(arch, "2x64", vocab_size=VOCAB, context=40, pad_token_id=0)
    head = EmbeddingHead(EmbeddingHeadConfig(width=64, pool=PoolConfig(modes=("mean",))))
    model = EmbeddingModel(Encoder(arch_of(arch).encoder(config)), head)
    initialise(model, 0.1, 2, torch.Generator().manual_seed(0))
    set_dropout(model, share)
    return model.train()


def task_of(objective: Relating, size: int = 10) -> VectorTask:
    queries = [TEXTS.queries.rows[row.query] for row in TEXTS.rows]
    return objective.corrupt(next(Updates(queries, size, 0).epoch(0)), Draws(0, 0))


def gradients(
    objective: Relating, model: EmbeddingModel, dtype: torch.dtype = torch.float32
) -> tuple[float, dict[str, torch.Tensor]]:
    """The loss of an update and its gradient, as the loop takes them."""
    task = task_of(objective)
    model.zero_grad()
    torch.manual_seed(11)
    found = StepTerms.of([task])
    with torch.autocast("cpu", dtype, enabled=dtype != torch.float32):
        losses = objective.loss(model, task)
    found.add(losses).backward()  # type: ignore[no-untyped-call]
    grads = {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}
    assert grads
    return found.mean, grads


def far(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> float:
    """The largest difference, beside the largest gradient."""
    assert one.keys() == other.keys()
    largest = max(float(grad.abs().max()) for grad in one.values())
    return max(float((one[n] - other[n]).abs().max()) for n in one) / largest


@pytest.mark.parametrize("rule", [Contrast(0.1), Contrast(0.1, "both"), Ranking(0.1)])
@pytest.mark.parametrize("arch", ["bert", "modernbert"])
def test_gradients_are_those_of_all_texts_at_once(rule: Rule, arch: str) -> None:
    model = model_of(arch=arch)
    loss, cached = gradients(Relating(TEXTS, rule, (16,), tokens=40, kept=0), model)
    # By hand: all texts in one batch, and PyTorch's own gradient.
    task = task_of(Relating(TEXTS, rule))
    model.zero_grad()
    vectors = model(task.batch)
    queries, total = task.asked.barred.shape[0], torch.zeros(())
    for dim in (64, 16):
        unit = F.normalize(vectors[:, :dim], dim=1)
        terms = rule(unit[:queries] @ unit[queries:].T, task.asked)
        for name, (part, _) in terms.items():
            total = total + rule.weight * part / rule.targets(task.asked)[name]
    total.backward()  # type: ignore[no-untyped-call]
    whole = {n: p.grad for n, p in model.named_parameters() if p.grad is not None}
    assert loss == pytest.approx(float(total.detach()), rel=1e-6)
    assert far(whole, cached) < 1e-6


@pytest.mark.parametrize("kept", [0, 90, 1 << 20])
def test_what_is_kept_changes_no_gradient_with_dropout(kept: int) -> None:
    model = model_of(share=0.3)
    rule = Contrast(0.1)
    loss, twice = gradients(Relating(TEXTS, rule, tokens=40, kept=kept), model)
    again, once = gradients(Relating(TEXTS, rule, tokens=40, kept=1 << 20), model)
    assert loss == again
    assert far(once, twice) < 1e-6
    # Dropout is there: without it the loss is another.
    set_dropout(model, 0.0)
    assert gradients(Relating(TEXTS, rule, tokens=40, kept=kept), model)[0] != loss


def test_parts_hold_to_their_budget_and_each_text_is_read_once() -> None:
    task = task_of(Relating(TEXTS, Contrast(), tokens=40))
    assert all(part.batch.tokens <= 40 for part in task.parts)
    assert sum(part.batch.tokens for part in task.parts) == task.batch.tokens
    assert len(task.parts) > 4
    # Ten queries, their documents, and hard negatives of which some are shared.
    assert task.counts["rows"] == 10
    assert task.asked.barred.shape[0] == 10
    assert task.counts["texts"] == sum(task.asked.barred.shape) < 30
    assert task.targets == {"queries": 10}


def test_gradients_in_bfloat16_come_of_cosines_in_float32() -> None:
    model = model_of()
    rule = Contrast(0.05)
    loss, grads = gradients(Relating(TEXTS, rule, tokens=40, kept=0), model, torch.bfloat16)
    same, others = gradients(Relating(TEXTS, rule, tokens=40, kept=1 << 20), model, torch.bfloat16)
    # Without a gradient bfloat16 has kernels of its own, so the first reading rounds otherwise.
    assert loss == pytest.approx(same, abs=0.01)
    assert far(grads, others) < 0.05
    exact, _ = gradients(Relating(TEXTS, rule), model)
    assert loss == pytest.approx(exact, abs=0.05)
    task = task_of(Relating(TEXTS, rule))
    with torch.autocast("cpu", torch.bfloat16):
        total = Relating(TEXTS, rule).loss(model, task).terms["queries"].total
    assert total.dtype == torch.float32


def test_the_global_generator_moves_by_one_draw() -> None:
    model, objective = model_of(share=0.2), Relating(TEXTS, Contrast(), tokens=40)
    torch.manual_seed(5)
    torch.randint(1 << 62, ())
    wanted = torch.rand(3)
    torch.manual_seed(5)
    objective.loss(model, task_of(objective))
    assert torch.equal(torch.rand(3), wanted)


def test_shorter_vectors_have_terms_of_their_own() -> None:
    objective = Relating(TEXTS, Contrast(), dims=(32, 8))
    task = task_of(objective)
    losses = objective.loss(model_of(), task)
    assert list(losses.terms) == list(task.targets) == ["queries", "queries@32", "queries@8"]


def test_a_prompt_outside_the_pooling_is_skipped() -> None:
    model = model_of()
    batch = pack([[2, 9, 9, 7, 8, 3]])
    hidden = model.encoder(batch)
    torch.testing.assert_close(model(batch, 3), hidden[3:].mean(0, keepdim=True))
