"""ModernBERT beyond its window of 64 tokens to each side, up to the 8,192 that it is made for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from tests.nn.models import random_rows
from tests.parity.compare import difference, kernel
from tests.parity.oracles import tokenizer
from unmask.batches.pack import pack
from unmask.checkpoint.folder import open_encoder
from unmask.nn.encoder import Encoder

SETTINGS = {
    "vocab_size": 331,
    "hidden_size": 32,
    "num_attention_heads": 1,
    "num_hidden_layers": 4,
    "intermediate_size": 24,
    "pad_token_id": 0,
}


@pytest.fixture(scope="module")
def theirs() -> Any:
    """With everything else as published: window, both rotary bases, context."""
    torch.manual_seed(0)
    model = transformers.ModernBertModel(transformers.ModernBertConfig(**SETTINGS)).eval()
    for parameter in model.parameters():
        if parameter.dim() > 1:
            torch.nn.init.normal_(parameter, std=0.2)
    return model


@pytest.fixture(scope="module")
def ours(theirs: Any, tmp_path_factory: pytest.TempPathFactory) -> Encoder:
    folder: Path = tmp_path_factory.mktemp("long")
    theirs.save_pretrained(folder)
    tokenizer().save_pretrained(folder)
    return open_encoder(folder).model


@torch.no_grad()
def test_long_texts_equal_those_of_transformers(theirs: Any, ours: Encoder) -> None:
    lengths = (1500, 300, 129, 128, 300, 65)
    rows = [[1 + token for token in row] for row in random_rows(lengths, vocab=330)]
    found = torch.split(ours(pack(rows)), lengths)
    for row, states in zip(rows, found, strict=True):
        expected = theirs(torch.tensor([row])).last_hidden_state[0]
        assert difference(states, expected) < 1e-5


@torch.no_grad()
def test_8192_tokens(ours: Encoder) -> None:
    """The kernel that reads windows in blocks against the one that computes every score."""
    assert ours.config.context == 8192
    batch = pack(random_rows((8192,), vocab=331))
    fast = ours(batch)
    with kernel("reference"):
        slow = ours(batch)
    assert difference(fast, slow) < 1e-5
