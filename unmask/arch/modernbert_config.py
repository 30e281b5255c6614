"""ModernBERT's `config.json`: the current published format, and the previous one read into it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self, get_args

from pydantic import Field, model_validator

from unmask.arch.published import Count, HiddenAct, Positive, Share, TransformerConfig
from unmask.arch.rope import LayerType, RopeParameters, checked_base

_GLOBAL_BASE, _LOCAL_BASE = 160_000.0, 10_000.0


class ModernBertConfig(TransformerConfig):
    """The fields of a published ModernBERT `config.json`, and `norm`, which is ours.

    Both published formats are read: the current one (`layer_types`, `rope_parameters`) and the
    previous (`global_attn_every_n_layers`, `global_rope_theta`, `local_rope_theta`). Where a file
    has both, the current fields count.
    """

    OWN: ClassVar[Mapping[str, str]] = {"norm": "choice of norm"}
    # The published base has this beside `norm_eps`, which is the one that counts.
    READ_OVER: ClassVar[frozenset[str]] = frozenset({"layer_norm_eps"})

    model_type: Literal["modernbert"] = "modernbert"
    hidden_activation: HiddenAct = "gelu"
    norm_eps: Positive = 1e-5
    norm_bias: bool = False
    pad_token_id: int | None = 50283
    bos_token_id: int | None = 50281
    eos_token_id: int | list[int] | None = 50282
    cls_token_id: int | None = 50281
    sep_token_id: int | None = 50282
    attention_bias: bool = False
    attention_dropout: Share = 0.0
    layer_types: tuple[LayerType, ...] = Field(strict=False)
    rope_parameters: dict[LayerType, RopeParameters]
    local_attention: Count = 128
    embedding_dropout: Share = 0.0
    mlp_bias: bool = False
    mlp_dropout: Share = 0.0
    decoder_bias: bool = True
    classifier_pooling: Literal["cls", "mean"] = "cls"
    classifier_dropout: Share = 0.0
    classifier_bias: bool = False
    classifier_activation: HiddenAct = "gelu"
    norm: Literal["layer", "rms"] = "layer"

    @model_validator(mode="before")
    @classmethod
    def _read_previous_format(cls, raw: Mapping[str, Any]) -> dict[str, Any]:
        """The previous format's three fields as the current format's two."""
        fields = dict(raw)
        every = fields.pop("global_attn_every_n_layers", 3)
        full = checked_base(fields, "global_rope_theta", _GLOBAL_BASE)
        # Null meant the other base, in the version of the format that had these fields.
        null = "local_rope_theta" in fields and fields["local_rope_theta"] is None
        sliding = full if null else checked_base(fields, "local_rope_theta", _LOCAL_BASE)
        fields.pop("local_rope_theta", None)
        bases = {"full_attention": full, "sliding_attention": sliding}
        alternating = _alternating(fields.get("num_hidden_layers"), every)
        if fields.get("layer_types") is None:
            fields["layer_types"] = alternating
        rope = fields.get("rope_parameters")
        if rope is None or isinstance(rope, Mapping):
            fields["rope_parameters"] = _completed(rope or {}, bases)
        return fields

    @model_validator(mode="after")
    def _check_layers(self) -> Self:
        if len(self.layer_types) != self.num_hidden_layers:
            raise ValueError(
                f"layer_types must name every layer, but has {len(self.layer_types)} entries for "
                f"num_hidden_layers={self.num_hidden_layers}"
            )
        if self.hidden_size // self.num_attention_heads % 2:
            raise ValueError(
                "rotary positions turn pairs, so hidden_size / num_attention_heads must be even, "
                f"not {self.hidden_size // self.num_attention_heads}"
            )
        return self


def _alternating(depth: Any, every: Any) -> list[LayerType]:
    """Layer 0 and every n-th after it see everything."""
    if type(every) is not int or every < 1:
        raise ValueError(f"global_attn_every_n_layers must be 1 or more, not {every!r}")
    # A depth that is none is reported under its own name.
    count = depth if type(depth) is int and 0 < depth <= 1000 else 0
    return ["sliding_attention" if i % every else "full_attention" for i in range(count)]


def _completed(rope: Mapping[str, Any], bases: Mapping[str, Any]) -> dict[str, Any]:
    """Rotary parameters of both kinds of layer; what the file leaves out comes from `bases`."""
    complete: dict[str, Any] = dict(rope)
    for kind in get_args(LayerType):
        given = complete.get(kind)
        if given is None or isinstance(given, Mapping):
            complete[kind] = {"rope_theta": bases[kind], **(given or {})}
    return complete
