"""The model that a pretraining run goes on from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from unmask.arch.spec import Arch, HeadKind, PublishedConfig
from unmask.checkpoint.folder import Opened, open_model
from unmask.checkpoint.formats import HOLDS
from unmask.checkpoint.layers import keep_layers
from unmask.checkpoint.origin import Origin
from unmask.checkpoint.sentence import sentence_root
from unmask.checkpoint.surgery import initialise_from
from unmask.errors import first_of
from unmask.heads.model import LanguageModel, PretrainingModel
from unmask.nn.encoder import Encoder
from unmask.tokens.tokenizer import Tokenizer
from unmask.verbs.pretrain_settings import PretrainSettings
from unmask.verbs.start_settings import Start

_SHOWN = 4  # names of weights in a note
M = TypeVar("M", LanguageModel, PretrainingModel, Encoder, covariant=True)


@dataclass(frozen=True)
class Begun(Generic[M]):
    """A model at the beginning of a run.

    Attributes:
        notes: what of it was drawn, averaged or set aside.
        origin: the model on the Hub that it goes on from, if it does.
    """

    arch: Arch[Any]
    config: PublishedConfig
    model: M
    notes: tuple[str, ...]
    origin: Origin | None = None


def begin(
    settings: PretrainSettings, start: Start, tokenizer: Tokenizer, kind: HeadKind = "lm"
) -> Begun[Any]:
    """The model to start from, with the layers that the settings keep and the run's tokenizer.

    Its configuration stays, dropout too. It ends in a head of that kind, of which new is what is
    not there.

    Raises:
        ModelError: it cannot be opened, or does not have these layers.
    """
    wanted = settings.model
    opened = open_model(start.folder, kind, new_head=True, seed=settings.run.seed)
    origin = start.origin or opened.origin
    notes = _said_of(opened, start)
    if wanted.layers is not None:
        depth = opened.config.num_hidden_layers
        opened = keep_layers(opened, wanted.layers)
        notes.append(f"layers {', '.join(map(str, wanted.layers))} of {depth} are kept")
    if tokenizer != opened.tokenizer:
        made = initialise_from(opened, tokenizer, seed=settings.run.seed)
        opened = made.opened
        notes.append(
            f"rows for {tokenizer.vocab_size:,} tokens: {made.copied:,} copied from the same "
            f"token, {made.averaged:,} the mean of its pieces, {made.drawn:,} drawn"
        )
    return Begun(opened.arch, opened.config, opened.model, tuple(notes), origin)


def _said_of(opened: Opened[Any], start: Start) -> list[str]:
    """What a person should know of how a folder was opened."""
    notes = []
    if opened.new:
        pairs = isinstance(opened.model, PretrainingModel)
        needed = "the heads for tokens and pairs" if pairs else "the language-model head"
        notes.append(
            f"{start.name} holds {HOLDS[start.said.head]}: of {needed} that it needs, "
            f"{first_of(opened.new, _SHOWN)} are drawn anew"
        )
    if opened.aside:
        told = first_of(opened.aside, _SHOWN)
        notes.append(f"set aside, since this run has no use for them: {told}")
    if sentence_root(start.folder) is not None:
        notes.append(
            f"{start.name} is an embedding model or a reranker: what follows its encoder "
            "(modules.json) is not carried over into the run"
        )
    return notes
