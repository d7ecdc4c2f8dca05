"""A limit on calls in flight: lower after the API has throttled a call, higher again while it does not."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from shared.errors import OutOfTime, Throttled
from shared.invocation import Deadline


class Limiter:
    """A limit on calls in flight. It halves when a call is throttled, and grows by one after a round without that.

    This is TCP's additive increase and multiplicative decrease (RFC 5681): after one throttled call all calls hold
    back, so that their retries are no storm. It halves once a window (RFC 6582, 3.1): a call that was in flight when
    the limit halved met the quota before, so its outcome does not change the limit. Thread-safe.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._limit = float(most)
        self._in_flight = 0
        self._begun = 0
        self._halved_at = 0
        self._free = threading.Condition()

    @contextmanager
    def call(self, deadline: Deadline) -> Iterator[None]:
        """Hold a place during a call. Raises OutOfTime when none is free before the deadline."""
        with self._free:
            if not (self._has_place() or deadline.wait_for(self._free, self._has_place)):
                raise OutOfTime("no answer in time")
            self._in_flight += 1
            self._begun += 1
            number = self._begun
        throttled = False
        try:
            yield
        except Throttled:
            throttled = True
            raise
        finally:
            self._landed(number, throttled=throttled)

    def _has_place(self) -> bool:
        return self._in_flight < int(self._limit)

    def _landed(self, number: int, *, throttled: bool) -> None:
        """Free the place. Adapt the limit unless the call, the `number`th, began before the limit was last halved."""
        with self._free:
            self._in_flight -= 1
            if number > self._halved_at and throttled:
                self._limit, self._halved_at = max(1.0, self._limit / 2), self._begun
            elif number > self._halved_at:
                self._limit = min(self._most, self._limit + 1 / self._limit)
            self._free.notify(2)  # the limit may have grown by one as well
