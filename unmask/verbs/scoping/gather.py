"""Everything that the page of a scoped task says, put together."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

from unmask.errors import ConfigError, DataError
from unmask.evaluation.bag_of_words import BagOfWords
from unmask.evaluation.classification import ClassificationFigures
from unmask.report.facts_scope import (
    CandidateFacts,
    ClassRows,
    JudgedFacts,
    Remark,
    ScopeFacts,
)
from unmask.verbs.material import MaterialTask
from unmask.verbs.scoping import audit, rules
from unmask.verbs.scoping.candidates import Candidate, against, bytes_of, measured
from unmask.verbs.scoping.plan import Choice, pick, plan_of, settings_of, toml_of, why
from unmask.verbs.scoping.rows import ScopedRows
from unmask.verbs.scoping.suspects import judge
from unmask.verbs.watch import Watch

PAGE, RECIPE = "scope.html", "recipe.toml"
COMPARED = 1000  # rows on which candidates are compared
LENGTHS = 20_000  # rows whose lengths are counted
WHAT: dict[MaterialTask, str] = {
    "classify": "labels of a text",
    "pair": "labels of two texts",
    "regress": "numbers of a text",
    "tag": "a label for each word",
    "answer": "the words of a text that answer a question",
    "embed": "vectors that bring together what belongs together",
    "rerank": "how well a document answers a query",
}


@dataclass(frozen=True, slots=True)
class Budget:
    """What a backbone may take: milliseconds for a row, bytes for its parameters; None for any."""

    latency_ms: float | None
    memory: int | None

    @classmethod
    def of(cls, latency_ms: float | None, memory: str | int | None) -> Budget:
        """A budget that is one.

        Raises:
            ConfigError: it is not above 0.
        """
        if latency_ms is not None and not latency_ms > 0:
            raise ConfigError(f"latency_ms must be above 0, not {latency_ms}")
        return cls(latency_ms, None if memory is None else bytes_of(str(memory)))


@dataclass(frozen=True, slots=True)
class Scoped:
    """A task with its rows and its budget."""

    task: MaterialTask
    rows: ScopedRows
    budget: Budget
    seed: int
    device: str
    most_rows: int
    watch: Watch

    def facts(
        self,
        found: list[Candidate],
        metric: str | None,
        given: dict[str, Any],
        files: tuple[str, str | None],
        out: Path,
    ) -> ScopeFacts:
        """All that the page says.

        Args:
            found: the candidates.
            metric: the figure that the user named, or None.
            given: settings of the reading that the recipe repeats.
            files: what is learnt from and measured with, as the user named them.
            out: where the recipe will lie.

        Raises:
            ConfigError: the metric is none of the task's.
        """
        rows, task = self.rows, self.task
        classes = audit.classes(rows.data, rows.train, rows.dev, rows.measured)
        figure = rules.metric_of(metric, task, rows.data.says, classes)
        with self.watch.stage("looking for repeats"):
            repeats = audit.repeats(rows.data)
            overlap = audit.overlap(rows.data, rows.dev) if rows.separate else None
        ordered, over = self._measured(found)
        chosen = ordered[0][1]
        choice = self._choice(*ordered[0], figure, classes)
        judged, unjudged = self._judged(choice.candidate)
        remarks = (
            *rules.stratified(rows.data.says, classes, metric, not rows.separate),
            *rules.few_labels(len(rows.train), choice.freezable, choice.few_shot),
            *_budget_remark(chosen, over),
            *rules.of_data(rows.data, repeats, overlap, chosen.cut, chosen.unknown),
        )
        table = settings_of(choice, given) if choice.learnable else None
        command = command_of(choice.candidate, *files, out)
        go = table is not None and not any(one.kind == "refusal" for one in remarks)
        comments = [f"{WHAT[task]}, from {rows.data.name}", command]
        others = [facts for _, facts in ordered[1:]]
        return ScopeFacts(
            task=task,
            what=WHAT[task],
            data=rows.data.name,
            dev=choice.dev,
            when=date.today().isoformat(),
            told=rows.told,
            rows=len(rows.data),
            train_rows=len(rows.train),
            dev_rows=len(rows.measured),
            empty=audit.empty(rows.data),
            classes=classes,
            spread=audit.spread(rows.data),
            repeats=repeats,
            overlap=overlap,
            candidates=tuple(one for _, one in ordered),
            judged=judged,
            unjudged=unjudged,
            remarks=remarks,
            plan=plan_of(choice, table, why(chosen, others, over, choice.frozen)),
            recipe=toml_of(table, comments) if go and table is not None else "",
            command=command if go else "",
            assumed=_assumed(rows.separate),
        )

    def _choice(
        self,
        candidate: Candidate,
        facts: CandidateFacts,
        metric: str,
        classes: tuple[ClassRows, ...],
    ) -> Choice:
        """What the recipe is made from."""
        rows = self.rows
        return Choice(
            task=self.task,
            data=rows.data,
            dev=rows.dev.name if rows.separate else None,
            train_rows=len(rows.train),
            dev_rows=len(rows.measured),
            share=rows.share,
            classes=classes,
            metric=metric,
            candidate=candidate,
            facts=facts,
            seed=self.seed,
            device=self.device,
            baseline=self._baseline(),
        )

    def _measured(
        self, found: list[Candidate]
    ) -> tuple[list[tuple[Candidate, CandidateFacts]], bool]:
        """The candidates with their figures, the chosen one first; and whether all are too much."""
        told = []
        with self.watch.stage("measuring candidates on this text") as advance:
            for place, candidate in enumerate(found):
                advance(place / len(found), candidate.name)
                facts = measured(candidate, self.rows.data, self.task, LENGTHS)
                speaks = against(facts, self.budget.latency_ms, self.budget.memory)
                score = None
                if len(found) > 1:
                    judged, _ = judge(candidate, self.rows.data, COMPARED, self.seed)
                    score = None if judged is None else judged.score
                told.append(replace(facts, against=speaks, score=score))
        best, over = pick(told)
        order = [best, *(place for place in range(len(found)) if place != best)]
        return [(found[place], told[place]) for place in order], over

    def _judged(self, candidate: Candidate) -> tuple[JudgedFacts | None, str]:
        with self.watch.stage("looking for label mistakes"):
            return judge(candidate, self.rows.data, self.most_rows, self.seed)

    def _baseline(self) -> str:
        """What a bag of words gets, where rows have one label each; else nothing."""
        rows = self.rows
        if rows.data.says != "label" or not rows.measured:
            return ""
        texts = [" ".join(rows.data.asked[row]) for row in rows.train]
        try:
            bag = BagOfWords.fit(texts, [rows.data.labels[row][0] for row in rows.train])
        except DataError:
            return ""  # texts without words
        truth = [rows.dev.labels[row][0] for row in rows.measured]
        guesses = bag.predict([" ".join(rows.dev.asked[row]) for row in rows.measured])
        figures = ClassificationFigures.of(truth, guesses, rows.data.names)
        between = figures.accuracy_interval
        return (
            f"TF-IDF of words and word pairs with logistic regression, measured here on the dev "
            f"rows: accuracy {figures.accuracy:.3f} (95 %: {between.low:.3f} to "
            f"{between.high:.3f}), macro F1 {figures.macro_f1:.3f}"
        )


def _budget_remark(chosen: CandidateFacts, over: bool) -> list[Remark]:
    if not over:
        return []
    return [
        Remark(
            "warning",
            "no candidate keeps within the budget",
            f"the nearest, {chosen.name}, takes {chosen.against}",
            "Name smaller models with --model, cut one to fewer layers (unmask pretrain --from "
            "--layers), or compute in int8 (--precision int8).",
        )
    ]


def command_of(candidate: Candidate, data: str, dev: str | None, out: Path) -> str:
    words = ["unmask", "finetune", candidate.path, "--train", data]
    words += [] if dev is None else ["--dev", dev]
    words += ["--config", str(out / RECIPE), "--out", str(out / "run")]
    return shlex.join(words)


def _assumed(separate: bool) -> tuple[str, ...]:
    return (
        "who labelled, and how often two people agree, is not known: have 100 rows labelled twice",
        "rows are taken as independent: where a customer or a thread has several, split by it"
        + (" when making the dev file" if separate else ", and give the part as --dev"),
    )
