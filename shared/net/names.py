"""Addresses of host names, looked up in one thread for all calls.

A lookup can't be interrupted, so no call makes one itself. When a name server hangs, each call still ends at its own
deadline, and only one thread keeps waiting, for any number of calls and invocations.
"""

from __future__ import annotations

import socket
import threading
import time
from collections import deque
from functools import cache
from typing import Any, NamedTuple

from urllib3.util.connection import allowed_gai_family

from shared.invocation import Deadline

#: Seconds that an answer is used: long enough for the connections of a burst, short enough to notice a move.
FRESH = 10.0


class Address(NamedTuple):
    """An address family, and the address in the form that `socket.connect` takes for it."""

    family: int
    target: tuple[Any, ...]


class _Lookup:
    """One lookup: under way, or its addresses, or its error."""

    def __init__(self) -> None:
        self.ended = 0.0
        self.found: list[Address] = []
        self.error: Exception | None = None

    def usable(self) -> bool:
        """Return whether it is still under way, or has an answer that is fresh."""
        return not self.ended or (self.error is None and time.monotonic() < self.ended + FRESH)


class Names:
    """Looks up names one after the other, in a thread that ends when none is left. Thread-safe."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._lookups: dict[tuple[str, int], _Lookup] = {}
        self._todo: deque[tuple[str, int]] = deque()
        self._working = False

    def addresses(self, host: str, port: int, deadline: Deadline) -> list[Address]:
        """Return the addresses of a host, the best first; an IP address and `localhost` need no lookup.

        Raises TimeoutError when the deadline comes first, another OSError when there is no such name.
        """
        if literal := _literal(host.strip("[]"), port):
            return literal
        with self._changed:
            lookup = self._lookups.get((host, port))
            if lookup is None or not lookup.usable():
                if not self._working:  # a thread that can't start leaves nothing behind
                    threading.Thread(target=self._work, name="names", daemon=True).start()
                    self._working = True
                lookup = self._lookups[host, port] = _Lookup()
                self._todo.append((host, port))
            if not deadline.wait_for(self._changed, lambda: bool(lookup.ended)):
                raise TimeoutError(f"no address of {host} in time")
        if lookup.error is not None:
            raise OSError(f"no address of {host}") from lookup.error
        return lookup.found

    def _work(self) -> None:
        while True:
            with self._changed:
                if not self._todo:
                    self._working = False
                    return
                host, port = self._todo.popleft()
                lookup = self._lookups[host, port]
            try:
                lookup.found = _look_up(host, port)
            except Exception as error:  # noqa: BLE001 - else nobody would look up a name in this instance again
                lookup.error = error
            with self._changed:
                lookup.ended = time.monotonic()
                self._changed.notify_all()


@cache
def names() -> Names:
    """Return the lookups that all invocations of an instance share."""
    return Names()


def _literal(host: str, port: int) -> list[Address]:
    if host == "localhost":  # always this machine (RFC 6761)
        return [*_literal("127.0.0.1", port), *_literal("::1", port)]
    for family, rest in ((socket.AF_INET, ()), (socket.AF_INET6, (0, 0))):
        try:
            socket.inet_pton(family, host)
        except OSError:
            continue
        return [Address(family, (host, port, *rest))]
    return []


def _look_up(host: str, port: int) -> list[Address]:
    found = socket.getaddrinfo(host, port, allowed_gai_family(), socket.SOCK_STREAM)
    return [Address(family, target) for family, _, _, _, target in found]
