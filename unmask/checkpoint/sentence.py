"""Embedding models as sentence-transformers keeps them: an encoder, and what follows it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import torch

from unmask.checkpoint.files import recover
from unmask.checkpoint.folder import M, Opened, open_encoder, save_opened
from unmask.checkpoint.formats import Format
from unmask.checkpoint.jsonfile import render_json
from unmask.checkpoint.locating import AnyPath, resolved
from unmask.checkpoint.matryoshka import read_dims, write_dims
from unmask.checkpoint.sentence_files import (
    MODULES,
    SETTINGS,
    ModuleKind,
    check_normalize,
    dense_file,
    pooling_file,
    read_dense,
    read_modules,
    read_pooling,
    read_settings,
    read_transformer_file,
)
from unmask.checkpoint.sentence_schema import SettingsFile, Similarity, TransformerFile
from unmask.checkpoint.weightfiles import SINGLE, check_finite, read_weights, write_weights
from unmask.errors import ModelError, UnsupportedModel
from unmask.heads.embedding import (
    DenseConfig,
    EmbeddingHead,
    EmbeddingHeadConfig,
    NormalizeConfig,
    PoolConfig,
    PoolingMode,
)
from unmask.nn.encoder import Encoder

SentenceFormat = Literal["auto", "sentence-transformers", "hf", "unmask"]


@dataclass(frozen=True)
class SentenceModel:
    """An embedding model with what belongs to it.

    Attributes:
        encoder: the encoder with its tokenizer, which lowers letters where the folder asks for it.
        head: pooling and the stages behind it, in evaluation mode.
        limit: the longest row in tokens, special tokens included.
        prompts: what may be put before a text, by name.
        default_prompt_name: which of them is, where nothing else is asked for; None for none.
        similarity: how vectors are compared.
        dims: to how many leading numbers a vector may be cut, since the model was trained so, the
            whole vector first; empty where nobody has said.
    """

    encoder: Opened[Encoder]
    head: EmbeddingHead
    limit: int
    prompts: Mapping[str, str]
    default_prompt_name: str | None
    similarity: Similarity
    dims: tuple[int, ...] = ()


def sentence_root(path: AnyPath) -> Path | None:
    """The folder with `modules.json`: `path`, or `model` below it; None where neither has one."""
    for folder in (Path(path), Path(path) / "model"):
        # A save that was killed while it replaced the folder may have left the old one aside.
        if (folder.is_dir() or recover(folder)) and (folder / MODULES).is_file():
            return folder
    return None


def open_sentence(
    path: AnyPath,
    *,
    pooling: PoolingMode | None = None,
    truncate_dim: int | None = None,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str = "cpu",
    revision: str | None = None,
) -> SentenceModel:
    """Open an embedding model.

    The longest row is `max_seq_length`, or where that is not said the tokenizer's
    `model_max_length`, and never more than the encoder's context.

    Args:
        path: a folder with `modules.json`; or with `pooling`, the folder of any model or run; or a
            name on the Hub of either.
        pooling: for a folder without `modules.json`: how its tokens become a vector.
        truncate_dim: how many leading numbers of a vector are kept; None for what the folder says.
        dtype: what the parameters become, whatever they are stored as.
        device: where they go.
        revision: branch, tag or commit of a name on the Hub.

    Raises:
        ModelError: no model is there, its modules do not fit, or nothing says how it pools.
        UnsupportedModel: a module, a field or a value that is not served, by name.
        CheckpointError: a file cannot be read.
    """
    path, origin = resolved(path, revision)
    root = sentence_root(path)
    if root is None:
        encoder = open_encoder(path, dtype=dtype, device=device)
        encoder = replace(encoder, origin=origin or encoder.origin)
        if pooling is None:
            raise ModelError(
                f"{encoder.path} must say how a text becomes one vector, but has no {MODULES}. "
                "Say it yourself, as in pooling='mean', or open a model that was trained for "
                "embeddings"
            )
        return _plain(encoder, pooling, truncate_dim, dtype, device)
    if pooling is not None:
        raise ModelError(
            f"{root} says in {MODULES} how it pools, and pooling={pooling!r} was given too. Leave "
            "it out"
        )
    modules = read_modules(root)
    _check_order(root, [kind for kind, _ in modules])
    encoder = open_encoder(modules[0][1], dtype=dtype, device=device)
    encoder = replace(encoder, origin=origin or encoder.origin)
    file = read_transformer_file(modules[0][1], "feature-extraction")
    encoder, limit = fitted(encoder, encoder.model.config.context, file)
    settings = read_settings(
        root,
        "SentenceTransformer",
        "A CrossEncoder is for unmask rerank (in Python it is opened with unmask.Reranker)",
    )
    keep = settings.truncate_dim if truncate_dim is None else truncate_dim
    head = _read_head(root, modules[1:], encoder.model.config.width, keep)
    return SentenceModel(
        encoder=encoder,
        head=head.to(device=device, dtype=dtype).eval(),
        limit=limit,
        prompts=_prompts(root, settings),
        default_prompt_name=settings.default_prompt_name,
        similarity=settings.similarity_fn_name or "cosine",
        dims=read_dims(root, head.config.whole),
    )


def save_sentence(
    path: AnyPath,
    model: SentenceModel,
    *,
    format: SentenceFormat = "auto",
    card: str | None = None,
    replace: bool = False,
) -> Format:
    """Save an embedding model, whole or not at all.

    Args:
        path: the folder to make.
        model: the model.
        format: "sentence-transformers" is what that library opens; "unmask" is our own for
            encoders that it cannot express; "auto" the first where it can; "hf" the encoder by
            itself, as `transformers` opens it, without pooling, stages and prompts.
        card: the text of `README.md`; None for a few lines that say what the folder is.
        replace: whether a folder that was saved there before may be replaced.

    Returns:
        The format of the encoder that was used.

    Raises:
        UnsupportedModel: the format asked for cannot express the model; it says what.
        CheckpointError: the folder is taken, or the disk is full.
    """
    opened = model.encoder
    return save_opened(
        path,
        with_limit(opened, model.limit),
        format=weights_format(format),
        card=card,
        replace=replace,
        also=None if format == "hf" else sentence_writer(model),
    )


def sentence_writer(model: SentenceModel) -> Callable[[Path, Format], None]:
    """What adds to the folder of an encoder all that makes it an embedding model."""
    return lambda folder, _: _write(folder, model)


def weights_format(format: str) -> Literal["auto"] | Format:
    """The format of weights and `config.json` in a folder of the wanted format.

    Raises:
        ModelError: there is no such format.
    """
    formats: dict[str, Literal["auto"] | Format] = {
        "auto": "auto",
        "sentence-transformers": "hf",
        "hf": "hf",
        "unmask": "unmask",
    }
    if format not in formats:
        raise ModelError(f"format must be one of {', '.join(formats)}, not {format!r}")
    return formats[format]


def fitted(opened: Opened[Any], context: int, file: TransformerFile) -> tuple[Opened[Any], int]:
    """A model with the tokenizer that its folder asks for, and the longest row in tokens.

    Raises:
        UnsupportedModel: long texts are to lose their beginnings.
    """
    tokenizer = opened.tokenizer
    if (side := tokenizer.settings.kept.get("truncation_side", "right")) != "right":
        raise UnsupportedModel(
            f"{opened.path} cuts long texts on the {side} (truncation_side in "
            "tokenizer_config.json), and here it is their end that is cut. Change it to right if "
            "that is what you want"
        )
    if file.do_lower_case:
        tokenizer = tokenizer.lowercased()
    limit = file.max_seq_length or tokenizer.settings.model_max_length or context
    return replace(opened, tokenizer=tokenizer), min(limit, context)


def with_limit(opened: Opened[M], limit: int) -> Opened[M]:
    """The model, its tokenizer declaring the longest row: a saved folder has it from there."""
    tokenizer = opened.tokenizer
    settings = replace(tokenizer.settings, model_max_length=limit)
    return replace(opened, tokenizer=replace(tokenizer, settings=settings))


def _plain(
    encoder: Opened[Encoder],
    mode: PoolingMode,
    keep: int | None,
    dtype: torch.dtype,
    device: torch.device | str,
) -> SentenceModel:
    config = encoder.model.config
    encoder, limit = fitted(encoder, config.context, TransformerFile())
    pool = PoolConfig(modes=(mode,))
    head = EmbeddingHead(EmbeddingHeadConfig(width=config.width, pool=pool, keep=keep))
    head = head.to(device=device, dtype=dtype).eval()
    return SentenceModel(encoder, head, limit, {}, None, "cosine")


def _prompts(root: Path, settings: SettingsFile) -> dict[str, str]:
    prompts = {name: text or "" for name, text in settings.prompts.items()}
    default = settings.default_prompt_name
    if default is not None and default not in prompts:
        raise ModelError(
            f"{root / SETTINGS} has default_prompt_name={default!r}, and its prompts are: "
            f"{', '.join(map(repr, prompts)) or 'none'}. Correct the name"
        )
    return prompts


def _check_order(root: Path, kinds: list[ModuleKind]) -> None:
    wrong = kinds[:2] != ["Transformer", "Pooling"]
    if wrong or not {"Transformer", "Pooling"}.isdisjoint(kinds[2:]):
        raise UnsupportedModel(
            f"{root / MODULES} must list a Transformer, a Pooling, and behind them any of Dense "
            f"and Normalize, but lists: {', '.join(kinds)}"
        )


def _read_head(
    root: Path,
    modules: tuple[tuple[ModuleKind, Path], ...],
    width: int,
    keep: int | None,
) -> EmbeddingHead:
    """Pooling and stages, with their weights in float32."""
    pool = read_pooling(modules[0][1], width)
    stages: list[DenseConfig | NormalizeConfig] = []
    for kind, folder in modules[1:]:
        if kind == "Normalize":
            check_normalize(folder)
        stages.append(read_dense(folder) if kind == "Dense" else NormalizeConfig())
    try:
        config = EmbeddingHeadConfig(width=width, pool=pool, stages=tuple(stages), keep=keep)
    except ModelError as error:
        raise ModelError(f"{root}: {error}") from None
    head = EmbeddingHead(config)
    for stage, (_, folder) in zip(head.stages, modules[1:], strict=True):
        if places := dict(stage.named_parameters()):
            _fill(places, folder)
    return head


def _fill(places: Mapping[str, torch.nn.Parameter], folder: Path) -> None:
    """Put a Dense's stored weights into its parameters."""
    if not (folder / SINGLE).exists() and (folder / "pytorch_model.bin").exists():
        raise UnsupportedModel(
            f"{folder} holds its weights as pytorch_model.bin, which can run code when it is read, "
            f"and only {SINGLE} is. Convert the model once: unmask convert"
        )
    weights = read_weights(folder)
    shapes = {name: tuple(tensor.shape) for name, tensor in weights.items()}
    wanted = {name: tuple(parameter.shape) for name, parameter in places.items()}
    if shapes != wanted:
        raise ModelError(
            f"{folder / SINGLE} must hold what config.json beside it describes, {wanted}, but "
            f"holds {shapes}. They are not from one save"
        )
    try:
        check_finite(weights)
    except ModelError as error:
        raise ModelError(f"{folder}: {error}") from None
    for name, parameter in places.items():
        parameter.data = weights[name].float()


def _write(folder: Path, model: SentenceModel) -> None:
    """Add to an encoder's folder what makes it an embedding model.

    Names and fields are those that every version of sentence-transformers reads.
    """
    config = model.head.config
    kinds = ["Transformer", "Pooling"]
    kinds += ["Dense" if isinstance(s, DenseConfig) else "Normalize" for s in config.stages]
    paths = ["", *(f"{place}_{kind}" for place, kind in enumerate(kinds) if place)]
    modules = [
        {"idx": n, "name": str(n), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for n, (path, kind) in enumerate(zip(paths, kinds, strict=True))
    ]
    limit = {"max_seq_length": model.limit, "do_lower_case": False}
    settings: dict[str, Any] = {
        "prompts": dict(model.prompts),
        "default_prompt_name": model.default_prompt_name,
        "similarity_fn_name": model.similarity,
    }
    if config.keep is not None:
        settings["truncate_dim"] = config.keep
    (folder / MODULES).write_bytes(render_json(modules))
    (folder / "sentence_bert_config.json").write_bytes(render_json(limit))
    (folder / SETTINGS).write_bytes(render_json(settings))
    write_dims(folder, model.dims)
    documents: list[dict[str, Any]] = [pooling_file(config.pool, config.width)]
    documents += [dense_file(s) if isinstance(s, DenseConfig) else {} for s in config.stages]
    for path, document in zip(paths[1:], documents, strict=True):
        (folder / path).mkdir()
        (folder / path / "config.json").write_bytes(render_json(document))
    for path, stage in zip(paths[2:], model.head.stages, strict=True):
        if weights := dict(stage.named_parameters()):
            write_weights(folder / path / SINGLE, weights)
