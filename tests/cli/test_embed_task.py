"""Embeddings as a user makes them: three commands, from pairs to vectors and figures."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.cli.test_processes import out_of, unmask
from tests.verbs.related_texts import pairs, without, written


def test_from_pairs_to_vectors(tiny_model_folder: Path, tmp_path: Path) -> None:
    train = written(tmp_path / "train.jsonl", without(pairs(60), "negative"))
    dev = written(tmp_path / "dev.jsonl", pairs(30, seed=1))
    run = tmp_path / "run"
    done = unmask(
        "finetune", tiny_model_folder, "--task", "embed", "--train", train, "--dev", dev,
        "--out", run, "--epochs", "1", "--query-prompt", "she likes ", "--threads", "1",
        "--set", "embed.matryoshka=[16]",
    )  # fmt: skip
    assert "pairs from columns 'query' and 'positive'; 60 rows" in done.stderr
    assert "nDCG@10 of 16 numbers" in done.stdout
    assert "a learning rate of 0.0002 (--lr)" in done.stderr
    assert ", before 0." in done.stdout
    assert f"Next: unmask embed {run} --input new.csv --output vectors.npy" in done.stdout
    documents = written(tmp_path / "docs.jsonl", [{"text": row["positive"]} for row in pairs(9)])
    figures = out_of("evaluate", run, "--data", dev, "--corpus", documents, "--threads", "1")
    assert figures["queries"] == len({row["query"] for row in pairs(30, seed=1)})
    out = tmp_path / "vectors.npy"
    unmask("embed", run, "--input", documents, "--output", out, "--truncate-dim", "16",
           "--threads", "1")  # fmt: skip
    assert np.load(out).shape == (9, 16)
