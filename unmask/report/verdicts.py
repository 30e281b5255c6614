"""What the figures say in words: one place, so that page and console agree."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from unmask.report.facts import (
    Baseline,
    ClassificationFacts,
    EvaluationFacts,
    MethodScore,
)
from unmask.report.units import count, percent

Tone = Literal["plain", "good", "warn"]

WHY_WORDS_WIN = (
    "The likely reason: labels of this kind hang on single telling words. A bag of words gives "
    "each of them a weight of its own and learns it from every labelled text at once, while a "
    "small encoder that has read for minutes must first press the whole text into one short "
    "vector. An encoder gains from more pretraining, and where order and context decide."
)
WHY_CONTEXT_WINS = (
    "The likely reason: the encoder has read far more text than is labelled, so it starts with an "
    "idea of which words are used alike; a bag of words knows only the labelled texts."
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome in a sentence, the reason, and whether it is good news."""

    head: str
    reason: str
    tone: Tone


def best_baseline(facts: EvaluationFacts) -> Baseline | None:
    """The baseline with the highest top-1 accuracy; None where there is none."""
    return max(facts.baselines, key=lambda one: one.top1, default=None)


def evaluation_verdict(facts: EvaluationFacts) -> Verdict:
    """Say whether the model beats every baseline at its first guess, and by how much."""
    if not facts.targets:
        return Verdict("Nothing was measured: there was no held-out blank.", "", "warn")
    best = best_baseline(facts)
    mine, blanks = percent(facts.top1), f"{count(facts.targets)} held-out blanks"
    if best is None:
        return Verdict(f"The first guess is right for {mine} of {blanks}.", "", "plain")
    theirs = f"the best baseline ({best.name}) for {percent(best.top1)}"
    margin = margin_of(facts.top1, best.top1, facts.targets)
    if abs(facts.top1 - best.top1) <= margin:
        head = f"A draw: the model's first guess is right for {mine} of the blanks, {theirs}."
        return Verdict(head, f"On {blanks} this is within the margin of chance.", "plain")
    if facts.top1 < best.top1:
        head = f"The model loses: its first guess is right for {mine} of the blanks, {theirs}."
        reason = "It has not yet learnt what a count of neighbouring words gives. Train it longer."
        return Verdict(head, reason, "warn")
    head = f"The model's first guess is right for {mine} of the blanks, {theirs}."
    reason = f"That is {facts.top1 / best.top1:.2f} times as many, " if best.top1 else "That is "
    reason += (
        f"measured on {blanks}. The model uses the whole passage; the baselines count neighbours."
    )
    return Verdict(head, reason, "good")


def margin_of(one: float, other: float, trials: int) -> float:
    """Half the 95 % interval of the difference of two accuracies on `trials` (above 0) cases.

    Both are measured on the same cases, whose pairing is not known here; two independent samples
    are assumed, which makes the interval wider than it need be.
    """
    return 1.96 * math.sqrt((one * (1 - one) + other * (1 - other)) / trials)


def classification_verdict(facts: ClassificationFacts) -> Verdict:
    """Say plainly which side wins, encoder or baseline, and why."""
    encoder, baseline = _best(facts, "encoder"), _best(facts, "baseline")
    if encoder is None or baseline is None:
        best = best_method(facts)
        head = f"{best.name} is right for {percent(best.accuracy)}."
        return Verdict(head, facts.verdict, "plain")
    gap = encoder.accuracy - baseline.accuracy
    ours = f"the best encoder ({encoder.name}) {percent(encoder.accuracy)}"
    theirs = f"the best baseline ({baseline.name}) {percent(baseline.accuracy)}"
    if facts.test_texts and abs(gap) <= margin_of(
        encoder.accuracy, baseline.accuracy, facts.test_texts
    ):
        reason = f"With {count(facts.test_texts)} test texts the difference may be chance."
        return Verdict(f"It is a draw: {ours}, {theirs}.", facts.verdict or reason, "plain")
    if gap < 0:
        head = f"The bag of words wins: {theirs}, {ours}."
        return Verdict(head, facts.verdict or WHY_WORDS_WIN, "warn")
    head = f"The encoder wins: {ours}, {theirs}."
    return Verdict(head, facts.verdict or WHY_CONTEXT_WINS, "good")


def _best(facts: ClassificationFacts, kind: str) -> MethodScore | None:
    """The method of that kind with the highest accuracy."""
    of_kind = [method for method in facts.methods if method.kind == kind]
    return max(of_kind, key=lambda method: method.accuracy, default=None)


def best_method(facts: ClassificationFacts) -> MethodScore:
    """The method with the highest accuracy of all."""
    return max(facts.methods, key=lambda method: method.accuracy)
