"""A model's weights on disk: one safetensors file, or several and an index. Never pickle."""

from __future__ import annotations

import os
import shlex
from collections.abc import Collection, Mapping
from functools import reduce
from pathlib import Path, PurePath

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from unmask.checkpoint.jsonfile import read_json
from unmask.checkpoint.tensors import load_tensors
from unmask.errors import CorruptCheckpoint, ModelError, UnsupportedModel

SINGLE = "model.safetensors"
INDEX = "model.safetensors.index.json"

# Pickle, which can run code when it is read: `unmask convert` makes safetensors of it.
PICKLED = "pytorch_model.bin"
PICKLED_INDEX = "pytorch_model.bin.index.json"
# What else a published folder may hold.
_OTHERS = ("tf_model.h5", "flax_model.msgpack", "model.ckpt.index")
# What the headers of safetensors files call the types that a model may have.
_FLOATS = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
}
FLOATS = frozenset(_FLOATS.values())


def read_weights(folder: Path) -> dict[str, torch.Tensor]:
    """Every tensor of a model folder by its name in the files, on the CPU, as stored.

    Raises:
        UnsupportedModel: there are weights, but in no safetensors file.
        ModelError: there are none, or a file that the index names is missing.
        CorruptCheckpoint: a file cannot be read, or the index and its files disagree.
    """
    if _is_sharded(folder):
        return _read_shards(folder)
    return load_tensors(folder / SINGLE)


def stored_types(folder: Path) -> dict[str, str]:
    """The type of every tensor of a model folder, by names, as the files' headers call it.

    Only headers are read: "F32", "BF16" and so on cost a page of each file, not its weights.

    Raises:
        As in `read_weights`, but what an index says of its files is not compared with them.
    """
    table = shard_table(folder / INDEX, ".safetensors") if _is_sharded(folder) else {}
    types: dict[str, str] = {}
    for file in sorted(set(table.values())) or [SINGLE]:
        try:
            with safe_open(folder / file, framework="pt") as header:
                names = header.keys()
                types |= {name: header.get_slice(name).get_dtype() for name in names}
        except (SafetensorError, OSError, ValueError) as error:
            raise CorruptCheckpoint(
                f"{folder / file} is not a readable safetensors file: {error}. Copy the folder "
                "again"
            ) from error
    return types


def stored_dtype(folder: Path) -> torch.dtype:
    """The type that holds every weight of a model folder as it is stored.

    That is the type they have; where there are several, the narrowest that loses nothing of any:
    float32 for bfloat16 beside float16. Integers do not count, and float32 is that of no weights.

    Raises:
        As in `stored_types`.
    """
    names = set(stored_types(folder).values())
    several = [_FLOATS[name] for name in sorted(names & _FLOATS.keys())]
    return reduce(torch.promote_types, several) if several else torch.float32


def _is_sharded(folder: Path) -> bool:
    """Whether the weights are in several files and an index, rather than in one file.

    Raises:
        UnsupportedModel, ModelError: there is neither.
    """
    for name in (SINGLE, INDEX):
        if os.path.lexists(folder / name) and not (folder / name).is_file():
            raise ModelError(
                f"{folder / name} must be a file, or a link to one, but is a folder, a device or a "
                "link that leads nowhere. Copy the folder again"
            )
    if (folder / SINGLE).is_file():
        return False
    if (folder / INDEX).is_file():
        return True
    if other := refusal([item.name for item in folder.iterdir()], str(folder)):
        raise other
    raise ModelError(
        f"{folder} holds no weights: neither {SINGLE} nor {INDEX} is there. Copy the folder again"
    )


def refusal(names: Collection[str], where: str) -> UnsupportedModel | None:
    """The error that says what to do about weights that are not read; None where there are none.

    Args:
        names: of the files there.
        where: a folder or a name on the Hub, as `unmask convert` takes it.
    """
    if pickle := next((name for name in (PICKLED, PICKLED_INDEX) if name in names), None):
        return UnsupportedModel(
            f"{where} holds its weights as {pickle}, and only safetensors files are read: pickle "
            f"can run code. Convert it once, safely: unmask convert {shlex.quote(where)} --out DIR"
        )
    if other := next((name for name in _OTHERS if name in names), None):
        return UnsupportedModel(
            f"{where} holds its weights as {other}, and only safetensors files are read. Open it "
            "with transformers once, AutoModel.from_pretrained(...), with the class that its "
            "config.json names, and save it again with save_pretrained(...): that writes "
            f"{SINGLE}"
        )
    return None


def check_finite(tensors: Mapping[str, torch.Tensor]) -> None:
    """Check that no weight is NaN or infinite: each text would get NaN for an answer.

    Raises:
        ModelError: one is; the message names the first such tensor.
    """
    for name, tensor in tensors.items():
        # Both bounds in one pass, and NaN is the bound of whatever holds one.
        if tensor.numel() and not all(map(torch.isfinite, tensor.aminmax())):
            raise ModelError(
                f"weights must be finite numbers, but {name} holds a NaN or an infinity as "
                f"{str(tensor.dtype).removeprefix('torch.')}. Copy the folder again; if it is as "
                "it was saved, its training diverged, or this type is too narrow for it"
            )


def write_weights(path: Path, tensors: Mapping[str, torch.Tensor]) -> None:
    """Write one safetensors file, with the mark that `transformers` looks for."""
    own = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    # Pieces of one fused matrix share its memory, which safetensors refuses.
    separate = {
        name: tensor.clone() if tensor.untyped_storage().nbytes() > tensor.nbytes else tensor
        for name, tensor in own.items()
    }
    save_file(separate, path, metadata={"format": "pt"})


def shard_table(index: Path, ending: str) -> dict[str, str]:
    """The table of an index: for the name of each tensor the file of the same folder that has it.

    Raises:
        ModelError: a file is missing.
        CorruptCheckpoint: there is no such table, or it names something else than files of the
            folder with this ending.
    """
    document = read_json(index)
    table = document.get("weight_map") if isinstance(document, dict) else None
    if not isinstance(table, dict) or not all(isinstance(f, str) for f in table.values()):
        raise CorruptCheckpoint(f"{index} has no table weight_map of names to files")
    files = sorted(set(table.values()))
    for file in files:
        if PurePath(file).name != file or not file.endswith(ending):
            raise CorruptCheckpoint(
                f"{index} names {file!r}, which is no {ending.lstrip('.')} file of the same folder"
            )
    if missing := [file for file in files if not (index.parent / file).is_file()]:
        raise ModelError(
            f"{index.parent} lacks {', '.join(missing)}, which {index.name} names. Copy these "
            "files too"
        )
    return table


def _read_shards(folder: Path) -> dict[str, torch.Tensor]:
    """The tensors of all the files that the index names, which must hold what it says."""
    table = shard_table(folder / INDEX, ".safetensors")
    files = sorted(set(table.values()))
    tensors: dict[str, torch.Tensor] = {}
    for file in files:
        found = load_tensors(folder / file)
        said = {name for name, place in table.items() if place == file}
        if found.keys() != said:
            names = ", ".join(sorted(found.keys() ^ said)[:12])
            raise CorruptCheckpoint(
                f"{folder / file} and {INDEX} disagree on: {names}. They are not from one save"
            )
        tensors |= found
    return tensors
