"""The HTTP server of the local services.

A service is a function from `Request` to `Reply`, so tests can call it without a port. Requests that a foreign web page
makes a browser send are refused here first.
"""

from __future__ import annotations

import json
import logging
import re
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from typing import NamedTuple

from aiohttp import web
from aiohttp.http import HttpProcessingError
from multidict import CIMultiDict

#: The largest body, in bytes. SCF's limit for an event is 6 MB, and larger bodies must reach the services, which refuse
#: them with the documented answer.
MAX_BODY = 64 * 1024 * 1024
#: The longest request line and header, in bytes: API 2.0 takes a GET of 32 KB and answers a longer one itself.
MAX_LINE = 64 * 1024
#: The allowed Host names: this machine, names below `localhost`, which are loopback too (RFC 6761), and those of the
#: emulated services. Any other name means that a foreign page asks (DNS rebinding).
OWN_HOST = re.compile(
    r"(([a-z0-9-]+\.)*localhost|127(\.[0-9]{1,3}){3}|\[::1\]|([a-z0-9-]+\.)+"
    r"(myqcloud\.com|tencentcos\.cn|qcloud\.com|tencentcloudapi\.com|cloud\.tencent\.com))(:[0-9]{1,5})?",
    re.IGNORECASE,
)
#: Characters that aiohttp refuses in a header, and lone surrogates, which come from bytes that are not UTF-8.
NOT_HEADER = re.compile("[\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]")
LOCAL = "/_local/"
JSON_HEADERS = {"Content-Type": "application/json"}

logger = logging.getLogger(__name__)


class Request(NamedTuple):
    """A request: the path still percent-encoded, the query a raw string, header names in lower case, values in UTF-8.

    `parameters` are the named parts of a local path.
    """

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = {}
    body: bytes = b""
    remote: str = "127.0.0.1"
    parameters: Mapping[str, str] = {}


class Reply(NamedTuple):
    """A reply. `broken` says how the connection fails: `reset`, `truncate`, or "" for not at all.

    With a `stream`, the pieces of the body are sent as they come, until the client disconnects.
    """

    status: int
    headers: Mapping[str, str | list[str]] = {}
    body: bytes = b""
    broken: str = ""
    stream: AsyncIterator[bytes] | None = None


Handler = Callable[[Request], Awaitable[Reply]]
WebHandler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Route(NamedTuple):
    """A path of the local cloud's own; `{name}` in it is a parameter."""

    method: str
    path: str
    handle: Callable[[Request], Reply | Awaitable[Reply]]


def bare_host(host: str) -> str:
    """Return a Host header without its port, in lower case."""
    return re.sub(r":[0-9]*\Z", "", host.lower())


def json_reply(value: object, status: int = 200) -> Reply:
    """Return a value as a JSON reply."""
    return Reply(status, JSON_HEADERS, json.dumps(value, ensure_ascii=False).encode(errors="backslashreplace"))


def takes_json(take: Callable[[object], object]) -> Callable[[Request], Reply]:
    """Return the handler of a route for a JSON body; `take` returns the answer, and raises ValueError for a 400."""

    def handle(request: Request) -> Reply:
        try:
            given = json.loads(request.body)
            json.dumps(given, allow_nan=False)  # Python reads NaN and 1e999, which no browser could read again
            return json_reply(take(given))
        except (ValueError, RecursionError) as error:
            return json_reply({"error": str(error)}, 400)

    return handle


TOO_LARGE = json_reply({"error": f"a body can have at most {MAX_BODY} bytes here"}, 413)


class Server:
    """One listening HTTP server on the loopback interface; `url` is known once `start` returns.

    `routes` are its local paths; `handle` answers all others. A body above MAX_BODY gets `too_large`.
    """

    def __init__(
        self, handle: Handler, port: int = 0, routes: Iterable[Route] = (), too_large: Reply = TOO_LARGE
    ) -> None:
        self.url = ""
        self._too_large = too_large
        self._handle = handle
        self._port = port
        self._routes = routes
        self._runner: web.AppRunner | None = None

    async def start(self) -> str:
        """Listen on the port (0: any free one) and return the URL. Raises OSError when the port is taken."""
        app = web.Application(client_max_size=MAX_BODY, middlewares=[_refuse_foreign])
        for route in self._routes:
            app.router.add_route(route.method, route.path, _answering(route.handle))
        app.router.add_route("*", LOCAL + "{rest:.*}", _answering(_no_such_path))
        app.router.add_route("*", r"/{path:[\s\S]*}", _answering(self._handle, self._too_large))
        self._runner = web.AppRunner(
            app,
            access_log=None,
            handle_signals=False,
            shutdown_timeout=1,
            max_line_size=MAX_LINE,
            max_field_size=MAX_LINE,
            auto_decompress=False,  # bodies are not decoded: COS stores an object with a Content-Encoding as it is
            logger=logger,
        )
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port, backlog=1024)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self.url

    @property
    def connections(self) -> int:
        """How many clients are connected."""
        server = self._runner and self._runner.server
        return sum(connection.transport is not None for connection in server.connections) if server else 0

    async def stop(self) -> None:
        """Stop listening and close every connection."""
        if self._runner:
            await self._runner.cleanup()


def _is_our_fault(record: logging.LogRecord) -> bool:
    """Whether a log record is about our own error. Malformed HTTP from a client gets a 400 and no log line."""
    return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))


logger.addFilter(_is_our_fault)


@web.middleware
async def _refuse_foreign(request: web.Request, handler: WebHandler) -> web.StreamResponse:
    """Refuse foreign Host names, and local paths for pages of other origins."""
    host, origin = request.headers.get("Host", ""), request.headers.get("Origin")
    if not OWN_HOST.fullmatch(host):
        return _response(json_reply({"error": "this Host is not the local cloud's"}, 403))
    if request.path.startswith(LOCAL) and origin not in (None, f"http://{host}"):
        return _response(json_reply({"error": "pages of other origins can't use this path"}, 403))
    return await handler(request)


def _answering(handle: Callable[[Request], Reply | Awaitable[Reply]], too_large: Reply = TOO_LARGE) -> WebHandler:
    """Wrap a handler of ours for aiohttp."""

    async def answer(request: web.Request) -> web.StreamResponse:
        # A client that has a service here as its proxy sends the whole URL (RFC 9112, 3.2.2).
        path, _, query = re.sub(r"\Ahttp://[^/?]*", "", request.raw_path).partition("?")
        # What is not UTF-8 can't go into an event, which is JSON, nor have been signed.
        headers = {name.lower(): value.encode(errors="replace").decode() for name, value in request.headers.items()}
        try:
            body, remote = await request.read(), request.remote or ""
        except web.HTTPRequestEntityTooLarge:
            return _response(too_large)
        except (ConnectionResetError, web.RequestPayloadError):  # cut short, or not what its headers say
            return web.Response(status=400)
        parameters = dict(request.match_info) if request.path.startswith(LOCAL) else {}
        answer = handle(Request(request.method, path, query, headers, body, remote, parameters))
        reply = answer if isinstance(answer, Reply) else await answer
        if reply.broken == "reset":
            _reset(request)
        if reply.broken == "truncate":
            return await _truncated(request, reply)
        return await _streamed(request, reply, reply.stream) if reply.stream else _response(reply)

    return answer


def _no_such_path(request: Request) -> Reply:
    return json_reply({"error": f"there is no {request.method} {request.path}"}, 404)


def _response(reply: Reply) -> web.Response:
    return web.Response(status=reply.status, headers=_multidict(reply.headers), body=reply.body)


def _multidict(headers: Mapping[str, str | list[str]]) -> CIMultiDict[str]:
    pairs = CIMultiDict[str]()
    for name, value in headers.items():
        for item in [value] if isinstance(value, str) else value:
            pairs.add(name, item)
    return pairs


def _reset(request: web.Request) -> None:
    """Close the connection with a RST, as a load balancer does that drops a client."""
    transport = request.transport
    if transport is not None:
        linger_zero = struct.pack("ii", 1, 0)
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger_zero)
        transport.abort()


async def _truncated(request: web.Request, reply: Reply) -> web.StreamResponse:
    """Announce the whole body, send half of it and close the connection."""
    response = web.StreamResponse(status=reply.status, headers=_multidict(reply.headers))
    response.content_length = len(reply.body)
    await response.prepare(request)
    await response.write(reply.body[: len(reply.body) // 2])
    if request.transport is not None:
        request.transport.close()
    return response


async def _streamed(request: web.Request, reply: Reply, stream: AsyncIterator[bytes]) -> web.StreamResponse:
    """Send the pieces as they come, until the client disconnects."""
    response = web.StreamResponse(status=reply.status, headers=_multidict(reply.headers))
    await response.prepare(request)
    try:
        async for piece in stream:
            await response.write(piece)
    except ConnectionResetError:
        logger.debug("a client of %s has disconnected", request.path)
    return response
