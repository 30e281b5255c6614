"""Vectors in fewer bytes: what is lost, what is stored, and that sentence-transformers agrees."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from unmask.errors import CheckpointError, ConfigError, DataError, ModelError
from unmask.pipelines.quantized import Ranges, Vectors, open_vectors, quantize
from unmask.verbs import vector_file as writing
from unmask.verbs.vector_file import vector_file

FORMS = ("float32", "float16", "int8", "bits")


def drawn(count: int, width: int = 20, seed: int = 0) -> Any:
    return np.random.default_rng(seed).standard_normal((count, width)).astype(np.float32)


def test_bits_are_packed_as_sentence_transformers_packs_them() -> None:
    from sentence_transformers.util.quantization import quantize_embeddings

    vectors = drawn(9, 24)
    vectors[0, :3] = 0.0
    ours = quantize(vectors, "bits").array
    np.testing.assert_array_equal(ours, quantize_embeddings(vectors, precision="ubinary"))
    assert (ours.dtype, ours.shape) == (np.uint8, (9, 3))
    assert quantize(drawn(2, 20), "bits").array.shape == (2, 3)


def test_int8_is_within_half_a_level() -> None:
    vectors = drawn(200)
    small = quantize(vectors, "int8")
    assert small.array.dtype == np.int8
    assert (small.array.min(0).tolist(), small.array.max(0).tolist()) == ([-128] * 20, [127] * 20)
    step = (vectors.max(0) - vectors.min(0)) / 255
    assert (np.abs(small.floats() - vectors) <= step * 0.5001).all()
    np.testing.assert_array_equal(small.floats(5, 9), small.floats()[5:9])


def test_int8_levels_are_those_of_sentence_transformers_but_for_rounding() -> None:
    from sentence_transformers.util.quantization import quantize_embeddings

    vectors, other = drawn(300), drawn(50, seed=1) * 0.5
    ours = quantize(other, "int8", calibration=vectors).array.astype(int)
    theirs = quantize_embeddings(other, "int8", calibration_embeddings=vectors).astype(int)
    assert np.abs(ours - theirs).max() <= 1  # they cut off, and here the nearest level is taken


def test_what_lies_outside_of_the_ranges_goes_to_their_ends() -> None:
    ranges = Ranges.of([[-1.0, 5.0], [1.0, 5.0]])
    far = np.array([[-9, 5], [9, 5], [0, 7]], dtype=np.float32)
    np.testing.assert_array_equal(ranges.large(ranges.small(far))[:2, 0], [-1, 1])
    assert ranges.outside(far) == 3
    assert ranges.large(ranges.small(np.array([[0.0, 5.0]], np.float32)))[0, 1] == 5


@pytest.mark.parametrize("form", FORMS)
def test_files_are_read_back(form: Any, tmp_path: Path) -> None:
    vectors = quantize(drawn(30), form)
    vectors.save(tmp_path / "a.npy")
    found = open_vectors(tmp_path / "a.npy")
    assert isinstance(found.array, np.memmap)
    assert (found.form, len(found)) == (form, 30)
    np.testing.assert_array_equal(found.array, vectors.array)
    np.testing.assert_array_equal(np.load(tmp_path / "a.npy"), vectors.array)
    if form != "bits":
        np.testing.assert_array_equal(found.floats(), vectors.floats())
    beside = ["a.npy", "a.ranges.npy"] if form == "int8" else ["a.npy"]
    assert sorted(path.name for path in tmp_path.iterdir()) == beside
    with pytest.raises(ConfigError, match="exists already"):
        vectors.save(tmp_path / "a.npy")
    quantize(drawn(3), form).save(tmp_path / "a.npy", replace=True)
    assert len(open_vectors(tmp_path / "a.npy")) == 3


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("count", [0, 1, 57])
def test_a_stream_is_stored_as_all_at_once(
    form: Any, count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "CALIBRATION", 40)
    vectors = drawn(count)
    with vector_file(tmp_path / "a.npy", 20, replace=False, form=form) as write:
        for vector in vectors:
            write(vector)
    found = open_vectors(tmp_path / "a.npy")
    assert (found.form, len(found)) == (form, count)
    if count:
        calibration = vectors[:40] if form == "int8" else None
        wanted = quantize(vectors, form, calibration=calibration)
        np.testing.assert_array_equal(found.array, wanted.array)
    if form == "int8" and count > 40:
        assert write.outside == Ranges.of(vectors[:40]).outside(vectors) > 0


def test_what_is_no_vector_of_a_form(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="one of float32, float16, int8, bits, not 'int4'"):
        quantize(drawn(2), "int4")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="calibration vectors are for int8, not for bits"):
        quantize(drawn(2), "bits", calibration=drawn(2))
    with pytest.raises(DataError, match=r"vector 1 \(counted from 0\) has nan"):
        quantize([[1.0], [np.nan]], "float16")
    with pytest.raises(DataError, match=r"float16 holds numbers up to 65,504, but .* 70000"):
        quantize([[70000.0]], "float16")
    with pytest.raises(DataError, match="there are none"):
        quantize(np.zeros((0, 3)), "int8")
    with pytest.raises(ModelError, match=r"a table \(N, E\), not of shape \(3,\)"):
        quantize([1.0, 2.0, 3.0], "bits")
    with pytest.raises(ModelError, match="ranges must be for 2 dimensions"):
        Vectors(np.zeros((1, 2), np.int8), Ranges.of(drawn(2, 3)))


def test_files_that_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="cannot be read: No such file"):
        open_vectors(tmp_path / "none.npy")
    (tmp_path / "a.npy").write_text("text")
    with pytest.raises(CheckpointError, match="file of numbers"):
        open_vectors(tmp_path / "a.npy")
    quantize(drawn(9), "int8").save(tmp_path / "b.npy")
    np.save(tmp_path / "b.ranges.npy", np.zeros((2, 3), np.float32))
    with pytest.raises(CheckpointError, match="must hold two rows of 20 float32"):
        open_vectors(tmp_path / "b.npy")
    (tmp_path / "b.ranges.npy").unlink()
    with pytest.raises(CheckpointError, match=r"b\.ranges\.npy cannot be read"):
        open_vectors(tmp_path / "b.npy")
