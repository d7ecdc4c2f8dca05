"""Answers that are written to COS, and the permission to write."""

from __future__ import annotations

import json
from typing import Any

import pytest

from shared.net.json_text import JsonObject
from tests.support.functions import CONTEXT, http, run, success
from tests.support.wire import (  # fmt: skip
    BUCKET,
    HIDDEN,
    REGION,
    Network,
    Turn,
    cos_error,
    function_url,
    gateway,
    task,
)

A, B = task("a", 5, result=["文"]), task("b", 3)
TASKS: dict[str, JsonObject | Turn] = {"a": A, "b": B}


@pytest.fixture(autouse=True)
def _http_may_write(net: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_WRITES", "open")


@pytest.mark.parametrize(
    ("kind", "asked", "written", "count"),
    [
        ("video", {"vids": "a,b"}, success([A, B]), 2),
        ("video", {"vids": "x,a"}, success([A], missing=["x"]), 1),
        ("audio", {"vids": "b,a"}, success([B, A]), 2),
        ("audio", {"vid": "a"}, success(A), 1),
    ],
)
@pytest.mark.parametrize("trigger", [gateway, function_url, None])
def test_output_to_cos(
    net: Network, trigger: Any, kind: str, asked: JsonObject, written: JsonObject, count: int
) -> None:
    net.media(TASKS)
    cos = net.cos("PUT")
    asked = {**asked, "output": "cos"}
    reply = http(kind, trigger("POST", asked))[2] if trigger else run(kind, asked)
    key = f"media-query/query-{kind}/{CONTEXT['request_id']}.json"
    etag = reply["data"].pop("etag")
    assert reply == {**written, "data": {"bucket": BUCKET, "region": REGION, "key": key, "count": count}}
    assert len(etag) == 32
    assert {key: json.loads(body) for key, body in cos.objects.items()} == {key: written}


def test_answers_before_the_deadline_are_written(net: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BATCH_SIZE", "1")
    monkeypatch.setenv("CONCURRENCY", "1")
    net.media({"a": A, "hung": net.clock.hang})
    cos = net.cos("PUT")
    status, _, reply = http("video", gateway("POST", {"vids": "a,hung", "output": "cos"}))
    assert (status, reply["code"], list(reply["failed"]), reply["data"]["count"]) == (207, 5400, ["hung"], 1)
    assert json.loads(cos.objects[reply["data"]["key"]])["data"] == [A]


def test_output_to_a_cos_that_refuses(net: Network) -> None:
    net.media(TASKS)
    net.cos("PUT", script=[cos_error(403, "AccessDenied")])
    status, _, reply = http("video", gateway("POST", {"vids": "a", "output": "cos"}))
    assert (status, reply["code"]) == (502, 4100)
    assert not [word for word in HIDDEN if word in json.dumps(reply)]


@pytest.mark.parametrize(
    ("kind", "rows", "count"),
    [
        ("video", "a,succeeded,5,,,%E6%96%87,,,\r\nx,missing,,,,,,,\r\na,succeeded,5,,,%E6%96%87,,,\r\n", 1),
        ("audio", "a,succeeded,5,,,,,,\r\nx,missing,,,,,,,\r\na,succeeded,5,,,,,,\r\n", 1),
    ],
)
@pytest.mark.parametrize("trigger", [gateway, function_url, None])
def test_a_table_goes_to_cos_as_csv(net: Network, trigger: Any, kind: str, rows: str, count: int) -> None:
    net.media(TASKS)
    cos = net.cos("PUT")
    asked = {"vids": "a,x,a", "output": "cos", "format": "csv"}
    reply = http(kind, trigger("POST", asked))[2] if trigger else run(kind, asked)
    key = f"media-query/query-{kind}/{CONTEXT['request_id']}.csv"
    reply["data"].pop("etag")
    data = {"bucket": BUCKET, "region": REGION, "key": key, "count": count}
    assert reply == success(data, missing=["x"])
    heading = "vid,outcome,status,create_time,finish_time,result,error_code,error_msg,url\r\n"
    assert cos.objects == {key: f"\ufeff{heading}{rows}".encode()}
    assert cos.requests[0].headers["Content-Type"] == "text/csv; charset=utf-8"


#: The setting, the API's token, the method and the token sent; then status, code and what is allowed instead.
REFUSED = [
    ("token", "", "POST", "", 403, 4100, None),
    ("token", "", "POST", "made-up", 403, 4100, None),
    ("off", "", "POST", "", 403, 4100, None),
    ("off", "secret", "POST", "secret", 403, 4100, None),
    ("token", "secret", "POST", "", 401, 4100, None),
    ("open", "secret", "POST", "wrong", 401, 4100, None),
    ("open", "", "GET", "", 405, 4000, "POST"),
    ("token", "secret", "GET", "secret", 405, 4000, "POST"),
]


@pytest.mark.parametrize("output", ["cos", "watch"])
@pytest.mark.parametrize(("setting", "token", "method", "sent", "status", "code", "allow"), REFUSED)
def test_nothing_is_asked_or_written_without_permission(
    net: Network,
    monkeypatch: pytest.MonkeyPatch,
    setting: str,
    token: str,
    method: str,
    sent: str,
    status: int,
    code: int,
    allow: str | None,
    output: str,
) -> None:
    monkeypatch.setenv("HTTP_WRITES", setting)
    monkeypatch.setenv("API_TOKEN", token)
    headers = {"authorization": f"Bearer {sent}"}
    shown, sent_headers, reply = http("video", gateway(method, {"vids": "a", "output": output}, headers=headers))
    assert (shown, sent_headers.get("Allow"), reply["code"]) == (status, allow, code)


@pytest.mark.parametrize(("setting", "token"), [("token", "unit-api-token"), ("open", ""), ("open", "unit-api-token")])
def test_permitted_callers_write(net: Network, monkeypatch: pytest.MonkeyPatch, setting: str, token: str) -> None:
    monkeypatch.setenv("HTTP_WRITES", setting)
    monkeypatch.setenv("API_TOKEN", token)
    net.media(TASKS)
    cos = net.cos("PUT")
    headers = {"authorization": f"Bearer {token}"}
    assert http("video", gateway("POST", {"vids": "a", "output": "cos"}, headers=headers))[0] == 200
    assert len(cos.puts) == 1
