"""The feed of the console: one activity for each request or invocation, sent to all listeners."""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from local.scf.runtime import Outcome
from local.server import Reply

#: How many activities are kept, and how many changes can wait for one stream; a slower reader is cut off.
KEPT, WAITING = 200, 1000
#: How many characters of an event, a reply or a log are kept.
SHOWN = 100_000

Listener = Callable[["Activity"], None]


@dataclass
class Activity:
    """One request or invocation; listeners get it when it begins and again when it ends.

    `route` says how it arrived: `GET /query-video?vids=A`, `timer collect-video`, `invoke query-video`. `status` is
    HTTP's or SCF's, 0 while it runs. `event` is JSON. `function`, `event` and `outcome` are empty if no function was
    invoked. Very long texts are cut.
    """

    number: int
    route: str
    function: str = ""
    event: str = ""
    began: float = field(default_factory=time.time)
    status: int = 0
    milliseconds: float = 0.0
    outcome: Outcome | None = None
    reply: Reply | None = None

    @property
    def well(self) -> bool:
        """Whether it succeeded."""
        return 0 < self.status < 400


class Feed:
    """Keeps the last activities, and sends new ones to listeners."""

    def __init__(self) -> None:
        self.kept: deque[Activity] = deque(maxlen=KEPT)
        self._listeners: list[Listener] = []
        self._queues: set[asyncio.Queue[Activity | None]] = set()
        self._number = 0
        self._current: ContextVar[Activity | None] = ContextVar("activity", default=None)

    def listen(self, listener: Listener) -> None:
        """Call `listener` with every activity when it begins and when it ends."""
        self._listeners.append(listener)

    async def stream(self) -> AsyncIterator[Activity]:
        """Yield activities as they change; end if the reader is too slow."""
        queue: asyncio.Queue[Activity | None] = asyncio.Queue()
        self._queues.add(queue)
        self._listeners.append(queue.put_nowait)
        try:
            while queue.qsize() < WAITING:
                activity = await queue.get()
                if activity is None:
                    return
                yield activity
        finally:
            self._listeners.remove(queue.put_nowait)
            self._queues.discard(queue)

    def close(self) -> None:
        """End every stream."""
        for queue in self._queues:
            queue.put_nowait(None)

    @contextmanager
    def request(self, route: str) -> Iterator[Activity]:
        """Record an HTTP request; an invocation inside the block belongs to it."""
        activity = self.begin(route)
        token = self._current.set(activity)
        try:
            yield activity
        except BaseException:
            self.end(activity, 500)  # as aiohttp answers
            raise
        finally:
            self._current.reset(token)

    @contextmanager
    def invocation(self, route: str, function: str, event: object) -> Iterator[Activity]:
        """Record an invocation: as part of the current HTTP request, or as an activity of its own."""
        request = self._current.get()
        activity = request or self.begin(route)
        activity.function, activity.event = function, _shortened(event)
        try:
            yield activity
        finally:
            if request is None:
                self.end(activity, activity.outcome.status if activity.outcome else 500)
            elif activity.status:  # the gateway has already timed out
                self._tell(activity)

    def end(self, activity: Activity, status: int, reply: Reply | None = None) -> None:
        """Record the end of an activity."""
        activity.status, activity.reply = status, reply and reply._replace(body=reply.body[:SHOWN])
        activity.milliseconds = (time.time() - activity.began) * 1000
        self._tell(activity)

    def begin(self, route: str) -> Activity:
        """Record the start of an activity; no invocation belongs to it."""
        self._number += 1
        activity = Activity(self._number, route)
        self.kept.append(activity)
        self._tell(activity)
        return activity

    def _tell(self, activity: Activity) -> None:
        for listener in list(self._listeners):
            listener(activity)
        activity.outcome = activity.outcome and _kept(activity.outcome)


def _shortened(event: object) -> str:
    """Return an event as JSON, or its repr if it is not JSON (SCF refuses such events)."""
    try:
        return json.dumps(event, ensure_ascii=False, indent=2)[:SHOWN]
    except (TypeError, ValueError, RecursionError):
        return repr(event)[:SHOWN]


def _kept(outcome: Outcome) -> Outcome:
    """Return an outcome small enough to keep. The log has the result and the output too, so its length bounds all."""
    if sum(map(len, outcome.log)) <= SHOWN:
        return outcome
    return outcome._replace(result="too long to show", log=[line[:1000] for line in outcome.log[:100]], output=())
