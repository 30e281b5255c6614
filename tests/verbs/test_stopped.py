"""A run that a signal stops: what its stage says, and that it goes on."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import sentences
from tests.verbs.killed import settings
from tests.verbs.labelled import Notes, write_table
from unmask.verbs.finetune import finetune
from unmask.verbs.pretrain import pretrain


class Stopping(Notes):
    """Stops the process in the middle of a stage, and remembers the last words of each."""

    def __init__(self, title: str) -> None:
        super().__init__()
        self.title, self.sent, self.last = title, False, ""

    @contextmanager
    def stage(self, title: str) -> Iterator[Callable[[float, str], None]]:
        """A stage."""

        def advance(share: float, words: str) -> None:
            if title == self.title:
                self.last = words
                if share >= 0.3 and not self.sent:
                    self.sent = True
                    os.kill(os.getpid(), signal.SIGTERM)

        yield advance


def test_a_stopped_training_says_how_far_it_came(tiny_model_folder: Path, tmp_path: Path) -> None:
    table, watch = write_table(tmp_path / "train.csv", sentences()[::3]), Stopping("fine-tuning")
    given = {"train": table, "out": tmp_path / "run", "epochs": 3, "batch": 8, "threads": 1}
    result = finetune(tiny_model_folder, watch=watch, **given)  # type: ignore[arg-type]
    assert (result.finished, result.stopped_by) == (False, signal.SIGTERM)
    whole = finetune(tiny_model_folder, **given)  # type: ignore[arg-type]
    assert 0 < result.steps < whole.steps
    assert watch.last == f"stopped at step {result.steps} of {whole.steps}"


def test_a_stopped_pretraining_says_how_far_it_came(tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_text("\n\n".join(sentences()))
    given, watch = settings(str(text), budget={"steps": 10}), Stopping("pretraining")
    result = pretrain(out=tmp_path / "run", settings=given, watch=watch)
    assert result.stopped_by == signal.SIGTERM
    assert watch.last == f"stopped at step {result.steps} of 10"


@pytest.fixture(autouse=True)
def _signals_as_they_were() -> Iterator[None]:
    before = signal.getsignal(signal.SIGTERM)
    yield
    assert signal.getsignal(signal.SIGTERM) == before
