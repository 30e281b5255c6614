"""`unmask quickstart`: everything once, from text found on this machine to a report."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

from unmask.checkpoint.durable import write_file
from unmask.pipelines.fill import FillMask
from unmask.report.facts import QuickstartFacts, Stage
from unmask.report.quickstart import quickstart_report
from unmask.tour.blanks import fill_blanks
from unmask.tour.classify import Stopped, classify
from unmask.tour.gather import (
    commands,
    corpus_facts,
    hardware_facts,
    mask_facts,
    model_facts,
    rates,
    tokenizer_facts,
    training_facts,
    versions_facts,
)
from unmask.tour.prediction import evaluation_facts
from unmask.train.optim import OptimConfig
from unmask.train.schedule import Schedule
from unmask.verbs.prepared import Prepared, prepare_text, text_sources
from unmask.verbs.pretrain import PretrainResult, pretrain
from unmask.verbs.pretrain_settings import (
    BudgetSettings,
    ModelSettings,
    PretrainSettings,
    RunSettings,
    TextSettings,
)
from unmask.verbs.watch import Advance, Silent, Watch

# Small models sit on the plateau of word frequencies for their first thousand updates, so a short
# run wants many small ones, a small vocabulary and a high rate. docs/log.md has the comparisons.
RECIPE = PretrainSettings(
    model=ModelSettings(size="2x128", context=256),
    budget=BudgetSettings(tokens_per_step=2048, minutes=4.0),
    optim=OptimConfig(lr=5e-3, muon_lr=0.02),
    schedule=Schedule(shape="wsd", warmup=0.03, decay=0.4),
)


@dataclass(frozen=True, slots=True)
class QuickstartResult:
    """What a quickstart came to.

    Attributes:
        folder: where everything lies.
        report: the page, or None when a signal stopped the run before it.
        facts: what the page shows, or None as above.
        stopped_by: number of that signal.
    """

    folder: Path
    report: Path | None
    facts: QuickstartFacts | None
    stopped_by: int | None = None


def quickstart(
    *,
    out: str | Path = "runs/quickstart",
    text: tuple[str, ...] | list[str] = (),
    field: str = "text",
    minutes: float = 4.0,
    seed: int = 0,
    threads: int | None = None,
    watch: Watch | None = None,
) -> QuickstartResult:
    """Corpus, tokenizer, pretraining, evaluation, blanks, classification, report.

    Started again after an interruption, it goes on where it was.

    Args:
        out: folder for the model, the tokenizer, the log and `report.html`.
        text: files and folders; none for the docstrings of the installed packages.
        field: column or key of the text, in files with records.
        minutes: of pretraining.
        seed: of everything random.
        threads: of the CPU; None for one for each core.
        watch: is told of the progress.

    Raises:
        TextError: the text cannot be used.
        ResumeMismatch: `out` holds a quickstart of other text or settings.
    """
    settings = replace(
        RECIPE,
        text=TextSettings(paths=tuple(str(path) for path in text), field=field),
        budget=replace(RECIPE.budget, minutes=minutes),
        run=RunSettings(seed=seed, threads=threads),
    )
    timed = Timed(watch or Silent())
    folder = Path(out)
    result = pretrain(out=folder, settings=settings, watch=timed)
    if not result.finished:
        return QuickstartResult(folder, None, None, result.stopped_by)
    prepared = prepare_text(settings, text_sources(settings), folder, Silent())
    try:
        facts = _look(settings, prepared, result, timed)
    except Stopped as stopped:
        return QuickstartResult(folder, None, None, stopped.number)
    write_file(folder / "facts.json", facts.to_json().encode())
    page = folder / "report.html"
    write_file(page, quickstart_report(facts).encode())
    return QuickstartResult(folder, page, facts)


def _look(
    settings: PretrainSettings, prepared: Prepared, result: PretrainResult, timed: Timed
) -> QuickstartFacts:
    """Everything that the report shows."""
    fill = FillMask.from_pretrained(result.model)
    with timed.stage("comparing with simpler guesses"):
        evaluation = evaluation_facts(fill.opened.model, prepared, settings)
    with timed.stage("filling blanks"):
        blanks = fill_blanks(fill, prepared.corpus.documents("held_out"), prepared.tokenizer)
    labels = classify(prepared, result, settings.run.seed, timed)
    skipped = isinstance(labels, str)
    given: dict[str, Any] = {"classification_skipped" if skipped else "classification": labels}
    return QuickstartFacts(
        corpus=corpus_facts(prepared.corpus, settings),
        tokenizer=tokenizer_facts(prepared),
        model=model_facts(fill.opened.model, settings),
        training=training_facts(result, fill.opened.model, settings),
        mask=mask_facts(result, settings),
        evaluation=evaluation,
        blanks=blanks,
        throughput=rates(result),
        stages=tuple(timed.stages),
        versions=versions_facts(),
        hardware=hardware_facts(settings),
        commands=commands(result.folder, skipped),
        finished=date.today().isoformat(),
        **given,
    )


class Timed:
    """Passes a watch on, and notes how long each stage took."""

    def __init__(self, inner: Watch) -> None:
        self.inner = inner
        self.stages: list[Stage] = []

    @contextmanager
    def stage(self, title: str) -> Iterator[Advance]:
        """A stage, timed."""
        begun = time.monotonic()
        with self.inner.stage(title) as advance:
            yield advance
        self.stages.append(Stage(title, time.monotonic() - begun))

    def say(self, words: str) -> None:
        """A line that stays."""
        self.inner.say(words)
