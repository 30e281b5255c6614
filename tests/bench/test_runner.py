"""Arms run in rounds, each in its process; what fails is a row that says why."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from unmask.bench.arm import ArmSpec
from unmask.bench.measure import Agreement, Alike, Bound, Measure, Ratio, Setting
from unmask.bench.process import resolve
from unmask.bench.registry import MEASURES, chosen
from unmask.bench.results import Results
from unmask.bench.runner import Row, Table, cosines, run
from unmask.bench.tables import markdown, page, summary
from unmask.bench.verdicts import verdicts
from unmask.errors import ConfigError

FAKES = "tests.bench.fakes:"


def spec(name: str, seconds: list[float], tilt: float = 0.0) -> ArmSpec:
    return ArmSpec(name, f"{FAKES}make", {"name": name, "seconds": seconds, "tilt": tilt})


MEASURE = Measure(
    name="fake",
    what="nothing",
    unit="tokens",
    arms=(
        spec("ours", [9.0, 1.0, 2.0, 1.0]),
        spec("theirs", [9.0, 4.0, 4.0, 5.0], tilt=0.5),
        ArmSpec("absent", f"{FAKES}missing"),
        ArmSpec("breaks", f"{FAKES}failing", {"name": "breaks"}),
    ),
    goals=(
        Ratio("faster", "ours", ("theirs", "absent"), 3.0, 5.0),
        Ratio("than nobody", "ours", ("absent",), 1.0),
        Bound("seconds", "theirs", "seconds", 5.0, 4.5, "s"),
    ),
    reference="ours",
    agreement={"ours": Agreement(0.999999)},
    prepare=f"{FAKES}prepare",
)


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> tuple[Table, list[str]]:
    work = tmp_path_factory.mktemp("work")
    found = run(MEASURE, Setting(str(work), 1), 3, lambda done, words: None, pause=0.0)
    return found, (work / "diary").read_text("utf-8").split()


def test_rounds_are_interleaved(table: tuple[Table, list[str]]) -> None:
    warm_up, rounds = ["ours", "theirs", "breaks"], ["ours", "theirs"]
    assert table[1] == warm_up + rounds * 3


def test_warm_up_is_not_counted(table: tuple[Table, list[str]]) -> None:
    assert table[0].row("ours").seconds == [1.0, 2.0, 1.0]
    assert table[0].row("ours").values("rate") == [100.0, 50.0, 100.0]
    assert table[0].row("ours").facts == {"runs": [2.0, 3.0, 4.0]}


def test_untimed_runs_come_right_before_each_timed_one(tmp_path: Path) -> None:
    arms = (spec("ours", [9.0, 1.0, 8.0, 2.0]), spec("theirs", [7.0, 3.0, 6.0, 4.0]))
    measure = Measure(
        "fake", "nothing", "tokens", arms, prepare=f"{FAKES}prepare", warm_up=0, before=1
    )
    found = run(measure, Setting(str(tmp_path), 1), 2, lambda done, words: None, pause=0.0)
    assert [row.seconds for row in found.rows] == [[1.0, 2.0], [3.0, 4.0]]
    diary = (tmp_path / "diary").read_text("utf-8").split()
    assert diary == ["ours", "ours", "theirs", "theirs"] * 2


def test_what_fails_says_why(table: tuple[Table, list[str]]) -> None:
    assert table[0].row("absent").missing == "ModuleNotFoundError: No module named 'peer'"
    assert table[0].row("breaks").missing == "RuntimeError: the second run fails"
    assert table[0].row("breaks").values("rate") == []


def test_a_loop_that_goes_astray_says_so(tmp_path: Path) -> None:
    """Its warm-up and first round are well, and what it measured then counts no more."""
    arms = (ArmSpec("astray", f"{FAKES}astray", {"name": "astray"}), spec("ours", [1.0]))
    goals = (Ratio("faster", "ours", ("astray",), 0.5),)
    measure = Measure("fake", "nothing", "tokens", arms, goals, prepare=f"{FAKES}prepare")
    found = run(measure, Setting(str(tmp_path), 1), 3, lambda done, words: None, pause=0.0)
    assert found.row("astray").missing == "round 2 gave loss nan"
    assert found.row("ours").seconds == [1.0] * 3
    (verdict,) = verdicts(measure, found)
    assert verdict.reached == "not measured"
    diary = (tmp_path / "diary").read_text("utf-8").split()
    assert diary == ["astray", "ours"] * 3 + ["ours"]


def test_agreement_is_with_the_reference(table: tuple[Table, list[str]]) -> None:
    assert table[0].row("ours").smallest == pytest.approx(1.0)
    theirs = table[0].row("theirs")
    assert theirs.smallest == pytest.approx(1 / np.sqrt(1.25))
    assert theirs.mean == pytest.approx((1 + 1 / np.sqrt(1.25)) / 2)


def test_verdicts_are_by_rounds(table: tuple[Table, list[str]]) -> None:
    faster, nobody, seconds = verdicts(MEASURE, table[0])
    assert (faster.value, faster.low, faster.high) == (4.0, 2.0, 5.0)
    assert (faster.reached, faster.against) == ("first", "theirs")
    assert nobody.reached == "not measured"
    assert nobody.value is None
    assert (seconds.value, seconds.reached) == (4.0, "aim")


def test_speed_without_agreement_is_not_reached(table: tuple[Table, list[str]]) -> None:
    strict = Measure(
        **{
            **{name: getattr(MEASURE, name) for name in MEASURE.__slots__},
            "goals": (Ratio("faster", "theirs", ("ours",), 0.1),),
            "agreement": {"theirs": Agreement(0.99)},
        }
    )
    (verdict,) = verdicts(strict, table[0])
    assert verdict.reached == "no"
    assert "smallest cosine 0.894" in verdict.note


def test_results_come_back_from_their_file(table: tuple[Table, list[str]], tmp_path: Path) -> None:
    there = {"processor": "p", "cores": 2, "threads": 1, "memory_gib": 4.0, "instructions": ["a"]}
    results = Results("2026-01-02", 3, False, {"torch": "2"}, there, {"fp32": 1e9})
    results.tables.append(table[0])
    results.verdicts += verdicts(MEASURE, table[0])
    results.save(tmp_path / "results.json")
    assert Results.load(tmp_path / "results.json") == results
    text = page(results)
    assert "4.0" in text
    assert "No module named 'peer'" in text
    # A faster peer that answers less exactly is shown with what that comes to.
    assert "| 3 | 1.0000, 1.0000 | theirs | 0.8944, 0.9472 | 3 × |" in text


def test_an_arm_may_stay_cold_and_have_a_reference_of_its_own(tmp_path: Path) -> None:
    measure = Measure(
        name="cold",
        what="nothing",
        unit="tokens",
        arms=(
            spec("warm", [1.0], tilt=0.5),
            spec("cold", [1.0, 2.0, 3.0]),
            spec("alone", [1.0], tilt=0.5),
        ),
        reference={"warm": "cold", "cold": "warm"},
        prepare=f"{FAKES}prepare",
        cold=frozenset({"cold"}),
        fewer={"cold": 1},
    )
    found = run(measure, Setting(str(tmp_path), 1), 2, lambda done, words: None, pause=0.0)
    ran = (tmp_path / "diary").read_text("utf-8").split()
    assert ran == ["warm", "alone", "warm", "cold", "alone", "warm", "alone"]
    assert found.row("cold").seconds == [1.0]
    for name in ("warm", "cold"):
        assert found.row(name).smallest == pytest.approx(1 / np.sqrt(1.25))
    assert found.row("alone").smallest is None


def test_outputs_of_another_shape_agree_with_nothing() -> None:
    one = np.ones((2, 3), np.float32)
    assert cosines(one[:1], one) == (-1.0, -1.0)
    assert cosines(one * np.nan, one) == cosines(one, one * np.inf) == (-1.0, -1.0)
    assert cosines(3 * one, one) == pytest.approx((1.0, 1.0))
    assert Row("a", missing="why").values("rate") == []


@pytest.mark.parametrize("measure", MEASURES.values(), ids=list(MEASURES))
def test_every_measure_names_what_there_is(measure: Measure) -> None:
    names = [arm.name for arm in measure.arms]
    assert len(set(names)) == len(names)
    for arm in measure.arms:
        assert callable(resolve(arm.make))
    assert measure.prepare is None or callable(resolve(measure.prepare))
    assert {measure.reference_of(name) for name in names} <= {None, *names}
    assert measure.cold <= set(names)
    for goal in measure.goals:
        assert goal.of in names
        assert set(getattr(goal, "against", ())) <= set(names)
    assert set(measure.agreement) <= {*names, "unmask fp32, batch_invariant"}
    assert set(measure.fewer) <= set(names)


def test_measures_are_chosen_by_name() -> None:
    assert [one.name for one in chosen(["latency", "embed"])] == ["embed", "latency"]
    assert "memory-1gb" not in [one.name for one in chosen([])]
    with pytest.raises(ConfigError, match="no measure 'speed'"):
        chosen(["speed"])


@pytest.mark.parametrize(
    ("most", "more", "reached"), [(0.0, False, "first"), (-0.1, False, "no"), (-0.1, True, "no")]
)
def test_a_ratio_counts_under_its_condition(
    table: tuple[Table, list[str]], most: float, more: bool, reached: str
) -> None:
    """Both arms' fact is 4 in the end, so that only a `most` of 0 or more lets it pass."""
    goal = Ratio("faster", "ours", ("theirs",), 3.0, given=Alike("runs", most, more))
    plain = {name: getattr(MEASURE, name) for name in MEASURE.__slots__}
    (verdict,) = verdicts(Measure(**{**plain, "goals": (goal,)}), table[0])
    assert verdict.reached == reached
    worse = f", worse by more than {most:g}" if reached == "no" else ""
    assert verdict.note == f"runs 4.000 and 4.000{worse}"
    assert verdict.rounds == 3


@pytest.mark.parametrize(("most", "reached"), [(0.0, "only measured"), (-0.1, "does not count")])
def test_a_ratio_that_is_only_measured_has_its_condition_too(
    table: tuple[Table, list[str]], most: float, reached: str
) -> None:
    goal = Ratio("faster", "ours", ("theirs",), given=Alike("runs", most))
    plain = {name: getattr(MEASURE, name) for name in MEASURE.__slots__}
    (verdict,) = verdicts(Measure(**{**plain, "goals": (goal,)}), table[0])
    assert verdict.reached == reached
    assert ("| does not count: runs" in markdown(summary([verdict]))) == (most < 0)


def test_a_condition_that_nobody_measured(table: tuple[Table, list[str]]) -> None:
    goal = Ratio("faster", "ours", ("theirs",), 3.0, given=Alike("loss", 1.0))
    plain = {name: getattr(MEASURE, name) for name in MEASURE.__slots__}
    (verdict,) = verdicts(Measure(**{**plain, "goals": (goal,)}), table[0])
    assert (verdict.reached, verdict.note) == ("no", "no loss was measured")
