"""Folders whose head is not what their `config.json` says, or not what a caller wants."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

import unmask
from tests.checkpoint.models import LABELS, Saver, reweigh, rewrite, same
from tests.parity.compare import Pair
from tests.parity.oracles import ROWS, Row
from unmask.checkpoint.folder import open_encoder, open_language_model, open_model
from unmask.errors import ConfigError, ModelError, UnsupportedModel, WeightMapError
from unmask.heads.model import LanguageModel

NAMED = [row for row in ROWS if row.published and row.variant in ("as published", "Llama, tied")]


@pytest.mark.parametrize("row", NAMED, ids=lambda row: row.name)
def test_a_class_whose_head_is_not_stored(row: Row, tmp_path: Path) -> None:
    """As all-mpnet-base-v2 is published: bare weights that name the class they were made from."""
    pair = Pair(row, "encoder", tmp_path / "bare")
    expected = pair.opened
    theirs = type(Pair(row, "lm", tmp_path / "lm").theirs).__name__
    rewrite(pair.folder, architectures=[theirs])
    opened = open_model(pair.folder)
    if row.arch == "decoder":  # a tied head has no weights of its own: the class is right
        assert isinstance(opened.model, LanguageModel)
        return
    assert same(opened.model, expected.model)
    assert set(opened.kept) == set(expected.kept)
    begun = open_language_model(pair.folder, new_head=True)
    assert begun.new
    assert same(begun.model.encoder, expected.model)
    with pytest.raises(ModelError, match=f"names {theirs}, whose head is not stored"):
        open_language_model(pair.folder)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"problem_type": "ordinal"}, "problem_type='ordinal"),
        ({"id2label": {"0": "a", "1": "a", "2": "b"}, "label2id": None}, "different names"),
        ({"architectures": ["BertForMultipleChoice"]}, "BertForMultipleChoice"),
    ],
)
def test_a_head_that_is_not_served_has_an_encoder(
    save: Saver, changes: dict[str, Any], says: str
) -> None:
    folder = save("bert", "sequence")
    expected = open_encoder(folder)
    rewrite(folder, **changes)
    opened = open_encoder(folder)
    assert same(opened.model, expected.model)
    assert set(opened.aside) == set(expected.aside) != set()
    for kind in (None, "sequence"):
        with pytest.raises(ModelError, match=says):
            open_model(folder, kind)  # type: ignore[arg-type]


def test_arguments_that_a_model_has_no_use_for(save: Saver) -> None:
    folder = save("bert")
    with pytest.raises(ModelError, match="an encoder without a head has no labels, and these were"):
        open_model(folder, "encoder", labels=("a", "b"))
    with pytest.raises(ModelError, match="a tagger does not pool, and pooling='mean' was given"):
        open_model(folder, "token", labels=LABELS, pooling="mean")
    with pytest.raises(ModelError, match=r"kind must be one of encoder, lm, .*, not 'tokens'"):
        open_model(folder, "tokens")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("format", "says"),
    [
        ("HF", "format must be one of auto, hf, unmask, not 'HF'"),
        ("sentence-transformers", r"unmask.Embedder \(and pooling=...\) or unmask.Reranker"),
    ],
)
def test_a_format_that_does_not_exist(save: Saver, tmp_path: Path, format: str, says: str) -> None:
    folder = save("bert")
    for name in ("Encoder", "FillMask"):
        opened = getattr(unmask, name).from_pretrained(folder)
        with pytest.raises(ModelError, match=says):
            opened.save_pretrained(tmp_path / name, format=format)
        assert not (tmp_path / name).exists()


@pytest.mark.parametrize(
    ("where", "says"),
    [
        ({"device": "foo"}, "device must be cpu, cuda, cuda:NUMBER or another"),
        ({"device": None}, "device must be cpu, .*, not None"),
        ({"dtype": "bfloat16"}, "such as torch.float32 or torch.bfloat16, not 'bfloat16'"),
        ({"dtype": torch.int8}, "not torch.int8"),
    ],
)
def test_places_that_do_not_exist(save: Saver, where: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        open_encoder(save("bert"), **where)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_a_gpu_that_is_not_there(save: Saver) -> None:
    with pytest.raises(ConfigError, match="device cuda was asked for, but PyTorch finds no GPU"):
        open_encoder(save("bert"), device="cuda")


def test_what_is_missing_has_its_published_name(save: Saver, tmp_path: Path) -> None:
    folder = save("bert")
    gone = "bert.encoder.layer.1.attention.self.key.weight"
    reweigh(folder, lambda weights: weights.pop(gone))
    with pytest.raises(WeightMapError, match=f"places without a weight: {gone}"):
        open_language_model(folder)


@pytest.mark.parametrize("name", ["electra", "deberta_v2", "roberta"])
def test_norms_by_their_oldest_names(name: str, tmp_path: Path) -> None:
    row = next(row for row in ROWS if row.arch == name)
    pair = Pair(row, "encoder", tmp_path / "theirs")
    expected = pair.opened
    old = {"LayerNorm.weight": "LayerNorm.gamma", "LayerNorm.bias": "LayerNorm.beta"}

    def rename(weights: dict[str, torch.Tensor]) -> None:
        for key in list(weights):
            for new, was in old.items():
                if key.endswith(new):
                    weights[key.removesuffix(new) + was] = weights.pop(key)

    reweigh(pair.folder, rename)
    assert same(open_encoder(pair.folder).model, expected.model)


def test_a_class_of_another_architecture(save: Saver) -> None:
    folder = save("bert")
    rewrite(folder, architectures=["RobertaForMaskedLM"])
    assert open_encoder(folder)
    with pytest.raises(UnsupportedModel, match="of bert these are served"):
        open_language_model(folder)
