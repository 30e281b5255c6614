"""An embedding model on queries with their documents, or on graded pairs; and another beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import torch

from unmask.errors import ConfigError
from unmask.evaluation.graded_pairs import Graded
from unmask.evaluation.search import Search
from unmask.pipelines.embed import Embedder
from unmask.text.bad import Reading
from unmask.text.columns import Columns
from unmask.text.labelled import texts_of
from unmask.text.related import Related, read_related
from unmask.text.related_columns import RelatedColumns, What
from unmask.text.rows import Table
from unmask.verbs.evaluate_rows import Rows
from unmask.verbs.evaluate_targets import TargetsEvaluation
from unmask.verbs.tasks.embed_data import told
from unmask.verbs.tasks.labelled_data import counted, is_are
from unmask.verbs.text_vectors import prompts_of, vectors_of
from unmask.verbs.vectors_page import agreement, vectors_page
from unmask.verbs.wanted import Wanted
from unmask.verbs.watch import Watch


def evaluate_vectors(
    folder: Path,
    rows: Rows,
    corpus: str | Path | None,
    wanted: Wanted,
    device: torch.device,
    watch: Watch,
) -> TargetsEvaluation:
    """Measure a model, and another one where asked for.

    Args:
        folder: of the model.
        rows: the table to measure on.
        corpus: a table of documents among which those of the queries are looked for; None for the
            documents and negatives of the rows.
        wanted: what to measure beside it.
        device: where the models go.
        watch: is told of the progress.

    Raises:
        ConfigError: a corpus is given for graded pairs.
        ModelError: the other model is no embedding model.
        DataError, CorruptText: the rows cannot be used.
        TooLong: a text is longer than the model takes, under "error".
    """
    model = Embedder.from_pretrained(folder, device=device)
    against = wanted.against
    other = None if against is None else Embedder.from_pretrained(against, device=device)
    with watch.stage("reading the data"):
        data = _read(rows)
        asked, added = _asked(data, corpus, rows.reading)
    said = told(data)
    for note in (said, *added, *prompts_of(model)[1]):
        watch.say(note)
    read = vectors_of(model, asked, wanted.on_long, watch)
    ours = read.vectors
    result = TargetsEvaluation(
        model.opened.encoder.path,
        said,
        asked.figures(ours),
        read.truncated,
        data.skipped,
        report=wanted.report,
    )
    agreed: Mapping[str, int] = {}
    if other is not None:
        both = vectors_of(other, asked, wanted.on_long, watch)
        theirs, cut = both.vectors, both.truncated
        found = asked.compared(ours, theirs)
        result = replace(result, other=str(against), differences=found, other_truncated=cut)
        agreed = agreement(wanted, asked, ours, theirs)
    about = wanted.about(said, data.skipped, result.differences, agreed)
    wanted.write(lambda: vectors_page(about, asked, read), watch)
    return result


def _read(rows: Rows) -> Related:
    """The rows; a teacher's scores are not needed to measure."""
    table = Table.open(rows.path)
    columns = RelatedColumns.of(table, rows.text, rows.pair, rows.label)
    what: What = "graded" if columns.what == "graded" else "pairs"
    if what == "pairs" and rows.label is not None:
        raise ConfigError(
            f"--label-column {rows.label} would do nothing: vectors are measured by grades or by "
            "the documents that they find, not by a teacher's scores; leave it out"
        )
    return read_related(table, rows.text, rows.pair, rows.label, what=what, reading=rows.reading)


def _asked(
    data: Related, corpus: str | Path | None, reading: Reading
) -> tuple[Search | Graded, tuple[str, ...]]:
    """What is asked of the model, and what a person should know of it."""
    if data.columns.what == "graded":
        if corpus is not None:
            raise ConfigError(
                f"the pairs of {data.name} have grades and are not looked for in a corpus; leave "
                "out --corpus"
            )
        return Graded.of(data.rows), ()
    if corpus is None:
        return Search.of(data.rows), ()
    table = Table.open(corpus)
    columns = Columns.of(table, labels=False)
    texts = dict.fromkeys(
        text for _, text in texts_of(table, columns, Reading(reading.on_bad, reading.max_bad))
    )
    search = Search.of(data.rows, tuple(texts))
    notes = [f"{table.name}: {columns}; {counted(len(texts), 'different document')}"]
    if missing := len(search.second) - len(texts):
        notes.append(
            f"{counted(missing, 'document')} of {data.name} {is_are(missing)} not in {table.name}, "
            "and looked for beside it"
        )
    return search, tuple(notes)
