"""How many calls may be in flight: fewer when the API says that it is too many, more again while it does not."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from shared.errors import OutOfTime, Throttled
from shared.invocation import Deadline


class Pace:
    """A limit on calls in flight that halves with each throttled call and grows by one after each round without.

    It is the additive increase and multiplicative decrease of TCP (RFC 5681): one throttled call makes all others
    hold back, so that their retries do not become a storm. Thread-safe.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._limit = float(most)
        self._flying = 0
        self._free = threading.Condition()

    @contextmanager
    def call(self, deadline: Deadline) -> Iterator[None]:
        """Hold one of the places while a call is made. Raises OutOfTime when none is free before the deadline."""
        with self._free:
            if not self._free.wait_for(lambda: self._flying < int(self._limit), deadline.remaining()):
                raise OutOfTime("no answer in time")
            self._flying += 1
        throttled = False
        try:
            yield
        except Throttled:
            throttled = True
            raise
        finally:
            self._landed(throttled=throttled)

    def _landed(self, *, throttled: bool) -> None:
        with self._free:
            self._flying -= 1
            self._limit = max(1.0, self._limit / 2) if throttled else min(self._most, self._limit + 1 / self._limit)
            self._free.notify()
            if self._flying < int(self._limit) - 1:
                self._free.notify()
