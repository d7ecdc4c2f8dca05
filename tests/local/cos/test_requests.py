"""Requests: hosts, methods, parameters, headers."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from local.cos.service import CosService
from local.keys import BUCKET, REGION
from tests.support.cos import HOST, Client, code_of


def test_the_buckets_own_hosts_and_custom_ones_are_served(client: Client) -> None:
    client("PUT", "k", body=b"x")
    for host in (
        HOST,
        f"{HOST}:9002",
        f"{BUCKET}.cos.{REGION}.tencentcos.cn",
        f"{BUCKET}.localhost:9002",
        f"{BUCKET}.cos.localhost",
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
        "other-1253125191.localhost:9002",
        "other-1253125191.cos.localhost",
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
        ("POST", "k", "append"),
        ("PUT", "k", "append"),
        ("POST", "", "delete"),
        ("PUT", "k", "partNumber"),
        ("GET", "", "cors"),
        ("GET", "k", "imageMogr2/thumbnail/!50p"),
        ("HEAD", "k", "versionId"),
        ("GET", "", "Prefix"),
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


def test_a_request_without_a_cos_signature_gets_an_explanation(client: Client) -> None:
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
