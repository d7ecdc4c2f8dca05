"""SCF's Invoke on the wire. The stub refuses whatever the official client would not have signed."""

from __future__ import annotations

import json
from email.utils import formatdate
from itertools import repeat
from typing import Any

import pytest
import requests

from shared.backends.api2 import MediaApi
from shared.backends.base import Work
from shared.collector import invoke as module
from shared.errors import KeysRejected, OutOfTime, QueryError, Throttled, UpstreamFailed
from shared.invocation import Invocation
from shared.net.client import ATTEMPTS
from shared.tasks import VIDEO
from tests.support.wire import HIDDEN, NOW, REGION, SCF_HOST, TOKEN, Network, Reply, Turn, settings
from tests.support.wire_services import scf_error

# The official signer asks datetime.utcfromtimestamp for the date.
pytestmark = pytest.mark.filterwarnings("ignore:datetime.datetime.utcfromtimestamp:DeprecationWarning")

EVENT = {"Type": "Timer", "TriggerName": "shard", "Time": "", "Message": '{"watch": "文.json"}'}


def invoke(net: Network, limit_ms: float = 60_000, **env: str) -> Invocation:
    found, invocation = settings(**env), net.invocation(limit_ms)
    work = Work(VIDEO, found, MediaApi(found, invocation), invocation)
    module.invoke(work, EVENT, invocation.deadline)
    return invocation


def test_it_invokes_the_function_that_is_running_asynchronously(net: Network) -> None:
    scf = net.scf()
    invoke(net)
    (request,) = scf.requests
    assert request.url == f"https://{SCF_HOST}/"
    assert isinstance(request.body, bytes)
    assert json.loads(request.body) == {
        "FunctionName": "query-video",
        "Namespace": "default",
        "Qualifier": "$LATEST",
        "InvocationType": "Event",
        "ClientContext": json.dumps(EVENT, ensure_ascii=False, separators=(",", ":")),
    }
    assert scf.events == [EVENT]
    sent = {name: value for name, value in request.headers.items() if name.startswith("X-TC-")}
    assert sent == {
        "X-TC-Action": "Invoke",
        "X-TC-Version": "2018-04-16",
        "X-TC-Region": REGION,
        "X-TC-Timestamp": str(NOW),
        "X-TC-Token": TOKEN,
    }
    assert request.headers["Content-Type"] == "application/json"


def test_permanent_keys_send_no_token(net: Network) -> None:
    scf = net.scf()
    invoke(net, TENCENTCLOUD_SESSIONTOKEN="")
    assert "X-TC-Token" not in scf.requests[0].headers


#: What SCF answers, what it becomes, whether another attempt may mend it.
REFUSALS: list[tuple[Turn, type[QueryError], bool]] = [
    (scf_error("RequestLimitExceeded"), Throttled, True),
    (scf_error("LimitExceeded.Function"), Throttled, True),
    (scf_error("InternalError"), UpstreamFailed, True),
    (scf_error("InternalError.System"), UpstreamFailed, True),
    (scf_error("FailedOperation"), UpstreamFailed, True),
    (scf_error("ResourceUnavailable.InsufficientBalance"), UpstreamFailed, True),
    (scf_error("AuthFailure.SignatureExpire"), KeysRejected, True),
    (scf_error("AuthFailure.SignatureFailure"), KeysRejected, False),
    (scf_error("AuthFailure.UnauthorizedOperation"), KeysRejected, False),
    (scf_error("UnauthorizedOperation"), KeysRejected, False),
    (scf_error("UnauthorizedOperation.CAM"), KeysRejected, False),
    (scf_error("ResourceNotFound.FunctionName"), UpstreamFailed, False),
    (scf_error("InvalidParameterValue.Param"), UpstreamFailed, False),
    ((500, {}, b""), UpstreamFailed, True),
    ((502, {}, b"<html>"), UpstreamFailed, True),
    ((403, {}, b""), UpstreamFailed, False),
    ((302, {"Location": "https://elsewhere.example/"}, b""), UpstreamFailed, False),
    *(
        ((200, {}, body), UpstreamFailed, True)
        for body in (
            b"",
            b"{",
            b"\xff",
            b"[]",
            b"{}",
            b'{"Response": []}',
            b'{"Response": "Error"}',
            b'{"Response": null}',
            b'{"Response": {"Error": "words"}}',
            b'{"Response": {"Error": {"Message": "words"}}}',
            b"[" * 100_000,
        )
    ),
    (requests.ConnectionError(), UpstreamFailed, True),
]


@pytest.mark.parametrize(
    ("turn", "error", "retried"),
    REFUSALS,
    ids=[str(turn[2])[:60] if isinstance(turn, tuple) else "reset" for turn, *_ in REFUSALS],
)
def test_refusals(net: Network, turn: Turn, error: type[QueryError], retried: bool) -> None:
    scf = net.scf(repeat(turn))
    with pytest.raises(QueryError) as caught:
        invoke(net)
    assert type(caught.value) is error
    assert not [word for word in HIDDEN if word in caught.value.message]
    assert len(scf.requests) == (ATTEMPTS if retried else 1)


@pytest.mark.parametrize("trouble", [scf_error("RequestLimitExceeded"), (500, {}, b""), requests.ConnectionError()])
def test_a_second_retry_succeeds(net: Network, trouble: Turn, capsys: pytest.CaptureFixture[str]) -> None:
    scf = net.scf([trouble, trouble])
    invocation = invoke(net)
    assert scf.events == [EVENT]
    invocation.log()
    line: Any = json.loads(capsys.readouterr().out)
    assert (line["invokes"], line["retries"]) == (3, 2)


@pytest.mark.parametrize("skew", [-86_400, 86_400])
def test_the_next_attempt_follows_the_clock_of_scf(net: Network, monkeypatch: pytest.MonkeyPatch, skew: int) -> None:
    taken: Reply = (200, {}, '{"Response": {"RequestId": "unit"}}')
    scf = net.scf([scf_error("AuthFailure.SignatureExpire", formatdate(NOW + skew)), taken])
    monkeypatch.setattr(scf, "check", scf.requests.append)  # its own clock differs from SCF's
    invoke(net)
    assert [request.headers["X-TC-Timestamp"] for request in scf.requests] == [str(NOW), str(NOW + skew)]


def test_a_hung_scf_is_out_of_time(net: Network) -> None:
    net.scf(repeat(net.clock.hang))
    with pytest.raises(OutOfTime):
        invoke(net)


def test_without_time_nothing_is_sent(net: Network) -> None:
    with pytest.raises(OutOfTime):
        invoke(net, limit_ms=0)
