"""Reads one file of pickled weights and writes it as safetensors: a process of its own.

    python -I unpickle.py SEARCH-PATH SOURCE TARGET

`unmask.checkpoint.pickles` starts it by its path, with `-I`, so that neither variables nor files
of the folder it is started in have a say in what it imports. It imports nothing of the package.
PyTorch's restricted reader (`weights_only=True`) builds tensors and plain containers only; a
pickle that asks for anything else is refused before that is looked up. Should the reader have a
hole or crash, it is this process that falls, without the caller's memory.

Prints one JSON object: `{"sizes": {name: bytes}}`, or `{"refused": ...}` where the file holds other
things than tensors, or `{"unreadable": ...}`.
"""

from __future__ import annotations

import json
import re
import sys
import zipfile
from typing import Any


def main(search: str, source: str, target: str) -> None:
    """Convert one file; `search` is a JSON list, where modules are found."""
    sys.path[:] = json.loads(search)
    print(json.dumps(_converted(source, target)))


def _converted(source: str, target: str) -> dict[str, Any]:
    import torch
    from safetensors.torch import save_file

    try:
        # Files of before PyTorch 1.6 are no archives, and cannot be mapped into memory.
        state = torch.load(
            source, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(source)
        )
    except Exception as error:
        return _failure(error)
    if fault := _fault(state):
        return {"refused": fault}
    tensors, seen = {}, set()
    for name, tensor in state.items():
        own = tensor.detach().contiguous()
        storage = own.untyped_storage()
        # Tied weights share memory, and a slice keeps the whole: safetensors takes neither.
        if storage.data_ptr() in seen or storage.nbytes() != own.nbytes:
            own = own.clone()
        seen.add(own.untyped_storage().data_ptr())
        tensors[name] = own
    try:
        save_file(tensors, target, metadata={"format": "pt"})
    except (KeyError, ValueError) as error:  # a type of numbers that safetensors does not have
        return {"refused": f"it cannot be written as safetensors ({error})"}
    return {"sizes": {name: tensor.nbytes for name, tensor in tensors.items()}}


def _fault(state: object) -> str | None:
    """What is in the way of writing this as named tensors; None where nothing is."""
    import torch

    if not isinstance(state, dict):
        return f"it is a {type(state).__name__}, not a table of names and tensors"
    for name, value in state.items():
        if not isinstance(name, str):
            return f"its key {name!r} is no name"
        if not isinstance(value, torch.Tensor):
            return f"its entry {name!r} is a {type(value).__name__}, not a tensor"
        if value.layout is not torch.strided or value.is_quantized or value.is_meta:
            return f"its entry {name!r} is a sparse, quantised or empty tensor"
    return None


def _failure(error: Exception) -> dict[str, str]:
    """What the reader said, without its advice to read the file unsafely."""
    text = " ".join(str(error).split())
    if asked := re.search(r"GLOBAL (\S+)", text):
        return {"refused": f"it asks for {asked[1]}, which a file of weights has no need of"}
    text = text.rpartition("WeightsUnpickler error: ")[2]
    kind = type(error).__name__
    return {"unreadable": f"{kind}: {text[:200]}"}


if __name__ == "__main__":
    main(*sys.argv[1:])
