"""Every architecture that predicts masked tokens can be pretrained, and others open the result."""

from __future__ import annotations

from pathlib import Path

import pytest
import transformers

from tests.conftest import sentences
from unmask.arch.registry import ARCHS, sized_config
from unmask.checkpoint.folder import open_language_model
from unmask.errors import ConfigError
from unmask.verbs.pretrain import pretrain

SETTINGS = {"size": "1x64", "steps": 4, "vocab_size": 150, "context": 32, "threads": 1}
MASKED = [name for name in ARCHS if name not in ("decoder", "elmo")]


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("text") / "text.txt"
    path.write_text("\n".join(sentences()))
    return path


@pytest.mark.parametrize("arch", MASKED)
def test_pretrains_and_saves(arch: str, text: Path, tmp_path: Path) -> None:
    result = pretrain(out=tmp_path / "run", text=[str(text)], arch=arch, **SETTINGS)
    assert result.finished
    opened = open_language_model(result.model)
    assert (opened.arch.name, opened.format, opened.aside) == (arch, "hf", ())
    # The context asked for is there, whatever rows a position table has besides.
    assert opened.model.encoder.config.context == 32
    theirs, report = transformers.AutoModelForMaskedLM.from_pretrained(
        result.model, output_loading_info=True
    )
    assert {name for name, faults in report.items() if faults} == set()
    assert (
        theirs.config.model_type
        == sized_config(arch, "1x64", vocab_size=9, context=9, pad_token_id=0).model_type
    )


@pytest.mark.parametrize("arch", ["decoder", "elmo"])
def test_masks_are_not_for_what_predicts_neighbours(arch: str, text: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=f"but {arch} predicts neighbours; choose another --arch"):
        pretrain(out=tmp_path / "run", text=[str(text)], arch=arch, **SETTINGS)
    assert not (tmp_path / "run").exists()
