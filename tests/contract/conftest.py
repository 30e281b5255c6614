"""What the tests of bad input share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.contract.folders import Folders, words, write
from unmask.arch.registry import ARCHS
from unmask.arch.spec import HeadKind
from unmask.tokens import Tokenizer


@pytest.fixture(scope="session")
def tokenizer() -> Tokenizer:
    return words()


@pytest.fixture(scope="session")
def folders(tokenizer: Tokenizer, tmp_path_factory: pytest.TempPathFactory) -> Folders:
    """Gives the folder of an architecture or a `model_type` with a head, made once. Copy it."""
    root = tmp_path_factory.mktemp("folders")

    def get(name: str, kind: HeadKind = "lm", format: Any = "auto") -> Path:
        type_ = next(iter(ARCHS[name].configs)) if name in ARCHS else name
        path = root / f"{type_}-{kind}-{format}"
        if not path.exists():
            write(path, tokenizer, type_, kind, format)
        return path

    return get


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """Tiny models: a second thread costs more than it brings."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
