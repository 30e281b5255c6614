"""The words of a text that answer a question."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from math import inf

from torch import nn

from unmask.checkpoint.answer_rule import AnswerRule, rule_writer
from unmask.checkpoint.answering import AnswerModel, open_answerer
from unmask.errors import ConfigError, DataError
from unmask.evaluation.answering import AnswerFigures, best_threshold
from unmask.evaluation.bootstrap import RESAMPLES
from unmask.heads.model import TokenClassifier
from unmask.objectives.answering import Answering
from unmask.pipelines.answer import Answerer
from unmask.pipelines.pairs import tells_segments
from unmask.pipelines.passages import Passage, PassageFit, passages
from unmask.pipelines.running import mostly_unknown
from unmask.text.questions import Question
from unmask.tokens.tokenizer import Tokenizer
from unmask.verbs.task_settings import TuneAnswer
from unmask.verbs.tasks.labelled_data import counted, is_are
from unmask.verbs.tasks.pieces import Finished, Given, Pieces, Said, new_weights
from unmask.verbs.tasks.question_data import QuestionSplit
from unmask.verbs.tasks.rows import Rows, unknown_notes

_SAID = Said(
    "question-answering",
    "model that answers questions",
    "An answer is some words of the text that is given with the question",
)


def answer(given: Given) -> Pieces:
    """What makes a model that finds answers."""
    settings, watch, seed = given.settings, given.watch, given.settings.run.seed
    with watch.stage("reading the data"):
        split = QuestionSplit.read(given.train, given.dev, settings.data, settings.split_seed)
    model = open_answerer(
        given.model, new_head=True, seed=seed, device=given.device, revision=given.revision
    )
    model = AnswerModel(model.opened, rule_of(model, settings.answer))
    fit = Answerer(model).fit(given.on_long)
    tokenizer = model.opened.tokenizer
    with watch.stage("tokenising"):
        learnt = Learnt.of(_passages(split.train.rows, tokenizer, fit), split.train.rows)
        read = _passages(split.dev.rows, tokenizer, fit)
    told = tells_segments(model.opened.model.encoder, tokenizer)
    chooses = bool(split.train.unanswerable and split.dev.unanswerable)
    dev = Measure(model, split.dev.rows, tuple(read), chooses)
    notes = (
        *split.notes,
        *learnt.notes(model.rule),
        *unknown_notes(_unknown(read), len(read), "dev texts", learnt=False),
        _threshold_note(split),
        *new_weights(model.opened, seed),
    )
    return Pieces(
        opened=model.opened,
        rows=learnt.rows(told),
        objective=Answering.of(learnt.places),
        dev=dev,
        train_rows=len(split.train) - learnt.left_out,
        dev_rows=len(split.dev),
        said=_SAID,
        notes=tuple(filter(None, notes)),
        finish=lambda: _finished(model, dev),
        metrics=("f1", "exact_match"),
    )


def _finished(model: AnswerModel, dev: Measure) -> Finished:
    """The model with the threshold that is best for the dev questions."""
    figures = dev.figures(model.opened.model)
    rule = replace(model.rule, threshold=figures.threshold)
    return Finished(figures, model.opened, (), rule_writer(rule))


def rule_of(model: AnswerModel, settings: TuneAnswer) -> AnswerRule:
    """The rule of the model that is to come, without a threshold.

    Raises:
        ConfigError: a window that is longer than the model's context.
    """
    context = model.opened.model.encoder.config.context
    if settings.window is not None and settings.window > context:
        raise ConfigError(
            f"answer.window must be at most the model's context of {context} tokens, not "
            f"{settings.window}"
        )
    given = {name: value for name, value in asdict(settings).items() if value is not None}
    return replace(model.rule, threshold=None, **given)


@dataclass(frozen=True, slots=True)
class Learnt:
    """What is learnt from.

    Attributes:
        read: the questions that a row answers, or that have no answer.
        places: of each of their rows, where the answer's first and last token stand; both 0 where
            it has none.
        left_out: questions whose answer is whole in no row.
        all: how many questions there were.
        unknown: what is said of texts of mostly unknown tokens.
    """

    read: tuple[Passage, ...]
    places: tuple[tuple[int, int], ...]
    left_out: int
    all: int
    unknown: tuple[str, ...]

    @classmethod
    def of(cls, read: Sequence[Passage], questions: Sequence[Question]) -> Learnt:
        """Find the answers in their rows; the first counts of several.

        Raises:
            DataError: there is nothing to learn from.
        """
        kept, places = [], []
        for passage, question in zip(read, questions, strict=True):
            found: list[tuple[int, int]] | None = [(0, 0)] * len(passage.rows)
            if question.answers:
                first = question.answers[0]
                found = passage.places_of(first.start, first.end)
            if found is not None:
                kept.append(passage)
                places += found
        unknown = unknown_notes(_unknown(read), len(read), "training texts")
        if not any(place != (0, 0) for place in places):
            raise DataError(
                "to learn to answer takes questions with an answer in their text, but of "
                f"{counted(len(read), 'question')} none has one that a row holds whole"
            )
        return cls(tuple(kept), tuple(places), len(read) - len(kept), len(read), unknown)

    def rows(self, told: bool) -> Rows:
        """All rows; with segments, where the model is told of them."""
        rows = tuple(row for passage in self.read for row in passage.rows)
        segments = tuple(part for passage in self.read for part in passage.segments)
        cut = sum(passage.truncated for passage in self.read)
        return Rows(rows, cut, segments if told else None)

    def notes(self, rule: AnswerRule) -> tuple[str, ...]:
        """What a person should know of how the questions became rows."""
        cut = sum(passage.truncated for passage in self.read)
        several = sum(len(passage.rows) > 1 for passage in self.read)
        return (
            f"{counted(several, 'text')} of {self.all:,} {is_are(several)} read in several windows "
            f"of {rule.window} tokens"
            if several
            else "",
            f"{cut:,} of {self.all:,} questions or texts {is_are(cut)} cut to rows of "
            f"{rule.window} tokens"
            if cut
            else "",
            f"{counted(self.left_out, 'question')} of {self.all:,} {is_are(self.left_out)} left "
            "out, since no row holds their whole answer"
            if self.left_out
            else "",
            *self.unknown,
        )


@dataclass(frozen=True, slots=True)
class Measure:
    """Questions to measure a model with.

    Attributes:
        model: the model that is trained, with its rule.
        questions: N.
        read: them as rows.
        chooses: whether a threshold for "no answer" is chosen by them.
    """

    model: AnswerModel
    questions: tuple[Question, ...]
    read: tuple[Passage, ...]
    chooses: bool

    def figures(self, model: nn.Module) -> AnswerFigures:
        """All figures, with intervals; the threshold is the best for these questions."""
        return self._figures(model, RESAMPLES)

    def __call__(self, model: nn.Module) -> Mapping[str, float]:
        """Exact match and F1."""
        found = self._figures(model, 1)
        return {"exact_match": found.exact_match, "f1": found.f1}

    def _figures(self, model: nn.Module, resamples: int) -> AnswerFigures:
        assert isinstance(model, TokenClassifier)
        opened = replace(self.model.opened, model=model)
        answerer = Answerer(replace(self.model, opened=opened))
        texts = [question.context for question in self.questions]
        found = list(answerer.answers(texts, self.read, threshold=inf))
        best = [one["text"] for one in found]
        truths = [[one.text for one in question.answers] for question in self.questions]
        threshold = None
        if self.chooses:
            threshold = best_threshold(best, [one["margin"] for one in found], truths)
        if threshold is not None:
            best = [one["text"] if one["margin"] <= threshold else "" for one in found]
        return AnswerFigures.of(best, truths, threshold, resamples=resamples)


def _passages(
    questions: Sequence[Question], tokenizer: Tokenizer, fit: PassageFit
) -> list[Passage]:
    return passages([(row.text, row.context) for row in questions], tokenizer, fit)


def _unknown(read: Sequence[Passage]) -> int:
    """How many texts are mostly unknown tokens."""
    return sum(mostly_unknown(passage.unknown) for passage in read)


def _threshold_note(split: QuestionSplit) -> str:
    """Why no threshold is chosen, where one might be looked for."""
    if split.train.unanswerable and not split.dev.unanswerable:
        return (
            "every dev question has an answer, so no threshold for 'no answer' can be chosen, and "
            "the model always answers"
        )
    if split.dev.unanswerable and not split.train.unanswerable:
        return (
            "the training questions all have an answer, so the model always answers, and is wrong "
            f"on the {counted(split.dev.unanswerable, 'dev question')} without one"
        )
    return ""
