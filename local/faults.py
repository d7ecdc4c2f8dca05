"""Fault injection for the local services.

A fault spoils a finished reply: the signature was checked, and the nonce is used up.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import NamedTuple, Protocol

from local.server import Reply, Request, Route, json_reply

KINDS = ("delay", "reset", "http", "truncate", "garbage", "code")


class Service(Protocol):
    """A local service: it answers requests, counts calls by action, and has replies for its own error codes."""

    calls: Counter[str]

    def handle(self, request: Request) -> Reply:
        """Answer one request."""
        ...

    def error(self, code: str) -> Reply:
        """Answer with one of the service's documented error codes."""
        ...


class SlowService(Protocol):
    """A service that answers asynchronously."""

    calls: Counter[str]

    def handle(self, request: Request) -> Awaitable[Reply]:
        """Answer one request."""
        ...

    def error(self, code: str) -> Reply:
        """Answer with one of the service's documented error codes."""
        ...


class Fault(NamedTuple):
    """One fault: `value` is seconds for `delay`, a status for `http`, the service's own code for `code`."""

    kind: str
    value: float | str | None
    rate: float


class Faults:
    """The active faults; which of them occur is drawn for each reply."""

    def __init__(self, chance: Callable[[], float] = random.random) -> None:
        self._chance = chance
        self._faults: list[Fault] = []
        self._left: list[float] = []

    def replace(self, specs: object) -> None:
        """Replace the faults by a list of `{"kind", "value", "rate", "times"}`. Raises ValueError."""
        if not isinstance(specs, list):
            raise ValueError("faults: a JSON list is needed")
        parsed = [_parse(spec) for spec in specs]
        self._faults = [fault for fault, _ in parsed]
        self._left = [times for _, times in parsed]

    def in_force(self) -> list[dict[str, object]]:
        """Return the faults that can still occur, in the form that `replace` takes."""
        return [
            {**fault._asdict(), **({} if left == float("inf") else {"times": left})}
            for fault, left in zip(self._faults, self._left, strict=True)
            if left > 0
        ]

    def draw(self) -> list[Fault]:
        """Draw the faults of one reply: any number of delays, and at most one of another kind."""
        drawn: list[Fault] = []
        for index, fault in enumerate(self._faults):
            if self._left[index] > 0 and self._chance() < fault.rate:
                self._left[index] -= 1
                drawn.append(fault)
                if fault.kind != "delay":
                    break
        return drawn


class Faulty:
    """A service with faults; `routes` are paths that exist in the local cloud only."""

    def __init__(self, service: Service | SlowService, routes: Iterable[Route] = ()) -> None:
        self.service = service
        self.faults = Faults()
        self.routes = (
            Route("POST", "/_local/faults", self._set_faults),
            Route("GET", "/_local/faults", lambda _: json_reply(self.faults.in_force())),
            Route("GET", "/_local/calls", lambda _: json_reply(self.service.calls)),
            *routes,
        )

    async def handle(self, request: Request) -> Reply:
        """Answer one request, spoiled by the faults drawn for it."""
        answer = self.service.handle(request)
        reply = await answer if isinstance(answer, Awaitable) else answer
        for fault in self.faults.draw():
            if fault.kind == "delay":
                await asyncio.sleep(float(fault.value or 0))
            else:
                reply = self._spoiled(reply, fault)
        return reply

    def _set_faults(self, request: Request) -> Reply:
        try:
            self.faults.replace(json.loads(request.body))
        except (ValueError, RecursionError) as error:
            return json_reply({"error": str(error)}, 400)
        return json_reply({"faults": len(self.faults.in_force())})

    def _spoiled(self, reply: Reply, fault: Fault) -> Reply:
        if fault.kind == "http":
            return Reply(int(fault.value or 503), {"Content-Type": "text/html"}, b"<html>Service unavailable</html>")
        if fault.kind == "garbage":
            return reply._replace(body=b'\x00\xff{"code": 0, "da' + bytes(range(32)))
        if fault.kind == "code":
            return self.service.error(str(fault.value or ""))
        return reply._replace(broken=fault.kind)


def _parse(spec: object) -> tuple[Fault, float]:
    if not isinstance(spec, Mapping) or spec.get("kind") not in KINDS:
        raise ValueError(f"faults: each needs a kind, one of {', '.join(KINDS)}")
    if unknown := sorted(map(str, set(spec) - {"kind", "value", "rate", "times"})):
        raise ValueError(f"faults: there is no {unknown[0]}; a fault has kind, value, rate and times")
    rate, times = spec.get("rate", 1), spec.get("times")
    for name, number in (("rate", rate), ("times", 0 if times is None else times)):
        if isinstance(number, bool) or not isinstance(number, (int, float)):
            raise ValueError(f"faults: {name} must be a number")
    if not 0 <= rate <= 1:
        raise ValueError("faults: rate must be from 0 to 1")
    value = _value(spec["kind"], spec.get("value"))
    return Fault(spec["kind"], value, float(rate)), float("inf") if times is None else float(times)


def _value(kind: str, value: object) -> float | str | None:
    """Check and return the value of a fault. Raises ValueError."""
    if kind in ("delay", "http") and isinstance(value, (str, bool)):
        raise ValueError(f"faults: the value of {kind} must be a number")
    if value is not None and not isinstance(value, (int, float, str)):
        raise ValueError("faults: value must be a number or a text")
    if kind == "http" and isinstance(value, (int, float)) and not 200 <= value <= 599:
        raise ValueError("faults: the value of http must be a status from 200 to 599")
    return value
