"""Ranking as a user does it: from pairs to negatives, to a reranker, to a ranking."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.test_processes import out_of, unmask
from tests.pipelines.theirs import Normalize, cross_encoder, embedding_model
from tests.verbs.labelled import write_csv
from tests.verbs.test_finetune_rerank import MUSIC, OTHERS, TEXTS


def test_from_pairs_to_a_ranking(tiny_model_folder: Path, tmp_path: Path) -> None:
    model = embedding_model(tmp_path, "bert", ("mean",), Normalize())
    rows = [(TEXTS[n], MUSIC[n % len(MUSIC)]) for n in range(30)]
    pairs = write_csv(tmp_path / "pairs.csv", rows, ("query", "positive"))
    corpus = write_csv(tmp_path / "corpus.csv", [(text,) for text in OTHERS[:50]], ("text",))
    mined, run = tmp_path / "mined.jsonl", tmp_path / "run"
    facts = out_of(
        "mine", model, "--input", pairs, "--corpus", corpus, "--output", mined, "--per-query", "3",
        "--range", "60", "--pick", "sampled", "--threads", "1",
    )  # fmt: skip
    assert (facts["rows"], facts["full"]) == (30, 30)
    done = unmask(
        "finetune", tiny_model_folder, "--task", "rerank", "--train", mined, "--out", run,
        "--set", "rank.loss=listwise", "--epochs", "2", "--lr", "0.003", "--threads", "1",
    )  # fmt: skip
    assert "3 of 30 queries are held out, with all their documents" in done.stderr
    assert "nDCG@10" in done.stdout
    ranked = out_of("rerank", run, "--query", "a", "--input", corpus, "--top-k", "2")
    assert len(ranked["ranked"]) == 2
    assert ranked["scale"] in ("calibrated", "probability")
    vectors = tmp_path / "vectors.npy"
    unmask("embed", model, "--input", corpus, "--output", vectors, "--as", "bits")
    assert vectors.stat().st_size == 128 + 50 * 6
    row = json.loads(mined.read_text().splitlines()[0])
    assert list(row) == ["query", "positive", "negatives"]


def test_a_query_without_documents_is_an_error(tmp_path: Path) -> None:
    scorer = cross_encoder(tmp_path / "model")
    empty = tmp_path / "empty.csv"
    empty.write_text("text\n")
    done = unmask("rerank", scorer, "--query", "a", "--input", empty, code=2)
    assert (
        f"error: a ranking needs rows with documents, but {empty} has none. Give --input a table "
        "that has some"
    ) in " ".join(done.stderr.split())
    assert done.stdout == ""
