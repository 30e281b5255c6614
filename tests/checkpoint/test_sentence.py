"""sentence-transformers folders that must be refused, and the tables of what is read."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from sentence_transformers import SentenceTransformer

from tests.pipelines.theirs import WIDTH, Dense, Normalize, embedding_model, rewrite
from unmask.checkpoint.cross import open_cross
from unmask.checkpoint.sentence import open_sentence, save_sentence
from unmask.checkpoint.sentence_files import output_name, output_named, read_modules
from unmask.errors import CheckpointError, CorruptCheckpoint, ModelError, UnsupportedModel
from unmask.heads.outputs import OUTPUTS

POOLING = "sentence_transformers.models.Pooling"


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("sentence")
    return embedding_model(root, "bert", ("mean",), Dense(WIDTH, 20), Normalize())


@pytest.fixture
def folder(original: Path, tmp_path: Path) -> Path:
    return shutil.copytree(original, tmp_path / "model")


def change_module(folder: Path, place: int, **changes: Any) -> None:
    path = folder / "modules.json"
    modules = json.loads(path.read_text())
    modules[place] |= changes
    path.write_text(json.dumps(modules))


@pytest.mark.parametrize("arch", ["bert", "modernbert"])
def test_it_opens(tmp_path: Path, arch: str) -> None:
    model = open_sentence(embedding_model(tmp_path, arch))
    assert model.head.config.dimension == WIDTH
    assert model.similarity == "cosine"
    assert not model.head.training


@pytest.mark.parametrize(
    ("changes", "error", "wrong"),
    [
        ({"type": "custom.Pooling"}, UnsupportedModel, "module 1 is of the type 'custom.Pooling'"),
        ({"type": "sentence_transformers.models.CNN"}, UnsupportedModel, "models.CNN"),
        ({"type": "os.system"}, UnsupportedModel, "never imported"),
        ({"idx": 2}, ModelError, "at place 1 stands the one with idx 2"),
        ({"path": "../../etc"}, ModelError, r"the path '../../etc'"),
        ({"path": ".."}, ModelError, r"the path '..'"),
        ({"path": "/etc"}, ModelError, "the path '/etc'"),
        ({"path": "a/b"}, ModelError, "the path 'a/b'"),
        ({"path": "..\\x"}, ModelError, "the path"),
        ({"path": "1_Missing"}, ModelError, "lists the module 1_Missing"),
        ({"path": 1}, UnsupportedModel, "path=1"),
        ({"kwargs": ["task"]}, UnsupportedModel, "kwargs.0='task'"),
        ({"extra": 1}, UnsupportedModel, "unknown field 'extra'"),
    ],
)
def test_modules(folder: Path, changes: dict[str, Any], error: type[Exception], wrong: str) -> None:
    change_module(folder, 1, **changes)
    with pytest.raises(error, match=wrong):
        open_sentence(folder)


@pytest.mark.parametrize("order", [[1, 0, 2], [0, 2, 1], [0, 1, 0], [0, 1, 1], [0], [1], []])
def test_modules_out_of_order(folder: Path, order: list[int]) -> None:
    path = folder / "modules.json"
    modules = json.loads(path.read_text())
    some = [modules[place] | {"idx": n} for n, place in enumerate(order)]
    path.write_text(json.dumps(some))
    with pytest.raises(ModelError, match=r"must list a Transformer, a Pooling|one or more modules"):
        open_sentence(folder)


@pytest.mark.parametrize("text", ["{}", "[1]", "[[]]", "nonsense"])
def test_modules_that_are_no_list_of_entries(folder: Path, text: str) -> None:
    (folder / "modules.json").write_text(text)
    with pytest.raises((ModelError, CheckpointError)):
        open_sentence(folder)


@pytest.mark.parametrize(
    ("changes", "error", "wrong"),
    [
        ({"pooling_mode": "median"}, UnsupportedModel, "pooling_mode"),
        ({"pooling_mode": ["mean", "median"]}, UnsupportedModel, "median"),
        ({"pooling_mode": ["mean", "mean"]}, ModelError, "several different modes"),
        ({"pooling_mode": []}, ModelError, "names none"),
        ({"pooling_mode": None}, ModelError, "names none"),
        ({"pooling_mode_cls_token": True}, ModelError, "in both ways"),
        ({"pooling_mode_median_tokens": True}, UnsupportedModel, "'pooling_mode_median_tokens'"),
        ({"embedding_dimension": 12}, ModelError, f"width {WIDTH}, the encoder's.* is 12"),
        ({"embedding_dimension": None}, ModelError, "is missing"),
        ({"include_prompt": "yes"}, UnsupportedModel, "include_prompt='yes'"),
    ],
)
def test_pooling(folder: Path, changes: dict[str, Any], error: type[Exception], wrong: str) -> None:
    rewrite(folder / "1_Pooling" / "config.json", **changes)
    with pytest.raises(error, match=wrong):
        open_sentence(folder)


@pytest.mark.parametrize(
    ("changes", "error", "wrong"),
    [
        ({"in_features": 12}, ModelError, f"vectors of width {WIDTH}, but is a dense layer for 12"),
        ({"out_features": 12}, ModelError, "They are not from one save"),
        ({"bias": False}, ModelError, "They are not from one save"),
        ({"use_residual": True}, ModelError, "They are not from one save"),
        ({"activation_function": "os.system"}, UnsupportedModel, "activation 'os.system'"),
        ({"activation_function": "torch.hub.load"}, UnsupportedModel, "never imported"),
        ({"activation_function": "torch.nn.Bilinear"}, UnsupportedModel, "these are served"),
        ({"module_input_name": "token_embeddings"}, UnsupportedModel, "module_input_name"),
        ({"scale": 2}, UnsupportedModel, "unknown field 'scale'"),
    ],
)
def test_dense(folder: Path, changes: dict[str, Any], error: type[Exception], wrong: str) -> None:
    rewrite(folder / "2_Dense" / "config.json", **changes)
    with pytest.raises(error, match=wrong):
        open_sentence(folder)


def test_dense_weights(folder: Path) -> None:
    file = folder / "2_Dense" / "model.safetensors"
    weights = load_file(file)
    save_file({**weights, "linear.weight": weights["linear.weight"].T.contiguous()}, file)
    with pytest.raises(ModelError, match="not from one save"):
        open_sentence(folder)
    file.unlink()
    with pytest.raises(ModelError, match="holds no weights"):
        open_sentence(folder)
    (folder / "2_Dense" / "pytorch_model.bin").write_bytes(b"")
    with pytest.raises(UnsupportedModel, match="Convert the model once: unmask convert"):
        open_sentence(folder)


@pytest.mark.parametrize(
    ("changes", "error", "wrong"),
    [
        ({"prompts": {"query": 3}}, UnsupportedModel, r"prompts.query=3"),
        ({"prompts": ["q"]}, UnsupportedModel, "prompts="),
        ({"default_prompt_name": "other"}, ModelError, "default_prompt_name='other'"),
        ({"similarity_fn_name": "maxsim"}, UnsupportedModel, "similarity_fn_name='maxsim'"),
        ({"model_type": "CrossEncoder"}, UnsupportedModel, "opened with unmask.Reranker"),
        ({"truncate_dim": 21}, ModelError, "width 20 cannot be cut to 21"),
        ({"promts": {}}, UnsupportedModel, r"unknown field 'promts' \(nearest known: prompts\)"),
    ],
)
def test_settings(
    folder: Path, changes: dict[str, Any], error: type[Exception], wrong: str
) -> None:
    rewrite(folder / "config_sentence_transformers.json", **changes)
    with pytest.raises(error, match=wrong):
        open_sentence(folder)


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({"max_seq_length": 0}, "max_seq_length=0"),
        ({"max_seq_length": "many"}, "max_seq_length='many'"),
        ({"transformer_task": "fill-mask"}, "transformer_task='fill-mask'"),
        ({"transformer_task": "sequence-classification"}, "only 'feature-extraction' is served"),
        ({"query_length": 32}, "query_length=32"),
        ({"model_kwargs": {"attn_implementation": "eager"}}, "model_kwargs.attn_implementation"),
        ({"modality_config": {"image": {}}}, "has modality_config="),
        ({"module_output_name": "scores"}, "has module_output_name='scores'"),
        ({"trust_remote_code": True}, "unknown field 'trust_remote_code'"),
    ],
)
def test_transformer(folder: Path, changes: dict[str, Any], wrong: str) -> None:
    rewrite(folder / "sentence_bert_config.json", **changes)
    with pytest.raises(UnsupportedModel, match=wrong):
        open_sentence(folder)


def test_normalize(folder: Path) -> None:
    rewrite(folder / "3_Normalize" / "config.json", p=1)
    with pytest.raises(UnsupportedModel, match="unknown field 'p'"):
        open_sentence(folder)


def test_texts_that_lose_their_beginnings(folder: Path) -> None:
    rewrite(folder / "tokenizer_config.json", truncation_side="left")
    with pytest.raises(UnsupportedModel, match="cuts long texts on the left"):
        open_sentence(folder)


def test_an_embedding_model_is_no_cross_encoder(folder: Path) -> None:
    with pytest.raises(UnsupportedModel, match=r"lists: Transformer, Pooling.*unmask.Embedder"):
        open_cross(folder)


def test_a_flipped_bit_in_any_saved_file(folder: Path, tmp_path: Path) -> None:
    save_sentence(tmp_path / "saved", open_sentence(folder))
    for name in ("1_Pooling/config.json", "2_Dense/model.safetensors", "modules.json"):
        path = tmp_path / "saved" / name
        data = path.read_bytes()
        path.write_bytes(data[:-2] + bytes([data[-2] ^ 1]) + data[-1:])
        with pytest.raises((CorruptCheckpoint, ModelError)):
            open_sentence(tmp_path / "saved")
        path.write_bytes(data)
    open_sentence(tmp_path / "saved")


def test_saving_is_whole_or_not_at_all(folder: Path, tmp_path: Path) -> None:
    model = open_sentence(folder)
    save_sentence(tmp_path / "saved", model)
    with pytest.raises(CheckpointError, match="exists already"):
        save_sentence(tmp_path / "saved", model)
    save_sentence(tmp_path / "saved", model, replace=True)
    again = open_sentence(tmp_path / "saved")
    assert again.head.config == model.head.config
    for name, tensor in model.head.state_dict().items():
        assert torch.equal(tensor, again.head.state_dict()[name])


def test_names_of_functions() -> None:
    for output in OUTPUTS:
        assert output_named(output_name(output), "x") == output
        short = output_name(output).rpartition(".")[2]
        assert output_named(f"torch.nn.{short}", "x") == output
        with pytest.raises(UnsupportedModel):
            output_named(short, "x")


def test_every_home_of_a_class(folder: Path) -> None:
    for place in (
        POOLING,
        f"{POOLING}.Pooling",
        "sentence_transformers.sentence_transformer.modules.Pooling",
        "sentence_transformers.sentence_transformer.modules.pooling.Pooling",
    ):
        change_module(folder, 1, type=place)
        assert [kind for kind, _ in read_modules(folder)][1] == "Pooling"


def test_what_vectors_may_be_cut_to_is_kept_beside_what_the_library_reads(
    folder: Path, tmp_path: Path
) -> None:
    model = replace(open_sentence(folder), dims=(20, 8))
    save_sentence(tmp_path / "saved", model)
    assert open_sentence(tmp_path / "saved").dims == (20, 8)
    assert open_sentence(folder).dims == ()
    theirs = SentenceTransformer(str(tmp_path / "saved"), device="cpu").encode(["a red house"])
    assert theirs.shape == (1, 20)
    (tmp_path / "saved" / "manifest.json").unlink()
    for wrong in ([8, 20], [21, 8], [20, 0], [20, 8.0], [], "20"):
        document = json.dumps({"dimensions": wrong})
        (tmp_path / "saved" / "matryoshka.json").write_text(document)
        with pytest.raises(CorruptCheckpoint, match="must list under 'dimensions' numbers that"):
            open_sentence(tmp_path / "saved")
