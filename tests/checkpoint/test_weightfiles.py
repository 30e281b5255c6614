"""What the headers of weight files say, without their weights."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from unmask.checkpoint.weightfiles import INDEX, SINGLE, stored_dtype, stored_types
from unmask.errors import CorruptCheckpoint, ModelError, UnsupportedModel

B16, F16, F32, F64 = torch.bfloat16, torch.float16, torch.float32, torch.float64


@pytest.mark.parametrize(
    ("dtypes", "common"),
    [
        ([B16], B16),
        ([F16], F16),
        ([F64, F32], F64),
        ([B16, F32], F32),
        ([B16, F16], F32),  # neither holds the other
        ([B16, torch.int64], B16),
        ([torch.int64], F32),
        ([], F32),
    ],
)
def test_the_type_that_loses_nothing(
    tmp_path: Path, dtypes: list[torch.dtype], common: torch.dtype
) -> None:
    save_file({str(n): torch.ones(2, dtype=d) for n, d in enumerate(dtypes)}, tmp_path / SINGLE)
    assert stored_dtype(tmp_path) == common


def test_shards(tmp_path: Path) -> None:
    save_file({"a": torch.ones(2, dtype=B16)}, tmp_path / "one.safetensors")
    save_file({"b": torch.ones(2)}, tmp_path / "two.safetensors")
    table = {"a": "one.safetensors", "b": "two.safetensors"}
    (tmp_path / INDEX).write_text(json.dumps({"weight_map": table}))
    assert stored_types(tmp_path) == {"a": "BF16", "b": "F32"}
    assert stored_dtype(tmp_path) == F32
    (tmp_path / "two.safetensors").unlink()
    with pytest.raises(ModelError, match=r"lacks two\.safetensors"):
        stored_dtype(tmp_path)


def test_what_is_not_there_or_broken(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="holds no weights"):
        stored_dtype(tmp_path)
    (tmp_path / "pytorch_model.bin").write_bytes(b"")
    with pytest.raises(UnsupportedModel, match="only safetensors files are read"):
        stored_dtype(tmp_path)
    save_file({"a": torch.ones(99)}, tmp_path / SINGLE)
    whole = (tmp_path / SINGLE).read_bytes()
    for data in (b"", whole[:20], whole[:-4]):
        (tmp_path / SINGLE).write_bytes(data)
        with pytest.raises(CorruptCheckpoint, match=r"is not a readable safetensors file"):
            stored_dtype(tmp_path)
