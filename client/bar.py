"""The progress bar, imported where there is a terminal to show it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress, TaskID

from client.outcomes import Outcome
from client.screen import Bar
from shared.tasks import PENDING


class LiveBar(Bar):
    """A bar that fills as ids are answered; while it waits it says for how many."""

    def __init__(self, display: Progress, task: TaskID, *, waits: bool) -> None:
        self._display = display
        self._task = task
        self._waits = waits

    def add(self, outcomes: Sequence[Outcome]) -> None:
        """Count outcomes; pending ones are counted once they are not, where they are waited for."""
        settled = sum(outcome.outcome != PENDING or not self._waits for outcome in outcomes)
        self._display.advance(self._task, settled)

    def pause(self, seconds: float, pending: int) -> None:
        """Wait, and say for what."""
        self._display.update(self._task, description=f"{pending} pending, asked again every {seconds:.0f} s")
        super().pause(seconds, pending)


@contextmanager
def live_bar(total: int, *, waits: bool) -> Iterator[Bar]:
    """Show a bar until the block ends, then take it away."""
    with Progress(console=Console(stderr=True), transient=True) as display:
        yield LiveBar(display, display.add_task("asking", total=total), waits=waits)
