"""Lengths: the positions of a model, what of the user's texts is cut, and what padding wastes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from unmask.checkpoint.building import encoder_of
from unmask.checkpoint.sentence_files import read_transformer_file
from unmask.errors import UnmaskError
from unmask.verbs.doctoring.finding import Finding
from unmask.verbs.doctoring.patient import Patient
from unmask.verbs.material import I64, row_lengths

BATCH = 32
CUT = 0.01  # share of texts
WASTED = 0.5  # share of padded places
MOST_TEXTS = 20_000


def positions(patient: Patient) -> Iterator[Finding]:
    """No declared length goes past the last position."""
    opened, tokenizer = patient.opened.value, patient.tokenizer.value
    if opened is None or tokenizer is None:
        return
    config = encoder_of(opened.model).config
    table, first, context = (
        config.embedding.positions,
        config.embedding.first_position,
        config.context,
    )
    where = f"{context:,} tokens fit"
    if table is not None:
        offset = f", the first {first} of which are never read" if first else ""
        where = f"the position table has {table:,} rows{offset}: {context:,} tokens fit"
    said = {"model_max_length in tokenizer_config.json": tokenizer.settings.model_max_length}
    said["max_seq_length in sentence_bert_config.json"] = _declared(patient)
    beyond = {name: length for name, length in said.items() if length and length > context}
    for name, length in beyond.items():
        yield Finding(
            "positions",
            "error" if table is not None else "warning",
            f"{name} is {length:,}, and {where}",
            "A longer text reads past the end of the table: an index error on a CPU, and on a GPU "
            "one that stops the process."
            if table is not None
            else "The model was not trained on such distances.",
            f"Set it to {context}. Here texts are cut to {patient.limit}, and counted.",
        )
    if not beyond:
        known = [f"{name} is {length:,}" for name, length in said.items() if length]
        yield Finding("positions", "ok", "; ".join([where, *known]))


def _declared(patient: Patient) -> int | None:
    try:
        return read_transformer_file(patient.folder, "feature-extraction").max_seq_length
    except UnmaskError:
        return None  # a file of another kind of model, or one that `opening` has spoken of


def truncation(patient: Patient) -> Iterator[Finding]:
    """The user's texts fit."""
    lengths, limit = _lengths(patient), patient.limit
    if lengths is None or limit is None or patient.material is None:
        return
    cut = lengths > limit
    lost = float(np.maximum(lengths - limit, 0).sum() / lengths.sum())
    half, most = np.quantile(lengths, (0.5, 0.95))
    told = (
        f"{int(cut.sum()):,} of {len(lengths):,} {'pairs' if patient.material.pairs else 'texts'} "
        f"({cut.mean():.1%}) are longer than {limit:,} tokens, which loses {lost:.1%} of all "
        f"tokens; half have up to {half:.0f}, 95 % up to {most:.0f}, the longest {lengths.max()}"
    )
    if cut.mean() <= CUT:
        yield Finding("truncation", "ok", told)
        return
    yield Finding(
        "truncation",
        "warning",
        told,
        "What is cut is not read, and most libraries do not say so.",
        "Read parts (--on-long chunk), or take a model with a longer context.",
    )


def padding(patient: Patient) -> Iterator[Finding]:
    """What padded batches of the user's own loop would waste."""
    lengths, limit = _lengths(patient), patient.limit
    if lengths is None or limit is None or len(lengths) < 2:
        return
    kept = np.minimum(lengths, limit)
    as_given, by_length = wasted(kept.tolist()), wasted(sorted(kept.tolist()))
    full = 1 - float(kept.sum()) / (len(kept) * limit)
    told = (
        f"of the places in padded batches of {BATCH}, {as_given:.0%} would be padding in the order "
        f"of the file, {by_length:.0%} sorted by length, {full:.0%} padded to {limit:,}"
    )
    if as_given < WASTED:
        yield Finding("padding", "ok", f"{told}; here there is none")
        return
    yield Finding(
        "padding",
        "warning",
        told,
        "Padding costs as much time as text.",
        "Sort by length in a loop of your own; batches here have no padding.",
    )


def wasted(lengths: Sequence[int], batch: int = BATCH) -> float:
    """The share of padding where rows are read in this order, each batch as long as its longest."""
    parts = [lengths[first : first + batch] for first in range(0, len(lengths), batch)]
    places = sum(max(part) * len(part) for part in parts)
    return 1 - sum(lengths) / max(1, places)


def _lengths(patient: Patient) -> I64 | None:
    tokenizer, data = patient.tokenizer.value, patient.material
    if tokenizer is None or data is None:
        return None
    return row_lengths(data, tokenizer, MOST_TEXTS)
