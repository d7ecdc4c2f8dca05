"""One invocation: its request id, its deadline, its counters and its log line."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from typing import NamedTuple

#: What SCF passes to a handler: the event, when a trigger made it, and the context. Both are JSON objects.
Event = Mapping[str, object]
Context = Mapping[str, object]

#: SCF's default timeout, for a context that does not say (reference: component multi-scf).
DEFAULT_LIMIT_MS = 3000
#: SCF's longest timeout in seconds (quota page).
LONGEST_LIMIT = 900.0
#: Seconds reserved for making the reply, and for writing the answer to COS. Each is at most the given share of the time
#: limit, so that a three-second function still has time to ask.
REPLY_MARGIN, REPLY_SHARE = 0.5, 0.1
WRITE_MARGIN, WRITE_SHARE = 3.0, 0.2


class Deadline:
    """The time by which some work has to end. The work can also be called off before. Thread-safe."""

    def __init__(self, at: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._at = at
        self._clock = clock
        self._off = threading.Event()
        self._stops: set[Callable[[], None]] = set()

    def remaining(self) -> float:
        """Return the seconds left, never below 0; 0 once the work is called off."""
        return 0.0 if self._off.is_set() else max(0.0, self._at - self._clock())

    def earlier(self, seconds: float) -> Deadline:
        """Return a deadline so many seconds before this one."""
        return Deadline(self._at - seconds, self._clock)

    def half(self) -> Deadline:
        """Return a deadline after half of the time left."""
        return self.earlier(self.remaining() / 2)

    @contextmanager
    def scope(self) -> Iterator[Deadline]:
        """Yield the same deadline for the work of a block. Work that is left at the end of the block is called off."""
        inner = Deadline(self._at, self._clock)
        with self.calling(inner.call_off):
            try:
                yield inner
            finally:
                inner.call_off()

    def call_off(self) -> None:
        """Leave no time from now on, and wake every waiting thread."""
        self._off.set()
        for stop in tuple(self._stops):
            stop()

    @contextmanager
    def calling(self, stop: Callable[[], None]) -> Iterator[None]:
        """Call `stop` when the work is called off during the block, or was before."""
        self._stops.add(stop)
        try:
            if self._off.is_set():
                stop()
            yield
        finally:
            self._stops.discard(stop)

    def pause(self, seconds: float) -> None:
        """Sleep for some seconds, or until the work is called off."""
        self._off.wait(seconds)

    def wait_for(self, changed: threading.Condition, ready: Callable[[], bool]) -> bool:
        """Wait on a condition that the caller holds, until `ready()` or no time is left. Return `ready()`."""

        def wake() -> None:
            with changed:
                changed.notify_all()

        with self.calling(wake):
            changed.wait_for(lambda: ready() or not self.remaining(), self.remaining())
        return ready()


class Function(NamedTuple):
    """The running function, in the terms of SCF's own API."""

    name: str
    namespace: str
    version: str
    region: str


class Invocation:
    """One invocation, from SCF's context, and what it has done so far. Counting is thread-safe."""

    def __init__(self, context: object, clock: Callable[[], float] = time.monotonic) -> None:
        known: Mapping[str, object] = context if isinstance(context, Mapping) else {}
        limit = _seconds(known.get("time_limit_in_ms"))
        self.started = clock()
        self.request_id = _request_id(known.get("request_id"))
        self.function = Function(
            str(known.get("function_name", "")),
            str(known.get("namespace", "default")),
            str(known.get("function_version", "$LATEST")),
            str(known.get("tencentcloud_region", "")),
        )
        self.deadline = Deadline(self.started + limit - min(REPLY_MARGIN, limit * REPLY_SHARE), clock)
        self.write_margin = min(WRITE_MARGIN, limit * WRITE_SHARE)
        self.facts: dict[str, object] = {}
        self._skew = 0.0
        self._counts: dict[str, int] = {}
        self._lock = threading.Lock()
        self._clock = clock

    def now(self) -> float:
        """Return Unix seconds, corrected once a service has found our clock wrong."""
        return time.time() + self._skew

    def follow(self, date: str) -> None:
        """Set our clock by a service's: `date` is the Date header of a reply that finds our time wrong."""
        try:
            self._skew = parsedate_to_datetime(date).timestamp() - time.time()
        except (ValueError, OverflowError):
            self._skew = 0.0  # without a usable Date, keep our own clock

    def count(self, what: str) -> None:
        """Count an event such as a call or a retry."""
        with self._lock:
            self._counts[what] = self._counts.get(what, 0) + 1

    def log(self) -> None:
        """Print the invocation's log line, one JSON object, which CLS splits into fields."""
        milliseconds = round((self._clock() - self.started) * 1000)
        line = {"request_id": self.request_id, **self.facts, **self._counts, "ms": milliseconds}
        print(json.dumps(line), flush=True)


def peak_memory_mb() -> int:
    """Return the peak memory of this instance in MB, as Linux counts it; 0 where there is no /proc."""
    try:
        with open("/proc/self/status", encoding="ascii", errors="replace") as status:
            found = re.search(r"^VmHWM:\s+(\d+) kB", status.read(), re.MULTILINE)
    except FileNotFoundError:
        return 0
    return round(int(found.group(1)) / 1024) if found else 0


def _seconds(limit_ms: object) -> float:
    try:
        seconds = float(limit_ms if isinstance(limit_ms, (int, float, str)) else DEFAULT_LIMIT_MS) / 1000
    except (ValueError, OverflowError):
        return DEFAULT_LIMIT_MS / 1000
    return min(LONGEST_LIMIT, max(0.0, seconds))


def _request_id(given: object) -> str:
    """The platform's request id. It becomes part of a COS key, so one that is not plain is replaced."""
    if isinstance(given, str) and re.fullmatch(r"[\w-]{1,64}", given, re.ASCII):
        return given
    import uuid  # late: the platform always sends a request id

    return str(uuid.uuid4())
