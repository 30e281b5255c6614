"""How a model's activations become bytes, stored beside its weights.

`int8.safetensors` holds the ranges, `int8.json` how near the vectors came to those of float32 when
they were found, and for which weights that was. The vectors compared are means of hidden states,
however the model pools, and `int8.json` says so. Other libraries read neither file.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch

from unmask.checkpoint.jsonfile import read_json, render_json
from unmask.checkpoint.tensors import load_tensors
from unmask.checkpoint.weightfiles import write_weights
from unmask.errors import CorruptCheckpoint
from unmask.nn.encoder import Encoder
from unmask.nn.int8 import Calibration, Quality, Site, weights_digest

RANGES = "int8.safetensors"
QUALITY = "int8.json"
PARTS = ("smooth", "scale", "zero")
_MEND = f"Copy the folder again, or remove {RANGES} and {QUALITY} to have the ranges found anew"


def calibration_of(encoder: Encoder) -> Calibration | None:
    """What was found for an encoder; None where its weights were changed since."""
    found = encoder.calibration
    return found if found is not None and found.weights == weights_digest(encoder) else None


def write_calibration(folder: Path, calibration: Calibration | None) -> None:
    """Write both files; None writes nothing."""
    if calibration is None:
        return
    tensors: dict[str, torch.Tensor] = {}
    for name, site in calibration.sites.items():
        tensors[f"{name}.smooth"] = site.smooth
        tensors[f"{name}.scale"] = torch.tensor(site.scale, dtype=torch.float64)
        tensors[f"{name}.zero"] = torch.tensor(site.zero, dtype=torch.int64)
    write_weights(folder / RANGES, tensors)
    quality = calibration.quality
    said = {
        "smallest_cosine": quality.smallest,
        "mean_cosine": quality.mean,
        "texts": quality.texts,
        "of": "means of hidden states, whatever the model pools by",
        "weights_sha256": calibration.weights,
    }
    (folder / QUALITY).write_bytes(render_json(said))


def read_calibration(folder: Path, widths: Mapping[str, int]) -> Calibration | None:
    """What `write_calibration` wrote; None where the folder has none.

    Args:
        folder: of the weights.
        widths: inputs of every linear layer of the encoder, by its name.

    Raises:
        CorruptCheckpoint: one of the files is missing or broken, or they are another model's.
    """
    here = [(folder / name).is_file() for name in (RANGES, QUALITY)]
    if not any(here):
        return None
    if not all(here):
        raise CorruptCheckpoint(f"{folder} must hold both {RANGES} and {QUALITY}, or none. {_MEND}")
    tensors = load_tensors(folder / RANGES)
    found = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    wanted = {
        f"{name}.{part}": (width,) if part == "smooth" else ()
        for name, width in widths.items()
        for part in PARTS
    }
    if found != wanted:
        odd = sorted(found.items() ^ wanted.items())[0]
        raise CorruptCheckpoint(
            f"{folder / RANGES} must fit the model beside it, but {odd[0]} of shape {odd[1]} is in "
            f"only one of them. {_MEND}"
        )
    sites = {
        name: Site(*_checked(folder, name, *(tensors[f"{name}.{part}"] for part in PARTS)))
        for name in widths
    }
    return Calibration(sites, *_said(folder / QUALITY))


def _checked(
    folder: Path, name: str, smooth: torch.Tensor, scale: torch.Tensor, zero: torch.Tensor
) -> tuple[torch.Tensor, float, int]:
    usable = bool((smooth.isfinite() & (smooth > 0)).all()) and 0 < scale.item() < float("inf")
    if not usable or not 0 <= zero.item() <= 255:
        raise CorruptCheckpoint(
            f"{folder / RANGES} must hold positive scales and a byte for zero, but {name} has "
            f"scale {scale.item()} and zero {zero.item()}, and scales of channels from "
            f"{float(smooth.min())}. {_MEND}"
        )
    return smooth.float(), float(scale), int(zero)


def _said(path: Path) -> tuple[Quality, str]:
    """How good the ranges are, and the digest of their weights; of old files that is empty."""
    said = read_json(path)
    try:
        smallest, mean = float(said["smallest_cosine"]), float(said["mean_cosine"])
        return Quality(smallest, mean, int(said["texts"])), str(said.get("weights_sha256", ""))
    except (KeyError, TypeError, ValueError) as error:
        raise CorruptCheckpoint(
            f"{path} must say smallest_cosine, mean_cosine and texts as numbers: {error!r}. {_MEND}"
        ) from None
