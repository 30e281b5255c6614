"""The closed schemas of the JSON files in a sentence-transformers folder, old spellings and new."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from unmask.arch.published import Count
from unmask.errors import UnsupportedModel, shown
from unmask.heads.embedding import PoolingMode

Task = Literal["feature-extraction", "sequence-classification"]
Similarity = Literal["cosine", "dot", "euclidean", "manhattan"]

Nothing = Literal[None]
Embedding = Literal["sentence_embedding"]


class Closed(BaseModel):
    """A file's fields: frozen, closed, checked by type. A default is what the library takes."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    @classmethod
    def read(cls, raw: Any, where: str) -> Self:
        """The fields in `raw`; `where` names the file.

        Raises:
            UnsupportedModel: an unknown field, one of the wrong type, or a value not served.
        """
        try:
            return cls.model_validate(raw)
        except ValidationError as error:
            faults = "; ".join(_fault(cls, fault) for fault in error.errors(include_url=False))
            raise UnsupportedModel(
                f"{where} is not served as it is: {faults}. Nothing is guessed: remove or correct "
                "these fields"
            ) from None


class ModuleEntry(Closed):
    """One entry of `modules.json`."""

    idx: int
    name: str
    path: str
    type: str
    kwargs: list[Nothing] = []


class TransformerFile(Closed):
    """`sentence_bert_config.json`. What would change the outputs is served at its default alone."""

    max_seq_length: Count | None = None
    do_lower_case: bool = False
    transformer_task: Task = "feature-extraction"
    modality_config: dict[str, dict[str, str]] | None = None
    module_output_name: str | None = None
    unpad_inputs: bool | None = None
    processing_kwargs: dict[str, Nothing] | None = None
    query_length: Nothing = None
    document_length: Nothing = None
    query_expansion: Nothing = None
    model_args: dict[str, Nothing] = {}
    tokenizer_args: dict[str, Nothing] = {}
    config_args: dict[str, Nothing] = {}
    model_kwargs: dict[str, Nothing] = {}
    processor_kwargs: dict[str, Nothing] = {}
    config_kwargs: dict[str, Nothing] = {}


class PoolingFile(Closed):
    """`config.json` of a Pooling: new spelling and old."""

    embedding_dimension: Count | None = None
    word_embedding_dimension: Count | None = None
    pooling_mode: PoolingMode | list[PoolingMode] | None = None
    pooling_mode_cls_token: bool = False
    pooling_mode_max_tokens: bool = False
    pooling_mode_mean_tokens: bool = False
    pooling_mode_mean_sqrt_len_tokens: bool = False
    pooling_mode_weightedmean_tokens: bool = False
    pooling_mode_lasttoken: bool = False
    include_prompt: bool = True


class DenseFile(Closed):
    """`config.json` of a Dense."""

    in_features: Count
    out_features: Count
    bias: bool = True
    activation_function: str = "torch.nn.modules.activation.Tanh"
    module_input_name: Embedding = "sentence_embedding"
    module_output_name: Embedding | None = None
    use_residual: bool = False


class NormalizeFile(Closed):
    """`config.json` of a Normalize, which older versions do not write."""

    module_input_name: Embedding = "sentence_embedding"
    module_output_name: Embedding | None = None


class SettingsFile(Closed):
    """`config_sentence_transformers.json`, of either kind of model."""

    versions: dict[str, str] = Field(default={}, alias="__version__")
    requirements: Any = None
    model_type: str = "SentenceTransformer"
    prompts: dict[str, str | None] = {}
    default_prompt_name: str | None = None
    similarity_fn_name: Similarity | None = None
    truncate_dim: Count | None = None
    activation_fn: str | None = None
    keep_in_fp32_modules: list[Nothing] | None = None


def _fault(cls: type[Closed], fault: Any) -> str:
    name = ".".join(str(part) for part in fault["loc"])
    if fault["type"] == "extra_forbidden":
        near = get_close_matches(name, cls.model_fields, n=1)
        return f"unknown field {name!r}" + (f" (nearest known: {near[0]})" if near else "")
    if fault["type"] == "missing":
        return f"the field {name!r} is missing"
    return f"{name}={shown(fault['input'])}: {fault['msg'].lower()}"
