"""How precisely a pipeline's encoder computes, and preparing it for that."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from importlib.util import find_spec
from itertools import chain
from pathlib import Path
from typing import Any, Literal

import torch
from torch.nn import functional as F

from unmask.batches.batch import Batch
from unmask.checkpoint.building import encoder_of
from unmask.checkpoint.folder import Opened
from unmask.checkpoint.int8 import read_calibration
from unmask.errors import ConfigError
from unmask.heads.pooling import pool_mean
from unmask.nn.encoder import Encoder
from unmask.nn.int8 import (
    Calibration,
    Quality,
    Sampler,
    Site,
    has_int8,
    inputs_of,
    weights_digest,
)
from unmask.nn.prepared import Precision, prepare, resolve
from unmask.pipelines.running import Fit, run
from unmask.text.docstrings import docstrings
from unmask.tokens.tokenizer import Tokenizer

# Modules of the standard library from whose docstrings the ranges for int8 are read, where a caller
# gives no texts: every installation has them, and they are plain English.
MODULES = (
    *("argparse", "datetime", "decimal", "difflib", "email.message", "heapq", "http.client"),
    *("logging", "random", "socket", "statistics", "subprocess", "tarfile", "threading"),
    *("typing", "urllib.request", "zipfile"),
)
TEXTS = 256
"""Texts that are read for the ranges."""
CANARIES = 16
"""Further texts, of which int8 must give nearly the vectors of float32, at least."""
COMPARED = 64
"""The most of them, where ranges are found and their quality is to be told."""
LEAST = 0.95
"""Smallest cosine between the two that is let pass. Rounding costs under 0.02; a kernel that is
wrong on a processor costs all."""

OWN: dict[torch.dtype, Literal["fp32", "bf16"]] = {torch.float32: "fp32", torch.bfloat16: "bf16"}
"""The precision that parameters of a type have of themselves."""


def make_fast(
    opened: Opened[Any],
    precision: Precision | None,
    *,
    batch_invariant: bool = False,
    calibration: Sequence[str] | None = None,
) -> None:
    """Prepare a model's encoder for inference, in place.

    Args:
        opened: the model, on its device, and its tokenizer.
        precision: of the products; None for what its parameters are, float32 or bf16, and for
            nothing at all where they are of another type.
        batch_invariant: whether a text's hidden states must be the same bits in any company.
        calibration: texts of the kind that will be read, for the ranges of int8; None for the
            ranges that were saved with the model, or else English texts.

    Raises:
        ConfigError: no such precision, one that parameters of this type cannot have, a recurrent
            encoder in another than fp32, texts for another precision than int8, or too few.
        CorruptCheckpoint: the ranges that were saved with the model cannot be read.
    """
    encoder = encoder_of(opened.model)
    weight = encoder.embedding.tokens.weight
    if calibration is not None and precision != "int8":
        raise ConfigError(f"calibration is for precision='int8', and precision is {precision!r}")
    own = OWN.get(weight.dtype)
    if precision is None and own is None:
        return
    named = resolve(precision or own or "auto", weight.device)
    if weight.dtype != torch.float32:
        # Norms and what else has parameters computes in their type alone.
        named = own if own is not None and precision == "auto" else named
        if named != own:
            raise ConfigError(
                f"precision={precision!r} needs parameters in float32, and they were opened in "
                f"{weight.dtype}. Leave dtype out, or precision"
            )
    if named != "int8":
        prepare(encoder, named, batch_invariant=batch_invariant)
        return
    reason = "this processor has no fast products of bytes"
    if has_int8(weight.device):
        found = _prepare_int8(encoder, opened, batch_invariant, calibration)
        if found.quality.smallest >= LEAST:
            encoder.calibration = found
            return
        reason = (
            f"its vectors have a cosine of {found.quality.smallest:.3f} to those of float32, where "
            f"{LEAST} is the least"
        )
    named = resolve("auto", weight.device)
    warnings.warn(f"int8 is not used, because {reason}; {named} is instead", stacklevel=3)
    prepare(encoder, named, batch_invariant=batch_invariant)


def _prepare_int8(
    encoder: Encoder,
    opened: Opened[Any],
    batch_invariant: bool,
    calibration: Sequence[str] | None,
) -> Calibration:
    """Products of bytes, by stored ranges where there are some; how well they do here and now."""
    texts = list(sample_texts() if calibration is None else calibration)
    if len(texts) < 2 * CANARIES:
        raise ConfigError(
            f"calibration must have at least {2 * CANARIES} texts, and {len(texts)} were given"
        )
    weights = weights_digest(encoder)
    stored = _stored(encoder, opened.path, weights) if calibration is None else None
    # A stored quality is of texts that are not here; these only show whether the kernel is right.
    most = CANARIES if stored is not None else min(COMPARED, len(texts) // 2)
    apart = set(range(0, len(texts), len(texts) // most)[:most])
    canaries = [texts[place] for place in sorted(apart)]
    texts = [text for place, text in enumerate(texts) if place not in apart]
    exact = _vectors(encoder, opened.tokenizer, canaries)
    sites = find_sites(encoder, opened.tokenizer, texts) if stored is None else stored.sites
    prepare(encoder, "int8", sites=sites, batch_invariant=batch_invariant)
    cosines = F.cosine_similarity(exact, _vectors(encoder, opened.tokenizer, canaries))
    # Not a number counts as the worst.
    least, mean = float(cosines.nan_to_num(-1.0).min()), float(cosines.nan_to_num(-1.0).mean())
    if stored is not None and least >= LEAST:
        return stored
    return Calibration(sites, Quality(least, mean, len(canaries)), weights)


def _stored(encoder: Encoder, folder: Path, weights: str) -> Calibration | None:
    """The ranges that were saved with a model; None where there are none for these weights."""
    stored = read_calibration(folder, inputs_of(encoder))
    if stored is None or stored.weights == weights:
        return stored
    warnings.warn(
        f"the ranges of int8 in {folder} were found for other weights than lie there, so they are "
        "found anew; save the model to keep them",
        stacklevel=5,
    )
    return None


def find_sites(encoder: Encoder, tokenizer: Tokenizer, texts: Sequence[str]) -> dict[str, Site]:
    """How the inputs of an encoder's linear layers become bytes, found by reading texts."""
    sampler = Sampler(encoder)
    try:
        _vectors(encoder, tokenizer, texts, lanes=1)  # a sampler keeps the order that it sees
    finally:
        sampler.close()
    with torch.inference_mode():
        return sampler.sites(encoder)


def sample_texts(modules: Sequence[str] = MODULES) -> list[str]:
    """First paragraphs of docstrings of the standard library, evenly over its modules."""
    found = []
    for name in modules:
        spec = find_spec(name)
        if spec is not None and spec.origin is not None:
            source = Path(spec.origin).read_bytes()
            found.append([text.partition("\n\n")[0] for _, text in docstrings(source, name)])
    most = -(-(TEXTS + COMPARED) // max(1, len(found)))
    distinct = dict.fromkeys(chain.from_iterable(texts[:most] for texts in found))
    return list(distinct)[: TEXTS + COMPARED]


def _vectors(
    encoder: Encoder, tokenizer: Tokenizer, texts: Sequence[str], lanes: int | None = None
) -> torch.Tensor:
    """`(N, D)` the mean hidden state of each text; of so many batches at once, see `run`."""
    fit = Fit(tokenizer.layout, encoder.config.context, "truncate", tokenizer.unk_id)
    rows = [fit(ids).rows[0] for ids in tokenizer.ids_stream(texts)]
    device = encoder.embedding.tokens.weight.device

    def read(batch: Batch) -> list[torch.Tensor]:
        return [*pool_mean(encoder(batch).float(), batch)]

    return torch.stack(run(rows, read, device, lanes=lanes))
