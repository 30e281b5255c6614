"""The direction of imports: data flows down the list of rooms, imports point only up.

Read with `ast`, so an import inside a function or under TYPE_CHECKING counts too.
"""

from __future__ import annotations

import functools

import pytest

from tests.contract.source import Import, Module, imports, modules, room_of

# From first to last; a room imports itself and the rooms before it. docs/decisions/0001 says why
# `verbs` stands where it does.
ROOMS = (
    "errors",
    "config",
    "progress",
    "text",
    "tokens",
    "batches",
    "nn",
    "arch",
    "heads",
    "objectives",
    "checkpoint",
    "train",
    "pipelines",
    "evaluation",
    "report",
    "verbs",
    "bench",
    "claims",
    "tour",
    "cli",
)

# The way in, which names things of any room.
FACADE = ("unmask", "unmask.__main__")

# Never imported in the package but by the room that compares with them.
PEERS = frozenset(
    {"transformers", "sentence_transformers", "setfit", "datasets", "accelerate"}
    | {"onnx", "onnxruntime", "onnxscript", "openvino", "nncf"}
)
COMPARING = "bench"

# Rooms that answer `--help`, read text or draw a report without waiting for torch.
LIGHT = ("errors", "config", "progress", "text", "tokens", "report", "cli")

# Whole rooms that serve a trained model, which must not drag the training loop along.
SERVING = ("pipelines", "serve")


def rank_faults(module: Module) -> list[str]:
    """Imports of this module that point down the list, or at the facade."""
    if module.name in FACADE:
        return []
    if module.room not in ROOMS:
        return [f"{module.path}: room {module.room!r} is not in the list of rooms; give it a place"]
    faults = []
    for found in imports(module):
        if found.target.split(".")[0] != "unmask" or found.target == "unmask.__version__":
            continue
        room = room_of(found.target)
        if room not in ROOMS:
            faults.append(f"{module.path}:{found.line}: {found.target}: name its own module")
        elif ROOMS.index(room) > ROOMS.index(module.room):
            faults.append(
                f"{module.path}:{found.line}: {module.room} imports {room}, which is later"
            )
    return faults


def package_of(found: Import) -> str:
    """The top-level package that an import names."""
    return found.target.split(".")[0]


def reached(start: str, edges: dict[str, set[str]]) -> set[str]:
    """All names that can be reached from `start`, itself included."""
    seen, todo = {start}, [start]
    while todo:
        for name in edges.get(todo.pop(), set()) - seen:
            seen.add(name)
            todo.append(name)
    return seen


def edges_of(all_modules: list[Module], *, at_import: bool) -> dict[str, set[str]]:
    """module -> what it loads: modules of the package, and top-level packages of others.

    Args:
        all_modules: the package.
        at_import: only what is loaded while the module itself is being imported.
    """
    known = {module.name for module in all_modules}
    edges: dict[str, set[str]] = {}
    for module in all_modules:
        loaded = edges.setdefault(module.name, set())
        for found in imports(module):
            if found.for_types or (at_import and not found.at_import):
                continue
            if package_of(found) != "unmask":
                loaded.add(package_of(found))
                continue
            parts = found.target.split(".")
            # Importing a.b.c runs a and a.b first.
            above = (".".join(parts[:n]) for n in range(2, len(parts) + 1))
            loaded.update(name for name in above if name in known)
    return edges


@functools.cache
def package() -> tuple[Module, ...]:
    return tuple(modules())


def one(text: str, name: str) -> Module:
    return Module(name, f"{name}.py", text, is_package=False)


def test_the_package_was_found() -> None:
    assert {"unmask", "unmask.errors"} <= {module.name for module in package()}


def test_imports_point_up() -> None:
    assert [fault for module in package() for fault in rank_faults(module)] == []


def test_no_peer_is_imported() -> None:
    assert [
        f"{module.path}:{found.line}: {found.target}"
        for module in package()
        for found in imports(module)
        if package_of(found) in PEERS and (module.room != COMPARING or found.at_import)
    ] == []


def test_text_and_tokens_never_import_torch() -> None:
    assert [
        f"{module.path}:{found.line}"
        for module in package()
        for found in imports(module)
        if module.room in ("text", "tokens") and package_of(found) == "torch"
    ] == []


def test_light_rooms_do_not_load_torch_when_imported() -> None:
    edges = edges_of(list(package()), at_import=True)
    light = [module.name for module in package() if module.room in LIGHT]
    assert [name for name in light if "torch" in reached(name, edges)] == []


def test_serving_never_reaches_the_training_loop() -> None:
    edges = edges_of(list(package()), at_import=False)
    serving = [module.name for module in package() if module.room in SERVING]
    assert [
        f"{name} -> {target}"
        for name in serving
        for target in sorted(reached(name, edges))
        if target.startswith("unmask.") and room_of(target) == "train"
    ] == []


@pytest.mark.parametrize(
    "text",
    [
        "from unmask.train.loop import train",
        "import unmask.train.loop",
        "from unmask.train import loop",
        "from unmask import train",
        "from ..train import loop",
        "def later():\n    from unmask.train import loop",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from unmask.train import loop",
        "try:\n    pass\nexcept ValueError:\n    import unmask.train.loop",
        "import importlib\nloop = importlib.import_module('unmask.train.loop')",
        "from unmask import FillMask",
        "import unmask",
    ],
)
def test_the_check_sees_every_way_to_import(text: str) -> None:
    assert len(rank_faults(one(text, "unmask.nn.layer"))) == 1


def test_the_check_lets_good_imports_pass() -> None:
    text = "import torch\nfrom unmask import __version__\nfrom unmask.errors import ModelError\n"
    assert rank_faults(one(text + "from . import norm\n", "unmask.nn.layer")) == []
    assert rank_faults(one("", "unmask.attic.old")) != []


def test_reaching_follows_chains_and_functions() -> None:
    chain = [
        one("from unmask.tokens import words", "unmask.text.readers"),
        one("def late():\n    import torch", "unmask.tokens.words"),
    ]
    assert "torch" in reached("unmask.text.readers", edges_of(chain, at_import=False))
    assert "torch" not in reached("unmask.text.readers", edges_of(chain, at_import=True))
