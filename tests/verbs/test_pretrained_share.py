"""`finetune --pretrained-share`: the finished encoder lies between what it was and became."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from tests.conftest import sentences
from tests.verbs.labelled import Interrupted, Notes, write_table
from unmask.checkpoint.folder import open_classifier, open_encoder
from unmask.errors import ConfigError
from unmask.train.log import read_log
from unmask.verbs.finetune import FinetuneResult, finetune
from unmask.verbs.finetune_settings import finetune_settings

QUICK: dict[str, Any] = {
    "epochs": 3, "lr": 3e-3, "batch": 16, "dtype": "fp32", "dev_share": 0.2,
    "over": {"budget": {"best": False}},
}  # fmt: skip
SHARE = 0.4


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_table(tmp_path_factory.mktemp("data") / "train.csv", sentences()[::5])


@pytest.fixture(scope="module")
def mixed(
    tiny_model_folder: Path, table: Path, tmp_path_factory: pytest.TempPathFactory
) -> FinetuneResult:
    out = tmp_path_factory.mktemp("runs") / "mixed"
    return finetune(tiny_model_folder, train=table, out=out, pretrained_share=SHARE, **QUICK)


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return dict(open_classifier(folder).model.named_parameters())


def test_the_encoder_is_a_mean_and_the_head_is_as_it_was_trained(
    mixed: FinetuneResult, tiny_model_folder: Path, table: Path, tmp_path: Path
) -> None:
    trained = finetune(tiny_model_folder, train=table, out=tmp_path / "run", **QUICK)
    before = dict(open_encoder(tiny_model_folder).model.named_parameters())
    after, found = weights(trained.folder), weights(mixed.folder)
    assert any(name.startswith("head.") for name in found)
    for name, weight in found.items():
        expected = after[name]
        if name.startswith("encoder."):
            old = before[name.removeprefix("encoder.")]
            assert not torch.equal(old, after[name])
            expected = SHARE * old + (1 - SHARE) * after[name]
        torch.testing.assert_close(weight, expected, rtol=1e-5, atol=1e-6)


def test_figures_are_those_of_the_mean(mixed: FinetuneResult) -> None:
    records = list(read_log(mixed.folder / "log.jsonl"))
    held_out = [record for record in records if record["kind"] == "held_out"]
    assert mixed.figures is not None
    assert held_out[-1]["accuracy"] == pytest.approx(mixed.figures.accuracy, abs=1e-9)
    card = (mixed.model / "README.md").read_text()
    assert "| model.pretrained_share | 0.4 |" in card


@pytest.mark.parametrize("at", [0.3, 0.9])
def test_a_broken_run_goes_on_to_the_same_bits(
    at: float, mixed: FinetuneResult, tiny_model_folder: Path, table: Path, tmp_path: Path
) -> None:
    given = {"train": table, "out": tmp_path / "run", "pretrained_share": SHARE, **QUICK}
    with pytest.raises(Interrupted):
        finetune(tiny_model_folder, watch=Notes("fine-tuning", at), **given)
    again = finetune(tiny_model_folder, **given)
    one, two = weights(mixed.folder), weights(again.folder)
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert again.figures == mixed.figures


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"pretrained_share": 1.0}, "at least 0 and below 1"),
        ({"pretrained_share": -0.1}, "at least 0 and below 1"),
        ({"pretrained_share": 0.2, "freeze": True}, "with --freeze none of these are trained"),
        ({"pretrained_share": 0.2, "lora": 4}, "with --lora 4 none of these are trained"),
    ],
)
def test_a_share_of_nothing_is_refused(given: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        finetune_settings(**given)
