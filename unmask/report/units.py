"""Numbers as people read them."""

from __future__ import annotations

import math


def percent(share: float, digits: int = 1) -> str:
    """Write a share (0 to 1) in percent: `0.3412` is `34.1%`."""
    return f"{share * 100:.{digits}f}%"


def count(value: int) -> str:
    """Write a whole number with thousands separated."""
    return f"{value:,}"


def short(value: float) -> str:
    """Write a number with three figures and a letter: `7,912,345` is `7.91M`."""
    for scale, letter in ((1e12, "T"), (1e9, "B"), (1e6, "M")):
        # 999,950 would round to 1000k, so each letter starts a little early.
        if abs(value) >= scale * 0.9995:
            return f"{_three(value / scale)}{letter}"
    if abs(value) >= 9_999.5:
        return f"{_three(value / 1e3)}k"
    return f"{value:,.0f}" if float(value).is_integer() or abs(value) >= 100 else f"{value:.3g}"


def _three(value: float) -> str:
    digits = 2 if abs(value) < 9.995 else 1 if abs(value) < 99.95 else 0
    return f"{value:.{digits}f}"


def duration(seconds: float) -> str:
    """Write seconds as `0.4 s`, `12 s`, `4 min 2 s` or `3 h 5 min`."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60} min"


def unbroken(words: str) -> str:
    """Keep a short figure such as `4 min 2 s` on one line of running text."""
    return words.replace(" ", "\u00a0")


def size(count_of_bytes: int) -> str:
    """Write bytes in decimal units: `1.42 GB` is 1,420,000,000 bytes."""
    for limit, unit in ((10**12, "TB"), (10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if count_of_bytes >= limit:
            return f"{_three(count_of_bytes / limit)} {unit}"
    return f"{count_of_bytes} bytes"


def decimals(step: float) -> int:
    """Decimals that tell apart two ticks which lie `step` (> 0) from each other."""
    return max(0, -math.floor(math.log10(step) + 1e-9))


def things(number: int, name: str) -> str:
    """A count with its name: `1 query`, `2,000 queries`; of regular nouns, in any number."""
    if number == 1:
        return f"1 {name}"
    return f"{count(number)} {plural(name)}"


def capital(name: str) -> str:
    """A name at the beginning of a line: `F1`, `Recall`; one with capitals stays, as `nDCG`."""
    return name if any(map(str.isupper, name)) else f"{name[:1].upper()}{name[1:]}"


def plural(name: str) -> str:
    """The plural of a regular noun: `text` is `texts`, `query` is `queries`."""
    return f"{name[:-1]}ies" if name.endswith("y") else f"{name}s"
