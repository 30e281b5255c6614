"""All objectives by name: what each needs of an architecture, and what it is made by."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields

from unmask.arch.registry import ARCHS, arch_of
from unmask.arch.spec import HeadKind, PublishedConfig
from unmask.batches.stages import Part
from unmask.errors import ConfigError
from unmask.verbs.learning import hybrid, pairs, replaced, simcse, span, tokens
from unmask.verbs.learning.model import text_batches
from unmask.verbs.learning.pieces import Given, Pieces
from unmask.verbs.learning.settings import ObjectiveName
from unmask.verbs.pretrain_settings import PretrainSettings

ROOMS = ("mask", "span", "pairs", "rtd", "hybrid", "simcse")
"""Rooms of the settings that only some objectives have."""
_AT = {(0,): "masked tokens", (1,): "the next token", (1, -1): "the next and the previous token"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Kind:
    """An objective.

    Attributes:
        what: it does, in words.
        predicts: what the architecture's language-model head must predict.
        head: what the architecture must have, and the model ends in.
        pieces: what makes it.
        batches: what makes its batches, for the stages of a ramp.
        rooms: of the settings that it has, of `ROOMS`.
        check: its settings, and whether a model of this configuration can serve it, before there
            is any text; raises ConfigError.
    """

    what: str
    predicts: tuple[int, ...]
    pieces: Callable[[Given], Pieces]
    batches: Callable[[Given], Part]
    head: HeadKind = "lm"
    rooms: frozenset[str] = frozenset()
    check: Callable[[PretrainSettings, PublishedConfig], None] = lambda settings, config: None


KINDS: Mapping[ObjectiveName, Kind] = {
    "mlm": Kind(
        what="predicts hidden tokens where they stand",
        predicts=(0,),
        pieces=tokens.mlm,
        batches=text_batches,
        rooms=frozenset({"mask"}),
        check=lambda settings, config: tokens.check_tokens(settings.mask, "mlm"),
    ),
    "whole_word": Kind(
        what="predicts hidden words, all tokens of each",
        predicts=(0,),
        pieces=tokens.whole_word,
        batches=text_batches,
        rooms=frozenset({"mask"}),
        check=lambda settings, config: tokens.check_masks(settings.mask),
    ),
    "span": Kind(
        what="predicts hidden spans of words",
        predicts=(0,),
        pieces=span.span,
        batches=text_batches,
        rooms=frozenset({"mask", "span"}),
        check=lambda settings, config: span.check(settings),
    ),
    "clm": Kind(
        what="predicts the next token",
        predicts=(1,),
        pieces=tokens.neighbours(tokens.NEXT),
        batches=text_batches,
    ),
    "elmo": Kind(
        what="predicts the next and the previous token",
        predicts=(1, -1),
        pieces=tokens.neighbours(tokens.BOTH),
        batches=text_batches,
    ),
    "nsp": Kind(
        what="predicts hidden tokens and whether a second text follows the first",
        predicts=(0,),
        pieces=pairs.pairs("nsp"),
        batches=pairs.batches("nsp"),
        head="pretraining",
        rooms=frozenset({"mask", "pairs"}),
        check=pairs.check_pairs,
    ),
    "sop": Kind(
        what="predicts hidden tokens and whether two texts stand in order",
        predicts=(0,),
        pieces=pairs.pairs("sop"),
        batches=pairs.batches("sop"),
        head="pretraining",
        rooms=frozenset({"mask", "pairs"}),
        check=pairs.check_pairs,
    ),
    "rtd": Kind(
        what="tells which tokens a generator has replaced",
        predicts=(0,),
        pieces=replaced.rtd,
        batches=text_batches,
        head="discriminator",
        rooms=frozenset({"mask", "rtd"}),
        check=replaced.check,
    ),
    "hybrid": Kind(
        what="predicts hidden tokens in some updates and the next token in others",
        predicts=(0,),
        pieces=hybrid.hybrid,
        batches=text_batches,
        rooms=frozenset({"mask", "hybrid"}),
        check=lambda settings, config: hybrid.check(settings),
    ),
    "simcse": Kind(
        what="gives each text a vector, told from those of other texts",
        predicts=(0,),
        pieces=simcse.simcse,
        batches=simcse.batches,
        head="encoder",
        rooms=frozenset({"simcse"}),
        check=lambda settings, config: simcse.check(settings),
    ),
}


def chosen(settings: PretrainSettings, config: PublishedConfig) -> Kind:
    """The objective that is named, or the first that the architecture is for.

    Raises:
        ConfigError: the architecture cannot serve it, its settings are wrong, or settings are
            given that it does not have.
    """
    arch = settings.model.arch
    predicts, heads = arch_of(arch).lm_head(config).predicts, arch_of(arch).all_heads
    fitting = {
        name: kind
        for name, kind in KINDS.items()
        if kind.predicts == predicts and kind.head in heads
    }
    named = settings.objective.name
    name = next(iter(fitting)) if named is None else named
    if name not in fitting:
        others = " or ".join(f"--objective {other}" for other in fitting)
        raise ConfigError(
            f"the objective {name} {KINDS[name].what}, but {arch} is for {_AT[predicts]}; give "
            f"{others}, or {_another(KINDS[name], settings.model.start)}"
        )
    kind = KINDS[name]
    _check_rooms(settings, name, kind, fitting)
    kind.check(settings, config)
    tokens.check_kept(settings)
    return kind


def _another(kind: Kind, start: str | None) -> str:
    """The architecture to name instead: of a head that few have, one of them."""
    if start is not None:
        return f"another model to start from than {start}"
    if kind.head in ("lm", "encoder"):
        return "another --arch"
    having = [name for name, arch in ARCHS.items() if kind.head in arch.all_heads]
    # One whose models others open comes first.
    having.sort(key=lambda name: kind.head not in ARCHS[name].heads)
    return " or ".join(f"--arch {name}" for name in having)


def _check_rooms(
    settings: PretrainSettings, name: str, kind: Kind, fitting: Mapping[ObjectiveName, Kind]
) -> None:
    """Settings that the objective does not have would do nothing.

    Args:
        settings, name, kind: what was chosen.
        fitting: objectives that the architecture can serve.
    """
    for room in ROOMS:
        if room in kind.rooms:
            continue
        given, default = getattr(settings, room), type(getattr(settings, room))()
        names = [one.name for one in fields(given)]
        if changed := [one for one in names if getattr(given, one) != getattr(default, one)]:
            told = ", ".join(f"{room}.{one}={getattr(given, one)}" for one in changed)
            having = "".join(
                f", or give --objective {other}"
                for other, one in fitting.items()
                if room in one.rooms
            )
            raise ConfigError(
                f"{told} would do nothing: the objective {name} of {settings.model.arch} "
                f"{kind.what}, and has no settings {room}; leave it out{having}"
            )
