"""`unmask finetune`: from labelled text and an encoder to a classifier."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from unmask.checkpoint.folder import Opened, open_classifier, save_opened
from unmask.checkpoint.locating import locate
from unmask.config import to_mapping
from unmask.heads.model import SequenceClassifier
from unmask.objectives.supervised import Classification
from unmask.train.loop import LoopConfig, Outcome, Position, StepFacts, train
from unmask.train.precision import resolve_dtype
from unmask.verbs.finetune_card import classifier_card
from unmask.verbs.finetune_result import FinetuneResult
from unmask.verbs.finetune_settings import FinetuneSettings, Recipe, finetune_settings
from unmask.verbs.frozen import HeadOnly
from unmask.verbs.labelled_data import Split, is_are
from unmask.verbs.machine import environment, resolve_device, use_threads
from unmask.verbs.run_folder import RunFolder, digest_of
from unmask.verbs.tuning import Measure, Rows, set_dropout, steps_of, tune_batches
from unmask.verbs.watch import Silent, Watch


def finetune(
    model: str | Path,
    *,
    train: str | Path,
    out: str | Path,
    dev: str | Path | None = None,
    settings: FinetuneSettings | None = None,
    revision: str | None = None,
    watch: Watch | None = None,
    **short: Any,
) -> FinetuneResult:
    """Fine-tune an encoder to tell labels apart, or go on with a run that was stopped.

    Args:
        model: folder of a model or of a finished run, or a name on the Hub. A classifier is
            trained further, and its labels must be those of the data.
        train: table with a text and a label in each row: .csv, .tsv, .jsonl or .parquet.
        out: the run's folder. An unfinished run of the same settings and data is resumed, to the
            same bits; a finished one is left as it is.
        dev: table to measure with; None to hold out a share of the training rows.
        settings: everything, or give `short` names instead.
        revision: branch, tag or commit of a name on the Hub; None for the default branch. A run
            that is continued needs the same commit.
        watch: is told of the progress.
        short: `freeze`, `epochs`, `lr`, `text_column`, `seed` and so on: the long options of
            `unmask finetune`, with underscores.

    Returns:
        Where the run stands, with its figures; the model is in `result.model`.

    Raises:
        ConfigError: a setting is wrong.
        DataError: the tables cannot be used; LabelMismatch where labels do not fit together.
        CorruptText: a bad place in a table.
        ResumeMismatch: `out` holds a run of other settings, data or of another model.
        NonFiniteLoss: the loss was not finite three times in a row.
    """
    settings = settings or finetune_settings(**short)
    watch = watch or Silent()
    threads = use_threads(settings.run.threads)
    device = resolve_device(settings.run.device)
    dtype = resolve_dtype(settings.run.dtype, device)
    with watch.stage("reading the data"):
        split = Split.read(train, dev, settings.data, settings.run.seed)
        digests = {"model": _model_digest(model, revision), "train": digest_of(train)}
        digests |= {} if dev is None else {"dev": digest_of(dev)}
    # Before the run's folder is touched, all that can be wrong with the data has been found.
    job = _Job.of(model, revision, settings, split, device, dtype, watch)
    with RunFolder.open(
        out,
        "finetune",
        settings=to_mapping(settings),
        digests=digests,
        environment=environment(device, dtype, threads),
    ) as folder:
        for note in folder.notes:
            watch.say(note)
        if folder.finished:
            watch.say(f"{folder.path} is finished; remove it or name another --out to train anew")
            return FinetuneResult.read(folder.path)
        return job.run(folder)


@dataclass(frozen=True, slots=True)
class _Job:
    """A run with all that it needs."""

    settings: FinetuneSettings
    split: Split
    opened: Opened[SequenceClassifier]
    rows: Rows
    dev: Measure
    recipe: Recipe
    notes: tuple[str, ...]
    device: torch.device
    dtype: torch.dtype
    watch: Watch

    @classmethod
    def of(
        cls,
        model: str | Path,
        revision: str | None,
        settings: FinetuneSettings,
        split: Split,
        device: torch.device,
        dtype: torch.dtype,
        watch: Watch,
    ) -> _Job:
        """Open the model and tokenise the data; says what a person should know of both."""
        opened = open_classifier(
            model,
            labels=split.labels,
            pooling=settings.model.pooling,
            seed=settings.run.seed,
            device=device,
            revision=revision,
        )
        with watch.stage("tokenising"):
            rows = Rows.of(split.train.texts, opened, settings.data.on_long)
            dev = Measure.of(split.dev, opened, settings.data.on_long)
        encoder = opened.model.encoder.config
        recipe = Recipe.of(settings, encoder.width, len(split.train))
        cuts = (_cut(rows, "training", encoder.context), _cut(dev.rows, "dev", encoder.context))
        head = _new_weights(opened, settings.run.seed)
        notes = tuple(filter(None, (*split.notes, *cuts, head, recipe.note)))
        for note in notes:
            watch.say(note)
        return cls(settings, split, opened, rows, dev, recipe, notes, device, dtype, watch)

    def run(self, folder: RunFolder) -> FinetuneResult:
        """Train, measure, save."""
        outcome = self._train(folder)
        for note in outcome.notes:
            self.watch.say(note)
        result = FinetuneResult(
            folder=folder.path,
            finished=outcome.stopped_by is None,
            stopped_by=outcome.stopped_by,
            steps=outcome.position.step,
            seconds=outcome.position.seconds,
            labels=self.opened.labels,
            train_rows=len(self.split.train),
            dev_rows=len(self.split.dev),
            truncated=self.rows.truncated,
            figures=None,
            notes=(*self.notes, *outcome.notes),
        )
        if outcome.stopped_by is not None:
            return result
        with self.watch.stage("measuring on the dev rows"):
            model = self.opened.model.eval()
            result = replace(result, figures=self.dev.figures(model))
        self._save(result)
        return result

    def _train(self, folder: RunFolder) -> Outcome:
        """The loop, over the whole model or over its head alone."""
        settings, model, dev = self.settings, self.opened.model, self.dev
        batches = tune_batches(self.rows, settings.budget.batch, settings.run.seed)
        steps = steps_of(batches, self.recipe.epochs)
        folder.decide("steps", steps)
        trained: torch.nn.Module = model
        measure: Callable[[Any], Mapping[str, float]] = dev
        if settings.model.freeze:
            with self.watch.stage("encoding once with the frozen encoder"):
                model.encoder.requires_grad_(False)
                trained = HeadOnly.over(model, self.rows.rows)
                vectors = HeadOnly.over(model, dev.rows.rows)
            measure = lambda _: dev(vectors)  # noqa: E731 - its head is the one being trained
        set_dropout(trained, settings.model.dropout)
        every = max(1, steps // self.recipe.epochs)
        loop = LoopConfig(
            steps=steps,
            seed=settings.run.seed,
            eval_every=every,
            save_every=every,
            keep=settings.run.keep,
        )
        with self.watch.stage("fine-tuning") as advance:

            def told(facts: StepFacts, position: Position) -> None:
                words = f"loss {facts.loss:.3f} · {facts.tokens / facts.seconds:,.0f} tokens/s"
                advance(position.step / steps, words)

            return train(
                trained.train(),
                Classification.of(self.split.train.labels, self.opened.labels),
                batches,
                loop,
                optim=self.recipe.optim,
                schedule=settings.schedule,
                run_dir=folder.path,
                device=self.device,
                dtype=self.dtype,
                evaluate=measure,
                watch=told,
            )

    def _save(self, result: FinetuneResult) -> None:
        """The result's figures, then the model's folder, which marks the run as finished."""
        result.write()
        opened = self.opened
        card = classifier_card(self.settings, self.recipe, self.split, opened, result)
        save_opened(result.model, opened, card=card)


def _cut(rows: Rows, kind: str, context: int) -> str:
    if not rows.truncated:
        return ""
    return (
        f"{rows.truncated:,} of {len(rows.rows):,} {kind} texts {is_are(rows.truncated)} longer "
        f"than the context of {context} tokens, and only read to there (--on-long truncate)"
    )


def _new_weights(opened: Opened[SequenceClassifier], seed: int) -> str:
    names = sorted({name.rpartition(".")[0] for name in opened.new})
    return f"new weights, drawn from seed {seed}: {', '.join(names)}" if names else ""


def _model_digest(path: str | Path, revision: str | None) -> str:
    """One digest of the files that make up a model: its JSON and its weights."""
    located = locate(path, revision)
    if located.origin is not None:
        # The commit says it all, and the cache may hold other files of it the next time.
        return hashlib.sha256(f"{located.origin.name} {located.origin.commit}".encode()).hexdigest()
    folder = located.folder
    files = sorted(f for f in folder.iterdir() if f.suffix in (".json", ".safetensors"))
    lines = [f"{f.name} {digest_of(f)}\n" for f in files if f.name != "manifest.json"]
    return hashlib.sha256("".join(lines).encode()).hexdigest()
