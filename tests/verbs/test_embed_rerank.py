"""Vectors and rankings of tables: what is written, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import sentences
from tests.pipelines.theirs import Normalize, cross_encoder, embedding_model
from tests.verbs.labelled import Notes, write_csv
from unmask.errors import ConfigError, CorruptText, DataError, ModelError, TooLong
from unmask.pipelines.embed import Embedder
from unmask.pipelines.quantized import open_vectors, quantize
from unmask.pipelines.rerank import Reranker
from unmask.pipelines.search import search
from unmask.verbs.embed import embed
from unmask.verbs.rerank import rerank
from unmask.verbs.vector_file import vector_file

TEXTS = sentences()[:60]
LONG = "the dog " * 30


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    prompts = {"query": "the cat "}
    root = tmp_path_factory.mktemp("embed")
    return embedding_model(root, "bert", ("mean",), Normalize(), prompts=prompts)


@pytest.fixture(scope="module")
def scorer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return cross_encoder(tmp_path_factory.mktemp("rerank") / "model")


@pytest.fixture
def table(tmp_path: Path) -> Path:
    return write_csv(tmp_path / "in.csv", [(text,) for text in TEXTS], ("text",))


def test_vectors_of_a_table(model: Path, table: Path, tmp_path: Path) -> None:
    notes = Notes()
    result = embed(model, input=table, output=tmp_path / "a.npy", prompt_name="query", watch=notes)
    found = np.load(tmp_path / "a.npy")
    ours = Embedder.from_pretrained(model)
    assert (found.dtype, found.shape) == (np.float32, (60, ours.dimension))
    np.testing.assert_array_equal(found, ours.encode(TEXTS, prompt_name="query"))
    assert (result.rows, result.dimension, result.truncated) == (60, ours.dimension, 0)
    assert notes.heard("text from column 'text'")
    with pytest.raises(ConfigError, match="exists already"):
        embed(model, input=table, output=tmp_path / "a.npy")
    raw = embed(model, input=table, output=tmp_path / "a.npy", replace=True, normalize=False)
    assert raw.in_words()["vectors"] == "60"
    assert np.linalg.norm(np.load(tmp_path / "a.npy")[0]) != pytest.approx(1, abs=1e-3)


def test_nothing_is_left_of_what_failed(model: Path, tmp_path: Path) -> None:
    table = write_csv(tmp_path / "in.csv", [("a",), (LONG,)], ("text",))
    out = tmp_path / "out.npy"
    with pytest.raises(TooLong, match=r"text 1 \(counted from 0\)"):
        embed(model, input=table, output=out, on_long="error")
    with pytest.raises(ConfigError, match=r"the output must be a \.npy file"):
        embed(model, input=table, output=tmp_path / "out.csv")
    with pytest.raises(ConfigError, match="prompt_name must be one of"):
        embed(model, input=table, output=out, prompt_name="other")
    with pytest.raises(DataError, match="no column 'other'"):
        embed(model, input=table, output=out, text_column="other")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.csv"]
    result = embed(model, input=table, output=out)
    assert result.truncated == 1
    assert result.in_words()["texts cut"] == "1"


def test_bad_rows_are_left_out_and_counted(model: Path, tmp_path: Path) -> None:
    table = tmp_path / "in.jsonl"
    lines = [json.dumps({"text": text}) for text in TEXTS]
    table.write_text("\n".join([*lines[:3], "{", '{"text": ""}', *lines[3:]]) + "\n")
    with pytest.raises(CorruptText):
        embed(model, input=table, output=tmp_path / "a.npy")
    result = embed(model, input=table, output=tmp_path / "a.npy", on_bad="skip", max_bad=0.5)
    assert (result.rows, result.skipped, result.empty) == (61, 1, 1)
    assert result.in_words()["empty texts"] == "1"
    assert np.load(tmp_path / "a.npy").shape[0] == 61


@pytest.mark.parametrize(("count", "dimension"), [(0, 1), (1, 3), (12, 8192)])
def test_files_are_what_numpy_reads(tmp_path: Path, count: int, dimension: int) -> None:
    vectors = np.arange(count * dimension, dtype=np.float32).reshape(count, dimension)
    with vector_file(tmp_path / "a.npy", dimension, replace=False) as write:
        for vector in vectors:
            write(vector)
    np.testing.assert_array_equal(np.load(tmp_path / "a.npy", allow_pickle=False), vectors)
    np.testing.assert_array_equal(np.load(tmp_path / "a.npy", mmap_mode="r"), vectors)


def test_a_ranking_of_a_table(scorer: Path, table: Path, tmp_path: Path) -> None:
    result = rerank(scorer, query="a dog", input=table, top_k=3)
    ours = Reranker.from_pretrained(scorer)
    assert list(result.ranked) == ours.rank("a dog", TEXTS, 3, return_documents=True)
    assert result.rows == 60
    assert json.loads(json.dumps(result.as_dict()))["ranked"][0]["corpus_id"] >= 0
    with pytest.raises(ConfigError, match="top_k must be at least 1, not 0"):
        rerank(scorer, query="a", input=table, top_k=0)
    long = write_csv(tmp_path / "long.csv", [("a",), (LONG,)], ("text",))
    notes = Notes()
    rerank(scorer, query="a", input=long, watch=notes)
    assert notes.heard("1 of 2 pairs are longer than 40 tokens")
    with pytest.raises(TooLong):
        rerank(scorer, query="a", input=long, on_long="error")


def test_a_query_without_documents_is_no_ranking(scorer: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.jsonl"
    bad.write_text('{"text": 1}\n{\n')
    with pytest.raises(
        DataError, match=r"needs rows .* 2 bad places were left out .* Give --input"
    ):
        rerank(scorer, query="a", input=bad, on_bad="skip", max_bad=1.0)


def test_the_wrong_kind_of_model(model: Path, scorer: Path, table: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"unmask\.Embedder"):
        rerank(model, query="a", input=table)
    with pytest.raises(ModelError, match="must say how a text becomes one vector"):
        embed(scorer, input=table, output=tmp_path / "a.npy")


@pytest.mark.parametrize("form", ["float16", "int8", "bits"])
def test_vectors_in_fewer_bytes(form: str, model: Path, table: Path, tmp_path: Path) -> None:
    out = tmp_path / "a.npy"
    result = embed(model, input=table, output=out, stored_as=form)  # type: ignore[arg-type]
    ours = Embedder.from_pretrained(model)
    expected = quantize(ours.encode(TEXTS), form)  # type: ignore[arg-type]
    found = open_vectors(out)
    np.testing.assert_array_equal(found.array, expected.array)
    assert (result.form, result.rows, found.form) == (form, 60, form)
    assert result.in_words()["stored as"] == form
    hits = search(ours.encode(TEXTS[:5]), found, 1)
    assert hits.corpus_ids[:, 0].tolist() == [0, 1, 2, 3, 4] or form == "bits"
    beside = tmp_path / "b.ranges.npy"
    beside.write_text("precious")
    with pytest.raises(ConfigError, match=r"b\.ranges\.npy exists already"):
        embed(model, input=table, output=tmp_path / "b.npy", stored_as=form)  # type: ignore[arg-type]
    assert beside.read_text() == "precious"
    with pytest.raises(ConfigError, match="stored as float32, float16, int8, bits, not as 'int4'"):
        embed(model, input=table, output=out, replace=True, stored_as="int4")  # type: ignore[arg-type]
