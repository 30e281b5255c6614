"""What the package promises as a whole: light to import, typed, no hidden inputs, small pieces."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

import unmask
from tests.contract.source import FUNCTION, PACKAGE, Module, modules

PUBLIC = sorted(set(unmask.__all__) - {"__version__"})

MODULE_LINES = 400
FUNCTION_LINES = 70

ENVIRONMENT = {"environ", "environb", "getenv", "getenvb", "putenv", "unsetenv"}
# The one module that reads pickle, in a process of its own.
READER = "unmask.checkpoint.unpickle"
PICKLING = {"pickle", "_pickle", "cloudpickle", "dill", "joblib", "marshal", "shelve"}


def names_of(tree: ast.Module, package: str) -> set[str]:
    """The names by which a module calls `package`: `import torch as t` gives t."""
    return {
        alias.asname or package
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
        if alias.name == package or (alias.asname is None and alias.name.startswith(f"{package}."))
    }


def uses(tree: ast.Module, package: str, wanted: set[str]) -> Iterator[int]:
    """Lines that use `package.NAME`, or import NAME from it, for a NAME of `wanted`."""
    known = names_of(tree, package)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if node.value.id in known and node.attr in wanted:
                yield node.lineno
        elif isinstance(node, ast.ImportFrom) and node.module == package:
            yield from (node.lineno for alias in node.names if alias.name in wanted)


def environment_reads(module: Module) -> list[int]:
    """Lines that read or change the environment; only `cli/` may."""
    return [] if module.room == "cli" else list(uses(module.tree, "os", ENVIRONMENT))


def safe_loads(tree: ast.Module) -> set[int]:
    """Lines of `torch.load(..., weights_only=True)`."""
    return {
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "torch.load"
        for keyword in node.keywords
        if keyword.arg == "weights_only" and ast.unparse(keyword.value) == "True"
    }


def pickling(module: Module) -> list[int]:
    """Lines that can run code out of a file: pickle in any dress."""
    tree = module.tree
    excused = safe_loads(tree) if module.name == READER else set()
    lines = [line for line in uses(tree, "torch", {"load", "save"}) if line not in excused]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            lines += [node.lineno for alias in node.names if alias.name.split(".")[0] in PICKLING]
        elif isinstance(node, ast.ImportFrom):
            lines += [node.lineno] if (node.module or "").split(".")[0] in PICKLING else []
        elif isinstance(node, ast.keyword) and node.arg == "allow_pickle":
            refused = isinstance(node.value, ast.Constant) and node.value.value is False
            lines += [] if refused else [node.value.lineno]
    return lines


def long_pieces(module: Module) -> list[str]:
    """The module if it is too long, and its functions that are."""
    lines = len(module.text.splitlines())
    pieces = [f"the module has {lines} lines"] if lines > MODULE_LINES else []
    for node in ast.walk(module.tree):
        if isinstance(node, FUNCTION) and node.end_lineno is not None:
            length = node.end_lineno - node.lineno + 1
            pieces += [f"{node.name} has {length} lines"] if length > FUNCTION_LINES else []
    return pieces


def twins(found: Iterable[Module]) -> list[list[str]]:
    """Functions that say the same in several modules, but for those of one statement."""
    places: dict[str, list[str]] = {}
    for module in found:
        for node in module.tree.body:
            if isinstance(node, FUNCTION):
                told = node.body[1:] if ast.get_docstring(node) is not None else node.body
                if len(told) > 1:
                    text = "\n".join(map(ast.unparse, told))
                    places.setdefault(text, []).append(f"{module.path}: {node.name}")
    return [where for where in places.values() if len(where) > 1]


def run(code: str) -> str:
    """What a fresh interpreter prints for `code`."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=PACKAGE.parent,
    )
    return done.stdout


def one(text: str, name: str = "unmask.nn.layer") -> Module:
    return Module(name, f"{name}.py", text, is_package=False)


def test_import_is_light() -> None:
    code = "import sys, json, unmask; print(json.dumps([m.split('.')[0] for m in sys.modules]))"
    loaded = set(json.loads(run(code)))
    assert "unmask" in loaded
    assert not loaded & {"torch", "numpy", "tokenizers", "sklearn", "pydantic", "typer", "rich"}


def loaded_by(*arguments: str) -> set[str]:
    """The modules that `python -m unmask` has loaded when it ends, by their full names."""
    code = (
        "import atexit, json, runpy, sys\n"
        f"sys.argv = {['unmask', *arguments]!r}\n"
        "atexit.register(lambda: print('\\n' + json.dumps(sorted(sys.modules))))\n"
        "runpy.run_module('unmask', run_name='__main__')\n"
    )
    return set(json.loads(run(code).splitlines()[-1]))


def test_help_is_light() -> None:
    loaded = loaded_by("--help")
    assert "unmask.cli.main" in loaded
    assert not loaded & {"torch", "numpy", "tokenizers", "sklearn", "pydantic", "huggingface_hub"}


def test_fill_loads_what_it_needs_and_no_more(tiny_model_folder: Path) -> None:
    loaded = loaded_by("fill", str(tiny_model_folder), "the [MASK] is")
    assert {"torch", "tokenizers", "unmask.pipelines.fill"} <= loaded
    heavy = {"torch._dynamo", "torch._inductor", "sympy", "sklearn", "scipy", "pandas", "pyarrow"}
    assert not loaded & {*heavy, "matplotlib", "transformers", "huggingface_hub"}


@pytest.mark.parametrize("name", PUBLIC)
def test_public_name_resolves(name: str) -> None:
    value = getattr(unmask, name)
    assert value.__name__ == name
    assert value.__doc__
    assert getattr(unmask, name) is value


def test_checkers_and_the_interpreter_see_the_same_names() -> None:
    tree = ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))
    seen = {
        alias.name: node.module
        for block in tree.body
        if isinstance(block, ast.If)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert seen == unmask._HOMES
    assert sorted(seen) == PUBLIC
    assert set(unmask.__all__) <= set(dir(unmask))


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'unmask' has no attribute 'Transformer'"):
        _ = unmask.Transformer


def test_no_public_name_is_also_a_room() -> None:
    """Importing a room sets it as an attribute of `unmask`, and would hide the public name."""
    rooms = {path.stem for path in PACKAGE.iterdir() if path.is_dir() or path.suffix == ".py"}
    assert rooms & set(PUBLIC) == set()


def test_package_is_marked_as_typed() -> None:
    assert (PACKAGE / "py.typed").is_file()


def test_every_room_is_a_regular_package() -> None:
    folders = {path.parent for path in PACKAGE.rglob("*.py")}
    assert sorted(str(f) for f in folders if not (f / "__init__.py").is_file()) == []


def test_python_m_unmask_is_the_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "unmask", "--help"], capture_output=True, text=True, check=True
    )
    assert "quickstart" in done.stdout


@pytest.mark.parametrize("check", [environment_reads, pickling, long_pieces])
def test_every_module_keeps(check: Callable[[Module], list[object]]) -> None:
    broken = {module.path: check(module) for module in modules()}
    assert {path: faults for path, faults in broken.items() if faults} == {}


@pytest.mark.parametrize(
    "text",
    [
        "import os\nhome = os.environ['HOME']",
        "import os as system\nhome = system.getenv('HOME')",
        "import os.path\nhome = os.environ",
        "def late():\n    from os import environ",
    ],
)
def test_environment_reads_are_found(text: str) -> None:
    assert environment_reads(one(text))
    assert not environment_reads(one(text, "unmask.cli.main"))


@pytest.mark.parametrize(
    "text",
    [
        "import pickle",
        "from joblib import dump",
        "import torch as t\nt.load('x')",
        "from torch import save",
        "import numpy as np\nnp.load('x', allow_pickle=True)",
        "import numpy as np\nnp.load('x', allow_pickle=asked)",
    ],
)
def test_pickling_is_found(text: str) -> None:
    assert pickling(one(text))


def test_restricted_reading_is_excused_in_one_module_only() -> None:
    text = "import torch\ntorch.load('x', weights_only=True)"
    assert not pickling(one(text, READER))
    assert pickling(one(text))
    assert pickling(one("import torch\ntorch.load('x', weights_only=asked)", READER))
    assert pickling(one("import torch\ntorch.load('x')", READER))


def test_safe_loading_is_not_called_pickling() -> None:
    text = "import numpy as np\nfrom safetensors.torch import load_file\n"
    assert not pickling(one(text + "np.load('x', allow_pickle=False)\nload_file('y')\n"))


def test_long_pieces_are_found() -> None:
    body = "    x = 1\n" * FUNCTION_LINES
    assert long_pieces(one(f"def f():\n{body}")) == [f"f has {FUNCTION_LINES + 1} lines"]
    assert long_pieces(one("x = 1\n" * MODULE_LINES)) == []
    assert long_pieces(one("x = 1\n" * (MODULE_LINES + 1))) == ["the module has 401 lines"]


def test_no_function_stands_twice() -> None:
    assert twins(modules()) == []


def test_twins_are_found() -> None:
    said = "def {}(x):\n    {!r}\n    y = repr(x)\n    return y\n"
    pair = [one(said.format("_shown", "One."), "a"), one(said.format("shown", "Other."), "b")]
    assert twins([*pair, one(said.format("f", "").replace("repr", "str"), "c")]) == [
        ["a.py: _shown", "b.py: shown"]
    ]
    assert twins([one("def f(x):\n    return x\n", name) for name in "ab"]) == []
