"""The shapes of the learning rate."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unmask.errors import ConfigError
from unmask.train.schedule import SHAPES, Schedule, Shape

shapes = st.sampled_from(list(SHAPES))


@settings(deadline=None)
@given(shapes, st.integers(1, 2000), st.floats(0, 0.9), st.floats(0.05, 1.0))
def test_rises_once_then_falls_and_is_never_zero(
    shape: Shape, total: int, warmup: float, decay: float
) -> None:
    schedule = Schedule(shape=shape, warmup=warmup, decay=decay)
    scales = [schedule.scale(step, total) for step in range(total)]
    assert all(0.0 < scale <= 1.0 for scale in scales)
    top = scales.index(max(scales))
    assert all(a <= b + 1e-12 for a, b in pairwise(scales[: top + 1]))
    assert all(a >= b - 1e-12 for a, b in pairwise(scales[top:]))


@pytest.mark.parametrize("shape", list(SHAPES))
def test_warm_up_is_a_straight_line(shape: Shape) -> None:
    schedule = Schedule(shape=shape, warmup=0.1)
    assert [schedule.scale(step, 100) for step in range(10)] == pytest.approx(
        [(step + 1) / 10 for step in range(10)]
    )


def test_stable_then_one_minus_a_square_root() -> None:
    schedule = Schedule(shape="wsd", warmup=0.1, decay=0.5)
    scales = [schedule.scale(step, 1000) for step in range(1000)]
    assert scales[100:550] == [1.0] * 450
    for step in (600, 800, 999):
        assert scales[step] == pytest.approx(1 - math.sqrt((step + 0.5 - 550) / 450))


def test_linear_and_cosine() -> None:
    linear, cosine = (Schedule(shape=shape, warmup=0.0) for shape in ("linear", "cosine"))
    for step in (0, 250, 999):
        part = (step + 0.5) / 1000
        assert linear.scale(step, 1000) == pytest.approx(1 - part)
        assert cosine.scale(step, 1000) == pytest.approx(0.5 + 0.5 * math.cos(math.pi * part))


def test_an_unknown_shape_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"one of wsd, linear, cosine, not 'step'"):
        Schedule(shape="step")  # type: ignore[arg-type]


@pytest.mark.parametrize("bad", [{"warmup": 1.0}, {"warmup": -0.1}, {"decay": 0.0}, {"decay": 2.0}])
def test_shares_out_of_range_are_refused(bad: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=r"warmup must lie in \[0, 1\) and decay in \(0, 1\]"):
        Schedule(**bad)
