"""What the tests of bad input share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from tests.contract.folders import Folders, folders_in, words
from unmask.tokens import Tokenizer


@pytest.fixture(scope="session")
def tokenizer() -> Tokenizer:
    return words()


@pytest.fixture(scope="session")
def folders(tokenizer: Tokenizer, tmp_path_factory: pytest.TempPathFactory) -> Folders:
    return folders_in(tmp_path_factory.mktemp("folders"), tokenizer)


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """Tiny models: a second thread costs more than it brings."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
