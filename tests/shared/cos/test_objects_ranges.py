"""Objects that are read chunk by chunk, and only when they have changed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from itertools import repeat

import pytest

from shared.cos import objects as module
from shared.cos.objects import Chunk, CosObjects
from shared.errors import DamagedObject, KeysRejected, OutOfTime, QueryError, Throttled, UpstreamFailed
from shared.net.client import ATTEMPTS
from tests.support.wire import Network, Reply, cos_error, settings

KEY, BODY = "media-query/watch/video.json", b'["a","b","c"]'
ETAG = hashlib.md5(BODY).hexdigest()


def same(chunk: Chunk) -> Chunk:
    return chunk


def read(net: Network, start: int = 0, known: str = "", parse: Callable[[Chunk], Chunk] = same) -> Chunk | None:
    invocation = net.invocation()
    return CosObjects(settings(), invocation).read("watch/video.json", invocation.deadline, parse, start, known)


def test_a_small_object_is_one_chunk(net: Network) -> None:
    cos = net.cos("GET", objects={KEY: BODY})
    assert read(net) == Chunk(BODY, 0, len(BODY), ETAG, intact=True)
    assert cos.requests[0].headers["Range"] == f"bytes=0-{4 * 1024 * 1024 - 1}"
    assert "If-None-Match" not in cos.requests[0].headers


def test_a_large_object_is_read_from_a_byte_on(net: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CHUNK", 5)
    cos = net.cos("GET", objects={KEY: BODY})
    assert read(net) == Chunk(BODY[:5], 0, 13, ETAG, intact=True)
    assert read(net, 5, ETAG) == Chunk(BODY[5:10], 5, 13, ETAG, intact=True)
    assert read(net, 10, ETAG) == Chunk(BODY[10:], 10, 13, ETAG, intact=True)
    assert [request.headers.get("If-Match") for request in cos.requests] == [None, f'"{ETAG}"', f'"{ETAG}"']
    assert [request.headers["Range"] for request in cos.requests] == ["bytes=0-4", "bytes=5-9", "bytes=10-14"]


def test_an_object_that_has_not_changed_is_not_sent_again(net: Network) -> None:
    cos = net.cos("GET", objects={KEY: BODY})
    assert read(net, known=ETAG) == Chunk(b"", 0, 0, ETAG, intact=True)
    assert cos.requests[0].headers["If-None-Match"] == f'"{ETAG}"'
    cos.objects[KEY] = b"[]"
    found = read(net, known=ETAG)
    assert found is not None
    assert (found.body, found.etag == ETAG) == (b"[]", False)


def test_behind_its_beginning_another_version_has_nothing_to_go_on_with(net: Network) -> None:
    net.cos("GET", objects={KEY: BODY})
    assert read(net, 5, "another") is None


def test_an_object_of_no_bytes_has_no_range_but_the_etag_that_a_list_tells(net: Network) -> None:
    """The answer has status 416 and no ETag: a shard without a byte once was another than the listed at each look."""
    net.cos("GET", objects={KEY: b""})
    invocation = net.invocation()
    (etag,) = CosObjects(settings(), invocation).list("watch/", invocation.deadline).values()
    for known in ("", ETAG):
        assert read(net, known=known) == Chunk(b"", 0, 0, etag, intact=True)


def test_without_an_object_there_is_nothing_to_parse(net: Network) -> None:
    net.cos("GET")

    def never(_: Chunk) -> Chunk:
        raise AssertionError

    assert read(net, parse=never) is None
    assert read(net, 5, ETAG, never) is None


def test_a_reply_without_a_range_is_the_whole(net: Network) -> None:
    """So may a proxy answer; RFC 9110 lets a server ignore Range."""
    net.cos("GET", script=[(200, {"ETag": f'"{ETAG}"'}, BODY)])
    assert read(net) == Chunk(BODY, 0, len(BODY), ETAG, intact=True)


@pytest.mark.parametrize(
    ("told", "total", "intact"),
    [("bytes 0-12/13", 13, False), ("bytes 0-12/99", 99, True), ("bytes 0-12/*", 13, False)],
)
def test_only_a_whole_object_can_be_checked_against_its_etag(net: Network, told: str, total: int, intact: bool) -> None:
    net.cos("GET", script=[(206, {"ETag": f'"{"0" * 32}"', "Content-Range": told}, BODY)])
    assert read(net) == Chunk(BODY, 0, total, "0" * 32, intact)


def test_a_damaged_body_is_read_again(net: Network) -> None:
    cos = net.cos("GET", objects={KEY: BODY}, script=[(206, {"ETag": f'"{ETAG}"'}, b'["a",')])

    def parse(chunk: Chunk) -> Chunk:
        try:
            json.loads(chunk.body)
        except ValueError as error:
            raise DamagedObject("no JSON", retryable=not chunk.intact) from error
        return chunk

    assert read(net, parse=parse) == Chunk(BODY, 0, len(BODY), ETAG, intact=True)
    assert len(cos.requests) == 2
    cos.objects[KEY] = b"{"
    with pytest.raises(DamagedObject):
        read(net, parse=parse)
    assert len(cos.requests) == 3, "stored like that: nobody needs to ask again"


#: What COS answers, what it becomes, whether another attempt may mend it.
REFUSALS: list[tuple[Reply, type[QueryError], bool]] = [
    (cos_error(503, "SlowDown"), Throttled, True),
    (cos_error(500, "InternalError"), UpstreamFailed, True),
    (cos_error(403, "AccessDenied"), KeysRejected, False),
    (cos_error(404, "NoSuchBucket"), UpstreamFailed, False),
    ((301, {"Location": "https://elsewhere.example/"}, b""), UpstreamFailed, False),
    ((204, {}, b""), UpstreamFailed, False),
]


@pytest.mark.parametrize(("reply", "error", "retried"), REFUSALS, ids=[str(reply[0]) for reply, *_ in REFUSALS])
@pytest.mark.parametrize("start", [0, 5])
def test_refusals(net: Network, start: int, reply: Reply, error: type[QueryError], retried: bool) -> None:
    cos = net.cos("GET", script=repeat(reply))
    with pytest.raises(QueryError) as caught:
        read(net, start, ETAG)
    assert type(caught.value) is error
    assert len(cos.requests) == (ATTEMPTS if retried else 1)


def test_a_hung_cos_is_out_of_time(net: Network) -> None:
    net.cos("GET", script=repeat(net.clock.hang))
    with pytest.raises(OutOfTime):
        read(net)


def test_the_whole_object_in_place_of_a_range_is_not_taken_for_it(net: Network) -> None:
    net.cos("GET", script=[(200, {"ETag": f'"{ETAG}"'}, BODY)])
    assert read(net, 5, ETAG) is None
