"""Connections whose every wait ends with the deadline of the attempt.

A socket's own timeout bounds one wait, not a reply: an upstream that sends a byte now and then holds a reader for ever.
These sockets look at the clock before each wait, for any part of a reply: status line, headers, chunk sizes, trailers,
gzip. requests and urllib3 let us put them in place through the adapter's pool manager and the pools' classes.
"""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import lru_cache
from typing import Any

from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict
from requests.utils import get_encoding_from_headers
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError
from urllib3.response import HTTPResponse
from urllib3.util.ssl_ import create_urllib3_context, resolve_cert_reqs

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
    """One attempt at a call, as a `with` block in the calling thread.

    urllib3 passes only a number of seconds to a connection, so a socket finds its attempt through the thread. When the
    deadline is called off, in whatever thread, the socket is shut, which ends a wait on it.
    """

    def __init__(self, deadline: Deadline, longest: float) -> None:
        self.deadline = deadline
        self._longest = longest
        self._socket: BoundedSocket | None = None
        self._head_left: int | None = None

    def __enter__(self) -> Attempt:
        _thread.attempt = self
        self.deadline.on_call_off(self._shut)
        return self

    def __exit__(self, *_: object) -> None:
        self.deadline.forget(self._shut)
        _thread.attempt = None

    def left(self) -> float:
        """Return the seconds that a wait may take. Raises TimeoutError when none are left."""
        seconds = min(self._longest, self.deadline.remaining())
        if not seconds:
            raise TimeoutError("no time is left")
        return seconds

    @contextmanager
    def head(self) -> Iterator[None]:
        """What comes until the block ends stands before the body: at most `MOST_HEAD` bytes."""
        self._head_left = MOST_HEAD
        try:
            yield
        finally:
            self._head_left = None

    def received(self, count: int) -> int:
        """Count bytes that have come, and return how many. Raises OSError when they are too many for a head."""
        if self._head_left is not None:
            self._head_left -= count
            if self._head_left < 0:
                raise OSError(f"more than {MOST_HEAD} bytes before the body")
        return count

    def takes(self, sock: BoundedSocket) -> None:
        """Use this socket for the attempt from now on."""
        sock.attempt = self
        self._socket = sock

    def _shut(self) -> None:
        sock = self._socket
        if sock is not None and sock.attempt is self:
            with suppress(OSError):  # closed already
                # Not an SSLSocket's own shutdown: it would pull TLS from under the reader.
                socket.socket.shutdown(sock, socket.SHUT_RDWR)


class _Thread(threading.local):
    attempt: Attempt | None = None


_thread = _Thread()


def _attempt() -> Attempt:
    if _thread.attempt is None:
        raise RuntimeError("a connection is used outside an Attempt")
    return _thread.attempt


class BoundedSocket(socket.socket):
    """A socket whose waits are bounded by its attempt."""

    attempt: Attempt

    def recv_into(self, buffer: Any, nbytes: int | None = None, flags: int = 0) -> int:
        """As in socket; raises TimeoutError when the attempt's time is over, OSError for too long a head."""
        self.settimeout(self.attempt.left())
        return self.attempt.received(super().recv_into(buffer, nbytes or memoryview(buffer).nbytes, flags))

    def send(self, data: Any, flags: int = 0) -> int:
        """As in socket; raises TimeoutError when the attempt's time is over."""
        self.settimeout(self.attempt.left())
        return super().send(data, flags)

    def sendall(self, data: Any, flags: int = 0) -> None:
        """As in socket, whose timeout bounds all of it; in an SSLSocket it goes through `send`."""
        self.settimeout(self.attempt.left())
        super().sendall(data, flags)


class BoundedTlsSocket(BoundedSocket, ssl.SSLSocket):
    """The same with TLS. It takes over a connected socket's file descriptor, so it joins the attempt anew."""

    def do_handshake(self, block: bool = False) -> None:
        """As in SSLSocket, whose timeout bounds all of it."""
        _attempt().takes(self)
        self.settimeout(self.attempt.left())
        super().do_handshake(block)


class BoundedConnection(HTTPConnection):
    """A connection of bounded sockets. The address is looked up in names.py."""

    _held: bytes | None = None  # while a request is made: its beginning, which has not been sent yet

    def _new_conn(self) -> socket.socket:
        try:
            return self._connected(_attempt())
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
            _attempt().takes(self.sock)
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
        with _attempt().head():
            return super().getresponse()


class BoundedTlsConnection(BoundedConnection, HTTPSConnection):
    """The same with TLS. Server name and certificate are checked against the host's name."""

    def connect(self) -> None:
        """As in urllib3, with one context for all connections, but for the class of its sockets."""
        if self.ssl_context is None:
            self.ssl_context = _tls_context(self.cert_reqs, self.ca_certs, self.ca_cert_dir, self.cert_file)
            self.ca_certs = self.ca_cert_dir = None  # they are loaded
        super().connect()


@lru_cache(maxsize=HOSTS)
def _tls_context(cert_reqs: Any, ca_certs: str | None, ca_cert_dir: str | None, cert_file: str | None) -> Any:  # noqa: ARG001 - a client's certificate is loaded by urllib3
    """The context of connections with these settings. To read the authorities' certificates takes 20 ms of CPU."""
    context = create_urllib3_context(cert_reqs=resolve_cert_reqs(cert_reqs))
    context.sslsocket_class = BoundedTlsSocket
    if ca_certs or ca_cert_dir:
        context.load_verify_locations(ca_certs, ca_cert_dir)
    return context


class _Pool(HTTPConnectionPool):
    ConnectionCls = BoundedConnection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = BoundedTlsConnection


class BoundedAdapter(HTTPAdapter):
    """requests' adapter over such connections.

    A pool of size 0 keeps every connection; there are never more than calls in flight. Retries are off: a resent
    signature is a replay. requests works out anew for each request what depends on its host alone; here it is
    remembered.
    """

    def __init__(self) -> None:
        super().__init__(pool_connections=HOSTS, pool_maxsize=0, max_retries=0)
        self._pools: dict[str, HTTPConnectionPool] = {}

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **pool_kwargs: Any) -> None:
        """As in requests, with pools of our connections."""
        super().init_poolmanager(connections, maxsize, block, **pool_kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}

    def get_connection_with_tls_context(
        self, request: PreparedRequest, verify: Any, proxies: Any = None, cert: Any = None
    ) -> HTTPConnectionPool:
        """As in requests: the pool of the request's host."""
        if proxies or cert or verify is not True:
            return super().get_connection_with_tls_context(request, verify, proxies, cert)
        origin = "/".join(str(request.url).split("/", 3)[:3])
        pool = self._pools.get(origin)
        if pool is None:
            if len(self._pools) == HOSTS:
                self._pools.clear()  # so that none is kept that the pool manager has let go
            pool = self._pools[origin] = super().get_connection_with_tls_context(request, verify)
        return pool

    def close(self) -> None:
        """As in requests: forget every pool."""
        self._pools.clear()
        super().close()

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """As in requests: what a pool checks certificates with."""
        if cert or verify is not True or not getattr(conn, "ca_certs", None):
            super().cert_verify(conn, url, verify, cert)

    def request_url(self, request: PreparedRequest, proxies: Any) -> str:
        """As in requests: what the request line says."""
        return super().request_url(request, proxies) if proxies else request.path_url

    def build_response(self, req: PreparedRequest, resp: Any) -> Response:
        """As in requests, without the reply's own cookies: a session keeps them itself, and nothing else may."""
        response = Response()
        response.status_code, response.reason, response.raw = resp.status, resp.reason, resp
        response.headers = CaseInsensitiveDict(resp.headers)
        response.encoding = get_encoding_from_headers(response.headers)
        response.url, response.request = str(req.url), req
        response.connection = self  # what hooks of requests' authentication send again by
        return response
