"""What the adapter does otherwise than requests', on real sockets: the requests and replies are the same."""

from __future__ import annotations

import gc
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
import requests
from requests import Session
from urllib3.connectionpool import HTTPConnectionPool
from urllib3.util import Url, parse_url

from benchmarks.certificate import write_certificate
from shared.invocation import Deadline
from shared.net import connections
from shared.net.client import prepare
from shared.net.connections import HOSTS, ONE_PIECE, Attempt, BoundedAdapter, BoundedSocket
from tests.support.upstream import NEVER, Line, Upstream, upstream


def echo(line: Line) -> None:
    """Answer each request with its own body."""
    while request := line.request():
        body = request.partition(b"\r\n\r\n")[2]
        head = f"HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {len(body)}\r\n"
        line.send(f"{head}Set-Cookie: a=b\r\n\r\n".encode() + body)


@pytest.fixture
def server() -> Iterator[Upstream]:
    with upstream(echo) as made:
        yield made


@pytest.fixture
def sends(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many bytes each send had."""
    sizes: list[int] = []
    sendall = BoundedSocket.sendall

    def count(self: BoundedSocket, data: bytes, flags: int = 0) -> None:
        sizes.append(len(data))
        sendall(self, data, flags)

    monkeypatch.setattr(connections.BoundedSocket, "sendall", count)
    return sizes


def session() -> Session:
    made = Session()
    made.mount("http://", BoundedAdapter())
    made.mount("https://", BoundedAdapter())
    return made


def attempt() -> AbstractContextManager[None]:
    return connections.attempt(Deadline(1e12), 60.0)


@pytest.mark.parametrize("size", [0, 1, 1000, ONE_PIECE, 20 * ONE_PIECE])
def test_a_mounted_session_sends_and_reads_as_usual(server: Upstream, size: int) -> None:
    body = "é" * size
    with session() as made, attempt():
        for _ in range(2):
            reply = made.post(f"{server.url}/path?query", data=body.encode())
            assert (reply.status_code, reply.text, reply.request.url) == (200, body, f"{server.url}/path?query")
        assert made.cookies.get_dict() == {"a": "b"}
    assert server.connections == 1


def test_head_and_body_leave_in_one_piece(server: Upstream, sends: list[int]) -> None:
    with session() as made, attempt():
        made.get(server.url)
        made.post(server.url, data=b"x" * 1000)
    assert len(sends) == 2


def test_a_large_body_is_not_copied(server: Upstream, sends: list[int]) -> None:
    with session() as made, attempt():
        made.post(server.url, data=b"x" * ONE_PIECE)
    assert len(sends) == 2
    assert sends[1] == ONE_PIECE


def ask_others(made: Session, url: str) -> None:
    """Ask as many hosts as there are pools, where nobody answers."""
    for number in range(2, HOSTS + 2):
        with pytest.raises(requests.ConnectionError):
            made.get(url.replace("127.0.0.1", f"127.0.0.{number}"))


def test_more_hosts_than_pools_leave_no_connection_of_the_first(server: Upstream) -> None:
    with session() as made, attempt():
        for _ in range(2):
            assert made.get(server.url).status_code == 200
            ask_others(made, server.url)
    assert server.connections == 2
    gc.collect()
    assert server.left_alone()


def test_calls_that_start_together_share_one_pool(monkeypatch: pytest.MonkeyPatch) -> None:
    adapter, together = BoundedAdapter(), threading.Barrier(8)

    def slow(origin: str) -> Url:
        time.sleep(0.01)  # others have their turn
        return parse_url(origin)

    def pool(_: int) -> HTTPConnectionPool:
        together.wait(NEVER)
        return adapter.get_connection_with_tls_context(prepare("GET", "http://host.example/path", {}))

    monkeypatch.setattr(connections, "parse_url", slow)
    with ThreadPoolExecutor(8) as threads:
        assert len(set(threads.map(pool, range(8)))) == 1


def test_a_closed_session_leaves_no_connection(server: Upstream) -> None:
    with session() as made, attempt():
        made.get(server.url)
    gc.collect()
    assert server.left_alone()


@pytest.mark.parametrize("verify", [True, False])
def test_an_unknown_certificate_is_refused_whatever_the_caller_says(tmp_path: Path, verify: bool) -> None:
    write_certificate(tmp_path / "server.pem", "localhost")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.pem")
    requests_seen: list[bytes] = []

    def script(line: Line) -> None:
        with context.wrap_socket(line.sock, server_side=True) as sock:
            requests_seen.append(sock.recv(1))

    with upstream(script) as server, session() as made, attempt():
        with pytest.raises(requests.exceptions.SSLError):
            made.get(f"https://localhost:{server.port}", verify=verify)
        assert server.left_alone()
    assert requests_seen == []


def test_an_attempt_shuts_its_socket_only_as_long_as_no_other_attempt_has_it() -> None:
    near, far = socket.socketpair()
    with far, BoundedSocket(fileno=near.detach()) as sock:
        first, second = (Attempt(Deadline(time.monotonic() + NEVER), NEVER) for _ in range(2))
        first.takes(sock)
        second.takes(sock)
        first.shut()
        far.send(b"x")
        assert sock.recv_into(bytearray(1)) == 1
        second.shut()
        assert sock.recv_into(bytearray(1)) == 0
