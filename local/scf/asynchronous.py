"""Asynchronous invocations as SCF makes them: accepted at once, run in the background, a failed one run again."""

from __future__ import annotations

import asyncio
import uuid
from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from local.scf.runtime import Outcome

#: A run that fails is repeated twice, a minute apart (error types and retry policies, 583/39851). That page repeats
#: a system or quota error for six hours; the local runtime answers neither.
RETRIES, RETRY_DELAY = 2, 60.0
#: Statuses of an event that SCF refuses before any code runs, no JSON or too large (status codes, 583/35311): what is
#: wrong with a request does not pass, so it is not run again (583/39851).
REFUSED = frozenset({400, 406})
#: The most events of one function that wait, for an instance or for their next run (583/39851).
QUEUE = 100_000

#: Runs a function by name on an event; the trigger's type ("": none) and the id of the request follow.
Invoke = Callable[[str, object, str, str], Awaitable[Outcome]]


class QueueFull(Exception):
    """An event that finds no place in its function's queue."""


class Accepted(NamedTuple):
    """An event in the queue: the id that its sender is told, and the outcome of its first run."""

    request_id: str
    first: asyncio.Future[Outcome]


class Asynchronous:
    """The queues of asynchronous events; `retry_delay` is in seconds."""

    def __init__(self, invoke: Invoke, retry_delay: float = RETRY_DELAY) -> None:
        self.retry_delay = retry_delay
        self._invoke = invoke
        self._events: defaultdict[str, set[asyncio.Task[None]]] = defaultdict(set)

    def accept(self, function: str, event: object, trigger: str = "") -> Accepted:
        """Queue an event and return at once. Raises QueueFull."""
        queue = self._events[function]
        if len(queue) >= QUEUE:
            raise QueueFull(f"{QUEUE} events of {function} are waiting")
        request_id = str(uuid.uuid4())

        def run() -> Awaitable[Outcome]:
            # Runs of one event bear one id: the log counts them in SCF_RetryNum (Log structure page).
            return self._invoke(function, event, trigger, request_id)

        first = asyncio.ensure_future(run())
        task = asyncio.create_task(self._see_through(first, run))
        queue.add(task)
        task.add_done_callback(queue.discard)
        return Accepted(request_id, first)

    @property
    def waiting(self) -> int:
        """How many events are not seen through yet."""
        return sum(map(len, self._events.values()))

    async def settle(self) -> None:
        """Return when every event is seen through, those that came meanwhile included."""
        while tasks := [task for queue in self._events.values() for task in queue]:
            await asyncio.gather(*tasks)

    async def stop(self) -> None:
        """Forget every event, also those that are running."""
        tasks = [task for queue in self._events.values() for task in queue]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _see_through(self, first: Awaitable[Outcome], run: Callable[[], Awaitable[Outcome]]) -> None:
        outcome = await first
        for _ in range(RETRIES):
            if outcome.ok or outcome.status in REFUSED:
                return
            await asyncio.sleep(self.retry_delay)
            outcome = await run()
