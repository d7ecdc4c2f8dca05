"""Addresses of names: one lookup for all callers, cached for a while; errors are not cached."""

from __future__ import annotations

import socket
import threading
import time

import pytest

from shared.errors import UpstreamFailed
from shared.invocation import Deadline
from shared.net.client import prepare, send
from shared.net.names import FRESH, Address, Names
from tests.shared.net.test_stalls import OK, Unsigned
from tests.support.upstream import Line, answering, upstream

LOOPBACK = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 80))]


def ahead() -> Deadline:
    return Deadline(time.monotonic() + 60)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names that a name server was asked for; but for one it knows them only when they are asked for again."""
    names: list[str] = []

    def look_up(host: str, *_: object) -> object:
        names.append(host)
        if host != "known.example" and names.count(host) == 1:
            raise socket.gaierror("not yet")
        return LOOPBACK

    monkeypatch.setattr("socket.getaddrinfo", look_up)
    return names


def test_an_answer_is_kept_for_a_while(asked: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    names, began = Names(), time.monotonic()
    for _ in range(3):
        assert names.addresses("known.example", 80, ahead()) == [Address(socket.AF_INET, ("127.0.0.1", 80))]
    assert asked == ["known.example"]
    monkeypatch.setattr("shared.net.names.time.monotonic", lambda: began + FRESH + 60)
    names.addresses("known.example", 80, Deadline(1, lambda: 0))
    assert asked == ["known.example"] * 2


def test_an_error_is_raised_and_not_cached(asked: list[str]) -> None:
    names = Names()
    with pytest.raises(OSError, match=r"no address of other\.example"):
        names.addresses("other.example", 80, ahead())
    assert names.addresses("other.example", 80, ahead())


def test_a_thread_that_can_not_start_keeps_no_later_lookup_waiting(
    asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    names = Names()
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        with pytest.raises(RuntimeError):
            names.addresses("known.example", 80, ahead())
    assert names.addresses("known.example", 80, Deadline(time.monotonic() + 5))


def test_an_error_that_nobody_foresaw_keeps_no_later_lookup_waiting(
    asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_memory(*_: object) -> object:
        raise MemoryError

    names = Names()
    with monkeypatch.context() as patch:
        patch.setattr("socket.getaddrinfo", no_memory)
        with pytest.raises(OSError, match=r"no address of known\.example"):
            names.addresses("known.example", 80, Deadline(time.monotonic() + 5))
    assert names.addresses("known.example", 80, Deadline(time.monotonic() + 5))


def test_a_name_that_does_not_exist_is_the_upstreams_failure(asked: list[str]) -> None:
    with pytest.raises(UpstreamFailed) as caught:
        send(prepare("GET", "https://never.example/", {}), Unsigned(), ahead(), "it", 1_000_000)
    assert caught.value.retryable
    assert "never.example" not in caught.value.message


def test_a_name_with_several_addresses_is_tried_at_each(monkeypatch: pytest.MonkeyPatch) -> None:
    with upstream(answering(OK, Line.hold)) as server:
        found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port)) for port in (1, server.port)]
        monkeypatch.setattr("socket.getaddrinfo", lambda *_: found)
        reply = send(prepare("GET", f"http://two.example:{server.port}/", {}), Unsigned(), ahead(), "it", 1_000_000)
    assert reply.body == b"{}"


def test_a_connection_to_a_closed_port_fails() -> None:
    with pytest.raises(UpstreamFailed) as caught:
        send(prepare("GET", "http://127.0.0.1:1/", {}), Unsigned(), ahead(), "it", 1_000_000)
    assert caught.value.retryable
