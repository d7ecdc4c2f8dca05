"""What users see in a terminal: a table on standard output, a progress bar and a summary on standard error."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TextIO

from rich.console import Console
from rich.progress import Progress
from rich.table import Table as RichTable
from rich.text import Text

from client.errors import printable
from client.forms import OURS
from client.outcomes import INVALID, Outcome
from client.output import Output
from client.sheet import Sheet
from shared.tasks import DELETED, FAILED, MISSING, PENDING, SUCCEEDED, UNANSWERED

COLOURS = {
    SUCCEEDED: "green",
    FAILED: "red",
    PENDING: "yellow",
    DELETED: "dim",
    MISSING: "magenta",
    UNANSWERED: "bold red",
    INVALID: "bold magenta",
}
#: The width of a table outside a terminal, in characters: no cell is wrapped.
UNLIMITED = 100_000


class Table(Output):
    """Prints a table with colours, once all rows are known: the widths of the columns depend on them."""

    def __init__(self, stream: TextIO, sheet: Sheet) -> None:
        super().__init__(sheet)
        self._stream = stream

    def close(self) -> None:
        """Print the known rows, without our empty columns."""
        ours = [name for name in OURS if any(row[name] for row in self.known.values())]
        table = RichTable(header_style="bold")
        for name in [*self._sheet.columns, *ours]:
            table.add_column(Text(printable(name)), overflow="fold")
        for own, row in self.known_rows():
            cells = [Text(printable(cell)) for cell in [*own, *(row[name] for name in ours)]]
            cells[len(own)].stylize(COLOURS[row["outcome"]])
            table.add_row(*cells)
        Console(file=self._stream, width=None if self._stream.isatty() else UNLIMITED).print(table)


class Bar:
    """A bar that fills as ids are answered; with `waits`, pending tasks do not count as answered yet."""

    def __init__(self, display: Progress, total: int, *, waits: bool) -> None:
        self._display = display
        self._task = display.add_task("asking", total=total)
        self._waits = waits

    def add(self, outcomes: Sequence[Outcome]) -> None:
        """Count outcomes."""
        settled = sum(outcome.outcome != PENDING or not self._waits for outcome in outcomes)
        self._display.advance(self._task, settled)

    def pause(self, seconds: float, pending: int) -> None:
        """Wait before pending tasks are asked about again, and show their number."""
        self._display.update(self._task, description=f"{pending} pending, asked again every {seconds:.0f} s")
        time.sleep(seconds)


@contextmanager
def progress(total: int, *, waits: bool) -> Iterator[Bar]:
    """Return a progress bar for `total` ids on standard error; without a terminal it shows nothing."""
    with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as display:
        yield Bar(display, total, waits=waits)


def summary(outcomes: Sequence[str]) -> str:
    """Return a line that counts the rows by outcome."""
    counts = Counter(outcomes)
    counted = ", ".join(f"{counts[word]} {word}" for word in COLOURS if counts[word])
    return f"{len(outcomes)} row{'s' * (len(outcomes) != 1)}: {counted or 'none answered'}"
