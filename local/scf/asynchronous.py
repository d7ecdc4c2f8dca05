"""Asynchronous invocations: accepted at once, run in the background, run again after a failure."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from local.scf.runtime import Outcome

logger = logging.getLogger(__name__)

#: A run that fails is repeated twice, a minute apart (error types and retry policies, 583/39851). By that page a system
#: or quota error is retried for six hours; the local runtime has neither.
RETRIES, RETRY_DELAY = 2, 60.0
#: Statuses of events that SCF refuses before any code runs: not JSON, or too large (status codes, 583/35311). They are
#: not run again (583/39851).
REFUSED = frozenset({400, 406})
#: The most events of one function that can wait, for an instance or for their next run (583/39851).
QUEUE = 100_000

#: Runs a function: its name, the event, the trigger's type ("" for none), the request id.
Invoke = Callable[[str, object, str, str], Awaitable[Outcome]]


class QueueFull(Exception):
    """The queue of a function is full."""


class Accepted(NamedTuple):
    """An event in the queue: its request id, and the outcome of its first run."""

    request_id: str
    first: asyncio.Future[Outcome]


class Asynchronous:
    """The queues of asynchronous events, which `invoke` runs; `retry_delay` is in seconds."""

    def __init__(self, invoke: Invoke, retry_delay: float = RETRY_DELAY) -> None:
        self.retry_delay = retry_delay
        self.invoke = invoke
        self._events: defaultdict[str, set[asyncio.Task[None]]] = defaultdict(set)

    def accept(self, function: str, event: object, trigger: str = "") -> Accepted:
        """Queue an event and return at once. Raises QueueFull."""
        queue = self._events[function]
        if len(queue) >= QUEUE:
            raise QueueFull(f"{QUEUE} events of {function} are waiting")
        request_id = str(uuid.uuid4())

        def run() -> Awaitable[Outcome]:
            # All runs of one event have the same id: SCF's log counts them in SCF_RetryNum (Log structure page).
            return self.invoke(function, event, trigger, request_id)

        first = asyncio.ensure_future(run())
        task = asyncio.create_task(self._finish(first, run))
        queue.add(task)
        task.add_done_callback(queue.discard)
        return Accepted(request_id, first)

    @property
    def waiting(self) -> int:
        """How many events are not finished."""
        return sum(map(len, self._events.values()))

    async def settle(self) -> None:
        """Wait until every event is finished, including those that come meanwhile."""
        while tasks := [task for queue in self._events.values() for task in queue]:
            await asyncio.gather(*tasks)

    async def stop(self) -> None:
        """Drop every event, running ones included."""
        tasks = [task for queue in self._events.values() for task in queue]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _finish(self, first: Awaitable[Outcome], run: Callable[[], Awaitable[Outcome]]) -> None:
        try:
            outcome = await first
            for _ in range(RETRIES):
                if outcome.ok or outcome.status in REFUSED:
                    return
                await asyncio.sleep(self.retry_delay)
                outcome = await run()
        except OSError as error:  # no process could be started; who waits for the first run gets it as well
            logger.warning("an event is dropped: %s", error)
