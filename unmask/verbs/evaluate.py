"""`unmask evaluate`: what a model was taught on rows, a language model on text or minimal pairs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch

from unmask.batches.sequences import OnLong
from unmask.checkpoint.formats import Described
from unmask.checkpoint.sentence import sentence_root
from unmask.errors import ConfigError
from unmask.text.bad import Reading
from unmask.verbs.answering import AnswerEvaluation, evaluate_answers
from unmask.verbs.classifier_result import ClassifierEvaluation
from unmask.verbs.evaluate_rerank import RerankEvaluation, evaluate_reranker
from unmask.verbs.evaluate_rows import Rows, evaluate_rows
from unmask.verbs.evaluate_tags import TaggerEvaluation, evaluate_tagger
from unmask.verbs.evaluate_targets import TargetsEvaluation
from unmask.verbs.evaluate_text import Texts
from unmask.verbs.evaluate_vectors import evaluate_vectors
from unmask.verbs.looking import look, scores_pairs
from unmask.verbs.machine import resolve_device, use_threads
from unmask.verbs.text_tasks import Asked, Subject, TextEvaluation, TextTask
from unmask.verbs.wanted import Wanted
from unmask.verbs.watch import Silent, Watch

Evaluation = (
    ClassifierEvaluation
    | TargetsEvaluation
    | TaggerEvaluation
    | AnswerEvaluation
    | RerankEvaluation
    | TextEvaluation
)


def evaluate(
    model: str | Path,
    *,
    data: str | Path | None = None,
    corpus: str | Path | None = None,
    text: str | Path | Iterable[str | Path] = (),
    text_column: str | None = None,
    label_column: str | None = None,
    pair_column: str | None = None,
    label_separator: str | None = None,
    on_long: OnLong | None = None,
    on_bad: Literal["stop", "skip"] = "stop",
    max_bad: float = 0.01,
    device: str = "auto",
    threads: int | None = None,
    revision: str | None = None,
    task: TextTask | Literal["rerank"] | None = None,
    against: str | Path | None = None,
    report: str | Path | None = None,
    replace: bool = False,
    watch: Watch | None = None,
    **asked: Any,
) -> Evaluation:
    """Measure a model on data that it was not trained on.

    Args:
        model: folder of a model or of a finished run, or a name on the Hub.
        data: a table with a text and a label in each row; tagged words; questions with answers;
            judged queries, queries with their documents or graded pairs; minimal pairs for "blimp".
        corpus: of an embedding model: a table of documents among which those of the queries are
            looked for; None for those of `data`.
        text: for a language model, files and folders of text.
        text_column, label_column, pair_column: None to find them by their names.
        label_separator: between labels, where a row may have several.
        on_long: for long text; None for "chunk" of tags and answers, else "truncate".
        on_bad, max_bad: at a corrupt place, stop or skip; and how large a share may be skipped.
        device, threads: "cpu", "cuda:1", "auto" for a GPU if there is one; None for all cores.
        revision: branch, tag or commit of a name on the Hub.
        task: "blimp" for minimal pairs, "pseudo-perplexity" for how likely each token is given the
            others, "whole-word" for words that are hidden whole, "nsp" or "sop" for pairs of texts;
            "rerank" for a cross-encoder; None for what the kind of model is measured by.
        against: another model on the same rows: how they differ, and whether by chance.
        report, replace: a page to write, *.html, for what is measured on rows; whether one that is
            there may be replaced.
        watch: is told of the progress.
        asked: of a language model, `score`, `most_pairs`, `most_tokens`, `document`, `splitter` and
            `language`, as `unmask.verbs.text_tasks.Asked` has them.

    Raises:
        ConfigError: what is given does not fit the kind of model.
        ModelError: the folder, or that of `against`, holds no model that is measured so.
        DataError, TextError: the data cannot be used, or have labels that the model lacks.
    """
    folder, said = look(model, revision)
    use_threads(threads)
    paths = [text] if isinstance(text, str | Path) else list(text)
    page = None if report is None else Path(report)
    wanted = Wanted(str(model), against, page, replace, on_long or "truncate")
    wanted.check()
    wish = Asked(**asked)
    wish.check(task, bool(paths))
    named = _Named(text_column, pair_column, label_column, label_separator)
    reading, place = Reading(on_bad, max_bad), resolve_device(device)
    job = _Job(
        folder, said, data, corpus, paths, named, on_long, reading, place, wanted, watch or Silent()
    )
    if task == "rerank" or (task is None and scores_pairs(folder, said)):
        return job.ranking()
    return job.measured(wish) if task is None else job.language_model(wish, task)


class _Named(NamedTuple):
    """Columns as they were named; None to find them by their names."""

    text: str | None
    pair: str | None
    label: str | None
    separator: str | None

    def check(self, folder: Path, *used: str) -> None:
        """Check that what is named is read.

        Raises:
            ConfigError: it is not.
        """
        for name, value in self._asdict().items():
            if value is not None and name not in used:
                option = "--label-separator" if name == "separator" else f"--{name}-column"
                raise ConfigError(
                    f"{option} {value} would do nothing: what {folder} is measured on has none; "
                    "leave it out"
                )


@dataclass(frozen=True, slots=True)
class _Job:
    """A model, and what it is to be measured on; see `evaluate`."""

    folder: Path
    said: Described
    data: str | Path | None
    corpus: str | Path | None
    paths: list[str | Path]
    named: _Named
    on_long: OnLong | None
    reading: Reading
    device: torch.device
    wanted: Wanted
    watch: Watch

    def measured(self, asked: Asked) -> Evaluation:
        """What the kind of model is measured by."""
        answers: Mapping[str, Callable[[], Evaluation]] = {
            "sequence": self.labels,
            "token": self.tags,
            "span": self.answers,
        }
        if self.said.head in answers:
            self._refuse_corpus()
            self.wanted.check_other(self.folder, self.said)
            return answers[self.said.head]()
        if not self.paths and sentence_root(self.folder) is not None:
            self.wanted.check_other(self.folder, self.said)
            return self.vectors()
        return self.language_model(asked)

    def ranking(self) -> RerankEvaluation:
        """Documents of queries in their order, beside another model's where it is asked for."""
        self._refuse_corpus()
        self.wanted.check_other(self.folder, self.said)
        table = self._table("a reranker", "judged queries")
        self.named.check(self.folder, "text", "pair", "label")
        rows = Rows(table, *self.named, self.reading)
        return evaluate_reranker(self.folder, rows, self.wanted, self.device, self.watch)

    def labels(self) -> ClassifierEvaluation | TargetsEvaluation:
        """Labels or numbers of rows, beside another model's where it is asked for."""
        table = self._table("a classifier")
        rows = Rows(table, *self.named, self.reading)
        return evaluate_rows(self.folder, rows, self.wanted, self.device, self.watch)

    def vectors(self) -> TargetsEvaluation:
        """Documents found by vectors, or pairs put in the order of their grades."""
        table = self._table("an embedding model", "queries with their documents, or graded pairs")
        self.named.check(self.folder, "text", "pair", "label")
        rows = Rows(table, *self.named, self.reading)
        return evaluate_vectors(
            self.folder, rows, self.corpus, self.wanted, self.device, self.watch
        )

    def tags(self) -> TaggerEvaluation:
        """Spans among words, beside another model's where it is asked for."""
        self.named.check(self.folder, "text", "label")
        rows = Rows(self._table("a tagger"), *self.named, self.reading)
        on_long = self.on_long or "chunk"
        return evaluate_tagger(self.folder, rows, self.wanted, on_long, self.device, self.watch)

    def answers(self) -> AnswerEvaluation:
        """Words of texts that answer questions, beside another model's where it is asked for."""
        table = self._table("a model that finds answers", "questions")
        self.named.check(self.folder, "text", "pair", "label")
        rows, on_long = Rows(table, *self.named, self.reading), self.on_long or "chunk"
        return evaluate_answers(self.folder, rows, self.wanted, on_long, self.device, self.watch)

    def language_model(self, asked: Asked, task: TextTask | None = None) -> TextEvaluation:
        """What a language model predicts, or how likely it finds what it reads."""
        self._refuse_corpus()
        self.wanted.refuse(self.folder)
        self.named.check(self.folder, "text")
        reading, field = self.reading, self.named.text or "text"
        texts = Texts(tuple(self.paths), field, asked.document, reading.on_bad, reading.max_bad)
        subject = Subject(self.folder, self.said, self.device, self.watch)
        return asked.of(subject, task, self.data, texts)

    def _refuse_corpus(self) -> None:
        """Refuse documents for what finds none."""
        if self.corpus is not None:
            raise ConfigError(
                f"a corpus is what embedding models find documents in, and {self.folder} is not "
                "measured as one; leave out --corpus"
            )

    def _table(self, what: str, rows: str = "labelled rows") -> str | Path:
        """The rows that the model is measured on."""
        if self.data is not None and self.paths:
            named = str(self.paths[0])
            raise ConfigError(
                f"--text names files for a language model, and {self.folder} holds {what}, which "
                f"is measured on {rows}: leave --text {named} out; if {named} is the column of the "
                f"texts, give --text-column {named}"
            )
        if self.data is None:
            raise ConfigError(
                f"{self.folder} holds {what}, which is measured on {rows}: give it "
                "--data TABLE, and name the columns with --text-column and --label-column where "
                "their names do not tell"
            )
        return self.data
