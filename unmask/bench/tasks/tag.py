"""The task that finds entities."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from unmask.bench.tasks.rows import QUICK_ROWS, check_count
from unmask.bench.tasks.task import Asked, Contestant, Files, TaskRow, file_of
from unmask.evaluation.bootstrap import F64

NAMES = {
    "train": "wnut17train.conll",
    "dev": "emerging.dev.conll",
    "test": "emerging.test.annotated",
}
Sentence = list[tuple[str, str]]
"""Words with their tags."""


def entities(files: Files) -> None:
    """Emerging entities in noisy text (Derczynski et al. 2017), as they are split."""
    for kind, name in NAMES.items():
        sentences = read_sentences(files.data / "wnut17" / name)
        some = sentences[:QUICK_ROWS] if files.quick else sentences
        files.folder.mkdir(parents=True, exist_ok=True)
        lines = ("".join(f"{word}\t{tag}\n" for word, tag in one) + "\n" for one in some)
        (files.folder / f"{kind}.conll").write_text("".join(lines), "utf-8")


def read_sentences(path: Path) -> list[Sentence]:
    """Sentences of lines `word TAB tag`; a line of nothing but white space ends one."""
    found: list[Sentence] = [[]]
    for line in path.read_text("utf-8").split("\n"):
        if line.strip():
            word, _, tag = line.rstrip().rpartition("\t")
            found[-1].append((word, tag))
        elif found[-1]:
            found.append([])
    return [one for one in found if one]


def spans_right(folder: Path, said: Sequence[str]) -> F64:
    """`(N, 2)` of each sentence: twice the spans that are right, and those said and in truth.

    Their sums' ratio is F1. Spans are counted as conlleval counts them, by seqeval.

    Args:
        folder: of the task.
        said: of each test sentence its tags, with spaces between them.
    """
    from seqeval.metrics.sequence_labeling import get_entities

    sentences = read_sentences(file_of(folder, "test", 0))
    check_count(said, sentences)
    counts = []
    for sentence, one in zip(sentences, said, strict=True):
        tags = one.split()
        check_count(tags, sentence)
        true = set(get_entities([tag for _, tag in sentence]))
        found = set(get_entities(tags))
        counts.append((2 * len(true & found), len(true) + len(found)))
    return np.array(counts, dtype=np.float64)


TAG = (
    TaskRow(
        "wnut17",
        "wnut17, 3,394 sentences to learn from and 1,287 to test, six types of entities",
        "entity F1",
        entities,
        spans_right,
        (
            Contestant("unmask finetune", "unmask.bench.tasks.ours:tag", 3),
            Contestant(
                "transformers run_ner's recipe",
                "unmask.bench.tasks.peers:tag",
                3,
                {"lr": 5e-5, "batch": 8},
            ),
        ),
        Asked(0.02, faster=3.0),
    ),
)
