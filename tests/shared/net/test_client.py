"""One signed request, and how often it is tried again."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterable

import pytest
import requests
import responses
from hypothesis import given
from hypothesis import strategies as st
from requests import PreparedRequest
from requests.auth import AuthBase

from shared.errors import BadInput, OutOfTime, QueryError, ReplyTooLarge, UpstreamFailed
from shared.invocation import Deadline
from shared.net import client as transport
from shared.net.client import (
    ATTEMPT_TIMEOUT,
    ATTEMPTS,
    FIRST_BACKOFF,
    LONGEST_BACKOFF,
    Response,
    retrying,
    warm_session,
)
from tests.support.wire import Network, Reply, network, trickle

URL = "https://service.example/path"


class Stamp(AuthBase):
    """Numbers each request that it signs."""

    def __init__(self) -> None:
        self.signed = 0

    def __call__(self, r: PreparedRequest) -> PreparedRequest:
        self.signed += 1
        r.headers["Stamp"] = str(self.signed)
        return r


def send(deadline: Deadline, most: int = 1_000_000) -> Response:
    return transport.send(transport.prepare("GET", URL, {}), Stamp(), deadline, "the service", most)


def reply(net: Network, turn: Reply | Exception) -> None:
    net.mock.add_callback(responses.GET, URL, callback=lambda _: turn)


def seconds(net: Network, count: float) -> Deadline:
    return Deadline(net.clock.now + count, net.clock)


def test_reads_the_whole_reply(net: Network) -> None:
    reply(net, (203, {"X-Name": "Value", "Content-Encoding": "gzip"}, gzip.compress(b"body" * 50_000)))
    response = send(seconds(net, 60))
    assert (response.status, response.headers["x-name"], response.body) == (203, "Value", b"body" * 50_000)


@pytest.mark.parametrize(("left", "timeout"), [(60, ATTEMPT_TIMEOUT), (ATTEMPT_TIMEOUT, ATTEMPT_TIMEOUT), (0.3, 0.3)])
def test_one_attempt_waits_no_longer_than_the_time_left(net: Network, left: float, timeout: float) -> None:
    reply(net, (200, {}, b""))
    send(seconds(net, left))
    assert vars(net.mock.calls[0].request)["req_kwargs"] == {"stream": True, "timeout": timeout}


def test_the_environment_and_the_caller_leave_certificates_and_proxies_alone(
    net: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv("CURL_CA_BUNDLE", "/nowhere")
    reply(net, (200, {}, b""))
    send(seconds(net, 60))
    assert not {"verify", "proxies", "cert"} & vars(net.mock.calls[0].request)["req_kwargs"].keys()


def test_the_pool_is_warm_and_resends_nothing() -> None:
    assert warm_session() is warm_session()
    assert warm_session().max_retries.total == 0


def test_a_redirect_is_not_followed(net: Network) -> None:
    reply(net, (302, {"Location": "https://elsewhere.example/"}, b""))
    assert send(seconds(net, 60)).status == 302


def test_without_time_nothing_is_sent(net: Network) -> None:
    with pytest.raises(OutOfTime) as caught:
        send(seconds(net, 0))
    assert not caught.value.retryable
    assert not net.mock.calls


def test_a_deadline_that_passes_during_preparation_gives_no_timeout_of_zero(net: Network) -> None:
    reply(net, (200, {}, b""))
    moments = iter([0.0])
    send(Deadline(1, lambda: next(moments, 2.0)))
    assert vars(net.mock.calls[0].request)["req_kwargs"]["timeout"] == 1.0


@pytest.mark.parametrize(
    ("turn", "error"),
    [
        (requests.ConnectionError("reset by 10.0.0.1"), UpstreamFailed),
        (requests.exceptions.SSLError(), UpstreamFailed),
        (requests.ConnectTimeout(), OutOfTime),
        (requests.ReadTimeout(), OutOfTime),
        ((200, {"Content-Length": "100"}, b"cut"), UpstreamFailed),
        ((200, {"Content-Encoding": "gzip"}, b"no gzip"), UpstreamFailed),
        ((200, {}, trickle([b"cut", ConnectionResetError()])), UpstreamFailed),
    ],
    ids=["reset", "tls", "connect-timeout", "read-timeout", "cut", "no-gzip", "reset-in-body"],
)
def test_network_errors_are_retryable(net: Network, turn: Reply | Exception, error: type[QueryError]) -> None:
    reply(net, turn)
    with pytest.raises(QueryError) as caught:
        send(seconds(net, 60))
    assert type(caught.value) is error
    assert caught.value.retryable
    assert "10.0.0.1" not in caught.value.message


@pytest.mark.parametrize("left", [ATTEMPT_TIMEOUT / 2, ATTEMPT_TIMEOUT * 2])
def test_a_body_that_hangs_is_out_of_time(net: Network, left: float) -> None:
    def pieces() -> Iterable[bytes | Exception]:
        yield b"hung"
        net.clock.now += min(left, ATTEMPT_TIMEOUT)
        yield TimeoutError()

    reply(net, (200, {}, trickle(pieces())))
    with pytest.raises(OutOfTime) as caught:
        send(seconds(net, left))
    assert caught.value.retryable


@pytest.mark.parametrize("encoding", ["", "gzip"])
def test_a_reply_may_be_as_large_as_the_limit_and_no_larger(net: Network, encoding: str) -> None:
    wrap = gzip.compress if encoding else bytes
    sizes = iter([100_000, 100_001])
    net.mock.add_callback(
        responses.GET, URL, callback=lambda _: (200, {"Content-Encoding": encoding}, wrap(b"a" * next(sizes)))
    )
    assert len(send(seconds(net, 60), most=100_000).body) == 100_000
    with pytest.raises(ReplyTooLarge, match="larger than 100000 bytes") as caught:
        send(seconds(net, 60), most=100_000)
    assert not caught.value.retryable


def test_each_attempt_is_signed_anew(net: Network) -> None:
    stamps = []
    request, auth = transport.prepare("GET", URL, {}), Stamp()

    def answer(sent: PreparedRequest) -> Reply | Exception:
        stamps.append(sent.headers["Stamp"])
        return requests.ConnectionError() if len(stamps) < 3 else (200, {}, b"")

    net.mock.add_callback(responses.GET, URL, callback=answer)
    deadline = seconds(net, 60)
    retrying(lambda: transport.send(request, auth, deadline, "the service", 1_000_000), net.invocation(), deadline)
    assert stamps == ["1", "2", "3"]
    assert "Stamp" not in request.headers


@pytest.mark.parametrize("luck", [min, max])
def test_attempts_are_bounded_and_their_waits_double(
    net: Network, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], luck: Callable[..., float]
) -> None:
    monkeypatch.setattr("shared.net.client.random.uniform", luck)
    errors = [UpstreamFailed(f"number {number}", retryable=True) for number in range(ATTEMPTS)]
    coming = iter(errors)
    invocation = net.invocation()

    def attempt() -> None:
        raise next(coming)

    with pytest.raises(UpstreamFailed) as caught:
        retrying(attempt, invocation, seconds(net, 60))
    assert caught.value is errors[-1]
    longest = [min(LONGEST_BACKOFF, FIRST_BACKOFF * 2**number) for number in range(ATTEMPTS - 1)]
    assert net.clock.naps == [wait * luck(0.5, 1) for wait in longest]
    invocation.log()
    assert f'"retries": {ATTEMPTS - 1}' in capsys.readouterr().out


def test_an_error_that_is_not_retryable_is_raised_at_once(net: Network) -> None:
    def attempt() -> None:
        raise BadInput("vid: wrong")

    with pytest.raises(BadInput):
        retrying(attempt, net.invocation(), seconds(net, 60))
    assert net.clock.naps == []


@given(left=st.floats(0, 30), costs=st.lists(st.floats(0, 12), min_size=ATTEMPTS, max_size=ATTEMPTS))
def test_no_attempt_starts_after_the_deadline(left: float, costs: list[float]) -> None:
    with network() as net:
        deadline, coming, started = seconds(net, left), iter(costs), []

        def attempt() -> None:
            started.append(net.clock.now)
            net.clock.now += next(coming)
            raise UpstreamFailed("dead", retryable=True)

        with pytest.raises(UpstreamFailed):
            retrying(attempt, net.invocation(), deadline)
        assert all(moment < left for moment in started[1:])
        assert len(started) <= ATTEMPTS
