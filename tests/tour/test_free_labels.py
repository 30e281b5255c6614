"""Labels that come with the text: names masked out, sides kept apart, too little said plainly."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from unmask.text.corpus import Corpus
from unmask.text.prepare import prepare
from unmask.text.sources import TextSources
from unmask.tour.free_labels import MOST_TRAIN, STANDS_FOR_NAMES, free_labels, names_pattern


def corpus_of(folder: Path, groups: dict[str, int], held_out: float = 0.2) -> Corpus:
    """Documents of `groups`, each naming its own group."""
    for group, count in groups.items():
        (folder / "text" / group).mkdir(parents=True)
        lines = [f"Number {i} speaks of {group} and of {group.upper()}_{i}." for i in range(count)]
        (folder / "text" / group / "all.txt").write_text("\n\n".join(lines))
    sources = TextSources.find([folder / "text"])
    return prepare(sources, folder / "corpus", held_out=held_out)


def read(path: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_names_are_masked_and_sides_kept(tmp_path: Path) -> None:
    corpus = corpus_of(tmp_path, {"alpha": 300, "beta": 200})
    labels = free_labels(corpus, tmp_path / "out")
    assert not isinstance(labels, str)
    assert labels.labels == ("alpha", "beta")
    train, test = read(labels.train), read(labels.test)
    held_out = {document.source for document in corpus.documents("held_out")}
    assert len(test) <= len(held_out)
    for row in train + test:
        assert "alpha" not in row["text"].lower()
        assert "beta" not in row["text"].lower()
        assert STANDS_FOR_NAMES in row["text"]
    numbers = [{row["text"].split()[1] + row["label"] for row in rows} for rows in (train, test)]
    assert not numbers[0] & numbers[1]
    assert labels.test_counts == {
        name: sum(row["label"] == name for row in test) for name in labels.labels
    }


def test_a_large_group_is_thinned_evenly(tmp_path: Path) -> None:
    corpus = corpus_of(tmp_path, {"alpha": 2000, "beta": 100})
    labels = free_labels(corpus, tmp_path / "out")
    assert not isinstance(labels, str)
    assert labels.train_counts["alpha"] == MOST_TRAIN
    numbers = [int(r["text"].split()[1]) for r in read(labels.train) if r["label"] == "alpha"]
    assert numbers[0] < 20
    assert numbers[-1] > 1900


def test_one_group_gives_a_reason(tmp_path: Path) -> None:
    corpus = corpus_of(tmp_path, {"alpha": 300, "beta": 5})
    reason = free_labels(corpus, tmp_path / "out")
    assert isinstance(reason, str)
    assert "fewer than two" in reason


def test_too_few_held_out_gives_a_reason(tmp_path: Path) -> None:
    corpus = corpus_of(tmp_path, {"alpha": 900, "beta": 60}, held_out=0.05)
    reason = free_labels(corpus, tmp_path / "out")
    assert isinstance(reason, str)
    assert "held-out documents are from beta" in reason


@pytest.mark.parametrize("text", ["sklearn", "scikit-learn", "NumPy", "numpydoc", "python"])
def test_names_of_distributions_count(text: str) -> None:
    assert names_pattern(["sklearn", "numpy", "stdlib"]).fullmatch(text)
    assert not names_pattern(["sklearn", "numpy", "stdlib"]).search("a matrix of numbers")


def test_a_short_name_takes_only_itself() -> None:
    pattern = names_pattern(["a", "en"])
    assert pattern.sub("X", "a banana in en_dash and A") == "X banana in X_dash and X"
