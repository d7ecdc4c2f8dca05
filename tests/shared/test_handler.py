"""Both functions as SCF calls them: event in, reply out, the network in between."""

from __future__ import annotations

import base64
import json
from itertools import repeat
from typing import Any

import pytest

from shared.errors import BadInput, DamagedObject, Misconfigured, QueryError, UpstreamFailed
from shared.events.query import TIMER, trigger_of
from shared.net.json_text import JsonObject
from tests.support.functions import http, run, success
from tests.support.wire import (  # fmt: skip
    HIDDEN,
    Network,
    Turn,
    documented,
    function_url,
    gateway,
    said,
    task,
    timer,
)

A, B = task("a", 5, result=["文"], unknown={"kept": [1.5, None]}), task("b", 3)
TASKS: dict[str, JsonObject | Turn] = {"a": A, "b": B}
FORM = {"headers": {"Content-TYPE": "application/x-www-form-urlencoded"}}
JSON_TYPE = {"headers": {"content-type": "application/json; charset=utf-8"}}
DEAD: Turn = (500, {}, b"")


@pytest.mark.parametrize("trigger", [gateway, function_url, None])
@pytest.mark.parametrize(("kind", "action"), [("video", "GetVpResult"), ("audio", "GetCtsaudioInfo")])
def test_the_documents_replies(net: Network, kind: str, action: str, trigger: Any) -> None:
    example = documented(action)
    record = example["data"] if kind == "audio" else example["data"][0]
    net.media({record["vid"]: record})
    asked = {"vid": record["vid"]} if kind == "audio" else {"vids": record["vid"]}
    if trigger:
        status, headers, reply = http(kind, trigger("GET", asked))
        assert (status, headers) == (200, {})
    else:
        reply = run(kind, asked)
    assert json.dumps(reply) == json.dumps(example)


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    "event",
    [
        gateway("GET", {"vids": "a,b"}),
        gateway("GET", {"vids": ["a", "b"]}, body=None, headers=None, isBase64Encoded=None),
        gateway("get", {"vids.0": "a", "vids.1": "b"}),
        gateway("GET", {"vids.10": "b", "vids.2": "a"}),
        gateway("POST", None, body='{"vids": ["a", "b"]}', **JSON_TYPE),
        gateway("POST", None, body="vids=a&vids=b", **FORM),
        gateway("POST", None, body="vids.0=a&vids.1=b", **FORM),
        {**gateway("POST", None, body=encoded('{"vids": "a,b"}'), **JSON_TYPE), "isBase64Encoded": True},
        {**gateway("POST", None, body=encoded("vids=a%2Cb"), **FORM), "isBase64Encoded": True},
        function_url("GET", {"vids": "a,b"}),
        function_url("POST", {"vids": "b"}, body='{"vids": ["a", "b", "a"]}'),
        function_url("POST", None, body="vids=a,b", **FORM),
        {"vids": ["a", "b"]},
        {"vids": "a,b"},
    ],
)
@pytest.mark.parametrize("kind", ["video", "audio"])
def test_every_way_to_ask_for_several(net: Network, kind: str, event: dict[str, object]) -> None:
    media = net.media(TASKS)
    reply = http(kind, event)[2] if "httpMethod" in event else run(kind, event)
    assert reply == success([A, B])
    assert sorted(call.asked for call in media.calls) == ([["a", "b"]] if kind == "video" else [["a"], ["b"]])


@pytest.mark.parametrize(
    "event",
    [
        gateway("GET", {"vid": "a"}),
        function_url("GET", {"vid": ["a"]}),
        gateway("POST", None, body='{"vid": "a"}'),
        gateway("POST", None, body="vid=a", **FORM),
        {"vid": "a"},
    ],
)
@pytest.mark.parametrize(("kind", "data"), [("video", [A]), ("audio", A)])
def test_every_way_to_ask_for_one(net: Network, kind: str, data: object, event: dict[str, object]) -> None:
    net.media(TASKS)
    assert (http(kind, event)[2] if "httpMethod" in event else run(kind, event)) == success(data)


@pytest.mark.parametrize("data", [None, {"vid": "x"}, [], "text"])
def test_audio_without_an_id_is_answered_by_the_api(net: Network, data: object) -> None:
    media = net.media({}, [said(data)])
    assert http("audio", gateway()) == (200, {}, success(data))
    assert media.calls[0].asked == []


def test_batches(net: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BATCH_SIZE", "2")
    vids = [f"id{number}" for number in range(5)]
    media = net.media({vid: task(vid) for vid in vids})
    assert run("video", {"vids": vids}) == success([task(vid) for vid in vids])
    assert sorted(call.asked for call in media.calls) == [["id0", "id1"], ["id2", "id3"], ["id4"]]


def test_unknown_ids_are_missing(net: Network) -> None:
    net.media(TASKS)
    assert http("video", gateway("GET", {"vids": "x,a,y"})) == (200, {}, success([A], missing=["x", "y"]))


def test_a_query_that_is_partly_answered(net: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BATCH_SIZE", "1")
    net.media({"a": A, "dead": DEAD, "busy": said(code=4400)})
    status, _, reply = http("video", gateway("GET", {"vids": "dead,a,x,busy"}))
    assert (status, reply["code"], reply["codeDesc"]) == (207, 5400, "PartlyDone")
    assert (reply["data"], reply["missing"]) == ([A], ["x"])
    assert {vid: error["code"] for vid, error in reply["failed"].items()} == {"dead": 6000, "busy": 4400}
    assert not [word for word in HIDDEN if word in json.dumps(reply)]


#: What a caller sends, what the media API does (None: is not asked), and the reply's code, status and headers.
REFUSALS: dict[str, tuple[str, JsonObject, list[Turn] | None, int, int, dict[str, str]]] = {
    "no-id": ("video", {}, None, 4000, 400, {}),
    "bad-id": ("video", {"vids": "a,../b"}, None, 4000, 400, {}),
    "two-ids": ("audio", {"vid": "a,b"}, None, 4000, 400, {}),
    "both": ("audio", {"vid": "a", "vids": "b"}, None, 4000, 400, {}),
    "output": ("video", {"vids": "a", "output": "disk"}, None, 4000, 400, {}),
    "refused-parameter": ("audio", {}, [said(code=4000)], 4000, 400, {}),
    "unknown": ("video", {"vids": "x"}, [said([])], 5000, 404, {}),
    "unknown-code": ("video", {"vids": "x"}, [said(code=5000)], 5000, 404, {}),
    "unknown-audio": ("audio", {"vid": "x"}, [said(code=5000)], 5000, 404, {}),
    "unknown-without-id": ("audio", {}, [said(code=5000)], 5000, 404, {}),
    "quota": ("video", {"vids": "a"}, [said(code=4400)], 4400, 429, {"Retry-After": "10"}),
    "quota-by-status": ("video", {"vids": "a"}, [(429, {}, b"")], 4400, 429, {"Retry-After": "10"}),
    "keys": ("video", {"vids": "a"}, [said(code=4100)], 4100, 502, {}),
    "expired": ("video", {"vids": "a"}, [said(code=4200)], 4100, 502, {}),
    "failing": ("video", {"vids": "a"}, [said(code=6000)], 6000, 502, {}),
    "unexpected": ("video", {"vids": "a"}, [said("upstream-words")], 6000, 502, {}),
    "forbidden": ("video", {"vids": "a"}, [(403, {}, b"upstream-words")], 6000, 502, {}),
}


@pytest.mark.parametrize("trigger", [gateway, function_url, None])
@pytest.mark.parametrize("name", REFUSALS)
def test_refusals(net: Network, name: str, trigger: Any) -> None:
    kind, asked, script, code, status, headers = REFUSALS[name]
    if script:
        net.media({}, repeat(script[0]))
    reply = run(kind, trigger("GET", asked) if trigger else asked)
    assert not [word for word in HIDDEN if word in json.dumps(reply)]
    if trigger:
        assert reply["statusCode"] == status
        assert reply["headers"] == {"Content-Type": "application/json; charset=utf-8", "Vary": "Accept", **headers}
        reply = json.loads(reply["body"])
    assert list(reply) == ["code", "message", "codeDesc"]
    assert reply["code"] == code
    assert reply["message"]


@pytest.mark.parametrize(("asked", "field"), [({"vids": "/"}, "vids"), ({"vid": ""}, "vid"), ({"output": 1}, "output")])
def test_bad_input_is_named(net: Network, asked: JsonObject, field: str) -> None:
    assert http("video", gateway("GET", asked))[2]["message"].startswith(f"{field}: ")


def test_a_hung_upstream_is_out_of_time(net: Network) -> None:
    net.media({}, repeat(net.clock.hang))
    assert http("audio", gateway("GET", {"vid": "a"}))[0] == 504


def test_too_many_ids_are_refused_to_http_callers_only(net: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAX_VIDS", "1")
    status, _, reply = http("video", gateway("POST", None, body="vids=a,b"))
    assert (status, reply["code"]) == (413, 4000)
    net.media(TASKS)
    assert run("video", {"vids": ["a", "b"]}) == success([A, B])
    assert http("video", gateway("GET", {"vids": "a,a"}))[2] == success([A])


@pytest.mark.parametrize("headers", [{}, None, {"authorization": "Bearer x"}, {"Authorization": "unit-api-token"}])
def test_a_wrong_token_is_refused(net: Network, monkeypatch: pytest.MonkeyPatch, headers: object) -> None:
    monkeypatch.setenv("API_TOKEN", "unit-api-token")
    status, sent, reply = http("video", function_url("GET", {"vids": "a"}, headers=headers))
    assert (status, sent, reply["code"]) == (401, {"WWW-Authenticate": "Bearer"}, 4100)
    assert "unit-api-token" not in json.dumps(reply)


@pytest.mark.parametrize("name", ["Authorization", "authorization", "AUTHORIZATION"])
def test_http_callers_need_the_token_and_direct_callers_do_not(
    net: Network, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("API_TOKEN", "unit-api-token")
    net.media(TASKS)
    assert http("video", gateway("GET", {"vids": "a"}, headers={name: "Bearer unit-api-token"}))[0] == 200
    assert run("video", {"vids": "a"}) == success([A])


@pytest.mark.parametrize("kind", ["video", "audio"])
@pytest.mark.parametrize(
    "message", ["", "a,b", '["a", "b"]', {"vids": ["a", "b"]}, {"watch": "mine.json", "results": "results/other.json"}]
)
def test_a_timer_collects(net: Network, kind: str, message: object) -> None:
    net.media(TASKS)
    lists = {f"media-query/watch/{kind}.json": ["a", "b"], "media-query/mine.json": ["a", "b"]}
    cos = net.cos("GET", "PUT", objects=lists)
    counts = {"watched": 2, "succeeded": 1, "failed": 0, "pending": 1, "deleted": 0, "missing": 0}
    assert run(kind, timer(message)) == counts
    name = "other" if isinstance(message, dict) and "results" in message else kind
    assert cos.json(f"media-query/results/{name}.json")["tasks"] == TASKS


@pytest.mark.parametrize("message", ["../a", "{", '{"vids": []}', '{"watch": "../x"}', '{"results": 7}'])
def test_a_timer_with_a_bad_message_raises(net: Network, message: str) -> None:
    with pytest.raises(BadInput):
        run("video", timer(message))


@pytest.mark.parametrize("error", [UpstreamFailed, DamagedObject])
def test_a_timer_that_fails_raises(net: Network, error: type[QueryError]) -> None:
    objects: dict[str, object] = {"media-query/watch/video.json": ["a"]}
    if error is DamagedObject:  # neither the results object nor the one kept beside a damaged one is ours
        objects |= {f"media-query/results/{name}.json": b"{" for name in ("video", "video.recovered")}
    if error is UpstreamFailed:
        net.cos("GET", "PUT", objects=objects)
        net.media({}, repeat(DEAD))
    else:
        net.cos("GET", objects=objects)
    with pytest.raises(error):
        run("video", timer())


@pytest.mark.parametrize(
    ("name", "value", "event"),
    [
        ("TENCENTCLOUD_SECRETKEY", "", {"vids": "a"}),
        ("MAX_VIDS", "many", {"vids": "a"}),
        ("COS_BUCKET", "", {"vids": "a", "output": "cos"}),
        ("COS_REGION", "", timer()),
    ],
)
def test_a_wrong_setting_is_named(
    net: Network, monkeypatch: pytest.MonkeyPatch, name: str, value: str, event: JsonObject
) -> None:
    monkeypatch.setenv("HTTP_WRITES", "open")
    monkeypatch.setenv(name, value)
    shown = "SECRET_KEY" if name.startswith("TENCENT") else name
    if trigger_of(event) == TIMER:
        with pytest.raises(Misconfigured, match=shown):
            run("video", event)
    else:
        status, _, reply = http("video", gateway("POST", event))
        assert (status, reply["code"], reply["codeDesc"]) == (500, 6000, "Misconfigured")
        assert shown in reply["message"]
