"""The same fine-tuning at several seeds: how much its figures owe to chance."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from unmask.checkpoint.files import MANIFEST, publish
from unmask.evaluation.seeds import spreads
from unmask.report.card import with_section
from unmask.report.facts import Setting
from unmask.verbs.finetune_settings import FinetuneSettings
from unmask.verbs.tasks.job import Job
from unmask.verbs.tasks.result import FinetuneResult, SeedFigures

_CARD = "README.md"


def over_seeds(
    settings: FinetuneSettings, out: Path, job_of: Callable[[FinetuneSettings], Job]
) -> FinetuneResult:
    """Run each seed in a folder of its own, and keep the model with the best metric.

    All runs hold out the same rows, those of the first seed: else a seed with easy rows would look
    like a good one. Each is a run like any other, and is resumed, or left alone once it is
    finished.

    Args:
        settings: of all of them.
        out: gets `seed-N/` for each, and at the end `model/` and `result.json`.
        job_of: makes a run of one seed's settings.

    Returns:
        The best seed's result, or that of the seed which a signal stopped.
    """
    first, count = settings.run.seed, settings.run.seeds
    each = [_at(settings, seed) for seed in range(first, first + count)]
    # Made before the folder is: all that can be wrong with the data has been found by then.
    job = job_of(each[0])
    say = job.around.watch.say
    with job.folder(out, settings) as folder:
        if folder.finished:
            say(f"{folder.path} is finished; remove it or name another --out to train anew")
            return FinetuneResult.read(folder.path)
        results: list[FinetuneResult] = []
        for place, one in enumerate(each):
            say(f"seed {one.run.seed}, {place + 1} of {count}")
            job = job if place == 0 else job_of(one)
            with job.folder(out / f"seed-{one.run.seed}", one) as own:
                results.append(job.run(own))
            if results[-1].stopped_by is not None:
                return replace(results[-1], folder=folder.path)
        return _together(folder.path, [one.run.seed for one in each], results)


def _at(settings: FinetuneSettings, seed: int) -> FinetuneSettings:
    """The settings of one seed's run; what is held out stays the same."""
    return replace(
        settings,
        run=replace(settings.run, seed=seed, seeds=1),
        data=replace(settings.data, split_seed=settings.split_seed),
    )


def _together(out: Path, seeds: Sequence[int], results: Sequence[FinetuneResult]) -> FinetuneResult:
    """Figures over the seeds, and the best one's model as the model of the whole."""
    values = [0.0 if one.kept is None else one.kept.value for one in results]
    place = values.index(max(values))  # the first of equals
    best = results[place]
    figures = SeedFigures(tuple(seeds), seeds[place], spreads([one.figures for one in results]))
    result = replace(
        best,
        folder=out,
        steps=sum(one.steps for one in results),
        seconds=sum(one.seconds for one in results),
        seeds=figures,
    )
    result.write()

    def write(folder: Path) -> None:
        shutil.copytree(
            best.model, folder, ignore=shutil.ignore_patterns(MANIFEST), dirs_exist_ok=True
        )
        card = (best.model / _CARD).read_text(encoding="utf-8")
        told = [Setting(name, words) for name, words in figures.in_words().items()]
        card = with_section(card.replace(str(best.model), str(result.model)), "Seeds", "dev", told)
        (folder / _CARD).write_text(card, encoding="utf-8")

    # Marks the whole as finished.
    publish(result.model, write)
    return result
