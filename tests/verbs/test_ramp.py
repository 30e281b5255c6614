"""`ramp`: a run in stages of other contexts and steps, to the same bits wherever it is stopped."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.verbs.killed import digest, finished, settings, text_file, told
from unmask.batches.batch import Batch
from unmask.config import parse_assignments
from unmask.errors import ConfigError, TooLong
from unmask.verbs.assembled import assemble
from unmask.verbs.learning.pieces import Pieces
from unmask.verbs.prepared import prepare_text, text_sources
from unmask.verbs.pretrain import plan, pretrain
from unmask.verbs.pretrain_settings import PretrainSettings, pretrain_settings
from unmask.verbs.ramp_settings import RampSettings, Stage, first_steps
from unmask.verbs.watch import Advance, Silent

RAMP: dict[str, Any] = {
    "context": [8, 32, 32],
    "tokens_per_step": [64, 64, 256],
    "shares": [0.55, 0.2, 0.25],
}
FIRSTS = [0, 11, 15]  # of 20 steps, though 0.55 x 20 is more than 11 in floating point
STEPS = 20


def ramped(text: str, **rooms: dict[str, Any]) -> Any:
    budget = {"steps": STEPS, **rooms.pop("budget", {})}
    return settings(text, **{"ramp": RAMP, "budget": budget, **rooms})


def pieces_of(given: PretrainSettings, folder: Path) -> Pieces:
    prepared = prepare_text(given, text_sources(given), folder, Silent())
    return assemble(given, None, prepared, torch.device("cpu"))


def walked(pieces: Pieces, steps: int, accumulate: int = 1) -> Iterator[tuple[int, Batch]]:
    """Epochs and batches of a whole run, as the loop asks for them."""

    def endless() -> Iterator[tuple[int, Batch]]:
        source, epoch = pieces.over(steps, accumulate), 0
        while True:
            yield from ((epoch, batch) for batch in source.epoch(epoch))
            epoch += 1

    return islice(endless(), steps * accumulate)


class Listening(Silent):
    """Keeps what is said, and the words of each step."""

    def __init__(self, stop_at: int | None = None) -> None:
        self.said: list[str] = []
        self.steps: list[str] = []
        self.stop_at = stop_at

    @contextmanager
    def stage(self, title: str) -> Iterator[Advance]:
        def advance(share: float, words: str) -> None:
            if title == "pretraining":
                self.steps.append(words)
                if len(self.steps) == self.stop_at:
                    os.kill(os.getpid(), signal.SIGTERM)

        yield advance

    def say(self, words: str) -> None:
        self.said.append(words)


@pytest.mark.parametrize("accumulate", [1, 2])
def test_every_step_has_the_batches_of_its_stage(accumulate: int, tmp_path: Path) -> None:
    given = ramped(text_file(tmp_path), budget={"accumulate": accumulate})
    read = list(walked(pieces_of(given, tmp_path / "run"), STEPS, accumulate))
    begun: dict[int, int] = {}
    for number, (epoch, batch) in enumerate(read):
        step = number // accumulate
        stage = sum(first <= step for first in FIRSTS) - 1
        most, context = (64, 64, 256)[stage] // accumulate, (8, 32, 32)[stage]
        assert most - context < batch.tokens <= most
        assert max(batch.lengths) <= context
        assert begun.setdefault(epoch, stage) == stage
    samples = [
        (epoch, sample)
        for epoch, batch in read
        if batch.samples is not None
        for sample in batch.samples.tolist()
    ]
    assert len(samples) == len(set(samples))


def test_no_text_is_lost_in_a_shorter_context(tmp_path: Path) -> None:
    given = ramped(text_file(tmp_path))
    stages = pieces_of(given, tmp_path / "run").stages
    assert stages is not None
    texts = [sum(batch.tokens - 2 * len(batch) for batch in part.epoch(0)) for part in stages.parts]
    assert len(set(texts)) == 1


def test_a_run_says_its_stages(tmp_path: Path) -> None:
    watch = Listening()
    given = ramped(text_file(tmp_path), budget={"on_long": "truncate"})
    result = pretrain(out=tmp_path / "run", settings=given, watch=watch)
    notes = [words for words in watch.said if words.startswith("stage")]
    assert notes[0].startswith(
        "stage 1 of 3: steps 1 to 11 of 64 tokens, in sequences of up to 8; "
    )
    assert notes[0].endswith(" tokens of longer texts are left out")
    assert notes[1].startswith(
        "stage 2 of 3: steps 12 to 15 of 64 tokens, in sequences of up to 32"
    )
    assert notes[2].startswith("stage 3 of 3: steps 16 to 20 of 256 tokens")
    in_line = [words.rpartition("stage ")[2][0] for words in watch.steps]
    assert in_line == ["1"] * 11 + ["2"] * 4 + ["3"] * 5
    decided = json.loads((tmp_path / "run/run.json").read_text())["decided"]
    assert decided["stages"] == FIRSTS
    card = (result.model / "README.md").read_text()
    for name, value in RAMP.items():
        assert f"ramp.{name}" in card
        assert str(value) in card
    steps = [record for record in told(tmp_path / "run") if record["kind"] == "train"]
    assert [record["tokens"] <= 64 for record in steps] == [True] * 15 + [False] * 5
    # A border begins an epoch.
    assert steps[11]["epoch"] > steps[10]["epoch"]
    assert steps[15]["epoch"] > steps[14]["epoch"]


OBJECTIVES: dict[str, dict[str, Any]] = {
    "mlm": {"budget": {"accumulate": 2}},
    "clm": {"model": {"arch": "decoder"}},
    "rtd": {"model": {"arch": "electra"}, "objective": {"name": "rtd"}},
    "whole_word": {"objective": {"name": "whole_word"}, "run": {"average": 2, "average_every": 6}},
}


@pytest.mark.parametrize("rooms", OBJECTIVES.values(), ids=OBJECTIVES)
def test_a_killed_run_comes_to_the_same_model(rooms: dict[str, Any], tmp_path: Path) -> None:
    """A checkpoint every five steps: one is at a border, and stages begin between others."""
    given = ramped(text_file(tmp_path), **rooms)
    alone = finished(tmp_path / "alone", given)
    killed = finished(tmp_path / "killed", given, kills=(12, 3, 6, 2, 1))
    assert killed.sessions > 1
    assert digest(tmp_path / "alone") == digest(tmp_path / "killed")
    assert told(tmp_path / "alone") == told(tmp_path / "killed")
    assert (killed.tokens, killed.flops) == (alone.tokens, alone.flops)


@pytest.mark.parametrize("step", [10, 11, 12])
def test_a_stopped_run_goes_on_across_a_border(step: int, tmp_path: Path) -> None:
    given = ramped(text_file(tmp_path), run={"save_every": 0})
    finished(tmp_path / "alone", given)
    stopped = pretrain(out=tmp_path / "run", settings=given, watch=Listening(stop_at=step))
    assert (stopped.steps, stopped.stopped_by) == (step, signal.SIGTERM)
    finished(tmp_path / "run", given)
    assert digest(tmp_path / "alone") == digest(tmp_path / "run")
    assert told(tmp_path / "alone") == told(tmp_path / "run")


def test_pairs_in_stages(tmp_path: Path) -> None:
    lines = [r"kan rus mita\nlove run kas\nmin rota lon kave" for _ in range(9)]
    many = "\n".join(f'{{"text": "{line} {number}"}}' for number, line in enumerate(lines * 9))
    (tmp_path / "text.jsonl").write_text(many)
    given = ramped(
        str(tmp_path / "text.jsonl"), model={"arch": "bert"}, objective={"name": "sop"},
        ramp={**RAMP, "context": [16, 32, 32]},
    )  # fmt: skip
    finished(tmp_path / "alone", given)
    finished(tmp_path / "killed", given, kills=(13,))
    assert digest(tmp_path / "alone") == digest(tmp_path / "killed")


@pytest.mark.parametrize(
    ("budget", "mask"),
    [("tokens", {}), ("flops", {}), ("flops", {"rate": 0.4, "final_rate": 0.05})],
    ids=["tokens", "flops", "flops, falling"],
)
def test_budgets_count_each_stage(budget: str, mask: dict[str, float], tmp_path: Path) -> None:
    """A step of the last stage reads four times as much as one of the first."""
    text, rooms = text_file(tmp_path), {"mask": mask}
    short = finished(tmp_path / "short", ramped(text, **rooms))
    asked = 10 * getattr(short, budget)
    value = int(asked) if budget == "tokens" else asked
    result = finished(
        tmp_path / "run", ramped(text, budget={"steps": None, budget: value}, **rooms)
    )
    assert getattr(result, budget) == pytest.approx(asked, rel=0.02)
    assert 180 < result.steps < 220


def test_minutes_time_each_stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unmask.verbs.trial.MOST", 9)
    monkeypatch.setattr("unmask.verbs.trial.SECONDS", 1e9)
    given = ramped(text_file(tmp_path), budget={"steps": None, "minutes": 1.0})
    pieces, cpu = pieces_of(given, tmp_path / "run"), torch.device("cpu")
    shares: list[float] = []
    trial = pieces.trial(given, cpu, torch.float32, shares.append)
    assert pieces.stages is not None
    each = (replace(pieces, source=part, stages=None) for part in pieces.stages.parts)
    means = [one.trial(given, cpu, torch.float32, shares.append).tokens_per_step for one in each]
    expected = sum(share * mean for share, mean in zip(RAMP["shares"], means, strict=True))
    assert trial.tokens_per_step == pytest.approx(expected)
    assert trial.seconds_per_step > 0.0
    assert shares[:51] == sorted(shares[:51])  # of three stages, 17 steps each
    assert shares[50] > 0.9
    assert pieces.steps(given, lambda: 2.0) == 30
    with pytest.raises(ConfigError, match=r"stage 2 of 3, a share of 0.2, has none in a run of 2"):
        pieces.steps(given, lambda: 30.0)


def test_a_plan_of_a_ramp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unmask.verbs.trial.MOST", 3)
    watch = Listening()
    found = plan(settings=ramped(text_file(tmp_path)), watch=watch)
    assert watch.said[-1].startswith("stage 3 of 3: steps 16 to 20 of 256 tokens")
    assert found.steps == STEPS
    assert 64 < found.tokens / found.steps < 128


def test_stages_begin_where_their_shares_do() -> None:
    ramp = RampSettings(tokens_per_step=(1, 2, 4), shares=(0.1, 0.2, 0.7))
    stages = ramp.stages(8, 4)
    assert [stage.context for stage in stages] == [8, 8, 8]
    assert [stage.share for stage in stages] == [Fraction(n, 10) for n in (1, 2, 7)]
    # In floating point 0.1 + 0.2 is more than 0.3.
    assert first_steps(stages, 10) == (0, 1, 3)
    assert first_steps(stages, 11) == (0, 2, 4)
    equal = RampSettings(context=(4, 6, 8)).stages(8, 4)
    assert [stage.begin for stage in equal] == [Fraction(n, 3) for n in range(3)]
    assert [stage.end for stage in equal] == [Fraction(n, 3) for n in range(1, 4)]
    assert first_steps(equal, 3) == (0, 1, 2)
    third = RampSettings(context=(4, 6, 8), shares=(0.33333333,) * 3).stages(8, 4)
    assert third[-1].end == 1
    with pytest.raises(ConfigError, match="must be above 0 and add up to 1"):
        RampSettings(context=(4, 8), shares=(float("nan"), 1.0)).stages(8, 4)
    assert RampSettings().stages(8, 4) == (Stage(Fraction(0), Fraction(1), 8, 4),)


@pytest.mark.parametrize(
    ("ramp", "rule"),
    [
        ({"shares": [0.5, 0.5]}, r"ramp.shares=\[0.5, 0.5\] would do nothing"),
        ({"context": [32]}, r"two stages or more.* ramp.context=\[32\]"),
        ({"context": [], "shares": []}, "two stages or more"),
        ({"context": [8, 32], "shares": [0.2, 0.3, 0.5]}, "lists of one length"),
        ({"context": [8, 32], "tokens_per_step": [64, 128, 256]}, "lists of one length"),
        ({"context": [8, 32], "shares": [0.5, 0.6]}, "add up to 1, .* add up to 1.1"),
        ({"context": [8, 32], "shares": [0.0, 1.0]}, "must be above 0"),
        ({"context": [8, 32], "shares": [float("nan"), 1.0]}, "must be a finite number"),
        ({"context": [8, 32], "shares": [1e308, 1e308]}, "add up to inf"),
        ({"context": [8, 16]}, r"ramp.context is \[8, 16\] and model.context 32"),
        ({"context": [8, 64]}, "give both the same largest value"),
        ({"context": [0, 32]}, "must be above 0"),
        ({"tokens_per_step": [64, 128]}, "budget.tokens_per_step 256"),
        ({"contexts": [8, 32]}, "the nearest is 'context'"),
        ({"context": 8}, "must be a list"),
    ],
)
def test_ramps_that_do_not_fit(ramp: dict[str, Any], rule: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=rule):
        settings(text_file(tmp_path, 4), budget={"steps": 9}, ramp=ramp)


@pytest.mark.parametrize(
    ("rooms", "rule"),
    [
        ({"ramp": {"tokens_per_step": [16, 256]}}, "in stage 1 of 2 .* is 16 and the context 32"),
        ({"ramp": {"context": [8, 32]}, "budget": {"steps": 1}}, "stage 2 of 2.* a run of 1"),
        ({"ramp": {"context": [2, 32]}}, "4 tokens at least, but ramp.context asks for 2"),
        (
            {
                "ramp": {"context": [16, 64]},
                "model": {"context": 64},
                "budget": {"tokens_per_step": 32},
            },
            "raise the one with --set budget.tokens_per_step or lower the other with --set ramp",
        ),
    ],
)
def test_refused_before_any_work(rooms: dict[str, Any], rule: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=rule):
        pretrain(out=tmp_path / "run", settings=ramped(text_file(tmp_path, 4), **rooms))
    assert not (tmp_path / "run").exists()


def test_steps_that_cannot_be_split(tmp_path: Path) -> None:
    ramp = {"tokens_per_step": [129, 256]}
    with pytest.raises(ConfigError, match=r"accumulate must divide tokens_per_step.* 2 and 129"):
        ramped(text_file(tmp_path, 4), ramp=ramp, budget={"accumulate": 2})


def test_long_texts_may_be_an_error_in_a_stage(tmp_path: Path) -> None:
    given = ramped(
        text_file(tmp_path), budget={"on_long": "error"}, model={"context": 64},
        ramp={**RAMP, "context": [8, 64, 64]},
    )  # fmt: skip
    with pytest.raises(TooLong, match="at most 6 tokens"):
        pretrain(out=tmp_path / "run", settings=given)


def test_the_command_line_takes_lists(tmp_path: Path) -> None:
    over = parse_assignments(["ramp.context=[128, 512]", "ramp.shares=[0.9, 0.1]"])
    stages = pretrain_settings(None, over, steps=10).stages
    assert [(stage.context, float(stage.share)) for stage in stages] == [(128, 0.9), (512, 0.1)]
