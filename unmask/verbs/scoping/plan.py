"""From what was found to what is to be done: backbone, recipe, and the words of the plan."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from unmask.report.facts_scope import CandidateFacts, ClassRows, PlanFacts
from unmask.report.units import count, percent, size, things
from unmask.verbs.finetune_settings import FinetuneSettings, finetune_settings
from unmask.verbs.material import CLASSED, Material, MaterialTask
from unmask.verbs.scoping.candidates import Candidate
from unmask.verbs.scoping.failures import failure_of
from unmask.verbs.scoping.rules import FEW_LABELS, metrics_of
from unmask.verbs.tasks.kinds import KINDS, chosen
from unmask.verbs.tune_recipe import Recipe

PATIENCE = 3  # evaluations, one an epoch
FEW_CLASS = 50  # evaluation rows of a class, below which its figures say little


@dataclass(frozen=True, slots=True)
class Choice:
    """What the recipe is made from.

    Attributes:
        task: the task.
        data: the rows.
        dev: the name of the dev file, or None where a share is held out.
        train_rows, dev_rows: how many are for what.
        share: that is held out.
        classes: the commonest first.
        metric: the figure that decides.
        candidate, facts: the backbone.
        seed: of the run.
        device: of the run, as the user named it.
        baseline: what a bag of words gets on the dev rows, in words; empty where none was fitted.
    """

    task: MaterialTask
    data: Material
    dev: str | None
    train_rows: int
    dev_rows: int
    share: float
    classes: tuple[ClassRows, ...]
    metric: str
    candidate: Candidate
    facts: CandidateFacts
    seed: int
    device: str
    baseline: str

    @property
    def learnable(self) -> bool:
        """Whether `unmask finetune` has the task."""
        return self.task in KINDS

    @property
    def own(self) -> frozenset[str]:
        """Settings that not every task has, and this one does."""
        return KINDS[self.task].own if self.learnable else frozenset()

    @property
    def freezable(self) -> bool:
        """Whether it can train a head alone."""
        return "model.freeze" in self.own

    @property
    def few_shot(self) -> bool:
        """Whether it can draw texts of one label together; each needs one label for that."""
        return "few_shot.use" in self.own and self.data.says == "label"

    @property
    def frozen(self) -> bool:
        """Whether the recipe does."""
        return self.freezable and self.train_rows < FEW_LABELS


def settings_of(choice: Choice, given: dict[str, Any]) -> dict[str, Any]:
    """The recipe as nested tables: what is decided, and nothing that has a default of its own.

    Args:
        choice: what it is made from.
        given: settings of the reading that the user gave.

    Raises:
        ConfigError: the task would not take it.
    """
    table: dict[str, Any] = {"task": choice.task, "data": {**choice.data.columns, **given}}
    if choice.dev is None:
        table["data"]["dev_share"] = choice.share
    if choice.frozen:
        table["model"] = {"freeze": True}
        if _poolable(choice):
            table["model"]["pooling"] = "mean"
    settings = finetune_settings(table, seed=choice.seed)
    recipe = Recipe.of(settings, choice.candidate.width, choice.train_rows)
    table["optim"] = {"lr": recipe.optim.lr}
    table["budget"] = {
        "epochs": recipe.epochs,
        "batch": recipe.batch,
        "patience": PATIENCE,
        "metric": metrics_of(choice.task, choice.data.says)[choice.metric],
    }
    table["run"] = {"seed": choice.seed}
    if choice.device != "auto":
        table["run"]["device"] = choice.device
    chosen(finetune_settings(table))
    return table


def _poolable(choice: Choice) -> bool:
    """Whether a new head may be told how to pool: a folder with a classifier has said it."""
    return "model.pooling" in choice.own and choice.candidate.said.head != "sequence"


def toml_of(table: dict[str, Any], comments: Sequence[str]) -> str:
    """Nested tables as TOML, behind lines of comment."""
    lines = [f"# {comment}".rstrip() for comment in comments]
    plain = {key: value for key, value in table.items() if not isinstance(value, dict)}
    lines += ["", *(f"{key} = {_value(value)}" for key, value in plain.items())]
    for name, part in table.items():
        if isinstance(part, dict) and part:
            lines += ["", f"[{name}]"]
            lines += [f"{key} = {_value(value)}" for key, value in part.items()]
    return "\n".join(lines) + "\n"


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    # What JSON escapes, TOML does in the same way, but for this one character.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def plan_of(choice: Choice, table: dict[str, Any] | None, reason: str) -> PlanFacts:
    """The plan in words.

    Args:
        choice: what it is made from.
        table: the recipe, or None where there is none.
        reason: why this backbone.
    """
    settings = None if table is None else finetune_settings(table)
    return PlanFacts(
        baseline=choice.baseline or _BASELINES[choice.task],
        backbone=reason,
        head=_HEADS[choice.task] if choice.data.says != "labels" else _SEVERAL,
        data=_data(choice),
        training=_training(choice, settings),
        evaluation=_evaluation(choice),
        stopping=_stopping(choice, settings),
        failure=failure_of(choice.task, choice.data, choice.classes, choice.frozen),
    )


def why(facts: CandidateFacts, others: Sequence[CandidateFacts], over: bool, frozen: bool) -> str:
    """Why a backbone was chosen, with its figures.

    Args:
        facts: of the chosen one.
        others: of the rest.
        over: whether no candidate keeps within the budget.
        frozen: whether it stays as it is.
    """
    told = (
        f"{facts.name}: {facts.what}, {count(facts.parameters)} parameters "
        f"({size(facts.bytes)} in float32), {'frozen' if frozen else 'trained whole'}. One row "
        f"takes {facts.ms_half:.1f} ms at the median length of {facts.half} tokens and "
        f"{facts.ms_most:.1f} ms at the 95th percentile of {facts.most}, measured here on this text"
    )
    if over:
        return (
            f"{told}. No candidate keeps within the budget ({facts.against}); this is the nearest."
        )
    if not others:
        return f"{told}. It is the only candidate; name others with --model."
    if facts.score is not None:
        best = max((one.score for one in others if one.score is not None), default=None)
        than = "" if best is None else f", against {best:.3f} of the next"
        how = "as well as any" if best is not None and best >= facts.score else "best"
        return (
            f"{told}. Of {_all(others)}, a linear model on its frozen vectors tells the labels "
            f"{how} ({facts.score:.3f} out of fold{than})."
        )
    return (
        f"{told}. Of {_all(others)} it loses least of the text "
        f"({percent(facts.cut)} of the rows are cut) and is the largest."
    )


def _all(others: Sequence[CandidateFacts]) -> str:
    """The candidates that the chosen one was compared with, itself among them."""
    if beyond := sum(bool(one.against) for one in others):
        within = len(others) + 1 - beyond
        return f"{things(within, 'candidate')} within the budget"
    return things(len(others) + 1, "candidate")


def pick(found: Sequence[CandidateFacts]) -> tuple[int, bool]:
    """The place of the backbone, and whether none keeps within the budget."""
    within = [place for place, facts in enumerate(found) if not facts.against]
    if not within:
        return min(range(len(found)), key=lambda place: found[place].ms_most), True

    def worth(place: int) -> tuple[float, float, int]:
        facts = found[place]
        score = float("-inf") if facts.score is None else facts.score
        return score, -facts.cut - facts.unknown, facts.parameters

    return max(within, key=worth), False


_HEADS: dict[MaterialTask, str] = {
    "classify": "pooled vector, one linear layer, cross-entropy; probabilities are calibrated on "
    "the dev rows",
    "pair": "both texts in one row, pooled vector, one linear layer, cross-entropy",
    "regress": "pooled vector, one output for each number, squared error",
    "tag": "a linear layer on every token; the label on a word's first token; decoding that gives "
    "no invalid sequence",
    "answer": "a start and an end score for each token, and a score for no answer",
    "embed": "mean of the tokens, vectors of length 1, contrastive loss with the other rows of a "
    "batch as negatives",
    "rerank": "query and document in one row, one output",
}
_SEVERAL = (
    "pooled vector, one linear layer with a sigmoid for each label; a threshold for each, "
    "chosen on the dev rows"
)
_BASELINES: dict[MaterialTask, str] = {
    "classify": "TF-IDF of words and word pairs with logistic regression, on the same split",
    "pair": "TF-IDF of words of both texts with logistic regression, on the same split",
    "regress": "ridge regression on frozen vectors; it is measured below, out of fold",
    "tag": "the commonest tag of each word in the training rows",
    "answer": "the sentence of the text that shares most words with the question",
    "embed": "BM25, and the backbone as it is",
    "rerank": "the order that the first stage gives",
}


def _data(choice: Choice) -> str:
    held = (
        f"measured on {choice.dev}"
        if choice.dev is not None
        else f"{percent(choice.share, 0)} are held out, stratified, and no text is on both sides"
    )
    cut = f"; rows past {choice.facts.context:,} tokens are " + (
        "read in overlapping parts" if choice.task in ("tag", "answer") else "cut, and counted"
    )
    rows = f"{choice.train_rows:,} rows to learn from, {choice.dev_rows:,} to measure with"
    return f"{rows}; {held}{cut}"


def _training(choice: Choice, settings: FinetuneSettings | None) -> str:
    if settings is None:
        return "unmask finetune does not have this task yet: no recipe is written"
    what = "the head alone on the frozen encoder" if choice.frozen else "the whole model"
    return (
        f"{what}; AdamW, learning rate {settings.optim.lr:g}, {settings.budget.epochs} epochs of "
        f"batches of {settings.budget.batch}, a tenth of them warm-up, then linearly down"
    )


def _evaluation(choice: Choice) -> str:
    told = f"{choice.metric} on the dev rows with a 95 % bootstrap interval"
    if choice.data.says in CLASSED:
        told += "; precision, recall and F1 of each class beside it (unmask evaluate)"
    thin = [one.name for one in choice.classes if one.dev_rows < FEW_CLASS]
    if thin and choice.data.says in CLASSED:
        named = ", ".join(thin[:4]) + (f" and {len(thin) - 4} more" if len(thin) > 4 else "")
        told += f". Fewer than {FEW_CLASS} evaluation rows of {named}: read their intervals first"
    return told + ". Keep a third set, used once, for the last word"


def _stopping(choice: Choice, settings: FinetuneSettings | None) -> str:
    epochs = 10 if settings is None else settings.budget.epochs
    seeds = "five seeds where the encoder is trained whole" if choice.frozen else "three seeds"
    return (
        f"the run ends after {epochs} epochs, or after {PATIENCE} in a row without a better "
        f"{choice.metric} on the dev rows, and keeps the weights that were best; {seeds} "
        f"(--seeds). The project stops if the interval of {choice.metric} still covers the "
        "baseline's: then ship the baseline"
    )
