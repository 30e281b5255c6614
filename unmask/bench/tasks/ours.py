"""Our own arms: the verbs and pipelines, as a user calls them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from unmask.bench.arm import Measured
from unmask.bench.tasks.rows import read_rows
from unmask.bench.tasks.tag import read_sentences
from unmask.bench.tasks.task import Given
from unmask.evaluation.probe import Probe
from unmask.pipelines.answer import Answerer
from unmask.pipelines.classify import Classifier
from unmask.pipelines.embed import Embedder
from unmask.pipelines.pair import PairClassifier
from unmask.pipelines.tag import Tagger
from unmask.text.questions import read_questions
from unmask.verbs.finetune import finetune
from unmask.verbs.finetune_settings import finetune_settings


def tuned(
    given: Given,
    task: str,
    over: Mapping[str, Any] | None = None,
    *,
    train: Path | None = None,
    dev: Path | None = None,
    unlabelled: Path | None = None,
    **short: Any,
) -> tuple[Path, float, float]:
    """Run `unmask finetune`.

    Args:
        given: of the arm.
        task: to learn.
        over: settings without a short name.
        train, dev: files; None for those of the task.
        unlabelled: a file of more texts; None for none.
        short: settings by their short names.

    Returns:
        The model's folder, seconds of the whole command, and those of its training.
    """
    begun = time.perf_counter()
    settings = finetune_settings(
        over=over,
        task=task,
        seed=given.seed,
        threads=given.threads,
        device=given.device,
        epochs=given.epochs or None,
        **short,
    )
    result = finetune(
        given.model,
        train=train or given.file("train"),
        dev=dev or given.file("dev"),
        unlabelled=unlabelled,
        out=given.out,
        settings=settings,
    )
    return result.model, time.perf_counter() - begun, result.seconds


def classify(given: Given) -> Measured:
    """`unmask finetune --task classify`."""
    folder, seconds, training = tuned(given, "classify", **given.more)
    return given.told(seconds, training, _labels(folder, given))


def few_shot(given: Given) -> Measured:
    """`unmask finetune --few-shot`; all of it is training, as the head is fitted at the end."""
    folder, seconds, _ = tuned(given, "classify", few_shot=True)
    return given.told(seconds, seconds, _labels(folder, given))


def few_shot_more(given: Given) -> Measured:
    """`unmask finetune --few-shot --unlabelled`; all of it is training, as of `few_shot`."""
    more = given.file("unlabelled")
    folder, seconds, _ = tuned(given, "classify", few_shot=True, unlabelled=more)
    return given.told(seconds, seconds, _labels(folder, given))


def _labels(folder: Path, given: Given) -> list[str]:
    texts = [text for text, _ in read_rows(given.file("test"))]
    classifier = Classifier.from_pretrained(folder, device=given.device)
    return [one["label"] for one in classifier.predict(texts)]


def pair(given: Given) -> Measured:
    """`unmask finetune --task pair`."""
    folder, seconds, training = tuned(given, "pair", **given.more)
    pairs = [(first, second) for first, second, _ in read_rows(given.file("test"))]
    said = PairClassifier.from_pretrained(folder, device=given.device).predict(pairs)
    return given.told(seconds, training, [one["label"] for one in said])


def tag(given: Given) -> Measured:
    """`unmask finetune --task tag`."""
    folder, seconds, training = tuned(given, "tag")
    words = [[word for word, _ in one] for one in read_sentences(given.file("test"))]
    said = Tagger.from_pretrained(folder, device=given.device).predict(words)
    return given.told(seconds, training, [" ".join(one["tags"]) for one in said])


def answer(given: Given) -> Measured:
    """`unmask finetune --task answer`."""
    folder, seconds, training = tuned(given, "answer")
    pairs = [(row.text, row.context) for row in read_questions(given.file("test")).rows]
    said = Answerer.from_pretrained(folder, device=given.device).predict(pairs)
    return given.told(seconds, training, [one["text"] for one in said])


def probe(given: Given) -> Measured:
    """Logistic regression on the frozen vectors, as `unmask probe` has it."""
    begun = time.perf_counter()
    embedder = Embedder.from_pretrained(given.model, device=given.device)
    rows = read_rows(given.file("train"))
    fitted = Probe.fit(embedder.encode([text for text, _ in rows]), [row[-1] for row in rows])
    seconds = time.perf_counter() - begun
    texts = [text for text, _ in read_rows(given.file("test"))]
    return given.told(seconds, seconds, fitted.predict(embedder.encode(texts)))
