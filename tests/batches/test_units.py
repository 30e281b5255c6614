"""Where sentences begin among tokens, and the file beside the store that says so."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from unmask.batches.side import side_file
from unmask.batches.units import placed, units_of
from unmask.errors import CorruptText
from unmask.text.sentences import lines
from unmask.tokens.tokenizer import Tokenizer
from unmask.tokens.train import Kind, train

TEXTS = ["The cat sat.\n\n  The dog ran!\nUnseen ☃ sign", "", "one line", "\n\n\nlate\n\t\nend\n"]


@pytest.fixture(scope="module", params=["wordpiece", "bpe"])
def tokenizer(request: pytest.FixtureRequest) -> Tokenizer:
    kind: Kind = request.param
    return train(TEXTS * 5, kind=kind, vocab_size=400)


def test_units_begin_with_the_tokens_of_their_lines(tokenizer: Tokenizer) -> None:
    found = list(units_of(TEXTS, tokenizer, lines))
    for text, (count, begins) in zip(TEXTS, found, strict=True):
        ids = list(tokenizer.encode(text).ids)
        assert count == len(ids)
        parts = [tokenizer.decode(part.tolist()) for part in np.split(np.array(ids), begins[1:])]
        wanted = [tokenizer.decode(list(tokenizer.encode(line.strip()).ids))
                  for line in text.splitlines() if line.strip()]  # fmt: skip
        assert [part.strip() for part in parts if part] == wanted
        assert not count or begins[0] == 0
    assert [len(begins) for _, begins in found] == [3, 0, 1, 2]
    starts = np.concatenate(list(placed(found)))
    assert (np.diff(starts) > 0).all()
    assert starts[3] == found[0][0]


def test_a_side_file_is_made_once_for_the_same(tmp_path: Path) -> None:
    made: list[int] = []

    def make() -> list[np.ndarray]:
        made.append(1)
        return [np.array([0, 3]), np.array([7])]

    for _ in range(2):
        assert side_file(tmp_path, "x", {"text": "a"}, make).tolist() == [0, 3, 7]
    assert len(made) == 1
    assert side_file(tmp_path, "x", {"text": "b"}, lambda: [np.array([1])]).tolist() == [1]
    assert side_file(tmp_path, "y", {"text": "b"}, list).tolist() == []


def test_one_that_was_stopped_half_way_is_made_again(tmp_path: Path) -> None:
    def stopped() -> list[np.ndarray]:
        raise KeyboardInterrupt

    side_file(tmp_path, "x", {"text": "a"}, lambda: [np.array([5])])
    with pytest.raises(KeyboardInterrupt):
        side_file(tmp_path, "x", {"text": "b"}, stopped)
    assert side_file(tmp_path, "x", {"text": "a"}, lambda: [np.array([6])]).tolist() == [6]


def test_one_of_another_length_is_an_error(tmp_path: Path) -> None:
    side_file(tmp_path, "x", {"text": "a"}, lambda: [np.array([5, 6])])
    (tmp_path / "x.bin").write_bytes(b"12345678")
    with pytest.raises(CorruptText, match="must have 16 bytes, but has 8"):
        side_file(tmp_path, "x", {"text": "a"}, lambda: [np.array([5, 6])])
