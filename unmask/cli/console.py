"""What a person sees in the terminal: bars and lines (`unmask.progress`), tables, JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any

from unmask.progress import Terminal as Terminal


def print_json(value: Mapping[str, Any] | list[Any]) -> None:
    """One JSON document on standard output."""
    print(json.dumps(value, ensure_ascii=False, indent=1, default=str, allow_nan=False))


def print_table(rows: Mapping[str, Any]) -> None:
    """Names and values in two columns on standard output."""
    width = max(map(len, rows), default=0)
    for name, value in rows.items():
        sys.stdout.write(f"{name:<{width}}  {value}\n")
