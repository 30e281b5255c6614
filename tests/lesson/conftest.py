"""The lesson's own modules, loaded from where a reader finds them."""

import importlib.util
import sys
from types import ModuleType

import pytest

from tests.lesson.page import LESSON


def script(name: str) -> ModuleType:
    """`lesson/code/NAME.py` as a module; it finds its neighbours by itself."""
    spec = importlib.util.spec_from_file_location(f"lesson_{name}", LESSON / "code" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    before = list(sys.path)
    # Its dataclasses look themselves up there.
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    sys.path[:] = before  # the neighbours are loaded by now, and other tests need no such path
    return module


@pytest.fixture(scope="session")
def lesson() -> ModuleType:
    """`lesson/code/main.py`."""
    return script("main")


@pytest.fixture(scope="session")
def whole_words() -> ModuleType:
    """`lesson/code/whole_words.py`, the first exercise."""
    return script("whole_words")


@pytest.fixture(scope="session")
def sentiment_rivals() -> ModuleType:
    """`lesson/code/sentiment_rivals.py`, the second exercise."""
    return script("sentiment_rivals")


@pytest.fixture(scope="session")
def toy(lesson: ModuleType) -> ModuleType:
    """`lesson/code/toy_language.py`, as the lesson imported it."""
    assert lesson is not None
    return sys.modules["toy_language"]
