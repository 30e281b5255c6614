"""The settings of a fine-tuning run, as TOML recipes write them and `--set` changes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from unmask.batches.sequences import OnLong
from unmask.config import from_mapping, merge, to_mapping
from unmask.errors import ConfigError
from unmask.nn.adapting import LinearName
from unmask.nn.config import Pooling
from unmask.train.precision import Dtype
from unmask.train.schedule import Schedule
from unmask.verbs.embed_settings import TuneEmbed
from unmask.verbs.task_settings import TuneAnswer, TuneFewShot, TuneRank

TaskName = Literal["classify", "pair", "regress", "tag", "answer", "embed", "rerank"]


@dataclass(frozen=True, kw_only=True, slots=True)
class TuneData:
    """Attributes:
    text_column, label_column: None to find them by their names.
    pair_column: of the second text of a pair; None to find it by its name.
    label_separator: what stands between the labels of a row that may have several, where they are
        no list.
    dev_share: share of the rows held out where no dev file is given.
    split_seed: of which rows those are; None for run.seed.
    on_long: what happens to a text longer than the context; None for what the task does.
    on_bad, max_bad: at a corrupt place, stop or skip; and how large a share may be skipped.
    """

    text_column: str | None = None
    label_column: str | None = None
    pair_column: str | None = None
    label_separator: str | None = None
    dev_share: float = 0.1
    split_seed: int | None = None
    on_long: OnLong | None = None
    on_bad: Literal["stop", "skip"] = "stop"
    max_bad: float = 0.01

    def __post_init__(self) -> None:
        if not 0.0 < self.dev_share < 1.0:
            raise ConfigError(
                f"dev_share must lie between 0 and 1, not be {self.dev_share}; it is the share of "
                "the rows that is held out"
            )


@dataclass(frozen=True, kw_only=True, slots=True)
class TuneModel:
    """Attributes:
    freeze: train the head alone and leave the encoder as it is.
    lora: rank of the matrices that are trained beside the frozen ones of the encoder (LoRA, Hu et
        al. 2021), and taken into them when the model is saved; the head is trained whole. None to
        train all of the encoder.
    lora_alpha: what these matrices give is scaled by this over the rank; None for the rank itself,
        as in the paper, which tunes the learning rate instead.
    lora_targets: the linear layers that have them: attention's "qkv" and "out", and the
        feed-forward block's "up" and "down".
    pooling: of a new head, "cls" or "mean"; None for what the model's folder says.
    pretrained_share: the weights of the finished encoder are a mean of those it began with, which
        have this share, and of those it was trained to (Wortsman et al. 2022). None for 0.7 where
        the whole of an embedding model learns from few texts, else for 0.
    dropout: share of hidden units dropped in training; the saved configuration keeps its own.
        None for 0.1 where a whole model learns to tag or from few texts, else for 0.
    """

    freeze: bool = False
    lora: int | None = None
    lora_alpha: float | None = None
    lora_targets: tuple[LinearName, ...] = get_args(LinearName)
    pooling: Pooling | None = None
    pretrained_share: float | None = None
    dropout: float | None = None

    def __post_init__(self) -> None:
        if self.dropout is not None and not 0.0 <= self.dropout < 1.0:
            raise ConfigError(f"dropout must be at least 0 and below 1, not {self.dropout}")
        if self.pretrained_share is not None and not 0.0 <= self.pretrained_share < 1.0:
            raise ConfigError(
                f"pretrained_share must be at least 0 and below 1, not {self.pretrained_share}: of "
                "1 nothing that the encoder learns would be left; --freeze leaves it as it is"
            )
        if self.pretrained_share and (self.freeze or self.lora is not None):
            other = "--freeze" if self.freeze else f"--lora {self.lora}"
            raise ConfigError(
                f"pretrained_share={self.pretrained_share:g} draws trained weights back to those "
                f"before training, but with {other} none of these are trained; leave one of the "
                "two out"
            )
        targets = self.lora_targets != get_args(LinearName)
        if self.lora is None and (targets or self.lora_alpha is not None):
            what = "lora_targets" if targets else f"lora_alpha={self.lora_alpha:g}"
            raise ConfigError(
                f"{what} would do nothing without a rank; give --lora, or leave it out"
            )
        if self.lora is not None and (
            self.lora < 1 or not self.lora_targets or (self.lora_alpha or 1.0) <= 0
        ):
            raise ConfigError(
                "LoRA needs a rank of at least 1, an alpha above 0 and linear layers to adapt, not "
                f"{self.lora}, {self.lora_alpha} and {list(self.lora_targets)}"
            )
        if self.freeze and self.lora is not None:
            raise ConfigError(
                f"an encoder is either left as it is or adapted, but --freeze and --lora "
                f"{self.lora} are both given; leave one of them out"
            )


@dataclass(frozen=True, kw_only=True, slots=True)
class TuneLoss:
    """Attributes:
    class_weights: "balanced" for as much weight to a rare label's rows together as to those of a
        frequent one; "none" for the same weight to each row.
    smoothing: share of each target that is spread over all labels, see
        `unmask.objectives.supervised`.
    """

    class_weights: Literal["none", "balanced"] = "none"
    smoothing: float = 0.0

    def __post_init__(self) -> None:
        if not 0.0 <= self.smoothing < 1.0:
            raise ConfigError(
                f"label smoothing must be at least 0 and below 1, not {self.smoothing}"
            )


@dataclass(frozen=True, kw_only=True, slots=True)
class TuneOptim:
    """Attributes:
    lr: peak learning rate; None to choose by the encoder's width, see `unmask.verbs.tune_recipe`.
    layer_decay: the learning rate of each layer as a share of that of the one above; the head has
        all of it, and the embeddings least. 1 for the same everywhere.
    muon_lr, weight_decay, betas, clip: see `unmask.train.optim.OptimConfig`.
    """

    lr: float | None = None
    layer_decay: float = 1.0
    muon_lr: float = 0.0
    weight_decay: float = 0.01
    betas: tuple[float, float] = (0.9, 0.999)
    clip: float = 1.0

    def __post_init__(self) -> None:
        if not 0.0 < self.layer_decay <= 1.0:
            raise ConfigError(
                f"layer_decay must be above 0 and at most 1, not {self.layer_decay}; with 0.9 each "
                "layer learns at nine tenths of the rate of the one above"
            )


@dataclass(frozen=True, kw_only=True, slots=True)
class TuneBudget:
    """Attributes:
    epochs: passes over the training rows; None to choose by width and number of rows.
    batch: rows of an update, on average: long texts make smaller batches, as the budget is in
        tokens. None for 32, and for 16 where a whole model learns to tag, at three quarters of the
        rate.
    eval_every: epochs between two evaluations on the dev rows; 0.5 for two in each epoch.
    metric: figure of the dev rows by which weights are compared; None for the task's own. "loss"
        should be low, any other high.
    best: keep the weights that were best in an evaluation; else the last ones.
    patience: end the training after so many evaluations in a row without a better figure; None to
        train for all epochs.
    """

    epochs: int | None = None
    batch: int | None = None
    eval_every: float = 1.0
    metric: str | None = None
    best: bool = True
    patience: int | None = None

    def __post_init__(self) -> None:
        if not self.eval_every > 0.0 or (self.patience is not None and self.patience < 1):
            raise ConfigError(
                "eval_every must be above 0 epochs and patience at least 1 evaluation, not "
                f"{self.eval_every} and {self.patience}"
            )
        for name, value in (("epochs", self.epochs), ("batch", self.batch)):
            if value is not None and value < 1:
                raise ConfigError(f"{name} must be at least 1, not {value}")


@dataclass(frozen=True, kw_only=True, slots=True)
class TuneRun:
    """Attributes:
    seed: of the new head, the order and dropout, and of what is held out.
    seeds: how many runs, with this seed and those that follow it; all hold out the same rows.
    device: "cpu", "cuda", "cuda:1"; "auto" for a GPU where there is one.
    dtype: of matrix products; "auto" for bf16 where the processor is fast at it.
    threads: of the CPU; None for as many as it has cores.
    keep: checkpoints kept.
    """

    seed: int = 0
    seeds: int = 1
    device: str = "auto"
    dtype: Dtype = "auto"
    threads: int | None = None
    keep: int = 1

    def __post_init__(self) -> None:
        if self.seeds < 1:
            raise ConfigError(f"seeds must be at least 1, not {self.seeds}; it is a number of runs")


@dataclass(frozen=True, kw_only=True, slots=True)
class FinetuneSettings:
    """All of it.

    Attributes:
        task: what is learnt: labels of a text ("classify"), of a "pair" or of words ("tag");
            numbers ("regress"); the words that "answer" a question; vectors of texts ("embed");
            how well a document goes with a query ("rerank").
    """

    task: TaskName = "classify"
    data: TuneData = field(default_factory=TuneData)
    model: TuneModel = field(default_factory=TuneModel)
    loss: TuneLoss = field(default_factory=TuneLoss)
    answer: TuneAnswer = field(default_factory=TuneAnswer)
    embed: TuneEmbed = field(default_factory=TuneEmbed)
    rank: TuneRank = field(default_factory=TuneRank)
    few_shot: TuneFewShot = field(default_factory=TuneFewShot)
    optim: TuneOptim = field(default_factory=TuneOptim)
    budget: TuneBudget = field(default_factory=TuneBudget)
    schedule: Schedule = field(default_factory=lambda: Schedule(shape="linear", warmup=0.1))
    run: TuneRun = field(default_factory=TuneRun)

    def __post_init__(self) -> None:
        if self.model.freeze and self.optim.layer_decay != 1.0:
            raise ConfigError(
                f"layer_decay={self.optim.layer_decay} would do nothing, since --freeze trains no "
                "layer of the encoder; leave one of them out"
            )

    @property
    def split_seed(self) -> int:
        """Of what is held out."""
        return self.run.seed if self.data.split_seed is None else self.data.split_seed


# What the short options of the command line, and the keywords of `finetune`, set.
SHORT: Mapping[str, tuple[str, ...]] = {
    "task": ("task",),
    "text_column": ("data", "text_column"),
    "label_column": ("data", "label_column"),
    "pair_column": ("data", "pair_column"),
    "label_separator": ("data", "label_separator"),
    "class_weights": ("loss", "class_weights"),
    "label_smoothing": ("loss", "smoothing"),
    "dev_share": ("data", "dev_share"),
    "on_long": ("data", "on_long"),
    "on_bad": ("data", "on_bad"),
    "max_bad": ("data", "max_bad"),
    "freeze": ("model", "freeze"),
    "lora": ("model", "lora"),
    "layer_decay": ("optim", "layer_decay"),
    "patience": ("budget", "patience"),
    "eval_every": ("budget", "eval_every"),
    "metric": ("budget", "metric"),
    "pooling": ("model", "pooling"),
    "few_shot": ("few_shot", "use"),
    "dropout": ("model", "dropout"),
    "pretrained_share": ("model", "pretrained_share"),
    "query_prompt": ("embed", "query_prompt"),
    "document_prompt": ("embed", "document_prompt"),
    "lr": ("optim", "lr"),
    "epochs": ("budget", "epochs"),
    "batch": ("budget", "batch"),
    **{name: ("run", name) for name in ("seed", "seeds", "device", "dtype", "threads", "keep")},
}


def finetune_settings(
    base: Mapping[str, Any] | None = None, over: Mapping[str, Any] | None = None, **short: Any
) -> FinetuneSettings:
    """Settings from a recipe, then short names, then dotted overrides; the later wins.

    Args:
        base: a recipe's table; what it does not name keeps its default.
        over: nested mappings, as `unmask.config.parse_assignments` gives them.
        short: by the names in `SHORT`; None is not set.

    Raises:
        ConfigError: an unknown name, or see `unmask.config.from_mapping`.
    """
    if unknown := sorted(set(short) - set(SHORT)):
        raise ConfigError(f"unknown setting {unknown[0]!r}; known are {', '.join(SHORT)}")
    nested = merge(to_mapping(FinetuneSettings()), base or {})
    for name, value in short.items():
        if value is not None:
            *tables, key = SHORT[name]
            table: dict[str, Any] = {key: value}
            for outer in reversed(tables):
                table = {outer: table}
            nested = merge(nested, table)
    return from_mapping(FinetuneSettings, merge(nested, over or {}))
