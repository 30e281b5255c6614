"""The page of a scoped task shows what it was given, whatever that holds."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.report.markup_check import Page
from unmask.report.facts_scope import (
    CandidateFacts,
    ClassRows,
    Failure,
    JudgedFacts,
    Overlap,
    PlanFacts,
    Remark,
    Repeats,
    ScopeFacts,
    ShownRow,
    Spread,
    SuspectRow,
)
from unmask.report.scope import scope_report

HOSTILE = '"><script>alert(1)</script><img src=http://x.test/a onerror=alert(1)>\x00\ud800'


def facts(words: str = "some words", **more: Any) -> ScopeFacts:
    candidate = CandidateFacts(
        name=words, what="bert, 6 layers of width 384", parameters=22_000_000, bytes=88_000_000,
        context=512, tokens_per_word=1.234, unknown=0.0021, half=20, most=50, cut=0.015,
        ms_half=4.25, ms_most=8.5, tokens_per_second=12_345.0, score=0.876, against="too slow",
    )  # fmt: skip
    given: dict[str, Any] = {
        "task": "classify",
        "what": "labels of a text",
        "data": "train.csv",
        "dev": "dev.csv",
        "when": "2026-11-27",
        "told": ("train.csv: 100 rows",),
        "rows": 100,
        "train_rows": 100,
        "dev_rows": 20,
        "empty": 3,
        "classes": (ClassRows(words, 90, 18, 0.9), ClassRows("few", 10, 2, 0.1)),
        "spread": None,
        "repeats": Repeats(4, 5, 1, 2, (ShownRow(7, words, "few"), ShownRow(8, words, "many"))),
        "overlap": Overlap(1, 2, 20, (ShownRow(3, words, "few"),)),
        "candidates": (candidate, replace(candidate, name="other", score=None, against="")),
        "judged": JudgedFacts(
            "minilm", "rows", 90, 100, 0.8, "macro F1", 3,
            (SuspectRow(42, words, "few", "many", 0.0123, 0.9),), ("rare",),
        ),
        "unjudged": "",
        "remarks": (Remark("warning", "a rule", "what was found", "Do this."),),
        "plan": PlanFacts(
            "a baseline", "a backbone", "a head", "some data", "a training", "an evaluation",
            "a stop", Failure("a failure", "it fails", "look there", "mend it"),
        ),
        "recipe": 'task = "classify"\n',
        "command": "unmask finetune m --train train.csv",
        "assumed": ("an assumption",),
    }  # fmt: skip
    return ScopeFacts(**{**given, **more})


def page(given: ScopeFacts) -> Page:
    found = Page(scope_report(given).render())
    assert found.problems == []
    return found


def test_every_part_is_there() -> None:
    found = page(facts())
    for part in (
        "go, with warnings", "a rule", "What was found", "Do this.", "a baseline", "a backbone",
        "a head", "some data", "a training", "an evaluation", "a stop", "a failure", "It fails.",
        "look there", "mend it", "an assumption", 'task = "classify"', "unmask finetune m",
        "90.0%", "dev rows that are training rows", "The same text, different labels",
        "On both sides", "22.0M", "88.0 MB", "1.23", "0.21%", "1.5%", "4.2", "8.5", "12.3k",
        "0.876", "too slow", "3 of 90 rows (3.3%) are suspect", "few (1.2%)",
        "train.csv:7", "train.csv:42", "dev.csv:3",
        "of 100, drawn by chance", "Too few rows to be judged: rare",
    ):  # fmt: skip
        assert part in found.text, part


def test_questions_have_numbers_where_a_file_has_no_lines() -> None:
    found = page(facts(data="train.json", dev="dev.json.gz"))
    for part in ("train.json, question 7", "train.json, question 42", "dev.json.gz, question 3"):
        assert part in found.text, part


def test_whatever_the_data_hold() -> None:
    page(facts(HOSTILE))


def test_nothing_in_the_way_and_nothing_found() -> None:
    judged = JudgedFacts("minilm", "words", 9, 9, 0.9, "macro F1", 0, ())
    none = Repeats(0, 0, 0, 0, ())
    found = page(facts(remarks=(), judged=judged, repeats=none, overlap=None, dev=None))
    assert "nothing stands in the way" in found.text
    assert "None was found." in found.text
    assert "shares no text" in found.text


def test_refused_numbers_without_a_recipe() -> None:
    refusal = Remark("refusal", "a rule", "broken", "Lifted by this.")
    given = facts(
        classes=(), spread=Spread((0, 1, 2, 3, 4), 17), judged=None, unjudged="Nobody looked.",
        remarks=(refusal,), recipe="", command="",
    )  # fmt: skip
    assert given.verdict == "refused"
    found = page(given)
    for part in ("Refused: a rule", "No recipe was written.", "17", "Nobody looked."):
        assert part in found.text


def test_many_labels_are_counted() -> None:
    many = tuple(ClassRows(f"label {n}", 10, 1, 0.01) for n in range(100))
    found = page(facts(classes=many))
    assert "70 rarer labels are not shown." in found.text
    assert "label 29" in found.text
    assert "label 31" not in found.text
