"""JSON objects in COS, put, got and deleted. The stub refuses what cos-python-sdk-v5 would not have signed."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable
from email.utils import formatdate
from itertools import repeat

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from shared.cos.objects import MAX_OBJECT, CosObjects
from shared.errors import DamagedObject, KeysRejected, Misconfigured, OutOfTime, QueryError, Throttled, UpstreamFailed
from shared.net.client import ATTEMPTS
from shared.net.json_text import to_json
from tests.support.wire import (  # fmt: skip
    BUCKET,
    COS_HOST,
    COS_URL,
    NOW,
    REGION,
    TOKEN,
    WORDS,
    Network,
    Reply,
    cos_error,
    settings,
)

KEY = "media-query/results/video.json"


def objects(net: Network, **env: str) -> CosObjects:
    return CosObjects(settings(**env), net.invocation())


def get(net: Network, name: str = "results/video.json", **env: str) -> object:
    return objects(net, **env).get(name, net.invocation().deadline)


def put(net: Network, value: object, name: str = "results/video.json", **env: str) -> tuple[str, ...]:
    return objects(net, **env).put(name, value)


def delete(net: Network) -> None:
    objects(net).delete("results/video.json", net.invocation().deadline)


def listed(net: Network, folder: str = "results/", **env: str) -> dict[str, str]:
    return objects(net, **env).list(folder, net.invocation().deadline)


def test_put_returns_where_the_object_is_stored(net: Network) -> None:
    cos = net.cos("PUT")
    stored = put(net, {"名": [1, None]})
    body = '{"名":[1,null]}'.encode()
    request, digest = cos.requests[0], hashlib.md5(body).digest()
    assert request.url == f"{COS_URL}/{KEY}"
    assert cos.objects == {KEY: body}
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers["Content-Length"] == str(len(body))
    assert request.headers["Content-MD5"] == base64.b64encode(digest).decode()
    assert request.headers["x-cos-security-token"] == TOKEN
    assert "q-header-list=content-length;content-md5;content-type;host;x-cos-security-token" in str(
        request.headers["Authorization"]
    )
    assert stored == (BUCKET, REGION, KEY, digest.hex())


def test_store_takes_any_bytes_and_a_content_type(net: Network) -> None:
    cos = net.cos("PUT")
    stored = objects(net).store("a.csv", b"\xef\xbb\xbfa,b\r\n", "text/csv")
    assert cos.objects == {"media-query/a.csv": b"\xef\xbb\xbfa,b\r\n"}
    assert cos.requests[0].headers["Content-Type"] == "text/csv"
    assert stored == (BUCKET, REGION, "media-query/a.csv", hashlib.md5(cos.objects["media-query/a.csv"]).hexdigest())


def test_an_object_that_is_too_large_is_damaged_and_asked_for_once(net: Network) -> None:
    cos = net.cos("GET", objects={KEY: b"[" + b"1," * MAX_OBJECT + b"1]"})
    with pytest.raises(DamagedObject, match="too large"):
        get(net)
    assert len(cos.requests) == 1


def test_permanent_keys_send_no_token(net: Network) -> None:
    cos = net.cos("GET", objects={KEY: {"n": 1}})
    assert get(net, TENCENTCLOUD_SESSIONTOKEN="") == {"n": 1}
    assert "x-cos-security-token" not in cos.requests[0].headers


def test_put_without_an_etag_in_the_reply_has_none(net: Network) -> None:
    net.cos("PUT", script=[(200, {}, b"")])
    assert put(net, 1) == (BUCKET, REGION, KEY, "")


@pytest.mark.parametrize(("prefix", "key"), [("state/of/it", "state/of/it/a/b.json"), ("/x/", "x/a/b.json")])
def test_every_key_is_under_the_prefix(net: Network, prefix: str, key: str) -> None:
    cos = net.cos("PUT", "GET")
    assert put(net, {"n": 1}, "a/b.json", COS_PREFIX=prefix)[2] == key
    assert get(net, "a/b.json", COS_PREFIX=prefix) == {"n": 1}
    assert list(cos.objects) == [key]


def test_keys_are_quoted_on_the_wire_and_signed_as_they_are(net: Network) -> None:
    cos = net.cos("PUT", "GET")
    name = "a b+c/名?x=1#2%41.json"
    put(net, {"n": 1}, name)
    assert get(net, name) == {"n": 1}
    assert list(cos.objects) == [f"media-query/{name}"]
    assert str(cos.requests[0].url).startswith(f"{COS_URL}/media-query/a%20b%2Bc/%E5%90%8D%3Fx%3D1%232%2541")


@pytest.mark.parametrize("value", [{}, {"a": [1.5, "文", None, True]}, {"tasks": {"a": {"status": 5}}}])
def test_get_returns_the_json_object(net: Network, value: object) -> None:
    net.cos("GET", objects={KEY: value})
    assert get(net) == value


def test_get_of_a_missing_object_is_none(net: Network) -> None:
    net.cos("GET")
    assert get(net) is None


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe\xff", b'{"a":' * 100_000, b"[]", b"7", b"null"])
def test_get_of_no_json_object_raises_damaged_object(net: Network, body: bytes) -> None:
    cos = net.cos("GET", objects={KEY: body})
    with pytest.raises(DamagedObject, match=KEY):
        get(net)
    assert len(cos.requests) == 1


def test_a_body_with_another_md5_than_its_etag_was_damaged_on_its_way(net: Network) -> None:
    cos = net.cos("GET", objects={KEY: {"n": 1}}, script=[(200, {"ETag": f'"{"0" * 32}"'}, b"{")] * 2)
    assert get(net) == {"n": 1}
    assert len(cos.requests) == 3


def test_json_that_stays_invalid_is_damaged_with_any_etag(net: Network) -> None:
    """The ETag of an encrypted object is not its MD5."""
    cos = net.cos("GET", script=repeat((200, {}, b"{")))
    with pytest.raises(DamagedObject):
        get(net)
    assert len(cos.requests) == ATTEMPTS


#: What COS answers, what it becomes, whether another attempt may mend it.
REFUSALS: list[tuple[Reply, type[QueryError], bool]] = [
    (cos_error(400, "BadDigest"), UpstreamFailed, True),
    (cos_error(400, "IncompleteBody"), UpstreamFailed, True),
    (cos_error(400, "EntitySizeNotMatch"), UpstreamFailed, True),
    (cos_error(400, "RequestTimeout"), UpstreamFailed, True),
    (cos_error(409, "PathConflict"), UpstreamFailed, True),
    (cos_error(500, "InternalError"), UpstreamFailed, True),
    (cos_error(503, "ServiceUnavailable"), UpstreamFailed, True),
    (cos_error(503, "SlowDown"), Throttled, True),
    ((429, {}, b""), Throttled, True),
    ((502, {}, b"<html>"), UpstreamFailed, True),
    (cos_error(400, "InvalidDigest"), UpstreamFailed, False),
    (cos_error(400, "ExpiredToken"), KeysRejected, False),
    (cos_error(403, "AccessDenied"), KeysRejected, False),
    (cos_error(403, "Request has expired"), KeysRejected, True),
    (cos_error(403, "RequestTimeTooSkewed"), KeysRejected, True),
    ((401, {}, b""), KeysRejected, False),
    (cos_error(404, "NoSuchBucket"), UpstreamFailed, False),
    ((404, {}, b""), UpstreamFailed, False),
    (cos_error(451, "UnavailableForLegalReasons"), UpstreamFailed, False),
    (cos_error(403, "AKIDEXAMPLE"), KeysRejected, False),
    ((301, {"Location": "https://elsewhere.example/"}, b""), UpstreamFailed, False),
    ((206, {}, b"1"), UpstreamFailed, False),
]
#: Codes of which nobody knows what they say.
OTHERS_CODES = ("UnavailableForLegalReasons", "AKIDEXAMPLE")
CALLS: dict[str, tuple[str, Callable[[Network], object]]] = {
    "get": ("GET", get),
    "put": ("PUT", lambda net: put(net, {})),
    "list": ("GET", listed),
    "delete": ("DELETE", delete),
}


@pytest.mark.parametrize(("method", "call"), CALLS.values(), ids=CALLS)
@pytest.mark.parametrize(
    ("reply", "error", "retried"), REFUSALS, ids=[f"{reply[0]}-{reply[2]!s:.60}" for reply, *_ in REFUSALS]
)
def test_refusals(
    net: Network,
    method: str,
    call: Callable[[Network], object],
    reply: Reply,
    error: type[QueryError],
    retried: bool,
) -> None:
    cos = net.cos(method, script=repeat(reply))
    with pytest.raises(QueryError) as caught:
        call(net)
    assert type(caught.value) is error
    assert not [word for word in (COS_HOST, *WORDS.split(), *OTHERS_CODES) if word in caught.value.message]
    assert len(cos.requests) == (ATTEMPTS if retried else 1)


@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_no_content_answers_a_delete_only(net: Network, method: str) -> None:
    net.cos(method, script=repeat((204, {}, b"")))
    with pytest.raises(UpstreamFailed):
        get(net) if method == "GET" else put(net, 1)


def test_put_does_not_take_no_such_key_for_stored(net: Network) -> None:
    net.cos("PUT", script=[cos_error(404, "NoSuchKey")])
    with pytest.raises(UpstreamFailed):
        put(net, 1)


@pytest.mark.parametrize("trouble", [cos_error(503, "SlowDown"), requests.ConnectionError()], ids=["slow", "reset"])
def test_a_second_retry_succeeds(net: Network, trouble: Reply | Exception, capsys: pytest.CaptureFixture[str]) -> None:
    cos = net.cos("PUT", script=[trouble, trouble])
    invocation = net.invocation()
    CosObjects(settings(), invocation).put("x", 1)
    assert cos.puts == ["media-query/x"]
    invocation.log()
    line = json.loads(capsys.readouterr().out)
    assert (line["cos_calls"], line["retries"]) == (3, 2)


def test_each_attempt_is_signed_at_its_own_time(net: Network) -> None:
    def late(_: object) -> Reply:
        net.clock.now += 20
        return cos_error(503, "SlowDown")

    cos = net.cos("PUT", script=[late])
    put(net, 1)  # the stub compares with a signature of the moment
    assert len({str(request.headers["Authorization"]) for request in cos.requests}) == 2


@pytest.mark.parametrize("code", ["RequestTimeTooSkewed", "Request has expired"])
@pytest.mark.parametrize("skew", [-86_400, 86_400])
def test_the_next_attempt_follows_the_clock_of_cos(net: Network, code: str, skew: int) -> None:
    status, headers, text = cos_error(403, code)
    cos = net.cos("GET", objects={KEY: {"n": 1}}, script=[(status, {**headers, "Date": formatdate(NOW + skew)}, text)])
    found = objects(net)
    with pytest.raises(KeysRejected, match="SignatureDoesNotMatch"):  # the stub's clock is right after all
        found.get("results/video.json", net.invocation().deadline)
    signed = [re.findall(r"q-key-time=(\d+)", str(request.headers["Authorization"]))[0] for request in cos.requests]
    assert signed == [str(NOW - 60), str(NOW + skew - 60)]


def test_a_hung_cos_is_out_of_time(net: Network) -> None:
    net.cos("GET", script=repeat(net.clock.hang))
    with pytest.raises(OutOfTime):
        get(net)


@pytest.mark.parametrize("env", [{"COS_BUCKET": ""}, {"COS_REGION": ""}, {"COS_BUCKET": "", "COS_URL": COS_URL}])
def test_a_bucket_has_to_be_configured(net: Network, env: dict[str, str]) -> None:
    with pytest.raises(Misconfigured, match="COS_BUCKET and COS_REGION"):
        objects(net, **env)


def test_delete_is_done_when_there_is_nothing_to_delete(net: Network) -> None:
    cos = net.cos("DELETE", objects={KEY: 1, "media-query/other": 2}, script=[cos_error(404, "NoSuchKey")])
    delete(net)
    delete(net)
    assert list(cos.objects) == ["media-query/other"]


@given(st.recursive(st.none() | st.integers() | st.text(st.characters(exclude_categories=())), st.lists))
def test_any_text_survives_to_json(value: object) -> None:
    assert json.loads(to_json(value).encode()) == value


@pytest.mark.parametrize(("value", "text"), [("文", '"文"'), ("\ud800x", '"\\ud800x"'), ({"a": 1}, '{"a":1}')])
def test_to_json_is_compact_and_readable(value: object, text: str) -> None:
    assert to_json(value) == text
    assert json.loads(text) == value
