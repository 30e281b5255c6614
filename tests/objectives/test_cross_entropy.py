"""The fused cross-entropy against PyTorch's own, in value, gradient and hits."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from unmask.objectives import cross_entropy
from unmask.objectives.cross_entropy import summed_cross_entropy


def case(rows: int, vocab: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    logits = 4 * torch.randn(rows, vocab, generator=generator)
    labels = torch.randint(vocab, (rows,), generator=generator)
    return logits, labels, torch.rand(rows, generator=generator)


def outcome(
    logits: torch.Tensor, labels: torch.Tensor, weights: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Loss, hits, and the gradient of three times the loss."""
    leaf = logits.clone().requires_grad_()
    loss, hits = summed_cross_entropy(leaf, labels, weights)
    (3.0 * loss).backward()
    assert leaf.grad is not None
    return loss.detach(), hits, leaf.grad


@settings(max_examples=40, deadline=None)
@given(rows=st.integers(1, 30), vocab=st.integers(1, 40), chunk=st.sampled_from([1, 37, 1 << 18]))
def test_equals_pytorch(rows: int, vocab: int, chunk: int) -> None:
    """However many rows are worked on at a time."""
    logits, labels, weights = case(rows, vocab)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cross_entropy, "CHUNK", chunk)
        loss, hits, gradient = outcome(logits, labels, weights)
    leaf = logits.clone().requires_grad_()
    expected = (F.cross_entropy(leaf, labels, reduction="none") * weights).sum()
    (3.0 * expected).backward()
    torch.testing.assert_close(loss, expected.detach(), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(gradient, leaf.grad, rtol=1e-4, atol=1e-6)
    assert int(hits) == int((logits.argmax(1) == labels).sum())


def test_rows_of_weight_0_add_nothing() -> None:
    logits, labels, _ = case(6, 9)
    labels[4:] = logits[4:].argmax(1)  # they would be hits
    weights = torch.tensor([1.0, 1.0, 1.0, 1.0, 0.0, 0.0])
    loss, hits, gradient = outcome(logits, labels, weights)
    short = outcome(logits[:4], labels[:4], weights[:4])
    torch.testing.assert_close(loss, short[0])
    assert int(hits) == int(short[1])
    torch.testing.assert_close(gradient[:4], short[2])
    assert not gradient[4:].any()


def test_bf16_logits_are_summed_in_float32() -> None:
    """The loss is that of the bf16 numbers, exactly; only the gradient is rounded to bf16."""
    logits, labels, weights = case(50, 300)
    rounded = logits.bfloat16()
    loss, hits, gradient = outcome(rounded, labels, weights)
    exact, hits_exact, gradient_exact = outcome(rounded.float(), labels, weights)
    assert loss.dtype == torch.float32
    assert gradient.dtype == torch.bfloat16
    torch.testing.assert_close(loss, exact)
    assert int(hits) == int(hits_exact)
    # Rounded once as a share, once as a multiple.
    torch.testing.assert_close(gradient.float(), gradient_exact, rtol=2 * 2**-8, atol=1e-6)


def test_extreme_scores_stay_finite() -> None:
    logits = torch.tensor([[1e4, -1e4, 0.0], [-3e38, 3e38, 0.0]])
    loss, _, gradient = outcome(logits, torch.tensor([0, 1]), torch.ones(2))
    assert float(loss) == 0.0
    assert not gradient.any()


def test_a_tie_counts_as_a_hit() -> None:
    logits = torch.tensor([[2.0, 2.0, 1.0], [2.0, 2.0, 1.0], [2.0, 2.0, 1.0]])
    _, hits = summed_cross_entropy(logits, torch.tensor([0, 1, 2]), torch.ones(3))
    assert int(hits) == 2


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_bad_logit_reaches_the_loss(value: float) -> None:
    """It must not vanish in a maximum: the loop looks at the loss to skip a step."""
    logits, labels, weights = case(3, 5)
    logits[1, 2] = value
    loss, _ = summed_cross_entropy(logits, labels, weights + 1.0)
    assert not loss.isfinite()


def test_the_input_is_left_alone() -> None:
    logits, labels, weights = case(5, 7)
    before = [x.clone() for x in (logits, labels, weights)]
    outcome(logits, labels, weights)
    with torch.inference_mode():
        summed_cross_entropy(logits, labels, weights)
    for now, then in zip((logits, labels, weights), before, strict=True):
        assert torch.equal(now, then)


def test_a_second_backward_raises() -> None:
    """The gradient is scaled in place, so a second pass would be wrong by that scale."""
    logits, labels, weights = case(5, 7)
    loss, _ = summed_cross_entropy(logits.requires_grad_(), labels, weights)
    loss.backward(retain_graph=True)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()
