"""Numbers to rows to Markdown."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import NamedTuple

from benchmarks.charts import Chart


class Bar(NamedTuple):
    """The bar for a ratio: at most `limit`, or at least that when more is better."""

    limit: float
    at_least: bool = False

    def met(self, ratio: float) -> bool:
        """Whether a ratio keeps to the bar."""
        return ratio >= self.limit if self.at_least else ratio <= self.limit

    def __str__(self) -> str:
        return f"{'≥' if self.at_least else '≤'} {self.limit:g}"


class Quartiles(NamedTuple):
    """The middle of some numbers, and the range that half of them lie in."""

    low: float
    median: float
    high: float


class Row(NamedTuple):
    """One comparison. `ours` and `reference` are texts with their units; `bar` is None where none is set."""

    what: str
    ours: str
    reference: str
    ratio: Quartiles
    bar: Bar | None = None

    @property
    def missed(self) -> bool:
        """Whether there is a bar and the ratio's median does not keep to it."""
        return self.bar is not None and not self.bar.met(self.ratio.median)


class Topic(NamedTuple):
    """One table: its title, a note on what was measured, its rows; what follows it, and its pictures."""

    title: str
    note: str
    rows: list[Row]
    more: str = ""
    charts: tuple[Chart, ...] = ()


def quartiles(numbers: Sequence[float]) -> Quartiles:
    """Return the quartiles of at least one number, the ends of the sample included in the distribution."""
    if len(numbers) == 1:
        return Quartiles(numbers[0], numbers[0], numbers[0])
    return Quartiles(*statistics.quantiles(numbers, n=4, method="inclusive"))


def compared(what: str, ours: Sequence[float], reference: Sequence[float], unit: str, bar: Bar | None = None) -> Row:
    """Return the row of two series measured in pairs: the median of each, and the quartiles of each pair's ratio.

    A ratio within a pair is not touched by what else the machine did meanwhile, as long as it did so to both.
    Raises ValueError when the series are not of one length.
    """
    ratios = [one / two for one, two in zip(ours, reference, strict=True)]
    mine, other = (f"{statistics.median(series):.4g} {unit}" for series in (ours, reference))
    return Row(what, mine, other, quartiles(ratios), bar)


def against(what: str, ours: Sequence[float], fixed: float, unit: str, bar: Bar | None = None) -> Row:
    """Return the row of a series measured against a number that is not measured: a limit, an ideal."""
    return compared(what, ours, [fixed] * len(ours), unit, bar)


def markdown(topic: Topic) -> str:
    """Return a topic as a chapter of Markdown."""
    lines = [
        f"## {topic.title}",
        "",
        topic.note,
        "",
        "| | ours | reference | ratio | middle half | bar | |",
        "|---|---:|---:|---:|---:|---:|---|",
        *(_line(row) for row in topic.rows),
        *(["", topic.more] if topic.more else []),
        *(line for chart in topic.charts for line in ("", f"![{chart.title}]({chart.name})")),
    ]
    return "\n".join(lines) + "\n"


def _line(row: Row) -> str:
    ratio = row.ratio
    verdict = "" if row.bar is None else "missed" if row.missed else "met"
    cells = (row.what, row.ours, row.reference, f"**{ratio.median:.3f}**", f"{ratio.low:.3f} to {ratio.high:.3f}")
    return f"| {' | '.join((*cells, str(row.bar or ''), verdict))} |"
