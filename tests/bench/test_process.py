"""An arm in its process: one that ends at the wrong time is told, and nothing is left of it."""

from __future__ import annotations

import os
import signal
import time
from multiprocessing import active_children
from pathlib import Path

import pytest

from unmask.bench.arm import ArmSpec
from unmask.bench.process import ArmProcess, NotMeasured

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
