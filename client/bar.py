"""The progress bar, imported where there is a terminal to show it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress, TaskID

from client.outcomes import Outcome
from client.screen import Bar
from shared.tasks import PENDING


class LiveBar(Bar):
    """A bar that fills as ids are settled; while it waits it says for how many."""

    def __init__(self, display: Progress, task: TaskID) -> None:
        self._display = display
        self._task = task
        self._pending: set[str] = set()

    def add(self, outcome: Outcome) -> None:
        """Count an outcome: a pending one only once."""
        if outcome.vid not in self._pending:
            self._display.advance(self._task)
        if outcome.outcome == PENDING:
            self._pending.add(outcome.vid)

    def pause(self, seconds: float, pending: int) -> None:
        """Wait, and say for what."""
        self._display.update(self._task, description=f"{pending} pending, asked again every {seconds:.0f} s")
        super().pause(seconds, pending)


@contextmanager
def live_bar(total: int) -> Iterator[Bar]:
    """Show a bar until the block ends, then take it away."""
    with Progress(console=Console(stderr=True), transient=True) as display:
        yield LiveBar(display, display.add_task("asking", total=total))
