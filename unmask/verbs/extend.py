"""`unmask tokenizer extend`: a domain's words for a tokenizer, and rows for them in its model."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import reduce
from pathlib import Path
from typing import Any, Literal

import torch

from unmask.checkpoint.answering import rule_kept
from unmask.checkpoint.cross import open_cross, save_cross
from unmask.checkpoint.files import publish
from unmask.checkpoint.folder import Opened, open_model, save_opened
from unmask.checkpoint.formats import CONFIG
from unmask.checkpoint.jsonfile import read_json
from unmask.checkpoint.sentence import (
    SentenceModel,
    open_sentence,
    save_sentence,
    sentence_root,
)
from unmask.checkpoint.sentence_files import read_modules
from unmask.checkpoint.surgery import extended
from unmask.checkpoint.weightfiles import SINGLE, stored_dtype
from unmask.errors import ModelError, TokenizerError
from unmask.text.readers import Unit
from unmask.tokens.extend import Extension, count_words, extend
from unmask.tokens.report import TokenizerReport, report
from unmask.tokens.tokenizer import Tokenizer
from unmask.verbs.start_settings import Start
from unmask.verbs.tokenizer import texts_of
from unmask.verbs.watch import Silent, Watch

_CROSS = frozenset({"sentence_transformers", "sbert_ce_default_activation_function"})


@dataclass(frozen=True, slots=True)
class ExtendResult:
    """What became of a tokenizer, and of its model.

    Attributes:
        folder: what was written.
        extension: the new tokenizer, the words added, what else changed.
        before, after: how the old and the new tokenizer do on the text.
        rows: of the model's token table; None where the folder holds a tokenizer alone.
    """

    folder: Path
    extension: Extension
    before: TokenizerReport
    after: TokenizerReport
    rows: int | None

    def figures(self) -> dict[str, Any]:
        """For JSON."""
        said = self.extension
        return {
            "folder": str(self.folder),
            "vocab_size": {"before": self.before.vocab_size, "after": self.after.vocab_size},
            "rows": self.rows,
            "tokens": {"before": self.before.tokens, "after": self.after.tokens},
            "words": {"before": self.before.words, "after": self.after.words},
            "tokens_per_word": {
                "before": self.before.tokens_per_word,
                "after": self.after.tokens_per_word,
            },
            "unknown_share": {
                "before": self.before.unknown_share,
                "after": self.after.unknown_share,
            },
            "added": [
                {
                    "text": word.text,
                    "token": word.token,
                    "id": word.id,
                    "count": word.count,
                    "pieces": list(word.pieces),
                }
                for word in said.words
            ],
            "changed_words": said.changed,
            "changed_examples": [
                {"text": text, "before": list(were), "after": list(are)}
                for text, were, are in said.examples
            ],
            "left_out": dict(said.left_out),
        }

    def in_words(self) -> dict[str, str]:
        """For people."""
        was, now, said = self.before, self.after, self.extension
        words, helpers = len(said.words), len(said.rows) - len(said.words)
        on_the_way = f", and {helpers:,} tokens on the way to them" if helpers > 0 else ""
        left = {
            "words left out": "; ".join(f"{n:,}: {reason}" for reason, n in said.left_out.items())
        }
        return {
            "words added": f"{words:,}{on_the_way}",
            "vocabulary": f"{was.vocab_size:,} -> {now.vocab_size:,}",
            "tokens per word": f"{was.tokens_per_word:.4f} -> {now.tokens_per_word:.4f}",
            "tokens of the text": f"{was.tokens:,} -> {now.tokens:,}",
            "unknown share": f"{was.unknown_share:.4g} -> {now.unknown_share:.4g}",
            "other words changed": f"{said.changed:,}",
            **(left if said.left_out else {}),
            **({} if self.rows is None else {"rows of the token table": f"{self.rows:,}"}),
        }


def extend_tokenizer(
    model: str | Path,
    *,
    out: str | Path,
    text: str | Path | Iterable[str | Path] = (),
    add: int = 1000,
    min_count: int = 5,
    min_pieces: int = 2,
    field: str = "text",
    document: Unit | None = None,
    on_bad: Literal["stop", "skip"] = "stop",
    max_bad: float = 0.01,
    revision: str | None = None,
    watch: Watch | None = None,
) -> ExtendResult:
    """Add the words of a text that a tokenizer cuts into most pieces, and their rows to its model.

    Args:
        model: folder of a model, of a finished run, of an embedding model or a reranker, or of a
            tokenizer alone; or the name of a model on the Hub.
        out: folder to make: a model of the same kind with its new tokenizer, or the tokenizer.
            Weights keep the type that they are stored in; where a file has several, the one that
            holds them all.
        text: files and folders; none for the docstrings of the installed packages.
        add, min_count, min_pieces: see `unmask.tokens.extend.extend`.
        field, document, on_bad, max_bad: see `unmask.text.prepare.prepare`.
        revision: branch, tag or commit of a name on the Hub; None for the default branch.
        watch: is told of the progress.

    Raises:
        TextError: the text cannot be used.
        TokenizerError: no word can be added, or the tokenizer's kind cannot take words.
        ModelError: the model cannot be opened.
        CheckpointError: a file cannot be read or fetched, or `out` is taken or cannot be written.
        ConfigError: a revision of a folder.
    """
    watch = watch or Silent()
    tokenizer, save = _source(model, revision, Path(out))
    texts = texts_of(text, field=field, document=document, on_bad=on_bad, max_bad=max_bad)
    with watch.stage("counting words"):
        tally = count_words(tokenizer, texts())
    with watch.stage("adding words"):
        extension = extend(tally, add=add, min_count=min_count, min_pieces=min_pieces)
    if not extension.words:
        raise TokenizerError(
            f"a word is added if it occurs {min_count} times and has {min_pieces} pieces, and no "
            f"word of the text is such ({len(tally.fragmented):,} have more than one piece). Give "
            "more text, or lower --min-count"
        )
    with watch.stage("measuring the new tokenizer"):
        after = report(extension.tokenizer, texts())
    rows = save(extension)
    return ExtendResult(Path(out), extension, tally.report(), after, rows)


def _source(
    path: str | Path, revision: str | None, out: Path
) -> tuple[Tokenizer, Callable[[Extension], int | None]]:
    """The tokenizer of a folder, and what saves the extended folder and tells the table's rows."""
    start = _found(path, revision)
    if start is None:
        tokenizer = Tokenizer.from_pretrained(path, require=())

        def save_alone(extension: Extension) -> None:
            publish(out, extension.tokenizer.save_pretrained)

        return tokenizer, save_alone
    opened, write = _model(start, out)

    def save(extension: Extension) -> int:
        grown = extended(opened, extension)
        write(grown)
        return grown.config.vocab_size

    return opened.tokenizer, save


def _found(path: str | Path, revision: str | None) -> Start | None:
    """The model of that name or folder; None for a folder with a tokenizer and no model."""
    try:
        return Start.find(path, revision)
    except ModelError:
        # Where there is a configuration there is a model, and what is wrong with it has to be said.
        described = any((Path(path) / place / CONFIG).exists() for place in ("", "model"))
        if (Path(path) / "tokenizer.json").is_file() and not described:
            return None
        raise


def _model(start: Start, out: Path) -> tuple[Opened[Any], Callable[[Opened[Any]], Any]]:
    """A model in its own type, and what saves it with all that its folder has besides."""
    folder = start.folder
    marked = not _CROSS.isdisjoint(read_json(folder / CONFIG))
    embeds = sentence_root(folder) is not None
    if start.said.head == "sequence" and (marked or embeds):
        cross = open_cross(folder, dtype=stored_dtype(folder))
        opened = _named(cross.opened, start)
        return opened, lambda new: save_cross(out, replace(cross, opened=new))
    if embeds:
        sentence = _sentence(folder)
        encoder = _named(sentence.encoder, start)
        return encoder, lambda new: save_sentence(out, replace(sentence, encoder=new))
    plain = open_model(folder, dtype=stored_dtype(folder))
    return _named(plain, start), lambda new: save_opened(out, new, also=rule_kept(plain))


def _named(opened: Opened[Any], start: Start) -> Opened[Any]:
    """A model with where it came from."""
    return replace(opened, origin=start.origin or opened.origin)


def _sentence(folder: Path) -> SentenceModel:
    """An embedding model of which each module has its own type."""
    modules = read_modules(folder)
    dense = {
        at: stored_dtype(place)
        for at, (kind, place) in enumerate(modules)
        if kind == "Dense" and (place / SINGLE).is_file()
    }
    own = stored_dtype(folder)
    # Opened in a type that loses nothing of any of them, and each brought back to its own.
    sentence = open_sentence(folder, dtype=reduce(torch.promote_types, dense.values(), own))
    for stage, at in zip(sentence.head.stages, range(2, len(modules)), strict=True):
        stage.to(dense.get(at, own))
    opened = sentence.encoder
    kept = {name: weight.to(own) for name, weight in opened.kept.items()}
    return replace(sentence, encoder=replace(opened, model=opened.model.to(own), kept=kept))
