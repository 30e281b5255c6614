"""Model cards of what the verbs save."""

from __future__ import annotations

from typing import TYPE_CHECKING

from unmask.config import to_mapping
from unmask.report.card import Card, model_card
from unmask.report.facts import Setting, settings
from unmask.text.corpus import Corpus
from unmask.verbs.learning.kinds import ROOMS
from unmask.verbs.learning.pieces import Pieces
from unmask.verbs.machine import processor, versions
from unmask.verbs.pretrain_settings import PretrainSettings

if TYPE_CHECKING:
    from unmask.verbs.pretrain import PretrainResult


def pretraining_card(
    wanted: PretrainSettings, corpus: Corpus, pieces: Pieces, result: PretrainResult
) -> str:
    """The card of a pretrained model: data, recipe, figures, versions."""
    given = wanted.model.start is not None or wanted.tokenizer.path is not None
    begun = "from scratch" if wanted.model.start is None else f"on from {wanted.model.start}"
    said = pieces.said
    parameters = pieces.parameters or sum(p.numel() for p in pieces.model.parameters())
    figures = result.held_out
    return model_card(
        Card(
            name=result.folder.name,
            folder=str(result.model),
            task=said.task,
            summary=(
                f"A {wanted.model.arch} {said.noun} of {parameters:,} parameters, pretrained "
                f"{begun} by {said.learning}."
            ),
            data=_data(wanted, corpus),
            recipe=tuple(
                Setting(f"{room}.{key}", str(value))
                for room, table in to_mapping(wanted).items()
                if room != "text" and (room not in ROOMS or room in said.rooms)
                for key, value in table.items()
                if f"{room}.{key}" not in said.unused
                # Of a tokenizer that is trained, and this one was there.
                if room != "tokenizer" or key == "path" or not given
            ),
            figures=(
                *(Setting(one.words, one.told(figures[one.name])) for one in said.figures),
                Setting("updates", f"{result.steps:,}"),
                Setting("tokens read", f"{result.tokens:,}"),
                Setting("seconds of training", f"{result.seconds:,.0f}"),
            ),
            versions=settings({**versions(), "processor": processor()}),
            limits=tuple(f"In its training, {words}." for words in result.warnings),
            opens_in_transformers=pieces.in_transformers,
        )
    )


def _data(wanted: PretrainSettings, corpus: Corpus) -> str:
    stats = corpus.stats
    origin = (
        "the files named " + ", ".join(wanted.text.paths)
        if wanted.text.paths
        else "the docstrings of one machine's Python: its standard library and installed packages"
    )
    return (
        f"Prose from {origin}: {stats.train_documents:,} documents to train on and "
        f"{stats.held_out_documents:,} held out by a hash of their text, {stats.words:,} words in "
        f"all. {stats.dropped_paragraphs:,} repeated paragraphs were dropped, "
        f"{stats.bad_places:,} bad places left out. Digest of the corpus: {corpus.digest}."
    )
