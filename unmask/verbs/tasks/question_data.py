"""Questions for training and for measuring: read, and held apart by article."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from unmask.batches.draws import Draws
from unmask.errors import DataError
from unmask.text.bad import Reading
from unmask.text.questions import Question, Questions, read_questions
from unmask.verbs.finetune_settings import TuneData
from unmask.verbs.tasks.labelled_data import counted, is_are

ARTICLES = 203  # stream of Draws


@dataclass(frozen=True, slots=True)
class QuestionSplit:
    """Questions to train on and questions to measure with.

    Attributes:
        train, dev: the questions.
        notes: what a person should know of them.
    """

    train: Questions
    dev: Questions
    notes: tuple[str, ...]

    @classmethod
    def read(
        cls, train: str | Path, dev: str | Path | None, settings: TuneData, seed: int
    ) -> QuestionSplit:
        """Read a training file, and a dev file or hold out some articles.

        Raises:
            DataError: a column is missing, or there is only one article to hold out from.
            CorruptText: a bad place, such as an answer that is not where it is said to be.
        """
        whole = read_asked(train, settings)
        if dev is None:
            rest, held_out = hold_out_articles(whole, settings.dev_share, seed)
            how = (
                f"{len(held_out):,} of {len(whole):,} questions {is_are(len(held_out))} held out, "
                f"all those of {counted(held_out.articles, 'article')}"
            )
            return cls(rest, held_out, (*told(whole), how))
        measured = read_asked(dev, settings)
        notes = [*told(whole), *told(measured)]
        if shared := len(set(map(_asked, whole.rows)) & set(map(_asked, measured.rows))):
            notes.append(
                f"{counted(shared, 'question')} of {measured.name} {is_are(shared)} in "
                f"{whole.name} as well, which flatters the figures"
            )
        return cls(whole, measured, tuple(notes))


def hold_out_articles(questions: Questions, share: float, seed: int) -> tuple[Questions, Questions]:
    """Hold out whole articles, drawn one by one, until they have a share of the questions.

    Questions of one article ask of the same things, and often of the same text; apart, one would
    give the other away.

    Returns:
        The questions to train on and those held out, each in their first order.

    Raises:
        DataError: there is only one article.
    """
    held = held_articles([row.article for row in questions.rows], share, seed, questions.name)
    chosen = set(held)
    rest = [place for place in range(len(questions)) if place not in chosen]
    return questions.some(rest), questions.some(held)


def held_articles(articles: Sequence[str], share: float, seed: int, name: str) -> list[int]:
    """The places of the questions that are held out; see `hold_out_articles`.

    Args:
        articles: of each question.
        share, seed: of the draw.
        name: of the file.

    Raises:
        DataError: there is only one article.
    """
    places: dict[str, list[int]] = {}
    for place, article in enumerate(articles):
        places.setdefault(article, []).append(place)
    names = list(places)
    if len(names) < 2:
        raise DataError(
            "holding out questions needs two articles (texts, where the file has no titles), but "
            f"{name} has one; give --dev a file"
        )
    held: list[int] = []
    for number in Draws(seed, 0).permutation(len(names), ARTICLES)[:-1]:
        if len(held) >= share * len(articles):
            break
        held += places[names[number]]
    return sorted(held)


def told(questions: Questions) -> list[str]:
    """What was read from where."""
    none = f", {questions.unanswerable:,} without an answer" if questions.unanswerable else ""
    said = [
        f"{questions.name}: {questions.told}; {counted(len(questions), 'question')} of "
        f"{counted(questions.articles, 'article')}{none}"
    ]
    if questions.left_out:
        said.append(questions.left_out)
    return said


def read_asked(path: str | Path, settings: TuneData) -> Questions:
    """All questions of a file; see `read_questions`."""
    reading = Reading(settings.on_bad, settings.max_bad)
    return read_questions(
        path, settings.text_column, settings.pair_column, settings.label_column, reading=reading
    )


def _asked(question: Question) -> tuple[str, str]:
    return question.text, question.context
