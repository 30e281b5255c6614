"""Reads the package as source text, without importing it, for the contract tests."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "unmask"

FUNCTION = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True)
class Module:
    """One file of the package: its dotted name, its text and its tree."""

    name: str
    path: str
    text: str
    is_package: bool

    @property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, self.path)

    @property
    def room(self) -> str:
        """The folder or file directly below `unmask`; "" for `unmask` itself."""
        return room_of(self.name)


@dataclass(frozen=True)
class Import:
    """One imported dotted name, and when the import happens."""

    target: str
    line: int
    at_import: bool  # runs when the module is imported
    for_types: bool  # seen by type checkers only


def room_of(dotted: str) -> str:
    """`unmask.nn.layer` -> `nn`."""
    return dotted.split(".")[1] if "." in dotted else ""


def modules() -> list[Module]:
    """Every module of the package, sorted by path."""
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        is_package = parts[-1] == "__init__"
        name = ".".join(parts[:-1] if is_package else parts)
        text = path.read_text(encoding="utf-8")
        found.append(Module(name, str(path.relative_to(ROOT)), text, is_package))
    return found


def imports(module: Module) -> list[Import]:
    """Every import in the module, at any depth; `from a import b` gives `a.b`."""
    return list(_walk(module, module.tree.body, at_import=True, for_types=False))


def _walk(
    module: Module, body: list[ast.stmt], *, at_import: bool, for_types: bool
) -> Iterator[Import]:
    for node in body:
        for target in _targets(module, node):
            yield Import(target, node.lineno, at_import, for_types)
        inside = at_import and not isinstance(node, FUNCTION)
        typing_only = for_types or (isinstance(node, ast.If) and _is_type_checking(node.test))
        for field in ("body", "orelse", "finalbody"):
            only = typing_only if field == "body" else for_types
            yield from _walk(module, getattr(node, field, []), at_import=inside, for_types=only)
        nested = [*getattr(node, "handlers", []), *getattr(node, "cases", [])]
        for part in nested:
            yield from _walk(module, part.body, at_import=inside, for_types=for_types)


def _is_type_checking(test: ast.expr) -> bool:
    return ast.unparse(test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")


def _targets(module: Module, node: ast.stmt) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        base = _absolute(module, node)
        yield from (f"{base}.{alias.name}" for alias in node.names)
    elif not hasattr(node, "body"):
        yield from _dynamic(node)


def _absolute(module: Module, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    # One dot is the module's own package, which for a package is itself.
    drop = node.level - 1 if module.is_package else node.level
    parts = module.name.split(".")
    return ".".join([*parts[: len(parts) - drop], *filter(None, [node.module])])


def _dynamic(node: ast.stmt) -> Iterator[str]:
    """`import_module("a.b")` and `__import__("a.b")` with the name written out."""
    for call in ast.walk(node):
        if not (isinstance(call, ast.Call) and call.args):
            continue
        name = ast.unparse(call.func).rsplit(".", 1)[-1]
        first = call.args[0]
        written = isinstance(first, ast.Constant) and isinstance(first.value, str)
        if name in ("import_module", "__import__") and written:
            yield first.value
