"""What a budget comes to in steps: tokens and operations as the result counts them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.verbs.killed import finished, settings, text_file
from unmask.checkpoint.folder import open_language_model
from unmask.claims.arms import _settings
from unmask.claims.recipe import Arm, Claim, Effect
from unmask.errors import ConfigError
from unmask.nn.flops import lm_training_flops
from unmask.train.log import read_log
from unmask.verbs.budget import Average
from unmask.verbs.pretrain import plan, pretrain
from unmask.verbs.pretrain_settings import pretrain_settings

KINDS: dict[str, dict[str, Any]] = {
    "mlm": {},
    "mlm, copies": {"mask": {"predict": 0.4}, "budget": {"accumulate": 2}},
    "mlm, falling": {"mask": {"rate": 0.4, "final_rate": 0.1}},
    "clm": {"model": {"arch": "decoder"}},
    "rtd": {"model": {"arch": "electra"}, "objective": {"name": "rtd"}},
}


@pytest.mark.parametrize("rooms", KINDS.values(), ids=KINDS)
def test_a_run_costs_what_was_asked(rooms: dict[str, Any], tmp_path: Path) -> None:
    text = text_file(tmp_path)
    budget = rooms.get("budget", {})
    short = settings(text, **{**rooms, "budget": {**budget, "steps": 10}})
    asked = 13 * finished(tmp_path / "short", short).flops
    given = settings(text, **{**rooms, "budget": {**budget, "flops": asked}})
    result = finished(tmp_path / "run", given)
    assert result.flops == pytest.approx(asked, rel=0.02)
    assert 120 < result.steps < 140


def test_a_recipe_and_a_budget_beside_it(tmp_path: Path) -> None:
    """The budget that is given replaces the recipe's, as on the command line."""
    text, config = text_file(tmp_path), tmp_path / "r.toml"
    config.write_text(
        '[model]\nsize = "1x64"\ncontext = 64\n[tokenizer]\nvocab_size = 150\n'
        "[budget]\nminutes = 9.0\ntokens_per_step = 256\n"
    )
    given: dict[str, Any] = {"config": config, "text": str(text), "steps": 2, "threads": 1}
    result = pretrain(out=tmp_path / "run", **given)
    assert result.finished
    assert result.steps == 2
    assert plan(**given).steps == 2
    with pytest.raises(ConfigError, match="settings says all of the run, but config="):
        pretrain(out=tmp_path / "other", config=config, settings=pretrain_settings(steps=2))


def test_a_generator_costs_what_it_is_asked(tmp_path: Path) -> None:
    """Under a rate that falls, by its rows as the log has them."""
    rooms: dict[str, Any] = {**KINDS["rtd"], "mask": {"rate": 0.5, "final_rate": 0.05}}
    given = settings(text_file(tmp_path), **rooms, budget={"steps": 40})
    result = finished(tmp_path / "run", given)
    alone = settings(text_file(tmp_path), **KINDS["rtd"], budget={"steps": 40})
    usual = finished(tmp_path / "usual", alone)
    rows = {
        name: sum(
            record["terms"]["generator"]["targets"]
            for record in read_log(tmp_path / name / "log.jsonl")
            if record["kind"] == "train"
        )
        for name in ("run", "usual")
    }
    # All else is the same, so what they differ by is the generator's rows, at a price for each.
    generator = open_language_model(tmp_path / "run/generator").model
    config, head = generator.encoder.config, generator.head_config
    price = lm_training_flops(config, 0, 1000, head) / 1000
    assert usual.tokens == result.tokens
    expected = (rows["run"] - rows["usual"]) * price
    assert result.flops - usual.flops == pytest.approx(expected, rel=0.1)


@pytest.mark.parametrize("predict", [None, 0.4])
def test_a_run_reads_the_tokens_that_were_asked(predict: float | None, tmp_path: Path) -> None:
    """Batches are not full: 256 tokens a step would end it earlier."""
    mask = {} if predict is None else {"mask": {"predict": predict}}
    given = settings(text_file(tmp_path), budget={"tokens": 60_000}, **mask)
    result = finished(tmp_path / "run", given)
    assert result.tokens == pytest.approx(60_000, rel=0.02)
    assert predict is not None or result.steps > 60_000 / 256


def test_a_resumed_run_keeps_its_steps(tmp_path: Path) -> None:
    given = settings(text_file(tmp_path), budget={"flops": 2e9})
    alone = finished(tmp_path / "alone", given)
    again = finished(tmp_path / "killed", given, kills=(6,))
    assert (again.steps, again.flops) == (alone.steps, alone.flops)
    assert again.sessions == 2


def test_less_than_a_step_is_refused(tmp_path: Path) -> None:
    given = settings(text_file(tmp_path), budget={"flops": 1000.0})
    with pytest.raises(ConfigError, match=r"budget.flops=1e\+03 are less than one of .*give more"):
        pretrain(out=tmp_path / "run", settings=given)


@pytest.mark.parametrize(
    ("budget", "rule"),
    [
        ({"flops": 1e9, "steps": 3}, "exactly one of .* minutes and flops .* steps and flops are"),
        ({"flops": 0.0}, "flops must be above 0, not 0.0"),
        ({"flops": float("inf")}, "flops must be a finite number, not inf"),
        ({}, "a run needs an end: give .*budget.flops"),
    ],
)
def test_budgets_that_are_none(budget: dict[str, Any], rule: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=rule):
        pretrain(out=tmp_path / "run", settings=pretrain_settings({"budget": budget}))


def test_a_budget_replaces_that_of_a_recipe() -> None:
    recipe = {"budget": {"minutes": 30.0, "tokens_per_step": 512}}
    for given in (
        pretrain_settings(recipe, {"budget": {"flops": 1e12}}),
        pretrain_settings(recipe, {"budget": {"steps": 9}}, steps=3),
        pretrain_settings(recipe, tokens=100),
    ):
        assert given.budget.minutes is None
        assert given.budget.tokens_per_step == 512
    assert pretrain_settings(recipe, {"budget": {"window": 1}}).budget.minutes == 30.0
    with pytest.raises(ConfigError, match="minutes and flops are given"):
        pretrain_settings(recipe, {"budget": {"flops": 1e12}}, minutes=1.0)
    with pytest.raises(ConfigError, match="table of settings"):
        pretrain_settings(recipe, {"budget": 5})


def test_a_claim_matched_by_operations() -> None:
    arms = (Arm(name="a"), Arm(name="b", set={"budget.flops": 2e12}))
    claim = Claim(
        name="x", sentence="s", source="y", matched="flops", arms=arms,
        effects=(Effect(metric="masked_loss", of="a"),), set={"budget.flops": 1e12},
    )  # fmt: skip
    found = [_settings(claim, arm, None)["budget"] for arm in arms]
    assert [one.get("flops") for one in found] == [1e12, 2e12]
    assert all("tokens" not in one for one in found)
    assert _settings(claim, arms[0], 2.0)["budget"].keys() == {"minutes", "tokens_per_step"}


def test_the_cost_of_a_step_keeps_its_fractions() -> None:
    assert Average(10.5, 0.25).flops(lambda tokens, targets: float(tokens + targets)) == 10.75
