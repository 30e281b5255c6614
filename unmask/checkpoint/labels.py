"""Names of labels, as a model's `config.json` has them and as a caller gives them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from unmask.checkpoint.use import Outputs
from unmask.errors import LabelMismatch, ModelError, UnsupportedModel, shown

_READERS: Mapping[Outputs, tuple[str, str]] = {
    "one": ("one label out of several", "unmask.Classifier"),
    "several": ("any number of labels", "unmask.Classifier"),
    "numbers": (
        "numbers: a score or a regression",
        "unmask.Regressor, or unmask.Reranker for scores of pairs of texts",
    ),
}
MOST = 1 << 20
"""Labels that a head without names for them may have: no more names are made up."""


def check_labels(labels: Sequence[object]) -> tuple[str, ...]:
    """The labels of a classifier.

    Raises:
        ModelError: they are not two or more different names.
    """
    names = check_outputs(labels)
    if len(names) < 2:
        raise ModelError(
            f"the labels of a classifier must be two or more different names, not {_shown(labels)}"
        )
    return names


def check_outputs(labels: Sequence[object]) -> tuple[str, ...]:
    """The names of a sequence head's outputs: the labels of a classifier, or the one of a score.

    Raises:
        ModelError: they are not different names.
    """
    names = tuple(label for label in labels if isinstance(label, str) and label)
    if len(names) != len(labels) or len(set(names)) != len(names) or not names:
        raise ModelError(
            f"the labels of a classifier must be two or more different names, not {_shown(labels)}"
        )
    return names


def check_use(outputs: Outputs, asked: tuple[Outputs, ...], labels: Sequence[str]) -> None:
    """Check that a head's outputs are of a kind that is asked for.

    Raises:
        UnsupportedModel: they are not; it says what reads them.
    """
    if outputs in asked:
        return
    what, reader = _READERS[outputs]
    raise UnsupportedModel(
        f"the head gives {what} ({_shown(list(labels))}), which is not read here; use {reader}"
    )


def check_same(model: Sequence[str], given: Sequence[str]) -> None:
    """Check that a caller's labels are those of the model; their order does not matter.

    Raises:
        LabelMismatch: they differ; both sets are shown.
    """
    if set(model) != set(given):
        raise LabelMismatch(
            f"the labels of the model and of the data must be the same names. Only the model has: "
            f"{_shown(sorted(set(model) - set(given)))}; only the data has: "
            f"{_shown(sorted(set(given) - set(model)))}. The model's labels: "
            f"{_shown(sorted(model))}; the data's: {_shown(sorted(given))}. Rename the labels of "
            "the data, or start from a model without a classifier"
        )


def read_labels(raw: Mapping[str, Any]) -> tuple[str, ...]:
    """The label names of a published `config.json`, in the order of the outputs.

    Raises:
        ModelError: the labels are not numbered from 0, or `id2label` and `label2id` disagree.
    """
    table = raw.get("id2label")
    if table is None:
        # The published default for a file that does not say: two labels without real names.
        count = raw.get("num_labels", 2)
        if type(count) is not int or not 1 <= count <= MOST:
            raise ModelError(
                f"num_labels in config.json must be a number from 1 to {MOST:,}, not {count!r}"
            )
        table = {str(index): f"LABEL_{index}" for index in range(count)}
    if not isinstance(table, dict) or table.keys() != {str(i) for i in range(len(table))}:
        raise ModelError(
            f"id2label in config.json must number the labels from 0, but is {_shown(table)}"
        )
    labels = [table[str(index)] for index in range(len(table))]
    names = check_outputs(labels)
    _check_inverse(names, raw.get("label2id"))
    return names


def _check_inverse(names: tuple[str, ...], back: object) -> None:
    if back is None:
        return
    numbers = {name: index for index, name in enumerate(names)}
    # Some files write the numbers as text.
    text = {name: str(index) for name, index in numbers.items()}
    if back not in (numbers, text):
        raise ModelError(
            "id2label and label2id in config.json disagree: "
            f"{_shown(numbers)} against {_shown(back)}. Correct the one that is wrong"
        )


def _shown(value: object) -> str:
    return shown(value, most=400)
