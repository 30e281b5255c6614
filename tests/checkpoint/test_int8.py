"""Ranges of int8 beside a model's weights."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.nn.models import encoder_of
from unmask.checkpoint.int8 import (
    QUALITY,
    RANGES,
    calibration_of,
    read_calibration,
    write_calibration,
)
from unmask.checkpoint.jsonfile import read_json, write_json
from unmask.errors import CorruptCheckpoint
from unmask.nn.int8 import Calibration, Quality, Site, weights_digest
from unmask.nn.prepared import prepare

SITES = {
    "layers.0.mlp.up": Site(torch.rand(4) + 0.5, 0.25, 131),
    "layers.0.mlp.down": Site(torch.rand(8) + 0.5, 1 / 3, 0),
}
WIDTHS = {"layers.0.mlp.up": 4, "layers.0.mlp.down": 8}


def written(folder: Path, sites: dict[str, Site] = SITES) -> Path:
    write_calibration(folder, Calibration(sites, Quality(0.99, 0.998, 64), "ab"))
    return folder


def test_comes_back_to_the_bit(tmp_path: Path) -> None:
    found = read_calibration(written(tmp_path), WIDTHS)
    assert found is not None
    assert found.quality == Quality(0.99, 0.998, 64)
    assert found.weights == "ab"
    assert list(found.sites) == list(SITES)
    for name, site in SITES.items():
        assert torch.equal(found.sites[name].smooth, site.smooth)
        assert (found.sites[name].scale, found.sites[name].zero) == (site.scale, site.zero)


def test_files_without_a_digest_are_of_no_weights(tmp_path: Path) -> None:
    """As they were written at first: they are read, and fit no weights."""
    said = read_json(written(tmp_path) / QUALITY)
    del said["weights_sha256"]
    write_json(tmp_path / QUALITY, said)
    found = read_calibration(tmp_path, WIDTHS)
    assert found is not None
    assert found.weights == ""


def test_changed_weights_have_no_calibration() -> None:
    """Whichever was changed, and however: also where no count of writes tells of it."""
    encoder = encoder_of("bert")
    encoder.calibration = Calibration({}, Quality(0.99, 0.998, 64), weights_digest(encoder))
    assert calibration_of(encoder) is encoder.calibration
    for parameter in (encoder.layers[0].mlp.up.weight, encoder.embedding.norm.bias):
        before = parameter.data.clone()
        parameter.data.mul_(1.5)
        assert calibration_of(encoder) is None
        parameter.data.copy_(before)
        assert calibration_of(encoder) is encoder.calibration


def test_the_digest_is_of_names_and_rounded_weights() -> None:
    encoder = encoder_of("modernbert").eval()
    before = weights_digest(encoder)
    prepare(encoder, "fp32")
    assert weights_digest(encoder) == before
    assert weights_digest(encoder.to(torch.bfloat16)) == before
    assert weights_digest(encoder_of("bert")) != before


def test_nothing_is_nothing(tmp_path: Path) -> None:
    write_calibration(tmp_path, None)
    assert not list(tmp_path.iterdir())
    assert read_calibration(tmp_path, WIDTHS) is None


@pytest.mark.parametrize("missing", [RANGES, QUALITY])
def test_one_file_without_the_other(tmp_path: Path, missing: str) -> None:
    (written(tmp_path) / missing).unlink()
    with pytest.raises(CorruptCheckpoint, match="must hold both"):
        read_calibration(tmp_path, WIDTHS)


@pytest.mark.parametrize(
    "widths", [WIDTHS | {"layers.0.mlp.up": 5}, WIDTHS | {"more": 3}, {"layers.0.mlp.up": 4}]
)
def test_another_models_ranges(tmp_path: Path, widths: dict[str, int]) -> None:
    with pytest.raises(CorruptCheckpoint, match="must fit the model beside it"):
        read_calibration(written(tmp_path), widths)


@pytest.mark.parametrize(
    "site",
    [
        Site(torch.ones(4), 0.0, 3),
        Site(torch.ones(4), float("nan"), 3),
        Site(torch.ones(4), 0.1, 256),
        Site(torch.tensor([1.0, 0.0, 1.0, 1.0]), 0.1, 3),
        Site(torch.tensor([1.0, float("inf"), 1.0, 1.0]), 0.1, 3),
    ],
)
def test_ranges_that_cannot_be(tmp_path: Path, site: Site) -> None:
    with pytest.raises(CorruptCheckpoint, match="must hold positive scales"):
        read_calibration(written(tmp_path, {"up": site}), {"up": 4})


def test_quality_must_be_said(tmp_path: Path) -> None:
    (written(tmp_path) / QUALITY).write_text('{"texts": 3}')
    with pytest.raises(CorruptCheckpoint, match="smallest_cosine"):
        read_calibration(tmp_path, WIDTHS)
