"""`unmask mine`: hard negatives for queries and their positives."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch

from unmask.errors import ConfigError
from unmask.pipelines.embed import Embedder
from unmask.pipelines.negatives import NegativeRule
from unmask.pipelines.rerank import Reranker
from unmask.text.bad import Reading
from unmask.text.columns import Columns
from unmask.text.empty import is_empty
from unmask.text.labelled import texts_of
from unmask.text.question_columns import role_column
from unmask.text.related_columns import DOCUMENT_COLUMNS
from unmask.text.rows import Table
from unmask.verbs.machine import resolve_device, use_threads
from unmask.verbs.mining import NEW, Miner, Pairs
from unmask.verbs.row_files import row_file
from unmask.verbs.watch import Silent, Watch, say_each


@dataclass(frozen=True, slots=True)
class MineResult:
    """What was written.

    Attributes:
        output: the file.
        rows: how many it has: as many as the input, of a list of positives one for each.
        candidates: different texts that negatives were looked for among.
        full, fewer, none: rows with as many negatives as wanted, with fewer, and without any.
        negatives: in all rows.
        by_margin: candidates that a margin left out.
        truncated: texts that were cut.
        skipped: bad places of the input that were left out.
    """

    output: Path
    rows: int
    candidates: int
    full: int
    fewer: int
    none: int
    negatives: int
    by_margin: int
    truncated: int
    skipped: int

    def in_words(self) -> dict[str, str]:
        """For people."""
        found = {
            "rows": f"{self.rows:,}",
            "candidates": f"{self.candidates:,} different texts",
            "negatives": f"{self.negatives:,}",
            "  rows with all": f"{self.full:,}",
            "  rows with fewer": f"{self.fewer:,}",
            "  rows without any": f"{self.none:,}",
            "written to": str(self.output),
        }
        counts = {
            "candidates left out by a margin": self.by_margin,
            "texts cut": self.truncated,
            "bad places left out": self.skipped,
        }
        return {**found, **{name: f"{count:,}" for name, count in counts.items() if count}}


def mine(
    model: str | Path,
    *,
    input: str | Path,
    output: str | Path,
    corpus: str | Path | None = None,
    reranker: str | Path | None = None,
    text_column: str | None = None,
    pair_column: str | None = None,
    corpus_column: str | None = None,
    on_long: Literal["truncate", "error"] = "truncate",
    replace: bool = False,
    on_bad: Literal["stop", "skip"] = "stop",
    max_bad: float = 0.01,
    device: str = "auto",
    threads: int | None = None,
    revision: str | None = None,
    watch: Watch | None = None,
    **chosen: Any,
) -> MineResult:
    """Find hard negatives: texts near a query that are none of its positives.

    Candidates are all positives of the input and the texts of the corpus, less all positives of the
    query itself. Each row of the input is written: `query`, `positive`, a list of `negatives`, the
    hardest first, which may be empty, and its other columns as they are. With a reranker there are
    `teacher_scores` too, its logits of the positive and then of each negative.

    Args:
        model: folder of an embedding model, or a name on the Hub.
        input: table with a query and a positive in each row: .csv, .tsv, .jsonl or .parquet.
        output, corpus: new .jsonl file; table with more texts to look among, or None.
        reranker: folder of a cross-encoder with one output, whose logits take the place of the
            embedding model's scores, for margins and order; None for none.
        text_column, pair_column, corpus_column: of the queries, the positives and the corpus; None
            to find them by their names.
        on_long, replace: of a text longer than a model takes; of an output that is there.
        on_bad, max_bad: at a corrupt place, stop or leave the row out; and how large a share.
        device: "cpu", "cuda", "cuda:1"; "auto" for a GPU where there is one.
        threads, revision: of the CPU, None for all cores; of the embedding model on the Hub.
        watch: is told of the progress.
        chosen: `per_query`, `margin` and so on, see `unmask.pipelines.negatives.NegativeRule`.

    Raises:
        ConfigError: the output is no .jsonl, is there, or is the input; or a rule makes no sense.
        DataError, CorruptText: a column is missing or taken; a bad place, such as an empty query.
        ModelError, TooLong: a model is of another kind; a text is too long, under "error".
    """
    output, watch, rule = Path(output), watch or Silent(), NegativeRule(**chosen)
    _check(output, input, corpus, rule, reranker)
    reading = Reading(on_bad, max_bad)
    with watch.stage("reading the data"):
        pairs = Pairs.read(input, text_column, pair_column, reading)
        more, told = _corpus(corpus, corpus_column, reading)
    read = f"{pairs.name}: {pairs.columns}; {len(pairs.rows):,} rows"
    say_each(watch, read, told, reading.left_out)
    use_threads(threads)
    place = resolve_device(device)
    embedder = Embedder.from_pretrained(model, device=place, revision=revision)
    teacher = None if reranker is None else _teacher(reranker, place)
    miner = Miner.of(pairs, more, embedder, rule, on_long, watch)
    columns = [*NEW[: 3 if teacher is None else 4], *pairs.others]
    with row_file(output, columns, replace=replace) as write, watch.stage("choosing") as advance:
        counts = Counter[str]()
        for number, mined in enumerate(miner.rows(teacher)):
            write({**mined.values(pairs, number, miner.texts), **pairs.rest[number]})
            counts.update(mined.counts(rule.per_query))
            advance((number + 1) / len(pairs.rows), "")
    found = {name: counts[name] for name in ("full", "fewer", "none", "negatives", "by_margin")}
    lost = {"truncated": miner.truncated, "skipped": reading.bad}
    return MineResult(output, len(pairs.rows), len(miner.texts), **found, **lost)


def _teacher(path: str | Path, device: torch.device) -> Reranker:
    """A cross-encoder that gives a score."""
    teacher = Reranker.from_pretrained(path, device=device)
    teacher.check_score()
    return teacher


def _corpus(path: str | Path | None, column: str | None, reading: Reading) -> tuple[list[str], str]:
    """The texts of a corpus, and where they were found; nothing without one."""
    if path is None:
        return [], ""
    table = Table.open(path)
    found = role_column(table, column, DOCUMENT_COLUMNS, "texts of the corpus", "--corpus-column")
    columns = Columns(found, None)
    every = [text for _, text in texts_of(table, columns, reading)]
    texts = [text for text in every if not is_empty(text)]
    empty = f", {len(every) - len(texts):,} of them empty" if len(texts) < len(every) else ""
    return texts, f"{table.name}: {columns}; {len(every):,} texts{empty}"


def _check(
    output: Path,
    input: str | Path,
    corpus: str | Path | None,
    rule: NegativeRule,
    reranker: str | Path | None,
) -> None:
    """Look at what can be refused before anything is read."""
    if output.suffix.lower() != ".jsonl":
        raise ConfigError(f"negatives are lists, so the output must be a .jsonl file, not {output}")
    for name in (input, corpus):
        if name is not None and output.exists() and Path(name).exists() and output.samefile(name):
            raise ConfigError(f"the output must be another file than the input, {name}")
    if reranker is not None and rule.relative_margin is not None:
        raise ConfigError(
            f"relative_margin={rule.relative_margin} is a share of the positive's score, and a "
            "reranker's logits have no zero to count from; give a margin in logits, such as 3"
        )
