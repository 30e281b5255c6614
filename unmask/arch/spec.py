"""What an architecture file declares."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Generic, Literal, TypeVar

from unmask.arch.published import PublishedConfig
from unmask.arch.weights import Rule
from unmask.nn.config import EncoderConfig, LMHeadConfig, SequenceHeadConfig
from unmask.tokens.roles import Role

__all__ = ["Arch", "HeadKind", "PublishedConfig"]

HeadKind = Literal["encoder", "lm", "sequence"]
"""What a model ends in: nothing, a language-model head, a sequence head."""

C = TypeVar("C", bound=PublishedConfig)


@dataclass(frozen=True, kw_only=True)
class Arch(Generic[C]):
    """One architecture as a declaration.

    Attributes:
        name: its `model_type`.
        config: the closed schema of its `config.json`.
        encoder: config to encoder record.
        lm_head: config to language-model head record.
        sequence_head: config and label names to sequence head record.
        sized: a config from (layers, width, heads), a vocabulary size and special token ids.
        prefix: what stands before the encoder's names in a checkpoint with a head.
        weights: rules for the encoder; `lm_weights` and `sequence_weights` for the heads.
        old_endings: endings of weight names in old checkpoints, and what they are called now.
        classes: the published class that is written for the bare encoder and for each head.
        also: further published classes that are opened, and as what.
        token_ids: ids that the published config repeats from the tokenizer, by role.
    """

    name: str
    config: type[C]
    encoder: Callable[[C], EncoderConfig]
    lm_head: Callable[[C], LMHeadConfig]
    sequence_head: Callable[[C, tuple[str, ...]], SequenceHeadConfig]
    sized: Callable[..., C]
    prefix: str
    weights: tuple[Rule, ...]
    lm_weights: tuple[Rule, ...]
    sequence_weights: tuple[Rule, ...]
    old_endings: Mapping[str, str] = field(default_factory=dict)
    classes: Mapping[HeadKind, str]
    also: Mapping[str, HeadKind] = field(default_factory=dict)
    token_ids: Mapping[str, Role]

    def head_weights(self, kind: HeadKind) -> tuple[Rule, ...]:
        """The rules of one head; none for the bare encoder."""
        return {"encoder": (), "lm": self.lm_weights, "sequence": self.sequence_weights}[kind]

    def opened_as(self) -> dict[str, HeadKind]:
        """Every published class that is opened, and as what."""
        return {name: kind for kind, name in self.classes.items()} | dict(self.also)
