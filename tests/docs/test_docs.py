"""The documentation against the code: commands, links, names, and the page of settings."""

from __future__ import annotations

import ast
import importlib.util
import inspect
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import typer

import unmask
from tests.docs.commands import Command, anchors, commands, fences, links, pages, spans
from unmask.cli.main import VERBS, app

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = pages(ROOT)
HOWTO = DOCS / "howto"
CODE = [page for page in PAGES if page.parent != DOCS / "decisions"]

# Keywords that a verb's function takes as `**short`, by the verb's name.
SHORT = {
    "pretrain": "unmask.verbs.pretrain_settings",
    "finetune": "unmask.verbs.finetune_settings",
    "scope": "unmask.verbs.scope",
    "evaluate": "unmask.verbs.text_tasks",
}


def read(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def fault_of(words: tuple[str, ...]) -> str | None:
    """What the command line says against these words, without running them."""
    try:
        where: Any = typer.main.get_command(app)
        context = None
        left = list(words[1:])
        while True:
            context = where.make_context(where.name or "unmask", left, parent=context)
            if not hasattr(where, "get_command"):
                return None
            left = [*context._protected_args, *context.args]
            if not left:
                return None
            chosen = where.get_command(context, left[0])
            if chosen is None:
                return f"no such command: {left[0]}"
            where, left = chosen, left[1:]
    except typer.Exit:  # --help and --version
        return None
    except Exception as error:
        if not hasattr(error, "format_message"):  # as all errors of usage have
            raise
        return str(error.format_message())


def options_of(verb: tuple[str, ...]) -> set[str]:
    """The options of a verb such as ("tokenizer", "train")."""
    command: Any = typer.main.get_command(app)
    context = None
    for word in verb:
        context = command.context_class(command, info_name=word, parent=context)
        command = command.get_command(context, word)
    found = {"-h", "--help"}
    for parameter in command.params:
        if parameter.param_type_name == "option":
            found.update(parameter.opts, parameter.secondary_opts)
    return found


def verb_of(words: tuple[str, ...]) -> tuple[str, ...]:
    """The verb at the beginning of a call that may be shortened."""
    if words[1] not in VERBS:
        return (words[1],)
    return words[1:3] if words[1] in ("tokenizer", "claims") and len(words) > 2 else words[1:2]


def every_call(page: Path) -> list[Command]:
    text = read(page)
    return [*commands(text), *(call for call in spans(text) if len(call.words) > 1)]


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_command_parses(page: Path) -> None:
    faults = {}
    for command in commands(read(page)):
        if fault := fault_of(command.words):
            faults[f"line {command.line}: {' '.join(command.words)}"] = fault
    assert faults == {}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_command_in_a_sentence_exists(page: Path) -> None:
    """Such a call may leave arguments out, but its verb and its options are real."""
    faults = []
    for call in spans(read(page)):
        if len(call.words) == 1 or call.words[1].startswith("-"):
            continue
        verb = verb_of(call.words)
        if verb[0] not in VERBS:
            faults.append(f"line {call.line}: no verb {verb[0]}")
            continue
        options = {word.partition("=")[0] for word in call.words if word.startswith("--")}
        faults += [f"line {call.line}: {one}" for one in sorted(options - options_of(verb))]
    assert faults == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_leads_to_a_file(page: Path) -> None:
    faults = []
    for line, target in links(read(page)):
        if target.startswith(("http://", "https://")):
            continue
        path, _, anchor = target.partition("#")
        file = page.parent / path if path else page
        if not file.exists():
            faults.append(f"line {line}: {target}")
        elif anchor and anchor not in anchors(read(file)):
            faults.append(f"line {line}: no heading for {target}")
    assert faults == []


def test_every_page_is_in_the_index() -> None:
    index = DOCS / "README.md"
    linked = {(DOCS / target.partition("#")[0]).resolve() for _, target in links(read(index))}
    wanted = {page for page in PAGES if page.is_relative_to(DOCS) and page != index}
    folders = {page for page in wanted if page.parent in linked}
    assert sorted(name_of(page) for page in wanted - folders - linked) == []


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_a_how_to(verb: str) -> None:
    """`quickstart` is what the tutorial begins with; every other verb has its page."""
    places = [DOCS / "tutorial.md"] if verb == "quickstart" else sorted(HOWTO.glob("*.md"))
    shown = [command for page in places for command in commands(read(page))]
    assert any(command.words[1:2] == (verb,) for command in shown)


def python_blocks() -> Iterator[tuple[str, str]]:
    for page in CODE:
        for fence in fences(read(page)):
            if fence.language == "python":
                yield f"{name_of(page)}:{fence.line}", fence.text


BLOCKS = list(python_blocks())


@pytest.mark.parametrize(("place", "code"), BLOCKS, ids=[place for place, _ in BLOCKS])
def test_python_uses_what_exists(place: str, code: str) -> None:
    assert faults_in(code) == []


def faults_in(code: str) -> list[str]:
    """Names after `unmask.` that do not exist, and keywords that their functions do not take."""
    tree = ast.parse(code)
    faults = []
    made: dict[str, Any] = {}  # variables that hold what a class method of ours gave
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
            owner = dotted(node.value.func)
            if owner[:1] == ["unmask"] and owner[2:] == ["from_pretrained"]:
                made |= {t.id: owner[1] for t in node.targets if isinstance(t, ast.Name)}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "unmask":
            whole = [[*(node.module or "").split("."), alias.name] for alias in node.names]
            faults += [".".join(path) for path in whole if not resolves(path)]
        if isinstance(node, ast.Attribute):
            path = dotted(node)
            if path[:1] == ["unmask"] and not resolves(path):
                faults.append(".".join(path))
        if isinstance(node, ast.Call):
            path = dotted(node.func)
            if path and path[0] in made:
                path = ["unmask", made[path[0]], *(path[1:] or ["__call__"])]
            if path[:1] == ["unmask"] and resolves(path):
                faults += unknown_keywords(path, node)
    return faults


def dotted(node: ast.expr) -> list[str]:
    """`a.b.c` as its names, or [] where it is another expression."""
    if isinstance(node, ast.Name):
        return [node.id]
    if isinstance(node, ast.Attribute) and (before := dotted(node.value)):
        return [*before, node.attr]
    return []


def target(path: list[str]) -> Any:
    value: Any = unmask
    for name in path[1:]:
        if isinstance(value, ModuleType) and name not in vars(value):
            try:
                value = getattr(value, name)
            except AttributeError:
                value = importlib.import_module(f"{value.__name__}.{name}")
        else:
            value = getattr(value, name)
    return value


def resolves(path: list[str]) -> bool:
    try:
        target(path)
    except (AttributeError, ImportError):
        return False
    return True


def unknown_keywords(path: list[str], call: ast.Call) -> list[str]:
    given = {keyword.arg for keyword in call.keywords if keyword.arg is not None}
    parameters = inspect.signature(target(path)).parameters
    known = set(parameters)
    if any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        known |= set(importlib.import_module(SHORT[path[-1]]).SHORT)
    return [f"{'.'.join(path)}({one}=...)" for one in sorted(given - known)]


def test_page_of_settings_is_up_to_date(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = importlib.util.spec_from_file_location("make_settings", DOCS / "make_settings.py")
    assert spec is not None
    assert spec.loader is not None
    maker = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, maker)  # where dataclasses look their module up
    spec.loader.exec_module(maker)
    assert read(DOCS / "settings.md") == maker.page(), "run: python docs/make_settings.py"


@pytest.mark.parametrize("page", CODE, ids=name_of)
def test_recipes_are_shown_as_they_are(page: Path) -> None:
    recipes = [read(path).strip() for path in (ROOT / "recipes").glob("*.toml")]
    shown = [fence.text.strip() for fence in fences(read(page)) if fence.language == "toml"]
    assert [text for text in shown if text not in recipes] == []


def test_pages_name_no_machine() -> None:
    """Folders of one machine and hosts of package registries have no place in a page."""
    words = ("/home/", "/root/", "/tmp/", "/work/", "pypi.org", "pythonhosted")
    found = [f"{name_of(page)}: {word}" for page in PAGES for word in words if word in read(page)]
    assert found == []


# What the checks above must be able to see.


@pytest.mark.parametrize(
    "line",
    [
        "unmask pretrian --out a",
        "unmask pretrain --out a --siez tiny",
        "unmask pretrain --out a --steps many",
        "unmask pretrain --steps 3",
        "unmask tokenizer learn --out a",
    ],
)
def test_wrong_commands_are_found(line: str) -> None:
    (command,) = commands(f"```\n$ {line}\n```")
    assert fault_of(command.words)


def test_right_commands_pass() -> None:
    page = "```console\n$ unmask pretrain --out a \\\n    --steps 3 | tail -1\nsteps 3\n```\n"
    (command,) = commands(page)
    assert command == Command(2, ("unmask", "pretrain", "--out", "a", "--steps", "3"))
    assert fault_of(command.words) is None
    assert fault_of(("unmask", "--version")) is None
    assert fault_of(("unmask", "pretrain", "--help")) is None


def test_calls_in_sentences_are_found() -> None:
    (call,) = spans("Give `unmask pretrain --dry-run`, not `unmasked`.\n")
    assert call.words == ("unmask", "pretrain", "--dry-run")


@pytest.mark.parametrize(
    "code",
    [
        "unmask.Transformer()",
        "unmask.FillMask.open('a')",
        "unmask.pretrain(out='a', stepz=3)",
        "fill = unmask.FillMask.from_pretrained('a')\nfill('b', topk=3)",
        "unmask.text.prepare.prepared()",
        "from unmask.errors import UnmaskedError",
    ],
)
def test_wrong_code_is_found(code: str) -> None:
    assert faults_in(f"import unmask\n{code}")


def test_right_code_passes() -> None:
    code = "fill = unmask.FillMask.from_pretrained('a')\nfill('b', top_k=3)\n"
    assert faults_in(f"{code}unmask.pretrain(out='a', steps=3)") == []


def test_broken_links_are_seen() -> None:
    page = "See [a](b.md#c) and ![d](e.png).\n```\n[no](link)\n```\n# The `c`: one\n"
    assert links(page) == [(1, "b.md#c"), (1, "e.png")]
    assert anchors(page) == {"the-c-one"}
