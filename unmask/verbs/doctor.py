"""`unmask doctor`: the mistakes in a model's folder that fail nothing and spoil everything."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

from unmask.checkpoint.formats import Described
from unmask.checkpoint.use import PLAIN, read_use
from unmask.errors import ConfigError, DataError
from unmask.verbs.doctoring.belonging import sizes, spelling, trained_rows
from unmask.verbs.doctoring.finding import DoctorResult, Finding
from unmask.verbs.doctoring.labels import labels
from unmask.verbs.doctoring.lengths import padding, positions, truncation
from unmask.verbs.doctoring.masked import masked_tokens
from unmask.verbs.doctoring.patient import Part, Patient
from unmask.verbs.doctoring.specials import special_tokens
from unmask.verbs.doctoring.vectors import alike, pooling, prompts
from unmask.verbs.doctoring.weights import numbers, opening
from unmask.verbs.finetune_settings import TuneData
from unmask.verbs.looking import look
from unmask.verbs.machine import resolve_device, use_threads
from unmask.verbs.material import TASKS, Material, MaterialTask, read_material, read_plain
from unmask.verbs.watch import Silent, Watch

Check = Callable[[Patient], Iterator[Finding]]
CHECKS: tuple[Check, ...] = (
    opening,
    numbers,
    special_tokens,
    sizes,
    trained_rows,
    spelling,
    masked_tokens,
    positions,
    pooling,
    prompts,
    alike,
    labels,
    truncation,
    padding,
)
"""In the order in which they are told."""


def doctor(
    model: str | Path,
    data: str | Path | None = None,
    *,
    task: MaterialTask | None = None,
    pooling: str | None = None,
    prompt: str | None = None,
    text_column: str | None = None,
    label_column: str | None = None,
    pair_column: str | None = None,
    label_separator: str | None = None,
    on_bad: Literal["stop", "skip"] = "stop",
    max_bad: float = 0.01,
    device: str = "auto",
    threads: int | None = None,
    revision: str | None = None,
    watch: Watch | None = None,
) -> DoctorResult:
    """Look for what is wrong in a model's folder, and in how it is used.

    A model that does not open is a finding, not an error.

    Args:
        model: folder of a model or of a finished run, or a name on the Hub.
        data: a file of the texts that it is used on: a table, .txt with a text a line, CoNLL for a
            tagger, SQuAD's JSON for answers. What needs texts is else looked at with plain English.
        task: what the rows of `data` hold; None for what the model's head asks for.
        pooling: how your own code makes one vector of a text, "mean" or "cls"; None to leave it.
        prompt: what your own code puts before a text; None to leave it.
        text_column, label_column, pair_column: of `data`; None to find them by their names.
        label_separator: between the labels of a row, where they are no list.
        on_bad, max_bad: at a corrupt place, stop or skip; and how large a share may be skipped.
        device: "cpu", "cuda", "cuda:1"; "auto" for a GPU where there is one.
        threads: of the CPU; None for as many as it has cores.
        revision: branch, tag or commit of a name on the Hub.
        watch: is told of the progress.

    Raises:
        ModelError: no model is there.
        ConfigError: an unknown task or pooling.
        DataError, CorruptText: `data` cannot be read.
    """
    watch = watch or Silent()
    use_threads(threads)
    where = resolve_device(device)
    if task is not None and task not in TASKS:
        raise ConfigError(f"task must be one of {', '.join(TASKS)}, not {task!r}")
    if pooling not in (None, "mean", "cls"):
        raise ConfigError(f"pooling must be mean or cls, not {pooling!r}")
    material = None
    if data is not None:
        settings = TuneData(
            text_column=text_column,
            label_column=label_column,
            pair_column=pair_column,
            label_separator=label_separator,
            on_bad=on_bad,
            max_bad=max_bad,
        )
        with watch.stage("reading the data"):
            material = _material(model, data, task, settings, revision)
        watch.say(material.told)
    with watch.stage("opening the model"):
        patient = Patient.of(
            model, material, pooling=pooling, prompt=prompt, revision=revision, device=where
        )
    with watch.stage("looking"):
        findings = [finding for check in CHECKS for finding in check(patient)]
    return DoctorResult.of(patient.root or patient.folder, _path(data), findings)


def _path(data: str | Path | None) -> Path | None:
    return None if data is None else Path(data)


def _material(
    model: str | Path,
    data: str | Path,
    task: MaterialTask | None,
    settings: TuneData,
    revision: str | None,
) -> Material:
    """The rows of a file as the model's head asks for them, or else their texts alone.

    Raises:
        DataError, CorruptText: they cannot be read; of several ways, what the first says.
    """
    if task is not None:
        return read_material(data, task, settings)
    looked = Part.of(lambda: look(model, revision)).value
    first: DataError | None = None
    for guess in () if looked is None else _guesses(*looked, settings):
        try:
            return read_material(data, guess, settings)
        except DataError as error:
            first = first or error
    try:
        return read_plain(data, settings)
    except DataError as error:
        raise first or error from None


def _guesses(folder: Path, said: Described, settings: TuneData) -> tuple[MaterialTask, ...]:
    """What the rows may hold, the likeliest first."""
    match said.head:
        case "token":
            return ("tag",)
        case "span":
            return ("answer",)
        case "sequence":
            use = Part.of(lambda: read_use(folder, said.outputs, said.labels)).value or PLAIN
            pairs = use.texts == "pair" or settings.pair_column is not None
            if said.outputs == "numbers":
                return ("rerank", "regress") if pairs else ("regress", "rerank")
            return ("pair", "classify") if pairs else ("classify", "pair")
    return ()
