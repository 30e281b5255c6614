"""Answering questions as a user does it: three commands, from a file to answers."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.test_processes import out_of, unmask
from tests.verbs.test_finetune_answer import squad


def test_from_questions_to_answers(tiny_model_folder: Path, tmp_path: Path) -> None:
    train, dev = squad(tmp_path / "train.json", 20, none=3), squad(tmp_path / "dev.json", 8, none=3)
    run = tmp_path / "run"
    done = unmask(
        "finetune", tiny_model_folder, "--task", "answer", "--train", train, "--dev", dev,
        "--out", run, "--epochs", "2", "--threads", "1",
    )  # fmt: skip
    assert "80 questions of 20 articles" in done.stderr
    assert "exact match" in done.stdout
    assert f"Next: unmask predict {run} --input new.csv --output answers.csv" in done.stdout
    figures = out_of("evaluate", run, "--data", dev, "--threads", "1")
    assert figures["questions"] == 32
    new, out = tmp_path / "new.jsonl", tmp_path / "answers.jsonl"
    asked = {"key": 7, "question": "who sees the dog?", "context": "she sees the dog."}
    new.write_text(json.dumps(asked) + "\n")
    unmask("predict", run, "--input", new, "--output", out, "--threads", "1")
    (row,) = [json.loads(line) for line in out.read_text().splitlines()]
    assert asked.items() <= row.items()
    assert row["predicted"] == asked["context"][row["predicted_start"] : row["predicted_end"]]
