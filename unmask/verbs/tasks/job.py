"""A fine-tuning run with all that it needs: trained, measured, saved."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import torch

from unmask.checkpoint.folder import save_opened
from unmask.checkpoint.sentence import sentence_root
from unmask.config import to_mapping
from unmask.errors import CheckpointError, ResumeMismatch
from unmask.nn.adapting import merge
from unmask.nn.dropout import set_dropout
from unmask.train.best import Goal
from unmask.train.loop import Evaluate, LoopConfig, Outcome, Position, StepFacts, train
from unmask.train.weights import Beginning
from unmask.verbs.finetune_settings import FinetuneSettings
from unmask.verbs.run_folder import RunFolder
from unmask.verbs.tasks.card import card_of
from unmask.verbs.tasks.pieces import Batches, Pieces
from unmask.verbs.tasks.result import FinetuneResult, Kept
from unmask.verbs.tasks.trained import count_trained, goal_of, put_adapters, rates_of
from unmask.verbs.tune_recipe import Recipe
from unmask.verbs.watch import Watch, stopped


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Where a run is made.

    Attributes:
        device: of the model.
        dtype: of matrix products.
        digests: of the data and of the model that it begins with, by the name under which messages
            speak of them.
        environment: what may change, but may change the bits.
        watch: is told of the progress.
    """

    device: torch.device
    dtype: torch.dtype
    digests: Mapping[str, str]
    environment: Mapping[str, str]
    watch: Watch


@dataclass(frozen=True)
class Job:
    """A run that may begin, or go on.

    Attributes:
        settings: of the run.
        pieces: model, rows and what is learnt.
        recipe: what was chosen where the settings leave it open.
        beginning: the encoder's weights before training, which keep their share in the measured and
            in the finished ones.
        goal: what the finished weights are chosen by; None where the task measures none.
        shares: of the learning rate, by a parameter's name.
        notes: what a person should know of all this.
        around: device, digests and the rest.
    """

    settings: FinetuneSettings
    pieces: Pieces
    recipe: Recipe
    beginning: Beginning
    goal: Goal | None
    shares: Mapping[str, float]
    notes: tuple[str, ...]
    around: Surroundings

    @classmethod
    def of(cls, settings: FinetuneSettings, pieces: Pieces, around: Surroundings) -> Job:
        """Choose what is left open; says what a person should know of data, model and recipe.

        Raises:
            ConfigError: a setting does not fit the model or the task.
        """
        goal, model = goal_of(settings.budget, pieces.metrics, settings.task), pieces.opened.model
        recipe = Recipe.of(
            settings,
            model.encoder.config.width,
            len(pieces.rows),
            embeds=sentence_root(pieces.opened.path) is not None,
        )
        adapters = put_adapters(model, settings.model, settings.run.seed)
        shares, falling = rates_of(model, settings.optim.layer_decay)
        notes = (*pieces.notes, *filter(None, (recipe.note,)), *adapters, *falling)
        for note in notes:
            around.watch.say(note)
        beginning = Beginning.of(model.encoder, recipe.pretrained_share)
        return cls(settings, pieces, recipe, beginning, goal, shares, notes, around)

    @cached_property
    def batches(self) -> Batches:
        """What is learnt from."""
        return self.pieces.batches(self.recipe.batch, self.settings.run.seed)

    @cached_property
    def steps(self) -> int:
        """Of all epochs."""
        return self.batches.steps(self.recipe.epochs)

    @property
    def every(self) -> int:
        """Steps from one evaluation to the next, and from one state to the next."""
        return max(1, round(self.steps / self.recipe.epochs * self.settings.budget.eval_every))

    def folder(self, out: str | Path, settings: FinetuneSettings) -> RunFolder:
        """The folder of a run of these settings on the data of this one; see `RunFolder.open`."""
        folder = RunFolder.open(
            out,
            "finetune",
            settings=to_mapping(settings),
            digests=self.around.digests,
            environment=self.around.environment,
        )
        for note in folder.notes:
            self.around.watch.say(note)
        return folder

    def run(self, folder: RunFolder) -> FinetuneResult:
        """Train, measure, save; the result of a run that is finished is read."""
        if folder.finished:
            self.around.watch.say(
                f"{folder.path} is finished; remove it or name another --out to train anew"
            )
            return FinetuneResult.read(folder.path)
        return self._as_begun(folder)._run(folder)

    def _as_begun(self, folder: RunFolder) -> Job:
        """The run with what was chosen when it began, which a newer version may choose otherwise.

        Raises:
            CheckpointError: a version that did not write it down began it.
            ResumeMismatch: the model chose other texts to learn from.
        """
        if folder.decided("chosen") not in (None, self.pieces.chosen):
            raise ResumeMismatch(
                f"the model itself chose a part of the texts that {folder.path} learns from, and "
                "chooses others now, since numbers of threads and devices round differently. "
                "Resume with those that the run began with, which run.json names, or choose "
                "another --out"
            )
        begun = folder.decided("steps") is not None
        if begun:
            self.around.watch.say(f"{folder.path} was begun before, and goes on from its state")
        chosen = folder.decided("recipe")
        if chosen is None:
            if (
                begun
                and self.settings.model.pretrained_share is None
                and self.recipe.pretrained_share
            ):
                raise CheckpointError(
                    f"a run goes on with what was chosen when it began, but {folder.path} does not "
                    "say how much of the weights before training it keeps; choose another --out to "
                    "train anew"
                )
            folder.decide("recipe", self.recipe.chosen)
        elif chosen != self.recipe.chosen:
            recipe = self.recipe.again(chosen)
            self.around.watch.say(recipe.note)
            beginning = Beginning.of(self.pieces.opened.model.encoder, recipe.pretrained_share)
            return replace(self, recipe=recipe, beginning=beginning)
        return self

    def _run(self, folder: RunFolder) -> FinetuneResult:
        """Train, measure, save."""
        say = self.around.watch.say
        if self.pieces.begin is not None:
            with self.around.watch.stage("measuring the model as it is"):
                self.pieces.begin()
        outcome, trained = self._train(folder)
        kept = self._kept(outcome)
        notes = (*outcome.notes, *self._kept_notes(kept))
        for note in notes:
            say(note)
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
            notes=(*self.notes, *notes),
            trained=trained,
            kept=kept,
        )
        return result if outcome.stopped_by is not None else self._finish(result)

    def _finish(self, result: FinetuneResult) -> FinetuneResult:
        """Measure the trained model and save it."""
        pieces, watch = self.pieces, self.around.watch
        with watch.stage("measuring on the dev rows"):
            pieces.opened.model.eval()
            if self.settings.model.lora is not None:
                merge(pieces.opened.model.encoder)  # the figures are those of what is saved
            self.beginning.mix(pieces.opened.model.encoder)
            finished = pieces.finished()
        for note in finished.notes:
            watch.say(note)
        notes = (*result.notes, *finished.notes)
        result = replace(result, figures=finished.figures, notes=notes)
        result.write()
        card = card_of(self.settings, self.recipe, pieces, result)
        # Marks the run as finished.
        save_opened(result.model, finished.opened, card=card, also=finished.beside)
        return result

    def _train(self, folder: RunFolder) -> tuple[Outcome, int]:
        """The loop, over the whole model or over its head alone; and how much it trains."""
        settings, pieces, around = self.settings, self.pieces, self.around
        if pieces.chosen is not None:
            folder.decide("chosen", pieces.chosen)
        folder.decide("steps", self.steps)
        trained: torch.nn.Module = pieces.opened.model
        measure: Evaluate = self._measured
        if settings.model.freeze:
            assert pieces.frozen is not None  # `chosen` has refused other tasks
            with around.watch.stage("encoding once with the frozen encoder"):
                pieces.opened.model.encoder.requires_grad_(False)
                trained, measure = pieces.frozen()
        set_dropout(trained, self.recipe.dropout)
        every = self.every
        loop = LoopConfig(
            steps=self.steps,
            seed=settings.run.seed,
            eval_every=every,
            save_every=every,
            keep=settings.run.keep,
            goal=self.goal,
        )
        with around.watch.stage("fine-tuning") as advance:

            def told(facts: StepFacts, position: Position) -> None:
                words = f"loss {facts.loss:.3f} · {facts.tokens / facts.seconds:,.0f} tokens/s"
                advance(position.step / self.steps, words)

            outcome = train(
                trained.train(),
                pieces.objective,
                self.batches,
                loop,
                optim=self.recipe.optim,
                schedule=settings.schedule,
                run_dir=folder.path,
                device=around.device,
                dtype=around.dtype,
                evaluate=measure,
                watch=told,
                shares=self.shares,
            )
            if outcome.stopped_by is not None:
                stopped(advance, outcome.position.step, self.steps)
        return outcome, count_trained(trained)

    def _measured(self, model: torch.nn.Module) -> Mapping[str, float]:
        """A few figures of the model that there would be if the training ended here."""
        with self.beginning.mixed(self.pieces.opened.model.encoder):
            return self.pieces.dev(model)

    def _kept(self, outcome: Outcome) -> Kept | None:
        """Which weights the model has now; None before the end, and where nobody looked."""
        if self.goal is None or outcome.best_step is None:
            return None
        last = outcome.position.step
        step = outcome.best_step if self.goal.keep else last
        return Kept(
            step=step,
            epoch=self._epoch(step),
            metric=self.goal.figure,
            figures=outcome.held_out,
            best=self.goal.keep,
            stopped=None if last == self.steps else self._epoch(last),
        )

    def _kept_notes(self, kept: Kept | None) -> Iterator[str]:
        """It in words."""
        if kept is None or self.goal is None:
            return
        epochs, metric = self.recipe.epochs, kept.metric.replace("_", " ")
        if kept.stopped is not None:
            yield (
                f"ended after epoch {kept.stopped:g} of {epochs}: {self.goal.patience} evaluations "
                f"in a row without a better {metric} on the dev rows (--patience)"
            )
        if kept.best:
            value = kept.figures.get(kept.metric)
            worth = "undefined" if value is None else f"{value:.3f}"
            yield (
                f"kept are the weights after epoch {kept.epoch:g} of {epochs}, with the best "
                f"{metric} on the dev rows, {worth}; chosen by these rows, it flatters a little"
            )

    def _epoch(self, step: int) -> float:
        """Epochs done after so many steps, as parts of an evaluation; they differ in length."""
        if step == self.steps:
            return self.recipe.epochs
        return round(step / self.every * self.settings.budget.eval_every, 2)
