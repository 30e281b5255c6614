"""The share of the processor's limit that an arm reaches."""

from __future__ import annotations

from statistics import median

from unmask.bench.runner import Row, Table

# all-MiniLM-L6-v2: 2 operations for each of the 10.6 million weights of its layers, and attention's
# two products, 4 * 384 * 6 for each pair of tokens.
PER_TOKEN = 21.2e6
PER_TOKEN_AND_LENGTH = 9.2e3
MEASURES = ("embed", "length-32", "length-128", "length-512")


def share(table: Table, row: Row, peaks: dict[str, float]) -> float | None:
    """Operations per second over the most that matrix products reach; None where not known.

    By the mean length of the texts; attention of a mixture of lengths costs a little more.
    """
    mean, precision = table.prepared.get("mean"), precision_of(row.name)
    rates = row.values("rate")
    if table.measure not in MEASURES or mean is None or not rates or precision not in peaks:
        return None
    operations = float(median(rates)) * (PER_TOKEN + PER_TOKEN_AND_LENGTH * float(mean))
    return operations / peaks[precision]


def precision_of(name: str) -> str:
    """What an arm computes in, by its name; fp32 where it does not say."""
    words = name.replace(",", " ").split()
    return next((word for word in ("int8", "bf16") if word in words), "fp32")
