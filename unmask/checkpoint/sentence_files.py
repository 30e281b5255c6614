"""The JSON files of a sentence-transformers folder: closed schemas, in old spellings and new.

    modules.json                        what the model is made of, in order
    sentence_bert_config.json           of the Transformer, beside its config.json
    1_Pooling/config.json               and so on, one folder for each further module
    config_sentence_transformers.json   prompts, similarity, a cross-encoder's activation

Names of classes in these files are looked up in tables here. Nothing is imported by its name.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any, Literal, get_args

from unmask.checkpoint.jsonfile import read_json
from unmask.checkpoint.sentence_schema import (
    DenseFile,
    ModuleEntry,
    NormalizeFile,
    PoolingFile,
    SettingsFile,
    Task,
    TransformerFile,
)
from unmask.errors import ModelError, UnsupportedModel, shown
from unmask.heads.embedding import DenseConfig, PoolConfig, PoolingMode
from unmask.heads.outputs import Output

MODULES = "modules.json"
SETTINGS = "config_sentence_transformers.json"

ModuleKind = Literal["Transformer", "Pooling", "Dense", "Normalize"]

# Where the classes have lived: the first form in versions 1 to 5, the last as version 6 writes it.
_HOMES: Mapping[ModuleKind, str] = {
    "Transformer": "sentence_transformers.base.modules",
    "Pooling": "sentence_transformers.sentence_transformer.modules",
    "Dense": "sentence_transformers.base.modules",
    "Normalize": "sentence_transformers.base.modules",
}
_TYPES: Mapping[str, ModuleKind] = {
    place: kind
    for kind, home in _HOMES.items()
    for place in (
        f"sentence_transformers.models.{kind}",
        f"sentence_transformers.models.{kind}.{kind}",
        f"sentence_transformers.sentence_transformer.modules.{kind}",
        f"{home}.{kind}",
        f"{home}.{kind.lower()}.{kind}",
    )
}
_CLASSES: Mapping[Output, str] = {
    "identity": "linear.Identity",
    "tanh": "activation.Tanh",
    "sigmoid": "activation.Sigmoid",
    "relu": "activation.ReLU",
    "gelu": "activation.GELU",
    "silu": "activation.SiLU",
}
# In the order in which their vectors are put together.
_OLD_MODES: Mapping[str, PoolingMode] = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}
# Versions before 1.0 named the file after the architecture.
_TRANSFORMER_FILES = tuple(
    f"sentence_{name}_config.json"
    for name in ("bert", "roberta", "distilbert", "camembert", "albert", "xlm-roberta")
)
_OUTPUT_OF: Mapping[Task, tuple[str, str]] = {
    "feature-extraction": ("last_hidden_state", "token_embeddings"),
    "sequence-classification": ("logits", "scores"),
}


def output_named(name: str, where: str) -> Output:
    """The function that a file names by its class in PyTorch.

    Raises:
        UnsupportedModel: it is none of the table.
    """
    short = name.removeprefix("torch.nn.modules.").removeprefix("torch.nn.")
    if name.startswith("torch.nn."):
        for output, known in _CLASSES.items():
            if short in (known, known.partition(".")[2]):
                return output
    raise UnsupportedModel(
        f"{where} names the activation {name!r}, and these are served: "
        f"{', '.join(map(output_name, _CLASSES))}. Code that a folder names is never imported here"
    )


def output_name(output: Output) -> str:
    """The inverse of `output_named`."""
    return f"torch.nn.modules.{_CLASSES[output]}"


def read_modules(root: Path) -> tuple[tuple[ModuleKind, Path], ...]:
    """What `modules.json` lists, in order: the kind of each module and its folder.

    Raises:
        UnsupportedModel: a type or a field that is not served.
        ModelError: the entries are not in order, or a path leaves the folder.
    """
    where = str(root / MODULES)
    raw = read_json(root / MODULES)
    if not isinstance(raw, list) or not raw:
        raise ModelError(f"{where} must hold a list of one or more modules, not {shown(raw)}")
    found: list[tuple[ModuleKind, Path]] = []
    for place, item in enumerate(raw):
        entry = ModuleEntry.read(item, f"{where}: module {place}")
        if entry.idx != place:
            raise ModelError(
                f"{where} must list its modules in order, but at place {place} stands the one with "
                f"idx {entry.idx}. Correct the order"
            )
        if entry.type not in _TYPES:
            raise UnsupportedModel(
                f"{where}: module {place} is of the type {entry.type!r}, and these are served: "
                f"{', '.join(get_args(ModuleKind))}. Code that a folder names is never imported "
                "here"
            )
        found.append((_TYPES[entry.type], root / _checked_path(entry.path, f"{where}: {place}")))
    return tuple(found)


def read_transformer_file(folder: Path, task: Task) -> TransformerFile:
    """What stands beside a Transformer's `config.json`; defaults where nothing does.

    Raises:
        UnsupportedModel: a field that is not served, or a model for another task.
    """
    name = next((name for name in _TRANSFORMER_FILES if (folder / name).is_file()), None)
    if name is None:
        return TransformerFile()
    where = str(folder / name)
    file = TransformerFile.read(read_json(folder / name), where)
    method, output = _OUTPUT_OF[task]
    said = {
        "transformer_task": (file.transformer_task, task),
        "modality_config": (
            file.modality_config,
            {"text": {"method": "forward", "method_output_name": method}},
        ),
        "module_output_name": (file.module_output_name, output),
    }
    for field, (has, served) in said.items():
        if has is not None and has != served:
            raise UnsupportedModel(
                f"{where} has {field}={shown(has)}, and only {served!r} is served here"
            )
    return file


def read_pooling(folder: Path, width: int) -> PoolConfig:
    """A Pooling over hidden states of a width.

    Raises:
        ModelError: it is for another width, or names no mode, or names them in both ways.
        UnsupportedModel: a mode or a field that is not served.
    """
    where = str(folder / "config.json")
    file = PoolingFile.read(_module_config(folder), where)
    widths = {file.embedding_dimension, file.word_embedding_dimension} - {None}
    if widths != {width}:
        raise ModelError(
            f"{where} must pool hidden states of width {width}, the encoder's, but its "
            f"embedding_dimension is {' and '.join(map(str, widths)) or 'missing'}"
        )
    old = tuple(mode for field, mode in _OLD_MODES.items() if getattr(file, field))
    new = (file.pooling_mode,) if isinstance(file.pooling_mode, str) else file.pooling_mode or ()
    if bool(old) == bool(new):
        raise ModelError(
            f"{where} must name its pooling once, as pooling_mode or by pooling_mode_... switches, "
            f"but {'does it in both ways' if old else 'names none'}"
        )
    return PoolConfig(modes=old or tuple(new), include_prompt=file.include_prompt)


def pooling_file(pool: PoolConfig, width: int) -> dict[str, Any]:
    """The content of a Pooling's `config.json`; in the old spelling, which all versions read."""
    modes = pool.modes
    prompt = {} if pool.include_prompt else {"include_prompt": False}
    if modes != tuple(mode for mode in _OLD_MODES.values() if mode in modes):
        # The old spelling has switches, and so one order alone.
        return {"embedding_dimension": width, "pooling_mode": list(modes), **prompt}
    classic = list(_OLD_MODES)[:4]  # the first versions know no others
    switches = {f: m in modes for f, m in _OLD_MODES.items() if m in modes or f in classic}
    return {"word_embedding_dimension": width, **switches, **prompt}


def read_dense(folder: Path) -> DenseConfig:
    """A Dense, without its weights.

    Raises:
        UnsupportedModel: an activation or a field that is not served.
    """
    where = str(folder / "config.json")
    file = DenseFile.read(_module_config(folder), where)
    return DenseConfig(
        inputs=file.in_features,
        outputs=file.out_features,
        bias=file.bias,
        activation=output_named(file.activation_function, where),
        residual=file.use_residual,
    )


def dense_file(dense: DenseConfig) -> dict[str, Any]:
    """The content of a Dense's `config.json`."""
    residual = {"use_residual": True} if dense.residual else {}
    return {
        "in_features": dense.inputs,
        "out_features": dense.outputs,
        "bias": dense.bias,
        "activation_function": output_name(dense.activation),
        **residual,
    }


def check_normalize(folder: Path) -> None:
    """Check a Normalize's `config.json` where there is one: git keeps no empty folder."""
    if (folder / "config.json").is_file():
        NormalizeFile.read(_module_config(folder), str(folder / "config.json"))


def read_settings(root: Path, model_type: str, elsewhere: str) -> SettingsFile:
    """`config_sentence_transformers.json`; defaults where there is none.

    Args:
        root: the folder.
        model_type: the kind of model that is wanted.
        elsewhere: what to do with another.

    Raises:
        UnsupportedModel: another kind of model, or a field that is not served.
    """
    path = root / SETTINGS
    raw = read_json(path) if path.is_file() else {}
    file = SettingsFile.read(raw, str(path))
    if "model_type" in file.model_fields_set and file.model_type != model_type:
        raise UnsupportedModel(
            f"{path} says model_type={file.model_type!r}, and {model_type!r} is wanted here. "
            f"{elsewhere}"
        )
    return file


def _module_config(folder: Path) -> Any:
    if not (folder / "config.json").is_file():
        raise ModelError(
            f"{folder.parent / MODULES} lists the module {folder.name}, but {folder.name}/"
            "config.json is not there. Copy the folder again, with what is below it"
        )
    return read_json(folder / "config.json")


def _checked_path(path: str, where: str) -> str:
    parts = PurePosixPath(path).parts
    if path and (len(parts) != 1 or parts[0] in ("..", "/", ".") or "\\" in path or "\0" in path):
        raise ModelError(
            f"{where} has the path {path!r}, and a module lies in the folder itself or right below "
            "it, such as 1_Pooling"
        )
    return path
