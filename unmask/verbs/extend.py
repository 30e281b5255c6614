"""`unmask tokenizer extend`: a domain's words for a tokenizer, and rows for them in its model."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from unmask.checkpoint.cross import open_cross, save_cross
from unmask.checkpoint.files import publish
from unmask.checkpoint.folder import Opened, model_folder, open_model, save_model
from unmask.checkpoint.formats import CONFIG
from unmask.checkpoint.jsonfile import read_json
from unmask.checkpoint.sentence import open_sentence, save_sentence, sentence_root
from unmask.checkpoint.surgery import extended
from unmask.errors import ModelError, TokenizerError
from unmask.text.readers import Unit
from unmask.tokens.extend import Extension, count_words, extend
from unmask.tokens.report import TokenizerReport, report
from unmask.tokens.tokenizer import Tokenizer
from unmask.verbs.looking import look
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
    watch: Watch | None = None,
) -> ExtendResult:
    """Add the words of a text that a tokenizer cuts into most pieces, and their rows to its model.

    Args:
        model: folder of a model, of a finished run, of an embedding model or a reranker, or of a
            tokenizer alone.
        out: folder to make: a model of the same kind with its new tokenizer, or the tokenizer.
        text: files and folders; none for the docstrings of the installed packages.
        add, min_count, min_pieces: see `unmask.tokens.extend.extend`.
        field, document, on_bad, max_bad: see `unmask.text.prepare.prepare`.
        watch: is told of the progress.

    Raises:
        TextError: the text cannot be used.
        TokenizerError: no word can be added, or the tokenizer's kind cannot take words.
        ModelError: the model cannot be opened.
        CheckpointError: `out` is taken, or cannot be written.
    """
    watch = watch or Silent()
    tokenizer, save = _source(Path(model), Path(out))
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


def _source(path: Path, out: Path) -> tuple[Tokenizer, Callable[[Extension], int | None]]:
    """The tokenizer of a folder, and what saves the extended folder and tells the table's rows."""
    if _alone(path):
        tokenizer = Tokenizer.from_pretrained(path, require=())

        def save_alone(extension: Extension) -> None:
            publish(out, extension.tokenizer.save_pretrained)

        return tokenizer, save_alone
    opened, write = _model(path, out)

    def save(extension: Extension) -> int:
        grown = extended(opened, extension)
        write(grown)
        return grown.config.vocab_size

    return opened.tokenizer, save


def _alone(path: Path) -> bool:
    """Whether a folder holds a tokenizer without a model."""
    try:
        model_folder(path)
    except ModelError:
        if (path / "tokenizer.json").is_file():
            return True
        raise
    return False


def _model(path: Path, out: Path) -> tuple[Opened[Any], Callable[[Opened[Any]], Any]]:
    """A model, and what saves it with all that its folder has besides."""
    folder, said = look(path)
    marked = not _CROSS.isdisjoint(read_json(folder / CONFIG))
    embeds = sentence_root(path) is not None
    if said.head == "sequence" and (marked or embeds):
        cross = open_cross(path)
        return cross.opened, lambda new: save_cross(out, replace(cross, opened=new))
    if embeds:
        sentence = open_sentence(path)
        return sentence.encoder, lambda new: save_sentence(out, replace(sentence, encoder=new))
    return open_model(path), lambda new: _save(out, new)


def _save(out: Path, opened: Opened[Any]) -> None:
    save_model(
        out,
        opened.model,
        arch=opened.arch,
        config=opened.config,
        tokenizer=opened.tokenizer,
        labels=opened.labels,
        kept=opened.kept,
    )
