"""Connections on which each wait ends with the time of the attempt that they serve.

A socket's own timeout bounds one wait, not a reply: an upstream that sends a byte now and then holds a reader for ever.
So these sockets look at the clock before each wait, whoever it is that reads: status line, headers, chunk sizes,
trailers, gzip. What requests and urllib3 offer for it are an adapter's pool manager, its pools' classes and theirs.
"""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError
from urllib3.response import HTTPResponse
from urllib3.util.ssl_ import create_urllib3_context

from shared.invocation import Deadline
from shared.net.names import names

#: Hosts with warm connections: what answers, COS, SCF.
HOSTS = 4
#: Bytes of a reply before its body: status line, headers, and interim replies like 100 Continue. http.client would take
#: 100 headers of 64 KB each, which Python turns into objects: 16 such replies at once are more than a function has.
MOST_HEAD = 64 * 1024


class Attempt:
    """One attempt at a call, as a block of the thread that makes it.

    urllib3 tells a connection nothing of the call but a number of seconds, so the sockets find the attempt through
    their thread. When the deadline is called off, the socket is shut: that ends a wait from another thread.
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
        """Seconds that a wait may take. Raises TimeoutError when there are none."""
        seconds = min(self._longest, self.deadline.remaining())
        if not seconds:
            raise TimeoutError("the time is over")
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
        """The attempt uses this socket from now on."""
        sock.attempt = self
        self._socket = sock

    def _shut(self) -> None:
        sock = self._socket
        if sock is not None and sock.attempt is self:
            with suppress(OSError):  # it is closed already
                socket.socket.shutdown(
                    sock, socket.SHUT_RDWR
                )  # an SSLSocket's own would pull TLS from under its reader


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
    """The same with TLS. It takes over the file descriptor of a connected socket, so it joins the attempt anew."""

    def do_handshake(self, block: bool = False) -> None:
        """As in SSLSocket, whose timeout bounds all of it."""
        _attempt().takes(self)
        self.settimeout(self.attempt.left())
        super().do_handshake(block)


class BoundedConnection(HTTPConnection):
    """A connection of bounded sockets, to an address that was looked up elsewhere."""

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
        """As in urllib3; a connection that is warm joins the attempt here."""
        if isinstance(self.sock, BoundedSocket):
            _attempt().takes(self.sock)
        super().request(method, url, body, headers, **options)

    def getresponse(self) -> HTTPResponse:  # type: ignore[override]  # as urllib3's own overrides http.client's
        """As in urllib3, which reads the head here and leaves the body to be read."""
        with _attempt().head():
            return super().getresponse()


class BoundedTlsConnection(BoundedConnection, HTTPSConnection):
    """The same with TLS: server name and certificate check are those of the host's name."""

    def connect(self) -> None:
        """As in urllib3, which would make the same context, but for the class of its sockets."""
        self.ssl_context = create_urllib3_context()
        self.ssl_context.sslsocket_class = BoundedTlsSocket
        super().connect()


class _Pool(HTTPConnectionPool):
    ConnectionCls = BoundedConnection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = BoundedTlsConnection


class BoundedAdapter(HTTPAdapter):
    """requests' adapter over such connections.

    A pool of size 0 keeps each connection: there are never more than calls were in flight at once. Retries are off: a
    resent signature is a replay.
    """

    def __init__(self) -> None:
        super().__init__(pool_connections=HOSTS, pool_maxsize=0, max_retries=0)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **pool_kwargs: Any) -> None:
        """As in requests, with pools of our connections."""
        super().init_poolmanager(connections, maxsize, block, **pool_kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}
