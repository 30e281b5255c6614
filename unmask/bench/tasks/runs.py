"""Runs that are made once, each kept in a file with what was said of every test row."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from unmask.bench.arm import ArmSpec, as_file_name
from unmask.bench.process import ArmProcess, NotMeasured
from unmask.bench.tasks.task import Contestant, Files, Given, TaskRow
from unmask.bench.time_to_loss.pace import Origin, check_origin
from unmask.checkpoint.jsonfile import read_json, write_json
from unmask.errors import ConfigError

LIMIT = 6 * 3600.0  # seconds of one run; only a process that hangs takes as long
QUICK_EPOCHS = 1


@dataclass(frozen=True, slots=True)
class Stored:
    """One arm's run with one seed.

    Attributes:
        task, arm, seed: which.
        recipe: what it was run with, that changes what comes out.
        quick: whether it was a try with a few rows, whose figures mean nothing.
        shared: whether other work ran beside it, so that its times are not compared.
        seconds: from the files to the saved model, by the clock.
        facts: other figures, such as the seconds of training.
        said: of each test row.
        origin: what it was made with, which must be the same for all.
    """

    task: str
    arm: str
    seed: int
    recipe: dict[str, Any]
    quick: bool
    shared: bool
    seconds: float
    facts: dict[str, float]
    said: list[Any]
    origin: Origin


@dataclass(frozen=True, slots=True)
class Runs:
    """The runs of a comparison.

    Attributes:
        data: the folder of all data sets.
        work: for files, models and logs.
        store: for the runs.
        model: the folder of the pretrained model.
        threads: of each.
        quick: whether few rows and one epoch are enough.
        origin: what they are made with.
        say: told what is begun and what came out.
        device: "cpu" or a GPU.
        shared: whether other work runs beside them, so that times are not compared.
        seeds: those that are asked for; None for all.
    """

    data: Path
    work: Path
    store: Path
    model: str
    threads: int
    quick: bool
    origin: Origin
    say: Callable[[str], None]
    device: str = "cpu"
    shared: bool = False
    seeds: frozenset[int] | None = None

    def turns(self, task: TaskRow) -> Iterator[tuple[int, Contestant]]:
        """The runs of a task in their order: a seed and an arm; a single seed for a quick try."""
        for seed in range(1 if self.quick else task.seeds):
            if self.seeds is not None and seed not in self.seeds:
                continue
            for arm in task.arms:
                if arm.seeds is None or seed < arm.seeds:
                    yield seed, arm

    def folder(self, task: TaskRow) -> Path:
        """The files of a task, written where they are not there."""
        folder = self.work / ("quick" if self.quick else "data") / task.name
        if not folder.is_dir():
            half = folder.with_name(f".{folder.name}")
            shutil.rmtree(half, ignore_errors=True)
            half.parent.mkdir(parents=True, exist_ok=True)
            task.prepare(Files(self.data, half, tuple(range(task.seeds)), self.quick))
            half.rename(folder)
        return folder

    def stored(self, task: TaskRow, arm: Contestant, seed: int) -> Stored | None:
        """A run that was made before; None where there is none.

        Raises:
            ConfigError: it was made otherwise than is asked for now.
        """
        path = self._file(task, arm, seed)
        if not path.is_file():
            return None
        found = Stored(**read_json(path))
        check_origin(path, found.origin, self.origin)
        wanted = self._recipe(arm)
        if (found.recipe, found.quick) != (wanted, self.quick):
            raise ConfigError(
                f"{path} is a run with {found.recipe}, quick={found.quick}, and what is asked for "
                f"now is {wanted}, quick={self.quick}; name another --out, or remove it"
            )
        return found

    def all(self, task: TaskRow) -> Iterator[Stored]:
        """Every run of a task, from its file or made now; seed by seed, one arm after the other.

        An arm that fails is told of, and the others go on.
        """
        folder = self.folder(task)
        for seed, arm in self.turns(task):
            found = self.stored(task, arm, seed)
            if found is None:
                try:
                    found = self._made(task, arm, seed, folder)
                except NotMeasured as why:
                    self.say(f"{task.name}, {arm.name}, seed {seed}: not measured, {why}")
                    continue
            yield found

    def _made(self, task: TaskRow, arm: Contestant, seed: int, folder: Path) -> Stored:
        name = self._file(task, arm, seed).stem
        self.say(f"{task.name}, {arm.name}, seed {seed}")
        out, said = self.work / "models" / name, self.work / f"{name}.said.json"
        shutil.rmtree(out, ignore_errors=True)  # of a run that was stopped
        out.parent.mkdir(parents=True, exist_ok=True)
        recipe = self._recipe(arm)
        given = Given(
            data=str(folder),
            model=self.model,
            out=str(out),
            predictions=str(said),
            seed=seed,
            threads=self.threads,
            epochs=recipe["epochs"],
            more=dict(arm.more),
            device=self.device,
        )
        options = {"function": arm.run, "given": asdict(given)}
        spec = ArmSpec(arm.name, "unmask.bench.tasks.task:once", options)
        process = ArmProcess(spec, {}, self.threads, self.work / f"{name}.log", LIMIT)
        try:
            measured = process.run()
        finally:
            process.close()
        found = Stored(
            task.name,
            arm.name,
            seed,
            recipe,
            self.quick,
            self.shared,
            measured.seconds,
            {key: float(value) for key, value in measured.facts.items()},
            read_json(said),
            dict(self.origin),
        )
        self.store.mkdir(parents=True, exist_ok=True)
        write_json(self._file(task, arm, seed), asdict(found))
        said.unlink()
        shutil.rmtree(out, ignore_errors=True)
        self.say(f"  {measured.seconds:.0f} s")
        return found

    def _recipe(self, arm: Contestant) -> dict[str, Any]:
        epochs = min(arm.epochs, QUICK_EPOCHS) if self.quick else arm.epochs
        return {"run": arm.run, "epochs": epochs, **arm.more}

    def _file(self, task: TaskRow, arm: Contestant, seed: int) -> Path:
        return self.store / f"{task.name}-{as_file_name(arm.name)}-{seed}.json"


def by_arm(stored: Iterator[Stored]) -> Mapping[str, list[Stored]]:
    """Runs by the name of their arm, in the order of their seeds."""
    found: dict[str, list[Stored]] = {}
    for one in stored:
        found.setdefault(one.arm, []).append(one)
    return found
