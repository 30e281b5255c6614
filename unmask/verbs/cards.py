"""Model cards of what the verbs save."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from unmask.config import to_mapping
from unmask.heads.model import LanguageModel
from unmask.report.card import Card, Task, model_card
from unmask.report.facts import Setting, settings
from unmask.text.corpus import Corpus
from unmask.verbs.machine import processor, versions
from unmask.verbs.pretrain_settings import PretrainSettings

if TYPE_CHECKING:
    from unmask.verbs.pretrain import PretrainResult


@dataclass(frozen=True, slots=True)
class _Said:
    """The words for a model that predicts certain tokens.

    Attributes:
        loss, tokens: in the names of its figures.
    """

    task: Task
    model: str
    learning: str
    loss: str
    tokens: str


# By the head's `predicts`.
_SAID = {
    (0,): _Said(
        "fill-mask", "encoder", "masked language modelling", "masked loss", "masked tokens"
    ),
    (1,): _Said(
        "text-generation", "model", "predicting the next token", "next-token loss", "next tokens"
    ),
    (1, -1): _Said(
        "feature-extraction",
        "encoder",
        "predicting the next and the previous token",
        "loss over both directions",
        "next and previous tokens",
    ),
}


def pretraining_card(
    wanted: PretrainSettings,
    corpus: Corpus,
    model: LanguageModel,
    result: PretrainResult,
    in_transformers: bool,
) -> str:
    """The card of a pretrained model: data, recipe, figures, versions."""
    given = wanted.model.start is not None or wanted.tokenizer.path is not None
    begun = "from scratch" if wanted.model.start is None else f"on from {wanted.model.start}"
    said = _SAID[model.head_config.predicts]
    parameters = sum(p.numel() for p in model.parameters())
    figures = result.held_out
    return model_card(
        Card(
            name=result.folder.name,
            folder=str(result.model),
            task=said.task,
            summary=(
                f"A {wanted.model.arch} {said.model} of {parameters:,} parameters, pretrained "
                f"{begun} by {said.learning}."
            ),
            data=_data(wanted, corpus),
            recipe=tuple(
                Setting(f"{room}.{key}", str(value))
                for room, table in to_mapping(wanted).items()
                if room != "text"
                for key, value in table.items()
                # Of a tokenizer that is trained, and this one was there.
                if room != "tokenizer" or key == "path" or not given
                # Of masks, and there were none.
                if room != "mask" or said.task == "fill-mask"
            ),
            figures=(
                Setting(f"{said.loss} on held-out text (nats)", f"{figures['loss']:.3f}"),
                Setting(f"first guess right, held-out {said.tokens}", f"{figures['top1']:.1%}"),
                Setting("among the first five", f"{figures['top5']:.1%}"),
                Setting("updates", f"{result.steps:,}"),
                Setting("tokens read", f"{result.tokens:,}"),
                Setting("seconds of training", f"{result.seconds:,.0f}"),
            ),
            versions=settings({**versions(), "processor": processor()}),
            opens_in_transformers=in_transformers,
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
