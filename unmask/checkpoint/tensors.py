"""A tree of tensors and plain values, as named tensors plus JSON, and back. No pickle.

A tree is what `state_dict()` of a module or an optimizer gives: dicts with string or integer keys,
lists, tuples, tensors, numbers, strings, booleans and None. Tensors go to safetensors under names
made of their place in the tree; everything else goes to JSON, in which

    {"$tensor": name}     stands for a tensor
    {"$tuple": [...]}     is a tuple
    {"$dict": [[k, v]]}   is a dict whose keys are not all strings, or begin with "$"
    {"$float": bits}      is an infinity or a NaN, as the 16 hex digits of its IEEE 754 bits

and anything else is itself: JSON numbers written by `repr` come back as the same floats.

What comes back is equal to the last bit, with three differences: tensors are on the CPU, contiguous
and need no gradient; an OrderedDict is a dict; and two tensors that overlapped in memory without
being the same are separate. The same tensor in two places comes back as one tensor in two places.
"""

from __future__ import annotations

import math
import re
import struct
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from unmask.checkpoint.jsonfile import Json, parse_json
from unmask.errors import CheckpointError, CorruptCheckpoint

DEPTH = 40
"""Deepest nesting of a tree; a tree that contains itself runs into it."""

DTYPES = frozenset(
    {
        torch.bool,
        torch.uint8,
        torch.uint16,
        torch.uint32,
        torch.uint64,
        torch.int8,
        torch.int16,
        torch.int32,
        torch.int64,
        torch.float8_e4m3fn,
        torch.float8_e5m2,
        torch.bfloat16,
        torch.float16,
        torch.float32,
        torch.float64,
    }
)
"""Types of tensor elements that are stored."""

_INT_BITS = 4096  # well below the length at which Python stops reading decimal integers


def flatten(tree: Any) -> tuple[dict[str, Tensor], Json]:
    """Take a tree apart into named tensors and JSON.

    Contiguous CPU tensors are not copied: write them before the tree changes.

    Raises:
        CheckpointError: something in the tree is of another type, or too deep; its place is named.
    """
    flattening = _Flattening()
    json = flattening.encode(tree, (), 0)
    return flattening.tensors, json


def unflatten(tensors: Mapping[str, Tensor], json: Json) -> Any:
    """Put a tree together again out of what `flatten` gave.

    Raises:
        CorruptCheckpoint: the JSON is not of this form, names a tensor that is not there, or
            leaves one over.
    """
    used: set[str] = set()
    tree = _decode(json, tensors, used, ())
    unused = sorted(tensors.keys() - used)
    if unused:
        raise CorruptCheckpoint(
            f"{len(unused)} tensors have no place in the tree: {', '.join(unused[:8])}. The file "
            "of tensors and the JSON are not from one save; use another checkpoint."
        )
    return tree


def save_tensors(tensors: Mapping[str, Tensor], path: Path) -> None:
    """Write named tensors, as `flatten` makes them, to a safetensors file."""
    save_file(dict(tensors), path)


def load_tensors(path: Path) -> dict[str, Tensor]:
    """All tensors of a safetensors file, in CPU memory of their own. Raises CorruptCheckpoint."""
    try:
        # `load_file` gives windows into the mapped file: a bad disk sector would kill the process
        # when a value is first used, and their alignment, which fast kernels see, is the file's.
        tensors = {name: tensor.clone() for name, tensor in load_file(path).items()}
        with path.open("rb") as stream:
            (size,) = struct.unpack("<Q", stream.read(8))
            # Of two tensors of one name the library takes the last without a word.
            parse_json(stream.read(size), f"the header of {path}")
        return tensors
    except (SafetensorError, OSError, ValueError, KeyError) as error:
        raise CorruptCheckpoint(
            f"{path} is not a readable safetensors file: {error}. Use another checkpoint."
        ) from error


class _Flattening:
    """The names given so far, while one tree is taken apart."""

    def __init__(self) -> None:
        self.tensors: dict[str, Tensor] = {}
        self._name_of: dict[tuple[Any, ...], str] = {}
        self._storages: set[int] = set()

    def encode(self, value: Any, place: tuple[str, ...], depth: int) -> Json:
        if depth > DEPTH:
            raise _refusal(place[:4], f"nests deeper than {DEPTH} levels, or contains itself")
        kind = type(value)
        if isinstance(value, Tensor):
            return {"$tensor": self._add(value, place)}
        if kind is dict or kind is OrderedDict:
            return self._encode_dict(value, place, depth)
        if kind is list or kind is tuple:
            items = [self.encode(v, (*place, str(i)), depth + 1) for i, v in enumerate(value)]
            return items if kind is list else {"$tuple": items}
        return _encode_leaf(value, place)

    def _encode_dict(self, value: dict[Any, Any], place: tuple[str, ...], depth: int) -> Json:
        for key in value:
            if type(key) not in (str, int):
                raise _refusal(place, f"has the key {key!r}; keys are strings or integers")
            _encode_leaf(key, (*place, ascii(key)))
        items = {k: self.encode(v, (*place, str(k)), depth + 1) for k, v in value.items()}
        if all(isinstance(key, str) and not key.startswith("$") for key in items):
            return items
        return {"$dict": [[key, item] for key, item in items.items()]}

    def _add(self, tensor: Tensor, place: tuple[str, ...]) -> str:
        _check_tensor(tensor, place)
        # The same memory read in the same way is one tensor: tied weights are stored once. Empty
        # tensors have no memory to tell them apart.
        identity = (
            tensor.device,
            tensor.dtype,
            tensor.data_ptr(),
            tensor.shape,
            tensor.stride(),
            tensor.is_neg(),
        )
        if tensor.numel() and identity in self._name_of:
            return self._name_of[identity]
        name = base = "/".join(place)
        number = 1
        while name in self.tensors or name in ("", "__metadata__"):  # taken, or reserved
            number += 1
            name = f"{base}#{number}"
        stored = tensor.detach().resolve_neg().cpu().contiguous()
        storage = stored.untyped_storage().data_ptr()
        if storage in self._storages:  # safetensors refuses tensors that overlap
            stored = stored.clone()
        self._storages.add(stored.untyped_storage().data_ptr())
        self.tensors[name] = stored
        self._name_of[identity] = name
        return name


def _check_tensor(tensor: Tensor, place: tuple[str, ...]) -> None:
    kind = type(tensor)
    if kind not in (Tensor, torch.nn.Parameter, torch.nn.Buffer):
        raise _refusal(place, f"is a {kind.__module__}.{kind.__qualname__}; make it a plain tensor")
    if tensor.layout is not torch.strided or tensor.is_meta or tensor.is_quantized:
        raise _refusal(place, f"is a tensor of layout {tensor.layout} on {tensor.device}")
    if tensor.dtype not in DTYPES:
        raise _refusal(place, f"is a tensor of {tensor.dtype}")


def _encode_leaf(value: Any, place: tuple[str, ...]) -> Json:
    # Exact types: a NumPy float or an enum is a subclass and would come back as something else.
    kind = type(value)
    if value is None or kind is bool:
        return value  # type: ignore[no-any-return]
    if kind is float:
        return value if math.isfinite(value) else {"$float": struct.pack(">d", value).hex()}
    if kind is int:
        if value.bit_length() > _INT_BITS:
            raise _refusal(place, f"is an integer of more than {_INT_BITS} bits")
        return int(value)
    if kind is str:
        if not value.isascii() and re.search("[\ud800-\udfff]", value):
            raise _refusal(place, "is a string with half a surrogate pair, which is no Unicode")
        return str(value)
    raise _refusal(place, f"is a {kind.__module__}.{kind.__qualname__}")


def _refusal(place: tuple[str, ...], what: str) -> CheckpointError:
    return CheckpointError(
        f"the state cannot be saved: {'/'.join(place) or 'its root'} {what}. A state is made of "
        "dicts, lists, tuples, tensors, numbers, strings, booleans and None; convert or leave out."
    )


def _decode(
    json: Json, tensors: Mapping[str, Tensor], used: set[str], place: tuple[str, ...]
) -> Any:
    if isinstance(json, list):
        return [_decode(v, tensors, used, (*place, str(i))) for i, v in enumerate(json)]
    if not isinstance(json, dict):
        return json
    if not any(key.startswith("$") for key in json):
        return {key: _decode(v, tensors, used, (*place, key)) for key, v in json.items()}
    match list(json.items()):
        case [("$tensor", str(name))] if name in tensors:
            used.add(name)
            return tensors[name]
        case [("$tensor", str(name))]:
            raise _damage(place, f"names the tensor {name!r}, which is not there")
        case [("$tuple", list(items))]:
            return tuple(_decode(items, tensors, used, place))
        case [("$float", str(bits))] if re.fullmatch("[0-9a-f]{16}", bits):
            return struct.unpack(">d", bytes.fromhex(bits))[0]
        case [("$dict", list(pairs))]:
            return _decode_pairs(pairs, tensors, used, place)
    raise _damage(place, f"has the unknown form {str(json)[:80]}")


def _decode_pairs(
    pairs: list[Json], tensors: Mapping[str, Tensor], used: set[str], place: tuple[str, ...]
) -> dict[str | int, Any]:
    result: dict[str | int, Any] = {}
    for pair in pairs:
        match pair:
            case [str(key) | int(key), value] if key not in result and type(key) is not bool:
                result[key] = _decode(value, tensors, used, (*place, str(key)))
            case _:
                raise _damage(place, f"has the entry {str(pair)[:80]}, no new key and its value")
    return result


def _damage(place: tuple[str, ...], what: str) -> CorruptCheckpoint:
    return CorruptCheckpoint(
        f"the stored state is damaged: {'/'.join(place) or 'its root'} {what}. Use another "
        "checkpoint."
    )
