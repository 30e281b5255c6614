"""The model that a pretraining run goes on from."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from unmask.arch.spec import Arch, PublishedConfig
from unmask.checkpoint.folder import Opened, model_folder, open_language_model
from unmask.checkpoint.formats import CONFIG, HOLDS
from unmask.checkpoint.layers import keep_layers
from unmask.checkpoint.sentence import sentence_root
from unmask.checkpoint.surgery import initialise_from
from unmask.heads.model import LanguageModel
from unmask.tokens.tokenizer import Tokenizer
from unmask.verbs.looking import look
from unmask.verbs.pretrain_settings import PretrainSettings
from unmask.verbs.run_folder import digest_of

_SHOWN = 4  # names of weights in a note


@dataclass(frozen=True, slots=True)
class Begun:
    """A model at the beginning of a run.

    Attributes:
        notes: what of it was drawn, averaged or set aside.
    """

    arch: Arch[Any]
    config: PublishedConfig
    model: LanguageModel
    notes: tuple[str, ...]


def start_digest(path: str) -> str:
    """Digest of a model's configuration, weights and tokenizer.

    Raises:
        ModelError: no model is there.
        CheckpointError: a file cannot be read.
    """
    folder = model_folder(path)
    files = [folder / CONFIG, folder / "tokenizer.json", *sorted(folder.glob("*.safetensors"))]
    digests = [f"{file.name} {digest_of(file)}" for file in files]
    return hashlib.sha256("\n".join(digests).encode()).hexdigest()


def begin(settings: PretrainSettings, tokenizer: Tokenizer) -> Begun:
    """The model that the settings name, with the layers that they keep and the run's tokenizer.

    Its configuration stays, dropout too.

    Raises:
        ModelError: it cannot be opened, or does not have these layers.
    """
    wanted = settings.model
    assert wanted.start is not None
    opened = open_language_model(wanted.start, new_head=True, seed=settings.run.seed)
    notes = _said_of(opened, wanted.start)
    if wanted.layers is not None:
        depth = opened.config.num_hidden_layers
        opened = keep_layers(opened, wanted.layers)
        notes.append(f"layers {', '.join(map(str, wanted.layers))} of {depth} are kept")
    if tokenizer != opened.tokenizer:
        start = initialise_from(opened, tokenizer, seed=settings.run.seed)
        opened = start.opened
        notes.append(
            f"rows for {tokenizer.vocab_size:,} tokens: {start.copied:,} copied from the same "
            f"token, {start.averaged:,} the mean of its pieces, {start.drawn:,} drawn"
        )
    return Begun(opened.arch, opened.config, opened.model, tuple(notes))


def _said_of(opened: Opened[LanguageModel], start: str) -> list[str]:
    """What a person should know of how a folder was opened."""
    notes = []
    _, said = look(start)
    if opened.new:
        notes.append(
            f"{start} holds {HOLDS[said.head]}: of the language-model head that it needs, "
            f"{_listed(opened.new)} are drawn anew"
        )
    if opened.aside:
        notes.append(f"set aside, since this run has no use for them: {_listed(opened.aside)}")
    if sentence_root(start) is not None:
        notes.append(
            f"{start} is an embedding model or a reranker: what follows its encoder (modules.json) "
            "is not carried over"
        )
    return notes


def _listed(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
