"""Connections whose every wait ends with the deadline of the attempt.

A socket's own timeout bounds one wait, not a reply: an upstream that sends a byte now and then holds a reader for ever.
These sockets look at the clock before each wait, for any part of a reply: status line, headers, chunk sizes, trailers,
gzip. requests and urllib3 let us put them in place through the adapter's pool manager and the pools' classes.
"""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError
from urllib3.util.ssl_ import create_urllib3_context

from shared.invocation import Deadline
from shared.net.names import names

#: Hosts with warm connections: the back end, COS, SCF.
HOSTS = 4


class Attempt:
    """One attempt at a call, as a `with` block in the calling thread.

    urllib3 passes only a number of seconds to a connection, so a socket finds its attempt through the thread. When the
    deadline is called off, in whatever thread, the socket is shut, which ends a wait on it.
    """

    def __init__(self, deadline: Deadline, longest: float) -> None:
        self.deadline = deadline
        self._longest = longest
        self._socket: BoundedSocket | None = None

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
        """As in socket; raises TimeoutError when the attempt's time is over."""
        self.settimeout(self.attempt.left())
        return super().recv_into(buffer, nbytes or memoryview(buffer).nbytes, flags)

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
        super().request(method, url, body, headers, **options)


class BoundedTlsConnection(BoundedConnection, HTTPSConnection):
    """The same with TLS. Server name and certificate are checked against the host's name."""

    def connect(self) -> None:
        """As in urllib3, with the same context but for the class of its sockets."""
        self.ssl_context = create_urllib3_context()
        self.ssl_context.sslsocket_class = BoundedTlsSocket
        super().connect()


class _Pool(HTTPConnectionPool):
    ConnectionCls = BoundedConnection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = BoundedTlsConnection


class BoundedAdapter(HTTPAdapter):
    """requests' adapter over such connections.

    A pool of size 0 keeps every connection; there are never more than calls in flight. Retries are off: a resent
    signature is a replay.
    """

    def __init__(self) -> None:
        super().__init__(pool_connections=HOSTS, pool_maxsize=0, max_retries=0)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **pool_kwargs: Any) -> None:
        """As in requests, with pools of our connections."""
        super().init_poolmanager(connections, maxsize, block, **pool_kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}
