"""The two functions under any event at all, and the one line that each invocation logs."""

from __future__ import annotations

import json
from itertools import repeat
from typing import Any

import pytest
import query_audio
import query_video
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import QueryError
from shared.events.query import DIRECT, HTTP, TIMER, trigger_of
from shared.net.json_text import JsonObject
from shared.tasks import VIDS
from tests.support.wire import HIDDEN, Turn, gateway, network, said, task, timer

# Nothing upstream fails in these tests, so a 6000 would be ours.
CODES = {0, 4000, 4100, 5000}
STATUSES = {200, 204, 400, 401, 403, 404, 405, 413, 415}
CONTEXT = {"time_limit_in_ms": 60_000, "request_id": "6f1c-unit"}
HANDLERS = st.sampled_from([query_video.main_handler, query_audio.main_handler])

TEXT = st.text(st.characters(exclude_categories=()), max_size=8)  # lone surrogates too: JSON can carry them
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=10,
)
IDS = st.sampled_from(["a", "a,b", "x", "../a", ["a", "b"], ["a", 1], "", None]) | JSON
ASKED = {"vids": IDS, "vid": IDS, "vids.0": IDS, "output": st.sampled_from(["cos", "watch", ""]) | JSON}
ASKED |= {"format": st.sampled_from(["csv", "json"]) | JSON, "watch": st.sampled_from(["a.json", "a/"]) | JSON}
PARAMS = st.fixed_dictionaries({}, optional=ASKED)
BODIES = (
    PARAMS.map(json.dumps) | st.sampled_from(["vids=a", "vid=a&output=cos", "dmlkPWE=", "{", "%", "vid\na", '"']) | JSON
)
HEADERS = st.sampled_from(["content-type", "Authorization"]).flatmap(
    lambda name: st.fixed_dictionaries(
        {name: st.sampled_from(["application/json", "text/csv", "multipart/form-data"]) | JSON}
    )
)
HTTP_EVENTS = st.fixed_dictionaries(
    {"httpMethod": st.sampled_from(["GET", "POST", "PUT", "HEAD", "OPTIONS"]) | TEXT},
    optional={
        "queryString": PARAMS | JSON,
        "body": BODIES,
        "headers": HEADERS | JSON,
        "isBase64Encoded": st.booleans() | JSON,
        "requestContext": JSON,
    },
)
KEY = st.sampled_from(["a.json", "a/", "../a"]) | JSON
KEYS = {"watch": KEY, "results": KEY, "summary": KEY}
MESSAGES = st.fixed_dictionaries({}, optional={**ASKED, **KEYS}).map(json.dumps) | BODIES
TIMER_EVENTS = st.fixed_dictionaries({"Type": st.just("Timer"), "TriggerName": JSON}, optional={"Message": MESSAGES})
EVENTS = JSON | PARAMS | HTTP_EVENTS | TIMER_EVENTS


def code_of(event: Any, reply: Any) -> int:
    """The code of a reply in any form; a table and a reply without a body count as success."""
    if trigger_of(event) == TIMER or isinstance(reply, str):
        return 0
    if trigger_of(event) == DIRECT:
        return int(reply["code"])
    assert reply["statusCode"] in STATUSES
    is_envelope = "json" in reply["headers"].get("Content-Type", "") and reply["body"]
    return int(json.loads(reply["body"].encode())["code"]) if is_envelope else 0


@given(event=EVENTS, handler=HANDLERS, token=st.sampled_from(["", "unit-api-token"]))
def test_any_event_has_a_documented_reply(event: Any, handler: Any, token: str) -> None:
    with network(API_TOKEN=token) as net:
        net.mock.assert_all_requests_are_fired = False
        media, cos = net.media({"a": task("a")}), net.cos("GET", "PUT")
        try:
            reply = handler(event, CONTEXT)
        except QueryError as error:
            assert trigger_of(event) == TIMER
            code = error.code
        else:
            json.dumps(reply, ensure_ascii=False).encode()
            code = code_of(event, reply)
        assert code in CODES
        assert all(VIDS.matches(vid) for call in media.calls for vid in call.asked)
        assert all(key.startswith("media-query/") and ".." not in key for key in cos.objects)
        if code == 4000 and not (media.calls and media.calls[0].asked == []):  # the API may want an id
            assert not net.mock.calls


#: An event, what the media API does, and what the line tells beside the time.
LINES: dict[str, tuple[JsonObject, list[Turn], JsonObject]] = {
    "answered": (gateway("GET", {"vids": "a,b"}), [], {"trigger": "http", "ids": 2, "code": 0, "calls": 1}),
    "direct": ({"vids": "a"}, [], {"trigger": "direct", "ids": 1, "code": 0, "calls": 1}),
    "mended": (
        {"vids": "a"},
        [said(code=6000)],
        {"trigger": "direct", "ids": 1, "code": 0, "calls": 2, "retries": 1},
    ),
    "refused": (
        {"vids": "a"},
        [said(code=4100)],
        {
            "trigger": "direct",
            "ids": 1,
            "code": 4100,
            "error": "the media API refuses the function's keys or signature (code 4100)",
            "calls": 1,
        },
    ),
    "bad-input": ({}, [], {"trigger": "direct", "code": 4000, "error": "vids: no id given"}),
    "collected": (
        timer("a"),
        [],
        {
            "trigger": "timer",
            "code": 0,
            "watched": 1,
            "succeeded": 1,
            "failed": 0,
            "pending": 0,
            "deleted": 0,
            "missing": 0,
            "calls": 1,
            "cos_calls": 4,
        },
    ),
}


@pytest.mark.parametrize("name", LINES)
def test_each_invocation_logs_one_line_of_json(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    event, script, expected = LINES[name]
    with network(API_TOKEN="unit-api-token") as net:
        if "calls" in expected:
            net.media({"a": task("a")}, script)
        if "cos_calls" in expected:
            net.cos("GET", "PUT")
        if trigger_of(event) == HTTP:
            event = {**event, "headers": {"authorization": "Bearer unit-api-token"}}
        query_video.main_handler(event, CONTEXT)
    out, err = capsys.readouterr()
    assert out.count("\n") == 1
    line = json.loads(out)
    assert isinstance(line.pop("ms"), int)
    if trigger_of(event) == TIMER:
        assert line.pop("memory_mb") > 0
    assert line == {"request_id": "6f1c-unit", "function": "query-video", **expected}
    assert not [word for word in HIDDEN if word in out + err]


def test_a_timer_that_fails_logs_its_error(capsys: pytest.CaptureFixture[str]) -> None:
    with network() as net:
        net.media({}, repeat(said(code=4100)))
        net.cos("GET")
        with pytest.raises(QueryError):
            query_audio.main_handler(timer("a"), CONTEXT)
    line = json.loads(capsys.readouterr().out)
    assert (line["function"], line["trigger"], line["code"]) == ("query-audio", "timer", 4100)


@pytest.mark.parametrize("event", [gateway("GET", {"vids": "a"}), {"vids": "a"}, timer("a")])
def test_a_defect_is_only_in_the_log(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], event: JsonObject
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a detail")

    monkeypatch.setattr("shared.handler.read_query", broken)
    monkeypatch.setattr("shared.events.timer.read_sweep", broken)
    with network():
        if trigger_of(event) == TIMER:
            with pytest.raises(ZeroDivisionError):
                query_video.main_handler(event, CONTEXT)
        else:
            reply: Any = query_video.main_handler(event, CONTEXT)
            assert reply.get("statusCode", 500) == 500
            assert (json.loads(reply["body"]) if "body" in reply else reply) == {
                "code": 6000,
                "message": "internal error; the function's log has the details",
                "codeDesc": "InternalError",
            }
    out, err = capsys.readouterr()
    assert "ZeroDivisionError: a detail" in err
    assert "Traceback" in err
    assert json.loads(out)["code"] == 6000
