"""Whether a model opens, and whether its stored tensors are numbers that somebody trained."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from unmask.errors import UnsupportedModel, WeightMapError, first_of
from unmask.verbs.doctoring.finding import Finding
from unmask.verbs.doctoring.patient import Patient

_SHOWN = 5
_TABLE = 2  # rows of a table that may be all zero, as that of segments is in models without them


def opening(patient: Patient) -> Iterator[Finding]:
    """The model opens whole: no tensor is missing or left over, and the head is there."""
    error = patient.opened.error or patient.sentence.error
    if error is not None:
        missing = isinstance(error, WeightMapError)
        yield Finding(
            "tensors" if missing else "opening",
            "error",
            str(error),
            "A library that opens it all the same draws what is missing by chance, and leaves out "
            "what it does not know."
            if missing
            else "Nothing can be computed with a model that does not open.",
            "Copy the folder again from where it was made, or save the model again.",
        )
        return
    opened, said = patient.opened.value, patient.described.value
    assert opened is not None
    assert said is not None
    if said.fault is not None:
        yield Finding(
            "head",
            # Another library may serve a head of a kind that is not known here.
            "warning" if isinstance(said.fault, UnsupportedModel) else "error",
            f"the head cannot be opened: {said.fault}",
            "The encoder alone opens, and what the model was trained for is not there.",
            "Repair what the message names, or fine-tune a head: unmask finetune.",
        )
    elif said.absent and patient.root is None:
        yield Finding(
            "head",
            "warning",
            f"config.json names {said.absent}, whose head is not among the weights",
            "A library that opens the class by its name draws the head by chance, and answers "
            "with it.",
            "Use it as an encoder, or copy the weights with the head.",
        )
    aside = f"; not used: {first_of([*opened.aside], _SHOWN)}" if opened.aside else ""
    what = said.holds if patient.root is None else "an embedding model"
    if said.fault is not None:
        what = "an encoder without its head"
    yield Finding(
        "opening", "ok", f"opens as {what}, {opened.arch.name}; no tensor is missing{aside}"
    )


def numbers(patient: Patient) -> Iterator[Finding]:
    """Every stored number is finite, and no matrix is all zero."""
    weights = patient.weights.value
    if weights is None:
        return  # `opening` has said why
    floats = {name: t for name, t in weights.items() if t.is_floating_point() and t.numel()}
    bad = {name: n for name, t in floats.items() if (n := int((~torch.isfinite(t)).sum()))}
    if bad:
        told = [f"{name} ({n:,} of {floats[name].numel():,})" for name, n in bad.items()]
        yield Finding(
            "numbers",
            "error",
            f"{len(bad)} of {len(floats)} tensors hold NaN or infinity: {first_of(told, _SHOWN)}",
            "Every text gets NaN for an answer.",
            "Copy the folder again; if it is as it was saved, its training diverged, or the type "
            "it was saved in is too narrow.",
        )
        return
    empty = [
        name for name, t in floats.items()
        if t.dim() >= 2 and t.shape[0] > _TABLE and not t.any()
    ]  # fmt: skip
    if empty:
        yield Finding(
            "numbers",
            "warning",
            f"{len(empty)} of {len(floats)} tensors are all zero: {first_of(empty, _SHOWN)}",
            "A matrix of zeros passes nothing on: it was made and never filled.",
            "Compare with the model it comes from, and save it again.",
        )
    yield from _types(floats, bool(empty))


def _types(floats: dict[str, torch.Tensor], said: bool) -> Iterator[Finding]:
    """They are stored in one type."""
    count: dict[str, int] = {}
    for tensor in floats.values():
        kind = str(tensor.dtype).removeprefix("torch.")
        count[kind] = count.get(kind, 0) + 1
    told = " and ".join(f"{n} in {kind}" for kind, n in sorted(count.items()))
    if len(count) > 1:
        yield Finding(
            "types",
            "warning",
            f"the tensors are stored in several types: {told}",
            "A part was saved at another time or cut to fewer digits, and a library that keeps "
            "types as stored fails where they meet.",
            "Save the model again in one type.",
        )
    elif not said:
        kind = next(iter(count), "no type")
        yield Finding("numbers", "ok", f"{len(floats)} tensors in {kind}, all finite")
