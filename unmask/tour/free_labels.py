"""Labels that come free with a corpus: which package, or folder, a text is from."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass
from importlib.metadata import packages_distributions
from pathlib import Path

from unmask.text.corpus import Corpus, Split
from unmask.text.installed import STDLIB

GROUPS = 8
MOST_TRAIN, MOST_TEST = 600, 150  # texts of one label
FEWEST_TRAIN, FEWEST_TEST = 40, 10
STANDS_FOR_NAMES = "package"
SHORTEST_INSIDE = 4  # letters of a name that is looked for inside longer words


@dataclass(frozen=True, slots=True)
class FreeLabels:
    """Labelled texts on disk.

    Attributes:
        train, test: JSON Lines files of {"text", "label"}; test texts are held-out documents.
        labels: names, largest group first.
        train_counts, test_counts: texts of each label.
    """

    train: Path
    test: Path
    labels: tuple[str, ...]
    train_counts: dict[str, int]
    test_counts: dict[str, int]


def free_labels(corpus: Corpus, folder: Path) -> FreeLabels | str:
    """Texts of the eight largest groups with the groups' names masked out, or why there are none.

    A text that names its own package would make the task a look-up, so every word that contains
    the name of one of the groups, or of the distribution that installed it, becomes "package".
    """
    sizes = Counter({group: n for group, n in corpus.stats.groups.items() if group})
    labels = [group for group, n in sizes.most_common(GROUPS) if n >= FEWEST_TRAIN]
    if len(labels) < 2:
        return (
            "The documents come from fewer than two folders or files with at least "
            f"{FEWEST_TRAIN} documents each, so there are no labels that come with the text."
        )
    pattern = names_pattern(labels)
    folder.mkdir(parents=True, exist_ok=True)
    train = _write(corpus, "train", labels, MOST_TRAIN, pattern, folder / "train.jsonl")
    test = _write(corpus, "held_out", labels, MOST_TEST, pattern, folder / "test.jsonl")
    if thin := [label for label in labels if test[label] < FEWEST_TEST]:
        return (
            f"Fewer than {FEWEST_TEST} held-out documents are from {thin[0]}, too few to measure "
            "on; a larger text would have more."
        )
    return FreeLabels(folder / "train.jsonl", folder / "test.jsonl", tuple(labels), train, test)


def names_pattern(groups: list[str]) -> re.Pattern[str]:
    """Matches every word that contains the name of one of the groups.

    A name of less than four letters must stand alone, or a folder `a` would take every word that
    has an a.
    """
    distributions = packages_distributions()
    names = {name.lower() for group in groups for name in (group, *distributions.get(group, ()))}
    if STDLIB in names:
        names.add("python")
    ordered = sorted(names, key=len, reverse=True)
    inside = [re.escape(name) for name in ordered if len(name) >= SHORTEST_INSIDE]
    alone = [re.escape(name) for name in ordered if len(name) < SHORTEST_INSIDE]
    parts = []
    if inside:
        parts.append(rf"[\w-]*(?:{'|'.join(inside)})[\w-]*")
    if alone:
        parts.append(rf"(?<![^\W_])(?:{'|'.join(alone)})(?![^\W_])")
    return re.compile("|".join(parts), re.IGNORECASE)


def _write(
    corpus: Corpus,
    split: Split,
    labels: list[str],
    most: int,
    pattern: re.Pattern[str],
    path: Path,
) -> dict[str, int]:
    """Up to `most` texts of each label, spread evenly over the label's documents."""
    there = Counter(d.group for d in corpus.documents(split))
    seen: Counter[str] = Counter()
    written = dict.fromkeys(labels, 0)
    with path.open("w", encoding="utf-8") as file:
        for document in corpus.documents(split):
            label = document.group
            if label not in written:
                continue
            seen[label] += 1
            step = max(1, there[label] / most)
            if written[label] < most and seen[label] >= written[label] * step:
                text = pattern.sub(STANDS_FOR_NAMES, document.text)
                file.write(json.dumps({"text": text, "label": label}) + "\n")
                written[label] += 1
    return written
