"""The page of claims: every claim has a row, and what was measured stands there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from unmask.claims.page import page, pictures_of, write_page
from unmask.claims.recipe import Arm, Claim, Effect, all_claims
from unmask.claims.results import ClaimResult, EffectFound
from unmask.errors import ConfigError

CLAIM = Claim(
    name="one",
    sentence="First is better.",
    source="Somebody 2020",
    arms=(Arm(name="first"), Arm(name="second")),
    effects=(Effect(metric="masked_loss", of="first", against="second"),),
    note="A note.",
)


def figures(*losses: float) -> tuple[dict[str, float], ...]:
    rest = {"steps": 10.0, "tokens": 4e6, "seconds": 60.0, "flops": 2e12}
    return tuple({"masked_loss": loss, **rest} for loss in losses)


def result(first: tuple[float, ...], second: tuple[float, ...]) -> ClaimResult:
    arms = {"first": figures(*first), "second": figures(*second)}
    found = EffectFound.of_figures(CLAIM.effects[0], arms["first"], arms["second"])
    return ClaimResult(
        name="one",
        date="2026-01-01",
        matched="tokens",
        arms=arms,
        effects=(found,),
        says=found.says,
        hours=0.1,
        versions={"torch": "1"},
        processor="some",
    )


def test_lower_loss_is_in_favour_of_the_first() -> None:
    (effect,) = result((4.0, 4.1, 4.0), (5.0, 5.1, 5.05)).effects
    assert effect.differences == pytest.approx((1.0, 1.0, 1.05))
    assert effect.says == "holds"


def test_each_verdict_stands_on_the_page() -> None:
    cases = {
        "**holds**": result((4.0, 4.1, 4.0), (5.0, 5.1, 5.05)),
        "**does not hold**": result((5.0, 5.1, 5.05), (4.0, 4.1, 4.0)),
        "**undecided at this scale**": result((4.0, 5.0, 4.5), (5.0, 4.0, 4.6)),
    }
    for says, found in cases.items():
        text = page({"one": CLAIM}, {"one": found}, "pictures")
        assert text.count(says) == 2, says
        assert "![First is better.](pictures/one.svg)" in text
        assert "3 seeds, arms matched by tokens" in text
    assert "could have been told" in text
    timed = replace(result((4.0, 4.1), (5.0, 5.1)), matched="seconds")
    assert "2 seeds, arms matched by seconds" in page({"one": CLAIM}, {"one": timed}, "pictures")
    assert "| first | 4.5000 |" in text


def test_claims_that_were_not_run_or_cannot_be_say_so() -> None:
    other = Claim(name="two", sentence="s", source="t", untestable="it needs more text.")
    text = page({"one": CLAIM, "two": other}, {}, "pictures")
    assert "| not run yet |" in text
    assert "| not testable here |" in text
    assert "Not testable here: it needs more text." in text


def test_a_single_seed_has_no_interval_and_no_row_in_the_picture(tmp_path: Path) -> None:
    found = result((4.0,), (5.0,))
    assert found.effects[0].low is None
    assert found.says == "undecided"
    assert "| none |" in page({"one": CLAIM}, {"one": found}, "pictures")
    assert not pictures_of(CLAIM, found)
    (drawn,) = pictures_of(CLAIM, result((4.0, 4.1), (5.0, 5.05))).values()
    assert "<svg" in drawn


def test_rows_of_a_picture_are_told_apart() -> None:
    found = result((4.0, 4.1), (5.0, 5.05))
    (one,) = found.effects
    back, other = replace(one, of="second", against="first"), replace(one, metric="manuals_loss")
    for effects, names in (
        ((one, back), ["first over second", "second over first"]),
        ((one, other), ["loss at hidden tokens of held-out manuals"]),
        ((one, other, back), ["first over second: loss at hidden", "second over first: loss at"]),
    ):
        (drawn,) = pictures_of(CLAIM, replace(found, effects=effects)).values()
        for name in names:
            assert name in drawn


def test_each_unit_has_an_axis_of_its_own() -> None:
    found = result((4.0, 4.1), (5.0, 5.05))
    (one,) = found.effects
    both = replace(found, effects=(one, replace(one, metric="page_accuracy")))
    assert set(pictures_of(CLAIM, both)) == {"one-nats.svg", "one-share.svg"}
    text = page({"one": CLAIM}, {"one": both}, "pictures")
    for unit in ("nats", "share"):
        assert f"![First is better.](pictures/one-{unit}.svg)" in text


def test_the_page_of_the_package_names_every_claim(tmp_path: Path) -> None:
    name = "static-masks"
    claim = all_claims()[name]
    losses = {
        arm.name: (4.0 + place, 4.1 + place, 4.0 + place) for place, arm in enumerate(claim.arms)
    }
    arms = {arm: figures(*three) for arm, three in losses.items()}
    metrics = [effect for effect in claim.effects if effect.metric == "masked_loss"]
    effects = tuple(EffectFound.of_figures(e, arms[e.of], arms[e.against]) for e in metrics)
    stored = replace(result((4.0, 4.1), (5.0, 5.1)), name=name, arms=arms, effects=effects)
    stored.save(tmp_path)
    write_page(tmp_path, tmp_path / "claims.md", tmp_path / "pictures")
    text = (tmp_path / "claims.md").read_text("utf-8")
    for one in all_claims().values():
        assert one.sentence in text
    assert effects
    assert "<svg" in (tmp_path / "pictures" / f"{name}.svg").read_text("utf-8")
    for folder in ("nowhere", "pictures"):
        with pytest.raises(ConfigError, match=f"from a folder of results, and .*{folder} holds no"):
            write_page(tmp_path / folder, tmp_path / "claims.md", tmp_path / "other")


OWN = """
name = "one"
sentence = "First is better."
source = "me"

[[arm]]
name = "first"

[[arm]]
name = "second"

[[effect]]
metric = "masked_loss"
of = "first"
against = "second"
"""


def test_a_claim_of_your_own_has_its_place_where_its_file_is_named(tmp_path: Path) -> None:
    results, own, text = tmp_path / "results", tmp_path / "one.toml", tmp_path / "claims.md"
    results.mkdir()
    result((4.0, 4.1, 4.0), (5.0, 5.1, 5.05)).save(results)
    own.write_text(OWN, "utf-8")
    with pytest.raises(ConfigError, match=r"one.json is a result .* report CLAIM.toml"):
        write_page(results, text, tmp_path / "pictures")
    assert not text.exists()
    write_page(results, text, tmp_path / "pictures", [own])
    assert "| [First is better.](#one) | me | **holds** |" in text.read_text("utf-8")
    assert (tmp_path / "pictures/one.svg").is_file()


def test_arms_that_are_not_matched_say_so() -> None:
    found = result((4.0, 4.1), (5.0, 5.1))
    assert "as much as the least" not in page({"one": CLAIM}, {"one": found}, "pictures")
    more = tuple({**one, "tokens": 2 * one["tokens"]} for one in found.arms["second"])
    other = replace(found, arms={**found.arms, "second": more})
    text = page({"one": CLAIM}, {"one": other}, "pictures")
    assert "arms matched by tokens, of which the most has 2.00 times as much as the least" in text
    # An arm that others go on from, and that nothing is compared with.
    base = tuple({**one, "tokens": 9 * one["tokens"]} for one in found.arms["second"])
    other = replace(found, arms={**found.arms, "base": base})
    assert "as much as the least" not in page({"one": CLAIM}, {"one": other}, "pictures")


def test_a_note_is_about_arms_that_are_matched_as_the_claim_says() -> None:
    found = result((4.0, 4.1), (5.0, 5.1))
    assert "\n\nA note.\n" in page({"one": CLAIM}, {"one": found}, "pictures")
    timed = replace(found, matched="seconds")
    text = page({"one": CLAIM}, {"one": timed}, "pictures")
    assert "\n\nWith arms matched by tokens: A note.\n" in text


def test_minutes_are_the_median_over_seeds() -> None:
    found = result((4.0, 4.1, 4.2), (5.0, 5.1, 5.2))
    minutes = (60.0, 120.0, 3600.0)
    slow = tuple({**one, "seconds": s} for one, s in zip(found.arms["first"], minutes, strict=True))
    text = page({"one": CLAIM}, {"one": replace(found, arms={"first": slow})}, "pictures")
    assert "| first | 4.1000 | 4.00 M | 2.0 | 2.0 |" in text


def test_results_of_several_machines_name_them_all() -> None:
    two = replace(CLAIM, name="two")
    found = result((4.0, 4.1), (5.0, 5.1))
    other = replace(found, name="two", processor="another")
    text = page({"one": CLAIM, "two": two}, {"one": found, "two": other}, "pictures")
    assert f"on {found.processor} with" in text
    assert "and another with" in text


def test_a_collapse_is_told_beside_the_figures() -> None:
    found = result((4.0, 4.1), (5.0, 5.1))
    assert "collapse" not in page({"one": CLAIM}, {"one": found}, "pictures")
    one, two = found.arms["second"]
    arms = {**found.arms, "second": ({**one, "warned": 1.0}, {**two, "warned": 0.0})}
    text = page({"one": CLAIM}, {"one": replace(found, arms=arms)}, "pictures")
    assert "Training warned of a collapse in 1 of 2 runs of second" in text


def test_the_page_of_the_docs_is_that_of_the_stored_results(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    write_page(root / "benchmarks/claims", tmp_path / "claims.md", tmp_path / "claims")
    assert (tmp_path / "claims.md").read_text("utf-8") == (root / "docs/claims.md").read_text(
        "utf-8"
    )
    for one in sorted((root / "docs/claims").glob("*.svg")):
        assert (tmp_path / "claims" / one.name).read_bytes() == one.read_bytes(), one.name
