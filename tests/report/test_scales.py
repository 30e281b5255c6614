"""The arithmetic behind the charts."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unmask.report import palette, scales
from unmask.report.series import tick_label

FINITE = st.floats(-1e9, 1e9, allow_nan=False)


@given(FINITE, FINITE, st.integers(2, 12))
def test_ticks_cover_the_range_evenly_in_round_steps(one: float, other: float, about: int) -> None:
    low, high = sorted((one, other))
    if high - low < 1e-6 * max(1.0, abs(high)):
        high = low
    ticks = scales.ticks(low, high, about)
    step = ticks[1] - ticks[0]
    assert ticks[0] <= low + step * 1e-6
    assert ticks[-1] >= high - step * 1e-6
    assert len(ticks) <= about + 3
    mantissa = float(f"{step:.3e}".split("e")[0])
    assert min(abs(mantissa - round_one) for round_one in (1, 2, 5, 10)) < 1e-2


def test_tick_labels_tell_ticks_apart() -> None:
    assert [tick_label(t, [0.0, 0.001, 0.002]) for t in (0.0, 0.001)] == ["0.000", "0.001"]
    assert [tick_label(t, [0, 500, 1000]) for t in (0, 1000)] == ["0", "1,000"]
    assert [tick_label(t, [0, 50_000, 1e5]) for t in (0, 5e4, 1e5)] == ["0", "50k", "100k"]
    assert tick_label(2.5e6, [0, 2.5e6, 5e6]) == "2.5M"


def test_the_mean_of_a_straight_line_is_the_line_except_at_its_end() -> None:
    line = [float(x) for x in range(40)]
    means = scales.smooth(line, 9)
    assert means[:36] == pytest.approx(line[:36])
    assert means[-1] == pytest.approx(sum(line[-5:]) / 5)


@given(st.lists(FINITE, min_size=1, max_size=60), st.integers(0, 10))
def test_means_lie_within_the_values(values: list[float], half: int) -> None:
    means = scales.smooth(values, 2 * half + 1)
    assert len(means) == len(values)
    slack = 1e-6 * max(1.0, *(abs(value) for value in values), 1.0)
    assert min(means) >= min(values) - slack
    assert max(means) <= max(values) + slack


def test_thinning_keeps_every_spike_and_the_order() -> None:
    points = [(float(x), 5.0) for x in range(10_000)]
    points[777], points[4_321] = (777.0, 50.0), (4_321.0, -50.0)
    kept = scales.thin(points, 1200)
    assert len(kept) <= 1200
    assert (777.0, 50.0) in kept
    assert (4_321.0, -50.0) in kept
    assert kept == sorted(kept)
    assert scales.thin(points[:100], 1200) == points[:100]


def test_sampling_keeps_both_ends() -> None:
    points = [(float(x), float(x)) for x in range(1000)]
    kept = scales.sample(points, 7)
    assert len(kept) == 7
    assert (kept[0], kept[-1]) == (points[0], points[-1])


@given(st.lists(st.floats(0, 300), min_size=1, max_size=12))
def test_labels_keep_their_distance_and_their_order(wanted: list[float]) -> None:
    placed = scales.spread(wanted, 17, 0, 300)
    ranked = sorted(placed)
    assert all(b - a >= 17 - 1e-6 for a, b in pairwise(ranked))
    assert min(placed) >= -1e-6
    assert max(placed) <= 300 + 1e-6
    for i, first in enumerate(wanted):
        for j, second in enumerate(wanted):
            assert not first < second or placed[i] < placed[j]


def test_long_labels_are_shortened_visibly_and_wide_scripts_count() -> None:
    assert scales.fit("short", 100, 13) == "short"
    cut = scales.fit("a very long label indeed", 100, 13)
    assert cut.endswith("…")
    assert scales.text_width(cut, 13) <= 100
    assert scales.text_width("東京", 13) > scales.text_width("ab", 13)


@given(st.lists(st.text("abc, %", min_size=1, max_size=12), min_size=1, max_size=8))
def test_labels_on_two_lines_lose_nothing_that_has_room(words: list[str]) -> None:
    label = " ".join(" ".join(words).split())
    lines = scales.two_lines(label, 200, 13)
    assert len(lines) <= 2
    assert all(scales.text_width(line, 13) <= 200 for line in lines)
    whole = " ".join(lines)
    assert whole == label or whole.endswith("…")
    if scales.text_width(label, 13) <= 200:
        assert lines == [label]


def test_labels_break_between_words_and_long_ones_end_visibly() -> None:
    assert scales.two_lines("one arm, lower rates over another arm", 180, 13) == [
        "one arm, lower rates",
        "over another arm",
    ]
    first, second = scales.two_lines("a " * 40, 100, 13)
    assert not first.endswith("…")
    assert second.endswith("…")


@pytest.mark.parametrize("colours", [palette.LIGHT, palette.DARK], ids=["light", "dark"])
def test_colours_stand_out(colours: dict[str, str]) -> None:
    for ground in ("page", "tint"):
        for words in ("ink", "soft", "c0", "c1", "good", "warn"):
            assert palette.contrast(colours[words], colours[ground]) >= 4.5, (words, ground)
        for mark in ("c2", "c3", "quiet"):
            assert palette.contrast(colours[mark], colours[ground]) >= 3.0, (mark, ground)
    for bar in ("c0", "good", "quiet"):
        assert palette.contrast(colours[bar], colours["track"]) >= 3.0, bar
    for level in range(palette.HEAT_LEVELS + 1):
        fill, ink = palette.heat(colours, level)
        assert palette.contrast(fill, ink) >= 4.5, level


def test_contrast_is_that_of_the_standard() -> None:
    assert palette.contrast("#000000", "#ffffff") == pytest.approx(21)
    assert palette.contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)
