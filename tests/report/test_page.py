"""A page is whole, closed in itself, and treats all words as words."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path

import pytest

from tests.report.markup_check import Page
from unmask.errors import CheckpointError, ConfigError
from unmask.report import pieces
from unmask.report.page import Report

HOSTILE = '"><script>alert(1)</script><img src=http://x.test/a onerror=alert(1)>'


def report(words: str) -> Report:
    page = Report(words, lead=words, when=words, footer=words)
    page.tiles([pieces.Tile(words, words, words)])
    page.section(
        words,
        pieces.prose(words),
        pieces.stats([(words, words)]),
        pieces.table([pieces.Column(words), pieces.Column(words, "numbers")], [(words, words)]),
        pieces.callout(words, words, "warn"),
        pieces.notes([words]),
        pieces.commands([(words, words)]),
        pieces.split_words([(words, (words,))]),
    )
    page.section(words, pieces.subheading(words))
    return page


def test_hostile_words_are_only_words() -> None:
    page = Page(report(HOSTILE).render())
    assert page.problems == []
    assert page.text.count("<script>alert(1)</script>") >= 16


def test_the_policy_forbids_all_but_this_style() -> None:
    rendered = report("a").render()
    page = Page(rendered)
    digest = base64.b64encode(hashlib.sha256(page.style.encode()).digest()).decode()
    assert page.policy == (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )
    assert "unsafe" not in rendered
    # The policy comes before anything that it could forbid.
    assert rendered.index("Content-Security-Policy") < rendered.index("<style>")


def test_sections_are_numbered_and_linked_even_with_equal_names() -> None:
    page = Page(report("Same").render())
    assert page.links == ["#same", "#same-2"]
    assert page.ids == ["same", "same-2"]


def test_an_empty_report_is_a_page() -> None:
    page = Page(Report("Nothing").render())
    assert page.problems == []
    assert "nav" not in page.tags


def test_numbers_stand_right_and_the_best_row_is_set_off() -> None:
    columns = [pieces.Column("name"), pieces.Column("loss", "numbers")]
    made = pieces.table(columns, [("a", "1.0"), ("b", "0.5")], best=1)
    assert made.count('class="num"') == 3
    assert re.search(r'<tr class="best"><th scope="row">b</th><td class="num">0\.5</td>', made)
    with pytest.raises(ConfigError, match="Row 0 of a table has 1 cells for 2 columns"):
        pieces.table(columns, [("a",)])


def test_saving_is_all_or_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "deep" / "report.html"
    page = report("first \ud800")
    assert page.save(target) == target
    assert target.read_text(encoding="utf-8") == page.render()
    assert [one.name for one in target.parent.iterdir()] == ["report.html"]

    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", refuse)
    with pytest.raises(CheckpointError):
        report("second").save(target)
    assert target.read_text(encoding="utf-8") == page.render()
    assert [one.name for one in target.parent.iterdir()] == ["report.html"]


def test_the_style_knows_every_class_in_use() -> None:
    rendered = report("a").render()
    page = Page(rendered)
    used = {name for found in re.findall(r'class="([^"]*)"', rendered) for name in found.split()}
    # Two widths and a tone that are the plain look of their element.
    assert {name for name in used if f".{name}" not in page.style} <= {"full", "plain"}
