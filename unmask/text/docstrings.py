"""Docstrings out of Python source, read with `ast`; nothing is imported.

Those of C functions count too where Python code attaches them (`add_docstr(f, \"\"\"...\"\"\")` and
its relatives, in which NumPy, SciPy and PyTorch keep some of their best prose).
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator

from unmask.text.clean import paragraphs

_ATTACHES = re.compile(r"_?add_(?:new)?doc(?:str(?:ing)?)?(?:_\w+)?$")
_DEFINITIONS = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
_LISTS = ("body", "handlers", "orelse", "finalbody", "cases")
_BLOCKS: dict[type[ast.AST], tuple[str, ...]] = {
    kind: tuple(block for block in _LISTS if block in kind._fields)
    for kind in (
        *(ast.Module, *_DEFINITIONS, ast.If, ast.For, ast.AsyncFor, ast.While, ast.With),
        *(ast.AsyncWith, ast.Try, ast.TryStar, ast.ExceptHandler, ast.Match, ast.match_case),
    )
}
"""Where each kind of node keeps the statements below it."""
_OF_USE = {*_BLOCKS, ast.Expr, ast.Assign}


def docstrings(source: bytes, module: str) -> list[tuple[str, str]]:
    """The prose of each docstring of a file, in the order of the source.

    Args:
        source: the file's bytes; an encoding line in it is obeyed.
        module: dotted name, with which the names begin.

    Returns:
        (dotted name, prose paragraphs joined by a blank line), those without prose left out.

    Raises:
        ValueError: the file does not parse.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # other people's invalid escapes are not our subject
            tree = ast.parse(source)
    except (SyntaxError, RecursionError, MemoryError) as error:
        raise ValueError(str(error)) from None
    cleaned = ((name, paragraphs(raw)) for name, raw in _raw(tree, module))
    return [(name, "\n\n".join(kept)) for name, kept in cleaned if kept]


def _raw(tree: ast.Module, module: str) -> Iterator[tuple[str, str]]:
    """(dotted name, docstring as written) of a module and of all that is defined in it."""
    stack: list[tuple[ast.AST, str]] = [(tree, module)]
    while stack:  # no recursion: a chain of a thousand elifs is a thousand levels deep
        node, name = stack.pop()
        if isinstance(node, _DEFINITIONS):
            name = f"{name}.{node.name}"
        if isinstance(node, ast.Expr | ast.Assign):
            yield from _attached(node, name)
            continue
        if isinstance(node, (ast.Module, *_DEFINITIONS)) and (
            text := ast.get_docstring(node, clean=False)
        ):
            yield name, text
        stack.extend((child, name) for child in reversed(_inner(node)))


def _inner(node: ast.AST) -> list[ast.AST]:
    """The statements right below a node that can hold docstrings, or attach one."""
    inner: list[ast.AST] = []
    for block in _BLOCKS.get(type(node), ()):
        inner += [child for child in getattr(node, block) if type(child) in _OF_USE]
    return inner


def _attached(statement: ast.Expr | ast.Assign, name: str) -> Iterator[tuple[str, str]]:
    """The docstring that a statement attaches to an object from elsewhere, if it does."""
    call = statement.value
    if not isinstance(call, ast.Call):
        return
    called = call.func
    by = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
    if not _ATTACHES.match(by):
        return
    for argument in call.args:
        value = argument
        if isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute):
            value = value.func.value  # "...".format(...)
        if isinstance(value, ast.Constant) and isinstance(value.value, str) and "\n" in value.value:
            yield f"{name}:{call.lineno}", value.value
