"""Objects: PUT, GET, HEAD and DELETE, and their errors."""

from __future__ import annotations

import base64
import errno
import hashlib
import logging
from email.utils import formatdate
from pathlib import Path

import pytest

from local.keys import PERMANENT, REGION
from local.server import Request
from shared.signing.cos import cos_authorization
from tests.support.cos import HOST, JSON, NOW, Client, code_of


def test_put_answers_with_the_checksums(client: Client) -> None:
    reply = client("PUT", "results/video.json", body=b"{}", headers={**JSON, "content-md5": "mZFLkyvTelC5g8XnyQrpOw=="})
    assert (reply.status, reply.body) == (200, b"")
    assert reply.headers["ETag"] == '"99914b932bd37a50b983c5e7c90ae93b"'
    assert reply.headers["x-cos-hash-crc64ecma"] == str(client.store.head("results/video.json").crc64)
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
    assert client("GET", "k").body == b"one"
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
