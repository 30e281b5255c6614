"""Small models to save, and changes to saved folders that an editor or a disk could make."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from unmask.arch.registry import arch_of, sized_config
from unmask.arch.spec import PublishedConfig
from unmask.heads.model import LanguageModel, SequenceClassifier
from unmask.nn.init import initialise

LABELS = ("ham", "spam", "other")
BATCH = [[2, 9, 30, 12, 3], [2, 8, 3], [2, 40, 41, 42, 43, 44, 3]]
Saver = Callable[..., Path]


def config_of(arch: str, **changes: Any) -> PublishedConfig:
    config = sized_config(arch, "2x64", vocab_size=90, context=24, pad_token_id=0)
    return config.check({**config.model_dump(), **changes})


def language_model(arch: str, config: PublishedConfig) -> LanguageModel:
    model = LanguageModel(arch_of(arch).encoder(config), arch_of(arch).lm_head(config))
    initialise(model, 0.1, 2, torch.Generator().manual_seed(1))
    return model.eval()


def classifier(arch: str, config: PublishedConfig) -> SequenceClassifier:
    head = arch_of(arch).sequence_head(config, LABELS)
    model = SequenceClassifier(arch_of(arch).encoder(config), head)
    initialise(model, 0.1, 2, torch.Generator().manual_seed(2))
    return model.eval()


def rewrite(folder: Path, **changes: Any) -> None:
    """Change config.json as an editor would; None takes a key out. The manifest goes with it."""
    path = folder / "config.json"
    fields = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({k: v for k, v in fields.items() if v is not None}))
    (folder / "manifest.json").unlink(missing_ok=True)


def reweigh(folder: Path, change: Callable[[dict[str, torch.Tensor]], Any]) -> None:
    """Change the stored weights in place. The manifest goes with them."""
    weights = load_file(folder / "model.safetensors")
    change(weights)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "manifest.json").unlink(missing_ok=True)


def same(a: torch.nn.Module, b: torch.nn.Module) -> bool:
    one, two = a.state_dict(), b.state_dict()
    return one.keys() == two.keys() and all(torch.equal(one[name], two[name]) for name in one)
