"""A tree comes back equal to the last bit, or is refused by the name of its place."""

from __future__ import annotations

import enum
import struct
from collections import OrderedDict, defaultdict, namedtuple
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from unmask.checkpoint.jsonfile import parse_json, render_json
from unmask.checkpoint.tensors import (
    DEPTH,
    DTYPES,
    flatten,
    load_tensors,
    save_tensors,
    unflatten,
)
from unmask.errors import CheckpointError, CorruptCheckpoint

Point = namedtuple("Point", "x y")
Colour = enum.IntEnum("Colour", "RED")


def raw(tensor: torch.Tensor) -> bytes:
    """The bits, which tell -0.0 from 0.0 and one NaN from another."""
    return bytes(
        torch.empty(tensor.shape, dtype=tensor.dtype)
        .copy_(tensor)
        .view(-1)
        .view(torch.uint8)
        .tolist()
    )


def identical(one: Any, other: Any) -> bool:
    if isinstance(one, torch.Tensor):
        return (
            isinstance(other, torch.Tensor)
            and (one.dtype, one.shape) == (other.dtype, other.shape)
            and raw(one) == raw(other)
        )
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return list(one) == list(other) and all(identical(one[key], other[key]) for key in one)
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(identical, one, other))
    if isinstance(one, float):
        return struct.pack("d", one) == struct.pack("d", other)
    return bool(one == other)


def through_disk(tree: Any, folder: Path) -> Any:
    tensors, json = flatten(tree)
    save_tensors(tensors, folder / "t.safetensors")
    return unflatten(load_tensors(folder / "t.safetensors"), parse_json(render_json(json), "x"))


@st.composite
def tensors(draw: st.DrawFn) -> torch.Tensor:
    """Any bits of any dtype, whole, transposed, sliced, expanded or empty."""
    dtype = draw(st.sampled_from(sorted(DTYPES, key=str)))
    shape = draw(st.lists(st.integers(0, 4), max_size=3))
    count = int(np.prod(shape, dtype=int)) * dtype.itemsize
    data = bytearray(draw(st.binary(min_size=count, max_size=count)))
    if dtype is torch.bool:
        data = bytearray(byte & 1 for byte in data)
    flat = torch.frombuffer(data, dtype=dtype) if data else torch.empty(0, dtype=dtype)
    tensor = flat.reshape(shape)
    match draw(st.integers(0, 3)):
        case 0 if tensor.dim() > 1:
            return tensor.transpose(0, 1)
        case 1 if tensor.dim() and tensor.shape[0] > 1:
            return tensor[1::2]
        case 2:
            return tensor.unsqueeze(0).expand(2, *tensor.shape)
    return tensor


LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**130), 2**130)
    | st.floats()
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
    | tensors()
)
KEYS = (
    st.text(st.sampled_from("ab/.#$_"), max_size=3) | st.integers(-2, 12) | st.just("__metadata__")
)
TREES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(KEYS, inner, max_size=4)
    ),
    max_leaves=12,
)


@settings(deadline=None, max_examples=150)
@given(tree=TREES)
def test_any_tree_comes_back(tree: Any, tmp_path_factory: pytest.TempPathFactory) -> None:
    back = through_disk(tree, tmp_path_factory.mktemp("tree"))
    assert identical(back, tree)


def test_an_optimizers_state_goes_on_where_it_was(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = torch.nn.Linear(4, 3)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1, betas=(0.8, 0.99))

    def step(model: torch.nn.Linear, optimizer: torch.optim.Optimizer) -> None:
        optimizer.zero_grad()
        model(torch.ones(2, 4)).pow(2).sum().backward()
        optimizer.step()

    step(model, optimizer)
    tree = {"model": model.state_dict(), "optimizer": optimizer.state_dict()}
    back = through_disk(tree, tmp_path)
    assert identical(back["optimizer"], optimizer.state_dict())
    other = torch.nn.Linear(4, 3)
    other.load_state_dict(back["model"])
    again = torch.optim.AdamW(other.parameters())
    again.load_state_dict(back["optimizer"])
    step(model, optimizer)
    step(other, again)
    assert identical(dict(other.state_dict()), dict(model.state_dict()))
    assert identical(again.state_dict(), optimizer.state_dict())


def test_random_states_fit(tmp_path: Path) -> None:
    import random

    tree = {
        "torch": torch.get_rng_state(),
        "python": random.getstate(),
        "numpy": np.random.default_rng(3).bit_generator.state,
    }
    assert identical(through_disk(tree, tmp_path), tree)


def test_tied_tensors_are_stored_once_and_stay_tied(tmp_path: Path) -> None:
    table = torch.nn.Parameter(torch.arange(6.0).reshape(2, 3))
    tree = {
        "embedding": table,
        "head": table.detach(),
        "turned": table.detach().T,
        "part": table[1],
    }
    stored, _ = flatten(tree)
    assert sorted(stored) == ["embedding", "part", "turned"]
    back = through_disk(tree, tmp_path)
    assert back["embedding"] is back["head"]
    assert not back["embedding"].requires_grad
    assert identical(back["turned"], table.T)
    assert identical(back["part"], table[1])


def test_overlapping_windows_are_each_stored(tmp_path: Path) -> None:
    base = torch.arange(10)
    tree = [base[:6], base[4:], base, base.view(2, 5), base[::3]]
    assert identical(through_disk(tree, tmp_path), tree)


def test_the_same_memory_read_in_another_way_is_another_tensor(tmp_path: Path) -> None:
    square = torch.arange(9.0).reshape(3, 3)
    tree = [square, square.T, square.view(torch.int32), torch.empty(0), torch.empty(0)]
    back = through_disk(tree, tmp_path)
    assert identical(back, tree)
    assert back[3] is not back[4]


def test_floats_come_back_to_the_bit(tmp_path: Path) -> None:
    bits = ["7ff8000000000000", "fff8000000000000", "7ff8000000000123", "7ff0000000000000"]
    bits += ["fff0000000000000", "8000000000000000", "0000000000000001", "3fb999999999999a"]
    tree = [struct.unpack(">d", bytes.fromhex(word))[0] for word in bits]
    assert identical(through_disk(tree, tmp_path), tree)


def test_what_comes_back_has_memory_of_its_own(tmp_path: Path) -> None:
    back = through_disk({"a": torch.ones(5), "b": torch.zeros(3, dtype=torch.bool)}, tmp_path)
    (tmp_path / "t.safetensors").write_bytes(b"")  # a window into the file would now be deadly
    assert back["a"].sum() == 5
    assert back["b"].sum() == 0


def test_an_ordered_dict_is_a_dict_in_its_order(tmp_path: Path) -> None:
    back = through_disk(OrderedDict([("z", 1), ("a", 2)]), tmp_path)
    assert type(back) is dict
    assert list(back) == ["z", "a"]


def test_the_json_is_readable() -> None:
    tree = {"lr": 0.1, "w": torch.zeros(1), "b": (0.9, float("inf")), 1: {"$x": None}}
    assert flatten({"m": tree})[1] == {
        "m": {
            "$dict": [
                ["lr", 0.1],
                ["w", {"$tensor": "m/w"}],
                ["b", {"$tuple": [0.9, {"$float": "7ff0000000000000"}]}],
                [1, {"$dict": [["$x", None]]}],
            ]
        }
    }


def cyclic() -> list[Any]:
    loop: list[Any] = []
    loop.append(loop)
    return loop


@pytest.mark.parametrize(
    ("value", "what"),
    [
        ({1, 2}, "is a builtins.set"),
        (b"x", "is a builtins.bytes"),
        (1j, "is a builtins.complex"),
        (np.float64(1), "is a numpy.float64"),
        (np.zeros(1), "is a numpy.ndarray"),
        (Point(1, 2), "Point"),
        (torch.Size([1]), "is a torch.Size"),
        (Colour.RED, "Colour"),
        (defaultdict(int), "is a collections.defaultdict"),
        (torch.float32, "is a torch.dtype"),
        (Path("x"), "Path"),
        (print, "is a builtins.builtin_function_or_method"),
        ("\ud800", "half a surrogate pair"),
        (2**5000, "more than 4096 bits"),
        ({(1, 2): 3}, r"has the key \(1, 2\)"),
        ({True: 3}, "has the key True"),
        ({None: 3}, "has the key None"),
        ({1.0: 3}, r"has the key 1\.0"),
        ({"\udfff": 3}, "half a surrogate pair"),
        (cyclic(), f"deeper than {DEPTH} levels, or contains itself"),
        (torch.zeros(2, dtype=torch.complex64), r"is a tensor of torch\.complex64"),
        (torch.zeros(2, device="meta"), "on meta"),
        (torch.eye(2).to_sparse(), r"layout torch\.sparse_coo"),
    ],
)
def test_anything_else_is_refused_by_its_place(value: Any, what: str) -> None:
    with pytest.raises(CheckpointError, match=rf"cannot be saved: top/0\b.*{what}"):
        flatten({"top": [value]})


def test_a_tensor_of_another_class_is_refused() -> None:
    class Odd(torch.Tensor):
        pass

    with pytest.raises(CheckpointError, match=r"its root is a .*Odd; make it a plain tensor"):
        flatten(torch.zeros(1).as_subclass(Odd))


def test_the_allowed_depth_comes_back(tmp_path: Path) -> None:
    tree: Any = torch.ones(1)
    for _ in range(DEPTH):
        tree = {0: tree}  # the kind of level that costs most in JSON
    assert identical(through_disk(tree, tmp_path), tree)
    with pytest.raises(CheckpointError, match="deeper"):
        flatten([tree])


@pytest.mark.parametrize(
    ("json", "what"),
    [
        ({"a": {"$tensor": "b"}}, "a names the tensor 'b', which is not there"),
        ({"a": {"$tensor": 1}}, "a has the unknown form"),
        ({"$tensor": "t", "x": 1}, "its root has the unknown form"),
        ({"$class": "os.system"}, "unknown form"),
        ({"$tuple": {}}, "unknown form"),
        ({"$float": "7ff"}, "unknown form"),
        ({"$dict": [[1, 2, 3]]}, "no new key"),
        ({"$dict": [[True, 2]]}, "no new key"),
        ({"$dict": [[1, 2], [1, 3]]}, "no new key"),
        ({"$dict": [[None, 2]]}, "no new key"),
    ],
)
def test_damaged_json_is_refused(json: Any, what: str) -> None:
    with pytest.raises(CorruptCheckpoint, match=what):
        unflatten({"t": torch.zeros(1)}, json)


def test_a_tensor_left_over_is_refused() -> None:
    with pytest.raises(CorruptCheckpoint, match="1 tensors have no place in the tree: t"):
        unflatten({"t": torch.zeros(1)}, {"a": 1})


@pytest.mark.parametrize("data", [b"", b"x" * 100, bytes(100)])
def test_what_is_no_safetensors_file_is_refused(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "t.safetensors").write_bytes(data)
    with pytest.raises(CorruptCheckpoint, match="not a readable safetensors file"):
        load_tensors(tmp_path / "t.safetensors")
    with pytest.raises(CorruptCheckpoint, match="not a readable safetensors file"):
        load_tensors(tmp_path / "none.safetensors")
