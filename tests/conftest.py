"""What all tests share: the real data, and good manners towards the machine."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# Set before torch is first imported, here and in the processes that tests start: one thread each,
# since tests run side by side and small tensors gain nothing. Nothing is fetched from the Hub.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real, openly licensed text that lies beside the checkout."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("needs the shared test data: no folder ../shared/data beside this checkout")
    return folder


SUBJECTS = ("the cat", "a dog", "my old neighbour", "the quick brown fox", "our teacher", "she")
VERBS = ("sees", "likes", "jumps over", "paints", "forgets", "waits for")
OBJECTS = ("the lazy dog", "a red house", "the river", "an apple", "the piano", "good music")


def sentences() -> list[str]:
    """Some two hundred short sentences, always the same."""
    return [f"{s} {v} {o}." for s in SUBJECTS for v in VERBS for o in OBJECTS]


@pytest.fixture(scope="session")
def tiny_model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A language model of two layers with random weights and a context of 48, as a saved folder."""
    import torch

    from unmask.arch.registry import arch_of, sized_config
    from unmask.checkpoint.folder import save_model
    from unmask.heads.model import LanguageModel
    from unmask.nn.init import initialise
    from unmask.tokens.train import train

    tokenizer = train(sentences(), vocab_size=150, min_frequency=1)
    arch = arch_of("modernbert")
    config = sized_config(
        "modernbert",
        "2x64",
        vocab_size=tokenizer.vocab_size,
        context=48,
        pad_token_id=tokenizer.pad_id,
    )
    model = LanguageModel(arch.encoder(config), arch.lm_head(config))
    initialise(model, 0.1, 2, torch.Generator().manual_seed(0))
    folder = tmp_path_factory.mktemp("tiny") / "model"
    save_model(folder, model.eval(), arch=arch, config=config, tokenizer=tokenizer)
    return folder


@pytest.fixture(scope="session")
def tiny_classifier_folder(
    tiny_model_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A classifier of the labels bad, fine and good with random weights, as a saved folder."""
    from unmask.checkpoint.folder import open_classifier, save_model

    opened = open_classifier(tiny_model_folder, labels=("bad", "fine", "good"), seed=1)
    folder = tmp_path_factory.mktemp("tiny") / "classifier"
    save_model(
        folder,
        opened.model,
        arch=opened.arch,
        config=opened.config,
        tokenizer=opened.tokenizer,
        labels=opened.labels,
    )
    return folder
