"""API 2.0: what codes, statuses and damaged replies mean, and which are tried again."""

from __future__ import annotations

from email.utils import formatdate
from itertools import repeat

import pytest
import requests

from shared.errors import (
    BadInput,
    KeysRejected,
    QueryError,
    Throttled,
    UnknownTask,
    UpstreamFailed,
)
from shared.net.client import ATTEMPTS
from shared.tasks import AUDIO
from tests.support.api2 import GOOD, VIDS, ask, body
from tests.support.wire import HIDDEN, NOW, Network, Reply, said

#: Code of the API, what it becomes, whether another attempt may mend it.
CODES: list[tuple[int, type[QueryError], bool]] = [
    (4000, BadInput, False),
    (4100, KeysRejected, False),
    (4104, KeysRejected, False),
    (4200, KeysRejected, True),
    (4300, KeysRejected, False),
    (4400, Throttled, True),
    (4500, KeysRejected, True),
    (5000, UnknownTask, False),
    (5100, UpstreamFailed, True),
    (6000, UpstreamFailed, True),
    (6100, UpstreamFailed, False),
    (6200, UpstreamFailed, True),
    (-9021, UpstreamFailed, False),
    (12345, UpstreamFailed, False),
]


@pytest.mark.parametrize(("code", "error", "retried"), CODES)
@pytest.mark.parametrize("spelled", [int, str])
def test_codes_become_errors(net: Network, code: int, error: type[QueryError], retried: bool, spelled: type) -> None:
    media = net.media({}, repeat(said(code=spelled(code))))
    with pytest.raises(QueryError) as caught:
        ask(net, AUDIO, [])
    assert type(caught.value) is error
    assert not [word for word in HIDDEN if word in caught.value.message]
    assert len(media.calls) == (ATTEMPTS if retried else 1)
    assert len({call.params["Nonce"] for call in media.calls}) == len(media.calls)


HTTP_ERRORS: list[tuple[Reply, type[QueryError], bool]] = [
    (body("words", 500), UpstreamFailed, True),
    (body("", 501), UpstreamFailed, True),
    (body("<html>", 503), UpstreamFailed, True),
    (body("", 429), Throttled, True),
    (body("", 204), UpstreamFailed, False),
    ((302, {"Location": "https://elsewhere.example/"}, ""), UpstreamFailed, False),
    ((307, {"Location": "https://elsewhere.example/"}, ""), UpstreamFailed, False),
    (body(GOOD[2], 400), UpstreamFailed, False),
    (body("", 403), UpstreamFailed, False),
    (body("", 404), UpstreamFailed, False),
]
NO_ENVELOPES: list[str | bytes] = [
    b"", b"{", GOOD[2][:-2], b"<html></html>", b"\xff\xfe\xfa", b"[]", b"null", b'"text"', b"7", b"{}",
    b'{"code": null}', b'{"code": "none"}', b'{"code": []}', b'{"code": 1e999}', b'{"code": NaN}', b"[" * 100_000,
]  # fmt: skip


@pytest.mark.parametrize(
    ("reply", "error", "retried"),
    [*HTTP_ERRORS, *((body(text), UpstreamFailed, True) for text in NO_ENVELOPES)],
    ids=lambda value: str(value)[:24] if isinstance(value, tuple) else "",
)
def test_unusable_replies_are_errors(net: Network, reply: Reply, error: type[QueryError], retried: bool) -> None:
    media = net.media({}, repeat(reply))
    with pytest.raises(QueryError) as caught:
        ask(net)
    assert type(caught.value) is error
    assert len(media.calls) == (ATTEMPTS if retried else 1)


@pytest.mark.parametrize(
    "trouble",
    [
        requests.ConnectionError(),
        requests.Timeout(),
        body("", 502),
        body("{"),
        body("[]"),
        *(said(code=code) for code in (4200, 4400, 4500, 5100, "5100", 6000, 6200)),
    ],
    ids=lambda trouble: str(trouble)[:28],
)
def test_a_second_retry_succeeds(net: Network, trouble: Reply | Exception) -> None:
    media = net.media({}, [trouble, trouble, GOOD])
    assert list(ask(net)) == VIDS
    assert len({call.params["Nonce"] for call in media.calls}) == 3
    assert len(net.clock.naps) == 2


@pytest.mark.parametrize("code", [4200, 4500])
@pytest.mark.parametrize("skew", [-86_400, 86_400])
def test_the_next_attempt_follows_the_servers_clock(net: Network, code: int, skew: int) -> None:
    media = net.media({}, [said(code=code, date=formatdate(NOW + skew, usegmt=True)), GOOD])
    ask(net)
    assert [int(call.params["Timestamp"]) for call in media.calls] == [NOW, NOW + skew]  # the nap is below a second


@pytest.mark.parametrize("date", ["", "yesterday", f"Mon, 01 Jan 2024 {'3' * 25}:00:00 GMT", "Mon, 99 Jan 2024"])
def test_without_a_usable_date_our_own_clock_is_kept(net: Network, date: str) -> None:
    media = net.media({}, [said(code=4200, date=date), GOOD])
    ask(net)
    assert [int(call.params["Timestamp"]) for call in media.calls] == [NOW, NOW]
