"""`unmask finetune`: from labelled text and an encoder to a model that does a task."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from unmask.checkpoint.folder import save_opened
from unmask.checkpoint.locating import locate
from unmask.config import to_mapping
from unmask.train.loop import Evaluate, LoopConfig, Outcome, Position, StepFacts, train
from unmask.train.precision import resolve_dtype
from unmask.verbs.finetune_settings import FinetuneSettings, Recipe, finetune_settings
from unmask.verbs.machine import environment, resolve_device, use_threads
from unmask.verbs.run_folder import RunFolder, digest_of
from unmask.verbs.tasks.card import card_of
from unmask.verbs.tasks.dropout import set_dropout
from unmask.verbs.tasks.kinds import chosen
from unmask.verbs.tasks.pieces import Given, Pieces, check_on_long
from unmask.verbs.tasks.result import FinetuneResult
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
    """Teach an encoder a task, or go on with a run that was stopped.

    Args:
        model: folder of a model or of a finished run, or a name on the Hub. A classifier is
            trained further, and its labels must be those of the data.
        train: table with a text, or a pair of texts, and a label in each row: .csv, .tsv, .jsonl
            or .parquet.
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
    kind = chosen(settings)
    threads = use_threads(settings.run.threads)
    device = resolve_device(settings.run.device)
    dtype = resolve_dtype(settings.run.dtype, device)
    on_long = check_on_long(settings.data.on_long, kind.on_long)
    # Before the run's folder is touched, all that can be wrong with the data has been found.
    pieces = kind.pieces(Given(model, revision, train, dev, settings, on_long, device, watch))
    digests = {"model": _model_digest(model, revision), "train": digest_of(train)}
    digests |= {} if dev is None else {"dev": digest_of(dev)}
    job = _Job.of(settings, pieces, device, dtype, watch)
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
    pieces: Pieces
    recipe: Recipe
    notes: tuple[str, ...]
    device: torch.device
    dtype: torch.dtype
    watch: Watch

    @classmethod
    def of(
        cls,
        settings: FinetuneSettings,
        pieces: Pieces,
        device: torch.device,
        dtype: torch.dtype,
        watch: Watch,
    ) -> _Job:
        """Choose what is left open; says what a person should know of data, model and recipe."""
        width = pieces.opened.model.encoder.config.width
        recipe = Recipe.of(settings, width, len(pieces.rows))
        notes = (*pieces.notes, *filter(None, (recipe.note,)))
        for note in notes:
            watch.say(note)
        return cls(settings, pieces, recipe, notes, device, dtype, watch)

    def run(self, folder: RunFolder) -> FinetuneResult:
        """Train, measure, save."""
        outcome = self._train(folder)
        for note in outcome.notes:
            self.watch.say(note)
        pieces = self.pieces
        result = FinetuneResult(
            task=self.settings.task,
            folder=folder.path,
            finished=outcome.stopped_by is None,
            stopped_by=outcome.stopped_by,
            steps=outcome.position.step,
            seconds=outcome.position.seconds,
            labels=pieces.opened.labels,
            train_rows=pieces.train_rows,
            dev_rows=pieces.dev_rows,
            truncated=pieces.rows.truncated,
            figures=None,
            notes=(*self.notes, *outcome.notes),
        )
        if outcome.stopped_by is not None:
            return result
        with self.watch.stage("measuring on the dev rows"):
            pieces.opened.model.eval()
            finished = pieces.finished()
        for note in finished.notes:
            self.watch.say(note)
        notes = (*result.notes, *finished.notes)
        result = replace(result, figures=finished.figures, notes=notes)
        result.write()
        card = card_of(self.settings, self.recipe, pieces, result)
        # Marks the run as finished.
        save_opened(result.model, finished.opened, card=card, also=finished.beside)
        return result

    def _train(self, folder: RunFolder) -> Outcome:
        """The loop, over the whole model or over its head alone."""
        settings, pieces = self.settings, self.pieces
        batches = pieces.rows.batches(settings.budget.batch, settings.run.seed)
        steps = batches.steps(self.recipe.epochs)
        folder.decide("steps", steps)
        trained: torch.nn.Module = pieces.opened.model
        measure: Evaluate = pieces.dev
        if settings.model.freeze:
            assert pieces.frozen is not None  # `chosen` has refused other tasks
            with self.watch.stage("encoding once with the frozen encoder"):
                pieces.opened.model.encoder.requires_grad_(False)
                trained, measure = pieces.frozen()
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
                pieces.objective,
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
