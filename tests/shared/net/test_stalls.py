"""Upstreams that never finish, on real sockets: each call ends, and leaves no connection and no thread behind.

The servers go on for ever, the deadlines are short: a call that returns at all has kept to its deadline.
"""

from __future__ import annotations

import gc
import os
import socket
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator

import pytest
from requests import PreparedRequest
from requests.auth import AuthBase

from shared.errors import OutOfTime, QueryError, ReplyTooLarge, UpstreamFailed
from shared.invocation import Deadline, Invocation
from shared.net.client import prepare, retrying, send
from shared.net.connections import MOST_HEAD
from shared.net.parallel import each
from tests.support.upstream import HEAD, NEVER, STALLS, Line, Script, Upstream, answering, upstream
from tests.support.wire import CONTEXT

OK = HEAD + b"Content-Length: 2\r\n\r\n{}"


class Unsigned(AuthBase):
    """Nobody here checks a signature."""

    def __call__(self, r: PreparedRequest) -> PreparedRequest:
        return r


def soon(seconds: float = 0.1) -> Deadline:
    return Invocation({**CONTEXT, "time_limit_in_ms": 60_000}).deadline.earlier(59.5 - seconds)


def ask(url: str, deadline: Deadline) -> bytes:
    invocation = Invocation(CONTEXT)
    request = prepare("GET", url, {})
    return retrying(lambda: send(request, Unsigned(), deadline, "it", 1_000_000).body, invocation, deadline)


def outcome(call: Callable[[], object]) -> object:
    """What a call returns or raises; the test fails when it does neither."""
    outcomes: list[object] = []

    def run() -> None:
        try:
            outcomes.append(call())
        except Exception as error:  # noqa: BLE001 - it is the outcome
            outcomes.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(NEVER)
    assert outcomes, "the call does not come back"
    return outcomes[0]


def descriptors() -> int:
    """How many this process has, without those of garbage."""
    gc.collect()
    return len(os.listdir("/proc/self/fd"))


def left_since(before: set[threading.Thread], expected: int = 0) -> int:
    """How many threads have started since then and do not end. On a busy machine a thread takes its time to end."""
    over = time.monotonic() + NEVER
    while len(set(threading.enumerate()) - before) > expected and time.monotonic() < over:
        time.sleep(0.01)
    return len(set(threading.enumerate()) - before)


@pytest.fixture(params=list(STALLS))
def stalling(request: pytest.FixtureRequest) -> Iterator[Upstream]:
    with upstream(STALLS[request.param]) as server:
        yield server


def test_one_call_is_out_of_time_and_its_connection_is_closed(stalling: Upstream) -> None:
    assert isinstance(outcome(lambda: ask(stalling.url, soon())), OutOfTime)
    assert stalling.left_alone()


def test_many_calls_are_out_of_time_and_leave_nothing_behind(stalling: Upstream) -> None:
    def sweep() -> list[tuple[int, bytes | QueryError]]:
        return list(each(range(6), lambda _, until: ask(stalling.url, until), 3, soon()))

    threads, opened = set(threading.enumerate()), descriptors()
    for _ in range(3):
        results = outcome(sweep)
        assert isinstance(results, list)
        assert [type(result) for _, result in results] == [OutOfTime] * 6
    assert stalling.left_alone()
    assert not left_since(threads)
    assert descriptors() <= opened + 3, "a warm connection a worker, at most"


@pytest.mark.parametrize(
    "head",
    [HEAD + (b"X: " + b"y" * 60_000 + b"\r\n") * 90, b"HTTP/1.1 100 Continue\r\n\r\n" * 5000 + HEAD],
    ids=["headers", "interim replies"],
)
def test_a_head_of_any_size_is_not_read_to_its_end(head: bytes) -> None:
    """Each reply's headers took 5 MB, and 16 at once killed an instance of 128 MB."""
    with upstream(answering(head + OK.removeprefix(HEAD), Line.hold)) as server:
        failure = outcome(lambda: send(prepare("GET", server.url, {}), Unsigned(), soon(NEVER), "it", 1_000_000))
        assert isinstance(failure, UpstreamFailed)
        assert server.left_alone()


def test_a_body_may_be_larger_than_a_head() -> None:
    body = b"y" * 2 * MOST_HEAD
    with upstream(answering(HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body, Line.hold)) as server:
        assert outcome(lambda: ask(server.url, soon(NEVER))) == body


def test_an_error_about_a_reply_that_is_too_large_does_not_hold_it() -> None:
    """Who asks for less while it is handled, and does so again, once held them all."""
    size, kept = 1_000_000, list[object]()
    with upstream(answering(HEAD + b"Content-Length: %d\r\n\r\n" % size + b"y" * size, Line.hold)) as server:
        request = prepare("GET", server.url, {})
        tracemalloc.start()
        try:
            for _ in range(10):
                kept.append(outcome(lambda: send(request, Unsigned(), soon(NEVER), "it", size // 2)))
            held_now, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert {type(error) for error in kept} == {ReplyTooLarge}
    assert held_now < 2 * size


def test_a_handshake_that_stalls() -> None:
    with upstream(Line.hold) as server:
        assert isinstance(outcome(lambda: ask(f"https://127.0.0.1:{server.port}", soon())), OutOfTime)
        assert server.left_alone()


def test_a_request_that_nobody_reads() -> None:
    held_back = threading.Event()

    def call() -> object:
        request = prepare("PUT", server.url, {}, b"a" * 50_000_000)
        return send(request, Unsigned(), soon(), "it", 1_000_000)

    def script(_: Line) -> None:
        held_back.wait(NEVER)

    with upstream(script) as server:
        assert isinstance(outcome(call), OutOfTime)
        held_back.set()


def test_a_warm_connection_keeps_to_the_deadline_of_the_call_that_uses_it() -> None:
    def script(line: Line) -> None:
        answering(OK, answering(b"", Line.hold))(line)

    with upstream(script) as server:
        assert outcome(lambda: ask(server.url, soon(NEVER))) == b"{}"
        assert isinstance(outcome(lambda: ask(server.url, soon())), OutOfTime)
        assert server.connections == 1
        assert server.left_alone()


@pytest.mark.parametrize("stop", ["raises", "breaks"])
@pytest.mark.parametrize(
    "script",
    [Line.hold, STALLS["slow header"], STALLS["a byte now and then"], STALLS["silent after its first bytes"]],
    ids=["silent", "slow header", "slow body", "silent body"],
)
def test_a_reader_that_stops_early_stops_the_calls(monkeypatch: pytest.MonkeyPatch, stop: str, script: Script) -> None:
    """Long before the deadline, and before the end of any wait: neither ever comes."""
    monkeypatch.setattr("shared.net.client.ATTEMPT_TIMEOUT", 2 * NEVER)
    before = set(threading.enumerate())
    asked: list[int] = []

    def call(item: int, until: Deadline) -> bytes:
        asked.append(item)
        return b"" if item == 0 else ask(server.url, until)

    def read() -> None:
        for _ in each(range(20), call, 3, soon(2 * NEVER)):
            while server.connections < 2:
                """Both others are on their way."""
            if stop == "raises":
                raise ZeroDivisionError
            break

    with upstream(script) as server:
        result = outcome(read)
        assert isinstance(result, ZeroDivisionError) is (stop == "raises")
        assert server.left_alone()
    assert not left_since(before)
    assert set(asked) <= {0, 1, 2, 3}


def test_a_call_that_fails_unforeseen_ends_the_others_and_no_more_are_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.net.client.ATTEMPT_TIMEOUT", 2 * NEVER)
    asked: list[int] = []

    def call(item: int, until: Deadline) -> bytes:
        asked.append(item)
        if item == 1:
            while server.connections < 1:
                """The other one is on its way."""
            raise ZeroDivisionError
        return ask(server.url, until)

    with upstream(Line.hold) as server:
        assert isinstance(outcome(lambda: list(each(range(200), call, 2, soon(2 * NEVER)))), ZeroDivisionError)
        assert server.left_alone()
    assert asked == [0, 1] or asked == [1, 0]


@pytest.fixture
def hung_names(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """A name server that does not answer until the test ends: the names that it was asked for."""
    asked: list[str] = []
    ended = threading.Event()

    def look_up(host: str, *_: object) -> None:
        asked.append(host)
        ended.wait(NEVER)
        raise socket.gaierror

    monkeypatch.setattr("socket.getaddrinfo", look_up)
    before = set(threading.enumerate())
    yield asked
    ended.set()
    assert not left_since(before)


def test_a_name_server_that_hangs_keeps_one_thread_for_all_calls(hung_names: list[str]) -> None:
    before = set(threading.enumerate())
    for _ in range(3):
        assert isinstance(outcome(lambda: ask("https://hung.example/", soon(0.05))), OutOfTime)
        results = outcome(lambda: list(each(range(5), lambda _, until: ask("https://hung.example/", until), 5, soon())))
        assert isinstance(results, list)
        assert [type(result) for _, result in results] == [OutOfTime] * 5
    assert left_since(before, 1) == 1
    assert hung_names == ["hung.example"]


def test_an_address_needs_no_name_server(hung_names: list[str]) -> None:
    with upstream(answering(OK, Line.hold)) as server:
        assert outcome(lambda: ask(server.url, soon(NEVER))) == b"{}"
        assert outcome(lambda: ask(f"http://localhost:{server.port}/", soon(NEVER))) == b"{}"
    assert not hung_names


def test_a_pool_keeps_as_many_connections_as_calls_are_in_flight(caplog: pytest.LogCaptureFixture) -> None:
    """More than any fixed size that would be wise: none is thrown away, and urllib3 has nothing to say."""
    flying, calls = 120, threading.Barrier(120)

    def script(line: Line) -> None:
        while line.request():
            calls.wait(NEVER)  # nobody is answered before all have asked
            line.send(OK)

    with upstream(script) as server:
        for _ in range(2):
            results = list(each(range(flying), lambda _, until: ask(server.url, until), flying, soon(NEVER)))
            assert {result for _, result in results} == {b"{}"}
        assert server.connections == flying
    assert not caplog.records
