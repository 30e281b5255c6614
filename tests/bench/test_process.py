"""An arm in its process: one that ends at the wrong time is told, and nothing is left of it."""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Iterator
from multiprocessing import active_children
from pathlib import Path

import pytest

from unmask.bench.arm import ArmSpec
from unmask.bench.measure import Measure, Setting
from unmask.bench.process import ArmProcess, NotMeasured
from unmask.bench.runner import run

FAKES = "tests.bench.fakes:"
LIMIT = 120.0  # seconds; only a test that fails takes as long


def arm(made: str, folder: Path) -> ArmProcess:
    spec = ArmSpec(made, f"{FAKES}{made}", {"folder": str(folder)})
    return ArmProcess(spec, {}, 1, folder / f"{made}.log", LIMIT)


def test_an_arm_that_was_killed_while_it_waited_was_not_measured(tmp_path: Path) -> None:
    one = arm("numbered", tmp_path)
    try:
        number = int(one.run().facts["pid"])
        os.kill(number, signal.SIGKILL)
        while number in [child.pid for child in active_children()]:
            time.sleep(0.01)
        with pytest.raises(NotMeasured, match="ended with -9: it printed nothing"):
            one.run()
    finally:
        one.close()


@pytest.fixture
def held(tmp_path: Path) -> Iterator[int]:
    """The reading end of the pipe that the child of the arm `leaving` holds open."""
    os.mkfifo(tmp_path / "held")
    reading = os.open(tmp_path / "held", os.O_RDONLY | os.O_NONBLOCK)
    yield reading
    os.close(reading)


def read(pipe: int) -> bytes:
    """What comes next; empty once nobody holds the pipe open."""
    assert select.select([pipe], [], [], 30.0)[0], "somebody holds the pipe open"
    return os.read(pipe, 1)


def test_children_of_an_arm_end_with_it(tmp_path: Path, held: int) -> None:
    one = arm("leaving", tmp_path)
    try:
        assert read(held) == b"+"
        one.limit = 0.1
        with pytest.raises(NotMeasured, match="no answer within 0 s"):
            one.run()
        assert read(held) == b""
    finally:
        one.close()


def test_children_of_an_arm_that_died_end_too(tmp_path: Path, held: int) -> None:
    one = arm("leaving", tmp_path)
    try:
        assert read(held) == b"+"
        os.kill(int((tmp_path / "pid").read_text("utf-8")), signal.SIGKILL)
        with pytest.raises(NotMeasured, match="ended with -9"):
            one.run()
        assert read(held) == b""
    finally:
        one.close()


@pytest.mark.parametrize("warm_up", [0, 1])
def test_an_arm_that_fails_is_gone_when_the_next_one_runs(
    tmp_path: Path, held: int, warm_up: int
) -> None:
    arms = (
        ArmSpec("fails", f"{FAKES}leaving", {"folder": str(tmp_path), "fails": True}),
        ArmSpec("looks", f"{FAKES}looking", {"folder": str(tmp_path)}),
    )
    measure = Measure("failing", "nothing", "runs", arms, warm_up=warm_up, limit=LIMIT)
    table = run(measure, Setting(str(tmp_path), 1), 1, lambda done, words: None, pause=0.0)
    assert table.row("fails").missing == "RuntimeError: the first run fails"
    assert table.row("looks").facts == {"there": [0.0]}
    assert read(held) + read(held) == b"+"
