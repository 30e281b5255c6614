"""Charts are well-formed drawings that show what they were given, or refuse it."""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ET

import pytest

from tests.report import sample
from unmask.errors import ConfigError
from unmask.report import charts, pictures
from unmask.report.charts import Bar, Pair, ReferenceLine, Series
from unmask.report.markup import Html

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = '</svg><script>alert("x")</script>&\x00\ud800'


def read(drawing: str) -> ET.Element:
    root = ET.fromstring(drawing)
    assert root.tag == f"{SVG}svg"
    assert root.get("role") == "img"
    assert [child.tag for child in root[:2]] == [f"{SVG}title", f"{SVG}desc"]
    assert not [one for one in root.iter() if one.tag == f"{SVG}script"]
    return root


def words(drawing: str) -> list[str]:
    return ["".join(one.itertext()) for one in read(drawing).iter(f"{SVG}text")]


def loss(points: int) -> Series:
    return Series("training", [(float(x), 9 - 5 * x / points) for x in range(1, points + 1)])


def chart(*series: Series, **more: object) -> Html:
    return charts.line_chart(series, x_label="updates", y_label="nats", title="Loss", **more)  # type: ignore[arg-type]


def test_a_line_chart_shows_curves_dots_and_references() -> None:
    held_out = Series("held out", [(100.0, 8.0), (500.0, 4.5)], "dots")
    drawn = chart(loss(500), held_out, reference_lines=[ReferenceLine("unigram", 6.21)])
    root = read(drawn)
    assert len(root.findall(f"{SVG}circle")) >= 2
    assert any("unigram 6.21" in one for one in words(drawn))
    assert any("held out 4.50" in one for one in words(drawn))
    description = root[1].text or ""
    assert "nats against updates" in description
    assert "unigram: 6.21." in description


def test_the_geometry_is_right() -> None:
    drawn = chart(Series("a", [(0.0, 0.0), (10.0, 10.0)], "curve"), width=400, height=300)
    path = next(one for one in read(drawn).iter(f"{SVG}path") if one.get("class") == "curve s-c0")
    # From the lower left corner of the plot to its upper right one.
    assert path.get("d") == "M52 254L386 60"


def test_many_points_are_thinned_and_it_says_so() -> None:
    drawn = chart(loss(30_000))
    faint = next(one for one in read(drawn).iter(f"{SVG}path") if "raw" in (one.get("class") or ""))
    assert (faint.get("d") or "").count("M") <= 1200
    assert "lowest and highest of every 50" in "".join(words(drawn))
    assert "30,000 points" in (read(drawn)[1].text or "")
    assert len(drawn) < 60_000


def test_one_point_and_level_lines_are_drawn() -> None:
    read(chart(Series("a", [(1.0, 3.0)])))
    read(chart(Series("a", [(0.0, 0.0)], "dots")))
    read(chart(Series("a", [(5.0, 2.0), (6.0, 2.0)], "curve"), Series("empty", [])))


def test_charts_refuse_what_they_cannot_show() -> None:
    with pytest.raises(ConfigError, match="no point to draw"):
        chart(Series("a", []))
    with pytest.raises(
        ConfigError, match=r"finite numbers only, and series 'a' has nan at place 3"
    ):
        chart(Series("a", [(0.0, 1.0), (1.0, math.nan)]))
    with pytest.raises(ConfigError, match="a reference line has inf"):
        chart(loss(3), reference_lines=[ReferenceLine("b", math.inf)])
    with pytest.raises(ConfigError, match="nothing to draw"):
        charts.bars([], title="none")
    with pytest.raises(ConfigError, match=r"from 0 to 1 cannot show 1.5 \(bar 'a'\)"):
        charts.bars([Bar("a", 1.5, "150%")], title="t")
    with pytest.raises(ConfigError, match="has nan"):
        charts.paired_bars([Pair("a", 0.5, math.nan)], title="t")
    with pytest.raises(
        ConfigError, match=r"2 labels needs 2 rows of 2 counts, not rows of \[2, 1\]"
    ):
        charts.heatmap([[1, 2], [3]], ["a", "b"], title="t")
    with pytest.raises(ConfigError, match="negative"):
        charts.heatmap([[-1]], ["a"], title="t")
    with pytest.raises(ConfigError, match="standalone"):
        charts.standalone(Html("<p></p>"))


def test_bars_are_as_long_as_their_values() -> None:
    drawn = charts.bars([Bar("a", 0.5, "50%"), Bar("b", 0.25, "25%", "good")], title="t")
    boxes = [one for one in read(drawn).iter(f"{SVG}rect") if one.get("class") != "track"]
    long, half = (float(one.get("width") or 0) for one in boxes)
    assert long == pytest.approx(2 * half, abs=0.02)
    assert ["50%" in "".join(words(drawn)), boxes[1].get("class")] == [True, "f-good"]


def test_pairs_show_both_shares() -> None:
    drawn = charts.paired_bars([Pair("selected", 0.15, 0.1504)], title="t")
    assert {"15.04%", "15.00%", "measured", "expected"} <= set(words(drawn))


def test_a_heat_map_colours_by_row() -> None:
    drawn = charts.heatmap([[90, 10], [0, 0]], ["cat", "dog"], title="t")
    cells = [one for one in read(drawn).iter(f"{SVG}g") if "cell" in (one.get("class") or "")]
    assert [one.get("class") for one in cells] == [
        "cell truth h11",
        "cell h2",
        "cell h0",
        "cell truth h0",
    ]
    assert "cat, called dog: 10 of 100" in "".join(read(drawn).itertext())
    assert "90 of 100 lie on the diagonal" in (read(drawn)[1].text or "")


def test_hostile_words_are_only_words() -> None:
    for drawn in (
        chart(
            Series(HOSTILE, [(0.0, 1.0), (1.0, 2.0)]), reference_lines=[ReferenceLine(HOSTILE, 1)]
        ),
        charts.bars([Bar(HOSTILE, 0.5, HOSTILE)], title=HOSTILE, unit=HOSTILE),
        charts.paired_bars([Pair(HOSTILE, 0.5, 0.5)], title=HOSTILE),
        charts.heatmap([[1]], [HOSTILE], title=HOSTILE, unit=HOSTILE),
    ):
        read(drawn)
        read(charts.standalone(drawn))
        assert "<script" not in drawn


@pytest.mark.parametrize(
    "name",
    ["loss", "accuracy", "speed", "lr", "mask", "baselines", "corpus", "confusion", "blank-10"],
)
def test_every_picture_of_a_report_stands_alone(name: str) -> None:
    drawn = pictures.picture(sample.facts(), name)
    root = read(drawn)
    style = next(root.iter(f"{SVG}style")).text or ""
    assert "var(" not in style
    assert "prefers-color-scheme:dark" in style
    assert not re.search(r"(?:href|src)=|url\(|@import", drawn)
    # Every class that is used has a rule, in the style sheet that the file carries.
    used = {name for one in root.iter() for name in (one.get("class") or "").split()}
    used -= {"chart", "cell"}
    assert {name for name in used if f".{name}" not in style} == set()


def test_an_unknown_picture_names_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"no picture 'los'. They have loss, accuracy, "):
        pictures.picture(sample.facts(), "los")
