"""`Classifier`: one label for each text."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import NotRequired, TypedDict, overload

import torch

from unmask.batches.batch import Batch
from unmask.batches.sequences import OnLong
from unmask.checkpoint.folder import open_classifier
from unmask.heads.model import SequenceClassifier
from unmask.pipelines.checks import check_several
from unmask.pipelines.folders import Pipeline
from unmask.pipelines.running import Fit, Fitted, Tell, bar, run, warned, windows


class Prediction(TypedDict):
    """What is said of one text.

    Keys:
        label: the most probable label.
        score: its probability, from 0 to 1.
        tokens: how many tokens the text had before anything was cut, special tokens included.
        truncated: whether some of them were not read.
        scores: the probability of every label by name, in the model's order, where asked for.
    """

    label: str
    score: float
    tokens: int
    truncated: bool
    scores: NotRequired[dict[str, float]]


@dataclass(frozen=True, eq=False)
class Classifier(Pipeline[SequenceClassifier]):
    """Labels for texts, by a model with a sequence head."""

    opener = staticmethod(open_classifier)

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
        answers = warned(
            self.stream(texts, on_long=on_long, scores=scores, progress=progress),
            lambda answer: (answer["truncated"], answer),
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
        model = self.opened.model
        fit = Fit(self.tokenizer.layout, model.encoder.config.context, on_long)
        with bar("classifying", texts, progress) as within:
            for number, window in windows(texts):
                ids = self.tokenizer.ids_stream(window, number=number)
                fitted = [fit(one, place) for place, one in enumerate(ids, number)]
                yield from self._answers(fitted, scores, within(number, window))

    def _answers(self, fitted: list[Fitted], scores: bool, tell: Tell) -> Iterator[Prediction]:
        model = self.opened.model
        rows = [row for one in fitted for row in one.rows]
        device = model.encoder.embedding.tokens.weight.device

        def read(batch: Batch) -> list[torch.Tensor]:
            return list(model(batch).float().softmax(1).cpu())

        found = iter(run(rows, read, device, tell=tell))
        for one in fitted:
            parts = torch.stack([next(found) for _ in one.rows])
            weights = torch.tensor([float(len(row)) for row in one.rows])
            shares = weights @ parts / weights.sum() if len(one.rows) > 1 else parts[0]
            score, best = shares.max(0)
            answer = Prediction(
                label=self.labels[int(best)],
                score=float(score),
                tokens=one.tokens,
                truncated=one.truncated,
            )
            if scores:
                answer["scores"] = dict(zip(self.labels, shares.tolist(), strict=True))
            yield answer
