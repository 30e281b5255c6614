"""An architecture is registered, documented and compared, or a test fails."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Collection, Mapping

import unmask.arch
from tests.parity.oracles import ROWS
from tests.parity.page import BEGIN, END, PAGE, stated, title
from tests.parity.table import CHECKS
from unmask.arch.registry import ARCHS
from unmask.arch.spec import Arch

LINES = 160


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
    page: str,
) -> list[str]:
    """What is missing.

    Args:
        files: names of architectures by the file that declares them.
        registered: names that can be opened.
        compared: names of parity rows by architecture.
        page: the documentation.
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
            if f"\n### {name}\n" not in page:
                wrong.append(f"{name} has no section in docs/architectures.md")
    for row in (row for rows in compared.values() for row in rows):
        if set(table.get(row, {})) != set(map(title, CHECKS)):
            wrong.append(f"{row} has no measured line in docs/architectures.md")
    known = {row for rows in compared.values() for row in rows}
    wrong += [f"{row} is measured in the docs and nowhere else" for row in table.keys() - known]
    wrong += [f"{name} is declared in no file" for name in set(registered) - set(sum_of(files))]
    return wrong


def sum_of(files: Mapping[str, Collection[str]]) -> list[str]:
    return [name for names in files.values() for name in names]


def rows() -> dict[str, list[str]]:
    return {name: [row.name for row in ROWS if row.arch == name] for name in ARCHS}


def test_every_architecture_is_registered_documented_and_compared() -> None:
    assert faults(declared(), ARCHS, rows(), PAGE.read_text(encoding="utf-8")) == []


def test_declarations_are_found_and_small() -> None:
    assert {"bert", "modernbert"} <= declared().keys()
    for file in declared():
        module = importlib.import_module(f"unmask.arch.{file}")
        assert module.__file__
        with open(module.__file__, encoding="utf-8") as lines:
            assert len(lines.readlines()) <= LINES, file


def test_what_is_missing_is_named() -> None:
    page = PAGE.read_text(encoding="utf-8")
    new = declared() | {"elmo": ["elmo"]}
    assert faults(new, ARCHS, rows(), page) == [
        "elmo is not registered in unmask/arch/registry.py",
        "elmo has no row in tests/parity/oracles.py",
        "elmo has no section in docs/architectures.md",
    ]
    more = rows() | {"bert": ["bert, as published", "bert, new"]}
    assert faults(declared(), ARCHS, more, page) == [
        "bert, new has no measured line in docs/architectures.md",
        "bert, approximate GELU, one segment is measured in the docs and nowhere else",
    ]
    assert faults({"bert": ["bert"]}, ARCHS, rows(), page) == ["modernbert is declared in no file"]
    bare = page.partition(BEGIN)[0] + BEGIN + END
    assert len(faults(declared(), ARCHS, rows(), bare)) == len(ROWS)


def test_the_page_is_dated() -> None:
    block = PAGE.read_text(encoding="utf-8").partition(BEGIN)[2].partition(END)[0]
    assert "Measured 20" in block
    assert "PyTorch" in block
    assert "transformers" in block
