"""The closed schema that a published `config.json` must fit."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from unmask.errors import UnsupportedModel, shown
from unmask.nn.config import Activation, Pooling

# No model is larger, and no size beyond overflows before the weights are compared with it.
Count = Annotated[int, Field(gt=0, le=1 << 28)]
Depth = Annotated[int, Field(gt=0, le=1000)]
Share = Annotated[float, Field(ge=0, lt=1)]
Positive = Annotated[float, Field(gt=0)]

HiddenAct = Literal[
    "gelu", "gelu_python", "gelu_new", "gelu_fast", "gelu_pytorch_tanh", "relu", "silu", "swish"
]
# Three published names are one function: the approximation of GELU by a hyperbolic tangent.
ACTIVATIONS: Mapping[HiddenAct, Activation] = {
    "gelu": "gelu",
    "gelu_python": "gelu",
    "gelu_new": "gelu_tanh",
    "gelu_fast": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "relu": "relu",
    "silu": "silu",
    "swish": "silu",
}

# Keys that change no number that is computed here: they are read over and not written back.
# Labels, `architectures` and a cross-encoder's activation are read where folders are opened.
HARMLESS = frozenset(
    {
        "_attn_implementation_autoset", "_commit_hash", "_name_or_path", "_num_labels",
        "architectures", "attn_implementation", "chunk_size_feed_forward",
        "deterministic_flash_attn", "directionality", "dtype", "finetuning_task",
        "gradient_checkpointing", "id2label", "initializer_cutoff_factor", "label2id",
        "name_or_path", "num_labels", "output_attentions", "output_hidden_states", "output_past",
        "pooler_fc_size", "pooler_num_attention_heads", "pooler_num_fc_layers",
        "pooler_size_per_head", "pooler_type", "problem_type", "reference_compile",
        "repad_logits_with_grad", "return_dict", "sparse_pred_ignore_index", "sparse_prediction",
        "sbert_ce_default_activation_function", "sentence_transformers",
        "task_specific_params", "tf_legacy_loss", "tie_last_hidden_states", "tokenizer_class",
        "torch_dtype", "torchscript", "transformers.js_config", "transformers_version", "use_cache",
        # Of text generation, which encoders do not do; older versions wrote them into every file.
        "bad_words_ids", "begin_suppress_tokens", "decoder_start_token_id", "diversity_penalty",
        "do_sample", "early_stopping", "encoder_no_repeat_ngram_size",
        "exponential_decay_length_penalty", "forced_bos_token_id", "forced_eos_token_id",
        "length_penalty", "max_length", "min_length", "no_repeat_ngram_size", "num_beam_groups",
        "num_beams", "num_return_sequences", "output_scores", "remove_invalid_values",
        "repetition_penalty", "return_dict_in_generate", "suppress_tokens", "temperature", "top_k",
        "top_p", "typical_p",
    }
)  # fmt: skip

# Keys that are read over at this value alone; any other is refused by name.
NEUTRAL: Mapping[str, Any] = {
    "add_cross_attention": False,
    "cross_attention_hidden_size": None,
    "is_decoder": False,
    "is_encoder_decoder": False,
    "per_layer_config": None,
    "position_embedding_type": "absolute",
    "prefix": None,
    "pruned_heads": {},
    "quantization_config": None,
    "rope_scaling": None,
    "tie_encoder_decoder": False,
    "use_bfloat16": False,
}


class PublishedConfig(BaseModel):
    """Fields that every published `config.json` shares. Frozen, closed, checked by type.

    A default is what `transformers` takes where the field is missing.

    Attributes:
        OWN: fields of ours that the published format does not have, and what they choose.
        READ_OVER: further keys of this architecture that change nothing.
        ONLY: further keys that are read over at this value alone, and refused at any other.
        THEIRS: what the published format calls a field, where it has another name for it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
    OWN: ClassVar[Mapping[str, str]] = {"classifier_pooling": "choice of pooling"}
    READ_OVER: ClassVar[frozenset[str]] = frozenset()
    ONLY: ClassVar[Mapping[str, Any]] = {}
    THEIRS: ClassVar[Mapping[str, str]] = {}

    model_type: str
    vocab_size: Count
    hidden_size: Count
    num_hidden_layers: Depth
    max_position_embeddings: Count
    pad_token_id: int | None = None
    bos_token_id: int | None = None
    eos_token_id: int | list[int] | None = None
    cls_token_id: int | None = None
    sep_token_id: int | None = None
    tie_word_embeddings: bool = True
    initializer_range: Positive = 0.02
    classifier_pooling: Pooling = "cls"

    @model_validator(mode="after")
    def _check_padding(self) -> Self:
        if self.pad_token_id is not None and self.pad_token_id >= self.vocab_size:
            raise ValueError(
                f"pad_token_id={self.pad_token_id} must be below vocab_size={self.vocab_size}"
            )
        return self

    @classmethod
    def parse(cls, raw: Mapping[str, Any]) -> Self:
        """A published `config.json`.

        Raises:
            UnsupportedModel: an unknown field, a field of the wrong type, or a value not served.
        """
        only = {**NEUTRAL, **cls.ONLY}
        for key, served in only.items():
            # Python's 0 equals its False, and JSON's does not.
            if key in raw and (raw[key] != served or type(raw[key]) is not type(served)):
                raise UnsupportedModel(
                    f"{key}={shown(raw[key])} in config.json is not served, only {served!r} is: "
                    "the model would compute something else"
                )
        over = HARMLESS | only.keys() | cls.READ_OVER
        ours = {theirs: our for our, theirs in cls.THEIRS.items()}
        if foreign := sorted(cls.THEIRS.keys() & raw.keys()):
            names = ", ".join(f"{our} is called {cls.THEIRS[our]}" for our in foreign)
            raise UnsupportedModel(f"in this config.json {names}: rename it")
        return cls.check({ours.get(key, key): raw[key] for key in raw if key not in over})

    @classmethod
    def check(cls, fields: Mapping[str, Any]) -> Self:
        """Fields to a config, with errors in our words.

        Raises:
            UnsupportedModel: see `parse`.
        """
        try:
            return cls.model_validate(dict(fields))
        except ValidationError as error:
            raise UnsupportedModel(_explain(cls, error)) from None

    def require_tied(self) -> None:
        """Check that the language-model head shares its last weights with the token table.

        Raises:
            UnsupportedModel: `tie_word_embeddings` is false.
        """
        if not self.tie_word_embeddings:
            raise UnsupportedModel(
                "the language-model head reads the token table backwards, but config.json has "
                "tie_word_embeddings=False: untied heads are not served"
            )

    def published(self) -> dict[str, Any]:
        """The fields as the published format has them.

        Raises:
            UnsupportedModel: a field that the published format lacks is not at its default.
        """
        defaults = {name: field.default for name, field in type(self).model_fields.items()}
        for name, what in sorted(self.OWN.items()):
            if (value := getattr(self, name)) != defaults[name]:
                raise UnsupportedModel(
                    f"the published {self.model_type} format has no {what}, and this model has "
                    f"{name}={value!r}: save it with format='unmask', or build it with "
                    f"{name}={defaults[name]!r}"
                )
        fields = self.model_dump(mode="json", exclude=set(self.OWN))
        # What is empty by default need not be said; what is emptied on purpose must be.
        said = {k: v for k, v in fields.items() if v is not None or defaults[k] is not None}
        return {self.THEIRS.get(name, name): value for name, value in said.items()}


class TransformerConfig(PublishedConfig):
    """Fields that every published `config.json` of a transformer shares."""

    num_attention_heads: Count
    intermediate_size: Count

    @model_validator(mode="after")
    def _check_heads(self) -> Self:
        if self.hidden_size % self.num_attention_heads:
            raise ValueError(
                f"num_attention_heads={self.num_attention_heads} must divide "
                f"hidden_size={self.hidden_size}"
            )
        return self


def _explain(cls: type[PublishedConfig], error: ValidationError) -> str:
    """One sentence per fault."""
    said = []
    for fault in error.errors(include_url=False):
        name = ".".join(cls.THEIRS.get(str(part), str(part)) for part in fault["loc"])
        if fault["type"] == "extra_forbidden":
            near = get_close_matches(name, cls.model_fields, n=1)
            hint = f" (nearest known: {near[0]})" if near else ""
            said.append(f"unknown field {name!r}{hint}")
        elif fault["type"] == "value_error":
            said.append(fault["msg"].removeprefix("Value error, "))
        elif fault["type"] == "missing":
            said.append(f"the field {name!r} is missing")
        else:
            said.append(f"{name}={shown(fault['input'])}: {fault['msg'].lower()}")
    kind = cls.model_fields["model_type"].default
    return (
        f"config.json must be a {kind} configuration that is served here, but: "
        + "; ".join(said)
        + ". Nothing is guessed: remove or correct these fields"
    )
