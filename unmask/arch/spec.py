"""What an architecture file declares, and the closed schema that its `config.json` must fit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, ClassVar, Generic, Self, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from unmask.arch.weights import Rule
from unmask.errors import UnsupportedModel
from unmask.nn.config import EncoderConfig, LMHeadConfig, SequenceHeadConfig

# Keys of a published config.json that change no number that is computed here. They are read
# over, and written back only where a reader of the folder needs them.
HARMLESS = frozenset(
    {
        "_name_or_path", "architectures", "torch_dtype", "dtype", "transformers_version",
        "use_cache", "gradient_checkpointing", "output_attentions", "output_hidden_states",
        "output_past", "return_dict", "chunk_size_feed_forward", "directionality", "id2label",
        "label2id", "num_labels", "problem_type", "finetuning_task", "initializer_cutoff_factor",
        "deterministic_flash_attn", "reference_compile", "sparse_prediction",
        "sparse_pred_ignore_index", "repad_logits_with_grad", "pooler_fc_size",
        "pooler_num_attention_heads", "pooler_num_fc_layers", "pooler_size_per_head",
        "pooler_type", "tokenizer_class",
    }
)  # fmt: skip


class PublishedConfig(BaseModel):
    """Fields that every published `config.json` shares. Frozen, closed, checked by type.

    Attributes:
        OWN: fields of ours that the published format does not have.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
    OWN: ClassVar[frozenset[str]] = frozenset()

    model_type: str
    vocab_size: int
    pad_token_id: int | None = None
    bos_token_id: int | None = None
    eos_token_id: int | None = None
    cls_token_id: int | None = None
    sep_token_id: int | None = None
    tie_word_embeddings: bool = True
    initializer_range: float = 0.02

    @classmethod
    def parse(cls, raw: Mapping[str, Any]) -> Self:
        """A published `config.json`.

        Raises:
            UnsupportedModel: an unknown field, a field of the wrong type, or a value not served.
        """
        return cls.check({key: raw[key] for key in raw if key not in HARMLESS})

    @classmethod
    def check(cls, fields: Mapping[str, Any]) -> Self:
        """Fields to a config, with errors in our words."""
        try:
            return cls.model_validate(fields)
        except ValidationError as error:
            raise UnsupportedModel(_explain(cls, error)) from None

    def published(self) -> dict[str, Any]:
        """The fields as the published format has them.

        Raises:
            UnsupportedModel: a field that the published format lacks is not at its default.
        """
        for name in sorted(self.OWN):
            default = type(self).model_fields[name].default
            if (value := getattr(self, name)) != default:
                raise UnsupportedModel(
                    f"the published {self.model_type} format has no {name}, and this model has "
                    f"{name}={value!r}; save with format='unmask', or build it with "
                    f"{name}={default!r}"
                )
        return self.model_dump(exclude=set(self.OWN))


C = TypeVar("C", bound=PublishedConfig)


def _explain(cls: type[PublishedConfig], error: ValidationError) -> str:
    """One sentence per fault."""
    said = []
    for fault in error.errors(include_url=False):
        name = ".".join(str(part) for part in fault["loc"])
        if fault["type"] == "extra_forbidden":
            near = get_close_matches(name, cls.model_fields, n=1)
            hint = f" (nearest known: {near[0]})" if near else ""
            said.append(f"unknown field {name!r}{hint}")
        else:
            said.append(f"{name}={fault['input']!r}: {fault['msg'].lower()}")
    kind = cls.model_fields["model_type"].default
    return (
        f"config.json must be a {kind} configuration that is served here, but: "
        + "; ".join(said)
        + ". Nothing is guessed: remove or correct these fields"
    )


@dataclass(frozen=True, kw_only=True)
class Arch(Generic[C]):
    """One architecture as a declaration.

    Attributes:
        name: its `model_type`.
        config: the closed schema of its `config.json`.
        encoder: config to encoder record.
        lm_head: config to language-model head record.
        sequence_head: config and label names to sequence head record.
        prefix: what stands before the encoder's names in a checkpoint with a head.
        weights: rules for the encoder; `lm_weights` and `sequence_weights` for the heads.
        classes: the published class names of the bare encoder and of each head.
        sized: a config from (layers, width, heads), a vocabulary size and special token ids.
    """

    name: str
    config: type[C]
    encoder: Callable[[C], EncoderConfig]
    lm_head: Callable[[C], LMHeadConfig]
    sequence_head: Callable[[C, tuple[str, ...]], SequenceHeadConfig]
    prefix: str
    weights: tuple[Rule, ...]
    lm_weights: tuple[Rule, ...]
    sequence_weights: tuple[Rule, ...]
    classes: Mapping[str, str]
    sized: Callable[..., C]
