"""The report of a quickstart: from its facts to one page, in the order of the steps."""

from __future__ import annotations

from unmask.report.facts import QuickstartFacts
from unmask.report.page import Report
from unmask.report.pieces import Tile
from unmask.report.section_data import corpus_section, model_section, tokenizer_section
from unmask.report.section_labels import (
    classification_section,
    machine_section,
    next_section,
)
from unmask.report.section_results import blanks_section, evaluation_section
from unmask.report.section_training import mask_section, training_section
from unmask.report.units import count, duration, percent, short, unbroken
from unmask.report.verdicts import best_baseline, best_method


def quickstart_report(facts: QuickstartFacts) -> str:
    """Return the report as one self-contained HTML page."""
    return build_report(facts).render()


def build_report(facts: QuickstartFacts) -> Report:
    """Return the report, ready to be rendered or saved."""
    report = Report(
        "From raw text to a model that fills the blank",
        lead=lead(facts),
        when=facts.finished,
        footer="Made by unmask. This page is one file: it loads nothing and runs no script.",
    )
    report.tiles(key_figures(facts))
    report.section("The text", corpus_section(facts.corpus))
    report.section("The tokenizer", tokenizer_section(facts.tokenizer))
    report.section("The model", model_section(facts.model))
    report.section("Pretraining", training_section(facts.training, facts.evaluation))
    report.section("The masks", mask_section(facts.mask))
    report.section("How good it is", evaluation_section(facts.evaluation))
    report.section("Blanks it filled", blanks_section(facts.blanks))
    report.section(
        "Classification", classification_section(facts.classification, facts.classification_skipped)
    )
    if facts.throughput or facts.stages or facts.hardware or facts.versions:
        report.section("Time and machine", machine_section(facts))
    if facts.commands:
        report.section("What to type next", next_section(facts.commands))
    return report


def lead(facts: QuickstartFacts) -> str:
    """What happened, in three sentences."""
    training, evaluation = facts.training, facts.evaluation
    words = (
        f"An encoder with {short(facts.model.parameters)} parameters started from random numbers, "
        f"read {short(training.total_tokens)} tokens in "
        f"{unbroken(duration(training.wall_seconds))} on this machine, and learnt to put back "
        "words that were hidden from it."
    )
    if not evaluation.targets:
        return words + " How well it does was not measured: no text was held out."
    words += (
        f" On text it had never seen, its first guess is the very token that stood there for "
        f"{percent(evaluation.top1)} of {count(evaluation.targets)} blanks."
    )
    best = best_baseline(evaluation)
    if best is None:
        return words
    return (
        words + f" The best way to guess without a network, {best.name}, gets {percent(best.top1)}."
    )


def key_figures(facts: QuickstartFacts) -> list[Tile]:
    """The figures on top of the page."""
    evaluation, training, corpus = facts.evaluation, facts.training, facts.corpus
    best = best_baseline(evaluation)
    beside = f"best baseline: {percent(best.top1)}" if best else "no baseline was measured"
    tiles = []
    if evaluation.targets:
        tiles.append(Tile("First guess right", percent(evaluation.top1), beside))
        note = f"loss {evaluation.loss:.2f} nats"
        tiles.append(Tile("Within five guesses", percent(evaluation.top5), note))
    groups = f" from {count(len(corpus.groups))} origins" if len(corpus.groups) > 1 else ""
    tiles.append(
        Tile("Words of text", short(corpus.words), f"{count(corpus.documents)} documents{groups}")
    )
    updates = count(training.steps[-1].step) if training.steps else "0"
    tiles.append(Tile("Pretraining", duration(training.wall_seconds), f"{updates} updates"))
    if facts.classification is not None:
        winner = best_method(facts.classification)
        task = f"{winner.name}, {count(len(facts.classification.labels))} labels"
        tiles.append(Tile("Best at labels", percent(winner.accuracy), task))
    return tiles
