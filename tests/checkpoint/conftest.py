"""What the tests of model folders share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.checkpoint.models import LABELS, Saver, classifier, config_of, language_model
from unmask.arch.registry import arch_of
from unmask.checkpoint.folder import save_model
from unmask.tokens import Tokenizer, train


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """Tiny models: a second thread costs more than it brings."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return train(["some words to learn, and some more words to learn from"] * 3, vocab_size=70)


@pytest.fixture
def save(tmp_path: Path, tokenizer: Tokenizer) -> Saver:
    """Saves a new model of a kind, by default a language model, and gives its folder."""

    def build(arch: str, kind: str = "lm", name: str = "saved", **changes: Any) -> Path:
        options = {k: changes.pop(k) for k in ("format", "card", "replace") if k in changes}
        config = config_of(arch, **changes)
        makes: dict[str, Callable[[], Any]] = {
            "lm": lambda: language_model(arch, config),
            "sequence": lambda: classifier(arch, config),
            "encoder": lambda: language_model(arch, config).encoder,
        }
        save_model(
            tmp_path / name,
            makes[kind](),
            arch=arch_of(arch),
            config=config,
            tokenizer=tokenizer,
            labels=LABELS if kind == "sequence" else (),
            **options,
        )
        return tmp_path / name

    return build
