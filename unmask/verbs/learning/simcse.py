"""Vectors of texts without labels: an encoder, read twice under dropout."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from unmask.batches.loader import PretrainingBatches
from unmask.checkpoint.folder import Opened
from unmask.checkpoint.sentence import SentenceModel, save_sentence, sentence_root
from unmask.checkpoint.sentence_files import read_modules, read_pooling
from unmask.errors import ConfigError, TextError
from unmask.evaluation.sentence import SentenceEvaluation
from unmask.heads.sentence import TRAINED_POOLINGS, SentenceEncoder, TrainedPooling
from unmask.nn.encoder import Encoder
from unmask.nn.flops import lm_training_flops
from unmask.nn.init import initialise
from unmask.objectives.simcse import SimCSE
from unmask.train.loop import Evaluate
from unmask.verbs.learning.model import begun, cuts, text_batches
from unmask.verbs.learning.pieces import Figure, Given, Pieces, Said
from unmask.verbs.learning.simcse_health import CHECKS, figures
from unmask.verbs.pretrain_settings import BudgetSettings, PretrainSettings
from unmask.verbs.start_settings import Start
from unmask.verbs.starting import Begun

READINGS = 2
FEW = 16  # texts of a batch; the paper's batches have 64

SAID = Said(
    "sentence-similarity",
    "embedding model",
    "telling two readings of a text under dropout from those of other texts (SimCSE)",
    (
        Figure("accuracy", "second reading found among those of 64 held-out texts", "share"),
        Figure("base", "found by guessing", "share"),
        Figure("loss", "loss of finding it (nats)", "nats"),
        Figure("alignment", "squared distance of the two readings, held-out", "number"),
        Figure("uniformity", "uniformity of held-out texts (less is better)", "number"),
    ),
    frozenset({"simcse"}),
)


def check(settings: PretrainSettings) -> None:
    """Check the settings before there is any text.

    Raises:
        ConfigError: the temperature is out of its range, a setting would do nothing, or a batch may
            hold one text alone.
    """
    SimCSE(settings.simcse.temperature)
    if settings.budget.window != BudgetSettings().window:
        raise ConfigError(
            f"budget.window={settings.budget.window} would do nothing: it sorts texts by length, "
            "and simcse tells a text from others of any length, in batches as they come; leave it "
            "out"
        )
    for stage in settings.stages:
        batch, context = stage.tokens_per_step // settings.budget.accumulate, stage.context
        if batch >= 2 * READINGS * context:
            continue
        raise ConfigError(
            "a text is told from the others of its batch, so a batch must hold two of the longest "
            f"texts, each read twice: tokens_per_step / accumulate must be at least 4 x the "
            f"context of {context} tokens, {2 * READINGS * context}, but is {batch}; lower the "
            f"context with {settings.ramp.length} or raise {settings.ramp.size}"
        )


def batches(given: Given) -> PretrainingBatches:
    """Texts by themselves as they come, in batches of which two readings fit.

    Sorted by length, a text would be told from texts of its own length alone, and from many more
    where they are short.
    """
    return text_batches(given, READINGS, window=1)


def simcse(given: Given) -> Pieces:
    """An encoder and a pooling, saved as an embedding model."""
    settings, prepared = given.settings, given.prepared
    made: Begun[Encoder] = begun(given, "encoder")
    model = _model(given, made.model)
    source = batches(given)
    if len(source.sequences) < 2:
        raise TextError(
            "a text is told from other texts, but the training text is one; give more with --text, "
            "or say what a text is with --document line"
        )

    def evaluate(most: int) -> Evaluate:
        return SentenceEvaluation.over(
            prepared.tokenizer,
            prepared.texts("held_out"),
            context=settings.model.context,
            most_tokens=most,
        )

    def flops(tokens: int, targets: int) -> float:
        return lm_training_flops(model.encoder.config, tokens, 0)

    def save(folder: Path, card: str) -> None:
        save_sentence(folder, _sentence_model(given, made, model, folder), card=card)

    return Pieces(
        arch=made.arch,
        config=made.config,
        kind="encoder",
        model=model,
        objective=SimCSE(settings.simcse.temperature),
        source=source,
        said=SAID,
        evaluate=evaluate,
        flops=flops,
        save=save,
        notes=(
            *made.notes,
            *_notes(given, model, source.lengths),
            *cuts(source, settings.model.context),
        ),
        origin=made.origin,
        parameters=sum(p.numel() for p in model.encoder.parameters()),
        figures=figures,
        checks=CHECKS,
    )


def _model(given: Given, encoder: Encoder) -> SentenceEncoder:
    """The encoder with its pooling, dropout, and what stands behind them in training."""
    wanted = given.settings.simcse
    model = SentenceEncoder(encoder, wanted.pooling or pooling_of(given.start))
    if model.projector is not None:
        draws = torch.Generator().manual_seed(given.settings.run.seed)
        initialise(model.projector, given.settings.model.std, 1, draws)
    model.drop(wanted.dropout)
    # A model that was opened is in evaluation mode, in which nothing is dropped.
    return model.to(given.device).train()


def pooling_of(start: Start | None) -> TrainedPooling:
    """How the model to start from pools, where it is an embedding model of one of these ways."""
    root = None if start is None else sentence_root(start.folder)
    if start is not None and root is not None:
        folders = [folder for kind, folder in read_modules(root) if kind == "Pooling"]
        width = start.said.config.hidden_size
        modes = [mode for folder in folders for mode in read_pooling(folder, width).modes]
        for mode in TRAINED_POOLINGS:
            if modes == [mode]:
                return mode
    return "mean"


def _notes(given: Given, model: SentenceEncoder, lengths: np.ndarray) -> tuple[str, ...]:
    """How texts become vectors, and what each is told from."""
    budget = given.settings.budget
    room = budget.tokens_per_step // budget.accumulate // READINGS
    texts = min(len(lengths), int(room // lengths.mean()))
    few = (
        ", which is little: the paper's batches have 64. Raise --set budget.tokens_per_step, or "
        "give --document line where each line is a text"
        if texts < FEW
        else ""
    )
    mode = model.head.config.pool.modes[0]
    pooled = {"mean": "the mean of its tokens' states", "cls": "the state of its first token"}
    return (
        *_of_start(given.start),
        f"a text's vector is {pooled[mode]} (simcse.pooling={mode})",
        f"a batch holds about {texts:,} texts, each read twice and told from the others{few}",
    )


def _of_start(start: Start | None) -> tuple[str, ...]:
    """What a run should not begin with, as a note."""
    if start is None:
        return (
            "simcse is meant to go on from a trained model, and this run begins with drawn "
            "weights: give --from MODEL, such as a run of --objective mlm on the same text",
        )
    if sentence_root(start.folder) is None:
        return ()
    return (
        f"{start.name} gives vectors already, and where it learnt them from labelled pairs, simcse "
        "may undo that: compare both models on texts that you know before you use the new one",
    )


def _sentence_model(
    given: Given, made: Begun[Encoder], model: SentenceEncoder, folder: Path
) -> SentenceModel:
    """The finished model, without what stood behind its vectors in training."""
    opened = Opened(
        model=model.encoder.float(),
        arch=made.arch,
        config=made.config,
        tokenizer=given.prepared.tokenizer,
        labels=(),
        aside=(),
        new=(),
        kept={},
        format="hf",
        path=folder,
        origin=made.origin,
    )
    limit = given.settings.model.context
    return SentenceModel(opened, model.head, limit, {}, None, "cosine")
