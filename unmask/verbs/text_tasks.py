"""What `unmask evaluate` asks of a language model: `--task`, and what belongs to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal, get_args

import torch

from unmask.checkpoint.formats import HOLDS, Described
from unmask.errors import ConfigError, ModelError
from unmask.evaluation.pseudo import How
from unmask.text.readers import Unit
from unmask.text.sentences import Splitter
from unmask.verbs.evaluate_pairs import PairsOfText, TextPairsEvaluation
from unmask.verbs.evaluate_text import (
    LanguageModelEvaluation,
    Texts,
    WholeWordsEvaluation,
    on_text,
    on_words,
)
from unmask.verbs.likelihood import PairsEvaluation, PerplexityEvaluation, Scoring
from unmask.verbs.watch import Watch

TextTask = Literal["blimp", "pseudo-perplexity", "whole-word", "nsp", "sop"]
TextEvaluation = (
    LanguageModelEvaluation
    | WholeWordsEvaluation
    | TextPairsEvaluation
    | PairsEvaluation
    | PerplexityEvaluation
)

_READS: Mapping[TextTask, str] = {
    "pseudo-perplexity": "scores the tokens of texts",
    "whole-word": "hides words of text that the model has not seen",
    "nsp": "makes pairs of text that the model has not seen",
    "sop": "makes pairs of text that the model has not seen",
}
"""What tasks of text do with it."""
SHORT: Mapping[str, tuple[TextTask | None, ...]] = {
    "score": ("blimp", "pseudo-perplexity"),
    "most_pairs": ("blimp",),
    "most_tokens": (None, "whole-word", "nsp", "sop"),
    "document": (None, *_READS),
    "splitter": ("nsp", "sop"),
    "language": ("nsp", "sop"),
}
"""The tasks that an option is for; None for a language model on text without one."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A model that is asked.

    Attributes:
        folder: of the model.
        said: what its `config.json` says.
        device: it runs on.
        watch: is told of the progress.
    """

    folder: Path
    said: Described
    device: torch.device
    watch: Watch


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """What a language model is asked.

    Attributes:
        score: for minimal pairs and perplexity of a masked model; see `unmask.evaluation.pseudo`.
        most_pairs: minimal pairs of each paradigm; None for all.
        most_tokens: tokens of the text that are read.
        document: what a text is: "file", "blank-line", "line" or "record"; None for what the kind
            of file suggests.
        splitter, language: what the texts of a pair are made of, "lines" or "sentences", and the
            code of their language.
    """

    score: How = "plain"
    most_pairs: int | None = None
    most_tokens: int = 200_000
    document: Unit | None = None
    splitter: Splitter = "lines"
    language: str = "en"

    def check(self, task: str | None, reads_text: bool) -> None:
        """Check that everything that is given does something.

        Args:
            task: that is named, if one is.
            reads_text: whether there is any text.

        Raises:
            ConfigError: it does not, no pair is asked for, or there is no such task.
        """
        known = (*get_args(TextTask), "rerank")
        if task is not None and task not in known:
            raise ConfigError(
                f"task must be one of {', '.join(known)}, not {task!r}; leave it out for what this "
                "kind of model is measured by"
            )
        for one in fields(self):
            value, tasks = getattr(self, one.name), SHORT[one.name]
            if value == one.default or (task in tasks and (task or reads_text)):
                continue
            named = " and ".join("--text" if name is None else f"--task {name}" for name in tasks)
            raise ConfigError(
                f"--{one.name.replace('_', '-')} {value} would do nothing: it is for {named}; "
                "give what it is for, or leave it out"
            )
        if self.language != "en" and self.splitter != "sentences":
            raise ConfigError(
                f"--language {self.language} would do nothing: it is for sentences, and the "
                f"splitter is {self.splitter}; give --splitter sentences, or leave it out"
            )
        if self.most_pairs is not None and self.most_pairs < 1:
            raise ConfigError(
                f"at least one pair of each paradigm is compared, but --most-pairs is "
                f"{self.most_pairs}; give more, or leave it out for all"
            )

    def of(
        self, subject: Subject, task: TextTask | None, data: str | Path | None, texts: Texts
    ) -> TextEvaluation:
        """Measure a model.

        Args:
            task: None for loss and guesses on text.
            data: minimal pairs, for "blimp".
            texts: for all others.

        Raises:
            ConfigError: data or text is missing, or there is what is not asked for.
            ModelError: the model is none that is asked so.
            DataError, TextError: the data cannot be used.
        """
        _check_source(subject, task, data, texts)
        folder, said, device, watch = subject.folder, subject.said, subject.device, subject.watch
        if task == "nsp" or task == "sop":
            pairs = PairsOfText(task, self.splitter, self.language, self.most_tokens)
            return pairs.measure(folder, said, texts, device, watch)
        if not said.has("lm"):
            raise ModelError(_no_language_model(subject, task))
        if task is None:
            return on_text(folder, texts, self.most_tokens, device, watch)
        if task == "whole-word":
            return on_words(folder, texts, self.most_tokens, device, watch)
        scoring = Scoring(folder, device, self.score, watch)
        if task == "blimp":
            assert data is not None
            return scoring.pairs(data, self.most_pairs)
        return scoring.perplexity(texts)


def _check_source(
    subject: Subject, task: TextTask | None, data: str | Path | None, texts: Texts
) -> None:
    """Check that there is what the task reads, and nothing else."""
    if task == "blimp":
        if data is None or texts.paths:
            raise ConfigError(
                "--task blimp compares the sentences of minimal pairs: give it --data with a file "
                "or folder of JSON Lines that have sentence_good and sentence_bad"
            )
        return
    if task is None and not subject.said.has("lm"):
        return  # it is the model that is wrong
    if data is not None or not texts.paths:
        raise ConfigError(
            f"{subject.folder} holds a language model, which is measured on text that it has not "
            "seen: give it --text FILE"
            if task is None
            else f"--task {task} {_READS[task]}: give it --text FILE"
        )


def _no_language_model(subject: Subject, task: TextTask | None) -> str:
    """What to say of a model that is none."""
    holds = HOLDS[subject.said.head]
    if task is None:
        return (
            f"{subject.folder} holds {holds}, which answers nothing that could be measured; "
            "fine-tune it first: unmask finetune, or measure its vectors: unmask probe"
        )
    return (
        f"--task {task} can be asked of a language model, but {subject.folder} holds {holds}; give "
        "one that was pretrained"
    )
