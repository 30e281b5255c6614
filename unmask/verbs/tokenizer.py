"""`unmask tokenizer train`: a vocabulary learnt from text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Literal

from unmask.text.bad import Reading
from unmask.text.installed import InstalledDocstrings
from unmask.text.readers import Unit
from unmask.text.sources import Sources, TextSources
from unmask.tokens.report import TokenizerReport, report
from unmask.tokens.tokenizer import Tokenizer
from unmask.tokens.train import train
from unmask.verbs.watch import Silent, Watch


def train_tokenizer(
    *,
    out: str | Path,
    text: str | Path | Iterable[str | Path] = (),
    kind: Literal["wordpiece", "bpe"] = "wordpiece",
    vocab_size: int = 8000,
    lowercase: bool | None = None,
    field: str = "text",
    document: Unit | None = None,
    on_bad: Literal["stop", "skip"] = "stop",
    max_bad: float = 0.01,
    watch: Watch | None = None,
) -> tuple[Tokenizer, TokenizerReport]:
    """Train a tokenizer and save it where `transformers.AutoTokenizer` opens it too.

    Args:
        out: folder for the tokenizer.
        text: files and folders; none for the docstrings of the installed packages.
        kind, vocab_size, lowercase: see `unmask.tokens.train.train`.
        field, document, on_bad, max_bad: see `unmask.text.prepare.prepare`.
        watch: is told of the progress.

    Returns:
        The tokenizer, and how it does on the text: tokens per word, share of unknown tokens.

    Raises:
        TextError: the text cannot be used.
        TokenizerError: nothing can be learnt from it.
    """
    watch = watch or Silent()
    texts = texts_of(text, field=field, document=document, on_bad=on_bad, max_bad=max_bad)
    with watch.stage("training the tokenizer"):
        tokenizer = train(texts(), kind=kind, vocab_size=vocab_size, lowercase=lowercase)
        tokenizer.save_pretrained(out)
    with watch.stage("measuring it"):
        measured = report(tokenizer, texts())
    return tokenizer, measured


def texts_of(
    text: str | Path | Iterable[str | Path],
    *,
    field: str,
    document: Unit | None,
    on_bad: Literal["stop", "skip"],
    max_bad: float,
) -> Callable[[], Iterator[str]]:
    """What gives all texts of files and folders, or of the installed docstrings, each time anew.

    Raises:
        TextError: there is nothing to read.
    """
    paths = [text] if isinstance(text, str | Path) else list(text)
    sources: Sources = TextSources.find(paths) if paths else InstalledDocstrings.find()

    def texts() -> Iterator[str]:
        reading = Reading(on_bad, max_bad)
        for one in sources.documents(reading, field=field, document=document):
            yield one.text
        reading.check(sum(file.size for file in sources.files))

    return texts
