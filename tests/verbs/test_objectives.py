"""Objectives by name: an architecture that cannot serve one is refused before any work."""

from __future__ import annotations

from pathlib import Path

import pytest

from unmask.errors import ConfigError
from unmask.verbs.pretrain import pretrain
from unmask.verbs.pretrain_settings import pretrain_settings


@pytest.mark.parametrize(
    ("arch", "objective", "remedy"),
    [
        ("decoder", "mlm", "give --objective clm"),
        ("elmo", "clm", "give --objective elmo"),
        ("bert", "elmo", "give --objective mlm or --objective whole_word"),
    ],
)
def test_an_architecture_that_cannot_serve_it(
    arch: str, objective: str, remedy: str, tmp_path: Path
) -> None:
    (tmp_path / "text.txt").write_text("one two three\n", "utf-8")
    settings = pretrain_settings(
        text=str(tmp_path / "text.txt"), arch=arch, objective=objective, steps=1
    )
    with pytest.raises(ConfigError, match=f"objective {objective} .* but {arch} is for .*{remedy}"):
        pretrain(out=tmp_path / "run", settings=settings)
    assert not (tmp_path / "run").exists()


def test_an_unknown_objective_is_refused() -> None:
    with pytest.raises(ConfigError, match="mlm"):
        pretrain_settings(objective="mml")
