"""`unmask rerank`: the rows of a table by how well they go with a query."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from unmask.errors import ConfigError, DataError
from unmask.pipelines.rerank import Ranked, Reranker
from unmask.pipelines.scored import OnLongPair
from unmask.text.bad import Reading, none_read
from unmask.text.columns import Columns
from unmask.text.labelled import texts_of
from unmask.text.rows import Table
from unmask.verbs.evaluate_rerank import said_of
from unmask.verbs.machine import resolve_device, use_threads
from unmask.verbs.watch import Silent, Watch, say_each


@dataclass(frozen=True, slots=True)
class RerankResult:
    """A ranking.

    Attributes:
        ranked: best first; `corpus_id` counts the rows that were read from 0.
        scale: what a score is: "logit", "probability" or "calibrated"; None for none of them.
        rows: how many rows were read.
        skipped: bad places of the input that were left out.
    """

    ranked: tuple[Ranked, ...]
    rows: int
    skipped: int
    scale: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """For programs."""
        facts = {"rows": self.rows, "skipped": self.skipped, "scale": self.scale}
        return {"ranked": list(self.ranked), **facts}


def rerank(
    model: str | Path,
    *,
    query: str,
    input: str | Path,
    top_k: int | None = 10,
    text_column: str | None = None,
    on_long: OnLongPair = "truncate",
    on_bad: Literal["stop", "skip"] = "stop",
    max_bad: float = 0.01,
    device: str = "auto",
    threads: int | None = None,
    revision: str | None = None,
    watch: Watch | None = None,
) -> RerankResult:
    """Rank the texts of a table by how well they go with a query. All are held in memory.

    Args:
        model: folder of a cross-encoder with one output, or a name on the Hub.
        query: the text to compare with.
        input: .csv, .tsv, .jsonl or .parquet, all but the last also compressed.
        top_k: how many are given; None for all.
        text_column: None to find it by its name.
        on_long: what happens to a pair longer than the model takes.
        on_bad, max_bad: at a corrupt place, stop or leave the row out; and how large a share.
        device: "cpu", "cuda", "cuda:1"; "auto" for a GPU where there is one.
        threads: of the CPU; None for as many as it has cores.
        revision: branch, tag or commit of a name on the Hub.
        watch: is told of the progress, and of pairs that were cut.

    Raises:
        ConfigError: `top_k` is less than 1.
        DataError: the table has no such column, or no row.
        CorruptText: a bad place.
        ModelError: the model is no cross-encoder with one output.
        TooLong: a pair is longer than the model takes, under "error".
    """
    if top_k is not None and top_k < 1:
        raise ConfigError(f"top_k must be at least 1, not {top_k}")
    watch = watch or Silent()
    table = Table.open(input)
    columns = Columns.of(table, text_column, labels=False)
    use_threads(threads)
    reranker = Reranker.from_pretrained(model, device=resolve_device(device), revision=revision)
    for line in (f"{table.name}: {columns}", said_of(reranker)):
        watch.say(line)
    reading = Reading(on_bad, max_bad)
    texts = [text for _, text in texts_of(table, columns, reading)]
    if not texts:
        none = none_read("a ranking needs rows with documents", table.name, reading)
        raise DataError(f"{none}. Give --input a table that has some")
    say_each(watch, reading.left_out)
    with watch.stage("scoring"), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        ranked = reranker.rank(query, texts, top_k, return_documents=True, on_long=on_long)
    for warning in caught:
        watch.say(str(warning.message))
    return RerankResult(tuple(ranked), len(texts), reading.bad, reranker.scale)
