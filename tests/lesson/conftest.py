"""The lesson's own modules, loaded from where a reader finds them."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

LESSON = Path(__file__).resolve().parents[2] / "lesson"


@pytest.fixture(scope="session")
def lesson() -> ModuleType:
    """`lesson/code/main.py` as a module; it finds its neighbours by itself."""
    spec = importlib.util.spec_from_file_location("lesson_main", LESSON / "code" / "main.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    before = list(sys.path)
    spec.loader.exec_module(module)
    sys.path[:] = before  # the neighbours are loaded by now, and other tests need no such path
    return module


@pytest.fixture(scope="session")
def toy(lesson: ModuleType) -> ModuleType:
    """`lesson/code/toy_language.py`, as the lesson imported it."""
    assert lesson is not None
    return sys.modules["toy_language"]
