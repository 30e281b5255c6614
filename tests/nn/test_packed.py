"""A packed forward equals one-by-one forwards: the promise that nothing leaks between sequences."""

from __future__ import annotations

from collections.abc import Callable
from typing import get_args

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.nn.models import ARCHITECTURES, encoder_of, random_rows
from unmask.batches.pack import pack
from unmask.nn import kernels
from unmask.nn.encoder import ROWS, Encoder
from unmask.nn.kernels import Kernel
from unmask.train.precision import mixed

CPU = torch.device("cpu")
CPU_KERNELS = tuple(kernel for kernel in get_args(Kernel) if kernel != "varlen")
# Alone, equal, unequal, rising and not; longer than one block of the blocked kernel; long enough
# that a window of 3 is read in blocks of 16 with a rest; a row without rounding (64 and 128
# tokens) and with (1 token gets 63 rows more).
LENGTHS = {
    "one": (1,),
    "whole": (64,),
    "equal": (7, 7, 7, 7),
    "unequal": (5, 1, 12, 2, 1, 33, 9, 65),
    "runs": (1, 1, 16, 16, 17, 17, 17, 40),
    "crossing": (100, 29, 130, 1, 70, 64, 31),
}


@pytest.fixture(params=CPU_KERNELS)
def kernel(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Every attention of the test runs on this kernel, but for those that it cannot compute."""

    def choose(*_: object, plain: bool, **__: object) -> str:
        return str(request.param) if plain else "grouped"

    monkeypatch.setattr(kernels, "choose_kernel", choose)
    return str(request.param)


def forward(model: Encoder, rows: list[list[int]], dtype: torch.dtype) -> torch.Tensor:
    with mixed(dtype, CPU):
        return model(pack(rows)).float()


def one_by_one(model: Encoder, rows: list[list[int]], dtype: torch.dtype) -> torch.Tensor:
    return torch.cat([forward(model, [row], dtype) for row in rows])


def spread(a: torch.Tensor, b: torch.Tensor) -> float:
    """The largest difference; hidden states end in a norm, so they are of order one."""
    return float((a - b).detach().abs().max())


@pytest.mark.parametrize("lengths", LENGTHS.values(), ids=LENGTHS)
@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_fp32(name: str, training: bool, lengths: tuple[int, ...], kernel: str) -> None:
    """In float32 the two differ by the order of sums alone: a hundred times the last digit."""
    model = encoder_of(name).train(training)
    rows = random_rows(lengths)
    with torch.set_grad_enabled(training):
        assert (
            spread(forward(model, rows, torch.float32), one_by_one(model, rows, torch.float32))
            < 2e-5
        )


@pytest.mark.parametrize("lengths", [LENGTHS["unequal"], LENGTHS["crossing"]], ids=["a", "b"])
@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_bf16(name: str, training: bool, lengths: tuple[int, ...], kernel: str) -> None:
    """In bf16 packing must add no more error than rounding has: sums of another order round to
    other neighbours, so either result lies about as far from float32, and from the other."""
    model = encoder_of(name).train(training)
    rows = random_rows(lengths)
    with torch.set_grad_enabled(training):
        exact = one_by_one(model, rows, torch.float32)
        alone = one_by_one(model, rows, torch.bfloat16)
        packed = forward(model, rows, torch.bfloat16)
    rounding = spread(alone, exact)
    assert 1e-3 < rounding < 0.3
    assert spread(packed, alone) < 2 * rounding
    typical = (alone - exact).detach().square().mean().sqrt()
    assert (packed - alone).detach().square().mean().sqrt() < 1.5 * typical


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_gradients(name: str, kernel: str) -> None:
    """Of a packed batch equal the sums of those of its sequences."""
    rows = random_rows(LENGTHS["crossing"])

    def gradients(run: Callable[..., torch.Tensor]) -> dict[str, torch.Tensor]:
        model = encoder_of(name)
        hidden = run(model, rows, torch.float32)
        weights = torch.randn(hidden.shape, generator=torch.Generator().manual_seed(1))
        (hidden * weights).sum().backward()
        return {key: p.grad for key, p in model.named_parameters() if p.grad is not None}

    packed, alone = gradients(forward), gradients(one_by_one)
    assert packed.keys() == alone.keys() == dict(encoder_of(name).named_parameters()).keys()
    for key, gradient in packed.items():
        largest = float(alone[key].abs().max())
        assert spread(gradient, alone[key]) < 2e-5 * max(largest, 1.0), key


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(1, 40), min_size=1, max_size=12), st.randoms(use_true_random=False))
@pytest.mark.parametrize("name", ["bert", "deberta_v2", "modernbert", "elmo"])
def test_order_of_sequences_does_not_matter(name: str, lengths: list[int], random: object) -> None:
    """Shuffling the sequences of a batch shuffles the result, whatever the lengths."""
    model = encoder_of(name, layers=2, width=64)
    rows = random_rows(tuple(lengths))
    order = list(range(len(rows)))
    random.shuffle(order)  # type: ignore[attr-defined]
    with torch.inference_mode():
        straight = model(pack(rows)).split(lengths)
        shuffled = model(pack([rows[i] for i in order])).split([lengths[i] for i in order])
    assert all(spread(straight[i], part) < 2e-5 for i, part in zip(order, shuffled, strict=True))


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_token_sees_its_whole_sequence_and_nothing_else(name: str, kernel: str) -> None:
    """Changing one token changes every other of its sequence, some layer being global, and leaves
    the bits of all other sequences as they were. A causal one changes what follows alone."""
    model = encoder_of(name)
    rows = random_rows((9, 21, 4))
    changed = [list(row) for row in rows]
    changed[1][7] = (changed[1][7] + 1) % 61
    with torch.inference_mode():
        before, after = model(pack(rows)), model(pack(changed))
    differs = (before != after).any(1)
    earlier = 7 if name == "decoder" else 0
    assert differs.tolist() == [False] * (9 + earlier) + [True] * (21 - earlier) + [False] * 4


@pytest.mark.parametrize("tokens", [1, ROWS - 1, ROWS, ROWS + 1])
def test_rounding_rows_are_cut_off(tokens: int) -> None:
    """A result has a row for each token, also where rows were added for the kernels."""
    assert encoder_of("modernbert")(
        pack([list(range(tokens % 61)) + [3] * (tokens - tokens % 61)])
    ).shape == (
        tokens,
        128,
    )
