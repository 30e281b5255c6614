"""Every field of every schema of `config.json` with values of the wrong type and out of range."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any, get_args

import pytest

from tests.contract.folders import LABELS, Folders, fields_of, finite, unsealed
from unmask.arch.registry import ARCHS, TYPES
from unmask.checkpoint.folder import open_classifier, open_encoder, open_model
from unmask.checkpoint.formats import HEADS
from unmask.errors import CheckpointError, ModelError, UnmaskError, UnsupportedModel

pytestmark = pytest.mark.usefixtures("one_thread")

every = pytest.mark.parametrize("arch", ARCHS)
every_type = pytest.mark.parametrize("type_", TYPES)

# Of the previous published formats: read, and not among the fields.
OLD: dict[str, tuple[str, ...]] = {
    "modernbert": ("global_attn_every_n_layers", "global_rope_theta", "local_rope_theta"),
    "llama": ("rope_theta",),
    "qwen2": ("rope_theta",),
}
# No field takes any of these, whatever its type.
NEVER = ('"12"', '["x"]', "[[1]]", '{"a": 1}', "NaN", "-Infinity", "1e999")
# What some take; then the model must compute numbers.
SOMETIMES = ("0", "-1", "1", "268435457", "1" + "0" * 30, "null", "[]", "0.5")


def _write(folder: Path, document: dict[str, Any], name: str, value: str) -> None:
    """Put a value as it stands into the object that describes the model."""
    own = document.get("format") == "unmask"
    fields = {k: v for k, v in (document["config"] if own else document).items() if k != name}
    text = f'{json.dumps(fields)[:-1]}, "{name}": {value}}}'
    if own:
        around = {k: v for k, v in document.items() if k != "config"}
        text = f'{json.dumps(around)[:-1]}, "config": {text}}}'
    (folder / "config.json").write_text(text)


def _names(type_: str) -> list[str]:
    """The fields as the format calls them."""
    schema = TYPES[type_].configs[type_]
    return [*(schema.THEIRS.get(n, n) for n in schema.model_fields), *OLD.get(type_, ())]


def _takes(type_: str, name: str, kind: type) -> bool:
    schema = TYPES[type_].configs[type_]
    ours = {theirs: our for our, theirs in schema.THEIRS.items()}.get(name, name)
    if ours not in schema.model_fields:
        return kind is float and "theta" in name
    annotation = schema.model_fields[ours].annotation
    return kind in (annotation, *get_args(annotation)) or (
        kind is bool and True in get_args(annotation)
    )


@every_type
def test_fields_of_the_wrong_type(folders: Folders, tmp_path: Path, type_: str) -> None:
    folder = unsealed(folders(type_), tmp_path / "model")
    document, _ = fields_of(folder)
    for name in _names(type_):
        wrong = [*NEVER]
        wrong += [] if _takes(type_, name, bool) else ["true"]
        wrong += [] if _takes(type_, name, float) else ["2.5"]
        wrong += ["1"] if _takes(type_, name, bool) else []
        for value in wrong:
            _write(folder, document, name, value)
            with pytest.raises(UnmaskError) as caught:
                open_encoder(folder)
            said = str(caught.value)
            assert str(folder) in said, (name, value)
            named = name in said or (name == "model_type" and "the architecture" in said)
            assert named or "is not strict JSON" in said, (name, value, said)


@every_type
def test_fields_out_of_range(folders: Folders, tmp_path: Path, type_: str) -> None:
    folder = unsealed(folders(type_), tmp_path / "model")
    document, _ = fields_of(folder)
    for name in _names(type_):
        # Most ids of tokens are read and written back, and decide nothing.
        for value in SOMETIMES[1:5:3] if name.endswith("_token_id") else SOMETIMES:
            _write(folder, document, name, value)
            with suppress(ModelError):
                assert finite(open_model(folder, "encoder")), (name, value)


@every_type
def test_fields_that_nobody_knows(folders: Folders, tmp_path: Path, type_: str) -> None:
    folder = unsealed(folders(type_), tmp_path / "model")
    document, _ = fields_of(folder)
    for name in _names(type_)[1:8]:
        _write(folder, document, name + "z", "1")
        with pytest.raises(UnsupportedModel, match=f"unknown field '{name}z'"):
            open_encoder(folder)


@every
def test_no_object(folders: Folders, tmp_path: Path, arch: str) -> None:
    folder = unsealed(folders(arch), tmp_path / "model")
    for text in ("", "[]", "null", "3", '"a"', "{", '{"a": 1, "a": 2}', "\0", "[" * 5000):
        (folder / "config.json").write_text(text)
        with pytest.raises((ModelError, CheckpointError), match=r"config\.json"):
            open_model(folder)


@every
def test_code_in_a_folder_is_not_run(folders: Folders, tmp_path: Path, arch: str) -> None:
    """In our own format there is no such key."""
    folder = unsealed(folders(arch), tmp_path / "model")
    document, _ = fields_of(folder)
    (folder / "code.py").write_text("raise SystemExit")
    document["auto_map"] = {"AutoModel": "code.Model"}
    (folder / "config.json").write_text(json.dumps(document))
    with pytest.raises(ModelError, match="auto_map"):
        open_model(folder)


@pytest.mark.parametrize("value", [0, 0.0, "", [], None, "false"])
def test_what_equals_false_is_not_false(folders: Folders, tmp_path: Path, value: object) -> None:
    folder = unsealed(folders("bert"), tmp_path / "model")
    document, _ = fields_of(folder)
    (folder / "config.json").write_text(json.dumps({**document, "is_decoder": value}))
    with pytest.raises(UnsupportedModel, match=r"is_decoder=.* only False is"):
        open_model(folder)


@pytest.mark.parametrize("value", [160, -1, [2, 160], 1 << 40])
def test_an_end_of_text_that_has_no_row(folders: Folders, tmp_path: Path, value: object) -> None:
    folder = unsealed(folders("llama"), tmp_path / "model")
    document, _ = fields_of(folder)
    (folder / "config.json").write_text(json.dumps({**document, "eos_token_id": value}))
    with pytest.raises(UnsupportedModel, match=r"eos_token_id=\S+ must lie between 0 and 159"):
        open_model(folder)


# Labels


TABLES: tuple[object, ...] = (
    [], {}, "abc", 3, True,
    {"0": "a", "2": "b", "3": "c"},
    {"0": "a", "1": "a", "2": "b"},
    {"0": "a", "1": 3, "2": "c"},
    {"0": "a", "1": "", "2": "c"},
    {"0": "a", "01": "b", "2": "c"},
    {"zero": "a", "one": "b", "two": "c"},
    {"0": "a", "1": "b"},
)  # fmt: skip
LISTS: tuple[object, ...] = ([], {}, "abc", 3, None, ["a", "a", "b"], ["a", 3, "b"], ["a", "", "b"])


@every
@pytest.mark.parametrize("kind", ["sequence", "token"])
def test_broken_labels(folders: Folders, tmp_path: Path, arch: str, kind: Any) -> None:
    """Two labels where there are three outputs are among them."""
    folder = unsealed(folders(arch, kind), tmp_path / "model")
    document, _ = fields_of(folder)
    own = document["model_type"] == "unmask"
    for table in (*LISTS, ["a", "b"]) if own else TABLES:
        changes = {"labels": table} if own else {"id2label": table, "label2id": None}
        (folder / "config.json").write_text(json.dumps(document | changes))
        with pytest.raises(ModelError) as caught:
            open_model(folder)
        assert str(folder) in str(caught.value), table


@pytest.mark.parametrize("count", [0, -3, 2.5, "3", True, (1 << 20) + 1, 1 << 60])
@pytest.mark.parametrize("kind", ["sequence", "token"])
def test_numbers_of_labels(folders: Folders, tmp_path: Path, kind: Any, count: object) -> None:
    """No list of names is made up that would fill the memory."""
    folder = unsealed(folders("bert", kind), tmp_path / "model")
    document, _ = fields_of(folder)
    del document["id2label"], document["label2id"]
    (folder / "config.json").write_text(json.dumps({**document, "num_labels": count}))
    with pytest.raises(ModelError, match=r"num_labels in config\.json must be a number from 1"):
        open_model(folder)


# Our own format


@every
def test_heads_that_an_architecture_lacks(folders: Folders, tmp_path: Path, arch: str) -> None:
    folder = unsealed(folders(arch, "encoder", "unmask"), tmp_path / "model")
    document, _ = fields_of(folder)
    assert document["head"] == "encoder"
    wrong: tuple[Any, ...] = (*HEADS, "masked", None, ["lm"], 3)
    for head in wrong:
        labels = LABELS if head in ("sequence", "token") else ()
        (folder / "config.json").write_text(json.dumps(document | {"head": head, "labels": labels}))
        if head == "encoder" or (arch, head) == ("decoder", "lm"):  # whose table serves both ends
            assert finite(open_model(folder))
            continue
        with pytest.raises(ModelError) as caught:
            open_model(folder)
        known = isinstance(head, str) and head in ARCHS[arch].heads
        assert ("places without a weight" if known else "head") in str(caught.value), head


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"format": "Unmask"}, """says format='Unmask'. Correct it to "format": "unmask\""""),
        ({"format": None}, "says format=None. Correct it to"),
        ({"version": 2}, "version 2 of unmask's format"),
        ({"version": "1"}, "version '1' of unmask's format"),
        ({"version": True}, "version True of unmask's format"),
        ({"arch": "gpt"}, "not 'gpt'"),
        ({"arch": ["bert"]}, "must be a name, not ['bert']"),
        ({"config": []}, "must have an object as config"),
        ({"labels": "abc"}, "and a list as labels"),
        ({"labels": ["a", "b"]}, "has labels, but its head is 'lm', which has none"),
        ({"extra": 1}, "differs in: extra"),
    ],
)
def test_our_own_format(
    folders: Folders, tmp_path: Path, changes: dict[str, Any], says: str
) -> None:
    folder = unsealed(folders("elmo"), tmp_path / "model")
    document, _ = fields_of(folder)
    (folder / "config.json").write_text(json.dumps({**document, **changes}))
    with pytest.raises(ModelError) as caught:
        open_model(folder)
    assert says in str(caught.value)


def test_a_classifier_of_an_architecture_is_not_one_of_another(
    folders: Folders, tmp_path: Path
) -> None:
    folder = unsealed(folders("bert", "sequence", "unmask"), tmp_path / "model")
    document, fields = fields_of(folder)
    document["config"] = {**fields, "model_type": "electra"}
    (folder / "config.json").write_text(json.dumps({**document, "arch": "electra"}))
    with pytest.raises(ModelError):
        open_classifier(folder)
