"""COS as its pages describe it, through `handle` and through real sockets with the official client."""

from __future__ import annotations

import asyncio
import base64
import errno
import gzip
import hashlib
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import closing, contextmanager
from email.utils import formatdate
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit
from xml.etree import ElementTree as ET

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from qcloud_cos import CosConfig, CosS3Client
from qcloud_cos.cos_exception import CosServiceError

from local.cos.replies import ERRORS
from local.cos.service import CosService
from local.cos.store import CosStore, StoredObject
from local.faults import Faulty
from local.keys import BUCKET, PERMANENT, REGION, ROLE
from local.server import Reply, Request, Server
from shared.signing.cos import CosAuth, cos_authorization
from shared.signing.credentials import Credentials

NOW = 1_700_000_000
HOST = f"{BUCKET}.cos.{REGION}.myqcloud.com"
TOKEN = "x-cos-security-token"
JSON = {"content-type": "application/json"}


class Client:
    """Signs requests as the documents say and hands them to a service."""

    def __init__(self, service: CosService, keys: Credentials = PERMANENT) -> None:
        self.service = service
        self.keys = keys
        self.window = f"{NOW - 60};{NOW + 600}"
        self.host = HOST

    def request(
        self,
        method: str,
        key: str = "",
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
    ) -> Request:
        """A signed request."""
        sent = {"host": self.host, **(headers or {})}
        if method == "PUT":
            sent = {"content-length": str(len(body)), **sent}
        if self.keys.token:
            sent[TOKEN] = self.keys.token
        sent["authorization"] = cos_authorization(self.keys, method, f"/{key}", query or {}, sent, self.window)
        return Request(method, "/" + quote(key), urlencode(query or {}), sent, body)

    def __call__(self, method: str, key: str = "", **parts: Any) -> Reply:
        return self.service.handle(self.request(method, key, **parts))


@pytest.fixture
def service(tmp_path: Path) -> CosService:
    store = CosStore(tmp_path, clock=lambda: NOW * 10**9)
    return CosService(store, clock=lambda: NOW)


@pytest.fixture
def client(service: CosService) -> Client:
    return Client(service)


def code_of(reply: Reply) -> str:
    """The code of an error reply, whose status must be the documented one."""
    code = ET.fromstring(reply.body).findtext("Code") or ""
    assert reply.status == ERRORS[code][0]
    return code


def without(request: Request, *names: str) -> Request:
    return request._replace(headers={name: value for name, value in request.headers.items() if name not in names})


# Objects


def test_put_answers_with_the_checksums(client: Client) -> None:
    reply = client("PUT", "results/video.json", body=b"{}", headers={**JSON, "content-md5": "mZFLkyvTelC5g8XnyQrpOw=="})
    assert (reply.status, reply.body) == (200, b"")
    assert reply.headers["ETag"] == '"99914b932bd37a50b983c5e7c90ae93b"'
    assert reply.headers["x-cos-hash-crc64ecma"] == str(client.service._store.head("results/video.json").crc64)
    assert reply.headers["Server"] == "tencent-cos"
    request_id = base64.b64decode(str(reply.headers["x-cos-request-id"])).decode()
    assert request_id.startswith(f"{NOW:x}_")


def test_request_ids_differ(client: Client) -> None:
    assert len({client("GET").headers["x-cos-request-id"] for _ in range(20)}) == 20


def test_get_returns_what_was_put(client: Client) -> None:
    kept = {**JSON, "cache-control": "no-store", "expires": "0", "x-cos-meta-a-b": "c d"}
    client("PUT", "k", body=b"content", headers=kept)
    reply = client("GET", "k")
    assert (reply.status, reply.body) == (200, b"content")
    assert reply.headers["Content-Type"] == "application/json"
    assert (reply.headers["Cache-Control"], reply.headers["Expires"]) == ("no-store", "0")
    assert reply.headers["x-cos-meta-a-b"] == "c d"
    assert reply.headers["Last-Modified"] == formatdate(NOW, usegmt=True)
    assert reply.headers["Accept-Ranges"] == "bytes"
    assert reply.headers["ETag"] == f'"{hashlib.md5(b"content").hexdigest()}"'


def test_an_object_without_a_type_is_a_stream_of_bytes(client: Client) -> None:
    client("PUT", "k", body=b"x")
    assert client("GET", "k").headers["Content-Type"] == "application/octet-stream"


def test_head_is_get_without_a_body(client: Client) -> None:
    client("PUT", "k", body=b"content", headers=JSON)
    got, head = client("GET", "k"), client("HEAD", "k")
    assert (head.status, head.body) == (200, b"")
    same = {name: value for name, value in got.headers.items() if name != "x-cos-request-id"}
    assert {name: head.headers[name] for name in same} == same
    assert head.headers["Content-Length"] == "7"


def test_errors_of_head_have_no_body(client: Client) -> None:
    reply = client("HEAD", "missing")
    assert (reply.status, reply.body) == (404, b"")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_missing_object_is_not_found(client: Client, method: str) -> None:
    reply = client(method, "a/missing")
    assert reply.status == 404
    assert "x-cos-trace-id" in reply.headers


def test_delete_answers_the_same_whether_there_was_an_object(client: Client) -> None:
    client("PUT", "k", body=b"x")
    assert [client("DELETE", "k").status for _ in range(2)] == [204, 204]
    assert code_of(client("GET", "k")) == "NoSuchKey"


def test_calls_are_counted_by_operation(client: Client) -> None:
    for method in ("PUT", "GET", "GET", "HEAD", "DELETE"):
        client(method, "k")
    client("GET")
    client("POST", "k")
    assert client.service.calls == {"PutObject": 1, "GetObject": 2, "HeadObject": 1, "DeleteObject": 1, "GetBucket": 1}


# PUT


@pytest.mark.parametrize(
    ("digest", "code"),
    [
        ("not base64!", "InvalidDigest"),
        ("视频", "InvalidDigest"),
        (base64.b64encode(b"short").decode(), "InvalidDigest"),
        ("", "InvalidDigest"),
        (base64.b64encode(b"x" * 16).decode(), "BadDigest"),
    ],
)
def test_content_md5_is_checked(client: Client, digest: str, code: str) -> None:
    assert code_of(client("PUT", "k", body=b"{}", headers={"content-md5": digest})) == code
    assert code_of(client("GET", "k")) == "NoSuchKey"


def test_put_needs_a_length_or_chunks(client: Client) -> None:
    unsigned = cos_authorization(PERMANENT, "PUT", "/k", {}, {"host": HOST}, client.window)
    bare = Request("PUT", "/k", "", {"host": HOST, "authorization": unsigned}, b"x")
    assert code_of(client.service.handle(bare)) == "MissingContentLength"
    chunked = bare._replace(headers={**bare.headers, "transfer-encoding": "chunked"})
    assert client.service.handle(chunked).status == 200


def test_forbid_overwrite(client: Client) -> None:
    once = {"x-cos-forbid-overwrite": "true"}
    assert client("PUT", "k", body=b"one", headers=once).status == 200
    assert code_of(client("PUT", "k", body=b"two", headers=once)) == "FileAlreadyExists"
    assert client("PUT", "k", body=b"three", headers={"x-cos-forbid-overwrite": "false"}).status == 200
    assert client("GET", "k").body == b"three"


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"x-cos-meta-a": "x" * 2048}, "InvalidArgument"),
        ({"x-cos-meta-a": "é" * 1020}, "InvalidArgument"),
        ({"x-cos-meta-a_b": "x"}, "InvalidArgument"),
        ({"x-cos-acl": "public-read"}, "NotImplemented"),
        ({"x-cos-storage-class": "ARCHIVE"}, "NotImplemented"),
        ({"x-cos-copy-source": "elsewhere/k"}, "NotImplemented"),
        ({"x-cos-server-side-encryption": "AES256"}, "NotImplemented"),
    ],
)
def test_headers_that_are_not_taken(client: Client, headers: dict[str, str], code: str) -> None:
    assert code_of(client("PUT", "k", headers=headers)) == code


def test_headers_that_ask_for_the_default_are_taken(client: Client) -> None:
    headers = {"x-cos-acl": "private", "x-cos-storage-class": "STANDARD", "x-cos-meta-a": "x" * 2000}
    assert client("PUT", "k", headers=headers).status == 200


def test_the_longest_key_is_850_bytes(client: Client) -> None:
    assert client("PUT", "视" * 283 + "x", body=b"x").status == 200
    assert client("GET", "视" * 283 + "x").body == b"x"
    for method in ("PUT", "GET", "DELETE"):
        assert code_of(client(method, "视" * 283 + "xy")) == "KeyTooLong"


@pytest.mark.parametrize(
    ("method", "code"), [("DELETE", "NotImplemented"), ("PUT", "BucketAlreadyOwnedByYou"), ("POST", "MethodNotAllowed")]
)
def test_without_a_key_the_bucket_is_asked_for(client: Client, method: str, code: str) -> None:
    assert code_of(client(method)) == code


def test_the_head_of_a_bucket_says_its_region(client: Client) -> None:
    assert client("HEAD").headers["x-cos-bucket-region"] == REGION


def test_a_full_disk_is_an_internal_error(
    client: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    client("PUT", "k", body=b"old")

    def disk_full(*args: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as broken, caplog.at_level(logging.ERROR):
        broken.setattr(Path, "write_bytes", disk_full)
        assert code_of(client("PUT", "k", body=b"new")) == "InternalError"
    assert "No space left" in caplog.text
    assert client("GET", "k").body == b"old"


# GET


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
    "asked", ["bytes=10-10", "bytes=10-", "bytes=4-2", "bytes=-0", "bytes=-", "bytes=0-1,3-4", "lines=0-1", "bytes=x-y"]
)
def test_a_range_that_is_none(client: Client, asked: str) -> None:
    client("PUT", "k", body=b"0123456789")
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


# Lists


def texts(reply: Reply, path: str) -> list[str]:
    assert reply.status == 200
    return [element.text or "" for element in ET.fromstring(reply.body).findall(path)]


@pytest.fixture
def listed(client: Client) -> Client:
    for key in ("a b", "d/1", "d/2", "z<&>", "é"):
        client("PUT", key, body=b"x")
    return client


def test_a_list_is_the_documented_xml(client: Client) -> None:
    client("PUT", "a/b", body=b"x")
    reply = client("GET")
    assert (reply.headers["Content-Type"], reply.headers["x-cos-bucket-region"]) == ("application/xml", REGION)
    root = ET.fromstring(reply.body)
    assert [node.tag for node in root] == ["Name", "Prefix", "Marker", "MaxKeys", "IsTruncated", "Contents"]
    contents = root.find("Contents")
    assert contents is not None
    assert [(node.tag, node.text) for node in contents if node.tag != "Owner"] == [
        ("Key", "a/b"),
        ("LastModified", "2023-11-14T22:13:20.000Z"),
        ("ETag", f'"{ETAG}"'),
        ("Size", "1"),
        ("StorageClass", "STANDARD"),
    ]
    assert [node.text for node in contents.iterfind("Owner/*")] == ["1253125191"] * 2
    assert (root.findtext("Name"), root.findtext("MaxKeys"), root.findtext("IsTruncated")) == (BUCKET, "1000", "false")


def test_list_parameters(listed: Client) -> None:
    assert texts(listed("GET"), "Contents/Key") == ["a b", "d/1", "d/2", "z<&>", "é"]
    assert texts(listed("GET", query={"prefix": "d/"}), "Contents/Key") == ["d/1", "d/2"]
    assert texts(listed("GET", query={"marker": "d/1"}), "Contents/Key") == ["d/2", "z<&>", "é"]
    grouped = listed("GET", query={"delimiter": "/"})
    assert texts(grouped, "Contents/Key") == ["a b", "z<&>", "é"]
    assert texts(grouped, "CommonPrefixes/Prefix") == ["d/"]
    assert texts(grouped, "Delimiter") == ["/"]


def test_list_pages(listed: Client) -> None:
    page = listed("GET", query={"max-keys": "2", "delimiter": "/"})
    assert texts(page, "IsTruncated") == ["true"]
    assert texts(page, "NextMarker") == ["d/"]
    rest = listed("GET", query={"max-keys": "2000", "delimiter": "/", "marker": "d/"})
    assert texts(rest, "Contents/Key") == ["z<&>", "é"]
    assert (texts(rest, "IsTruncated"), texts(rest, "NextMarker"), texts(rest, "MaxKeys")) == (["false"], [], ["1000"])


def test_a_page_has_1000_entries_at_most(client: Client) -> None:
    for number in range(1001):
        client.service._store.put(f"{number:04}", b"", {})
    reply = client("GET")
    assert len(texts(reply, "Contents")) == 1000
    assert texts(reply, "NextMarker") == ["0999"]


def test_encoded_lists(listed: Client) -> None:
    reply = listed("GET", query={"encoding-type": "url", "prefix": "é", "marker": "d/"})
    assert texts(reply, "Contents/Key") == ["%C3%A9"]
    assert (texts(reply, "Prefix"), texts(reply, "Marker")) == (["%C3%A9"], ["d%2F"])
    assert texts(reply, "EncodingType") == ["url"]


def test_a_list_is_well_formed_whatever_the_keys(client: Client) -> None:
    client("PUT", "a\x00\r\x1bb", body=b"x")
    assert texts(client("GET"), "Contents/Key") == ["a\ufffd\ufffd\ufffdb"]
    assert texts(client("GET", query={"encoding-type": "url"}), "Contents/Key") == ["a%00%0D%1Bb"]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"max-keys": "0"}, "InvalidArgument"),
        ({"max-keys": "-1"}, "InvalidArgument"),
        ({"max-keys": "many"}, "InvalidArgument"),
        ({"encoding-type": "base64"}, "InvalidArgument"),
        ({"delimiter": "--"}, "InvalidDelimiter"),
    ],
)
def test_list_parameters_that_are_wrong(client: Client, query: dict[str, str], code: str) -> None:
    assert code_of(client("GET", query=query)) == code


def test_an_object_deleted_meanwhile_is_left_out(tmp_path: Path) -> None:
    class Busy(CosStore):
        def head(self, key: str) -> StoredObject:
            self.delete("gone")
            return super().head(key)

    store = Busy(tmp_path)
    for key in ("a", "gone", "z"):
        store.put(key, b"", {})
    reply = Client(CosService(store, clock=lambda: NOW))("GET")
    assert texts(reply, "Contents/Key") == ["a", "z"]


# What is asked for


def test_the_buckets_own_hosts_and_custom_ones_are_served(client: Client) -> None:
    client("PUT", "k", body=b"x")
    for host in (
        HOST,
        f"{HOST}:9002",
        f"{BUCKET}.cos.{REGION}.tencentcos.cn",
        "127.0.0.1:9002",
        "localhost",
        "cos:9002",
    ):
        client.host = host
        assert client("GET", "k").body == b"x"


@pytest.mark.parametrize(
    "host",
    [
        f"other-1253125191.cos.{REGION}.myqcloud.com",
        f"{BUCKET}.cos.ap-beijing.myqcloud.com:9002",
        f"{BUCKET}.ci.{REGION}.myqcloud.com",
        f"cos.{REGION}.myqcloud.com",
    ],
)
def test_another_bucket_does_not_exist(client: Client, host: str) -> None:
    client.host = host
    assert code_of(client("GET", "k")) == "NoSuchBucket"


@pytest.mark.parametrize("method", ["POST", "OPTIONS", "PATCH"])
def test_other_methods_are_not_allowed(client: Client, method: str) -> None:
    assert code_of(client(method, "k")) == "MethodNotAllowed"


@pytest.mark.parametrize(
    ("method", "key", "name"),
    [
        ("GET", "k", "acl"),
        ("POST", "k", "uploads"),
        ("POST", "", "delete"),
        ("PUT", "k", "partNumber"),
        ("GET", "", "cors"),
        ("GET", "k", "imageMogr2/thumbnail/!50p"),
        ("HEAD", "k", "versionId"),
        *((method, "k", name) for method in ("GET", "PUT", "DELETE") for name in ("live", "vod", "style", "exif")),
    ],
)
def test_other_operations_are_not_implemented_and_touch_nothing(
    client: Client, method: str, key: str, name: str
) -> None:
    client("PUT", "k", body=b"kept")
    reply = client(method, key, query={name: ""}, body=b"lost")
    if method != "HEAD":
        assert code_of(reply) == "NotImplemented"
        assert name.partition("/")[0] in reply.body.decode()
    assert reply.status == 501
    assert client("GET", "k").body == b"kept"


@pytest.mark.parametrize("header", ["pic-operations", "x-cos-traffic-limit", "x-cos-tagging"])
def test_a_header_that_is_not_emulated_is_named(client: Client, header: str) -> None:
    reply = client("PUT", "k", body=b"x", headers={header: "1"})
    assert code_of(reply) == "NotImplemented"
    assert header in reply.body.decode()
    assert client("GET", "k").status == 404


def test_a_request_without_a_signature_of_cos_is_told_so(client: Client) -> None:
    request = client.request("GET", "k")
    headers = {**request.headers, "authorization": "AWS4-HMAC-SHA256 Credential=x"}
    assert "signature of COS's kind" in client.service.handle(request._replace(headers=headers)).body.decode()


@pytest.mark.parametrize(
    ("path", "query"),
    [("/%FF", ""), ("/\udcff", ""), ("/", "prefix=%FF"), ("/", "prefix=\udcff"), ("*", ""), ("/%ED%A0%80", "")],
)
def test_addresses_that_are_not_utf8_are_refused(client: Client, path: str, query: str) -> None:
    assert code_of(client.service.handle(client.request("GET")._replace(path=path, query=query))) == "InvalidURI"


@pytest.mark.parametrize("value", ["\udcff", "a\nb", "\x00"])
def test_headers_that_are_not_text_are_refused(client: Client, value: str) -> None:
    request = client.request("PUT", "k")
    spoiled = request._replace(headers={**request.headers, "x-cos-meta-a": value})
    assert code_of(client.service.handle(spoiled)) == "InvalidArgument"


def test_an_error_says_what_was_asked(client: Client) -> None:
    reply = client("GET", "a<b/é")
    root = ET.fromstring(reply.body)
    assert [node.tag for node in root] == ["Code", "Message", "Resource", "RequestId", "TraceId"]
    assert root.findtext("Resource") == f"{HOST}/a%3Cb/%C3%A9"
    assert root.findtext("RequestId") == reply.headers["x-cos-request-id"]
    assert root.findtext("TraceId") == reply.headers["x-cos-trace-id"]
    assert reply.headers["Content-Type"] == "application/xml"


@pytest.mark.parametrize(("code", "status"), [("SlowDown", 503), ("Request has expired", 403), ("NoSuchKey", 404)])
def test_errors_to_order(service: CosService, code: str, status: int) -> None:
    reply = service.error(code)
    assert (reply.status, code_of(reply)) == (status, code)


@pytest.mark.parametrize("code", ["", "NoSuchCode"])
def test_errors_that_are_none_are_internal(service: CosService, code: str) -> None:
    assert code_of(service.error(code)) == "InternalError"


# Signatures


def test_unsigned_requests_are_denied(client: Client) -> None:
    assert code_of(client.service.handle(without(client.request("GET", "k"), "authorization"))) == "AccessDenied"


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("q-sign-algorithm=sha1", "q-sign-algorithm=sha256", "AccessDenied"),
        ("q-sign-algorithm=sha1&", "", "AccessDenied"),
        ("q-header-list=", "header-list=", "AccessDenied"),
        (f"q-sign-time={NOW - 60}", f"q-sign-time={NOW - 61}", "AccessDenied"),
        (f"q-key-time={NOW - 60};", "q-key-time=", "AccessDenied"),
        (f"{NOW + 600}", f"{NOW + 601}", "SignatureDoesNotMatch"),
        ("q-ak=AKIDLOCALEXAMPLE", "q-ak=AKIDNOBODY", "InvalidAccessKeyId"),
        ("q-ak=AKIDLOCALEXAMPLE", "q-ak=", "InvalidAccessKeyId"),
        ("q-header-list=host", "q-header-list=", "SignatureDoesNotMatch"),
        ("q-header-list=host", "q-header-list=host;range", "SignatureDoesNotMatch"),
        ("q-url-param-list=", "q-url-param-list=prefix", "SignatureDoesNotMatch"),
        ("q-signature=", "q-signature=0", "SignatureDoesNotMatch"),
        ("q-signature=", "q-signature=é", "SignatureDoesNotMatch"),
    ],
)
def test_a_changed_authorization_is_refused(client: Client, old: str, new: str, code: str) -> None:
    request = client.request("GET", "k")
    authorization = request.headers["authorization"]
    assert old in authorization
    changed = request._replace(headers={**request.headers, "authorization": authorization.replace(old, new)})
    assert code_of(client.service.handle(changed)) == code


@pytest.mark.parametrize(
    "change",
    [
        lambda r: r._replace(path="/other"),
        lambda r: r._replace(method="DELETE"),
        lambda r: r._replace(query="response-expires=1"),
        lambda r: r._replace(headers={**r.headers, "range": "bytes=0-1"}),
        lambda r: r._replace(headers={**r.headers, "host": "127.0.0.1"}),
    ],
)
def test_a_signature_covers_the_request(client: Client, change: Callable[[Request], Request]) -> None:
    client("PUT", "k", body=b"xyz")
    request = client.request("GET", "k", query={"response-expires": "0"}, headers={"range": "bytes=0-0"})
    assert client.service.handle(request).status == 206
    assert code_of(client.service.handle(change(request))) == "SignatureDoesNotMatch"


def test_what_is_not_listed_is_not_signed(client: Client) -> None:
    client("PUT", "k", body=b"xyz")
    request = client.request("GET", "k")
    headers = {**request.headers, "range": "bytes=0-0"}
    reply = client.service.handle(request._replace(headers=headers, query="response-content-type=text/plain"))
    assert (reply.body, reply.headers["Content-Type"]) == (b"x", "text/plain")


def test_the_wrong_key_is_refused(service: CosService) -> None:
    forger = Client(service, Credentials(PERMANENT.secret_id, "guess"))
    assert code_of(forger("GET", "k")) == "SignatureDoesNotMatch"


def test_names_are_listed_encoded_and_in_lower_case(client: Client) -> None:
    reply = client("GET", query={"max-keys": "1", "prefix": "a b+c&d", "marker": ""})
    assert texts(reply, "Prefix") == ["a b+c&d"]


@pytest.mark.parametrize(
    ("start", "end", "code"),
    [
        (-700, -1, "Request has expired"),
        (-60, 0, ""),
        (900, 1500, ""),
        (901, 1500, "RequestTimeTooSkewed"),
    ],
)
def test_a_signature_has_its_time(client: Client, start: int, end: int, code: str) -> None:
    client.window = f"{NOW + start};{NOW + end}"
    reply = client("GET")
    assert (code_of(reply) if code else reply.status) == (code or 200)


def test_temporary_keys_need_their_token(service: CosService) -> None:
    client = Client(service, ROLE)
    assert client("GET").status == 200
    client.keys = ROLE._replace(token="guess")
    assert code_of(client("GET")) == "AccessDenied"
    client.keys = ROLE._replace(token="")
    assert code_of(client("GET")) == "AccessDenied"


def test_permanent_keys_have_no_token(service: CosService) -> None:
    assert code_of(Client(service, PERMANENT._replace(token=ROLE.token))("GET")) == "AccessDenied"


def presigned(client: Client, method: str, key: str, query: dict[str, str]) -> Request:
    """A request whose signature is in the query string."""
    authorization = cos_authorization(client.keys, method, f"/{key}", query, {"host": HOST}, client.window)
    return Request(
        method, "/" + quote(key), urlencode({**query, **dict(parse_qsl(authorization, True))}), {"host": HOST}
    )


def test_the_signature_may_be_in_the_url(client: Client) -> None:
    client("PUT", "é", body=b"x")
    request = presigned(client, "GET", "é", {"response-content-type": "text/plain"})
    reply = client.service.handle(request)
    assert (reply.body, reply.headers["Content-Type"]) == (b"x", "text/plain")
    assert code_of(client.service.handle(request._replace(path="/other"))) == "SignatureDoesNotMatch"


def test_a_token_goes_where_the_signature_goes(service: CosService) -> None:
    client = Client(service, ROLE)
    assert client.service.handle(presigned(client, "GET", "", {TOKEN: ROLE.token})).status == 200
    request = presigned(client, "GET", "", {})
    assert code_of(service.handle(request._replace(headers={"host": HOST, TOKEN: ROLE.token}))) == "AccessDenied"


# Real sockets


@contextmanager
def background_loop() -> Iterator[asyncio.AbstractEventLoop]:
    """An event loop that runs in a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield loop
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@contextmanager
def served(service: CosService) -> Iterator[str]:
    """The URL of a service that listens on a free port, behind its faults."""
    with background_loop() as loop:
        front = Faulty(service)
        server = Server(front.handle, routes=front.routes)
        start: Future[str] = asyncio.run_coroutine_threadsafe(server.start(), loop)
        try:
            yield start.result()
        finally:
            asyncio.run_coroutine_threadsafe(server.stop(), loop).result()


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    with served(CosService(CosStore(tmp_path / "state"))) as address:
        yield address


@pytest.fixture
def session() -> Iterator[requests.Session]:
    with closing(requests.Session()) as opened:
        yield opened


def by_domain(url: str, session: requests.Session, keys: Credentials = PERMANENT) -> CosS3Client:
    """The official client, told that 127.0.0.1 is the bucket's custom domain."""
    config = CosConfig(
        Region=REGION,
        SecretId=keys.secret_id,
        SecretKey=keys.secret_key,
        Token=keys.token or None,
        Scheme="http",
        Domain=urlsplit(url).netloc,
    )
    return CosS3Client(config, retry=0, session=session)


def by_address(url: str, session: requests.Session, keys: Credentials = PERMANENT) -> CosS3Client:
    """The official client, which names the bucket in Host and is sent to 127.0.0.1."""
    config = CosConfig(
        Region=REGION,
        SecretId=keys.secret_id,
        SecretKey=keys.secret_key,
        Token=keys.token or None,
        Scheme="http",
    )
    config.set_ip_port(urlsplit(url).hostname, urlsplit(url).port)
    return CosS3Client(config, retry=0, session=session)


clients = pytest.mark.parametrize("make", [by_domain, by_address])
KEYS = [
    "results/video.json",
    "结果/é 视频.json",
    "../../etc/passwd",
    "a//b",
    "./x",
    "x/../y",
    "a+b c%2F&?#=;",
    "~",
    "视" * 283,
]


@clients
@pytest.mark.parametrize("keys", [PERMANENT, ROLE])
def test_the_official_client(url: str, session: requests.Session, tmp_path: Path, make: Any, keys: Credentials) -> None:
    cos = make(url, session, keys)
    for key in KEYS:
        body = key.encode() * 3
        put = cos.put_object(
            Bucket=BUCKET, Key=key, Body=body, EnableMD5=True, ContentType="text/x", Metadata={"x-cos-meta-a": "b"}
        )
        head = cos.head_object(Bucket=BUCKET, Key=key)
        got = cos.get_object(Bucket=BUCKET, Key=key)
        assert got["Body"].get_raw_stream().read() == body
        assert put["ETag"] == head["ETag"] == got["ETag"] == f'"{hashlib.md5(body).hexdigest()}"'
        assert head["Content-Length"] == got["Content-Length"] == str(len(body))
        assert (head["Content-Type"], head["x-cos-meta-a"], head["Server"]) == ("text/x", "b", "tencent-cos")
    listed = cos.list_objects(Bucket=BUCKET)
    assert [entry["Key"] for entry in listed["Contents"]] == sorted(KEYS, key=str.encode)
    for key in KEYS:
        cos.delete_object(Bucket=BUCKET, Key=key)
    assert "Contents" not in cos.list_objects(Bucket=BUCKET)
    assert [path.name for path in tmp_path.iterdir()] == ["state"]


@clients
def test_the_official_client_pages_and_groups(url: str, session: requests.Session, make: Any) -> None:
    cos = make(url, session)
    for key in ("a/1", "a/2", "é/1", "z z"):
        cos.put_object(Bucket=BUCKET, Key=key, Body=b"x")
    page = cos.list_objects(Bucket=BUCKET, Delimiter="/", MaxKeys=2)
    assert [entry["Prefix"] for entry in page["CommonPrefixes"]] == ["a/"]
    assert (page["IsTruncated"], page["NextMarker"]) == ("true", "z z")
    rest = cos.list_objects(Bucket=BUCKET, Delimiter="/", Marker=page["NextMarker"])
    assert [entry["Prefix"] for entry in rest["CommonPrefixes"]] == ["é/"]


@clients
def test_the_official_client_asks_for_parts(url: str, session: requests.Session, make: Any) -> None:
    cos = make(url, session)
    etag = cos.put_object(Bucket=BUCKET, Key="k", Body=b"0123456789")["ETag"]
    got = cos.get_object(Bucket=BUCKET, Key="k", Range="bytes=2-3", IfMatch=etag, ResponseContentType="text/y")
    assert (got["Body"].get_raw_stream().read(), got["Content-Type"]) == (b"23", "text/y")
    assert got["Content-Range"] == "bytes 2-3/10"
    with pytest.raises(CosServiceError) as refused:
        cos.get_object(Bucket=BUCKET, Key="k", IfMatch='"other"')
    assert (refused.value.get_status_code(), refused.value.get_error_code()) == (412, "PreconditionFailed")


@clients
def test_the_official_client_can_check_the_crc(url: str, session: requests.Session, tmp_path: Path, make: Any) -> None:
    cos = make(url, session)
    cos.put_object(Bucket=BUCKET, Key="k", Body=b"0123456789")
    target = tmp_path / "copy"
    cos.download_file(Bucket=BUCKET, Key="k", DestFilePath=str(target), EnableCRC=True)
    assert target.read_bytes() == b"0123456789"


@clients
def test_the_official_client_signs_urls(url: str, session: requests.Session, make: Any) -> None:
    cos = make(url, session)
    cos.put_object(Bucket=BUCKET, Key="é/k", Body=b"x")
    signed = cos.get_presigned_url(Bucket=BUCKET, Key="é/k", Method="GET", SignHost=False)
    assert session.get(signed).content == b"x"
    assert session.get(signed.replace("/k?", "/l?")).status_code == 403


@clients
def test_the_official_client_with_a_wrong_key(url: str, session: requests.Session, make: Any) -> None:
    with pytest.raises(CosServiceError) as refused:
        make(url, session, Credentials("AKIDLOCALEXAMPLE", "guess")).get_object(Bucket=BUCKET, Key="k")
    assert (refused.value.get_status_code(), refused.value.get_error_code()) == (403, "SignatureDoesNotMatch")
    with pytest.raises(CosServiceError) as unknown:
        make(url, session, Credentials("AKIDNOBODY", "guess")).get_object(Bucket=BUCKET, Key="k")
    assert unknown.value.get_error_code() == "InvalidAccessKeyId"


def test_the_official_client_and_another_bucket(url: str, session: requests.Session) -> None:
    with pytest.raises(CosServiceError) as refused:
        by_address(url, session).get_object(Bucket="other-1253125191", Key="k")
    assert (refused.value.get_status_code(), refused.value.get_error_code()) == (404, "NoSuchBucket")


def test_faults_to_order(url: str, session: requests.Session) -> None:
    cos = by_domain(url, session)
    session.post(f"{url}/_local/faults", json=[{"kind": "code", "value": "SlowDown", "times": 1}])
    with pytest.raises(CosServiceError) as refused:
        cos.put_object(Bucket=BUCKET, Key="k", Body=b"x")
    assert (refused.value.get_status_code(), refused.value.get_error_code()) == (503, "SlowDown")
    cos.put_object(Bucket=BUCKET, Key="k", Body=b"x")
    assert session.get(f"{url}/_local/calls").json() == {"PutObject": 2}


@pytest.mark.parametrize("body", [b"", b"content"])
def test_head_has_the_length_of_the_object(url: str, session: requests.Session, body: bytes) -> None:
    auth = CosAuth(PERMANENT)
    assert session.put(f"{url}/k", data=body, headers={"Content-Length": str(len(body))}, auth=auth).status_code == 200
    head = session.head(f"{url}/k", auth=auth)
    assert (head.headers["Content-Length"], head.content) == (str(len(body)), b"")
    missing = session.head(f"{url}/missing", auth=auth)
    assert (missing.status_code, missing.content) == (404, b"")
    # The connection is still in step: a body after the HEAD answer would be read as the next one.
    assert session.get(f"{url}/k", auth=auth).content == body


def test_what_was_put_compressed_stays_compressed(url: str, session: requests.Session, tmp_path: Path) -> None:
    auth, compressed = CosAuth(PERMANENT), gzip.compress(b"x" * 1000)
    put = session.put(f"{url}/k", data=compressed, headers={"Content-Encoding": "gzip"}, auth=auth)
    assert put.headers["ETag"] == f'"{hashlib.md5(compressed).hexdigest()}"'
    assert CosStore(tmp_path / "state").get("k").body == compressed
    assert session.get(f"{url}/k", auth=auth).content == b"x" * 1000


def test_a_key_with_a_leading_slash(url: str, session: requests.Session) -> None:
    auth = CosAuth(PERMANENT)
    assert session.put(f"{url}//etc/passwd", data=b"x", auth=auth).status_code == 200
    assert session.get(f"{url}//etc/passwd", auth=auth).content == b"x"
    assert session.get(f"{url}/etc/passwd", auth=auth).status_code == 404


@pytest.mark.parametrize("key", [".", "..", "a/..", "../.."])
def test_keys_that_http_libraries_would_tidy_away(url: str, tmp_path: Path, key: str) -> None:
    # urllib3 removes dot segments at the end of a path, so neither requests nor the official client can send these.
    host, window = urlsplit(url).netloc, f"{int(time.time()) - 60};{int(time.time()) + 600}"
    with closing(HTTPConnection(host)) as connection:
        for method, body in (("PUT", b"x"), ("GET", b"")):
            authorization = cos_authorization(PERMANENT, method, f"/{key}", {}, {"host": host}, window)
            connection.request(method, f"/{key}", body, {"Authorization": authorization})
            response = connection.getresponse()
            assert (response.status, response.read()) == (200, b"" if method == "PUT" else b"x")
    assert [path.name for path in tmp_path.iterdir()] == ["state"]


@given(key=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=200), body=st.binary(max_size=100))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_key_and_any_content_come_back(client: Client, key: str, body: bytes) -> None:
    assert client("PUT", key, body=body).status == 200
    assert client("GET", key).body == body
    assert client("DELETE", key).status == 204
    assert client("GET", key).status == 404
