"""Pictures of the numbers: SVG in plain text, for a light and for a dark page."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import NamedTuple

WIDTH = 720
#: Pixels: the height of a bar and of the room around it, the place of the labels.
BAR, STEP, LABELS = 16, 28, 250
#: Pixels: a chart of lines, its plot from the left and to the bottom.
HEIGHT, LEFT, BOTTOM, TOP = 340, 70, 290, 60
STYLE = """<style>
text { font: 13px system-ui, sans-serif; fill: #1f2328 }
.title { font-weight: 600; font-size: 15px } .minor { fill: #59636e } .end { text-anchor: end }
.middle { text-anchor: middle }
.axis { stroke: #d1d9e0 } .plot { fill: none; stroke-width: 2 }
.s0 { fill: #0969da; stroke: #0969da } .s1 { fill: #bc4c00; stroke: #bc4c00 } .s2 { fill: #1a7f37; stroke: #1a7f37 }
.other { fill: #818b98 } .bar { stroke: none } text.s0, text.s1, text.s2 { stroke: none }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc } .minor { fill: #9198a1 } .axis { stroke: #3d444d }
  .s0 { fill: #4493f8; stroke: #4493f8 } .s1 { fill: #f0883e; stroke: #f0883e } .s2 { fill: #3fb950; stroke: #3fb950 }
  .other { fill: #656c76 }
}
</style>"""


class Chart(NamedTuple):
    """A picture: the name of its file, what it shows in a line, the SVG."""

    name: str
    title: str
    svg: str


class Line(NamedTuple):
    """One line of a chart: its name, and the points (x, y) that it goes through."""

    name: str
    points: Sequence[tuple[float, float]]


def bar_chart(name: str, title: str, values: Mapping[str, float], unit: str, ours: str = "") -> Chart:
    """Return a chart with a bar for each value; those whose label begins with `ours` stand out."""
    scale = (WIDTH - LABELS - 90) / max(values.values())
    rows = [_text(0, 20, title, "title")]
    for number, (label, value) in enumerate(values.items()):
        y, width = 40 + number * STEP, max(1.0, value * scale)
        style = "s0" if label.startswith(ours) else "other"
        rows.append(_text(LABELS - 10, y + 13, label, "end"))
        rows.append(f'<rect class="bar {style}" x="{LABELS}" y="{y}" width="{width:.1f}" height="{BAR}" rx="2"/>')
        rows.append(_text(LABELS + width + 8, y + 13, f"{value:.3g} {unit}", "minor"))
    return Chart(name, title, _svg(title, 50 + len(values) * STEP, rows))


def line_chart(name: str, title: str, axes: tuple[str, str], lines: Sequence[Line]) -> Chart:
    """Return a chart of lines, both axes logarithmic; `axes` names them, x first."""
    xs = sorted({x for line in lines for x, _ in line.points})
    ys = [y for line in lines for _, y in line.points]
    powers = range(math.floor(math.log10(min(ys))), math.ceil(math.log10(max(ys))) + 1)
    across, up = _scale(xs[0], xs[-1], LEFT, WIDTH - 130), _scale(10.0 ** powers[0], 10.0 ** powers[-1], BOTTOM, TOP)
    parts = [_text(0, 20, title, "title"), _text(0, 44, axes[1], "minor")]
    parts += [_text(across(x), BOTTOM + 20, f"{x:g}", "minor middle") for x in xs]
    parts.append(_text((LEFT + WIDTH - 130) / 2, BOTTOM + 42, axes[0], "minor middle"))
    for power in powers:
        y = up(10.0**power)
        parts.append(f'<line class="axis" x1="{LEFT}" x2="{WIDTH - 130}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(_text(LEFT - 8, y + 4, f"{10.0**power:g}", "minor end"))
    ends = _apart([up(line.points[-1][1]) for line in lines])
    for number, (line, end) in enumerate(zip(lines, ends, strict=True)):
        points = [(across(x), up(y)) for x, y in line.points]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        parts.append(f'<polyline class="plot s{number}" style="fill:none" points="{path}"/>')
        parts += [f'<circle class="s{number}" cx="{x:.1f}" cy="{y:.1f}" r="3"/>' for x, y in points]
        parts.append(_text(WIDTH - 122, end + 4, line.name, f"s{number}"))
    return Chart(name, title, _svg(title, HEIGHT, parts))


def _scale(low: float, high: float, start: float, end: float) -> Callable[[float], float]:
    """From a value between `low` and `high` to a pixel between `start` and `end`, by its logarithm."""
    span = math.log10(high / low) or 1.0
    return lambda value: start + (end - start) * math.log10(value / low) / span


def _apart(places: Sequence[float], least: float = 16.0) -> list[float]:
    """The places of labels, moved down where one would lie on another."""
    moved = dict[int, float]()
    below = -math.inf
    for number in sorted(range(len(places)), key=places.__getitem__):
        below = moved[number] = max(places[number], below + least)
    return [moved[number] for number in range(len(places))]


def _text(x: float, y: float, text: str, style: str) -> str:
    return f'<text class="{style}" x="{x:.1f}" y="{y:.1f}">{escape(text)}</text>'


def _svg(title: str, height: int, parts: Sequence[str]) -> str:
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" width="{WIDTH}">'
    return "\n".join((head, f"<title>{escape(title)}</title>", STYLE, *parts, "</svg>")) + "\n"
