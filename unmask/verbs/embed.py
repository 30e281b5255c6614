"""`unmask embed`: a vector for each row of a table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from unmask.batches.sequences import OnLong
from unmask.errors import ConfigError
from unmask.heads.embedding import PoolingMode
from unmask.nn.prepared import Precision
from unmask.pipelines.embed import Embedded, Embedder
from unmask.pipelines.quantized import Form
from unmask.pipelines.running import mostly_unknown
from unmask.text.bad import Reading
from unmask.text.columns import Columns
from unmask.text.empty import EmptyTexts
from unmask.text.labelled import texts_of
from unmask.text.rows import Table, text_table
from unmask.verbs.evaluation_facts import empty_texts, unknown_texts
from unmask.verbs.machine import resolve_device, use_threads
from unmask.verbs.vector_file import Write, vector_file
from unmask.verbs.watch import Silent, Watch, say_each, share_of


@dataclass(frozen=True, slots=True)
class EmbedResult:
    """What was written.

    Attributes:
        output: the file, `(rows, dimension)`; of bits an eighth as many bytes a row.
        rows: how many vectors it has.
        dimension: their width.
        truncated: texts that were cut.
        skipped: bad places of the input that were left out.
        form: what the numbers are stored as.
        outside: of int8, numbers outside of the ranges, which were set to the end that is nearer.
        unknown: texts of mostly tokens that the tokenizer does not know.
        empty: texts in which nothing is to be seen.
    """

    output: Path
    rows: int
    dimension: int
    truncated: int
    skipped: int
    form: Form = "float32"
    outside: int = 0
    unknown: int = 0
    empty: int = 0

    def in_words(self) -> dict[str, str]:
        """For people."""
        cut = {"texts cut": f"{self.truncated:,}"} if self.truncated else {}
        bad = {"bad rows left out": f"{self.skipped:,}"} if self.skipped else {}
        form: dict[str, str] = {} if self.form == "float32" else {"stored as": self.form}
        if self.outside:
            form["numbers set to the end of their range"] = f"{self.outside:,}"
        shape = {"vectors": f"{self.rows:,}", "dimension": f"{self.dimension:,}", **form}
        lost = {**cut, **unknown_texts(self.unknown), **empty_texts(self.empty), **bad}
        return {**shape, "written to": str(self.output), **lost}


def embed(
    model: str | Path,
    *,
    input: str | Path,
    output: str | Path,
    text_column: str | None = None,
    prompt: str | None = None,
    prompt_name: str | None = None,
    pooling: PoolingMode | None = None,
    truncate_dim: int | None = None,
    normalize: bool | None = None,
    on_long: OnLong = "truncate",
    stored_as: Form = "float32",
    replace: bool = False,
    on_bad: Literal["stop", "skip"] = "stop",
    max_bad: float = 0.01,
    precision: Precision | None = None,
    batch_invariant: bool = False,
    device: str = "auto",
    threads: int | None = None,
    revision: str | None = None,
    watch: Watch | None = None,
) -> EmbedResult:
    """A vector for every row of a table, in order, with constant memory.

    Args:
        model: folder of an embedding model, or a name on the Hub.
        input: a table, or .txt with a text on each line; see `unmask.text.rows.text_table`.
        output, replace: .npy, written whole or not at all; whether it may replace one.
        text_column: None to find it by its name.
        prompt, prompt_name: put before each text; the model's default where neither is given.
        pooling: for a folder without `modules.json`: how its tokens become a vector.
        truncate_dim: how many leading numbers of a vector are kept; None for what the folder says.
        normalize: None for what the model does; True for vectors of length 1; False for as is.
        on_long: what happens to a text longer than the model takes.
        stored_as: float32, float16, int8 (with ranges beside the file) or bits; see `quantize`.
        on_bad, max_bad: at a corrupt place, stop or leave the row out; and how large a share.
        precision: of the matrix products: "auto", "fp32", "bf16" or "int8"; None for fp32.
        batch_invariant: whether a text's vector must be the same bits whatever texts are with it.
        device, threads: "cpu", "cuda:1", "auto" for a GPU if there is one; None for all cores.
        revision: branch, tag or commit of a name on the Hub.
        watch: is told of the progress.

    Raises:
        ConfigError: the output is there, is the input, or is no .npy; or a prompt is unknown.
        DataError, CorruptText: the table has no such column; a bad place.
        ModelError: the model is not made for embeddings, and no pooling is given.
        TooLong: a text is longer than the model takes, under "error".
    """
    output, watch = Path(output), watch or Silent()
    table = _table(input, output)
    columns, empty = Columns.of(table, text_column, labels=False), EmptyTexts(table.name)
    use_threads(threads)
    how: dict[str, Any] = {"precision": precision, "batch_invariant": batch_invariant}
    how |= {"pooling": pooling, "truncate_dim": truncate_dim, "revision": revision}
    embedder = Embedder.from_pretrained(model, device=resolve_device(device), **how)
    before = embedder.resolve(prompt, prompt_name)
    unused, untrained = _unused(embedder, prompt, before), _untrained(embedder, truncate_dim)
    watch.say(f"{table.name}: {columns}{unused}{untrained}")
    with (
        vector_file(output, embedder.dimension, replace=replace, form=stored_as) as write,
        watch.stage("embedding") as advance,
    ):
        reading = Reading(on_bad, max_bad, share_of(table.path, advance))
        texts = _texts(table, columns, reading, empty)
        answers = embedder.stream(texts, prompt=before, normalize=normalize, on_long=on_long)
        rows, truncated, unknown = _written(answers, write)
    say_each(watch, reading.left_out, empty.told)
    facts = (truncated, reading.bad, stored_as, write.outside, unknown, empty.count)
    return EmbedResult(output, rows, embedder.dimension, *facts)


def _table(input: str | Path, output: Path) -> Table:
    """The table that is read, which must not be the file that is written."""
    table = text_table(input)
    if output.exists() and output.samefile(table.path):
        raise ConfigError(f"the output must be another file than the input, {table.name}")
    return table


def _texts(table: Table, columns: Columns, reading: Reading, empty: EmptyTexts) -> Iterator[str]:
    """The text of each row; empty ones are counted."""
    for row, text in texts_of(table, columns, reading):
        empty.look(row.line, (text,))
        yield text


def _unused(embedder: Embedder, prompt: str | None, before: str) -> str:
    """That a model's prompts are left out, where nobody chose to; else nothing."""
    names = [name for name, text in embedder.prompts.items() if text]
    if before or prompt is not None or not names:
        return ""
    return f"; the model has prompts ({', '.join(names)}) and none is used, see --prompt-name"


def _untrained(embedder: Embedder, wanted: int | None) -> str:
    """That vectors are cut to what the model was not trained for; else nothing."""
    model = embedder.opened
    if wanted is None or wanted in (model.head.config.whole, *model.dims):
        return ""
    if not model.dims:
        return (
            f"; the folder does not say that vectors were trained to be cut to {wanted} numbers "
            "(Matryoshka): they may tell much less than whole ones"
        )
    known = ", ".join(map(str, model.dims))
    return (
        f"; vectors were trained to have {known} numbers, and are cut to {wanted}: they may tell "
        "less than their length allows"
    )


def _written(answers: Iterator[Embedded], write: Write) -> tuple[int, int, int]:
    """How many vectors were written, how many of their texts were cut, and how many unknown."""
    rows = truncated = unknown = 0
    for answer in answers:
        write(answer.vector)
        rows += 1
        truncated += answer.truncated
        unknown += mostly_unknown(answer.unknown)
    return rows, truncated, unknown
