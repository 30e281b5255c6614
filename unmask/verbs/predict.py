"""`unmask predict`: what a model says of the rows of a table, which keeps its other columns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from unmask.batches.sequences import OnLong
from unmask.errors import ConfigError, DataError
from unmask.pipelines.running import mostly_unknown
from unmask.text.bad import Reading
from unmask.text.empty import EmptyTexts
from unmask.text.questions import question_table
from unmask.text.rows import Table, text_table
from unmask.text.tagged import word_table
from unmask.verbs.answers import Answers, Asked
from unmask.verbs.evaluation_facts import empty_texts, unknown_texts
from unmask.verbs.looking import look
from unmask.verbs.machine import resolve_device, use_threads
from unmask.verbs.row_files import WordColumns, Write, row_file
from unmask.verbs.watch import Silent, Watch, say_each, share_of


@dataclass(frozen=True, slots=True)
class PredictResult:
    """What was written.

    Attributes:
        output: the file.
        rows: how many rows it has.
        columns: their names.
        labels: how many rows were given each label, or how many spans each type has, most frequent
            first; empty where there are none.
        truncated: texts that were cut to the context.
        skipped: bad places of the input that were left out.
        unknown: rows with a text of mostly tokens that the tokenizer does not know.
        empty: texts in which nothing is to be seen.
    """

    output: Path
    rows: int
    columns: tuple[str, ...]
    labels: dict[str, int]
    truncated: int
    skipped: int
    unknown: int = 0
    empty: int = 0

    def in_words(self) -> dict[str, str]:
        """For people."""
        cut = {"texts cut to the context": f"{self.truncated:,}"} if self.truncated else {}
        bad = {"bad rows left out": f"{self.skipped:,}"} if self.skipped else {}
        lost = {**cut, **unknown_texts(self.unknown), **empty_texts(self.empty), **bad}
        labels = {f"  {label}": f"{count:,}" for label, count in self.labels.items()}
        return {"rows": f"{self.rows:,}", "written to": str(self.output), **lost, **labels}


def predict(
    model: str | Path,
    *,
    input: str | Path,
    output: str | Path,
    text_column: str | None = None,
    pair_column: str | None = None,
    on_long: OnLong | None = None,
    scores: bool = False,
    prefix: str = "",
    replace: bool = False,
    on_bad: Literal["stop", "skip"] = "stop",
    max_bad: float = 0.01,
    device: str = "auto",
    threads: int | None = None,
    revision: str | None = None,
    watch: Watch | None = None,
) -> PredictResult:
    """Say what a model has to say of every row of a table, in order, with constant memory.

    Each row keeps its columns and gets `predicted` (a label or a number), `score` (a label's
    probability), `labels` (where there may be any number of them), `values` (where there are
    several numbers), `tokens` and `truncated` (how many, and whether some were not read). A
    tagger gives `spans` instead, and `tags` where a row has a list of words. An answer comes with
    its characters, `predicted_start` and `predicted_end`, and `no_answer`.

    Args:
        model: folder of a model with a head that answers, or a name on the Hub.
        input: .csv, .tsv, .jsonl or .parquet, or .txt with a text on each line, all but .parquet
            also compressed; for a model that finds answers also .json in SQuAD's form, a row for
            each question, and no .txt; for a tagger also CoNLL files by one of their names, such
            as .conll, a row of `words` for each sentence.
        output: .jsonl, .csv or .tsv; written whole or not at all. Of a tagger that reads words and
            nothing else also .conll, with a word and its tag on each line.
        text_column, pair_column: None to find them by their names.
        on_long: for text longer than the context; None for "chunk" of tags and answers, else
            "truncate".
        scores: also write all probabilities as `scores`, or the best `answers`.
        prefix: before the names of the new columns, where the input has one of these already.
        replace: whether an output that is there may be replaced.
        on_bad, max_bad: at a corrupt place, stop or leave the row out; and how large a share.
        device: "cpu", "cuda", "cuda:1"; "auto" for a GPU where there is one.
        threads: of the CPU; None for as many as it has cores.
        revision: branch, tag or commit of a name on the Hub.
        watch: is told of the progress.

    Raises:
        ConfigError: the output is there, is the input, or is of a kind that is not written.
        DataError, CorruptText: a column is missing or taken, or there is a bad place.
        ModelError: the model has no head that answers.
        TooLong: a text is longer than the context, under "error".
    """
    output, watch = Path(output), watch or Silent()
    folder, said = look(model, revision)
    table = _table(input, said.head, text_column)
    if output.exists() and output.samefile(table.path):
        raise ConfigError(f"the output must be another file than the input, {table.name}")
    use_threads(threads)
    asked = Asked(table, text_column, pair_column, on_long, scores)
    answers = Answers.of(folder, said, asked, resolve_device(device))
    names = _new_columns(table, prefix, answers.names)
    watch.say(f"{table.name}: {answers.columns}")
    whole, empty = (*table.columns, *names), EmptyTexts(table.name)
    file = row_file(output, whole, replace=replace, tagged=_word_columns(answers, prefix))
    with file as write, watch.stage(answers.doing) as advance:
        reading = Reading(on_bad, max_bad, share_of(table.path, advance))
        rows, labels, truncated, unknown = _written(answers, reading, write, prefix, empty)
    say_each(watch, reading.left_out, empty.told)
    lost = (truncated, reading.bad, unknown, empty.count)
    return PredictResult(output, rows, whole, labels, *lost)


def _word_columns(answers: Answers, prefix: str) -> WordColumns | None:
    """Where the rows have words and tags; None where the model tags none."""
    if "tags" not in answers.names:
        return None
    (words,) = answers.texts
    new = {part: prefix + name for part, name in answers.names.items()}
    return WordColumns(words, new.pop("tags"), (*new.values(),))


def _table(input: str | Path, head: str | None, text_column: str | None) -> Table:
    """The rows of a file, in all the forms that a model with such a head can read."""
    if head == "span":
        return question_table(input)
    return word_table(input, text_column) if head == "token" else text_table(input)


def _written(
    answers: Answers, reading: Reading, write: Write, prefix: str, empty: EmptyTexts
) -> tuple[int, dict[str, int], int, int]:
    """Write what is said of each row: rows, labels, texts that were cut, and unknown ones."""
    counts: Counter[str] = Counter()
    rows = truncated = unknown = 0
    for row, answer in answers.rows(reading):
        new = {prefix + n: answer[part] for part, n in answers.names.items() if part in answer}
        try:
            write({**row.values, **new})
        except DataError as error:
            raise DataError(f"{empty.name}:{row.line}: {error}") from None
        counts += answers.counted(answer)
        # A tagger's text may be a list of words.
        empty.look(row.line, ("".join(row.values[column]) for column in answers.texts))
        rows += 1
        truncated += answer["truncated"]
        unknown += mostly_unknown(answer["unknown"])
    return rows, dict(counts.most_common()), truncated, unknown


def _new_columns(table: Table, prefix: str, parts: Mapping[str, str]) -> tuple[str, ...]:
    names = tuple(prefix + name for name in parts.values())
    taken: list[Any] = [name for name in names if name in table.columns]
    if taken:
        raise DataError(
            f"{table.name} has a column {taken[0]!r} already; put something before the names of "
            "the new columns, as in --prefix model_"
        )
    return names
