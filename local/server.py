"""HTTP for the local services: a request in, a reply out, and the one place that touches sockets.

A service is a function from `Request` to `Reply`, so tests call it without a port.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple

from aiohttp import web
from multidict import CIMultiDict

#: The largest body taken, in bytes. SCF's own limit for an event is 6 MB, so a body beyond that must reach the
#: services, which refuse it with the documented answer.
MAX_BODY = 64 * 1024 * 1024
#: The longest request line and header taken, in bytes: API 2.0 takes a GET of 32 KB and answers a longer one itself.
MAX_LINE = 64 * 1024


class Request(NamedTuple):
    """A request as it came: the path still percent-encoded, the query a raw string, header names in lower case."""

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = {}
    body: bytes = b""
    remote: str = "127.0.0.1"


class Reply(NamedTuple):
    """An answer. `broken` says how the connection is to fail on the way: `reset`, `truncate`, or not at all."""

    status: int
    headers: Mapping[str, str | list[str]] = {}
    body: bytes = b""
    broken: str = ""


Handler = Callable[[Request], Awaitable[Reply]]


class Server:
    """One listening HTTP server on the loopback interface; `url` is known once `start` returns."""

    def __init__(self, handle: Handler, port: int = 0) -> None:
        self.url = ""
        self._handle = handle
        self._port = port
        self._runner: web.AppRunner | None = None

    async def start(self) -> str:
        """Listen on the port (0: any free one) and return the URL. Raises OSError when the port is taken."""
        app = web.Application(client_max_size=MAX_BODY)
        app.router.add_route("*", r"/{path:[\s\S]*}", self._answer)
        self._runner = web.AppRunner(
            app,
            access_log=None,
            handle_signals=False,
            shutdown_timeout=1,
            max_line_size=MAX_LINE,
            max_field_size=MAX_LINE,
            auto_decompress=False,  # a body is kept as it came: COS stores what has a Content-Encoding unopened
        )
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port, backlog=1024)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self.url

    async def stop(self) -> None:
        """Stop listening and close every connection."""
        if self._runner:
            await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        path, _, query = request.raw_path.partition("?")
        # Header bytes that are no UTF-8 can't go into an event, which is JSON.
        headers = {name.lower(): value.encode(errors="replace").decode() for name, value in request.headers.items()}
        body = await request.read()
        reply = await self._handle(Request(request.method, path, query, headers, body, request.remote or ""))
        if reply.broken == "reset":
            _reset(request)
        if reply.broken == "truncate":
            return await _truncated(request, reply)
        return web.Response(status=reply.status, headers=_multidict(reply.headers), body=reply.body)


def _multidict(headers: Mapping[str, str | list[str]]) -> CIMultiDict[str]:
    pairs = CIMultiDict[str]()
    for name, value in headers.items():
        for item in [value] if isinstance(value, str) else value:
            pairs.add(name, item)
    return pairs


def _reset(request: web.Request) -> None:
    """Close with a RST instead of an orderly end: what a client sees when a load balancer drops it."""
    transport = request.transport
    if transport is not None:
        linger_zero = struct.pack("ii", 1, 0)
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger_zero)
        transport.abort()


async def _truncated(request: web.Request, reply: Reply) -> web.StreamResponse:
    """Announce the whole body, send half of it and hang up."""
    response = web.StreamResponse(status=reply.status, headers=_multidict(reply.headers))
    response.content_length = len(reply.body)
    await response.prepare(request)
    await response.write(reply.body[: len(reply.body) // 2])
    if request.transport is not None:
        request.transport.close()
    return response
