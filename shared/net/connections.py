"""Connections whose every wait ends with the deadline of the attempt.

A socket's own timeout bounds one wait, not a reply: an upstream that sends a byte now and then holds a reader for ever.
These sockets look at the clock before each wait, for any part of a reply: status line, headers, chunk sizes, trailers,
gzip. They are put in place by the classes that urllib3's pools and connections name for what they make.
"""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache, lru_cache
from io import DEFAULT_BUFFER_SIZE
from math import inf
from typing import Any

from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict
from requests.utils import DEFAULT_CA_BUNDLE_PATH, get_encoding_from_headers
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError
from urllib3.response import HTTPResponse
from urllib3.util import parse_url
from urllib3.util.ssl_ import create_urllib3_context

from shared.invocation import Deadline
from shared.net.names import names

#: Hosts with warm connections: the back end, COS, SCF.
HOSTS = 4
#: Bytes of a reply before its body: status line, headers, and interim replies like 100 Continue. http.client would take
#: 100 headers of 64 KB each, which Python turns into objects: 16 such replies at once are more than a function has.
MOST_HEAD = 64 * 1024
#: Bytes of a request that leave in one piece, head and body: two would be two packets, and two waits of the receiver.
ONE_PIECE = 64 * 1024


class Attempt:
    """One attempt at a call: the time and the socket that it has."""

    def __init__(self, deadline: Deadline, longest: float) -> None:
        self.deadline = deadline
        self.most_bytes = inf  # that may still come
        self._longest = longest
        self._socket: BoundedSocket | None = None

    def left(self) -> float:
        """Return the seconds that a wait may take. Raises TimeoutError when none are left."""
        seconds = min(self._longest, self.deadline.remaining())
        if not seconds:
            raise TimeoutError("no time is left")
        return seconds

    def takes(self, sock: BoundedSocket) -> None:
        """Use this socket for the attempt from now on."""
        sock.attempt = self
        self._socket = sock

    def shut(self) -> None:
        """Shut the socket, unless another attempt has it by now: that ends a wait on it, in whatever thread."""
        sock = self._socket
        if sock is not None and sock.attempt is self:
            with suppress(OSError):  # closed already
                # Not an SSLSocket's own shutdown: it would pull TLS from under the reader.
                socket.socket.shutdown(sock, socket.SHUT_RDWR)


class _Thread(threading.local):
    attempt: Attempt  # while there is one


_thread = _Thread()


@contextmanager
def attempt(deadline: Deadline, longest: float) -> Iterator[None]:
    """Make one attempt at a call in the calling thread, each of whose waits takes `longest` seconds at most.

    urllib3 passes only a number of seconds to a connection, so a socket finds its attempt through the thread.
    """
    made = _thread.attempt = Attempt(deadline, longest)
    try:
        with deadline.calling(made.shut):
            yield
    finally:
        del _thread.attempt


class BoundedSocket(socket.socket):
    """A socket whose waits are bounded by its attempt: each raises TimeoutError when the time is over."""

    attempt: Attempt

    def recv_into(self, *args: Any, **options: Any) -> int:
        """As in socket. Raises OSError when more bytes come than the attempt takes."""
        self.settimeout(self.attempt.left())
        count = super().recv_into(*args, **options)
        self.attempt.most_bytes -= count
        if self.attempt.most_bytes < 0:
            raise OSError("more bytes than the attempt takes")
        return count

    def send(self, *args: Any, **options: Any) -> int:
        """As in socket."""
        self.settimeout(self.attempt.left())
        return super().send(*args, **options)

    def sendall(self, *args: Any, **options: Any) -> None:
        """As in socket, whose timeout bounds all of it; in an SSLSocket it goes through `send`."""
        self.settimeout(self.attempt.left())
        super().sendall(*args, **options)


class BoundedTlsSocket(BoundedSocket, ssl.SSLSocket):
    """The same with TLS. It takes over a connected socket's file descriptor, so it joins the attempt anew."""

    def do_handshake(self, block: bool = False) -> None:
        """As in SSLSocket, whose timeout bounds all of it."""
        _thread.attempt.takes(self)
        self.settimeout(self.attempt.left())
        super().do_handshake(block)


class BoundedConnection(HTTPConnection):
    """A connection of bounded sockets. The address is looked up in names.py."""

    _held: bytes | None = None  # while a request is made: its beginning, which has not been sent yet

    def _new_conn(self) -> socket.socket:
        try:
            return self._connected(_thread.attempt)
        except TimeoutError as error:
            raise ConnectTimeoutError(self, f"no connection to {self.host} in time") from error
        except OSError as error:
            raise NewConnectionError(self, f"no connection to {self.host}") from error

    def _connected(self, attempt: Attempt) -> BoundedSocket:
        failure = OSError("no address")
        for family, target in names().addresses(self.host, self.port, attempt.deadline):
            sock = BoundedSocket(family, socket.SOCK_STREAM)
            try:
                attempt.takes(sock)
                for option in self.socket_options or ():
                    sock.setsockopt(*option)
                sock.settimeout(attempt.left())
                sock.connect(target)
            except OSError as error:
                sock.close()
                failure = error
            else:
                return sock
        raise failure

    def request(  # type: ignore[override]  # as urllib3's own overrides http.client's
        self, method: str, url: str, body: Any = None, headers: Mapping[str, str] | None = None, **options: bool
    ) -> None:
        """As in urllib3. A warm connection joins the attempt here."""
        if isinstance(self.sock, BoundedSocket):
            _thread.attempt.takes(self.sock)
        self._held = b""
        try:
            super().request(method, url, body, headers, **options)
            self._let_go()
        finally:
            self._held = None

    def send(self, data: Any) -> None:
        """As in http.client, to which urllib3 gives a request's head and its body one after the other."""
        if self._held is None:
            super().send(data)
        elif isinstance(data, bytes) and len(self._held) + len(data) <= ONE_PIECE:
            self._held += data
        else:
            self._let_go()
            super().send(data)

    def _let_go(self) -> None:
        held, self._held = self._held, b""
        if held:
            super().send(held)

    def getresponse(self) -> HTTPResponse:  # type: ignore[override]  # as urllib3's own overrides http.client's
        """As in urllib3, which reads the head here and leaves the body to be read."""
        _thread.attempt.most_bytes = MOST_HEAD + DEFAULT_BUFFER_SIZE  # with the head may come that much of the body
        response = super().getresponse()
        _thread.attempt.most_bytes = inf
        return response


class BoundedTlsConnection(BoundedConnection, HTTPSConnection):
    """The same with TLS. Server name and certificate are checked against the host's name."""


class _Pool(HTTPConnectionPool):
    ConnectionCls = BoundedConnection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = BoundedTlsConnection


@cache
def _tls_context() -> ssl.SSLContext:
    """The context of all connections. To read the authorities' certificates takes 20 ms of CPU."""
    context = create_urllib3_context(cert_reqs=ssl.CERT_REQUIRED)
    context.sslsocket_class = BoundedTlsSocket
    context.load_verify_locations(DEFAULT_CA_BUNDLE_PATH)
    return context


def _pool(origin: str) -> HTTPConnectionPool:
    """A pool of connections to an origin, like `https://host:port`. One of size 0 keeps every connection."""
    url = parse_url(origin)
    if url.scheme == "https":
        return _TlsPool(str(url.host), url.port, maxsize=0, ssl_context=_tls_context())
    return _Pool(str(url.host), url.port, maxsize=0)


class BoundedAdapter(HTTPAdapter):
    """requests' adapter over such connections, without proxies and certificates of the client's own.

    Whatever a caller passes as `verify`, certificates are checked. Nothing is sent again by itself: a resent signature
    is a replay. What requests works out anew for each request, though it depends on the host alone, is remembered.
    """

    def __init__(self) -> None:
        super().__init__(max_retries=0)
        self._pool = lru_cache(maxsize=HOSTS)(_pool)
        self._choosing = threading.Lock()  # the first calls of an instance start together, and share one pool

    def get_connection_with_tls_context(self, request: PreparedRequest, *_: Any, **__: Any) -> HTTPConnectionPool:
        """As in requests: the pool of the request's host."""
        with self._choosing:
            return self._pool("/".join(str(request.url).split("/", 3)[:3]))

    def close(self) -> None:
        """As in requests: forget every pool, which closes its connections."""
        self._pool.cache_clear()

    def cert_verify(self, *_: Any) -> None:
        """As in requests; nothing is left to do, since a pool is made with what it checks certificates with."""

    def request_url(self, request: PreparedRequest, _: Any) -> str:
        """As in requests: what the request line says."""
        return request.path_url

    def build_response(self, req: PreparedRequest, resp: Any) -> Response:
        """As in requests, without the reply's own cookies: a session keeps them itself, and nothing else may."""
        response = Response()
        response.status_code, response.reason, response.raw = resp.status, resp.reason, resp
        response.headers = CaseInsensitiveDict(resp.headers)
        response.encoding = get_encoding_from_headers(response.headers)
        response.url, response.request = str(req.url), req
        response.connection = self  # what hooks of requests' authentication send again by
        return response
