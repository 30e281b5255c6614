"""A claim as a TOML file: the sentence, its source, the arms trained, and what is compared.

name = "dynamic-masks"
sentence = "Masks that are drawn anew in every epoch are at least as good as masks drawn once."
source = "Liu et al. 2019, table 1"
matched = "tokens"

[[arm]]
name = "drawn anew"

[[arm]]
name = "drawn once"
set = { "mask.static" = true }

[[effect]]
metric = "masked_loss"
of = "drawn anew"
against = "drawn once"
beyond = -0.01
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

from unmask.config import from_mapping, read_toml
from unmask.errors import ConfigError

Matched = Literal["tokens", "flops", "seconds", "parameters"]
Text = Literal["books", "few books", "manuals"]
"""What is learnt from: novels, 2 MB of them, or the manuals of a database and of git."""
RECIPES = "recipes"
T = TypeVar("T")
_OURS = ("run.seed", "run.device", "text.paths", "tokenizer", "model.start")
"""Settings that are not an arm's to give: data, seeds and the model it goes on from."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Arm:
    """A model that is pretrained.

    Attributes:
        name: in tables.
        set: dotted settings of `unmask pretrain` on top of the claim's and of those of all claims.
        after: name of the arm whose model it goes on from; none to begin with drawn weights.
        text: what it learns from.
    """

    name: str
    text: Text = "books"
    set: Mapping[str, Any] = field(default_factory=dict)
    after: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Effect:
    """A difference between two arms that the claim says something of.

    Attributes:
        metric: a name in `unmask.claims.metrics.METRICS`.
        of, against: names of arms. Above zero is in favour of the first, whichever way the metric
            goes. Without the second the first arm's own figure counts, below zero where less of it
            is better.
        minus: another metric whose difference is taken away; for claims of the form "more here
            than there". None for none.
        beyond: the effect that the claim says is exceeded, in units of the metric: 0 for "better",
            below it for "no worse than by so much".
    """

    metric: str
    of: str
    against: str | None = None
    minus: str | None = None
    beyond: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Ratio:
    """How many times as fast one is as another, in rounds of a benchmark.

    Attributes:
        of, against: names of its rows, which have done the same work.
        beyond: the ratio that the claim says is exceeded.
    """

    of: str
    against: str
    beyond: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """One sentence of the literature as an experiment.

    Attributes:
        name: on the command line.
        sentence: what is said.
        source: where.
        matched: what the arms have equally much of.
        arms: at least two.
        effects: the claim holds when all of them do.
        set: settings of all its arms.
        measure: the measure of `unmask bench` whose stored results tell, for a claim on speed; it
            has ratios in place of arms and effects.
        ratios: the claim holds when all of them do.
        note: what a reader should know of how it is tested here; empty for nothing.
        untestable: why it cannot be shown at this scale; such a claim has none of these.
    """

    name: str
    sentence: str
    source: str
    matched: Matched = "tokens"
    arms: tuple[Arm, ...] = ()
    effects: tuple[Effect, ...] = ()
    set: Mapping[str, Any] = field(default_factory=dict)
    measure: str | None = None
    ratios: tuple[Ratio, ...] = ()
    note: str = ""
    untestable: str | None = None

    def __post_init__(self) -> None:
        kinds = {
            "a reason why it is untestable": self.untestable is not None,
            "a measure and ratios": self.measure is not None or bool(self.ratios),
            "arms and effects": bool(self.arms or self.effects),
        }
        if len(given := [words for words, there in kinds.items() if there]) > 1:
            raise ConfigError(
                f"the claim {self.name} has {' and '.join(given)}; leave out all but one"
            )
        if self.matched not in get_args(Matched):
            raise ConfigError(
                f"arms are matched by {', '.join(get_args(Matched))}, but {self.name} says "
                f"matched = {self.matched!r}; name one of these"
            )
        if self.untestable is not None:
            return
        if self.measure is not None or self.ratios:
            if self.measure is None or not self.ratios:
                raise ConfigError(
                    f"a claim on speed needs both a measure of unmask bench and a [[ratio]], but "
                    f"{self.name} has {self.measure or 'no measure'} and {len(self.ratios)} ratios"
                )
            return
        self._check_arms()

    def _check_arms(self) -> None:
        names = [arm.name for arm in self.arms]
        if len(names) < 2 or len(set(names)) < len(names):
            raise ConfigError(
                f"a claim needs two arms or more of different names, but {self.name} has "
                f"{', '.join(names) or 'none'}"
            )
        if not self.effects:
            raise ConfigError(f"the claim {self.name} needs an [[effect]], and has none")
        for number, arm in enumerate(self.arms):
            if arm.after is not None and arm.after not in names[:number]:
                raise ConfigError(
                    f"an arm goes on from one that is listed before it, but {arm.name!r} of "
                    f"{self.name} names {arm.after!r}; there are {', '.join(names[:number])}"
                )
        for key in (*self.set, *(key for arm in self.arms for key in arm.set)):
            if any(key == ours or key.startswith(f"{ours}.") for ours in _OURS):
                raise ConfigError(
                    f"{key} is given by what runs the claims, and {self.name} sets it; leave it out"
                )
        for effect in self.effects:
            if effect.of == effect.against:
                raise ConfigError(
                    f"an effect is a difference of two arms, but one of {self.name} names "
                    f"{effect.of!r} twice; name another, or leave against out"
                )
            for name in (effect.of, effect.against):
                if name is not None and name not in names:
                    raise ConfigError(
                        f"an effect of {self.name} names the arm {name!r}, but there are "
                        f"{', '.join(names)}"
                    )

    def arm(self, name: str) -> Arm:
        """The arm of that name."""
        return next(arm for arm in self.arms if arm.name == name)


def claim_from(path: Path) -> Claim:
    """A claim from a TOML file.

    Raises:
        ConfigError: it cannot be read, has an unknown key, or its parts do not fit.
    """
    said = read_toml(path)
    parts = {
        "arms": _parts(Arm, said.pop("arm", []), "arm", path),
        "effects": _parts(Effect, said.pop("effect", []), "effect", path),
        "ratios": _parts(Ratio, said.pop("ratio", []), "ratio", path),
    }
    try:
        claim = from_mapping(Claim, {**said, **parts})
    except ConfigError as error:
        raise ConfigError(f"{path.name}: {error}") from None
    if claim.name != path.stem:
        raise ConfigError(f"{path.name} holds the claim {claim.name}; name the file after it")
    return claim


def _parts(cls: type[T], tables: object, name: str, path: Path) -> tuple[T, ...]:
    """Tables of one name as records, every value checked against its type."""
    if not isinstance(tables, list) or not all(isinstance(one, Mapping) for one in tables):
        raise ConfigError(f"{path.name}: {name} must be tables, each beginning with [[{name}]]")
    try:
        return tuple(from_mapping(cls, one, name) for one in tables)
    except ConfigError as error:
        raise ConfigError(f"{path.name}: {error}") from None


def all_claims() -> dict[str, Claim]:
    """The claims that come with the package, by name."""
    folder = Path(str(files("unmask.claims"))) / RECIPES
    claims = [claim_from(path) for path in sorted(folder.glob("*.toml"))]
    return {claim.name: claim for claim in claims}


def chosen(name: str) -> Claim:
    """A claim of the package, or of a file ending in .toml.

    Raises:
        ConfigError: there is none.
    """
    if name.endswith(".toml"):
        return claim_from(Path(name))
    claims = all_claims()
    if name not in claims:
        raise ConfigError(f"there is no claim {name!r}; there are: {', '.join(claims)}")
    return claims[name]
