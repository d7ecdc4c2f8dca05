"""Fires the timers of serverless.yml: asynchronous invocations with Timer events."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from datetime import datetime, timezone

from local.config import CRON_ZONE, TimerTrigger, next_firing
from local.scf.asynchronous import Asynchronous
from local.scf.runtime import Outcome


class Timers:
    """The timer triggers of a project."""

    def __init__(self, timers: Iterable[TimerTrigger], asynchronous: Asynchronous) -> None:
        self._timers = {timer.name: timer for timer in timers}
        self._asynchronous = asynchronous
        self._tasks: set[asyncio.Task[object]] = set()

    def start(self) -> None:
        """Fire every enabled timer at the times of its cron, until `stop`."""
        for timer in self._timers.values():
            if timer.enabled:
                self._spawn(self._run(timer))

    async def stop(self) -> None:
        """Stop firing timers."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def ended(self) -> None:
        """Wait until nothing is scheduled."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def fire(self, name: str, message: str | None = None) -> Outcome:
        """Fire one timer now and return the outcome of the first run; a failed one is run again in the background.

        Raises KeyError, with the names of all timers, for an unknown name.
        """
        if name not in self._timers:
            raise KeyError(f"no timer {name!r} in serverless.yml; there are: {', '.join(self._timers)}")
        timer = self._timers[name]
        event = timer_event(timer, datetime.now(timezone.utc), message)
        return await self._asynchronous.accept(timer.function, event, "timer").first

    async def _run(self, timer: TimerTrigger) -> None:
        due = datetime.now(CRON_ZONE)
        while True:
            now = datetime.now(CRON_ZONE)
            following = next_firing(timer.cron, max(now, due))  # a sleep can end a little early
            if following is None:  # its cron has no further times
                return
            due = following
            await asyncio.sleep((due - now).total_seconds())
            self._spawn(self.fire(timer.name))  # the outcome is in the log only, as on SCF

    def _spawn(self, coroutine: Coroutine[object, object, object]) -> None:
        task = asyncio.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def timer_event(timer: TimerTrigger, fired_at: datetime, message: str | None = None) -> dict[str, object]:
    """Return the event of a timer trigger (doc 583/9708); Time is that of the run, in UTC, as in recorded logs."""
    return {
        "Type": "Timer",
        "TriggerName": timer.name,
        "Time": fired_at.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "Message": timer.message if message is None else message,
    }
