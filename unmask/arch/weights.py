"""Weight tables: the names of a published checkpoint, and ours, as rules that run both ways.

In a rule, `{}` stands for a layer's number, a final `*` for `weight` or `bias`, and `@` for the
prefix that a checkpoint with a head puts before the names of its encoder and a bare one leaves
out. Reading and writing are total and strict: a name that no rule covers is an error.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch

from unmask.errors import WeightMapError, first_of


@dataclass(frozen=True, slots=True)
class Rename:
    """One of ours is one of theirs."""

    ours: str
    theirs: str


@dataclass(frozen=True, slots=True)
class Fuse:
    """One of ours is several of theirs, stacked along the first dimension in this order.

    Attributes:
        shares: how the rows are divided among them, as proportions; empty for equally.
    """

    ours: str
    theirs: tuple[str, ...]
    shares: tuple[int, ...] = ()


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


@dataclass(frozen=True, slots=True)
class Kept:
    """Theirs belongs to the published class, and nothing here computes with it: kept beside the
    model, and written back with it."""

    theirs: str


Rule = Rename | Fuse | Tied | Aside | Kept


class Read(NamedTuple):
    """What `read` made of a checkpoint.

    Attributes:
        ours: tensors by our names.
        aside: names of theirs that were set aside.
        new: names of ours that had no weight.
        kept: tensors by their names, to be written back.
    """

    ours: dict[str, torch.Tensor]
    aside: tuple[str, ...]
    new: tuple[str, ...]
    kept: dict[str, torch.Tensor]


def project_rule(name: str) -> Rename:
    """The last layer of a head that scores labels, ends of answers or replaced tokens."""
    return Rename("head.project.*", f"{name}.*")


MOST = 12
"""Names that one message lists at most."""


def asides(rules: Iterable[Rule], part: str) -> tuple[Aside, ...]:
    """Rules that set aside everything which `rules` would have opened."""
    names: list[str] = []
    for rule in rules:
        names += rule.theirs if isinstance(rule, Fuse) else (rule.theirs,)
    return tuple(Aside(name, part) for name in names)


def renewed(
    theirs: Mapping[str, torch.Tensor], endings: Mapping[str, str]
) -> dict[str, torch.Tensor]:
    """Their tensors, names with an old ending under today's.

    Raises:
        WeightMapError: a weight is there under both names.
    """
    result: dict[str, torch.Tensor] = {}
    for name, tensor in theirs.items():
        old = next((ending for ending in endings if name.endswith(ending)), None)
        new = name if old is None else name.removesuffix(old) + endings[old]
        if new in result or (new != name and new in theirs):
            raise WeightMapError(
                f"{new} is in the checkpoint twice, once under an old name: remove one of them"
            )
        result[new] = tensor
    return result


def places_in(rules: Iterable[Rule], prefix: str, names: Iterable[str]) -> set[str]:
    """Those of our parameters that checkpoint names of theirs would become, one to one."""
    names = list(names)
    return {
        _fill(rule.ours, fill)
        for rule in rules
        if isinstance(rule, Rename)
        for _, fill in _matches(rule.theirs.replace("@", prefix), names)
    }


def read(
    rules: Sequence[Rule],
    prefix: str,
    theirs: Mapping[str, torch.Tensor],
    places: Mapping[str, torch.Size],
    fresh: tuple[str, ...] = (),
) -> Read:
    """Their tensors under our names.

    Args:
        rules: the architecture's table. Where two fit, the first that has a place takes the weight.
        prefix: what `@` stands for in a checkpoint with a head, such as `"bert."`.
        theirs: the checkpoint.
        places: shape of each of our parameters.
        fresh: our parameters whose name begins with one of these may be missing, as a new head is.

    Raises:
        WeightMapError: a weight has no place, a place has no weight, or a shape differs.
    """
    base = prefix if any(name.startswith(prefix) for name in theirs) else ""
    left = dict(theirs)
    faults = _drop_tied(rules, base, left)
    ours: dict[str, torch.Tensor] = {}
    aside: list[str] = []
    kept: dict[str, torch.Tensor] = {}
    for rule in rules:
        for names, place in _covered(rule, base, left):
            if isinstance(rule, Kept):
                # Under the name that a bare encoder gives it, which is what is written back.
                kept |= {name.removeprefix(base): left[name] for name in names}
            elif place is None:
                aside += names
            elif place not in places or place in ours:
                continue
            elif isinstance(rule, Fuse) and (wrong := _unstackable(rule, names, left)):
                faults.append(wrong)
            else:
                parts = [left[name] for name in names]
                ours[place] = parts[0] if len(parts) == 1 else torch.cat(parts)
            for name in names:
                del left[name]
    missing = [name for name in places if name not in ours]
    new = tuple(name for name in missing if name.startswith(fresh))
    lacking = [n for name in missing if name not in new for n in _theirs(rules, base, name, theirs)]
    faults += _faults(left, lacking, ours, places)
    if faults:
        raise WeightMapError(
            "the weights do not fit config.json: "
            + "; ".join(faults)
            + ". Use the config.json that they were saved with"
        )
    return Read(ours, tuple(aside), new, kept)


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
                    fused = left.pop(name)
                    pieces = torch.split(fused, _rows(rule, len(fused)))
                    for part, piece in zip(parts, pieces, strict=True):
                        theirs[_fill(part.replace("@", prefix), fill)] = piece
            case Tied() | Aside() | Kept():
                pass
    if left:
        raise WeightMapError(
            "every weight must have a name in the published format, but these have none: "
            + _listed(left)
        )
    return theirs


def _covered(
    rule: Rule, base: str, left: Mapping[str, torch.Tensor]
) -> list[tuple[list[str], str | None]]:
    """What a rule finds in `left`: names of theirs, and the name of ours that they become."""
    match rule:
        case Rename(our, their):
            found = _matches(their.replace("@", base), left)
            return [([name], _fill(our, fill)) for name, fill in found]
        case Fuse(our, theirs):
            parts = [part.replace("@", base) for part in theirs]
            sets = [
                ([_fill(part, fill) for part in parts], _fill(our, fill))
                for _, fill in _matches(parts[0], left)
            ]
            return [(names, place) for names, place in sets if all(n in left for n in names)]
        case Aside(their) | Kept(their):
            return [([name], None) for name, _ in _matches(their.replace("@", base), left)]
        case Tied():  # taken out before
            return []


def _rows(rule: Fuse, total: int) -> list[int]:
    """How many rows of ours each part of a fused weight has."""
    shares = rule.shares or (1,) * len(rule.theirs)
    return [total * share // sum(shares) for share in shares]


def _unstackable(rule: Fuse, names: Sequence[str], left: Mapping[str, torch.Tensor]) -> str | None:
    """Why parts cannot be stacked: unequal ones could add up to the right size too."""
    parts = [left[name] for name in names]
    whole = parts[0].dim() > 0 and len({part.shape[1:] for part in parts}) == 1
    if whole and [len(p) for p in parts] == _rows(rule, sum(len(part) for part in parts)):
        return None
    if rule.shares:
        return f"{', '.join(names)} must have rows in the ratio {':'.join(map(str, rule.shares))}"
    return f"{', '.join(names)} must have equal shapes"


def _drop_tied(rules: Sequence[Rule], base: str, left: dict[str, torch.Tensor]) -> list[str]:
    """Take the tied repeats out of `left`, and say which of them differ.

    Some files hold a shared weight under the second name alone: then it gets the first.
    """
    differing = []
    for rule in rules:
        if not isinstance(rule, Tied):
            continue
        their, same = rule.theirs.replace("@", base), rule.same_as.replace("@", base)
        if their in left:
            repeat = left.pop(their)
            first = left.setdefault(same, repeat)
            if first.dtype != repeat.dtype:
                differing.append(
                    f"{their} must equal {same}, to which it is tied, but the one is of "
                    f"{repeat.dtype} and the other of {first.dtype}"
                )
            elif not torch.equal(first, repeat):
                differing.append(f"{their} must equal {same}, to which it is tied, but differs")
    return differing


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


def _theirs(
    rules: Sequence[Rule], base: str, place: str, theirs: Mapping[str, torch.Tensor]
) -> list[str]:
    """The names of theirs that a place of ours lacks; a name of ours where no rule has one."""
    for rule in rules:
        if isinstance(rule, Rename | Fuse):
            parts = (rule.theirs,) if isinstance(rule, Rename) else rule.theirs
            for _, fill in _matches(rule.ours, [place]):
                names = [_fill(part.replace("@", base), fill) for part in parts]
                return [name for name in names if name not in theirs] or names
    return [place]


def _faults(
    left: Mapping[str, torch.Tensor],
    missing: list[str],
    ours: Mapping[str, torch.Tensor],
    places: Mapping[str, torch.Size],
) -> list[str]:
    """Everything that does not fit, for one error."""
    faults = []
    if left:
        faults.append(f"weights without a place: {_listed(left)}")
    if missing:
        faults.append(f"places without a weight: {_listed(missing)}")
    shapes = [
        f"{name} has shape {tuple(tensor.shape)}, not {tuple(places[name])}"
        for name, tensor in sorted(ours.items())
        if tensor.shape != places[name]
    ]
    more = [f"and {len(shapes) - MOST} more shapes"] if len(shapes) > MOST else []
    return faults + shapes[:MOST] + more


def _listed(names: Iterable[str]) -> str:
    """Names for a message, cut off visibly."""
    return first_of(sorted(names), MOST)
