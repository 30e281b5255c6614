"""Classification on the free labels: a bag of words, the encoder frozen, the encoder trained."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from unmask.evaluation.bag_of_words import BagOfWords
from unmask.evaluation.classification import ClassificationFigures
from unmask.pipelines.classify import Classifier
from unmask.report.facts import ClassificationFacts, LabelCount, MethodScore
from unmask.tour.free_labels import FreeLabels, free_labels
from unmask.verbs.finetune import finetune
from unmask.verbs.finetune_settings import finetune_settings
from unmask.verbs.prepared import Prepared
from unmask.verbs.pretrain import PretrainResult
from unmask.verbs.watch import Watch

TASK = "which of the largest groups of the corpus a held-out text is from, their names masked out"
BAG = "TF-IDF of words and pairs, logistic regression"
FROZEN, FULL = "head on the frozen encoder", "encoder and head trained"
WHY_BAG_WINS = (
    "Where a text is from shows in single telling words, and a bag of words reads just those. It "
    "keeps every word that occurs, while the encoder has seen little text and must spell rare "
    "words from pieces. Encoders pull ahead with more pretraining, or with few labels."
)
WHY_ENCODER_WINS = (
    "The encoder reads words in their places and brings along what it learnt without labels."
)


class Stopped(Exception):
    """A signal stopped the work in the middle of a tour; carries its number."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


@dataclass(frozen=True, slots=True)
class _Method:
    name: str
    figures: ClassificationFigures
    seconds: float


def classify(
    prepared: Prepared, result: PretrainResult, seed: int, watch: Watch
) -> ClassificationFacts | str:
    """All three methods on the same texts, or the reason why there are no labels."""
    folder = result.folder / "classify"
    labels = free_labels(prepared.corpus, folder)
    if isinstance(labels, str):
        return labels
    train, test = _read(labels.train), _read(labels.test)
    with watch.stage("classifying with a bag of words"):
        bag = _measured(BAG, labels, test, lambda texts: BagOfWords.fit(*train).predict(texts))
    encoders = [
        _encoder(name, out, freeze, labels, test, result.folder, seed, watch)
        for name, out, freeze in ((FROZEN, folder / "frozen", True), (FULL, folder / "full", False))
    ]
    best = max(encoders, key=lambda method: method.figures.accuracy)
    won = bag.figures.accuracy >= best.figures.accuracy
    return ClassificationFacts(
        task=TASK,
        labels=tuple(
            LabelCount(name, labels.train_counts[name], labels.test_counts[name])
            for name in labels.labels
        ),
        methods=(
            _score(bag, "baseline"),
            *(_score(method, "encoder") for method in encoders),
        ),
        confusion=best.figures.confusion,
        confusion_of=best.name,
        verdict=WHY_BAG_WINS if won else WHY_ENCODER_WINS,
    )


def _encoder(
    name: str,
    out: Path,
    freeze: bool,
    labels: FreeLabels,
    test: tuple[list[str], list[str]],
    model: Path,
    seed: int,
    watch: Watch,
) -> _Method:
    """A classifier on the pretrained encoder."""
    watch.say(f"classifying: {name}")
    settings = finetune_settings(freeze=freeze, seed=seed)
    tuned = finetune(model, train=labels.train, out=out, settings=settings, watch=watch)
    if tuned.stopped_by is not None:
        raise Stopped(tuned.stopped_by)
    begun = time.monotonic()
    classifier = Classifier.from_pretrained(tuned.model)
    method = _measured(
        name, labels, test, lambda texts: [p["label"] for p in classifier.stream(texts)]
    )
    return _Method(name, method.figures, tuned.seconds + time.monotonic() - begun)


def _measured(
    name: str,
    labels: FreeLabels,
    test: tuple[list[str], list[str]],
    predict: Callable[[list[str]], list[str]],
) -> _Method:
    begun = time.monotonic()
    guesses = predict(test[0])
    figures = ClassificationFigures.of(test[1], guesses, labels.labels)
    return _Method(name, figures, time.monotonic() - begun)


def _score(method: _Method, kind: str) -> MethodScore:
    assert kind in ("baseline", "encoder")
    return MethodScore(
        method.name,
        "encoder" if kind == "encoder" else "baseline",
        method.figures.accuracy,
        method.figures.macro_f1,
        method.seconds,
    )


def _read(path: Path) -> tuple[list[str], list[str]]:
    """Texts and labels of a JSON Lines file made by `free_labels`."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [row["text"] for row in rows], [row["label"] for row in rows]
