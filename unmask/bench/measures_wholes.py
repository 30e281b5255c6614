"""Whole processes: how long commands take from nothing, and how much memory a file needs."""

from __future__ import annotations

from unmask.bench.arm import ArmSpec
from unmask.bench.measure import SECONDS, Bound, Measure, Ratio

ARMS = "unmask.bench.wholes:"
PREPARE = "unmask.bench.prepare_wholes:"
PEER = "transformers pipeline"

# The goal of the import counts the import alone, which the process times itself; beside it stand
# the seconds of the whole process, and of an interpreter that does nothing.
STARTUP = Measure(
    name="startup",
    what="commands from nothing to their end, each a fresh process; BERT of 2 layers, 128 wide",
    unit="processes",
    arms=(
        ArmSpec("python, nothing", f"{ARMS}bare"),
        ArmSpec("import unmask", f"{ARMS}importing"),
        ArmSpec("unmask --help", f"{ARMS}helping"),
        ArmSpec("unmask fill", f"{ARMS}filling"),
        ArmSpec(PEER, f"{ARMS}peer_filling"),
    ),
    goals=(
        Bound("import unmask", "import unmask", "import_s", 0.1, unit="s"),
        Bound("unmask --help", "unmask --help", SECONDS, 0.4, unit="s"),
        Bound("unmask fill", "unmask fill", SECONDS, 2.5, unit="s"),
        Ratio("unmask fill, whole process", "unmask fill", (PEER,), figure=SECONDS),
    ),
    prepare=f"{PREPARE}startup",
)

PEAK = "peak_gb"
MOST = 1.5  # 10⁹ bytes
FLAT = 0.9  # the smaller file's peak over the larger one's


def _embedding(name: str, table: str, model: str = "tiny") -> ArmSpec:
    return ArmSpec(name, f"{ARMS}embedding", {"table": table, "model": model})


def _bound(what: str, arm: str) -> Bound:
    return Bound(f"peak memory, {what}", arm, PEAK, MOST, unit="GB")


def _memory(
    name: str, what: str, arms: tuple[ArmSpec, ...], goals: tuple[Bound | Ratio, ...], prepare: str
) -> Measure:
    """Each arm once, as memory hardly differs from run to run."""
    return Measure(
        name=name,
        what=f"peak memory of unmask embed, {what}",
        unit="texts",
        arms=arms,
        goals=goals,
        prepare=f"{PREPARE}{prepare}",
        warm_up=0,
        fewer={arm.name: 1 for arm in arms},
        limit=14400.0,
        default=name == "memory",
    )


SMALL, LARGE = "8 MB of short lines", "32 MB of short lines"
LONG, REAL = "32 MB of lines of 1 MB", "all-MiniLM-L6-v2, 1 MB of short lines"
HUNDREDTH, WHOLE = "10 MB of short lines", "1 GB of short lines"

MEMORY = _memory(
    "memory",
    "files of several sizes and lines of several lengths",
    (
        _embedding(SMALL, "short-8"),
        _embedding(LARGE, "short-32"),
        _embedding(LONG, "long-32"),
        _embedding(REAL, "short-1", "minilm"),
    ),
    (
        _bound(LARGE, LARGE),
        _bound(LONG, LONG),
        _bound(REAL, REAL),
        Ratio("peak memory of 8 MB over that of 32 MB", LARGE, (SMALL,), FLAT, figure=PEAK),
    ),
    "memory",
)
# Half an hour. The model is the least one, as what a text needs while it is read is in `memory`,
# and what is looked for here is what is kept.
MEMORY_LARGE = _memory(
    "memory-1gb",
    "a file of 1 GB",
    (_embedding(HUNDREDTH, "short-10", "least"), _embedding(WHOLE, "short-1000", "least")),
    (
        _bound(WHOLE, WHOLE),
        Ratio("peak memory of 10 MB over that of 1 GB", WHOLE, (HUNDREDTH,), FLAT, figure=PEAK),
    ),
    "memory_large",
)

MEASURES_WHOLES = (STARTUP, MEMORY, MEMORY_LARGE)
