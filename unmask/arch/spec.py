"""What an architecture file declares."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar, cast

from unmask.arch.published import PublishedConfig
from unmask.arch.weights import Rule
from unmask.errors import UnsupportedModel
from unmask.nn.config import (
    EncoderConfig,
    HeadConfig,
    LMHeadConfig,
    PretrainingHeadConfig,
    SequenceHeadConfig,
)
from unmask.tokens.roles import Role
from unmask.tokens.tokenizer import ENCODER_ROLES

__all__ = ["Arch", "Head", "HeadKind", "PublishedConfig"]

HeadKind = Literal["encoder", "lm", "pretraining", "sequence", "token", "span", "discriminator"]
"""What a model ends in: nothing; or a head that predicts tokens, predicts tokens and what a pair of
texts is, scores whole sequences, scores labels for each token, finds the ends of an answer, or
tells replaced tokens."""

C = TypeVar("C", bound=PublishedConfig)
Rules = tuple[Rule, ...] | Callable[[Any], tuple[Rule, ...]]
"""A weight table; a function of the config where names or shapes depend on it."""


OLD_ENDINGS: Mapping[str, str] = {
    "LayerNorm.gamma": "LayerNorm.weight",
    "LayerNorm.beta": "LayerNorm.bias",
}
"""What the first checkpoints of BERT's line call a norm's weight and bias."""


@dataclass(frozen=True, kw_only=True)
class Head(Generic[C]):
    """What one kind of model has besides the encoder.

    Attributes:
        suffix: of the published class, after the architecture's stem: "ForMaskedLM".
        record: config and label names to the head's record; None for the bare encoder.
        weights: rules for the head.
        prefix: what stands before the encoder's names in this class, where it is not as usual.
    """

    suffix: str
    record: Callable[[C, tuple[str, ...]], HeadConfig] | None
    weights: Rules = ()
    prefix: str | None = None


@dataclass(frozen=True, kw_only=True)
class Arch(Generic[C]):
    """One architecture as a declaration.

    Attributes:
        name: what it is called here, and its file.
        configs: the closed schema of `config.json` for each `model_type` that is opened; a new
            model has the first.
        stems: what the published classes of each `model_type` are called, before the head's
            suffix. Empty where there is no published form.
        encoder: config to encoder record.
        heads: what each kind of model has besides.
        sized: a config from (layers, width, heads), a vocabulary size and special token ids.
        prefix: what stands before the encoder's names in a checkpoint with a head.
        weights: rules for the encoder.
        old_endings: endings of weight names in old checkpoints, and what they are called now.
        own_heads: kinds of models that have no published class: they are saved in our own format.
        also: published classes that are opened, and as what, where they are of no kind of head or
            the head of that kind is not all there.
        token_ids: ids that the published config repeats from the tokenizer, by role.
        roles: special tokens that its tokenizer must have.
    """

    name: str
    configs: Mapping[str, type[C]]
    stems: Mapping[str, str]
    encoder: Callable[[C], EncoderConfig]
    heads: Mapping[HeadKind, Head[C]]
    sized: Callable[..., C]
    prefix: str
    weights: Rules
    old_endings: Mapping[str, str] = field(default_factory=lambda: OLD_ENDINGS)
    own_heads: Mapping[HeadKind, Head[C]] = field(default_factory=dict)
    also: Mapping[str, HeadKind] = field(default_factory=dict)
    token_ids: Mapping[str, Role]
    roles: tuple[Role, ...] = ENCODER_ROLES

    def parse(self, raw: Mapping[str, Any]) -> C:
        """A published `config.json`. Raises UnsupportedModel."""
        return self._schema(raw).parse(raw)

    def check(self, fields: Mapping[str, Any]) -> C:
        """The fields of a config under our names. Raises UnsupportedModel."""
        return self._schema(fields).check(fields)

    def _schema(self, fields: Mapping[str, Any]) -> type[C]:
        return self.configs.get(str(fields.get("model_type")), next(iter(self.configs.values())))

    def head(self, kind: HeadKind, config: C, labels: tuple[str, ...] = ()) -> HeadConfig | None:
        """The record of a head; None for the bare encoder.

        Raises:
            UnsupportedModel: the architecture has no such head, or not with this config.
        """
        record = self._head(kind).record
        return None if record is None else record(config, labels)

    def lm_head(self, config: C) -> LMHeadConfig:
        """The record of the language-model head; see `head`."""
        return cast(LMHeadConfig, self.head("lm", config))

    def pretraining_head(self, config: C) -> PretrainingHeadConfig:
        """The record of the two heads for pairs of texts; see `head`."""
        return cast(PretrainingHeadConfig, self.head("pretraining", config))

    def sequence_head(self, config: C, labels: tuple[str, ...]) -> SequenceHeadConfig:
        """The record of the head over sequences; see `head`."""
        return cast(SequenceHeadConfig, self.head("sequence", config, labels))

    def rules(self, config: C, kind: HeadKind) -> tuple[Rule, ...]:
        """The weight table of a whole model. The head's part comes first: it may open what is set
        aside for others."""
        return self.head_rules(config, kind) + self.encoder_rules(config)

    def encoder_rules(self, config: C) -> tuple[Rule, ...]:
        """The part of the weight table that is the encoder's."""
        return resolved(self.weights, config)

    def head_rules(self, config: C, kind: HeadKind) -> tuple[Rule, ...]:
        """The part of the weight table that is the head's."""
        return resolved(self._head(kind).weights, config)

    def prefix_of(self, kind: HeadKind) -> str:
        """What stands before the encoder's names in a model of this kind."""
        own = self._head(kind).prefix
        return self.prefix if own is None else own

    def class_of(self, config: C, kind: HeadKind) -> str:
        """The published class of a model.

        Raises:
            UnsupportedModel: there is none.
        """
        if config.model_type not in self.stems or kind in self.own_heads:
            what = f" for a {kind}" if kind in self.own_heads else ""
            raise UnsupportedModel(
                f"{self.name} has no published format{what}: save it with format='unmask'"
            )
        return self.stems[config.model_type] + self._head(kind).suffix

    def opened_as(self, config: C) -> dict[str, tuple[HeadKind, ...]]:
        """Every published class that is opened, and as what; the kind to try first comes first."""
        own = {self.class_of(config, kind): (kind,) for kind in self.heads}
        return own | {name: (*own.get(name, ()), kind) for name, kind in self.also.items()}

    @property
    def all_heads(self) -> Mapping[HeadKind, Head[C]]:
        """With published classes or without."""
        return {**self.heads, **self.own_heads}

    def _head(self, kind: HeadKind) -> Head[C]:
        heads = self.all_heads
        if kind not in heads:
            raise UnsupportedModel(
                f"the head must be one that {self.name} has, {', '.join(heads)}, not {kind!r}"
            )
        return heads[kind]


def resolved(rules: Rules, config: PublishedConfig) -> tuple[Rule, ...]:
    """The rules for a config."""
    return rules(config) if callable(rules) else rules
