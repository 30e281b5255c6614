"""Formats of saving: what `transformers` cannot express is refused by name."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from unmask.arch.registry import arch_of, sized_config
from unmask.errors import UnsupportedModel
from unmask.heads.model import LanguageModel
from unmask.pipelines.fill import FillMask


def test_a_published_block_is_saved_either_way(tiny_model_folder: Path, tmp_path: Path) -> None:
    fill = FillMask.from_pretrained(tiny_model_folder)
    for name in ("hf", "unmask"):
        fill.save_pretrained(tmp_path / name, format=name)  # type: ignore[arg-type]
        again = FillMask.from_pretrained(tmp_path / name)
        text = f"the cat {fill.mask_token} the dog."
        assert again(text) == fill(text)
    assert json.loads((tmp_path / "unmask" / "config.json").read_text())["format"] == "unmask"


def test_rms_norms_are_refused_by_name(tiny_model_folder: Path, tmp_path: Path) -> None:
    opened = FillMask.from_pretrained(tiny_model_folder).opened
    config = sized_config(
        "modernbert", "1x64", vocab_size=opened.config.vocab_size, context=48,
        pad_token_id=opened.tokenizer.pad_id, norm="rms",
    )  # fmt: skip
    arch = arch_of("modernbert")
    model = LanguageModel(arch.encoder(config), arch.lm_head(config)).eval()
    fill = FillMask(replace(opened, model=model, config=config, arch=arch))
    with pytest.raises(UnsupportedModel, match="norm"):
        fill.save_pretrained(tmp_path / "hf", format="hf")
    fill.save_pretrained(tmp_path / "auto")
    assert json.loads((tmp_path / "auto" / "config.json").read_text())["format"] == "unmask"
