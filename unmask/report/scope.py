"""The page of a scoped task: from its facts to one file."""

from __future__ import annotations

from unmask.report.facts_scope import ScopeFacts
from unmask.report.page import Report
from unmask.report.pieces import Tile
from unmask.report.section_scope import (
    candidates_section,
    classes_section,
    plan_section,
    recipe_section,
    repeats_section,
    suspects_section,
    verdict_section,
)
from unmask.report.units import count, percent


def scope_report(facts: ScopeFacts) -> Report:
    """The page, ready to be rendered or saved."""
    report = Report(
        f"What {facts.data} takes to learn",
        lead=lead(facts),
        when=facts.when,
        footer="Made by unmask. This page is one file: it loads nothing and runs no script.",
    )
    report.tiles(key_figures(facts))
    report.section("Verdict", verdict_section(facts))
    report.section("Plan", plan_section(facts))
    report.section("Recipe", recipe_section(facts))
    report.section("Numbers" if facts.spread else "Classes", classes_section(facts))
    report.section("Repeats", repeats_section(facts))
    report.section("Candidates", candidates_section(facts))
    report.section("Likely label mistakes", suspects_section(facts))
    return report


def lead(facts: ScopeFacts) -> str:
    """What was looked at, and what came out."""
    held = f"measured on {facts.dev}" if facts.dev else f"{count(facts.dev_rows)} of them held out"
    return (
        f"The task is {facts.task}: {facts.what}. {count(facts.rows)} rows were read, {held}. "
        f"The verdict is: {facts.verdict}."
    )


def key_figures(facts: ScopeFacts) -> list[Tile]:
    """The figures on top of the page."""
    first = facts.candidates[0]
    remarks = f"{len(facts.remarks)} to read" if facts.remarks else "nothing in the way"
    tiles = [Tile("Verdict", facts.verdict.partition(",")[0], remarks)]
    tiles.append(Tile("Rows", count(facts.rows), f"{count(facts.train_rows)} to learn from"))
    if facts.classes:
        rarest = facts.classes[-1]
        tiles.append(Tile("Labels", count(len(facts.classes)), f"rarest {percent(rarest.share)}"))
    tiles.append(Tile("ms a row", f"{first.ms_most:.1f}", f"{first.name}, 95th percentile"))
    if facts.judged is not None:
        share = facts.judged.suspects / max(1, facts.judged.judged)
        told = f"{count(facts.judged.suspects)} {facts.judged.unit}"
        tiles.append(Tile("Suspect labels", percent(share), told))
    return tiles
