"""Ranges, conditions and the headers that a GET may ask for."""

from __future__ import annotations

import hashlib
from email.utils import formatdate

import pytest

from tests.support.cos import JSON, NOW, Client, code_of


@pytest.mark.parametrize(
    ("asked", "status", "body", "content_range"),
    [
        ("bytes=0-0", 206, b"0", "bytes 0-0/10"),
        ("bytes=2-4", 206, b"234", "bytes 2-4/10"),
        ("bytes=8-99", 206, b"89", "bytes 8-9/10"),
        ("bytes=7-", 206, b"789", "bytes 7-9/10"),
        ("bytes=-3", 206, b"789", "bytes 7-9/10"),
        ("bytes=-30", 206, b"0123456789", "bytes 0-9/10"),
        (" bytes=1-1 ", 206, b"1", "bytes 1-1/10"),
    ],
)
def test_a_range(client: Client, asked: str, status: int, body: bytes, content_range: str) -> None:
    client("PUT", "k", body=b"0123456789")
    reply = client("GET", "k", headers={"range": asked})
    assert (reply.status, reply.body, reply.headers["Content-Range"]) == (status, body, content_range)


@pytest.mark.parametrize(
    "asked",
    [
        *("bytes=10-10", "bytes=10-", "bytes=4-2", "bytes=-0", "bytes=-", "bytes=x-y"),
        *("bytes=0-1,3-4", "bytes=-30,3-4", "lines=0-1", "lines=-30"),
    ],
)
def test_a_malformed_range_is_refused(client: Client, asked: str) -> None:
    client("PUT", "k", body=b"0123456789")
    assert code_of(client("GET", "k", headers={"range": asked})) == "InvalidRange"


@pytest.mark.parametrize("asked", ["bytes=0-", "bytes=-1"])
def test_an_object_of_no_bytes_has_no_range(client: Client, asked: str) -> None:
    client("PUT", "k", body=b"")
    assert code_of(client("GET", "k", headers={"range": asked})) == "InvalidRange"


ETAG = hashlib.md5(b"x").hexdigest()
BEFORE, AT, AFTER = (formatdate(NOW + seconds, usegmt=True) for seconds in (-1, 0, 1))


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    ("conditions", "status"),
    [
        ({"if-match": f'"{ETAG}"'}, 200),
        ({"if-match": ETAG}, 200),
        ({"if-match": "*"}, 200),
        ({"if-match": f'"other", "{ETAG}"'}, 200),
        ({"if-match": '"other"'}, 412),
        ({"if-none-match": f'"{ETAG}"'}, 304),
        ({"if-none-match": f'W/"{ETAG}"'}, 304),
        ({"if-none-match": "*"}, 304),
        ({"if-none-match": '"other"'}, 200),
        ({"if-modified-since": BEFORE}, 200),
        ({"if-modified-since": AT}, 304),
        ({"if-modified-since": AFTER}, 304),
        ({"if-modified-since": AT.replace("GMT", "-0000")}, 304),
        ({"if-unmodified-since": BEFORE}, 412),
        ({"if-unmodified-since": AT}, 200),
        ({"if-modified-since": "whenever"}, 200),
        ({"if-unmodified-since": "Mon, 99 Jan 99999 00:00:00 GMT"}, 200),
        ({"if-match": f'"{ETAG}"', "if-unmodified-since": BEFORE}, 200),
        ({"if-none-match": '"other"', "if-modified-since": AFTER}, 200),
        ({"if-match": '"other"', "if-none-match": f'"{ETAG}"'}, 412),
        ({"if-match": f'"{ETAG}"', "if-none-match": f'"{ETAG}"'}, 304),
    ],
)
def test_conditions(client: Client, method: str, conditions: dict[str, str], status: int) -> None:
    client("PUT", "k", body=b"x", headers=JSON)
    reply = client(method, "k", headers=conditions)
    assert reply.status == status
    if status == 304:
        assert reply.body == b""
        assert reply.headers["ETag"] == f'"{ETAG}"'
        assert reply.headers["Content-Type"] == "application/json"


def test_a_condition_goes_before_a_range(client: Client) -> None:
    client("PUT", "k", body=b"x")
    assert client("GET", "k", headers={"if-none-match": ETAG, "range": "bytes=9-"}).status == 304


def test_response_parameters_replace_headers(client: Client) -> None:
    client("PUT", "k", body=b"x", headers={**JSON, "cache-control": "no-store"})
    query = {"response-content-type": "text/plain", "response-cache-control": "max-age=600"}
    reply = client("GET", "k", query=query)
    assert (reply.headers["Content-Type"], reply.headers["Cache-Control"]) == ("text/plain", "max-age=600")
    assert client("HEAD", "k", query=query).headers["Content-Type"] == "application/json"


def test_a_header_can_not_be_smuggled_in(client: Client) -> None:
    client("PUT", "k", body=b"x")
    query = {"response-content-type": "text/plain\r\nSet-Cookie: a=b"}
    assert code_of(client("GET", "k", query=query)) == "InvalidArgument"
