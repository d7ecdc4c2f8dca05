"""The progress bar; imported only if there is a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress, TaskID

from client.outcomes import Outcome
from client.screen import Bar
from shared.tasks import PENDING


class LiveBar(Bar):
    """A bar that fills as ids are answered; during a pause it shows the number of pending tasks."""

    def __init__(self, display: Progress, task: TaskID, *, waits: bool) -> None:
        self._display = display
        self._task = task
        self._waits = waits

    def add(self, outcomes: Sequence[Outcome]) -> None:
        """Count outcomes; with `waits`, pending ones do not count yet."""
        settled = sum(outcome.outcome != PENDING or not self._waits for outcome in outcomes)
        self._display.advance(self._task, settled)

    def pause(self, seconds: float, pending: int) -> None:
        """Wait, and show the number of pending tasks."""
        self._display.update(self._task, description=f"{pending} pending, asked again every {seconds:.0f} s")
        super().pause(seconds, pending)


@contextmanager
def live_bar(total: int, *, waits: bool) -> Iterator[Bar]:
    """Show a bar until the block ends, then remove it."""
    with Progress(console=Console(stderr=True), transient=True) as display:
        yield LiveBar(display, display.add_task("asking", total=total), waits=waits)
