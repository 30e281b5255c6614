"""What the two exercises share: differences over paired seeds, a picture, stored figures."""

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from unmask.checkpoint.durable import write_file
from unmask.checkpoint.jsonfile import read_json, write_json
from unmask.claims.effects import Estimate
from unmask.errors import ConfigError, TextError, UnmaskError
from unmask.report.drawing import standalone
from unmask.report.intervals import Interval, intervals

FEWEST_SEEDS = 2  # a spread needs two
R = TypeVar("R")


def add_options(parser: argparse.ArgumentParser, usual: Any, sizes: Sequence[str]) -> None:
    """The options of both exercises, and one for each of these sizes of the usual recipe."""
    for name in sizes:
        option = f"--{name.replace('_', '-')}"
        parser.add_argument(option, type=int, help=f"usually {getattr(usual, name)}")
    parser.add_argument("--quick", action="store_true", help="so small that it says nothing")
    parser.add_argument("--seeds", type=int, default=5, help="of each model; usually 5")
    parser.add_argument("--out", type=Path, default=Path("runs/lesson"), help="for what is written")
    parser.add_argument("--show", type=Path, help="print these stored figures, and train nothing")


def recipe_of(asked: argparse.Namespace, usual: R, quick: R, sizes: Sequence[str]) -> R:
    """The recipe that the command line asks for.

    Raises:
        ConfigError: too few seeds, or a size that is not above 0.
    """
    check_seeds(asked.seeds)
    given = {name: getattr(asked, name) for name in sizes if getattr(asked, name) is not None}
    for name, value in given.items():
        if value < 1:
            raise ConfigError(
                f"--{name.replace('_', '-')} must be at least 1, not {value}; leave it out for "
                f"{getattr(usual, name)}"
            )
    base: Any = quick if asked.quick else usual
    made: R = replace(base, **given)
    return made


def check_seeds(seeds: int) -> None:
    """An interval is made of the spread between seeds, so there must be one.

    Raises:
        ConfigError: fewer than two seeds.
    """
    if seeds < FEWEST_SEEDS:
        raise ConfigError(
            f"an interval over seeds needs at least {FEWEST_SEEDS} of them, not {seeds}; "
            "give --seeds 5"
        )


def lines_of(path: Path) -> list[str]:
    """The lines of a text that are not blank, without the space around them.

    Raises:
        TextError: there is no such file, or it is not UTF-8.
    """
    if not path.is_file():
        raise TextError(f"--text must be a file with a sentence on each line, and {path} is none")
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise TextError(
            f"--text must be UTF-8, but {path} is not, at byte {error.start}; convert it first"
        ) from None
    return [line.strip() for line in lines if line.strip()]


def text_settings(path: Path, sentences: int) -> dict[str, Any]:
    """A text with a sentence on each line, for `pretrain_settings`.

    The run holds some of them out for figures of its own: ten or so, since a hash of each decides.
    """
    return {"paths": [str(path)], "document": "line", "held_out": min(0.5, 10 / sentences)}


def differences(first: Sequence[float], second: Sequence[float]) -> list[float]:
    """First minus second, seed by seed."""
    return [one - other for one, other in zip(first, second, strict=True)]


def told(estimate: Estimate, digits: int = 3) -> str:
    """A difference with its interval, such as `+0.012 (+0.002 to +0.022)`."""
    mean, low, high = (
        f"{value:+.{digits}f}" for value in (estimate.mean, estimate.low, estimate.high)
    )
    return f"{mean} ({low} to {high})"


def row(label: str, values: Sequence[float], digits: int) -> Interval:
    """Paired differences as a row of the picture."""
    found = Estimate.of(values)
    written = f"{found.mean:+.{digits}f}"
    return Interval(label, found.mean, found.low, found.high, tuple(values), 0.0, written)


def draw(rows: Sequence[Interval], path: Path, title: str, unit: str) -> None:
    """The picture: each difference as a dot on its interval, with a small dot for each seed."""
    write_file(path, standalone(intervals(rows, title=title, unit=unit)).encode())


def store(result: dict[str, Any], folder: Path, name: str) -> None:
    """Keep the figures, from which table and picture can be made again at any time."""
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / f"{name}.json", result)


def load(path: Path, exercise: str) -> dict[str, Any]:
    """Stored figures of an exercise.

    Raises:
        ConfigError: the file holds something else.
    """
    result = read_json(path)
    if not isinstance(result, dict) or result.get("exercise") != exercise:
        raise ConfigError(
            f"{path} must hold figures of the exercise {exercise!r}, but does not; name a file "
            "that this script has written"
        )
    return result


def say(words: str) -> None:
    """A line for whoever waits; the results themselves go to standard output."""
    print(words, file=sys.stderr, flush=True)


def exit_status(run: Callable[[], None]) -> int:
    """Run it; an error that was foreseen is a line, and status 2."""
    try:
        run()
    except UnmaskError as error:
        say(f"error: {error}")
        return 2
    return 0
