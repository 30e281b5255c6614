"""`PairClassifier`: labels for pairs of texts; `ZeroShot`: labels by their names alone."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypedDict, overload

import torch

from unmask.checkpoint.folder import open_classifier
from unmask.errors import ConfigError, LabelMismatch, UnsupportedModel
from unmask.heads.model import SequenceClassifier
from unmask.nn.prepared import Precision
from unmask.pipelines.checks import check_several
from unmask.pipelines.classify import Prediction, prediction, probabilities
from unmask.pipelines.folders import Pipeline
from unmask.pipelines.pairs import Pair
from unmask.pipelines.running import warned_keys
from unmask.pipelines.scored import OnLongPair, Said, of_pairs

TEMPLATE = "This example is {}."
"""What a label becomes as a hypothesis; that of the peers, so that scores can be compared."""


def _check_pairs(opened: Any, name: str) -> None:
    """A model that says it reads single texts has not learnt what two have to do with each other.

    Raises:
        UnsupportedModel: it says so.
    """
    if opened.use.texts == "single":
        raise UnsupportedModel(
            f"{opened.path} was trained on single texts, and {name} reads pairs; use "
            "unmask.Classifier, or train one with unmask finetune --task pair"
        )


@dataclass(frozen=True, eq=False)
class PairClassifier(Pipeline[SequenceClassifier]):
    """Labels for pairs of texts, by a model with a sequence head: whether one entails the other,
    whether both say the same."""

    opener = staticmethod(open_classifier)

    def __post_init__(self) -> None:
        _check_pairs(self.opened, "PairClassifier")

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of the labels, in the order of the model's outputs."""
        return self.opened.labels

    @overload
    def predict(
        self,
        pairs: Iterator[Pair],
        *,
        on_long: OnLongPair = "truncate",
        scores: bool = False,
        progress: bool = False,
    ) -> Iterator[Prediction]: ...

    @overload
    def predict(
        self,
        pairs: Collection[Pair],
        *,
        on_long: OnLongPair = "truncate",
        scores: bool = False,
        progress: bool = False,
    ) -> list[Prediction]: ...

    def predict(
        self,
        pairs: Iterable[Pair],
        *,
        on_long: OnLongPair = "truncate",
        scores: bool = False,
        progress: bool = False,
    ) -> list[Prediction] | Iterator[Prediction]:
        """Labels for pairs, in their order. Warns once where pairs were cut, and says how many.

        Args:
            pairs: of two texts each. A collection gives a list; an iterator gives an iterator,
                which reads a thousand ahead and holds no more in memory.
            on_long: what happens to a pair longer than the context: "truncate" cuts the longer
                text until both are equally long, then both; "error" raises.
            scores: also give the probability of every label.
            progress: show on standard error how many pairs have been read.

        Raises:
            TooLong: a pair is longer than the context, under "error".
            TokenizerError: something is no pair of two texts.
        """
        check_several("predict", pairs, "pair")
        answers = warned_keys(
            self.stream(pairs, on_long=on_long, scores=scores, progress=progress),
            f"pairs are longer than {self.opened.model.encoder.config.context} tokens, and their "
            "longer texts were cut; on_long='error' refuses them",
        )
        return answers if isinstance(pairs, Iterator) else list(answers)

    def stream(
        self,
        pairs: Iterable[Pair],
        *,
        on_long: OnLongPair = "truncate",
        scores: bool = False,
        progress: bool = False,
    ) -> Iterator[Prediction]:
        """As `predict` for an iterator, without its warning: each answer says what was cut."""
        use, labels = self.opened.use, self.labels
        answers = of_pairs(
            self.opened,
            pairs,
            probabilities(use),
            on_long=on_long,
            doing="classifying",
            progress=progress,
        )
        return (prediction(said, labels, use, scores=scores) for said in answers)


class Chosen(TypedDict):
    """What is said of one text by the names of labels.

    Keys:
        label: the most probable label.
        score: its probability, from 0 to 1.
        scores: of every label, in the order they were given in.
        tokens: of the text with the longest hypothesis, before anything was cut.
        truncated: whether some of them were not read.
        unknown: the share of the text's tokens that the tokenizer does not know, from 0 to 1, or of
            a label's sentence if that is larger; above a half, the label means little.
    """

    label: str
    score: float
    scores: dict[str, float]
    tokens: int
    truncated: bool
    unknown: float


@dataclass(frozen=True, eq=False)
class ZeroShot(Pipeline[SequenceClassifier]):
    """Labels that a model was never trained on, by a model that tells entailment: a text has the
    label whose sentence it entails most (Yin et al. 2019).

    Attributes:
        entailment: the label of the model that says a text entails another.
        contradiction: the label that says it contradicts it; None where the model has none.
    """

    opener = staticmethod(open_classifier)

    entailment: str = ""
    contradiction: str | None = None

    @classmethod
    def from_pretrained(
        cls,
        path: str | Path,
        *,
        device: str | torch.device = "cpu",
        dtype: torch.dtype = torch.float32,
        precision: Precision | None = None,
        revision: str | None = None,
        entailment: str | None = None,
        contradiction: str | None = None,
    ) -> ZeroShot:
        """Open a model that tells entailment.

        Args:
            path, device, dtype, precision, revision: as in `Classifier.from_pretrained`.
            entailment, contradiction: the model's own labels for these; None to find them by their
                names.

        Raises:
            LabelMismatch: no label's name says entailment, or several do; the message lists them.
        """
        plain = super().from_pretrained(
            path, device=device, dtype=dtype, precision=precision, revision=revision
        )
        opened = plain.opened
        _check_pairs(opened, "ZeroShot")
        said = _named(opened.labels, entailment, "entail", "entailment")
        if said is None:
            raise LabelMismatch(
                f"one label of a model for ZeroShot must say that a text entails another, but "
                f"{opened.path} has: {', '.join(map(repr, opened.labels))}. Say which one it is "
                "with entailment=..."
            )
        against = _named(opened.labels, contradiction, "contradict", "contradiction")
        return replace(plain, entailment=said, contradiction=against)

    @overload
    def predict(
        self,
        texts: Iterator[str],
        labels: Sequence[str],
        *,
        template: str = TEMPLATE,
        several: bool = False,
        on_long: OnLongPair = "truncate",
        progress: bool = False,
    ) -> Iterator[Chosen]: ...

    @overload
    def predict(
        self,
        texts: Collection[str],
        labels: Sequence[str],
        *,
        template: str = TEMPLATE,
        several: bool = False,
        on_long: OnLongPair = "truncate",
        progress: bool = False,
    ) -> list[Chosen]: ...

    def predict(
        self,
        texts: Iterable[str],
        labels: Sequence[str],
        *,
        template: str = TEMPLATE,
        several: bool = False,
        on_long: OnLongPair = "truncate",
        progress: bool = False,
    ) -> list[Chosen] | Iterator[Chosen]:
        """Labels for texts, in their order. Each text is read once for each label.

        Args:
            texts: a collection gives a list, an iterator an iterator.
            labels: two or more names, or one where `several` may be true.
            template: a sentence with {} where a label is put.
            several: whether each label is true or false by itself, by entailment against
                contradiction; else one of them is true, by their entailments alone.
            on_long: what happens to a text that is too long with its sentence: see
                `PairClassifier.predict`.
            progress: show on standard error how many pairs have been read.

        Raises:
            ConfigError: labels or template are wrong, or `several` was asked of a model without a
                label for contradiction.
            TooLong, TokenizerError: as in `PairClassifier.predict`.
        """
        check_several("predict", texts)
        names = self._checked(labels, template, several)
        hypotheses = [template.replace("{}", name) for name in names]
        pairs = ((text, hypothesis) for text in texts for hypothesis in hypotheses)
        said = of_pairs(
            self.opened,
            pairs,
            self._logits(several),
            on_long=on_long,
            doing="comparing",
            progress=progress,
        )
        answers = warned_keys(
            _by_text(said, names, several=several),
            "texts are too long with their sentence, and were cut; on_long='error' refuses them",
        )
        return answers if isinstance(texts, Iterator) else list(answers)

    def _logits(self, several: bool) -> Any:
        """What is read of the model's scores: `(B, 1)`, to be compared among labels."""
        entails = self.opened.labels.index(self.entailment)
        if not several:
            return lambda logits: logits[:, [entails]] / self.opened.use.temperature
        assert self.contradiction is not None
        both = [self.opened.labels.index(self.contradiction), entails]
        return lambda logits: (logits[:, both] / self.opened.use.temperature).softmax(1)[:, 1:]

    def _checked(self, labels: Sequence[str], template: str, several: bool) -> list[str]:
        names = [labels] if isinstance(labels, str) else list(labels)
        if len(names) < 2 - several or len(set(names)) < len(names):
            raise ConfigError(
                f"labels must be {'one' if several else 'two'} or more different names, not {names}"
            )
        if template.count("{}") != 1:
            raise ConfigError(f"a template must have one {{}} for the label, but is {template!r}")
        if several and self.contradiction is None:
            raise ConfigError(
                f"several=True compares entailment with contradiction, and the labels of "
                f"{self.opened.path} are {', '.join(map(repr, self.opened.labels))}; say which one "
                "is contradiction=... when opening, or leave several out"
            )
        return names


def _by_text(said: Iterator[Said], names: list[str], *, several: bool) -> Iterator[Chosen]:
    """One answer for each text, of as many as there are labels."""
    for first in said:
        group = [first, *(next(said) for _ in names[1:])]
        values = torch.cat([one.values for one in group])
        if not several:
            values = values.softmax(0)
        score, best = values.max(0)
        yield Chosen(
            label=names[int(best)],
            score=float(score),
            scores=dict(zip(names, values.tolist(), strict=True)),
            tokens=max(one.tokens for one in group),
            truncated=any(one.truncated for one in group),
            unknown=max(one.unknown for one in group),
        )


def _named(labels: tuple[str, ...], named: str | None, stem: str, role: str) -> str | None:
    """The label that plays a role: the one named, or the only one whose name begins so."""
    if named is not None:
        if named not in labels:
            raise LabelMismatch(
                f"{role} must be one of the model's labels, {', '.join(map(repr, labels))}, not "
                f"{named!r}"
            )
        return named
    found = [label for label in labels if label.strip().lower().startswith(stem)]
    return found[0] if len(found) == 1 else None
