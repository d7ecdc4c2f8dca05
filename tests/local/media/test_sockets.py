"""The local media API through a real socket, asked by the official client."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from typing import Any

import pytest
from QcloudApi.common.api_exception import ApiClientNetworkException, ApiServerNetworkException

from local.faults import Faulty
from local.media.service import REAL_HOSTS, MediaService
from local.media.tasks import AUDIO_ACTION, VIDEO_ACTION, MediaTasks, documented
from local.server import Server
from tests.support.media import (
    ALL_WAYS,
    AUDIO,
    VIDEO,
    official,
)


class Plain(HTTPConnection):
    """What the official client has, without TLS."""

    request_length = 0


class Cloud:
    """The media API behind its faults, on a port of its own."""

    def __init__(self, url: str) -> None:
        self.host = url.removeprefix("http://")

    def official(self, method: str, signature_method: str = "HmacSHA1", endpoint: str = "") -> Any:
        """The official client, connected to here."""
        client = official(method, signature_method, endpoint or self.host)
        client.apiRequest.conn = Plain(self.host, timeout=30)
        return client

    def request(self, method: str, path: str, value: object = None) -> tuple[int, Any]:
        """Status and JSON of a plain request."""
        connection = HTTPConnection(self.host, timeout=30)
        try:
            connection.request(method, path, json.dumps(value))
            response = connection.getresponse()
            return response.status, json.loads(response.read())
        finally:
            connection.close()

    def fault(self, **spec: object) -> None:
        """Put one fault in force."""
        assert self.request("POST", "/_local/faults", [spec]) == (200, {"faults": 1})


@contextmanager
def running(server: Server) -> Iterator[str]:
    """The URL of a server that runs in a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield asyncio.run_coroutine_threadsafe(server.start(), loop).result(30)
    finally:
        asyncio.run_coroutine_threadsafe(server.stop(), loop).result(30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    service = MediaService(MediaTasks())
    front = Faulty(service, service.routes)
    with running(Server(front.handle, routes=front.routes)) as url:
        yield Cloud(url)


@pytest.mark.parametrize("endpoint", ["", *REAL_HOSTS])
@pytest.mark.parametrize(("method", "signature_method"), ALL_WAYS)
def test_the_official_client_gets_the_documents_replies(
    cloud: Cloud, method: str, signature_method: str, endpoint: str
) -> None:
    client = cloud.official(method, signature_method, endpoint)
    assert json.loads(client.call(VIDEO_ACTION, {"vids": [VIDEO]})) == documented(VIDEO_ACTION)
    assert json.loads(client.call(AUDIO_ACTION, {"vid": AUDIO})) == documented(AUDIO_ACTION)
    assert cloud.request("GET", "/_local/calls") == (200, {VIDEO_ACTION: 1, AUDIO_ACTION: 1})


def test_replies_name_the_server(cloud: Cloud) -> None:
    connection = HTTPConnection(cloud.host, timeout=30)
    connection.request("GET", "/v2/index.php")
    response = connection.getresponse()
    assert json.loads(response.read())["code"] == 4000
    assert response.headers.get_all("Server") == ["local-media-api"]
    assert response.headers["Content-Type"] == "application/json; charset=utf-8"
    connection.close()


def test_a_long_get_reaches_the_service_and_is_answered_or_not_implemented(cloud: Cloud) -> None:
    vids = [VIDEO] * 500
    assert len(json.loads(cloud.official("GET").call(VIDEO_ACTION, {"vids": vids}))["data"]) == 500
    with pytest.raises(ApiServerNetworkException) as raised:
        cloud.official("GET").call(VIDEO_ACTION, {"vids": [VIDEO] * 700})
    assert raised.value.status == 501
    assert len(json.loads(cloud.official("POST").call(VIDEO_ACTION, {"vids": [VIDEO] * 700}))["data"]) == 700


def test_added_tasks_are_known_at_once(cloud: Cloud) -> None:
    added = [{"vid": "mine", "status": 3, "action": VIDEO_ACTION}, {"vid": "mine too", "音": "乐"}]
    assert cloud.request("POST", "/_local/tasks", added) == (200, {"tasks": 2})
    reply = json.loads(cloud.official("POST").call(VIDEO_ACTION, {"vids": ["mine", "mine too"]}))
    assert reply["data"] == [{"vid": "mine", "status": 3}, {"vid": "mine too", "音": "乐"}]
    assert cloud.request("GET", "/_local/calls") == (200, {VIDEO_ACTION: 1})


def unbroken(call: Callable[[], bytes]) -> None:
    assert json.loads(call()) == documented(AUDIO_ACTION)


def lost(call: Callable[[], bytes]) -> None:
    with pytest.raises(ApiClientNetworkException):
        call()


def unavailable(call: Callable[[], bytes]) -> None:
    with pytest.raises(ApiServerNetworkException) as raised:
        call()
    assert raised.value.status == 502


def garbled(call: Callable[[], bytes]) -> None:
    with pytest.raises(ValueError, match="decode"):
        json.loads(call())


def over_quota(call: Callable[[], bytes]) -> None:
    assert json.loads(call())["code"] == 4400


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    ("spec", "expect"),
    [
        ({"kind": "delay", "value": 0}, unbroken),
        ({"kind": "reset"}, lost),
        ({"kind": "truncate"}, lost),
        ({"kind": "http", "value": 502}, unavailable),
        ({"kind": "garbage"}, garbled),
        ({"kind": "code", "value": 4400}, over_quota),
    ],
)
def test_the_official_client_meets_each_fault_once(
    cloud: Cloud, method: str, spec: dict[str, object], expect: Callable[[Callable[[], bytes]], None]
) -> None:
    client = cloud.official(method)
    cloud.fault(**spec, times=1)
    expect(lambda: client.call(AUDIO_ACTION, {"vid": AUDIO}))
    unbroken(lambda: client.call(AUDIO_ACTION, {"vid": AUDIO}))
    assert cloud.request("GET", "/_local/calls") == (200, {AUDIO_ACTION: 2})
