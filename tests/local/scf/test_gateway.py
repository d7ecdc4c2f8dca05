"""The gateway: events as the real one makes them, replies as the real one reads them."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

import pytest

from local.config import Api
from local.scf.gateway import Gateway, gateway_event, query_object, url_event
from local.scf.runtime import Outcome
from local.server import Reply, Request
from tests.support.paths import EVENTS

APIS = [
    Api(path="/any", function="f", integrated=True),
    Api(path="/get", method="GET", function="f", integrated=True),
    Api(path="/slow", function="f", timeout=0),
]


def callee(url: str) -> str | None:
    return url if url == "f" else None


def outcome(result: object, error: dict[str, object] | None = None) -> Outcome:
    return Outcome("id", 433 if error else 200, result, error, [], 1.0, None, 30.0)


def ask(request: Request, result: object, error: dict[str, object] | None = None) -> tuple[Reply, list[Any]]:
    seen: list[Any] = []

    async def invoke(name: str, event: object) -> Outcome:
        seen.append((name, event))
        return outcome(result, error)

    return asyncio.run(Gateway(APIS, callee, invoke).handle(request)), seen


def load(name: str) -> dict[str, Any]:
    return dict(json.loads((EVENTS / name).read_text()))


def test_a_gateway_event_has_the_fields_of_the_sample_event() -> None:
    sample = load("query-video.gateway-get.200.json")
    request = Request("GET", "/query-video", "vids=A,B", {"accept": "*/*", "host": "h"}, remote="203.0.113.7")
    event: dict[str, Any] = gateway_event(Api(path="/query-video", function="query-video"), request, "some-id")
    assert event.keys() == sample.keys()
    assert "body" not in event
    assert event["requestContext"].keys() == sample["requestContext"].keys()
    for key in ("httpMethod", "path", "queryStringParameters", "headerParameters", "pathParameters", "isBase64Encoded"):
        assert event[key] == sample[key], key
    assert event["queryString"] == {"vids": "A,B"}
    sent = {"requestsource": "APIGW", "x-api-requestid": "some-id", "accept": "*/*"}
    assert sent.items() <= event["headers"].items()


def test_a_function_url_event_is_the_gateway_s_without_five_keys() -> None:
    sample = load("query-video.url-get.200.json")
    event = url_event(Request("POST", "/", "a=1", {"accept": "*/*"}, b"text", "203.0.113.7"))
    assert event.keys() == sample.keys()
    assert event["body"] == "text"
    assert event["headers"] == {"accept": "*/*", "x-scf-remote-addr": "203.0.113.7"}


@pytest.mark.parametrize(
    ("body", "expected", "flag"),
    [(b"caf\xc3\xa9", "café", False), (b"\xff\xfe", base64.b64encode(b"\xff\xfe").decode(), True)],
    ids=["text", "binary"],
)
def test_a_body_is_text_or_base64(body: bytes, expected: str, flag: bool) -> None:
    event = gateway_event(APIS[0], Request("POST", "/any", body=body), "id")
    assert (event["body"], event["isBase64Encoded"]) == (expected, flag)


def test_a_repeated_query_key_becomes_a_list() -> None:
    assert query_object("a=1&b=&a=2&a=%203") == {"a": ["1", "2", " 3"], "b": ""}


GOOD = {"isBase64Encoded": False, "statusCode": 201, "headers": {"X-A": "1", "X-B": ["2", "3"]}, "body": "né"}


def test_an_integrated_response_becomes_http() -> None:
    reply, seen = ask(Request("PUT", "/any"), GOOD)
    assert (reply.status, reply.body) == (201, "né".encode())
    assert reply.headers["X-B"] == ["2", "3"]
    assert "X-Api-RequestId" in reply.headers
    assert seen[0][0] == "f"


def test_a_base64_response_is_decoded() -> None:
    reply, _ = ask(Request("GET", "/any"), {**GOOD, "isBase64Encoded": True, "body": "/w=="})
    assert reply.body == b"\xff"


MALFORMED = {
    "no object": "text",
    "status as text": {**GOOD, "statusCode": "200"},
    "status as bool": {**GOOD, "statusCode": True},
    "status 0": {**GOOD, "statusCode": 0},
    "no headers": {key: value for key, value in GOOD.items() if key != "headers"},
    "headers no object": {**GOOD, "headers": []},
    "a header no text": {**GOOD, "headers": {"a": 1}},
    "a header list no text": {**GOOD, "headers": {"a": [1]}},
    "body no text": {**GOOD, "body": {}},
    "no base64": {**GOOD, "isBase64Encoded": True, "body": "*"},
    "base64 beyond ascii": {**GOOD, "isBase64Encoded": True, "body": "é"},
    "a header with a line end": {**GOOD, "headers": {"a": "b\nc"}},
    "a header list with a line end": {**GOOD, "headers": {"a": ["b", "\r"]}},
    "a header's name with a line end": {**GOOD, "headers": {"a\n": "b"}},
}


@pytest.mark.parametrize("result", MALFORMED.values(), ids=MALFORMED.keys())
def test_a_malformed_response_is_answered_as_the_real_gateway_does(result: object) -> None:
    reply, _ = ask(Request("GET", "/any"), result)
    assert json.loads(reply.body)["error"].startswith("Invalid scf response format")
    assert json.loads(reply.body)["errno"] == 403


ERROR: dict[str, object] = {"errorCode": -1, "statusCode": 433}


def test_a_function_that_ran_out_of_time_is_a_200_with_its_error_object() -> None:
    reply, _ = ask(Request("GET", "/any"), None, ERROR)
    assert (reply.status, json.loads(reply.body)) == (200, ERROR)


@pytest.mark.parametrize(
    ("request_", "status"), [(Request("GET", "/none"), 404), (Request("POST", "/get"), 405)], ids=["path", "method"]
)
def test_paths_without_an_api_never_reach_a_function(request_: Request, status: int) -> None:
    reply, seen = ask(request_, GOOD)
    assert (reply.status, seen) == (status, [])


def test_the_gateway_stops_waiting_before_the_function_does() -> None:
    async def scenario() -> tuple[Reply, bool]:
        release, finished = asyncio.Event(), asyncio.Event()

        async def invoke(name: str, event: object) -> Outcome:
            await release.wait()
            finished.set()
            return outcome(GOOD)

        reply = await Gateway(APIS, callee, invoke).handle(Request("GET", "/slow"))
        release.set()
        await finished.wait()
        return reply, finished.is_set()

    reply, finished = asyncio.run(scenario())
    assert (reply.status, finished) == (504, True)


def test_the_gateway_waits_while_somebody_is_debugging() -> None:
    async def invoke(name: str, event: object) -> Outcome:
        await asyncio.sleep(0.1)  # longer than the API's timeout
        return outcome(GOOD)

    reply = asyncio.run(Gateway(APIS, callee, invoke, debugging=True).handle(Request("GET", "/slow")))
    assert reply.status == 200


@pytest.mark.parametrize(
    ("result", "error", "status", "body"),
    [
        (GOOD, None, 201, "né"),
        ({"statusCode": 200, "body": "x"}, None, 200, "x"),
        ({"statusCode": "200"}, None, 500, None),
        ({"a": 1}, None, 200, '{"a": 1}'),
        ("text", None, 200, '"text"'),
        (None, ERROR, 500, json.dumps(ERROR)),
    ],
    ids=["integrated", "no headers", "malformed", "no statusCode", "text", "failed"],
)
def test_a_function_url_infers_what_is_missing(result: object, error: Any, status: int, body: str | None) -> None:
    reply, seen = ask(Request("GET", "/_url/f/deeper", "a=1"), result, error)
    assert reply.status == status
    assert body is None or reply.body.decode() == body
    assert seen[0][1]["path"] == "/deeper"


def test_an_unknown_function_url_is_a_404() -> None:
    assert ask(Request("GET", "/_url/other"), GOOD)[0].status == 404
