"""Lists of objects in COS, page by page. The stub refuses what cos-python-sdk-v5 would not have signed."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import repeat
from urllib.parse import parse_qsl, urlsplit

import pytest

from shared.cos.objects import PAGE, CosObjects
from shared.errors import OutOfTime, ReplyTooLarge, UpstreamFailed
from shared.net.client import ATTEMPTS
from shared.net.xml import MAX_XML
from tests.support.wire import Network, Reply, settings


def pages(net: Network, folder: str = "a/", **env: str) -> Iterator[dict[str, str]]:
    invocation = net.invocation()
    return CosObjects(settings(**env), invocation).pages(folder, invocation.deadline)


def listed(net: Network, folder: str = "a/", **env: str) -> dict[str, str]:
    invocation = net.invocation()
    return CosObjects(settings(**env), invocation).list(folder, invocation.deadline)


def page(*keys: str, more: str = "") -> Reply:
    """A page of a list, with the marker of the next."""
    contents = "".join(f"<Contents><Key>{key}</Key><ETag>&quot;e&quot;</ETag></Contents>" for key in keys)
    following = f"<IsTruncated>true</IsTruncated><NextMarker>{more}</NextMarker>" if more else ""
    return 200, {}, f"<ListBucketResult>{contents}{following}</ListBucketResult>"


def test_a_list_has_the_objects_directly_in_the_folder_and_the_folders_below(net: Network) -> None:
    names = ("a/b-.json", "a/b+c 名.json", "a/", "a/deep/c.json", "a/deep/d.json", "ab.json", "c")
    cos = net.cos("GET", "PUT", objects={f"media-query/{name}": [name] for name in names})
    invocation = net.invocation()
    etag = CosObjects(settings(), invocation).put("a/z.json", 1).etag
    found = listed(net)
    assert list(found) == ["a/", "a/b+c 名.json", "a/b-.json", "a/z.json", "a/deep/"]
    assert (found["a/z.json"], found["a/deep/"]) == (etag, ""), "a folder has none"
    assert len({*found.values()}) == 5
    assert len(cos.requests) == 2


def test_a_folder_without_objects_is_one_empty_page(net: Network) -> None:
    net.cos("GET", objects={"media-query/ab": 1})
    assert list(pages(net)) == [{}]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8])
def test_a_list_is_read_page_by_page(net: Network, size: int) -> None:
    names = [f"a/{letter}{rest}" for letter in "bx" for rest in ("", " 名&", "/1", "/2")]
    cos = net.cos("GET", objects={f"state/{name}": 1 for name in names})
    cos.page_size = size
    expected = ["a/b", "a/b 名&", "a/b/", "a/x", "a/x 名&", "a/x/"]
    assert sorted(listed(net, COS_PREFIX="state")) == expected
    assert len(cos.requests) == -(-6 // size)


def test_a_page_is_asked_for_when_it_is_wanted(net: Network) -> None:
    cos = net.cos("GET", objects={f"media-query/a/{number}": 1 for number in range(5)})
    cos.page_size = 2
    found = pages(net)
    assert list(next(found)) == ["a/0", "a/1"]
    assert len(cos.requests) == 1
    assert [len(one) for one in found] == [2, 1]


def test_a_page_that_is_too_large_is_asked_for_in_smaller_ones(net: Network) -> None:
    """A page of more than a megabyte of long names once failed every sweep."""
    keys = [f"{number:04}{'名' * 250}" for number in range(2000)]
    cos = net.cos("GET", objects={f"media-query/a/{key}": 1 for key in keys})
    assert list(listed(net)) == [f"a/{key}" for key in keys]
    sizes = [int(dict(parse_qsl(urlsplit(str(request.url)).query))["max-keys"]) for request in cos.requests]
    assert sizes == [PAGE, *[PAGE // 4] * 8]


def test_a_list_of_which_one_name_is_too_large_fails(net: Network) -> None:
    cos = net.cos("GET", script=repeat((200, {}, b"<ListBucketResult>" + b" " * MAX_XML + b"</ListBucketResult>")))
    with pytest.raises(ReplyTooLarge):
        listed(net)
    assert len(cos.requests) == 6, "1000, 250, 62, 15, 3, 1"


@pytest.mark.parametrize(
    ("body", "tries", "message"),
    [
        (b"", ATTEMPTS, "not answer with XML"),
        (b"<ListBucketResult>", ATTEMPTS, "not answer with XML"),
        (b"\x00\xff", ATTEMPTS, "not answer with XML"),
        (b"<!DOCTYPE a><a/>", 1, "document type"),
        (b"<html><body>Please log in</body></html>", ATTEMPTS, "not answer with a list"),
        (b"<Error><Code>InternalError</Code></Error>", ATTEMPTS, "not answer with a list"),
    ],
)
def test_replies_that_are_not_lists_are_errors(net: Network, body: bytes, tries: int, message: str) -> None:
    """A page of a proxy, or an error with status 200, was once an empty list: nothing was watched then."""
    cos = net.cos("GET", script=repeat((200, {}, body)))
    with pytest.raises(UpstreamFailed, match=message):
        listed(net)
    assert len(cos.requests) == tries


def test_one_more_attempt_mends_a_page(net: Network) -> None:
    net.cos("GET", script=[(200, {}, b"<html/>"), page("media-query/a/1")])
    assert listed(net) == {"a/1": "e"}


TRUNCATED = b"<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>"


@pytest.mark.parametrize(
    "script",
    [
        [(200, {}, TRUNCATED)],
        [page("media-query/a/1", more="media-query/a/1"), page("media-query/a/1", more="media-query/a/1")],
        [page("media-query/a/2", more="media-query/a/2"), page("media-query/a/1", more="media-query/a/1")],
    ],
    ids=["no marker", "the same marker", "one before"],
)
def test_a_list_whose_marker_does_not_advance_is_an_error(net: Network, script: list[Reply]) -> None:
    """A marker that does not move was once followed until the time was over."""
    cos = net.cos("GET", script=script)
    with pytest.raises(UpstreamFailed, match="without a marker for the rest"):
        listed(net)
    assert len(cos.requests) == len(script)


def test_a_hung_cos_is_out_of_time(net: Network) -> None:
    net.cos("GET", script=repeat(net.clock.hang))
    with pytest.raises(OutOfTime):
        listed(net)
