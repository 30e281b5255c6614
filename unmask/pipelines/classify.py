"""`Classifier`: one label for each text."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import NotRequired, TypedDict, overload

import torch

from unmask.batches.sequences import OnLong
from unmask.checkpoint.folder import open_classifier
from unmask.checkpoint.use import THRESHOLD, Use
from unmask.errors import UnsupportedModel
from unmask.heads.model import SequenceClassifier
from unmask.pipelines.checks import check_several
from unmask.pipelines.folders import Pipeline
from unmask.pipelines.running import warned_keys
from unmask.pipelines.scored import Read, Said, of_texts


class Prediction(TypedDict):
    """What is said of one text, or of one pair.

    Keys:
        label: the most probable label.
        score: its probability, from 0 to 1.
        tokens: how many tokens it had before anything was cut, special tokens included.
        truncated: whether some of them were not read.
        unknown: the share of its tokens that the tokenizer does not know, from 0 to 1, of a pair
            that of the text that has the larger one; above a half, the label means little.
        labels: of a model that gives any number of labels, those whose probability reaches their
            thresholds, most probable first; there may be none.
        scores: the probability of every label by name, in the model's order, where asked for.
    """

    label: str
    score: float
    tokens: int
    truncated: bool
    unknown: float
    labels: NotRequired[list[str]]
    scores: NotRequired[dict[str, float]]


def probabilities(use: Use) -> Read:
    """What makes probabilities of logits: each label's own, or those of one label out of several.

    Logits are divided by the temperature of the model first.
    """
    if use.outputs == "several":
        return lambda logits: torch.sigmoid(logits / use.temperature)
    return lambda logits: torch.softmax(logits / use.temperature, 1)


def prediction(said: Said, labels: tuple[str, ...], use: Use, *, scores: bool) -> Prediction:
    """Probabilities in words.

    Args:
        said: the probabilities, in the order of the labels.
        labels: their names.
        use: how they are read.
        scores: also give the probability of every label.
    """
    values = said.values.tolist()
    score, best = said.values.max(0)
    answer = Prediction(
        label=labels[int(best)],
        score=float(score),
        tokens=said.tokens,
        truncated=said.truncated,
        unknown=said.unknown,
    )
    if use.outputs == "several":
        given = [
            (value, label)
            for label, value in zip(labels, values, strict=True)
            if value >= use.thresholds.get(label, THRESHOLD)
        ]
        answer["labels"] = [label for _, label in sorted(given, key=lambda one: -one[0])]
    if scores:
        answer["scores"] = dict(zip(labels, values, strict=True))
    return answer


@dataclass(frozen=True, eq=False)
class Classifier(Pipeline[SequenceClassifier]):
    """Labels for texts, by a model with a sequence head: one for each, or any number."""

    opener = staticmethod(open_classifier)

    def __post_init__(self) -> None:
        if self.opened.use.texts == "pair":
            raise UnsupportedModel(
                f"{self.opened.path} was trained on pairs of texts, and Classifier reads single "
                "ones; use unmask.PairClassifier"
            )

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of the labels, in the order of the model's outputs."""
        return self.opened.labels

    @overload
    def predict(
        self,
        texts: Iterator[str],
        *,
        on_long: OnLong = "truncate",
        scores: bool = False,
        progress: bool = False,
    ) -> Iterator[Prediction]: ...

    @overload
    def predict(
        self,
        texts: Collection[str],
        *,
        on_long: OnLong = "truncate",
        scores: bool = False,
        progress: bool = False,
    ) -> list[Prediction]: ...

    def predict(
        self,
        texts: Iterable[str],
        *,
        on_long: OnLong = "truncate",
        scores: bool = False,
        progress: bool = False,
    ) -> list[Prediction] | Iterator[Prediction]:
        """Labels for texts, in their order. Warns once where texts were cut, and says how many.

        Args:
            texts: a collection gives a list; an iterator gives an iterator, which reads ahead by
                a thousand texts or four million characters, whichever comes first, and holds no
                more in memory.
            on_long: what happens to a text longer than the context: "truncate" reads its
                beginning; "chunk" splits it and averages the probabilities of its parts, weighed
                by their tokens; "error" raises.
            scores: also give the probability of every label.
            progress: show on standard error how many texts have been read.

        Raises:
            TooLong: a text is longer than the context, under "error".
            TokenizerError: a text is no str.
        """
        check_several("predict", texts)
        answers = warned_keys(
            self.stream(texts, on_long=on_long, scores=scores, progress=progress),
            f"texts are longer than the context of {self.opened.model.encoder.config.context} "
            "tokens, and only their beginnings were read; on_long='chunk' reads all of them, "
            "'error' refuses",
        )
        return answers if isinstance(texts, Iterator) else list(answers)

    def stream(
        self,
        texts: Iterable[str],
        *,
        on_long: OnLong = "truncate",
        scores: bool = False,
        progress: bool = False,
    ) -> Iterator[Prediction]:
        """As `predict` for an iterator, without its warning: each answer says what was cut."""
        use, labels = self.opened.use, self.labels
        answers = of_texts(
            self.opened,
            texts,
            probabilities(use),
            on_long=on_long,
            doing="classifying",
            progress=progress,
        )
        return (prediction(said, labels, use, scores=scores) for said in answers)
