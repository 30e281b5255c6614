"""Folders of pickled weights as folders of safetensors. Nothing is unpickled in this process."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path, PurePosixPath

from unmask.checkpoint.jsonfile import write_json
from unmask.checkpoint.modelfiles import is_pickle
from unmask.checkpoint.weightfiles import INDEX, PICKLED, PICKLED_INDEX, SINGLE, shard_table
from unmask.errors import CheckpointError, CorruptCheckpoint, UnsupportedModel

_SCRIPT = Path(__file__).with_name("unpickle.py")


def unpickled(source: Path, files: Collection[str], target: Path) -> None:
    """Write files of a folder into another, pickled weights as safetensors and the rest as it is.

    Names, types and bits of the tensors stay; tied ones are written out each.

    Args:
        source: the folder.
        files: relative paths, as `files_of_model` gives them.
        target: an empty folder.

    Raises:
        UnsupportedModel: a file holds other things than tensors. Nothing in it was run.
        CorruptCheckpoint: a file cannot be read, or the index does not fit its files.
        CheckpointError: the reading process was ended, such as for want of memory.
    """
    sizes: dict[str, int] = {}
    for file in files:
        path = target / file
        path.parent.mkdir(exist_ok=True)
        if is_pickle(file):
            sizes |= _converted(source / file, target / _renamed(file))
        elif file != PICKLED_INDEX:
            shutil.copyfile(source / file, path)
    if PICKLED_INDEX in files:
        table = shard_table(source / PICKLED_INDEX, ".bin")
        whole = sum(sizes.get(name, 0) for name in table)
        shards = {name: _renamed(file) for name, file in table.items()}
        write_json(target / INDEX, {"metadata": {"total_size": whole}, "weight_map": shards})


def _renamed(file: str) -> str:
    """What a file of pickled weights is called as safetensors."""
    path = PurePosixPath(file)
    if path.name == PICKLED:
        return str(path.with_name(SINGLE))
    return str(path.with_name(f"model{path.stem.removeprefix('pytorch_model')}.safetensors"))


def _converted(source: Path, target: Path) -> dict[str, int]:
    """Have another process write `source` as `target`; the bytes of each tensor by its name."""
    # The caller's own search path, so that the same PyTorch is found; without the entry that
    # stands for whatever folder a process was started in.
    search = json.dumps([os.path.abspath(entry) for entry in sys.path if entry])
    command = [
        sys.executable,
        "-I",
        str(_SCRIPT),
        search,
        os.path.abspath(source),
        os.path.abspath(target),
    ]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    try:
        answer = json.loads(done.stdout) if done.returncode == 0 else None
    except ValueError:
        answer = None
    match answer:
        case {"sizes": dict(sizes)}:
            return sizes
        case {"refused": str(reason)}:
            raise UnsupportedModel(
                f"{source} must hold tensors by name and nothing else, but {reason}. Nothing in it "
                "was run, and nothing was written. Get the model from a source that you trust, as "
                "safetensors"
            )
        case {"unreadable": str(reason)}:
            raise CorruptCheckpoint(
                f"{source} cannot be read as weights ({reason}). Get the file again"
            )
    ended = f"by signal {-done.returncode}" if done.returncode < 0 else f"with {done.returncode}"
    last = (done.stderr.strip().splitlines() or ["no message"])[-1]
    raise CheckpointError(
        f"the process that reads {source} ended {ended}: {last[:300]}. Check the memory and the "
        "disk, and start again"
    )
