"""The settings of a pretraining run, as TOML recipes write them and `--set` changes them."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from unmask.batches.sequences import OnLong
from unmask.checkpoint.locating import model_folder
from unmask.config import from_mapping, merge
from unmask.errors import ConfigError
from unmask.text.readers import Unit
from unmask.train.optim import OptimConfig
from unmask.train.precision import Dtype
from unmask.train.schedule import Schedule
from unmask.verbs.learning.settings import (
    GENTLE,
    HybridSettings,
    MaskSettings,
    ObjectiveSettings,
    PairSettings,
    RtdSettings,
    SimcseSettings,
    SpanSettings,
)
from unmask.verbs.ramp_settings import RampSettings, Stage
from unmask.verbs.start_settings import Start, read_layers, with_start
from unmask.verbs.tune_recipe import RECIPES


@dataclass(frozen=True, kw_only=True, slots=True)
class TextSettings:
    """Attributes:
    paths: files and folders; empty for the docstrings of the installed packages.
    field, document, on_bad, max_bad, held_out: see `unmask.text.prepare.prepare`.
    """

    paths: tuple[str, ...] = ()
    field: str = "text"
    document: Unit | None = None
    on_bad: Literal["stop", "skip"] = "stop"
    max_bad: float = 0.01
    held_out: float = 0.05


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenizerSettings:
    """Attributes:
    path: folder of a tokenizer to use; None to train one on the text.
    kind, vocab_size, lowercase: of the one that is trained.
    """

    path: str | None = None
    kind: Literal["wordpiece", "bpe"] = "wordpiece"
    vocab_size: int = 8000
    lowercase: bool | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelSettings:
    """Attributes:
    arch: "modernbert", "bert", "roberta", "distilbert", "electra", "albert", "mpnet" or
        "deberta_v2", which learn to predict masked tokens; "decoder", the next token; "elmo", the
        next and the previous one.
    size: tiny, mini, small, medium, base, or LAYERSxWIDTH such as 3x128.
    context: longest sequence in tokens, special tokens included.
    norm: "layer" as published, or "rms"; for modernbert.
    std: standard deviation of the first weights.
    start: folder of a model to go on from, or its name on the Hub. It says the architecture, the
        size and the tokenizer, and how long the context can be; none to begin with drawn weights.
    revision: branch, tag or commit of a name on the Hub; none for the default branch. A run that
        is continued needs the same commit.
    layers: numbers of that model's layers to keep, from 0; none for all.
    """

    arch: str = "modernbert"
    size: str = "mini"
    context: int = 512
    norm: Literal["layer", "rms"] = "layer"
    std: float = 0.02
    start: str | None = None
    revision: str | None = None
    layers: tuple[int, ...] | None = None


BUDGETS = ("steps", "tokens", "minutes", "flops")
"""Settings of the budget, one of which ends a run."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BudgetSettings:
    """Attributes:
    steps, tokens, minutes, flops: exactly one of them ends the run. The others become steps when
        the run first starts: tokens and flops, the floating-point operations of the matrix products
        as `result.json` counts them, by what a step has on average, minutes by a measured rate.
    tokens_per_step: tokens of one update.
    accumulate: batches that an update is split into; saves memory, and changes nothing else but
        under "simcse", where a text is told from those of its batch.
    window: batches that are sorted by length together. "simcse" sorts none, and refuses it.
    on_long: what happens to a document longer than the context.
    """

    steps: int | None = None
    tokens: int | None = None
    minutes: float | None = None
    flops: float | None = None
    tokens_per_step: int = 4096
    accumulate: int = 1
    window: int = 32
    on_long: OnLong = "chunk"


@dataclass(frozen=True, kw_only=True, slots=True)
class RunSettings:
    """Attributes:
    seed: of weights, order and masks.
    device: "cpu", "cuda", "cuda:1"; "auto" for a GPU where there is one.
    dtype: of matrix products; "auto" for bf16 where the processor is fast at it.
    threads: of the CPU; None for as many as it has cores.
    eval_every: steps between held-out evaluations; None for ten in the run.
    save_every: steps between checkpoints; one is also written every two minutes.
    keep: checkpoints kept.
    average: the finished model is the mean of its weights at so many points, the last step and
        others evenly spaced before it; 0 for the weights of the last step. Costs a copy of the
        weights in memory and in each checkpoint.
    average_every: steps between these points; None for a hundredth of the run.
    tensorboard: whether figures also go to TensorBoard event files (needs the extra).
    """

    seed: int = 0
    device: str = "auto"
    dtype: Dtype = "auto"
    threads: int | None = None
    eval_every: int | None = None
    save_every: int = 0
    keep: int = 2
    average: int = 0
    average_every: int | None = None
    tensorboard: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class PretrainSettings:
    """All of it."""

    text: TextSettings = field(default_factory=TextSettings)
    tokenizer: TokenizerSettings = field(default_factory=TokenizerSettings)
    model: ModelSettings = field(default_factory=ModelSettings)
    objective: ObjectiveSettings = field(default_factory=ObjectiveSettings)
    mask: MaskSettings = field(default_factory=MaskSettings)
    span: SpanSettings = field(default_factory=SpanSettings)
    pairs: PairSettings = field(default_factory=PairSettings)
    rtd: RtdSettings = field(default_factory=RtdSettings)
    hybrid: HybridSettings = field(default_factory=HybridSettings)
    simcse: SimcseSettings = field(default_factory=SimcseSettings)
    budget: BudgetSettings = field(default_factory=BudgetSettings)
    ramp: RampSettings = field(default_factory=RampSettings)
    optim: OptimConfig = field(default_factory=OptimConfig)
    schedule: Schedule = field(default_factory=Schedule)
    run: RunSettings = field(default_factory=RunSettings)

    def __post_init__(self) -> None:
        budget = self.budget
        given = [name for name in BUDGETS if getattr(budget, name) is not None]
        if len(given) > 1:
            raise ConfigError(
                "exactly one of steps, tokens, minutes and flops ends a run, but "
                f"{' and '.join(given)} are given; keep one"
            )
        for name in given:
            value = getattr(budget, name)
            if not (math.isfinite(value) and value > 0):
                raise ConfigError(f"{name} must be above 0, not {value}")
        if self.model.layers is not None and self.model.start is None:
            raise ConfigError(
                f"layers={self.model.layers} are those of a model to start from, and none is "
                "named: give --from FOLDER, or leave --layers out"
            )
        if self.model.revision is not None and self.model.start is None:
            raise ConfigError(
                f"revision={self.model.revision!r} is that of a model to start from, and none is "
                "named: give --from NAME, or leave --revision out"
            )
        if self.run.average_every is not None and not self.run.average:
            raise ConfigError(
                f"run.average_every={self.run.average_every} would do nothing: it is the steps "
                "between the points of a mean, and none is asked for; give run.average=5 for a "
                "mean of five points, or leave it out"
            )
        if not 0 <= self.run.seed < 2**31:
            raise ConfigError(f"the seed must lie between 0 and 2^31 - 1, not be {self.run.seed}")
        for stage in self.stages:
            if budget.accumulate < 1 or stage.tokens_per_step % budget.accumulate:
                raise ConfigError(
                    "accumulate must divide tokens_per_step, but these are "
                    f"{budget.accumulate} and {stage.tokens_per_step}"
                )

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The parts of the run; one where there is no ramp."""
        return self.ramp.stages(self.model.context, self.budget.tokens_per_step)


@dataclass(frozen=True, slots=True)
class Settled:
    """The settings of a run, and the model that they start from, if they do."""

    settings: PretrainSettings
    start: Start | None

    @classmethod
    def of(cls, settings: PretrainSettings) -> Settled:
        """Settings with the model that they name.

        Raises:
            ModelError, CheckpointError, ConfigError: see `Start.find`.
        """
        wanted = settings.model
        start = None if wanted.start is None else Start.find(wanted.start, wanted.revision)
        return cls(settings, start)


# What the short options of the command line, and the keywords of `pretrain`, set.
SHORT: Mapping[str, tuple[str, str]] = {
    "text": ("text", "paths"),
    "field": ("text", "field"),
    "document": ("text", "document"),
    "on_bad": ("text", "on_bad"),
    "max_bad": ("text", "max_bad"),
    "tokenizer": ("tokenizer", "path"),
    "vocab_size": ("tokenizer", "vocab_size"),
    "objective": ("objective", "name"),
    "arch": ("model", "arch"),
    "size": ("model", "size"),
    "context": ("model", "context"),
    "from_": ("model", "start"),
    "revision": ("model", "revision"),
    "layers": ("model", "layers"),
    "steps": ("budget", "steps"),
    "tokens": ("budget", "tokens"),
    "minutes": ("budget", "minutes"),
    "on_long": ("budget", "on_long"),
    **{
        name: ("run", name)
        for name in ("seed", "device", "dtype", "threads", "eval_every", "keep", "tensorboard")
    },
}


def pretrain_settings(
    base: Mapping[str, Any] | None = None, over: Mapping[str, Any] | None = None, **short: Any
) -> PretrainSettings:
    """Settings from a recipe, then short names, then dotted overrides; the later wins.

    A budget that is given in either way replaces the recipe's. Where a model to start from is
    named, its folder says what the model is; a name on the Hub is fetched.

    Raises:
        ConfigError: an unknown name, a setting beside a model to start from that this model
            decides, or see `unmask.config.from_mapping`.
        ModelError: no model is there to start from.
        CheckpointError: a file of it cannot be read or fetched.
    """
    return settle(base, over, **short).settings


def settle(
    base: Mapping[str, Any] | None = None, over: Mapping[str, Any] | None = None, **short: Any
) -> Settled:
    """Settings as `pretrain_settings` makes them, with the model to start from as it was found.

    A run of these reads what its settings were made from, also where a branch on the Hub moves in
    between.
    """
    asked: dict[str, Any] = {}
    if unknown := sorted(set(short) - set(SHORT)):
        raise ConfigError(f"unknown setting {unknown[0]!r}; known are {', '.join(SHORT)}")
    given = {name: value for name, value in short.items() if value is not None}
    for name, value in given.items():
        if name == "text":
            value = (value,) if isinstance(value, str) else tuple(str(path) for path in value)
        if name == "from_":
            if isinstance(value, os.PathLike):
                model_folder(value)  # a path is never taken for a name on the Hub
            value = str(value)
        if name == "layers":
            value = read_layers(value)
        room, key = SHORT[name]
        asked = merge(asked, {room: {key: value}})
    nested = merge_budget(base or {}, merge(asked, over or {}))
    start = None
    if nested.get("model", {}).get("start") is not None:
        nested, start = with_start(nested)
        nested = merge(_gentle(nested, start), nested)
    return Settled(from_mapping(PretrainSettings, nested), start)


def merge_budget(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Nested settings with those of `over` on top; a budget of `over` replaces that of `base`."""
    below, above = base.get("budget"), over.get("budget")
    if isinstance(below, Mapping) and isinstance(above, Mapping) and set(BUDGETS) & above.keys():
        base = {**base, "budget": {k: v for k, v in below.items() if k not in BUDGETS}}
    return merge(base, over)


def _gentle(nested: Mapping[str, Any], start: Start) -> Mapping[str, Any]:
    """Defaults of the optimiser for an objective that only turns the model to start from a little.

    The rate is that of fine-tuning an encoder as wide.
    """
    room = nested.get("objective")
    if not isinstance(room, Mapping) or not any(room.get("name") == one for one in GENTLE):
        return {}
    width = start.said.arch.encoder(start.said.config).width
    rate = next(lr for most, lr, _ in RECIPES if most is None or width <= most)
    return {"optim": {"lr": rate, "muon_lr": 0.0}, "schedule": {"shape": "linear"}}
