"""Claims on speed: the newest results that hold the measure, round by round."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from unmask.bench.results import Results
from unmask.bench.runner import Row, Table
from unmask.claims.command import run_claims
from unmask.claims.page import page, pictures_of
from unmask.claims.recipe import Claim, Ratio, all_claims
from unmask.claims.results import load_result
from unmask.claims.speed import of_benchmark
from unmask.errors import ConfigError

CLAIM = Claim(
    name="faster",
    sentence="First is twice as fast.",
    source="Somebody 2020",
    measure="long",
    ratios=(Ratio(of="first", against="second", beyond=2.0),),
)


def store(
    folder: Path, name: str, second: list[float], date: str = "2026-01-02", **more: str
) -> None:
    rows = [Row("first", 10.0, [1.0, 1.1, 0.9]), Row("second", 10.0, second)]
    rows[1].missing = more.get("missing")
    if "work" in more:
        rows[1].work = float(more["work"])
    results = Results(
        date=f"{date}T10:00:00+00:00",
        rounds=3,
        quick="quick" in more,
        versions={"torch": "1"},
        hardware={"processor": "some"},
        peaks={},
        tables=[Table("long", "tokens", rows, {})],
    )
    (folder / name).mkdir(parents=True)
    results.save(folder / name / "results.json")


def test_ratios_are_of_rounds_and_of_the_newest_results(tmp_path: Path) -> None:
    store(tmp_path, "b-old", [1.0, 1.0, 1.0], "2026-01-01")
    store(tmp_path, "a-new", [3.0, 3.3, 2.8])
    store(tmp_path, "c-quick", [1.0, 1.0, 1.0], "2026-01-03", quick="yes")
    found = of_benchmark(CLAIM, tmp_path)
    (effect,) = found.effects
    assert effect.differences == pytest.approx((3.0, 3.0, 2.8 / 0.9))
    assert (found.says, found.date, found.processor) == ("holds", "2026-01-02", "some")
    assert found.hours == pytest.approx((3.0 + 9.1) / 3600)
    assert found.arms["second"][1] == {"seconds": 3.3}
    text = page({"faster": CLAIM}, {"faster": found}, "pictures")
    assert "3 rounds of `unmask bench long`, 2026-01-02, on some." in text
    assert "| second | 3.000 |" in text
    assert "times as fast" in text
    (drawn,) = pictures_of(CLAIM, found).values()
    assert "<svg" in drawn


def test_slower_than_said_does_not_hold(tmp_path: Path) -> None:
    store(tmp_path, "one", [1.5, 1.6, 1.4])
    assert of_benchmark(CLAIM, tmp_path).says == "does not hold"


def test_what_was_not_measured_is_refused_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"no results of the measure long; run `unmask bench long"
    ):
        of_benchmark(CLAIM, tmp_path)
    store(tmp_path, "one", [1.0, 1.0, 1.0])
    other = replace(CLAIM, ratios=(Ratio(of="third", against="second", beyond=2.0),))
    with pytest.raises(ConfigError, match=r"the row 'third' .* there are first, second"):
        of_benchmark(other, tmp_path)
    with pytest.raises(ConfigError, match="give the folder of text and labels, --data"):
        run_claims(["mask-rate"], out=tmp_path / "out", work=tmp_path / "work")
    store(tmp_path, "two", [1.0, 1.0, 1.0], "2026-01-03", work="20")
    with pytest.raises(ConfigError, match="second 20 in a round"):
        of_benchmark(CLAIM, tmp_path)
    store(tmp_path, "three", [], "2026-01-04", missing="it is not installed")
    with pytest.raises(ConfigError, match="was not measured: it is not installed"):
        of_benchmark(CLAIM, tmp_path)
    (tmp_path / "one/results.json").write_text("{}", "utf-8")
    with pytest.raises(ConfigError, match=r"one/results\.json is no result of this version"):
        of_benchmark(CLAIM, tmp_path)


def test_claims_on_speed_need_no_texts(tmp_path: Path) -> None:
    """The stored results of the project hold all that its claims on speed ask for."""
    names = [name for name, claim in all_claims().items() if claim.measure is not None]
    stored = Path(__file__).parents[2] / "benchmarks"
    found = run_claims(names, out=tmp_path / "out", work=tmp_path / "work", benchmarks=stored)
    assert [one.name for one in found] == names
    for one in found:
        assert load_result(tmp_path / "out" / f"{one.name}.json") == one
        assert all(effect.low is not None for effect in one.effects)
