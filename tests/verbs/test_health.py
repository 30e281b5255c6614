"""What goes wrong in training without an error is said once, and kept."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import pytest

from unmask.train.log import RunLog
from unmask.train.loop import Position, StepFacts
from unmask.verbs.health import Check, Health
from unmask.verbs.learning.replaced_health import CHECKS, Vitals, blind, figures, lost, perfect

FINE = Position()


def facts(step: int, loss: float = 1.0) -> StepFacts:
    return StepFacts(step, 64, 10, loss, 0.5, 0.1, 1.0, 0.1, {})


def high(steps: Sequence[StepFacts]) -> str | None:
    mean = sum(f.loss for f in steps) / len(steps)
    return f"the loss is {mean:.1f}" if mean > 5 else None


def ever(steps: Sequence[StepFacts]) -> str | None:
    return f"{len(steps)} steps"


def health(log: Path, said: list[str], *checks: Check, steps: int = 400) -> Health:
    return Health(checks, steps, log, said.append)


def test_a_finding_is_said_once_when_there_is_enough_to_see(tmp_path: Path) -> None:
    said: list[str] = []
    looking = health(tmp_path / "log.jsonl", said, high, ever)
    for step in range(1, 301):
        looking(facts(step, 9.0 if step > 200 else 1.0), FINE)
    # After a quarter of the run, over a tenth of it but at least 50 steps.
    assert said == ["at step 150: 50 steps", "at step 226: the loss is 5.2"]
    assert looking.warnings == tuple(said)


@pytest.mark.parametrize(
    ("steps", "first"), [(60, None), (70, 67), (1000, 350), (10_000, 2200), (10**6, 2200)]
)
def test_when_a_run_is_looked_at(steps: int, first: int | None, tmp_path: Path) -> None:
    said: list[str] = []
    looking = health(tmp_path / "log.jsonl", said, ever, steps=steps)
    for step in range(1, min(steps, 2300) + 1):
        looking(facts(step), FINE)
        if said:
            break
    assert (step if said else None) == first


def test_steps_left_out_do_not_count(tmp_path: Path) -> None:
    said: list[str] = []
    looking = health(tmp_path / "log.jsonl", said, high)
    for step in range(1, 200):
        looking(facts(step, math.nan if step % 7 == 0 else 1.0), Position(bad=step % 7 == 0))
    assert said == []


@pytest.mark.parametrize("stop", [30, 120, 240, 300])
def test_a_run_that_goes_on_says_nothing_twice_and_forgets_nothing(
    stop: int, tmp_path: Path
) -> None:
    said: list[str] = []
    path = tmp_path / "log.jsonl"

    def session(first: int, last: int) -> Health:
        log = RunLog(path, first - 1)
        looking = health(path, said, high, ever)
        for step in range(first, last + 1):
            one = facts(step, 9.0 if step > 200 else 1.0)
            fields = {k: v for k, v in asdict(one).items() if k not in ("step", "terms")}
            log.write("train", step, epoch=0, **fields)
            looking(one, FINE)
        log.close()
        return looking

    session(1, stop)
    assert session(stop + 1, 300).warnings == tuple(said)
    assert said == ["at step 150: 50 steps", "at step 226: the loss is 5.2"]


def step_of(
    *, judged: int, masked: int, back: int, loss: float, found: int = 0, guessed: float = 0.3
) -> StepFacts:
    """A step of replaced-token detection."""
    replaced = masked - back
    terms = {
        "discriminator": {"targets": judged, "loss": loss, "accuracy": 1 - replaced / judged},
        "generator": {"targets": masked, "loss": 4.0, "accuracy": guessed},
    }
    counts = {"replaced": replaced, "sampled_original": back, "found": found}
    return StepFacts(1, judged, judged, 9.0, 0.8, 0.1, 1.0, 0.1, counts, terms)


def test_vitals_are_over_all_targets() -> None:
    steps = [
        step_of(judged=100, masked=20, back=10, loss=0.2, found=5, guessed=0.5),
        step_of(judged=300, masked=30, back=0, loss=0.4, found=15, guessed=0.0),
    ]
    v = Vitals.of(steps)
    assert v.replaced == pytest.approx(40 / 400)
    assert v.base == pytest.approx(0.9)
    assert v.original == pytest.approx(10 / 50)
    assert v.guessed == pytest.approx(10 / 50)
    assert v.recall == pytest.approx(20 / 40)
    assert v.loss == pytest.approx(0.35)
    assert v.ignorant == pytest.approx(-0.1 * math.log(0.1) - 0.9 * math.log(0.9))
    words = figures(steps)
    for part in ("replaced 10.0%", "put back 20%", "generator 20%", "90.0%", "finds 50%"):
        assert part in words


def test_each_check_finds_its_own_and_no_other() -> None:
    entropy = -0.1 * math.log(0.1) - 0.9 * math.log(0.9)
    sane = step_of(judged=1000, masked=150, back=50, loss=0.8 * entropy)
    unlearnt = step_of(judged=1000, masked=150, back=50, loss=entropy)
    random = step_of(judged=1000, masked=100, back=0, loss=0.8 * entropy, guessed=0.003)
    known = step_of(judged=1000, masked=150, back=148, loss=0.02)
    found = {
        name: [check.__name__ for check in CHECKS if check([step] * 50)]
        for name, step in
        {"sane": sane, "unlearnt": unlearnt, "random": random, "known": known}.items()
    }  # fmt: skip
    assert found == {
        "sane": [], "unlearnt": ["blind"], "random": ["lost"], "known": ["perfect"]
    }  # fmt: skip
    assert "10.0%" in (blind([unlearnt]) or "")
    assert "rtd.generator" in (lost([random]) or "")
    assert "98.7%" in (perfect([known]) or "")
