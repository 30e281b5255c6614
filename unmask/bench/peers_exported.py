"""ONNX Runtime and OpenVINO as peers, each at its best batch size and hint."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import product
from typing import Any

import numpy as np

from unmask.bench import exports
from unmask.bench import texts as of_texts
from unmask.bench.arm import F32, Arm
from unmask.bench.sorted_batches import I64, Arrays, Forward, encoder
from unmask.bench.timing import BATCHES, OneByOne, Whole, fastest

HINTS = ("THROUGHPUT", "LATENCY")
# Left to itself, OpenVINO computes in bf16 where the processor does. For int8 it is about what is
# not quantised, and both are tried.
PRECISIONS: dict[str, tuple[dict[str, str], ...]] = {
    "fp32": ({"INFERENCE_PRECISION_HINT": "f32"},),
    "bf16": ({"INFERENCE_PRECISION_HINT": "bf16"},),
    "int8": ({}, {"INFERENCE_PRECISION_HINT": "f32"}),
}


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

    def forward(batches: Iterable[Arrays]) -> Iterator[F32]:
        for arrays in batches:
            fed = {name: array for name, array in arrays.items() if name in wanted}
            yield session.run(None, fed)[0]

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
    """OpenVINO, with the faster of its hints and of the precisions for what is not quantised.

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
    forwards: dict[int, Forward] = {}
    variants = product(PRECISIONS[kind], HINTS[1:] if one_by_one else HINTS)
    for number, (precision, hint) in enumerate(variants):
        settings = {"PERFORMANCE_HINT": hint, "INFERENCE_NUM_THREADS": threads, **precision}
        compiled = core.compile_model(model, "CPU", settings)
        forwards[number] = _at_once(compiled) if hint == HINTS[0] else _in_turn(compiled)
    return _best(forwards, folder, texts, tokens, max_length, one_by_one)


def _in_turn(compiled: Any) -> Forward:
    """One batch after the other, each on all threads."""
    request, inputs = compiled.create_infer_request(), _inputs(compiled)

    def forward(batches: Iterable[Arrays]) -> Iterator[F32]:
        for arrays in batches:
            request.infer(inputs(arrays), share_inputs=True)
            yield np.asarray(request.get_output_tensor(0).data)

    return forward


def _at_once(compiled: Any) -> Forward:
    """As many batches at once as OpenVINO finds best, as its guide has it for throughput."""
    import openvino as ov

    queue, inputs = ov.AsyncInferQueue(compiled), _inputs(compiled)
    found: dict[int, F32] = {}

    def keep(request: Any, number: int) -> None:
        found[number] = np.array(request.get_output_tensor(0).data)

    queue.set_callback(keep)

    def forward(batches: Iterable[Arrays]) -> Iterator[F32]:
        count = 0
        for count, arrays in enumerate(batches, 1):
            queue.start_async(inputs(arrays), userdata=count)
        queue.wait_all()
        for number in range(1, count + 1):
            yield found.pop(number)

    return forward


def _inputs(compiled: Any) -> Callable[[Arrays], dict[Any, I64]]:
    """From arrays by name to what the model is given."""
    names = [(port, next(iter(port.get_names()))) for port in compiled.inputs]
    return lambda arrays: {port: arrays[name] for port, name in names}


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
    choices = {
        float(1000 * number + batch): encoder(folder, limit, batch, forward)
        for number, forward in forwards.items()
        for batch in (BATCHES[:1] if one_by_one else BATCHES)
    }
    chosen = fastest(choices, some) if len(choices) > 1 else next(iter(choices))
    if one_by_one:
        return OneByOne(choices[chosen], some, tokens)
    facts = {"batch": chosen % 1000, "variant": chosen // 1000}
    return Whole(choices[chosen], some, tokens, facts)
