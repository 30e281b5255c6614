"""Docstrings out of source files, and the files of an installation."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from unmask.errors import ConfigError
from unmask.text import installed
from unmask.text.bad import Reading
from unmask.text.docstrings import docstrings
from unmask.text.installed import InstalledDocstrings
from unmask.text.sources import source_digest

SOURCE = b'''# -*- coding: latin-1 -*-
"""The module begins with a sentence."""
raise RuntimeError("a file that is read must not be run")

class Thing:
    """A class has a sentence of its own."""

    def go(self):
        """A method has one, and a caf\xe9 too."""
        def inner():
            "An inner function in plain quotes has one."
        """A string that is no docstring is left out."""

    async def wait(self):
        """An asynchronous method has one as well."""

if True:
    try:
        import x
    except ImportError:
        def fallback():
            """A function in a branch is found too."""
else:
    def never():
        """A function in the other branch is found."""

add_newdoc("pkg", "ufunc", """
    A function written in C has its text attached.
    """)
f = _add_docstr(torch.f, r"""
f(x) -> y

Another one has it attached and formatted.
""".format(**common))
print("""
A string that is printed is no docstring at all.
""")
match f:
    case 1:
        def case():
            """A function below a case is found."""
'''


def test_docstrings_are_found_by_name_and_in_order():
    assert docstrings(SOURCE, "m") == [
        ("m", "The module begins with a sentence."),
        ("m.Thing", "A class has a sentence of its own."),
        ("m.Thing.go", "A method has one, and a café too."),
        ("m.Thing.go.inner", "An inner function in plain quotes has one."),
        ("m.Thing.wait", "An asynchronous method has one as well."),
        ("m.fallback", "A function in a branch is found too."),
        ("m.never", "A function in the other branch is found."),
        ("m:27", "A function written in C has its text attached."),
        ("m:30", "Another one has it attached and formatted."),
        ("m.case", "A function below a case is found."),
    ]


def test_a_docstring_is_one_document_with_its_paragraphs():
    source = (
        b'"""A first paragraph of prose.\n\nArgs:\n    x: A value.\n\nA second one stands here."""'
    )
    assert docstrings(source, "m") == [
        ("m", "A first paragraph of prose.\n\nA second one stands here.")
    ]


def test_a_long_chain_of_branches_is_no_problem():
    chain = "if x:\n pass\n" + "elif x:\n pass\n" * 900
    source = f'{chain}else:\n def f():\n  """A function at the end is found."""\n'
    assert docstrings(source.encode(), "m") == [("m.f", "A function at the end is found.")]


@pytest.mark.parametrize(
    "source", [b"print 'x'", b"x = {{ name }} +", b"a\0b", b"\xff\xfe", b"(" * 9999]
)
def test_what_does_not_parse_is_a_value_error(source):
    with pytest.raises(ValueError, match=r"."):
        docstrings(source, "m")


def test_other_peoples_invalid_escapes_warn_nobody():
    assert docstrings(b'"""A sentence with an invalid escape, \\d."""\n"\\q"', "m") == []


def module(path: Path, sentence: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'"""{sentence}"""\n')


@pytest.fixture
def machine(tmp_path) -> tuple[Path, Path]:
    """A standard library, and a folder of installed packages inside it, as on most machines."""
    standard = tmp_path / "lib"
    packages = standard / "site-packages"
    module(standard / "json" / "__init__.py", "The standard library has a sentence.")
    module(standard / "abc.py", "A module of it has another one.")
    module(standard / "test" / "test_abc.py", "A test is not part of it.")
    module(packages / "zebra" / "sub" / "stripes.py", "A package has a sentence too.")
    module(packages / "zebra" / "_vendor" / "horse.py", "A vendored copy is not read.")
    module(packages / "zebra" / "tests" / "deep" / "x.py", "A test below is not read.")
    module(packages / "zebra" / "test_x.py", "A test beside it is not read.")
    module(packages / "single.py", "A package may be a single file.")
    module(packages / "unmask" / "text.py", "Our own text is not read.")
    module(packages / ".hidden" / "x.py", "A hidden file is not read.")
    (packages / "zebra" / "broken.py").write_text("print 'old'\n")
    return standard, packages


def find(machine: tuple[Path, Path]) -> InstalledDocstrings:
    return InstalledDocstrings.find(machine[0], [machine[1]])


def test_what_is_read_of_an_installation(machine):
    reading = Reading()
    found = list(find(machine).documents(reading))
    assert [(document.group, document.source, document.text) for document in found] == [
        ("stdlib", "abc", "A module of it has another one."),
        ("stdlib", "json", "The standard library has a sentence."),
        ("single", "single", "A package may be a single file."),
        ("zebra", "zebra.sub.stripes", "A package has a sentence too."),
    ]
    assert reading.skipped == {"(does not parse)": 1}
    assert find(machine).skipped == {"(tests, vendored copies)": 4}


def test_our_own_edits_do_not_change_the_corpus(machine):
    digest = source_digest(find(machine))
    module(machine[1] / "unmask" / "text.py", "Our own text has changed since.")
    assert source_digest(find(machine)) == digest
    module(machine[1] / "single.py", "Their text has changed since then.")
    assert source_digest(find(machine)) != digest


def test_a_unit_makes_no_sense_here(machine):
    with pytest.raises(ConfigError, match="A document is one docstring here"):
        next(find(machine).documents(Reading(), document="line"))


def test_someone_has_to_read():
    with pytest.raises(ConfigError, match="not 0"):
        InstalledDocstrings.find(workers=0)


@pytest.fixture
def many(tmp_path) -> InstalledDocstrings:
    for number in range(60):
        module(
            tmp_path / "site-packages" / f"p{number:02}.py",
            f"Package number {number} has this text.",
        )
    (tmp_path / "site-packages" / "p30.py").write_text("not python\n")
    (tmp_path / "none").mkdir()
    return InstalledDocstrings.find(tmp_path / "none", [tmp_path / "site-packages"])


def test_workers_give_the_same_documents_in_the_same_order(many, monkeypatch):
    alone = list(many.documents(Reading()))
    assert len(alone) == 59
    monkeypatch.setattr(installed, "_WORTH_WORKERS", 0)
    monkeypatch.setattr(installed, "_BATCH_BYTES", 200)
    assert list(many.documents(Reading())) == alone


def test_a_worker_that_dies_loses_nothing(many, monkeypatch):
    alone = list(many.documents(Reading()))
    monkeypatch.setattr(installed, "_WORTH_WORKERS", 0)
    monkeypatch.setattr(installed, "_BATCH_BYTES", 200)
    started = []
    start = installed._start

    def start_one_that_dies(batches):
        worker = start(batches)
        if not started:
            worker.kill()
            worker.wait()
        started.append(worker)
        return worker

    monkeypatch.setattr(installed, "_start", start_one_that_dies)
    assert list(many.documents(Reading())) == alone
    assert len(started) == 2


def test_workers_are_gone_when_the_reader_stops_early(many, monkeypatch):
    monkeypatch.setattr(installed, "_WORTH_WORKERS", 0)
    monkeypatch.setattr(installed, "_BATCH_BYTES", 200)
    started = []
    start = installed._start
    monkeypatch.setattr(installed, "_start", lambda b: started.append(start(b)) or started[-1])
    documents = many.documents(Reading())
    next(documents)
    documents.close()
    assert all(worker.poll() is not None for worker in started)


def test_this_machine_has_text():
    sources = InstalledDocstrings.find()
    groups = {file.group for file in sources.files}
    assert {"stdlib", "torch", "numpy"} <= groups
    assert not {"unmask", "tests"} & groups
    json_module = next(file for file in sources.files if file.name == "stdlib/json/__init__.py")
    found = docstrings(json_module.path.read_bytes(), "json")
    assert any(text.startswith("Serialize obj") for _, text in found), sys.version
