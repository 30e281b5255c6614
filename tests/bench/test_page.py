"""A page has what stored results come to, row by row, the newest of each measure."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from unmask.bench.page import BEGIN, END, filled, main, rendered
from unmask.bench.registry import MEASURES
from unmask.bench.results import Results
from unmask.bench.runner import Row, Table
from unmask.bench.verdicts import verdicts
from unmask.errors import ConfigError

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "benchmarks").glob("*/results.json"))
README = ROOT / "README.md"
THERE = {"processor": "p", "cores": 2, "threads": 1, "memory_gib": 4.0, "instructions": ["a"]}


def results(date: str, measure: str, seconds: float, *, commit: str = "a" * 40) -> Results:
    """Every arm of a measure in two rounds, the first faster than all others."""
    arms = MEASURES[measure].arms
    rows = [
        Row(arm.name, 100.0, [seconds if arm is arms[0] else 8.0] * 2, smallest=1.0, mean=1.0)
        for arm in arms
    ]
    found = Results(date, 2, False, {"commit": commit, "torch": "2"}, THERE, {"fp32": 1e9})
    found.tables.append(Table(measure, "tokens", rows))
    return found


def cells(page: str) -> list[list[str]]:
    """Those of the table between the marks."""
    inside = page.partition(BEGIN)[2].partition(END)[0]
    return [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in inside.splitlines()
        if line.startswith("|")
    ]


def test_the_newest_of_each_measure_is_told_in_the_order_of_all() -> None:
    old, new = results("2026-01-01", "embed", 4.0), results("2026-01-03", "embed", 2.0)
    other = results("2026-01-02", "length-32", 1.0, commit="b" * 40 + " and changes")
    shown = rendered([new, other, old])
    assert "4 × (4 to 4)" in shown
    assert "2 × (2 to 2)" not in shown
    assert shown.index("| embed in fp32") < shown.index("| 32 tokens in fp32")
    assert "- length-32: on 2026-01-02 at commit bbbbbbb and changes." in shown
    assert "- embed: on 2026-01-03 at commit aaaaaaa." in shown
    assert "2026-01-01" not in shown


def test_arms_that_are_others_now_are_told_as_they_were_judged() -> None:
    stored = results("2026-01-01", "embed", 4.0)
    stored.tables[0].rows.pop()
    assert "| embed in fp32" not in rendered([stored])
    whole = verdicts(MEASURES["embed"], results("2026-01-01", "embed", 4.0).tables[0])
    judged = next(one for one in whole if one.what == "embed in fp32")
    stored.verdicts.append(replace(judged, value=7.5, low=7.5, high=7.5))
    assert "| embed in fp32 | 7.5 × (7.5 to 7.5)" in rendered([stored])


def test_a_page_is_filled_between_its_marks(tmp_path: Path) -> None:
    stored, page = results("2026-01-01", "embed", 4.0), tmp_path / "page.md"
    stored.save(tmp_path / "results.json")
    page.write_text(f"a\n{BEGIN}\nold\n{END}\nb\n", "utf-8")
    assert main([str(tmp_path / "results.json"), str(page)]) == 0
    shown = page.read_text("utf-8")
    assert shown.startswith(f"a\n{BEGIN}\n| what |")
    assert shown.endswith(f"{END}\nb\n")
    assert "old" not in shown
    with pytest.raises(ConfigError, match="once each"):
        filled("no marks", [stored])
    with pytest.raises(ConfigError, match="one of the measures embed"):
        rendered([])


def test_every_row_of_the_readme_is_stored() -> None:
    """Cell by cell; `python -m unmask.bench.page benchmarks/*/results.json README.md` mends it."""
    page = README.read_text("utf-8")
    wanted = filled(page, [Results.load(path) for path in FILES])
    assert len(cells(page)) > 50
    for row, stored in zip(cells(page), cells(wanted), strict=True):
        assert row == stored
    assert page == wanted


@pytest.mark.parametrize(
    ("arm", "rate", "share"),
    [
        ("openvino fp32", "8,217", None),
        ("openvino bf16", "14,040", None),
        ("openvino int8", "18,980", None),
        ("unmask fp32", "8,193", "90 %"),
        ("unmask bf16", "14,211", "74 %"),
        ("unmask int8", "19,025", "48 %"),
    ],
)
def test_rates_that_the_readme_tells_are_stored(
    arm: str, rate: str | None, share: str | None
) -> None:
    page, embed = README.read_text("utf-8"), FILES[0].parents[1] / "2026-11-27-zen4-embed-ranges"
    lines = (embed / "results.md").read_text("utf-8").splitlines()
    (_, told, _, reached, *_), *_ = (
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in lines
        if line.startswith(f"| {arm} |")
    )
    for said, stored in ((rate, told), (share, reached.replace("%", " %"))):
        if said is not None:
            assert said == stored
            assert said in page
