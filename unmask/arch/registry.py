"""Every architecture that is served, its sizes, and how a model is built from a config."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from unmask.arch.albert import ALBERT
from unmask.arch.bert import BERT
from unmask.arch.deberta_v2 import DEBERTA_V2
from unmask.arch.decoder import DECODER
from unmask.arch.distilbert import DISTILBERT
from unmask.arch.electra import ELECTRA
from unmask.arch.elmo import ELMO
from unmask.arch.modernbert import MODERNBERT
from unmask.arch.mpnet import MPNET
from unmask.arch.roberta import ROBERTA
from unmask.arch.spec import Arch, PublishedConfig
from unmask.errors import UnsupportedModel

ARCHS: Mapping[str, Arch[Any]] = {
    arch.name: arch
    for arch in (
        BERT,
        ROBERTA,
        DISTILBERT,
        ELECTRA,
        ALBERT,
        MPNET,
        DEBERTA_V2,
        MODERNBERT,
        DECODER,
        ELMO,
    )
}
# A `model_type` names its architecture too.
TYPES: Mapping[str, Arch[Any]] = {kind: arch for arch in ARCHS.values() for kind in arch.configs}

# Layers, width, heads. The first four are the miniatures of Turc et al. 2019, with heads of 64.
SIZES: Mapping[str, tuple[int, int, int]] = {
    "tiny": (2, 128, 2),
    "mini": (4, 256, 4),
    "small": (4, 512, 8),
    "medium": (8, 512, 8),
    "base": (12, 768, 12),
}
# ModernBERT's own base is deeper.
OWN_SIZES: Mapping[tuple[str, str], tuple[int, int, int]] = {("modernbert", "base"): (22, 768, 12)}


def arch_of(name: str) -> Arch[Any]:
    """An architecture by its name, or by a `model_type` that it opens.

    Raises:
        UnsupportedModel: it is not served; the message lists those that are.
    """
    if found := ARCHS.get(name) or TYPES.get(name):
        return found
    known = ", ".join(dict.fromkeys((*ARCHS, *TYPES)))
    raise UnsupportedModel(f"the architecture must be one of {known}, not {name!r}")


def size_of(arch: str, size: str) -> tuple[int, int, int]:
    """Layers, width and heads of a size: a name, or `LAYERSxWIDTH` such as `3x128`.

    Raises:
        UnsupportedModel: neither a known name nor two numbers, or a width not divisible by 64.
    """
    if size in SIZES:
        return OWN_SIZES.get((arch, size), SIZES[size])
    layers, _, width = size.partition("x")
    if (
        layers.isdecimal()
        and width.isdecimal()
        and int(layers) > 0
        and int(width) % 64 == 0 < int(width)
    ):
        return int(layers), int(width), int(width) // 64
    raise UnsupportedModel(
        f"the size must be one of {', '.join(SIZES)} or LAYERSxWIDTH with a width that is a "
        f"multiple of 64, such as 3x128, not {size!r}"
    )


def sized_config(arch: str, size: str, **settings: Any) -> PublishedConfig:
    """A new config of an architecture in a size.

    Args:
        settings: `vocab_size`, `context`, `pad_token_id`, and what the architecture adds.
    """
    config: PublishedConfig = arch_of(arch).sized(*size_of(arch, size), **settings)
    return config
