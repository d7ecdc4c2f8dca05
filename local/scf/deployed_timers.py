"""Fires the timers of deployed functions."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from datetime import datetime
from typing import NamedTuple

from local.config import CRON_ZONE, TimerTrigger, next_firing
from local.scf.account import Account, Trigger
from local.scf.asynchronous import Asynchronous, QueueFull
from local.scf.timer import timer_event

logger = logging.getLogger(__name__)


class Due(NamedTuple):
    """A timer, its function, and when it fires next."""

    at: datetime
    function: str
    trigger: Trigger


class DeployedTimers:
    """Fires the open timers of an account's functions from `start` to `stop`."""

    def __init__(self, account: Account, asynchronous: Asynchronous) -> None:
        self._account = account
        self._asynchronous = asynchronous
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start firing timers."""
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
        """Return the open timers with their next firing after a time, soonest first."""
        firings = [
            Due(at, function.function_name, trigger)
            for function in self._account.functions.values()
            for trigger in function.triggers
            if trigger.type == "timer" and trigger.enable
            if (at := next_firing(trigger.trigger_desc, after)) is not None
        ]
        return sorted(firings, key=lambda due: due.at)

    async def _run(self) -> None:
        while True:
            self._changed.clear()
            now = datetime.now(CRON_ZONE)
            dues = self.due(now)
            pause = (dues[0].at - now).total_seconds() if dues else None
            with contextlib.suppress(asyncio.TimeoutError):  # no timer changed until then
                await asyncio.wait_for(self._changed.wait(), pause)
            # A sleep can end a little early; a timer that is not due yet is found again.
            now = datetime.now(CRON_ZONE)
            for due in dues:
                if due.at <= now:
                    self._fire(due)

    def _fire(self, due: Due) -> None:
        trigger = due.trigger
        timer = TimerTrigger.model_validate(
            {"function": due.function, "name": trigger.trigger_name, "cron": trigger.trigger_desc}
        )
        event = timer_event(timer, due.at, trigger.custom_argument)
        try:  # the outcome is in the log only, as on SCF
            self._asynchronous.accept(f"{due.function}:{trigger.qualifier}", event, "timer")
        except QueueFull:
            logger.exception("timer %s of %s is skipped", trigger.trigger_name, due.function)
