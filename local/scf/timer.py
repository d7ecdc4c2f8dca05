"""Fires timers: asynchronous invocations with Timer events."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable
from datetime import datetime, timezone
from typing import NamedTuple

from local.config import CRON_ZONE, TimerTrigger, next_firing
from local.scf.asynchronous import Accepted, Asynchronous, QueueFull
from local.scf.runtime import Outcome

logger = logging.getLogger(__name__)


class Due(NamedTuple):
    """A timer, and when it fires next."""

    at: datetime
    timer: TimerTrigger


class Timers:
    """Fires timers from `start` to `stop`; `timers` returns them as they are now."""

    def __init__(self, timers: Callable[[], Iterable[TimerTrigger]], asynchronous: Asynchronous) -> None:
        self._timers = timers
        self._asynchronous = asynchronous
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start firing every enabled timer at the times of its cron."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Stop firing timers."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def changed(self) -> None:
        """Schedule again, after a timer was added, changed or removed."""
        self._changed.set()

    def due(self, after: datetime) -> list[Due]:
        """Return the enabled timers with their next firing after a time, soonest first."""
        enabled = [timer for timer in self._timers() if timer.enabled]
        firings = [Due(at, timer) for timer in enabled if (at := next_firing(timer.cron, after)) is not None]
        return sorted(firings, key=lambda due: due.at)

    async def fire(self, name: str, message: str | None = None) -> Outcome:
        """Fire one timer now and return the outcome of the first run; a failed one is run again in the background.

        Raises KeyError, with the names of all timers, for an unknown name; QueueFull.
        """
        timers = {timer.name: timer for timer in self._timers()}
        if name not in timers:
            raise KeyError(f"no timer {name!r} in serverless.yml; there are: {', '.join(timers)}")
        return await self._accept(timers[name], datetime.now(timezone.utc), message).first

    async def _run(self) -> None:
        now = datetime.now(CRON_ZONE)
        while True:
            self._changed.clear()
            dues = self.due(now)
            pause = (dues[0].at - now).total_seconds() if dues else None
            with contextlib.suppress(asyncio.TimeoutError):  # no timer changed until then
                await asyncio.wait_for(self._changed.wait(), pause)
            # A sleep can end a little early; a timer that is not due yet is found again.
            now = datetime.now(CRON_ZONE)
            for at, timer in dues:
                if at <= now:
                    try:  # the outcome is in the log only, as on SCF
                        self._accept(timer, at)
                    except QueueFull:
                        logger.exception("timer %s of %s is skipped", timer.name, timer.function)

    def _accept(self, timer: TimerTrigger, at: datetime, message: str | None = None) -> Accepted:
        return self._asynchronous.accept(timer.function, timer_event(timer, at, message), "timer")


def timer_event(timer: TimerTrigger, fired_at: datetime, message: str | None = None) -> dict[str, object]:
    """Return the event of a timer trigger (doc 583/9708); Time is that of the run, in UTC, as in recorded logs."""
    return {
        "Type": "Timer",
        "TriggerName": timer.name,
        "Time": fired_at.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "Message": timer.message if message is None else message,
    }
