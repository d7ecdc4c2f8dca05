"""Answers through Tencent's SDKs, and how they are classified."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from deploy.access import Access, Call, connect
from deploy.errors import DeployError, Refused, Unanswered
from tests.support.ports import free_ports

APP = "application/json"


class Handler(BaseHTTPRequestHandler):
    """Answers every request with what its server holds: status, content type, body, bytes that are held back."""

    server: Answering

    def answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.hosts.append(self.headers["Host"])
        status, kind, body, missing = self.server.reply
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body) + missing))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        self.close_connection = True

    do_POST = do_PUT = do_HEAD = answer  # noqa: N815 - the base class's names

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Answering(ThreadingHTTPServer):
    """A server on loopback; `reply` is what it answers, `hosts` what it was called."""

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.reply: tuple[int, str, bytes, int] = (200, APP, b"", 0)
        self.hosts: list[str] = []


@pytest.fixture
def port() -> int:
    return free_ports()


@pytest.fixture
def call(port: int) -> Call:
    return connect(Access("AKIDx", "key", "token", "ap-guangzhou", "ap-beijing", f"http://127.0.0.1:{port}"))


@pytest.fixture
def api(port: int) -> Iterator[Answering]:
    yield from served(port)


@pytest.fixture
def cos(port: int) -> Iterator[Answering]:
    yield from served(port + 2)


def served(port: int) -> Iterator[Answering]:
    with Answering(port) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def reply(response: object) -> tuple[int, str, bytes, int]:
    return 200, APP, json.dumps({"Response": response}).encode(), 0


def test_an_answer_is_its_fields(api: Answering, call: Call) -> None:
    api.reply = reply({"TotalCount": 0, "RequestId": "x"})
    assert call("scf", "ListFunctions", {"Limit": 1})["TotalCount"] == 0
    assert call("cam", "GetRole", {})["RequestId"] == "x"


def test_a_refusal_has_its_code(api: Answering, call: Call) -> None:
    api.reply = reply({"Error": {"Code": "LimitExceeded.Function", "Message": "full"}, "RequestId": "x"})
    with pytest.raises(Refused) as refused:
        call("scf", "CreateFunction", {})
    assert (refused.value.code, refused.value.message) == ("LimitExceeded.Function", "full")


def error(code: str) -> tuple[int, str, bytes, int]:
    return reply({"Error": {"Code": code, "Message": ""}, "RequestId": "x"})


UNUSABLE: list[tuple[tuple[int, str, bytes, int], str]] = [
    (error("InternalError.System"), "InternalError.System"),
    (error("FailedOperation"), "FailedOperation"),
    ((503, "text/html", b"<html>", 0), "ServerNetworkError"),
    ((200, APP, b"garbage", 0), "the answer is not the API's"),
    ((200, APP, b"{}", 0), "the answer is not the API's"),
    ((200, APP, b'{"Response": {}}', 9), "ChunkedEncodingError"),
    ((200, "text/html", b'{"Response": []}', 0), "the answer is not the API's"),
]


@pytest.mark.parametrize(("answer", "reason"), UNUSABLE)
def test_an_unusable_answer_leaves_the_result_unknown(
    api: Answering, call: Call, answer: tuple[int, str, bytes, int], reason: str
) -> None:
    api.reply = answer
    with pytest.raises(Unanswered) as unanswered:
        call("scf", "CreateFunction", {})
    assert unanswered.value.reason == reason


def test_a_proxy_is_not_asked_for_this_machine(
    api: Answering, cos: Answering, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    call = connect(Access("AKIDx", "key", "", "ap-guangzhou", "", f"http://127.0.0.1:{port}"))
    api.reply = reply({"RequestId": "x"})
    assert call("scf", "ListFunctions", {}) == {"RequestId": "x"}
    assert call("cos", "HeadBucket", {"Bucket": "b-1"}) == {}


def test_a_refused_connection_is_named(call: Call) -> None:
    for service, action in (("scf", "ListFunctions"), ("cam", "GetRole"), ("cos", "HeadBucket")):
        with pytest.raises(Unanswered) as unanswered:
            call(service, action, {"Bucket": "b-1"})
        assert unanswered.value.reason == "connection refused"


def test_a_bucket_is_asked_by_its_host_in_its_region(cos: Answering, call: Call) -> None:
    assert call("cos", "HeadBucket", {"Bucket": "b-1"}) == {}
    assert call("cos", "PutBucket", {"Bucket": "b-1"}) == {}
    assert set(cos.hosts) == {"b-1.cos.ap-beijing.myqcloud.com"}


FIELDS = b"<Code>BucketAlreadyExists</Code><Message>taken</Message><Resource>x</Resource><RequestId>x</RequestId>"
XML = b"<Error>%s</Error>" % FIELDS
BUCKET = [
    ("HeadBucket", (404, "application/xml", b"", 0), "NoSuchResource"),
    ("HeadBucket", (403, "application/xml", b"", 0), "AccessDenied"),
    ("PutBucket", (409, "application/xml", XML, 0), "BucketAlreadyExists"),
]


@pytest.mark.parametrize(("action", "answer", "code"), BUCKET)
def test_a_bucket_s_refusal_has_its_code(
    cos: Answering, call: Call, action: str, answer: tuple[int, str, bytes, int], code: str
) -> None:
    cos.reply = answer
    with pytest.raises(Refused) as refused:
        call("cos", action, {"Bucket": "b-1"})
    assert refused.value.code == code


def test_a_bucket_service_that_fails_leaves_it_open(cos: Answering, call: Call) -> None:
    cos.reply = (503, "application/xml", b"<Error/>", 0)
    with pytest.raises(Unanswered, match="HTTP 503"):
        call("cos", "PutBucket", {"Bucket": "b-1"})


def test_without_the_sdks_the_error_says_how_to_install_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "qcloud_cos", None)
    monkeypatch.delitem(sys.modules, "deploy.cloud", raising=False)
    monkeypatch.delattr("deploy.cloud", raising=False)
    with pytest.raises(
        DeployError, match=r"qcloud_cos is not installed: make plan, deploy, rollback and remove install"
    ):
        connect(Access("AKIDx", "key", "", "ap-guangzhou"))
