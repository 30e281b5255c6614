"""Vectors of texts, learnt from texts that belong together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from unmask.checkpoint.folder import Opened
from unmask.checkpoint.locating import locate
from unmask.checkpoint.sentence import (
    SentenceModel,
    open_sentence,
    sentence_root,
    sentence_writer,
    with_limit,
)
from unmask.errors import ConfigError
from unmask.evaluation.graded_pairs import Graded
from unmask.evaluation.search import Search
from unmask.heads.embedding import PoolingMode
from unmask.heads.sentence import EmbeddingModel
from unmask.objectives.contrastive import Contrast
from unmask.objectives.graded import Cosine, Divergence, MarginError, Ranking
from unmask.objectives.related import Relating, Rule
from unmask.pipelines.embed import Embedder
from unmask.verbs.embed_settings import EmbedLoss, TuneEmbed
from unmask.verbs.tasks.embed_data import RelatedSplit
from unmask.verbs.tasks.embed_measure import Measure
from unmask.verbs.tasks.embed_rows import EmbedRows
from unmask.verbs.tasks.labelled_data import counted, is_are
from unmask.verbs.tasks.pieces import Finished, Given, Pieces, Said
from unmask.verbs.text_vectors import prompts_of

_WHAT = {
    "contrastive": "to find a query's document among those of its update",
    "ranking": "to put pairs in the order of their grades",
    "cosine": "the grade of a pair as its cosine",
    "margin": "the differences of a teacher's scores",
    "kl": "the shares that a teacher gives a query's documents",
}
_ONLY: Mapping[str, tuple[EmbedLoss, ...]] = {
    "directions": ("contrastive",),
    "temperature": ("contrastive", "ranking", "margin", "kl"),
}
"""Settings that only some losses read."""


def embed(given: Given) -> Pieces:
    """What makes an embedding model.

    Raises:
        DataError: the columns do not tell what is to be learnt, or there is nothing.
        ConfigError: a dimension that is longer than the vectors, a prompt without room for text, or
            a setting that the loss does not read.
        ModelError: the folder says how it pools, and a pooling is given.
    """
    settings, watch = given.settings, given.watch
    with watch.stage("reading the data"):
        split = RelatedSplit.read(given.train, given.dev, settings)
    _check_used(split.loss, settings.embed)
    if split.loss in ("contrastive", "ranking") and settings.budget.batch == 1:
        raise ConfigError(
            f"under embed.loss={split.loss} a row is learnt against others of its update, which "
            "must have two at least, not 1; give a larger --batch"
        )
    opened = _opened(given)
    taught = _taught(opened, settings.embed)
    dims = _dims(taught, settings.embed)
    widths = {taught.head.config.whole, taught.head.config.dimension, *dims}
    taught = replace(taught, dims=tuple(sorted(widths, reverse=True)) if dims else ())
    prompts, warned = prompts_of(Embedder(taught))
    with watch.stage("tokenising"):
        rows = EmbedRows.of(split.train, taught, prompts, given.on_long, split.loss)
        rows = rows.scaled() if split.loss == "cosine" else rows
    graded = split.dev.columns.what == "graded"
    asked = Graded.of(split.dev.rows) if graded else Search.of(split.dev.rows)
    dev = Measure(taught, asked, given.on_long, dims)
    model: Opened[Any] = taught.encoder
    return Pieces(
        opened=replace(model, model=EmbeddingModel(model.model, taught.head)),
        rows=rows,
        objective=Relating(
            texts=rows.texts,
            rule=rule_of(split.loss, settings.embed),
            dims=dims,
            tokens=settings.embed.tokens,
            kept=settings.embed.kept_tokens,
        ),
        dev=dev,
        train_rows=len(rows),
        dev_rows=len(split.dev),
        said=Said("sentence-similarity", "embedding model", f"Learnt: {_WHAT[split.loss]}"),
        notes=(
            *split.notes,
            f"learnt: {_WHAT[split.loss]} (embed.loss={split.loss})",
            *_model_notes(opened, taught, prompts),
            *warned,
            *rows.notes,
        ),
        begin=lambda: dev.begin(opened),
        finish=lambda: _finished(taught, dev),
        metrics=("Spearman", "Pearson") if graded else ("nDCG@10", "MRR@10", "recall@10"),
    )


def _check_used(loss: EmbedLoss, settings: TuneEmbed) -> None:
    """Check that the loss reads what is set for it.

    Raises:
        ConfigError: it does not.
    """
    plain = TuneEmbed()
    for name, losses in _ONLY.items():
        value = getattr(settings, name)
        if loss not in losses and value != getattr(plain, name):
            raise ConfigError(
                f"embed.{name}={value} would do nothing: embed.loss={loss} does not read it; leave "
                f"it out, or give embed.loss={' or '.join(losses)}"
            )


def rule_of(loss: EmbedLoss, settings: TuneEmbed) -> Rule:
    """What is learnt from the cosines."""
    temperature = settings.temperature
    match loss:
        case "contrastive":
            return Contrast(temperature, settings.directions)
        case "ranking":
            return Ranking(temperature)
        case "cosine":
            return Cosine()
        case "margin":
            return MarginError(temperature)
        case "kl":
            return Divergence(temperature)


def _finished(model: SentenceModel, dev: Measure) -> Finished:
    """The model as it is saved: an encoder, and what makes it an embedding model."""
    figures = dev.figures(EmbeddingModel(model.encoder.model, model.head))
    notes = (
        (
            f"{counted(dev.truncated, 'dev text')} {is_are(dev.truncated)} longer than the model's "
            f"limit of {model.limit} tokens, and only read to there (--on-long truncate)",
        )
        if dev.truncated
        else ()
    )
    return Finished(figures, with_limit(model.encoder, model.limit), notes, sentence_writer(model))


def _opened(given: Given) -> SentenceModel:
    """The model; one that does not say how it pools takes the mean of its tokens."""
    wanted = given.settings.model.pooling
    pooling: PoolingMode | None = "lasttoken" if wanted == "last" else wanted
    if sentence_root(locate(given.model, given.revision).folder) is None:
        pooling = pooling or "mean"
    return open_sentence(given.model, pooling=pooling, device=given.device, revision=given.revision)


def _taught(model: SentenceModel, settings: TuneEmbed) -> SentenceModel:
    """The model as it is trained: with the prompts that are given, and compared by cosine."""
    given = {"query": settings.query_prompt, "document": settings.document_prompt}
    prompts = {**model.prompts, **{n: prompt for n, prompt in given.items() if prompt is not None}}
    return replace(model, prompts=prompts, similarity="cosine")


def _dims(model: SentenceModel, settings: TuneEmbed) -> tuple[int, ...]:
    """Of Matryoshka, the longest first; whole vectors are learnt in any case."""
    whole = model.head.config.dimension
    dims = sorted(settings.matryoshka, reverse=True)
    if dims and dims[0] > whole:
        raise ConfigError(
            f"embed.matryoshka must be at most the vectors' {whole} numbers, not {dims[0]}"
        )
    return tuple(dim for dim in dims if dim < whole)


def _model_notes(
    opened: SentenceModel, taught: SentenceModel, prompts: tuple[str, str]
) -> tuple[str, ...]:
    """How texts become vectors."""
    pool = " and ".join(opened.head.config.pool.modes)
    notes = [f"a text's vector is pooled by {pool} and has {opened.head.config.dimension} numbers"]
    before = {"query": prompts[0], "document": prompts[1]}
    notes += [f"before each {kind} stands {prompt!r}" for kind, prompt in before.items() if prompt]
    if opened.similarity != taught.similarity:
        notes.append(
            f"the model was compared by {opened.similarity}, and is trained and saved to be "
            "compared by cosine"
        )
    return tuple(notes)
