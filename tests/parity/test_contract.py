"""An architecture is registered, documented and compared, or a test fails."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Collection, Mapping

import unmask.arch
from tests.parity.oracles import ROWS
from tests.parity.page import BEGIN, END, PAGE, missing, stated
from unmask.arch.registry import ARCHS
from unmask.arch.spec import Arch

TEXT = PAGE.with_name("architectures.md")
LINES = 180


def declared() -> dict[str, list[str]]:
    """Names of the architectures that each file of `unmask/arch/` declares."""
    found: dict[str, list[str]] = {}
    for module in pkgutil.iter_modules(unmask.arch.__path__):
        values = vars(importlib.import_module(f"unmask.arch.{module.name}")).values()
        names = [value.name for value in values if isinstance(value, Arch)]
        if names and module.name != "registry":
            found[module.name] = names
    return found


def faults(
    files: Mapping[str, Collection[str]],
    registered: Collection[str],
    compared: Mapping[str, Collection[str]],
    text: str,
    page: str,
) -> list[str]:
    """What is missing.

    Args:
        files: names of architectures by the file that declares them.
        registered: names that can be opened.
        compared: names of parity rows by architecture.
        text: docs/architectures.md.
        page: docs/conformance.md.
    """
    wrong = []
    table = stated(page)
    for file, names in files.items():
        if list(names) != [file]:
            wrong.append(f"{file}.py must declare the one architecture {file}, not {names}")
        for name in names:
            if name not in registered:
                wrong.append(f"{name} is not registered in unmask/arch/registry.py")
            if not compared.get(name):
                wrong.append(f"{name} has no row in tests/parity/oracles.py")
            if f"\n### {name}\n" not in text:
                wrong.append(f"{name} has no section in docs/architectures.md")
    for name, row in ((name, row) for name, rows in compared.items() for row in rows):
        if any(missing(row, kind, table) for kind in ARCHS[name].heads):
            wrong.append(f"{row} has no measured lines in docs/conformance.md")
    known = {row for rows in compared.values() for row in rows}
    lost = dict.fromkeys(row for row, _ in table if row not in known)
    wrong += [f"{row} is measured in the docs and nowhere else" for row in lost]
    wrong += [f"{name} is declared in no file" for name in set(registered) - set(sum_of(files))]
    return wrong


def sum_of(files: Mapping[str, Collection[str]]) -> list[str]:
    return [name for names in files.values() for name in names]


def rows() -> dict[str, list[str]]:
    return {name: [row.name for row in ROWS if row.arch == name] for name in ARCHS}


def test_every_architecture_is_registered_documented_and_compared() -> None:
    assert faults(declared(), ARCHS, rows(), *pages()) == []


def pages() -> tuple[str, str]:
    return TEXT.read_text(encoding="utf-8"), PAGE.read_text(encoding="utf-8")


def test_declarations_are_found_and_small() -> None:
    assert declared().keys() == ARCHS.keys()
    for file in declared():
        module = importlib.import_module(f"unmask.arch.{file}")
        assert module.__file__
        with open(module.__file__, encoding="utf-8") as lines:
            assert len(lines.readlines()) <= LINES, file


def test_what_is_missing_is_named() -> None:
    text, page = pages()
    new = declared() | {"gru": ["gru"]}
    assert faults(new, ARCHS, rows(), text, page) == [
        "gru is not registered in unmask/arch/registry.py",
        "gru has no row in tests/parity/oracles.py",
        "gru has no section in docs/architectures.md",
    ]
    more = rows() | {"distilbert": ["distilbert, new"]}
    assert faults(declared(), ARCHS, more, text, page) == [
        "distilbert, new has no measured lines in docs/conformance.md",
        "distilbert, as published is measured in the docs and nowhere else",
    ]
    assert faults({"bert": ["bert"]}, {"bert": 0, "gru": 0}, rows(), text, page) == [
        "gru is declared in no file"
    ]
    bare = page.partition(BEGIN)[0] + BEGIN + END
    assert len(faults(declared(), ARCHS, rows(), text, bare)) == len(ROWS)


def test_the_page_is_dated() -> None:
    block = PAGE.read_text(encoding="utf-8").partition(BEGIN)[2].partition(END)[0]
    assert "Measured 20" in block
    assert "PyTorch" in block
    assert "transformers" in block


def test_the_readme_says_what_the_page_says() -> None:
    """The largest difference of each architecture's hidden states."""
    readme = PAGE.parents[1] / "README.md"
    found = {}
    for name, text in (("readme", readme), ("page", PAGE)):
        lines = [line.strip("| ").split("|") for line in text.read_text().splitlines()]
        rows = [[cell.strip(" `") for cell in line] for line in lines]
        place = {"readme": 2, "page": 3}[name]
        width = {"readme": 3, "page": 11}[name]
        found[name] = {r[0]: r[place] for r in rows if r[0] in ARCHS and len(r) == width}
    assert found["readme"] == found["page"]
    assert found["page"].keys() == ARCHS.keys()
