"""Fault injection for the local services.

A fault spoils a finished reply: the signature was checked, and the nonce is used up.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from typing import Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from local.config.document import named
from local.server import Reply, Request, Route, json_reply, takes_json


class Service(Protocol):
    """A local service: it answers requests, counts calls by action, and has replies for its own error codes."""

    calls: Counter[str]

    def handle(self, request: Request) -> Reply | Awaitable[Reply]:
        """Answer one request."""
        ...

    def error(self, code: str) -> Reply:
        """Answer with one of the service's documented error codes."""
        ...


class Fault(BaseModel):
    """One fault: `value` is seconds for `delay`, a status for `http`, the service's own code for `code`.

    It occurs with the probability `rate`, and `times` times at most (None: without limit).
    """

    model_config = ConfigDict(extra="forbid", strict=True)

    kind: Literal["delay", "reset", "http", "truncate", "garbage", "code"]
    value: int | float | str | None = None
    rate: float = Field(default=1, ge=0, le=1)
    times: int | None = Field(default=None, ge=0)

    @model_validator(mode="after")
    def _value_fits(self) -> Fault:
        if self.kind in ("delay", "http") and isinstance(self.value, str):
            raise ValueError(f"the value of {self.kind} must be a number")
        if self.kind == "http" and isinstance(self.value, int | float) and not 200 <= self.value <= 599:
            raise ValueError("the value of http must be a status from 200 to 599")
        return self


_FAULTS = TypeAdapter(list[Fault])


class Faults:
    """The active faults; which of them occur is drawn for each reply."""

    def __init__(self, chance: Callable[[], float] = random.random) -> None:
        self._chance = chance
        self._faults: list[Fault] = []

    def replace(self, specs: object) -> int:
        """Replace the faults by a list of `{"kind", "value", "rate", "times"}`; return how many. Raises ValueError."""
        try:
            self._faults = _FAULTS.validate_python(specs)
        except ValidationError as error:
            problems = (f"faults{named(each['loc'])}: {each['msg']}" for each in error.errors())
            raise ValueError("; ".join(problems).replace(": Value error, ", ": ")) from error  # pydantic's own words
        return len(self.in_force())

    def in_force(self) -> list[dict[str, object]]:
        """Return the faults that can still occur, in the form that `replace` takes."""
        return [fault.model_dump(exclude_none=True) for fault in self._faults if fault.times != 0]

    def draw(self) -> list[Fault]:
        """Draw the faults of one reply: any number of delays, and at most one of another kind."""
        drawn: list[Fault] = []
        for fault in self._faults:
            if fault.times != 0 and self._chance() < fault.rate:
                fault.times = fault.times and fault.times - 1
                drawn.append(fault)
                if fault.kind != "delay":
                    break
        return drawn


class Faulty:
    """A service with faults; `routes` are paths that exist in the local cloud only."""

    def __init__(self, service: Service, routes: Iterable[Route] = ()) -> None:
        self.service = service
        self.faults = Faults()
        self.routes = (
            Route("POST", "/_local/faults", takes_json(lambda specs: {"faults": self.faults.replace(specs)})),
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

    def _spoiled(self, reply: Reply, fault: Fault) -> Reply:
        if fault.kind == "http":
            return Reply(int(fault.value or 503), {"Content-Type": "text/html"}, b"<html>Service unavailable</html>")
        if fault.kind == "garbage":
            return reply._replace(body=b'\x00\xff{"code": 0, "da' + bytes(range(32)))
        if fault.kind == "code":
            return self.service.error(str(fault.value or ""))
        return reply._replace(broken=fault.kind)
