"""MiniLM as the files that ONNX Runtime and OpenVINO open, made once for each folder of work.

Their names tell the versions of all that made them: another version makes another file.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import torch

from unmask.bench import texts as of_texts
from unmask.bench.machine import version_of
from unmask.bench.sorted_batches import NAMES, fast_tokenizer, padded
from unmask.checkpoint.durable import staged

CALIBRATION = 300  # texts, the default of nncf.quantize


def once(path: Path, make: Callable[[Path], None]) -> Path:
    """The file or folder at `path`, made elsewhere first, so that it is whole.

    It is made under its own name, whose ending some libraries go by, in a folder of its own that
    nobody has used before: what a killed run left stands in nobody's way.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with staged(path, Path.mkdir) as folder:
            make(folder / path.name)
            os.replace(folder / path.name, path)
    return path


def made_by(*packages: str) -> str:
    """Packages with their versions, as a part of a name."""
    return "-".join(f"{name}-{version_of(name)}" for name in packages)


def _exported(work: str, *packages: str) -> Path:
    """The folder of what these packages make of the model."""
    return Path(work) / "exports" / made_by("torch", "transformers", *packages)


class Hidden(torch.nn.Module):
    """The last hidden states alone, of arguments in a fixed order."""

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, ids: torch.Tensor, mask: torch.Tensor, types: torch.Tensor) -> torch.Tensor:
        """`(B, L)` each to `(B, L, D)`."""
        found: torch.Tensor = self.model(
            input_ids=ids, attention_mask=mask, token_type_ids=types
        ).last_hidden_state
        return found


def model_of(folder: str, attention: str) -> Hidden:
    """The `transformers` model of a folder."""
    from transformers import AutoModel

    model = AutoModel.from_pretrained(folder, attn_implementation=attention, dtype=torch.float32)
    return Hidden(model.eval())


def examples() -> tuple[torch.Tensor, ...]:
    """Arguments to trace with, two texts of eight tokens."""
    ids = torch.arange(1000, 1016).view(2, 8)
    return ids, torch.ones_like(ids), torch.zeros_like(ids)


def onnx(folder: str, work: str) -> Path:
    """The model as ONNX in fp32, of any batch size and length."""

    def make(path: Path) -> None:
        axes = {0: "batch", 1: "length"}
        torch.onnx.export(
            model_of(folder, "eager"),
            examples(),
            str(path),
            input_names=list(NAMES),
            output_names=["hidden"],
            dynamic_axes=dict.fromkeys((*NAMES, "hidden"), axes),
            opset_version=17,
            dynamo=False,  # the optimiser for BERT knows the graph that tracing gives
        )

    return once(_exported(work) / "model.onnx", make)


def fused(folder: str, work: str) -> Path:
    """The ONNX model behind ONNX Runtime's optimiser for BERT: attention, norms, GELU in one."""

    def make(path: Path) -> None:
        from onnxruntime.transformers import optimizer

        config = _config(folder)
        found = optimizer.optimize_model(
            str(onnx(folder, work)),
            model_type="bert",
            num_heads=config["num_attention_heads"],
            hidden_size=config["hidden_size"],
            opt_level=1,
        )
        counts = found.get_fused_operator_statistics()
        if counts.get("Attention", 0) != config["num_hidden_layers"]:
            raise RuntimeError(f"the optimiser fused not every attention: {counts}")
        found.save_model_to_file(str(path))

    return once(_exported(work, "onnxruntime") / "fused.onnx", make)


def dynamic_int8(folder: str, work: str) -> Path:
    """The optimised model with int8 weights for each channel, activations quantised as they come.

    These are the settings that ONNX Runtime and Optimum document for AVX-512 with VNNI.
    """

    def make(path: Path) -> None:
        from onnx import TensorProto
        from onnxruntime.quantization import QuantType, quantize_dynamic

        quantize_dynamic(
            str(fused(folder, work)),
            str(path),
            per_channel=True,
            reduce_range=False,
            weight_type=QuantType.QInt8,
            # Types are not inferred through the fused operators; all of them are of this one.
            extra_options={"DefaultTensorType": TensorProto.FLOAT},
        )

    return once(_exported(work, "onnxruntime") / "int8.onnx", make)


def openvino(folder: str, work: str) -> Path:
    """The model as OpenVINO's own files, in fp32."""

    def make(path: Path) -> None:
        import openvino as ov

        model: Any = ov.convert_model(
            model_of(folder, "sdpa"),
            example_input=examples(),
            input=[ov.PartialShape([-1, -1])] * 3,
        )
        for tensor, name in zip(model.inputs, NAMES, strict=True):
            tensor.get_tensor().set_names({name})
        path.mkdir()
        ov.save_model(model, str(path / "model.xml"), compress_to_fp16=False)

    return once(_exported(work, "openvino") / "fp32", make) / "model.xml"


def openvino_int8(folder: str, work: str, texts: str) -> Path:
    """The OpenVINO model quantised by NNCF for transformers, calibrated on texts of the kind.

    They are some of those that are embedded later, which is in its favour.
    """

    def make(path: Path) -> None:
        import nncf
        import openvino as ov

        model = ov.Core().read_model(str(openvino(folder, work)))
        quantised = nncf.quantize(
            model,
            nncf.Dataset(_calibration(folder, texts)),
            model_type=nncf.ModelType.TRANSFORMER,
            subset_size=CALIBRATION,
        )
        path.mkdir()
        ov.save_model(quantised, str(path / "model.xml"), compress_to_fp16=False)

    # By its texts: a run on few of them must not decide the ranges of the next one on many.
    read = sha256(Path(texts).read_bytes()).hexdigest()[:12]
    return once(_exported(work, "openvino", "nncf") / f"int8-{read}", make) / "model.xml"


def _calibration(folder: str, texts: str) -> list[dict[str, np.ndarray[Any, Any]]]:
    tokenizer = fast_tokenizer(folder, of_texts.LONGEST)
    chosen = of_texts.loaded(texts)
    some = chosen[:: max(1, len(chosen) // CALIBRATION)][:CALIBRATION]
    return [dict(padded([one.ids])) for one in tokenizer.encode_batch(some)]


def _config(folder: str) -> dict[str, Any]:
    config: dict[str, Any] = json.loads((Path(folder) / "config.json").read_text("utf-8"))
    return config
