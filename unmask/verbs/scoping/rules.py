"""What is refused before anything is planned, and what is warned of."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from unmask.errors import ConfigError
from unmask.report.facts_scope import ClassRows, Overlap, Remark, Repeats
from unmask.verbs.material import CLASSED, TASKS, Material, MaterialTask, Says

RARE = 0.1  # share of a class, below which the evaluation has to be stratified
FEWEST = 10  # evaluation rows of such a class
MOST_SHARE = 0.3  # of the rows that are held out, to have so many
FEW_LABELS = 1000  # labels below which a whole backbone is not trained without a warning
CUT = 0.05  # share of rows past the context
UNKNOWN = 0.01  # share of unknown tokens
TORN = 0.01  # share of rows whose text has another label elsewhere

# Words whose task is to write. "paraphrase" and "question answering" also name tasks of encoders.
_WRITTEN = re.compile(
    r"generat|summar|translat|rewrit|re-?phras|chat|dialog|convers|compos|repl(y|ies)|complet"
    r"|caption|writ(e|ing)|draft|stor(y|ies)|explain|paraphras|simplif|poem|seq2seq|text2text"
    r"|causal|instruct",
    re.IGNORECASE,
)


def task_of(word: str) -> MaterialTask:
    """A task by its name.

    Raises:
        ConfigError: its output has to be written, and says what to use instead; or there is no such
            task.
    """
    found = next((task for task in TASKS if task == word.strip().lower()), None)
    if found is not None:
        return found
    if _WRITTEN.search(word):
        raise ConfigError(
            f"the task {word!r} is refused: its output has to be written, and an encoder scores "
            "and points but does not compose. Use a small decoder, such as Qwen2-1.5B or "
            "Phi-3-mini, or an encoder-decoder such as T5. An encoder can do it where the output "
            "is a label of a fixed list (--task classify, or pair for two texts), a number "
            "(regress), a label for each word (tag), a stretch of the input (answer) or a "
            "ranking (embed, rerank)"
        )
    raise ConfigError(f"task must be one of {', '.join(TASKS)}, not {word!r}")


def metrics_of(task: MaterialTask, says: Says) -> Mapping[str, str]:
    """The figures that may decide, as people write them, with their names in `budget.metric`."""
    if says == "labels":
        return {"micro F1": "micro_f1", "macro F1": "macro_f1"}
    if task == "embed" and says == "numbers":
        return {"Spearman": "Spearman", "Pearson": "Pearson"}
    return _METRICS[task]


def metric_of(
    word: str | None, task: MaterialTask, says: Says, classes: Sequence[ClassRows]
) -> str:
    """The figure that decides: the one asked for, or what suits the task.

    Args:
        word: as the user named it, or None.
        task: of the rows.
        says: what kind of thing they say.
        classes: with their shares.

    Raises:
        ConfigError: it is none of the task's.
    """
    known = tuple(metrics_of(task, says))
    if word is None:
        rare = any(one.share < RARE for one in classes)
        return "macro F1" if "macro F1" in known and rare else known[0]
    found = next((one for one in known if one.lower().replace(" ", "-") == word.lower()), None)
    if found is None:
        names = ", ".join(one.lower().replace(" ", "-") for one in known)
        raise ConfigError(f"metric must be one of {names} for --task {task}, not {word!r}")
    return found


_ONE_LABEL = {"accuracy": "accuracy", "macro F1": "macro_f1"}
_METRICS: dict[MaterialTask, Mapping[str, str]] = {
    "classify": _ONE_LABEL,
    "pair": _ONE_LABEL,
    "regress": {"Spearman": "spearman", "Pearson": "pearson"},
    "tag": {"F1": "f1"},
    "answer": {"F1": "f1", "exact match": "exact_match"},
    "embed": {"nDCG@10": "nDCG@10", "MRR@10": "MRR@10", "recall@10": "recall@10"},
    "rerank": {"nDCG@10": "nDCG@10", "MRR@10": "MRR@10"},
}


def share_for(data: Material, share: float, seed: int) -> float:
    """The share to hold out: raised until each rare class has `FEWEST` rows in it.

    Where none up to `MOST_SHARE` is enough it stays as it is, and `stratified` refuses.
    """
    if data.says not in CLASSED:
        return share
    total = len(data)
    counts = {name: sum(name in row for row in data.labels) for name in data.names}
    rare = [name for name, count in counts.items() if count / total < RARE]
    for percent in range(round(100 * share), round(100 * MOST_SHARE) + 1):
        held = data.held_out(percent / 100, seed)
        if all(sum(name in data.labels[row] for row in held) >= FEWEST for name in rare):
            return percent / 100
    return share


def stratified(
    says: Says, classes: Sequence[ClassRows], asked: str | None, held_out: bool
) -> list[Remark]:
    """Refusals of an evaluation that cannot speak of a rare class.

    Args:
        says: what kind of thing a row says.
        classes: with their evaluation rows.
        asked: the figure that the user named, or None.
        held_out: whether the evaluation rows are held out of the file.
    """
    rare = [one for one in classes if one.share < RARE]
    if says not in CLASSED or not rare:
        return []
    rule = f"a class under {RARE:.0%} needs an evaluation that is stratified by class"
    named = f"{_shares(rare)} {'is' if len(rare) == 1 else 'are'} rare"
    found = []
    thin = [one for one in rare if one.dev_rows < FEWEST]
    if thin:
        told = ", ".join(
            f"{one.name!r} has {one.dev_rows or 'no'} evaluation rows" for one in thin[:8]
        )
        more = f" and {len(thin) - 8} more have fewer than {FEWEST}" if len(thin) > 8 else ""
        lifted = (
            f"Lifted by {FEWEST} rows of each held out, which takes at least "
            f"{round(FEWEST / MOST_SHARE) + 1} rows of each in the file, or by a dev file that has "
            "them"
            if held_out
            else f"Lifted by a dev file with {FEWEST} rows of each class or more, or by leaving "
            "--dev out: then a stratified share is held out"
        )
        found.append(Remark("refusal", rule, f"{named}; {told}{more}", f"{lifted}."))
    if asked == "accuracy":
        found.append(
            Remark(
                "refusal",
                rule,
                f"{named}, and --metric accuracy gives no figures for each class: always answering "
                f"{classes[0].name!r} is right for {classes[0].share:.0%}",
                "Lifted by --metric macro-f1, with precision, recall and F1 of each class beside "
                "it: unmask evaluate gives them.",
            )
        )
    return found


def _shares(rare: Sequence[ClassRows]) -> str:
    told = ", ".join(f"{one.name!r} ({one.share:.1%})" for one in rare[:5])
    return told + (f" and {len(rare) - 5} more" if len(rare) > 5 else "")


def few_labels(train_rows: int, freezable: bool, few_shot: bool) -> list[Remark]:
    """The warning where a whole backbone would be trained on few labels.

    Args:
        train_rows: that are learnt from.
        freezable: whether the task can train a head alone.
        few_shot: whether it has --few-shot for such rows.
    """
    if train_rows >= FEW_LABELS:
        return []
    frozen = "Planned is the head alone on the frozen encoder (model.freeze). " if freezable else ""
    last = "--few-shot for 8 to 64 rows of a class" if few_shot else "more labels"
    planned = f"{frozen}Instead: LoRA, which trains few weights (--lora 8), or {last}."
    return [
        Remark(
            "warning",
            f"the whole backbone on fewer than {FEW_LABELS:,} labels",
            f"there are {train_rows:,} labels to learn from; the score of a whole backbone would "
            "vary widely from seed to seed (Mosbach et al. 2021; Zhang et al. 2021)",
            f"{planned} Where it is trained whole all the same: five seeds, their spread in the "
            "report, and the frozen result beside it.",
        )
    ]


_DECIDED: dict[Says, str] = {
    "label": "Decide on one label for each, or on --task classify with lists of labels.",
    "numbers": "Decide on one for each, such as the mean: a model can say no more than that.",
}


def of_data(
    data: Material, repeats: Repeats, overlap: Overlap | None, cut: float, unknown: float
) -> list[Remark]:
    """Warnings of what spoils figures or loses text."""
    found = []
    if overlap is not None and overlap.alike:
        found.append(
            Remark(
                "warning",
                "train and dev overlap",
                f"{overlap.alike:,} of {overlap.rows:,} dev rows ask what a training row asks "
                f"({overlap.exact:,} letter by letter)",
                "Take them out of the training file: they flatter the figures.",
            )
        )
    if repeats.conflict_rows > TORN * len(data):
        found.append(
            Remark(
                "warning",
                "the same text with different labels",
                f"{repeats.conflict_rows:,} of {len(data):,} rows, {repeats.conflicts:,} texts",
                _DECIDED.get(data.says, "Decide on one for each."),
            )
        )
    if cut > CUT:
        found.append(
            Remark(
                "warning",
                "texts past the context",
                f"{cut:.1%} of the rows are longer than the backbone reads",
                "Take one with a longer context, or shorten the texts to what matters.",
            )
        )
    if unknown > UNKNOWN:
        found.append(
            Remark(
                "warning",
                "unknown tokens",
                f"{unknown:.1%} of the tokens are unknown to the backbone's tokenizer",
                "Take a model for this script or language, or teach it the words: unmask tokenizer "
                "extend.",
            )
        )
    return found
