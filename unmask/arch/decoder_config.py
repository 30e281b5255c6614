"""The `config.json` of Llama- and Qwen2-shaped folders, in the current and the previous format."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from unmask.arch.published import Count, HiddenAct, Positive, Share, TransformerConfig
from unmask.arch.rope import LayerType, RopeParameters, checked_base
from unmask.nn.config import Pooling

BASE = 10_000.0  # of the rotary positions, where a file does not say


class DecoderConfig(TransformerConfig):
    """What the two shapes share, and `classifier_pooling`, which is ours."""

    READ_OVER: ClassVar[frozenset[str]] = frozenset({"pretraining_tp"})
    ONLY: ClassVar[Mapping[str, Any]] = {
        "is_llama_config": True,
        "rope_interleaved": False,
        "use_mrope": False,
    }

    num_key_value_heads: Count | None = None
    hidden_act: HiddenAct = "silu"
    rms_norm_eps: Positive = 1e-6
    rope_parameters: RopeParameters = RopeParameters(rope_theta=BASE)
    attention_dropout: Share = 0.0
    tie_word_embeddings: bool = False
    classifier_dropout: Share | None = None
    classifier_pooling: Pooling = "last"
    head_dim: Count | None = None

    @model_validator(mode="before")
    @classmethod
    def _read_previous_format(cls, raw: Mapping[str, Any]) -> dict[str, Any]:
        """`rope_theta` by itself, as the previous format has it; the current one counts."""
        fields = dict(raw)
        base = checked_base(fields, "rope_theta", BASE)
        rope = fields.get("rope_parameters")
        if rope is None or isinstance(rope, Mapping):
            fields["rope_parameters"] = {"rope_theta": base, **(rope or {})}
        return fields

    @model_validator(mode="after")
    def _check_sharing(self) -> Self:
        if self.num_attention_heads % self.key_heads:
            raise ValueError(
                f"num_key_value_heads={self.key_heads} must divide "
                f"num_attention_heads={self.num_attention_heads}"
            )
        width = self.head_dim or self.hidden_size // self.num_attention_heads
        if width % 2:
            raise ValueError(
                f"rotary positions turn pairs, so head_dim must be even, but a head has {width}"
            )
        return self

    @model_validator(mode="after")
    def _check_ends(self) -> Self:
        """Generation stops at these ids, and without a word never would at one that is not there.

        A default is not checked: tokenizers of few words lack it, and then nothing ends a text.
        """
        ends = self.eos_token_id if "eos_token_id" in self.model_fields_set else None
        for end in ends if isinstance(ends, list) else [0 if ends is None else ends]:
            if not 0 <= end < self.vocab_size:
                raise ValueError(
                    f"eos_token_id={end} must lie between 0 and {self.vocab_size - 1}, the last "
                    "row of the token table"
                )
        return self

    @property
    def key_heads(self) -> int:
        """Heads of keys and of values."""
        return self.num_key_value_heads or self.num_attention_heads


class LlamaConfig(DecoderConfig):
    """The fields of a published Llama `config.json`."""

    model_type: Literal["llama"] = "llama"
    max_position_embeddings: Count = 2048
    bos_token_id: int | None = 1
    eos_token_id: int | list[int] | None = 2
    attention_bias: bool = False
    mlp_bias: bool = False


class Qwen2Config(DecoderConfig):
    """The fields of a published Qwen2 `config.json`."""

    model_type: Literal["qwen2"] = "qwen2"
    max_position_embeddings: Count = 32768
    num_key_value_heads: Count | None = 32
    use_sliding_window: bool = False
    sliding_window: Count | None = 4096
    max_window_layers: int = 28
    layer_types: tuple[LayerType, ...] | None = Field(None, strict=False)

    @model_validator(mode="after")
    def _check_layers(self) -> Self:
        if self.layer_types is not None and len(self.layer_types) != self.num_hidden_layers:
            raise ValueError(
                f"layer_types must name every layer, but has {len(self.layer_types)} entries for "
                f"num_hidden_layers={self.num_hidden_layers}"
            )
        return self


def windows(c: DecoderConfig) -> tuple[int | None, ...]:
    """For each layer how many tokens before it a token sees; None for all of them.

    The published window counts the token itself.
    """
    if not isinstance(c, Qwen2Config) or not c.use_sliding_window or c.sliding_window is None:
        return (None,) * c.num_hidden_layers
    kinds = c.layer_types or [
        "sliding_attention" if number >= c.max_window_layers else "full_attention"
        for number in range(c.num_hidden_layers)
    ]
    return tuple(c.sliding_window - 1 if kind == "sliding_attention" else None for kind in kinds)


def biases(c: DecoderConfig) -> tuple[bool, bool, bool]:
    """Whether queries, keys and values have biases; the projection back; the feed-forward block."""
    if isinstance(c, LlamaConfig):
        return c.attention_bias, c.attention_bias, c.mlp_bias
    return True, False, False
