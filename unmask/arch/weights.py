"""Weight tables: the names of a published checkpoint, and ours, as rules that run both ways.

In a rule, `{}` stands for a layer's number, a final `*` for `weight` or `bias`, and `@` for the
prefix that a checkpoint with a head puts before the names of its encoder and a bare one leaves
out. Reading and writing are total and strict: a name that no rule covers is an error.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch

from unmask.errors import WeightMapError


@dataclass(frozen=True, slots=True)
class Rename:
    """One of ours is one of theirs."""

    ours: str
    theirs: str


@dataclass(frozen=True, slots=True)
class Fuse:
    """One of ours is several of theirs, stacked along the first dimension in this order."""

    ours: str
    theirs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Tied:
    """Theirs repeats the weight that stands at another of their names; not written."""

    theirs: str
    same_as: str


@dataclass(frozen=True, slots=True)
class Aside:
    """Theirs belongs to a part that is not opened here: set aside and reported; not written."""

    theirs: str
    part: str


Rule = Rename | Fuse | Tied | Aside


def read(
    rules: Sequence[Rule],
    prefix: str,
    theirs: Mapping[str, torch.Tensor],
    places: Mapping[str, torch.Size],
    fresh: str = "",
) -> tuple[dict[str, torch.Tensor], tuple[str, ...], tuple[str, ...]]:
    """Their tensors under our names.

    Args:
        rules: the architecture's table.
        prefix: what `@` stands for in a checkpoint with a head, such as `"bert."`.
        theirs: the checkpoint.
        places: shape of each of our parameters.
        fresh: our parameters whose name begins so may be missing, as a new head is.

    Returns:
        ours by name; the names of theirs that were set aside; the names of ours left new.

    Raises:
        WeightMapError: a weight has no place, a place has no weight, or a shape differs.
    """
    base = prefix if any(name.startswith(prefix) for name in theirs) else ""
    left = dict(theirs)
    ours: dict[str, torch.Tensor] = {}
    tied: list[tuple[str, str]] = []
    aside: list[str] = []
    for rule in rules:
        match rule:
            case Rename(our, their):
                for name, fill in _matches(their.replace("@", base), left):
                    ours[_fill(our, fill)] = left.pop(name)
            case Fuse(our, parts):
                first, *rest = (part.replace("@", base) for part in parts)
                for name, fill in _matches(first, left):
                    names = [name, *(_fill(part, fill) for part in rest)]
                    if all(part in left for part in names):
                        ours[_fill(our, fill)] = torch.cat([left.pop(part) for part in names])
            case Tied(their, same):
                their, same = their.replace("@", base), same.replace("@", base)
                if their in left and same in theirs:
                    tied.append((their, same))
                    left.pop(their)
            case Aside(their, _):
                for name, _fill_unused in _matches(their.replace("@", base), left):
                    aside.append(name)
                    left.pop(name)
    missing = [name for name in places if name not in ours]
    new = tuple(name for name in missing if fresh and name.startswith(fresh))
    _check(left, [n for n in missing if n not in new], ours, places, theirs, tied)
    return ours, tuple(aside), new


def write(
    rules: Sequence[Rule], prefix: str, ours: Mapping[str, torch.Tensor]
) -> dict[str, torch.Tensor]:
    """Our tensors under their names; the inverse of `read`.

    Raises:
        WeightMapError: one of ours has no name of theirs.
    """
    left = dict(ours)
    theirs: dict[str, torch.Tensor] = {}
    for rule in rules:
        match rule:
            case Rename(our, their):
                for name, fill in _matches(our, left):
                    theirs[_fill(their.replace("@", prefix), fill)] = left.pop(name)
            case Fuse(our, parts):
                for name, fill in _matches(our, left):
                    pieces = left.pop(name).chunk(len(parts))
                    for part, piece in zip(parts, pieces, strict=True):
                        theirs[_fill(part.replace("@", prefix), fill)] = piece
            case Tied() | Aside():
                pass
    if left:
        raise WeightMapError(
            f"every weight must have a published name, but these have none: {_listed(left)}; "
            "save with format='unmask' instead"
        )
    return theirs


def _matches(pattern: str, names: Iterable[str]) -> list[tuple[str, tuple[str, ...]]]:
    """The names that fit a pattern, with what stood at its `{}` and its `*`."""
    expression = re.escape(pattern).replace(r"\{\}", r"(\d+)").replace(r"\*", "(weight|bias)")
    compiled = re.compile(expression)
    return [(name, m.groups()) for name in names if (m := compiled.fullmatch(name))]


def _fill(pattern: str, fill: tuple[str, ...]) -> str:
    """A pattern with its places filled, in order."""
    parts = re.split(r"(\{\}|\*)", pattern)
    values = iter(fill)
    return "".join(next(values) if part in ("{}", "*") else part for part in parts)


def _check(
    left: Mapping[str, torch.Tensor],
    missing: list[str],
    ours: Mapping[str, torch.Tensor],
    places: Mapping[str, torch.Size],
    theirs: Mapping[str, torch.Tensor],
    tied: list[tuple[str, str]],
) -> None:
    """Raise one error that lists everything that does not fit."""
    faults = []
    if extra := [*left, *(name for name in ours if name not in places)]:
        faults.append(f"weights without a place: {_listed(extra)}")
    if missing:
        faults.append(f"places without a weight: {_listed(missing)}")
    for name, tensor in ours.items():
        if name in places and tensor.shape != places[name]:
            faults.append(f"{name} has shape {tuple(tensor.shape)}, not {tuple(places[name])}")
    for one, other in tied:
        if not torch.equal(theirs[one], theirs[other]):
            faults.append(f"{one} must equal {other}, to which it is tied, but differs")
    if faults:
        raise WeightMapError(
            "the checkpoint does not fit its config.json: "
            + "; ".join(faults)
            + ". Use the config.json that the weights were saved with"
        )


def _listed(names: Iterable[str], most: int = 12) -> str:
    """Names for a message, cut off visibly."""
    names = sorted(names)
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
