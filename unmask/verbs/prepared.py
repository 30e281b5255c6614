"""Raw text made ready for training: corpus, tokenizer, tokens on disk."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from unmask.arch.registry import arch_of, sized_config
from unmask.batches.side import side_file
from unmask.batches.store import TokenStore, build_store
from unmask.batches.units import placed, units_of
from unmask.checkpoint.jsonfile import read_json, write_json
from unmask.errors import TextError
from unmask.text.corpus import MANIFEST, Corpus, Split
from unmask.text.installed import InstalledDocstrings
from unmask.text.prepare import prepare
from unmask.text.sentences import splitter
from unmask.text.sources import Sources, TextSources, source_digest
from unmask.tokens.marks import MARK, Words, unmarked
from unmask.tokens.tokenizer import Tokenizer
from unmask.tokens.train import train as train_vocabulary
from unmask.verbs.learning.settings import PAIRS, WHOLE_WORDS, PairSettings
from unmask.verbs.pretrain_settings import PretrainSettings
from unmask.verbs.start_settings import Start
from unmask.verbs.watch import Watch


@dataclass(frozen=True, slots=True)
class Prepared:
    """Text made ready: corpus, tokenizer, tokens on disk.

    Attributes:
        units: `(S,)` the token that each sentence begins with, where the objective needs that.
        words: how words are told, where the objective asks for them.
    """

    corpus: Corpus
    tokenizer: Tokenizer
    store: TokenStore
    units: npt.NDArray[np.int64] | None = None
    words: Words | None = None

    def texts(self, split: Split) -> Iterator[str]:
        """The texts of a side as the model reads them: without the marks of a segmenter."""
        return _texts(self.corpus, split, self.words)


def words_of(settings: PretrainSettings) -> Words | None:
    """How words are to be told; None where the objective does not ask for them."""
    return settings.mask.words if settings.objective.name in WHOLE_WORDS else None


def _texts(corpus: Corpus, split: Split, words: Words | None) -> Iterator[str]:
    texts = (document.text for document in corpus.documents(split))
    return map(unmarked, texts) if words == "marked" else texts


def text_sources(settings: PretrainSettings) -> Sources:
    """The files that are named, or the docstrings of this Python."""
    if settings.text.paths:
        return TextSources.find(settings.text.paths)
    return InstalledDocstrings.find()


def text_digest(settings: PretrainSettings, sources: Sources, folder: Path, watch: Watch) -> str:
    """Digest of the text that a run in this folder reads.

    Files that were named must stay as they were. Installed packages come and go, and a run that
    has read them keeps its own copy of the text: it goes on with that, and says so.
    """
    digest = source_digest(sources)
    if (standing := _own_text(settings, folder)) is None:
        return digest
    if standing.source_digest != digest:
        watch.say("the installed packages changed; going on with the text that this run began with")
    return standing.source_digest


def _own_text(settings: PretrainSettings, folder: Path) -> Corpus | None:
    """The copy of the installed packages' text that a run has made, if it has."""
    if settings.text.paths or not (folder / "corpus" / MANIFEST).is_file():
        return None
    return Corpus.open(folder / "corpus")


def prepare_text(
    settings: PretrainSettings,
    sources: Sources,
    folder: Path,
    watch: Watch,
    start: Start | None = None,
) -> Prepared:
    """Corpus, tokenizer and token store in a run's folder; each is kept if it is there already.

    Where the settings name a model to start from, `start` is it.
    """
    assert (settings.model.start is None) == (start is None)
    text = settings.text
    with watch.stage("cleaning and splitting the text") as advance:
        corpus = _own_text(settings, folder) or prepare(
            sources,
            folder / "corpus",
            field=text.field,
            document=text.document,
            on_bad=text.on_bad,
            max_bad=text.max_bad,
            held_out=text.held_out,
            progress=lambda done, total: advance(done / max(total, 1), ""),
        )
    _say_left_out(corpus, watch)
    if words_of(settings) == "marked":
        _check_marks(corpus)
    own = settings.tokenizer.path is None and start is None
    with watch.stage(f"{'training' if own else 'opening'} the tokenizer") as advance:
        tokenizer = _tokenizer(settings, start, corpus, folder / "tokenizer")
        advance(1.0, f"{tokenizer.vocab_size:,} tokens")
    with watch.stage("tokenising") as advance:
        documents = corpus.stats.train_documents
        store = build_store(
            folder / "tokens",
            (document.text for document in corpus.documents("train")),
            tokenizer,
            corpus.digest,
            progress=lambda done: advance(done / documents, ""),
            words=words_of(settings),
        )
        advance(1.0, f"{store.meta.tokens:,} tokens")
    if settings.objective.name not in PAIRS:
        return Prepared(corpus, tokenizer, store, words=words_of(settings))
    units = _units(settings.pairs, corpus, tokenizer, folder / "tokens", watch)
    return Prepared(corpus, tokenizer, store, units)


def _units(
    pairs: PairSettings, corpus: Corpus, tokenizer: Tokenizer, folder: Path, watch: Watch
) -> npt.NDArray[np.int64]:
    """Where the sentences of the training text begin, in a file beside its tokens."""
    made_of = {
        "text": corpus.digest,
        "tokenizer": tokenizer.digest,
        "splitter": pairs.splitter,
        "language": pairs.language,
    }

    def texts() -> Iterator[str]:
        for number, document in enumerate(corpus.documents("train")):
            advance(number / corpus.stats.train_documents, "")
            yield document.text

    with watch.stage("finding sentences") as advance:
        cut = splitter(pairs.splitter, pairs.language)
        units = side_file(
            folder, "sentences", made_of, lambda: placed(units_of(texts(), tokenizer, cut))
        )
        advance(1.0, f"{len(units):,} {pairs.splitter}")
    return units


def _check_marks(corpus: Corpus) -> None:
    """Check that a text whose words are said to be marked has a mark; read up to the first one.

    Without any, all that stands between two spaces is a word, in Thai or Chinese a sentence.
    """
    if not any(MARK in document.text for document in corpus.documents("train")):
        raise TextError(
            "mask.words=marked takes words as a segmenter has marked them, but the text holds no "
            "mark, U+200B (zero width space); let a segmenter put one between words, or leave "
            "mask.words out"
        )


def _say_left_out(corpus: Corpus, watch: Watch) -> None:
    """Corrupt places and files that were not read, as lines that stay."""
    stats = corpus.stats
    if stats.bad_places:
        first = stats.bad_examples[0] if stats.bad_examples else ""
        watch.say(f"{stats.bad_places:,} corrupt places were left out, such as {first}")
    if stats.skipped:
        files = ", ".join(f"{count:,} {kind}" for kind, count in stats.skipped.items())
        watch.say(f"files that were not read: {files}")


def _tokenizer(
    settings: PretrainSettings, start: Start | None, corpus: Corpus, folder: Path
) -> Tokenizer:
    """The tokenizer that is named, that of the model to start from, the one trained before, or a
    new one."""
    wanted, arch = settings.tokenizer, arch_of(settings.model.arch)
    roles = arch.roles  # a decoder's tokenizer needs no mask
    if wanted.path is None and start is not None:
        tokenizer = Tokenizer.from_pretrained(start.folder, require=roles)
        tokenizer.save_pretrained(folder)
        return tokenizer
    if wanted.path is not None:
        tokenizer = Tokenizer.from_pretrained(wanted.path, require=roles)
        tokenizer.save_pretrained(folder, model_max_length=settings.model.context)
        return tokenizer
    made_of = folder / "made-of.json"
    words = words_of(settings)
    origin = {"corpus": corpus.digest} | ({"words": words} if words == "marked" else {})
    if made_of.is_file() and read_json(made_of) == origin:
        return Tokenizer.from_pretrained(folder)
    tokenizer = train_vocabulary(
        _texts(corpus, "train", words),
        kind=wanted.kind,
        vocab_size=wanted.vocab_size,
        lowercase=wanted.lowercase,
    )
    context = settings.model.context
    config = sized_config(
        arch.name, settings.model.size, context=context, vocab_size=8, pad_token_id=0
    )
    segments = arch.encoder(config).embedding.segments > 0
    tokenizer.save_pretrained(folder, model_max_length=context, segments=segments)
    write_json(made_of, origin)
    # Read back, so that a run uses the same object whether it was just trained or not.
    return Tokenizer.from_pretrained(folder)
