"""Claims as files: what does not fit together is refused by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from unmask.claims.recipe import Claim, claim_from
from unmask.errors import ConfigError

WHOLE = """
name = "one"
sentence = "First is better."
source = "Somebody 2020"

[[arm]]
name = "first"

[[arm]]
name = "second"
set = { "mask.rate" = 0.3 }
after = "first"

[[effect]]
metric = "masked_loss"
of = "first"
against = "second"
"""


def write(folder: Path, text: str, name: str = "one") -> Path:
    path = folder / f"{name}.toml"
    path.write_text(text, "utf-8")
    return path


def test_a_whole_claim(tmp_path: Path) -> None:
    claim = claim_from(write(tmp_path, WHOLE))
    assert claim.matched == "tokens"
    assert claim.arm("second").set == {"mask.rate": 0.3}
    assert claim.arm("second").after == "first"
    assert claim.effects[0].beyond == 0.0


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('of = "first"', 'of = "third"', "names the arm 'third', but there are first, second"),
        ('name = "second"', 'name = "first"', "two arms or more of different names"),
        ('after = "first"', 'after = "second"', "goes on from one that is listed before it"),
        ("source", "origin", "unknown setting 'origin'"),
        ('after = "first"', 'text = "manual"', "arm.text must be one of books, few books, manuals"),
        ('against = "second"', 'against = "second"\nbeyond = "0"', "effect.beyond must be"),
        ('set = { "mask.rate" = 0.3 }', "set = 3", "arm.set must be a table"),
        ('"mask.rate"', '"run.seed"', "run.seed is given by what runs the claims"),
        ('"mask.rate"', '"text.paths"', "text.paths is given by what runs the claims"),
        ('against = "second"', 'against = "first"', "names 'first' twice"),
        ('source = "Somebody 2020"', "", "source"),
        ("[[effect]]", "[[arm]]", "unknown setting 'arm.metric'"),
        ('name = "one"', 'name = "two"', "name the file after it"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path: Path, old: str, new: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        claim_from(write(tmp_path, WHOLE.replace(old, new, 1)))


def test_arms_that_are_no_tables_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"arm must be tables, each beginning with \[\[arm\]\]"):
        claim_from(write(tmp_path, 'name = "one"\nsentence = "s"\nsource = "t"\narm = 3\n'))


def test_an_untestable_claim_has_no_arms() -> None:
    claim = Claim(name="x", sentence="s", source="y", untestable="too small")
    assert not claim.arms
    with pytest.raises(ConfigError, match="untestable and arms and effects; leave out all but one"):
        Claim(name="x", sentence="s", source="y", untestable="too small", arms=({"name": "a"},))  # type: ignore[arg-type]


SPEED = """
name = "one"
sentence = "First is faster."
source = "Somebody 2020"
measure = "long"

[[ratio]]
of = "first"
against = "second"
beyond = 2.0
"""


def test_a_claim_on_speed_has_a_measure_and_ratios(tmp_path: Path) -> None:
    claim = claim_from(write(tmp_path, SPEED))
    assert (claim.measure, claim.ratios[0].beyond) == ("long", 2.0)
    with pytest.raises(ConfigError, match=r"needs both a measure .* one has no measure and 1"):
        claim_from(write(tmp_path, SPEED.replace('measure = "long"', "")))
    with pytest.raises(ConfigError, match="a measure and ratios and arms and effects; leave out"):
        claim_from(write(tmp_path, WHOLE.replace("[[arm]]", 'measure = "long"\n[[arm]]', 1)))
