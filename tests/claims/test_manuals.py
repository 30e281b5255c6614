"""The manuals in parts: nothing that is asked for is learnt."""

from __future__ import annotations

from pathlib import Path

import pytest

from unmask.claims.data import ClaimData, read_rows
from unmask.claims.manuals import CLASSES, HELD_OUT, manuals
from unmask.errors import DataError

SAME = "this line stands on every page of the manual and so tells nothing of where it is from"


def written(folder: Path, pages: int) -> Path:
    path = folder / "manual.txt"
    said = [f"page {{}} says in its line {n} {'word ' * 12}" for n in range(9)]
    lines = ["short", SAME, *said]
    text = "\n\n".join("\n".join(lines).replace("{}", str(page)) for page in range(pages))
    path.write_text(text, "utf-8")
    return path


def test_parts_do_not_overlap(tmp_path: Path) -> None:
    path = written(tmp_path, 60)
    parts = manuals([path])
    assert manuals([path]) == parts
    learnt, held_out = set(parts.learnt), set(parts.held_out)
    train, test = ({line for line, _ in rows} for rows in (parts.train, parts.test))
    assert not test & learnt
    assert not train & test
    assert train < learnt
    assert not held_out & (learnt | test)
    assert len(parts.held_out) == 60 // HELD_OUT * 9
    # Every line of the text is somewhere.
    assert learnt | held_out | test >= set(path.read_text("utf-8").split("\n")) - {""}
    for rows in (parts.train, parts.test):
        assert len({page for _, page in rows}) == CLASSES
    # A line names the page that it is from, so classes are pages.
    pages = {(line.split()[1], page) for line, page in (*parts.train, *parts.test)}
    assert len(pages) == CLASSES
    assert all(len(line) >= 60 for line in train | test)
    # Of nine lines of a page three are asked for; that which all pages share is not.
    assert (len(parts.train), len(parts.test)) == (50 * 6, 50 * 3)


def test_too_few_pages_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"needs 50 pages.* manual\.txt hold 9; give the whole"):
        manuals([written(tmp_path, 10)])


def test_files_are_made_once_and_whole(tmp_path: Path) -> None:
    (tmp_path / "text").mkdir()
    whole = written(tmp_path, 60).read_text("utf-8")
    for name in ("postgresql_doc", "git_doc"):
        (tmp_path / f"text/{name}.txt").write_text(whole.replace("page", name), "utf-8")
    data = ClaimData(tmp_path, tmp_path / "work")
    train, test = (read_rows(path) for path in data.pages())
    assert len(train[0]) > len(test[0]) > 0
    learnt = data.text("manuals").read_text("utf-8").splitlines()
    assert not set(learnt) & set(test[0])
    before = data.text("manuals").stat().st_mtime_ns
    assert data.manuals_held_out().read_text("utf-8").splitlines()
    assert data.text("manuals").stat().st_mtime_ns == before
