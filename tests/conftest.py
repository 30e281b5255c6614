"""What all tests share: the real data, and good manners towards the machine."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# Set before torch is first imported, here and in the processes that tests start: at most two
# threads, so that two test runs fit on a small machine. Nothing is fetched from the Hub.
os.environ.setdefault("OMP_NUM_THREADS", str(min(2, os.cpu_count() or 1)))
os.environ.setdefault("HF_HUB_OFFLINE", "1")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real, openly licensed text that lies beside the checkout."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("needs the shared test data: no folder ../shared/data beside this checkout")
    return folder
