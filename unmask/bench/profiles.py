"""Where the time of embedding goes, beside OpenVINO: `python -m unmask.bench.profiles`.

Both on one thread, which reads one batch after the other: many threads do the same, each with
batches of its own. What is not in an operator is Python, tokenising and packing. Measuring takes
time itself, so the seconds of the whole, without it, stand beside.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from unmask.bench import exports
from unmask.bench import texts as of_texts
from unmask.bench.measure import Setting
from unmask.bench.peers_exported import PRECISIONS
from unmask.bench.prepare_embed import paragraphs
from unmask.bench.sorted_batches import encoder
from unmask.bench.timing import BATCHES
from unmask.nn.prepared import Precision
from unmask.pipelines.embed import Embedder

OUTSIDE = "outside of operators"
Operators = dict[str, float]
"""Seconds of each, by name."""
# What an operator does, by what its name holds; the first that fits.
KINDS: Mapping[str, tuple[str, ...]] = {
    "products": ("linear", "mkldnn", "onednn", "addmm", "aten::mm", "fullyconnected", "matmul"),
    # OpenVINO makes attention, and what else it can, a subgraph of its own.
    "attention": ("attention", "sdp", "bmm", "baddbmm", "softmax", "scaleddotproduct", "subgraph"),
    "norms": ("layer_norm", "native_layer_norm", "mvn", "rms"),
    "activation": ("gelu", "silu"),
    "bytes": ("quantize", "fakequant", "round", "clamp"),
    "looking up": ("embedding", "gather"),
    "copies": (
        *("copy", "cat", "index", "clone", "contiguous", "reorder", "transpose", "reshape"),
        *("concat", "split", "pad", "broadcast", "strided", "empty", "to_copy", "convert"),
    ),
    "sums": ("add", "mul", "div", "sub", "eltwise", "mean", "sum", "reduce"),
}
REST = "others"


def kind_of(operator: str) -> str:
    """What an operator does."""
    if operator == OUTSIDE:
        return OUTSIDE
    name = operator.lower()
    return next((kind for kind, parts in KINDS.items() if any(p in name for p in parts)), REST)


def ours(folder: str, texts: list[str], precision: Precision) -> tuple[float, Operators]:
    """Seconds of embedding, and those of each operator while they are counted."""
    from torch.profiler import ProfilerActivity, profile

    model = Embedder.from_pretrained(folder, precision=precision)
    seconds = _fastest(lambda: model.encode(texts))
    with profile(activities=[ProfilerActivity.CPU]) as seen:
        whole = _timed(lambda: model.encode(texts))
    found: Operators = defaultdict(float)
    for event in seen.key_averages():
        found[event.key] += event.self_cpu_time_total / 1e6
    found[OUTSIDE] = max(0.0, whole - sum(found.values()))
    return seconds, found


def theirs(folder: str, texts: str, work: str, precision: Precision) -> tuple[float, Operators]:
    """The same of OpenVINO, at its fastest batch."""
    import openvino as ov

    path = (
        exports.openvino_int8(folder, work, texts)
        if precision == "int8"
        else exports.openvino(folder, work)
    )
    core, some = ov.Core(), of_texts.loaded(texts)
    counted: Operators = defaultdict(float)

    def encoding(batch: int, count: bool) -> Callable[[], object]:
        settings = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": 1}
        settings |= {"PERF_COUNT": count, **PRECISIONS[precision][0]}
        compiled: Any = core.compile_model(core.read_model(str(path)), "CPU", settings)
        request = compiled.create_infer_request()
        names = [(port, next(iter(port.get_names()))) for port in compiled.inputs]

        def forward(batches: Any) -> Any:
            for arrays in batches:
                request.infer({port: arrays[name] for port, name in names}, share_inputs=True)
                if count:
                    for node in request.profiling_info:
                        counted[node.node_type] += node.real_time.total_seconds()
                yield request.get_output_tensor(0).data

        run = encoder(folder, of_texts.LONGEST, batch, forward)
        return lambda: run(some)

    seconds = {batch: _fastest(encoding(batch, False)) for batch in BATCHES}
    best = min(seconds, key=lambda batch: seconds[batch])
    again = encoding(best, True)
    again()
    counted.clear()
    whole = _timed(again)
    counted[OUTSIDE] = max(0.0, whole - sum(counted.values()))
    return seconds[best], counted


def _timed(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def _fastest(work: Callable[[], object]) -> float:
    """Of three, behind one that is not timed."""
    work()
    return min(_timed(work) for _ in range(3))


def table(found: Mapping[str, tuple[float, Operators]], tokens: int) -> str:
    """Microseconds a token of each kind of operator, for people."""
    names = list(found)
    kinds: dict[str, Operators] = {name: defaultdict(float) for name in names}
    for name, (_, operators) in found.items():
        for operator, seconds in operators.items():
            kinds[name][kind_of(operator)] += seconds
    lines = [f"| microseconds a token | {' | '.join(names)} |", "|---" * (len(names) + 1) + "|"]
    for kind in (*KINDS, REST, OUTSIDE):
        cells = [f"{kinds[name][kind] / tokens * 1e6:.1f}" for name in names]
        lines.append(f"| {kind} | {' | '.join(cells)} |")
    for what, number in (
        ("all, while counted", [sum(kinds[name].values()) for name in names]),
        ("all, not counted", [found[name][0] for name in names]),
    ):
        lines.append(f"| {what} | " + " | ".join(f"{n / tokens * 1e6:.1f}" for n in number) + " |")
    return "\n".join(lines)


def main() -> None:
    """Print the table, and the dearest operators of each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, default=Path("runs/bench"))
    parser.add_argument("--most", type=int, default=8, help="Operators that are named.")
    given = parser.parse_args()
    torch.set_num_threads(1)
    setting = Setting(work=str(given.work.resolve()), threads=1, quick=False)
    prepared = paragraphs(setting)
    folder, texts = prepared["folder"], prepared["texts"]
    found: dict[str, tuple[float, Operators]] = {}
    for precision in ("fp32", "bf16", "int8"):
        found[f"unmask {precision}"] = ours(folder, of_texts.loaded(texts), precision)
        found[f"openvino {precision}"] = theirs(folder, texts, setting.work, precision)
    tokens = prepared["tokens"]
    print(table(found, tokens))
    for name, (_, operators) in found.items():
        print(f"\n{name}")
        dearest = sorted(operators.items(), key=lambda one: -one[1])[: given.most]
        for operator, seconds in dearest:
            print(f"  {seconds / tokens * 1e6:6.1f}  {kind_of(operator):10} {operator}")


if __name__ == "__main__":
    main()
