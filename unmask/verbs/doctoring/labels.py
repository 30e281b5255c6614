"""Labels: names that mean something, in the order in which the head was trained."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from unmask.checkpoint.folder import Opened
from unmask.errors import UnmaskError
from unmask.heads.model import SequenceClassifier
from unmask.verbs.doctoring.finding import Finding
from unmask.verbs.doctoring.patient import Patient
from unmask.verbs.material import CLASSED, Material
from unmask.verbs.tasks.rows import Rows, logits_of

GENERIC = re.compile(r"(LABEL|label|class|CLASS)[_ ]?\d+")
MOST_ROWS = 500
FEWEST_ROWS = 30
BETTER = 0.2  # accuracy that another order must gain


def labels(patient: Patient) -> Iterator[Finding]:
    """All that can be said of labels."""
    opened, said = patient.opened.value, patient.described.value
    if opened is None or said is None or not opened.labels or opened.use.outputs == "numbers":
        return
    names = opened.labels
    generic = [name for name in names if GENERIC.fullmatch(name)]
    unsaid = said.format == "hf" and patient.raw.get("id2label") is None
    if unsaid or (generic and not _are_numbers(patient.material, names)):
        yield Finding(
            "labels",
            "warning",
            "config.json has no id2label"
            if unsaid
            else f"the labels are numbers without a meaning: {', '.join(names[:5])}",
            "Nothing says which output is which label; stock models were taken in the wrong order "
            "for months.",
            "Write the names into id2label and label2id, in the order of the training.",
        )
    else:
        yield Finding("labels", "ok", f"{len(names)} names: {', '.join(names[:8])}")
    if patient.material is not None and patient.material.says in CLASSED:
        yield from _against(opened, patient.material)


def _are_numbers(material: Material | None, names: Sequence[str]) -> bool:
    """Whether the data call their labels by the same numbers."""
    return material is not None and set(names) == set(material.names)


def _against(opened: Opened[Any], data: Material) -> Iterator[Finding]:
    """The user's labels are the model's, in the model's order."""
    model, found = set(opened.labels), set(data.names)
    if data.says == "tags":
        model = {re.sub(r"^[BIES]-", "", name) for name in model} - {"O"}
        found -= {"O"}
    strange = sorted(found - model)
    if strange:
        yield Finding(
            "labels of the data",
            "error",
            f"{data.name} has {', '.join(map(repr, strange[:10]))}, and the model "
            f"{', '.join(map(repr, sorted(model)[:10]))}",
            "What is counted as a mistake may be the right answer under another name.",
            "Rename the labels of the data, or correct id2label.",
        )
        return
    if missing := sorted(model - found):
        yield Finding(
            "labels of the data",
            "warning",
            f"no row of {data.name} has {', '.join(map(repr, missing[:10]))}",
            "Nothing can be said of a label without rows.",
            "Measure on rows of all labels.",
        )
    if data.says == "label" and isinstance(opened.model, SequenceClassifier):
        yield from _order(opened, data)


@dataclass(frozen=True, slots=True)
class _Orders:
    """How often labels are right as they are named, and under the best other names.

    Attributes:
        right, best: shares of the rows.
        common: the share of the commonest label.
        renamed: what each label would be called, where that differs.
    """

    right: float
    best: float
    common: float
    renamed: dict[str, str]

    @classmethod
    def of(cls, truth: Sequence[str], guesses: Sequence[str], names: Sequence[str]) -> _Orders:
        """Of N rows: the assignment of names to outputs with the most hits."""
        from scipy.optimize import linear_sum_assignment

        place = {name: number for number, name in enumerate(names)}
        table = np.zeros((len(names), len(names)), dtype=np.int64)
        for true, guess in zip(truth, guesses, strict=True):
            table[place[guess], place[true]] += 1
        outputs, given = linear_sum_assignment(-table)
        renamed = {
            names[a]: names[b]
            for a, b in zip(outputs.tolist(), given.tolist(), strict=True)
            if a != b
        }
        rows = len(truth)
        return cls(
            right=float(np.trace(table)) / rows,
            best=float(table[outputs, given].sum()) / rows,
            common=max(Counter(truth).values()) / rows,
            renamed=renamed,
        )


def _order(opened: Opened[SequenceClassifier], data: Material) -> Iterator[Finding]:
    """The model is right more often as its labels are named than in any other order."""
    some = range(0, len(data), max(1, len(data) // MOST_ROWS))
    if len(some) < FEWEST_ROWS:
        return
    first = [data.asked[row][0] for row in some]
    try:
        rows = (
            Rows.of_pairs(first, [data.asked[row][1] for row in some], opened, "truncate")
            if data.pairs
            else Rows.of(first, opened, "truncate")
        )
    except UnmaskError as error:
        yield Finding("label order", "warning", f"the rows could not be read: {error}",
                      "Nothing can be said of the order.", "Repair the rows.")  # fmt: skip
        return
    scores = logits_of(opened.model, rows, opened.model.encoder.embedding.tokens.weight.device)
    guesses = [opened.labels[best] for best in scores.argmax(1).tolist()]
    found = _Orders.of([data.labels[row][0] for row in some], guesses, opened.labels)
    told = f"{found.right:.1%} of {len(some):,} rows of {data.name} are right"
    if found.best < found.right + BETTER or found.best < found.common + BETTER / 2:
        yield Finding("label order", "ok", told)
        return
    swaps = ", ".join(f"{a!r} for {b!r}" for a, b in list(found.renamed.items())[:6])
    yield Finding(
        "label order",
        "error",
        f"{told}, and {found.best:.1%} with the labels in another order: the model says {swaps}",
        "The head was trained with its labels in another order than config.json names them.",
        "Correct id2label and label2id, or the labels of the data, whichever is wrong.",
    )
