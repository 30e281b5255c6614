"""Long texts: one of 8,192 tokens, and what a token costs as texts grow.

Growth is that of a full machine: texts of 512 tokens come sixteen in a batch, so that a batch of
any length has 8,192 tokens, and a token's time at 512 is not that of a machine half idle.
"""

from __future__ import annotations

from typing import Any

from unmask.bench.arm import ArmSpec
from unmask.bench.measure import Agreement, Bound, Measure, Ratio
from unmask.bench.prepare_long import FAMILIES

OURS = "unmask.bench.long:encoder"
THEIRS = "unmask.bench.long_peers:encoder"
HERE = "unmask.bench.prepare_long:"
PRECISIONS = ("fp32", "bf16")
MODERNBERT, DEBERTA, BERT = FAMILIES.values()


def _name(library: str, family: str, precision: str) -> str:
    return f"{library} {family} {precision}"


def _ours(arch: str, precision: str) -> ArmSpec:
    name = _name("unmask", FAMILIES[arch], precision)
    return ArmSpec(name, OURS, {"arch": arch, "precision": precision})


def _theirs(arch: str, precision: str, note: str = "", **options: Any) -> ArmSpec:
    name = _name("transformers", FAMILIES[arch], precision) + note
    return ArmSpec(name, THEIRS, {"arch": arch, "precision": precision, **options})


OWN = tuple(_ours(arch, precision) for arch in FAMILIES for precision in PRECISIONS)
# Their DeBERTa in one precision: a run takes over a minute.
PEERS = (
    *(_theirs(arch, precision) for arch in ("modernbert", "bert") for precision in PRECISIONS),
    _theirs("deberta_v2", "fp32"),
)
THEIR_DEBERTA = _name("transformers", DEBERTA, "fp32")


def _both(family: str) -> tuple[str, ...]:
    return tuple(_name("transformers", family, precision) for precision in PRECISIONS)


LONG = Measure(
    name="long",
    what="encoders of 6 layers, 384 wide, read one text of 8,192 tokens",
    unit="tokens",
    arms=(*OWN, *PEERS),
    goals=(
        Ratio("8,192 tokens, ModernBERT in fp32", "unmask ModernBERT fp32", _both(MODERNBERT), 2.2),
        Ratio(
            "8,192 tokens, ModernBERT in bf16",
            "unmask ModernBERT bf16",
            _both(MODERNBERT),
            3.0,
            3.5,
        ),
        Ratio(
            "8,192 tokens, ModernBERT in bf16, DeBERTa-v3 of its size",
            "unmask ModernBERT bf16",
            (THEIR_DEBERTA,),
            25.0,
            40.0,
        ),
        *(
            Ratio(
                f"8,192 tokens, DeBERTa-v3 in {precision}",
                _name("unmask", DEBERTA, precision),
                (THEIR_DEBERTA,),
                4.0,
                8.0,
            )
            for precision in PRECISIONS
        ),
        *(
            Ratio(
                f"8,192 tokens, BERT in {precision}",
                _name("unmask", BERT, precision),
                _both(BERT),
            )
            for precision in PRECISIONS
        ),
    ),
    reference={
        _name(library, family, precision): _name("transformers", family, "fp32")
        for library in ("unmask", "transformers")
        for family in FAMILIES.values()
        for precision in PRECISIONS
    },
    agreement={
        _name("unmask", family, precision): Agreement(least)
        for family in FAMILIES.values()
        for precision, least in (("fp32", 0.999999), ("bf16", 0.9995))
    },
    prepare=f"{HERE}long",
    cold=frozenset({THEIR_DEBERTA}),
    fewer={THEIR_DEBERTA: 1},
)

UP_TO = 2048
GROWTH_ROUNDS = 3
"""A round takes minutes, and every run is the time of many batches."""
UP_TO_DEBERTA = _theirs("deberta_v2", "fp32", f", up to {UP_TO:,} tokens", longest=UP_TO)
GROWING = (
    *(_ours("modernbert", precision) for precision in PRECISIONS),
    *(_ours(arch, "fp32") for arch in ("deberta_v2", "bert")),
    *(_theirs(arch, "fp32") for arch in ("modernbert", "bert")),
    UP_TO_DEBERTA,  # beyond that length a run of their DeBERTa takes minutes
)
GROWTH = Measure(
    name="growth",
    what="what a token costs as texts grow from 512 to 8,192 tokens, 8,192 tokens a batch",
    unit="tokens",
    arms=GROWING,
    goals=(
        *(
            Bound(
                f"growth to 8,192 tokens, ModernBERT in {precision}",
                _name("unmask", MODERNBERT, precision),
                "growth",
                3.5,
                2.5,
                "×",
            )
            for precision in PRECISIONS
        ),
        *(
            Bound(f"growth to 8,192 tokens, {name}", name, "growth", unit="×")
            for name in (
                *(_name("unmask", name, "fp32") for name in (DEBERTA, BERT)),
                *(_name("transformers", name, "fp32") for name in (MODERNBERT, BERT)),
            )
        ),
        Bound(
            f"growth to {UP_TO:,} tokens, {UP_TO_DEBERTA.name}",
            UP_TO_DEBERTA.name,
            "growth",
            unit="×",
        ),
    ),
    prepare=f"{HERE}growth",
    cold=frozenset(arm.name for arm in GROWING),
    fewer={arm.name: GROWTH_ROUNDS for arm in GROWING},
)

MEASURES_LONG = (LONG, GROWTH)
