"""`--objective whole_word` from text to model: stopped and gone on, and with marked words."""

from __future__ import annotations

import hashlib
import os
import random
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from unmask.batches.store import TokenStore
from unmask.errors import ConfigError, TextError
from unmask.tokens.marks import MARK
from unmask.verbs.pretrain import PretrainResult, pretrain
from unmask.verbs.pretrain_settings import pretrain_settings
from unmask.verbs.watch import Advance, Silent


class Stopper(Silent):
    """Sends this process a signal after some steps of training."""

    def __init__(self, after: int) -> None:
        self.left = after

    @contextmanager
    def stage(self, title: str) -> Iterator[Advance]:
        def advance(share: float, words: str) -> None:
            if title == "pretraining":
                self.left -= 1
                if self.left == 0:
                    os.kill(os.getpid(), signal.SIGTERM)

        yield advance


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Documents of long made-up words, written without spaces but with marks."""
    dice = random.Random(1)
    words = [f"ภา{a}{b}" for a in ("ก", "ล", "ม") for b in ("น", "ส", "ต")]
    path = tmp_path_factory.mktemp("text") / "text.txt"
    lines = [MARK.join(dice.choices(words, k=dice.randint(3, 20))) for _ in range(200)]
    path.write_text("\n\n".join(lines), "utf-8")
    return path


def run(text: Path, out: Path, watch: Silent | None = None, **mask: Any) -> PretrainResult:
    settings = pretrain_settings(
        {
            "model": {"size": "1x64", "context": 32},
            "tokenizer": {"vocab_size": 300, "kind": "bpe"},
            "budget": {"tokens_per_step": 256},
            "run": {"threads": 1, "eval_every": 100},
            "mask": mask,
        },
        text=str(text),
        document="blank-line",
        objective="whole_word",
        steps=8,
    )
    return pretrain(out=out, settings=settings, watch=watch or Silent())


def digest(result: PretrainResult) -> str:
    return hashlib.sha256((result.model / "model.safetensors").read_bytes()).hexdigest()


@pytest.mark.parametrize("mask", [{}, {"words": "marked", "predict": 0.3, "static": True}])
def test_stopped_and_gone_on_is_the_same_bits(
    mask: dict[str, Any], text: Path, tmp_path: Path
) -> None:
    alone = run(text, tmp_path / "alone", **mask)
    stopped = run(text, tmp_path / "stopped", Stopper(3), **mask)
    assert stopped.stopped_by == signal.SIGTERM
    assert stopped.steps < 8
    again = run(text, tmp_path / "stopped", **mask)
    assert (again.finished, again.sessions) == (True, 2)
    assert digest(again) == digest(alone)


def test_marks_reach_the_store_and_no_token(text: Path, tmp_path: Path) -> None:
    begun: dict[str, int] = {}
    for words in ("characters", "marked"):
        out = run(text, tmp_path / words, words=words).folder
        store = TokenStore.open(out / "tokens")
        assert store.begins is not None
        begun[words] = int((store.begins == 1).sum())
        spelled = (out / "tokenizer" / "tokenizer.json").read_text("utf-8")
        # How a byte-level vocabulary spells U+200B.
        assert ("âĢĭ" in spelled) == (words == "characters")
    assert begun["marked"] < begun["characters"]


def test_a_text_without_marks_is_refused(text: Path, tmp_path: Path) -> None:
    plain = tmp_path / "plain.txt"
    plain.write_text(text.read_text("utf-8").replace(MARK, ""), "utf-8")
    with pytest.raises(TextError, match=r"holds no mark, U\+200B .*or leave mask\.words out"):
        run(plain, tmp_path / "run", words="marked")
    assert not (tmp_path / "run" / "tokens").exists()


def test_given_words_are_refused_where_tokens_are_selected_alone(tmp_path: Path) -> None:
    settings = pretrain_settings({"mask": {"words": "marked"}}, text="x", steps=1)
    with pytest.raises(ConfigError, match=r"would do nothing.*--objective whole_word"):
        pretrain(out=tmp_path / "run", settings=settings)
