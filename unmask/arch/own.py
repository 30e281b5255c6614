"""Heads that an architecture has in our own format alone, since none was ever published for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from unmask.arch.spec import Head, HeadKind
from unmask.arch.weights import Rename, project_rule
from unmask.nn.config import TokenHeadConfig, TransformConfig


def discriminator(transform: Callable[[Any], TransformConfig]) -> Mapping[HeadKind, Head[Any]]:
    """A head that tells replaced tokens.

    Args:
        transform: from a config to what stands before its last layer.
    """

    def record(c: Any, labels: tuple[str, ...]) -> TokenHeadConfig:
        return TokenHeadConfig(task="discriminator", transform=transform(c))

    return {
        "discriminator": Head(
            suffix="",
            record=record,
            weights=(
                Rename("head.transform.dense.*", "replaced.dense.*"),
                Rename("head.transform.norm.*", "replaced.norm.*"),
                project_rule("replaced.score"),
            ),
        )
    }
