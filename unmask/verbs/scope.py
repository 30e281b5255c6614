"""`unmask scope`: a task looked at, planned or refused before anything is trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from unmask.checkpoint.durable import write_file
from unmask.config import from_mapping
from unmask.errors import ConfigError
from unmask.report.facts_scope import ScopeFacts
from unmask.report.scope import scope_report
from unmask.text.formats import COMPRESSIONS
from unmask.verbs.finetune_settings import TuneData
from unmask.verbs.machine import resolve_device, use_threads
from unmask.verbs.material import MaterialTask
from unmask.verbs.scoping import rules
from unmask.verbs.scoping.candidates import Candidate, find, named
from unmask.verbs.scoping.gather import PAGE, RECIPE, Budget, Scoped
from unmask.verbs.scoping.rows import ScopedRows
from unmask.verbs.watch import Silent, Watch

MOST_ROWS = 5000  # rows that are judged
SHORT = ("text_column", "label_column", "pair_column", "label_separator", "on_bad", "max_bad")
"""What `scope` takes of `TuneData`."""


@dataclass(frozen=True, slots=True)
class ScopeResult:
    """What was found, and where it was written.

    Attributes:
        facts: all of it.
        page: the page.
        recipe: the TOML; None where the task is refused, or is not one of `unmask finetune`.
    """

    facts: ScopeFacts
    page: Path
    recipe: Path | None

    def in_words(self) -> dict[str, str]:
        """For people: the form of the plan."""
        facts, plan = self.facts, self.facts.plan
        remarks = {
            f"{one.kind.upper()} {number}": f"{one.rule}: {one.found}. {one.instead}"
            for number, one in enumerate(facts.remarks, 1)
        }
        judged = facts.judged
        suspects = (
            facts.unjudged
            if judged is None
            else f"{judged.suspects:,} of {judged.judged:,} {judged.unit} (out-of-fold "
            f"{judged.measure} {judged.score:.3f})"
        )
        return {
            "TASK": f"{facts.task}: {facts.what}, from {facts.data}",
            "VERDICT": facts.verdict,
            **remarks,
            "BASELINE": plan.baseline,
            "BACKBONE": plan.backbone,
            "HEAD": plan.head,
            "DATA": plan.data,
            "REPEATS": f"{facts.repeats.exact:,} duplicate rows ({facts.repeats.alike:,} but for "
            f"case and punctuation); {facts.repeats.conflicts:,} texts with different labels",
            "LIKELY MISTAKES": suspects,
            "TRAINING": plan.training,
            "EVALUATION": plan.evaluation,
            "STOPPING": plan.stopping,
            "WATCH FOR": f"{plan.failure.name}; its sign: {plan.failure.see}",
            "ASSUMED": "; ".join(facts.assumed) or "nothing",
            "page": str(self.page),
            **({} if self.recipe is None else {"recipe": str(self.recipe), "next": facts.command}),
        }


def scope(
    data: str | Path,
    *,
    task: str,
    out: str | Path | None = None,
    dev: str | Path | None = None,
    models: Sequence[str | Path] = (),
    latency_ms: float | None = None,
    memory: str | int | None = None,
    metric: str | None = None,
    most_rows: int = MOST_ROWS,
    seed: int = 0,
    device: str = "auto",
    threads: int | None = None,
    replace: bool = False,
    watch: Watch | None = None,
    **reading: Any,
) -> ScopeResult:
    """Audit labelled data, and plan how a model learns from them, or say why not.

    Args:
        data: the file to learn from, as `unmask finetune --train` takes it.
        task: classify, pair, regress, tag, answer, embed or rerank.
        out: folder for the page (`scope.html`) and the recipe (`recipe.toml`), which
            `unmask finetune --config` runs as it is; None for `scope-NAME` in the working
            directory, by the name of `data` without its endings.
        dev: the file to measure with; None to hold out a stratified share.
        models: candidates for the backbone: folders, or names on the Hub; none for those that open
            here.
        latency_ms: budget for one row at the 95th percentile of length, in milliseconds.
        memory: budget for the parameters, in bytes or as "500MB".
        metric: the figure that is to decide; None for what suits the task and the classes.
        most_rows: rows that are judged for label mistakes; of more, some are drawn.
        seed: of what is held out and drawn.
        device: where it is to run, and is timed: "cpu", "cuda"; "auto" for a GPU where there is
            one.
        threads: of the CPU; None for as many as it has cores.
        replace: whether files of an earlier run in `out` may be replaced.
        watch: is told of the progress.
        reading: `text_column`, `label_column`, `pair_column`, `label_separator`, `on_bad` and
            `max_bad`, as in `TuneData`.

    Raises:
        ConfigError: the task is to write text, or unknown; a budget is no number; no candidate.
        DataError, CorruptText: the data cannot be read.
        ModelError: a model that was named cannot be opened.
    """
    kind = rules.task_of(task)
    budget = Budget.of(latency_ms, memory)
    watch, out = watch or Silent(), _out_of(data) if out is None else Path(out)
    _check_free(out, replace)
    use_threads(threads)
    settings = _reading(reading)
    with watch.stage("reading the data"):
        rows = ScopedRows.read(data, dev, kind, settings, seed)
    for line in rows.told:
        watch.say(line)
    where = resolve_device(device)
    with watch.stage("opening candidates"):
        found = _candidates(models, where, kind, rows.data.names)
    scoped = Scoped(kind, rows, budget, seed, device, most_rows, watch)
    files = str(data), None if dev is None else str(dev)
    facts = scoped.facts(found, metric, _given(settings), files, out)
    page = scope_report(facts)
    out.mkdir(parents=True, exist_ok=True)
    # An older recipe would be taken for this one's.
    (out / RECIPE).unlink(missing_ok=True)
    if facts.recipe:
        write_file(out / RECIPE, facts.recipe.encode())
    return ScopeResult(facts, page.save(out / PAGE), out / RECIPE if facts.recipe else None)


def _out_of(data: str | Path) -> Path:
    """The folder where none is named: `scope-train` for `corpus/train.csv.gz`."""
    name = Path(Path(data).name)
    name = name.with_suffix("") if name.suffix.lower() in COMPRESSIONS else name
    return Path(f"scope-{name.stem}")


def _reading(given: dict[str, Any]) -> TuneData:
    if unknown := sorted(set(given) - set(SHORT)):
        raise ConfigError(f"unknown setting {unknown[0]!r}; known are {', '.join(SHORT)}")
    return from_mapping(TuneData, given)


def _check_free(out: Path, replace: bool) -> None:
    there = [name for name in (PAGE, RECIPE) if (out / name).exists()]
    if there and not replace:
        raise ConfigError(
            f"{out} holds {' and '.join(there)} already; name another --out, or give --replace"
        )


def _given(settings: TuneData) -> dict[str, Any]:
    """Settings of the reading that a recipe has to repeat."""
    default = TuneData()
    names = ("label_separator", "on_bad", "max_bad")
    found = {name: getattr(settings, name) for name in names}
    return {name: value for name, value in found.items() if value != getattr(default, name)}


def _candidates(
    models: Sequence[str | Path], device: torch.device, task: MaterialTask, names: Sequence[str]
) -> list[Candidate]:
    found = named(models, device, task, names) if models else list(find(device, task, names))
    if not found:
        raise ConfigError(
            "a backbone must be chosen among candidates, but no model opens here: none lies in the "
            "folders below this one or in the Hub's cache; name some with --model"
        )
    return found
