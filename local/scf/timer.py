"""The timer: cron of serverless.yml to Timer events, invoked asynchronously."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from datetime import datetime, timedelta, timezone

from croniter import croniter

from local.config import ProjectError, Timer
from local.scf.asynchronous import Asynchronous
from local.scf.runtime import Outcome

#: SCF's crons are read in Beijing time (uniCloud's page on Tencent timers; SCF's own pages do not say).
CRON_ZONE = timezone(timedelta(hours=8))


class Timers:
    """The timer triggers of a project."""

    def __init__(self, timers: tuple[Timer, ...], asynchronous: Asynchronous) -> None:
        for timer in timers:
            next_firing(timer.cron, datetime.now(CRON_ZONE))
        self._timers = {timer.name: timer for timer in timers}
        self._asynchronous = asynchronous
        self._tasks: set[asyncio.Task[object]] = set()

    def start(self) -> None:
        """Fire every enabled timer when its cron says so, until `stop`."""
        for timer in self._timers.values():
            if timer.enabled:
                self._spawn(self._run(timer))

    async def stop(self) -> None:
        """Forget what is scheduled."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def fire(self, name: str, message: str | None = None) -> Outcome:
        """Fire one timer now and return its first run's outcome; a failed one is run again in the background.

        Raises KeyError, with the names of the timers there are, for a name that is none.
        """
        if name not in self._timers:
            raise KeyError(f"no timer {name!r} in serverless.yml; there are: {', '.join(self._timers)}")
        timer = self._timers[name]
        event = timer_event(timer, datetime.now(timezone.utc), message)
        return await self._asynchronous.accept(timer.function, event, "timer").first

    async def _run(self, timer: Timer) -> None:
        due = datetime.now(CRON_ZONE)
        while True:
            now = datetime.now(CRON_ZONE)
            due = next_firing(timer.cron, max(now, due))  # a sleep may end a little early
            await asyncio.sleep((due - now).total_seconds())
            self._spawn(self.fire(timer.name))  # how it went is seen in the log only, as on SCF

    def _spawn(self, coroutine: Coroutine[object, object, object]) -> None:
        task = asyncio.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def next_firing(cron: str, after: datetime) -> datetime:
    """Return when a cron expression fires next.

    Seven fields, seconds first and the year last; five fields, minutes first, still work (doc 583/9708). A day of the
    month and a day of the week both given mean either. Raises ProjectError for anything else.
    """
    if len(cron.split()) not in (5, 7):
        raise ProjectError(f"cron {cron!r}: seven fields are needed: second minute hour day month week year")
    try:
        following: datetime = croniter(cron, after, second_at_beginning=True, day_or=True).get_next(datetime)
    except (ValueError, KeyError) as error:
        raise ProjectError(f"cron {cron!r}: {error}") from error
    return following


def timer_event(timer: Timer, fired_at: datetime, message: str | None = None) -> dict[str, object]:
    """Return the event of a timer trigger (doc 583/9708); Time is UTC and is that of the run, as recorded logs show."""
    return {
        "Type": "Timer",
        "TriggerName": timer.name,
        "Time": fired_at.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "Message": timer.message if message is None else message,
    }
