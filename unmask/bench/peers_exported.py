"""ONNX Runtime and OpenVINO as peers, each at its best batch size and hint."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from unmask.bench import exports
from unmask.bench import texts as of_texts
from unmask.bench.arm import F32, Arm
from unmask.bench.sorted_batches import I64, Forward, encoder
from unmask.bench.timing import BATCHES, OneByOne, Whole, fastest

HINTS = ("THROUGHPUT", "LATENCY")


def onnxruntime(
    folder: str,
    texts: str,
    tokens: int,
    work: str,
    threads: int,
    kind: str,
    max_length: int = 0,
    one_by_one: bool = False,
) -> Arm:
    """ONNX Runtime.

    Args:
        kind: "fp32" as exported; "fused" behind its optimiser for BERT; "int8" that one with its
            weights quantised.
    """
    import onnxruntime as ort

    make = {"fp32": exports.onnx, "fused": exports.fused, "int8": exports.dynamic_int8}[kind]
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    session = ort.InferenceSession(
        str(make(folder, work)), options, providers=["CPUExecutionProvider"]
    )
    wanted = {one.name for one in session.get_inputs()}

    def forward(arrays: Mapping[str, I64]) -> F32:
        fed = {name: array for name, array in arrays.items() if name in wanted}
        found: F32 = session.run(None, fed)[0]
        return found

    return _best({0: forward}, folder, texts, tokens, max_length, one_by_one)


def openvino(
    folder: str,
    texts: str,
    tokens: int,
    work: str,
    threads: int,
    kind: str,
    max_length: int = 0,
    one_by_one: bool = False,
) -> Arm:
    """OpenVINO, with the faster of its two hints.

    Args:
        kind: "fp32"; "bf16", the same model computed so; "int8", quantised by NNCF.
    """
    import openvino as ov

    calibrated = kind == "int8"
    path = (
        exports.openvino_int8(folder, work, texts) if calibrated else exports.openvino(folder, work)
    )
    core = ov.Core()
    model = core.read_model(str(path))
    # Left to itself, OpenVINO computes in bf16 where the processor does.
    precision = "bf16" if kind == "bf16" else "f32"
    forwards: dict[int, Forward] = {}
    for number, hint in enumerate(HINTS[1:] if one_by_one else HINTS):
        settings = {
            "PERFORMANCE_HINT": hint,
            "INFERENCE_NUM_THREADS": threads,
            "INFERENCE_PRECISION_HINT": precision,
        }
        forwards[number] = _openvino(core.compile_model(model, "CPU", settings))
    return _best(forwards, folder, texts, tokens, max_length, one_by_one)


def _openvino(compiled: Any) -> Forward:
    request = compiled.create_infer_request()
    names = [(one, next(iter(one.get_names()))) for one in compiled.inputs]

    def forward(arrays: Mapping[str, I64]) -> F32:
        request.infer({port: arrays[name] for port, name in names}, share_inputs=True)
        return np.asarray(request.get_output_tensor(0).data)

    return forward


def _best(
    forwards: Mapping[int, Forward],
    folder: str,
    texts: str,
    tokens: int,
    max_length: int,
    one_by_one: bool,
) -> Arm:
    """The fastest of all variants and batch sizes; facts say which that was."""
    some, limit = of_texts.loaded(texts), max_length or of_texts.LONGEST
    if one_by_one:
        return OneByOne(encoder(folder, limit, 1, next(iter(forwards.values()))), some, tokens)
    choices = {
        float(1000 * number + batch): encoder(folder, limit, batch, forward)
        for number, forward in forwards.items()
        for batch in BATCHES
    }
    chosen = fastest(choices, some)
    facts = {"batch": chosen % 1000, "variant": chosen // 1000}
    return Whole(choices[chosen], some, tokens, facts)
