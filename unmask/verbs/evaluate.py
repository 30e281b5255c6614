"""`unmask evaluate`: a classifier or tagger on rows, a language model on text or minimal pairs."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from unmask.batches.sequences import OnLong
from unmask.checkpoint.formats import HOLDS, Described
from unmask.errors import ConfigError, ModelError
from unmask.evaluation.pseudo import How
from unmask.pipelines.classify import Classifier
from unmask.pipelines.tag import Tagger
from unmask.text.bad import Reading
from unmask.verbs.classifier_result import ClassifierEvaluation
from unmask.verbs.evaluate_classifier import Wanted, evaluate_classifier, read_rows
from unmask.verbs.evaluate_text import LanguageModelEvaluation, on_text
from unmask.verbs.likelihood import PairsEvaluation, PerplexityEvaluation, Scoring, Task
from unmask.verbs.looking import look
from unmask.verbs.machine import resolve_device, use_threads
from unmask.verbs.spans import TaggerEvaluation, evaluate_tagger
from unmask.verbs.watch import Silent, Watch

Evaluation = (
    ClassifierEvaluation
    | TaggerEvaluation
    | LanguageModelEvaluation
    | PairsEvaluation
    | PerplexityEvaluation
)


def evaluate(
    model: str | Path,
    *,
    data: str | Path | None = None,
    text: str | Path | Iterable[str | Path] = (),
    text_column: str | None = None,
    label_column: str | None = None,
    on_long: OnLong | None = None,
    on_bad: Literal["stop", "skip"] = "stop",
    max_bad: float = 0.01,
    most_tokens: int = 200_000,
    device: str = "auto",
    threads: int | None = None,
    revision: str | None = None,
    task: Task | None = None,
    score: How = "plain",
    most_pairs: int | None = None,
    against: str | Path | None = None,
    report: str | Path | None = None,
    replace: bool = False,
    watch: Watch | None = None,
) -> Evaluation:
    """Measure a model on data that it was not trained on.

    Args:
        model: folder of a model or of a finished run, or a name on the Hub.
        data: for a classifier, a table with a text and a label in each row; for a tagger, a file
            of tagged words; for "blimp", a file or folder of minimal pairs.
        text: for a language model, files and folders of text.
        text_column, label_column: of a table; None to find them by their names.
        on_long: what happens to a text longer than the context; None for "truncate", or with a
            tagger for "chunk".
        on_bad, max_bad: at a corrupt place, stop or skip; and how large a share may be skipped.
        most_tokens: of the text that a language model reads; what is left out is counted.
        device: "cpu", "cuda", "cuda:1"; "auto" for a GPU where there is one.
        threads: of the CPU; None for as many as it has cores.
        revision: branch, tag or commit of a name on the Hub.
        task: "blimp" for minimal pairs, "pseudo-perplexity" for how likely each token of a text is
            given the others; None for what the kind of model is measured by.
        score: of these, and of a masked model: "plain", or "within-word", which hides the pieces
            to the right in the same word too. See `unmask.evaluation.pseudo`.
        most_pairs: of each paradigm; None for all.
        against: another classifier that is measured on the same rows; the result says how they
            differ, with intervals, and whether that may be chance.
        report: of a classifier: a page to write, *.html.
        replace: whether a report that is there may be replaced.
        watch: is told of the progress.

    Raises:
        ConfigError: what is given does not fit the kind of model.
        ModelError: the folder holds neither, or `against` holds no classifier.
        LabelMismatch: the data have labels that the model lacks.
        DataError, TextError: the data cannot be used.
    """
    folder, said = look(model, revision)
    watch = watch or Silent()
    use_threads(threads)
    paths = [text] if isinstance(text, str | Path) else list(text)
    reading = Reading(on_bad, max_bad)
    page = None if report is None else Path(report)
    wanted = Wanted(str(model), against, page, replace, on_long or "truncate")
    if said.head == "sequence" and task is None:
        wanted.check()
        table, on = _table_for(folder, data, paths), resolve_device(device)
        other = None if against is None else Classifier.from_pretrained(against, device=on)
        classifier = Classifier.from_pretrained(folder, device=on)
        rows = read_rows(table, text_column, label_column, reading, watch)
        return evaluate_classifier(classifier, rows, wanted, other, watch)
    wanted.refuse(folder)
    if said.head == "token" and task is None:
        table, on = _table_for(folder, data, paths), resolve_device(device)
        tagger, cut = Tagger.from_pretrained(folder, device=on), on_long or "chunk"
        return evaluate_tagger(tagger, table, text_column, label_column, cut, reading, watch)
    if task is not None:
        scoring = Scoring(folder, said, resolve_device(device), score, watch)
        if task == "blimp":
            return scoring.pairs(data, paths, most_pairs)
        return scoring.perplexity(data, paths, text_column or "text", reading)
    _check_text_for(folder, said, data, paths)
    return on_text(
        folder, paths, text_column or "text", reading, most_tokens, resolve_device(device), watch
    )


def _table_for(folder: Path, data: str | Path | None, paths: list[str | Path]) -> str | Path:
    """What a classifier is measured on."""
    if data is None or paths:
        raise ConfigError(
            f"{folder} holds a model that is measured on labelled rows: give it "
            "--data TABLE, and name the columns with --text-column and --label-column where "
            "their names do not tell"
        )
    return data


def _check_text_for(
    folder: Path, said: Described, data: str | Path | None, paths: list[str | Path]
) -> None:
    """Check that there is a language model, and text for it."""
    if not said.has("lm"):
        raise ModelError(
            f"{folder} holds {HOLDS[said.head]}, which answers nothing that could be measured; "
            "fine-tune it first: unmask finetune, or measure its vectors: unmask probe"
        )
    if data is not None or not paths:
        raise ConfigError(
            f"{folder} holds a language model, which is measured on text that it has not seen: "
            "give it --text FILE"
        )
