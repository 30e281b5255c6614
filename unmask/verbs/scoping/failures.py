"""One way in which a training is likely to fail, for each task, and how to see it."""

from __future__ import annotations

from collections.abc import Sequence

from unmask.report.facts_scope import ClassRows, Failure
from unmask.report.units import percent
from unmask.verbs.material import Material, MaterialTask
from unmask.verbs.scoping.rules import RARE


def failure_of(
    task: MaterialTask, data: Material, classes: Sequence[ClassRows], frozen: bool
) -> Failure:
    """The failure that is likeliest for such data, and how it shows."""
    if task in ("classify", "pair") and data.says == "label":
        common = classes[0]
        if task == "pair":
            return _PAIRS
        if frozen and common.share < 1 - RARE:
            return _UNDERFIT
        return Failure(
            "collapse to the majority class",
            f"every prediction is {common.name!r}, and accuracy looks like its share, "
            f"{percent(common.share)}",
            "unmask evaluate: a class whose recall is 0; unmask predict counts what it gives",
            "throw that seed's run out and say so, halve the learning rate, lengthen the warm-up; "
            "never average a collapsed run into a result",
        )
    if data.says == "labels":
        return _SEVERAL_FAIL
    return _FAILURES[task]


_UNDERFIT = Failure(
    "the frozen vectors do not hold the distinction",
    "the head has learnt all that the vectors say, and more epochs change nothing",
    "log.jsonl: the training loss stands still well above 0, and the dev figures are those of the "
    "linear model out of fold",
    "take another backbone, or train few weights of it with LoRA; beside the frozen result, not "
    "instead of it",
)
_PAIRS = Failure(
    "one text of the pair gives the label away",
    "labels follow words of the second text, such as negations, and the first is not read "
    "(Gururangan et al. 2018)",
    "train on the second column alone (--task classify --text-column): well above the commonest "
    "label's share, the data have the shortcut",
    "add pairs in which the same second text has another label, and report on those by themselves",
)
_SEVERAL_FAIL = Failure(
    "rare labels are never given",
    "a label with few rows stays below its threshold for every text",
    "unmask evaluate: labels with a recall of 0",
    "more rows of the label; thresholds are chosen on the dev rows, so have some of it there",
)
_FAILURES: dict[MaterialTask, Failure] = {
    "regress": Failure(
        "all predictions lie near the mean",
        "the error is small for the common numbers, and the ends of the scale are never given",
        "unmask predict: the spread of the predictions is well below that of the data",
        "train longer, and give the ends of the scale more rows",
    ),
    "tag": Failure(
        "everything is O",
        "accuracy by word is high, because most words are in no span",
        "unmask evaluate: entity recall near 0 for some type",
        "measure by entity F1 and type, never by word; more sentences that have the type",
    ),
    "answer": Failure(
        "the first likely name is the answer",
        "the model matches the kind of answer and not the question, or says no answer to all",
        "ask two questions of one text: the same answer comes back; compare the share of no answer "
        "with that of the data",
        "add questions whose text holds several answers of one kind",
    ),
    "embed": Failure(
        "true matches among the negatives",
        "a batch holds another right document, and the model is taught to push it away",
        "duplicates above; the loss stands still while nDCG falls",
        "remove duplicates, and mine negatives with a margin",
    ),
    "rerank": Failure(
        "scores follow length or shared words",
        "the order is that of a word count, and the first stage already gave it",
        "compare with the order of BM25: a correlation near 1",
        "negatives that share words with the query",
    ),
    "classify": _UNDERFIT,
    "pair": _PAIRS,
}
