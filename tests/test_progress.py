"""How much longer a stage takes: not said before it can be known, and right where work resumes."""

from __future__ import annotations

import re
from io import StringIO
from typing import Any

import pytest
import rich.progress
from rich.console import Console

from unmask import progress
from unmask.progress import Pace, Terminal


class Clock:
    """Takes the place of the `time` module's clock."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        monkeypatch.setattr(progress.time, "monotonic", lambda: self.now)

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def test_nothing_is_said_before_the_first_seconds(clock: Clock) -> None:
    pace, told = Pace(), []
    for step in range(1, 41):
        clock.sleep(0.1)
        told.append(pace.left(step / 400))
    assert told[:30] == [None] * 30
    assert told[-1] == pytest.approx(36.0)


def test_what_came_before_the_first_step_is_left_out(clock: Clock) -> None:
    """A stage that prepares itself for a minute, then does a step of a hundred in a second."""
    pace = Pace()
    clock.sleep(60)
    assert pace.left(0.01) is None
    clock.sleep(9)
    assert pace.left(0.10) == pytest.approx(90.0)


def test_a_resumed_stage_does_not_begin_at_nothing(clock: Clock) -> None:
    pace = Pace()
    assert pace.left(0.60) is None
    clock.sleep(10)
    assert pace.left(0.70) == pytest.approx(30.0)


def test_nobody_knows_of_work_without_an_end(clock: Clock) -> None:
    pace = Pace()
    for _ in range(5):
        clock.sleep(5)
        assert pace.left(None) is None


def test_lines_say_the_rest_only_once_it_is_known(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = Terminal()
    terminal.console = Console(file=StringIO(), width=200)
    with terminal.stage("fine-tuning") as advance:
        clock.sleep(20)
        advance(0.25, "loss 3")
        clock.sleep(20)
        advance(0.5, "loss 2")
    written = terminal.console.file.getvalue()
    assert "fine-tuning: 25%, loss 3" in written
    assert "fine-tuning: 50%, about 40 s left  loss 2" in written
    assert "fine-tuning (40.0 s)" in written


@pytest.mark.parametrize(
    ("seconds", "words"), [(None, ""), (5.4, "0:05"), (125, "2:05"), (3723, "1:02:03")]
)
def test_the_rest_as_a_clock_has_it(seconds: float | None, words: str) -> None:
    assert progress._clock(seconds) == words


def test_a_bar_shows_the_rest(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    update = rich.progress.Progress.update

    def noted(self: Any, task: Any, **fields: Any) -> None:
        told.append(fields["left"])
        update(self, task, **fields)

    terminal = Terminal()
    terminal.console = Console(file=StringIO(), width=120, force_terminal=True)
    monkeypatch.setattr(rich.progress.Progress, "update", noted)
    with terminal.stage("fine-tuning") as advance:
        for share in (0.1, 0.2, 0.3):
            clock.sleep(10)
            advance(share, f"loss {share}")
    assert told == ["", "1:20", "1:10"]
    plain = re.sub(r"\x1b\[[0-9;]*m", "", terminal.console.file.getvalue())
    assert "fine-tuning (30.0 s)  loss 0.3" in plain
