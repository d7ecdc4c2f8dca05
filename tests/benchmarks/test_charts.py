"""The pictures are SVG that says what the numbers say."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from benchmarks.charts import LEFT, WIDTH, Chart, Line, bar_chart, line_chart

SVG = "{http://www.w3.org/2000/svg}"


def drawn(chart: Chart, tag: str) -> list[ElementTree.Element]:
    return list(ElementTree.fromstring(chart.svg).iter(f"{SVG}{tag}"))


def test_a_bar_is_as_long_as_its_value_says() -> None:
    chart = bar_chart("a.svg", "Fast & small", {"ours <1>": 25, "theirs": 100}, "ms", ours="ours")
    first, second = drawn(chart, "rect")
    assert float(second.attrib["width"]) == 4 * float(first.attrib["width"])
    assert (first.attrib["class"], second.attrib["class"]) == ("bar s0", "bar other")
    assert [text.text for text in drawn(chart, "text")] == ["Fast & small", "ours <1>", "25 ms", "theirs", "100 ms"]
    assert (chart.name, chart.title) == ("a.svg", "Fast & small")


def test_a_line_goes_through_its_points_on_logarithmic_axes() -> None:
    chart = line_chart("b.svg", "Cost", ("shards", "ms"), [Line("x", [(1, 10), (10, 100), (100, 1000)])])
    (line,) = drawn(chart, "polyline")
    points = [tuple(map(float, point.split(","))) for point in line.attrib["points"].split()]
    (left, low), (middle, between), (right, high) = points
    assert (left, right) == (LEFT, WIDTH - 130)
    assert round(2 * middle - left - right, 1) == round(2 * between - low - high, 1) == 0
    assert high < low
    texts = [text.text for text in drawn(chart, "text")]
    assert texts == ["Cost", "ms", "1", "10", "100", "shards", "10", "100", "1000", "x"]


def test_names_of_lines_that_end_at_one_place_stand_apart() -> None:
    lines = [Line(name, [(1, 1), (2, 5)]) for name in "abc"]
    texts = drawn(line_chart("c.svg", "", ("", ""), lines), "text")[-3:]
    places = [float(text.attrib["y"]) for text in texts]
    assert [text.text for text in texts] == ["a", "b", "c"]
    assert places[1] - places[0] == places[2] - places[1] == 16


def test_one_point_is_drawn_too() -> None:
    chart = line_chart("d.svg", "", ("", ""), [Line("a", [(1, 10)])])
    assert len(drawn(chart, "circle")) == 1


def test_each_colour_is_there_for_a_dark_page_too() -> None:
    light, dark = bar_chart("a.svg", "", {"a": 1}, "ms").svg.split("@media (prefers-color-scheme: dark)")
    for style in (".s0", ".s1", ".s2", ".other", ".minor", ".axis", "text"):
        pattern = rf"{re.escape(style)} {{ [^}}]*#[0-9a-f]{{6}}"
        assert re.search(pattern.replace("text ", r"text "), light), style
        assert re.search(pattern, dark), style
