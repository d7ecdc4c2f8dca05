"""Asks a local path as the server would, without a socket."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from local.server import Reply, Request, Route


def ask_route(routes: Iterable[Route], method: str, path: str, body: bytes = b"") -> Reply:
    """Return the answer of the one route that has the method and the path."""
    (route,) = [route for route in routes if (route.method, route.path) == (method, path)]

    async def ask() -> Reply:
        answer = route.handle(Request(method, path, body=body))
        return answer if isinstance(answer, Reply) else await answer

    return asyncio.run(ask())
