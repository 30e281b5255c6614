"""Embedding with all-MiniLM-L6-v2: many texts, texts of one length, one text at a time."""

from __future__ import annotations

from typing import Any

from unmask.bench.arm import ArmSpec
from unmask.bench.measure import Agreement, Measure, Ratio

OURS = "unmask.bench.ours:embedder"
ST = "unmask.bench.peers_torch:sentence_transformers"
ORT = "unmask.bench.peers_exported:onnxruntime"
OPENVINO = "unmask.bench.peers_exported:openvino"
HERE = "unmask.bench.prepare_embed:"

DEFAULT = "sentence-transformers"


def _ours(precision: str, **options: Any) -> ArmSpec:
    return ArmSpec(f"unmask {precision}", OURS, {"precision": precision, **options})


SAME_BITS = ArmSpec(
    "unmask fp32, batch_invariant", OURS, {"precision": "fp32", "batch_invariant": True}
)
PEERS = (
    ArmSpec(DEFAULT, ST),
    ArmSpec("sentence-transformers bf16", ST, {"precision": "bf16"}),
    ArmSpec("sentence-transformers, best batch", ST, {"batch": "best"}),
    ArmSpec("sentence-transformers bf16, best batch", ST, {"precision": "bf16", "batch": "best"}),
    ArmSpec("onnxruntime fp32", ORT, {"kind": "fp32"}),
    ArmSpec("onnxruntime fp32, fused", ORT, {"kind": "fused"}),
    ArmSpec("onnxruntime int8", ORT, {"kind": "int8"}),
    ArmSpec("openvino fp32", OPENVINO, {"kind": "fp32"}),
    ArmSpec("openvino bf16", OPENVINO, {"kind": "bf16"}),
    ArmSpec("openvino int8", OPENVINO, {"kind": "int8"}),
)
ALL_PEERS = tuple(spec.name for spec in PEERS)
ORT_FP32 = ("onnxruntime fp32", "onnxruntime fp32, fused")
AGREEMENT = {
    "unmask fp32": Agreement(0.999999),
    "unmask fp32, batch_invariant": Agreement(0.999999),
    "unmask bf16": Agreement(0.9995),
    "unmask int8": Agreement(0.99, 0.998),
}

EMBED = Measure(
    name="embed",
    what="all-MiniLM-L6-v2 embeds first paragraphs of docstrings",
    unit="tokens",
    arms=(_ours("fp32"), _ours("bf16"), _ours("int8"), SAME_BITS, *PEERS),
    goals=(
        Ratio("embed in bf16", "unmask bf16", (DEFAULT,), 4.0, 5.0),
        Ratio("embed in bf16, the fastest peer", "unmask bf16", ALL_PEERS, 1.25, 1.6),
        Ratio("embed in fp32", "unmask fp32", (DEFAULT,), 2.0, 2.5),
        Ratio("embed in fp32, ONNX Runtime in fp32", "unmask fp32", ORT_FP32, 1.25),
        Ratio("embed in int8, own bf16", "unmask int8", ("unmask bf16",), 1.3, 1.8),
        Ratio("embed in int8, the fastest peer", "unmask int8", ALL_PEERS, 1.6, 2.2),
        Ratio("embed, the same bits always", "unmask fp32, batch_invariant", ("unmask fp32",)),
    ),
    reference=DEFAULT,
    agreement=AGREEMENT,
    prepare=f"{HERE}paragraphs",
    warm_up=0,
    before=1,
)

_FEWER = {
    "sentence-transformers",
    "sentence-transformers bf16",
    "onnxruntime fp32, fused",
    "onnxruntime int8",
    "openvino bf16",
    "openvino int8",
}
LENGTH_PEERS = tuple(spec for spec in PEERS if spec.name in _FEWER)


def _of_length(length: int) -> Measure:
    names = tuple(spec.name for spec in LENGTH_PEERS)
    return Measure(
        name=f"length-{length}",
        what=f"all-MiniLM-L6-v2 embeds texts of {length} tokens each",
        unit="tokens",
        arms=(_ours("fp32"), _ours("bf16"), _ours("int8"), *LENGTH_PEERS),
        goals=tuple(
            goal
            for precision in ("fp32", "bf16", "int8")
            for goal in (
                Ratio(f"{length} tokens in {precision}", f"unmask {precision}", (DEFAULT,)),
                Ratio(
                    f"{length} tokens in {precision}, the fastest peer",
                    f"unmask {precision}",
                    names,
                ),
            )
        ),
        reference=DEFAULT,
        agreement=AGREEMENT,
        prepare=f"{HERE}of_length_{length}",
        warm_up=0,
        before=1,
    )


LENGTHS = tuple(_of_length(length) for length in (32, 128, 512))


def _alone(spec: ArmSpec) -> ArmSpec:
    return ArmSpec(spec.name, spec.make, {**spec.options, "one_by_one": True})


_LATENCY_PEERS = (DEFAULT, *ORT_FP32, "openvino fp32", "openvino bf16", "openvino int8")
LATENCY = Measure(
    name="latency",
    what="all-MiniLM-L6-v2 embeds one short text at a time",
    unit="tokens",
    arms=tuple(
        _alone(spec)
        for spec in (
            *(_ours(precision) for precision in ("fp32", "bf16", "int8")),
            *(spec for spec in PEERS if spec.name in _LATENCY_PEERS),
        )
    ),
    goals=tuple(
        Ratio(
            f"one short text in {precision}, {figure}",
            f"unmask {precision}",
            ORT_FP32,
            1.0,
            2.0,
            figure,
        )
        for precision in ("fp32", "bf16", "int8")
        for figure in ("p50", "p99")
    ),
    reference=DEFAULT,
    agreement=AGREEMENT,
    prepare=f"{HERE}short",
    warm_up=0,
    before=1,
)

MEASURES_EMBED = (EMBED, *LENGTHS, LATENCY)
