"""The models of the exercise on whole words: two arms that differ in what their training hides."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inflecting_language import Language
from paired import lines_of, say, text_settings

import unmask
from unmask.checkpoint.folder import open_language_model
from unmask.errors import TextError
from unmask.evaluation.masked import MaskedEvaluation
from unmask.evaluation.whole_words import WholeWordEvaluation, fresh_words
from unmask.tokens.tokenizer import Tokenizer
from unmask.verbs.pretrain_settings import pretrain_settings

ARMS = {"tokens": "mlm", "words": "whole_word"}  # what is hidden, and the objective that does it
CONTEXT = 128


@dataclass(frozen=True, slots=True)
class Recipe:
    """One size for both arms: 500 sentences are read some sixty times.

    Attributes:
        sentences, held_out: to learn from, and at most to be asked about.
        vocabulary: tokens; few, so that most words have several pieces.
        size: layers x width.
        steps, tokens_per_step: of training.
    """

    sentences: int = 500
    held_out: int = 2000
    vocabulary: int = 150
    size: str = "2x64"
    steps: int = 600
    tokens_per_step: int = 1024


Draw = Callable[[int], tuple[list[str], list[str]]]
"""A seed to the sentences that are learnt from, and those that are asked about."""


def from_language(recipe: Recipe) -> Draw:
    """Sentences of the made language; each seed draws its own."""
    language = Language.made()

    def drawn(seed: int) -> tuple[list[str], list[str]]:
        count = recipe.sentences + recipe.held_out
        sentences = language.sentences(count, random.Random(seed))
        return sentences[: recipe.sentences], sentences[recipe.sentences :]

    return drawn


def from_file(path: Path, recipe: Recipe) -> Draw:
    """Lines of a text; each seed draws its own.

    Raises:
        TextError: see `lines_of`, or it has too few different lines.
    """
    sentences = list(dict.fromkeys(lines_of(path)))
    if len(sentences) < 1.2 * recipe.sentences:
        raise TextError(
            f"{recipe.sentences} sentences are to be learnt from and others asked about, which "
            f"takes at least {round(1.2 * recipe.sentences)} different lines, but {path} has "
            f"{len(sentences)}; give a longer text, or --sentences {len(sentences) * 5 // 6}"
        )

    def drawn(seed: int) -> tuple[list[str], list[str]]:
        count = min(len(sentences), recipe.sentences + recipe.held_out)
        shuffled = random.Random(seed).sample(sentences, count)
        return shuffled[: recipe.sentences], shuffled[recipe.sentences :]

    return drawn


def run_seed(drawn: Draw, recipe: Recipe, seed: int, work: Path) -> dict[str, Any]:
    """Train and measure both arms. A run in `work` that was stopped goes on where it stood.

    Returns:
        Figures by arm, facts about the sentences, and the first of them in pieces.
    """
    learnt_from, asked_about = drawn(seed)
    work.mkdir(parents=True, exist_ok=True)
    text = work / "sentences.txt"
    text.write_text("".join(f"{one}\n" for one in learnt_from), encoding="utf-8")
    tokenizer, report = unmask.train_tokenizer(
        out=work / "tokenizer", text=text, vocab_size=recipe.vocabulary
    )
    questions = (
        MaskedEvaluation.over(tokenizer, asked_about, context=CONTEXT),
        WholeWordEvaluation.over(tokenizer, asked_about, context=CONTEXT),
    )
    figures = {}
    for arm, objective in ARMS.items():
        say(f"seed {seed}: hiding {arm}")
        settings = pretrain_settings(
            {
                "text": text_settings(text, len(learnt_from)),
                "tokenizer": {"path": str(work / "tokenizer")},
                "objective": {"name": objective},
                "model": {"arch": "modernbert", "size": recipe.size, "context": CONTEXT},
                "budget": {"steps": recipe.steps, "tokens_per_step": recipe.tokens_per_step},
                # One thread and one device: the same figures wherever torch rounds alike.
                "run": {"seed": seed, "threads": 1, "device": "cpu", "dtype": "fp32", "keep": 1},
            }
        )
        model = unmask.pretrain(out=work / objective, settings=settings).model
        figures[arm] = measured(model, *questions)
    facts = {"pieces": report.tokens_per_word, "common": commonest(learnt_from, asked_about)}
    return {
        "figures": figures,
        "facts": facts | counted(tokenizer, *questions),
        "example": " ".join(tokenizer.tokens(tokenizer.encode(learnt_from[0]).ids[:24])),
    }


def measured(model: Path, tokens: MaskedEvaluation, words: WholeWordEvaluation) -> dict[str, float]:
    """The share of hidden single tokens, and of hidden whole words, that a model guesses."""
    opened = open_language_model(model)
    return {"tokens": tokens(opened.model)["top1"], "words": words(opened.model)["top1"]}


def commonest(learnt_from: Sequence[str], asked_about: Sequence[str]) -> float:
    """The share of words that one guesses who always says the commonest word."""
    words = [word for one in learnt_from for word in one.split()]
    best = max(set(words), key=lambda word: (words.count(word), word))
    asked = [word for one in asked_about for word in one.split()]
    return asked.count(best) / len(asked)


def counted(
    tokenizer: Tokenizer, tokens: MaskedEvaluation, words: WholeWordEvaluation
) -> dict[str, float]:
    """How many questions there are, and how many of the words asked about have several pieces."""
    single = several = 0
    for task in words.tasks:
        starts = fresh_words(task).nonzero()[:, 0].tolist()
        sizes = [
            end - start for start, end in zip(starts, [*starts[1:], len(task.rows)], strict=True)
        ]
        single += sum(size == 1 for size in sizes)
        several += sum(size > 1 for size in sizes)
    assert single + several == words.words
    return {"tokens": tokens.targets, "words": words.words, "several": several / words.words}
