"""Watch lists as SCF's events reach them: ids added by callers, timers that spread, what is replied and logged."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import query_audio
import query_video

from shared.errors import BadInput, KeysRejected
from shared.net.json_text import JsonObject
from shared.signing.credentials import as_text
from tests.support.wire import (  # fmt: skip
    BUCKET,
    CONTEXT,
    HIDDEN,
    REGION,
    Network,
    cos_error,
    function_url,
    gateway,
    task,
    timer,
)
from tests.support.wire_services import scf_error

# The official signer asks datetime.utcfromtimestamp for the date.
pytestmark = pytest.mark.filterwarnings("ignore:datetime.datetime.utcfromtimestamp:DeprecationWarning")

PREFIX = {"watch": "watch/video/"}


@pytest.fixture(autouse=True)
def _http_may_write(net: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_WRITES", "open")


def run(kind: str, event: object, request_id: str = "unit-request") -> Any:
    handlers = {"video": query_video.main_handler, "audio": query_audio.main_handler}
    return handlers[kind](event, {**CONTEXT, "time_limit_in_ms": 60_000, "request_id": request_id})


#: Every way to add the ids a and b.
ADDING: dict[str, JsonObject] = {
    "query": gateway("POST", {"vids": "a,b", "output": "watch"}),
    "post": gateway("POST", None, body='{"vids": ["a", "b", "a"], "output": "watch"}'),
    "form": function_url("POST", None, body="vids.0=a&vids.1=b&output=watch"),
    "direct": {"vids": ["a", "b"], "output": "watch"},
}


@pytest.mark.parametrize("event", ADDING.values(), ids=ADDING)
@pytest.mark.parametrize("kind", ["video", "audio"])
def test_ids_are_added_by_a_note_and_the_reply_says_where(net: Network, kind: str, event: JsonObject) -> None:
    cos = net.cos("PUT")
    reply = run(kind, event)
    if "httpMethod" in event:
        assert reply["statusCode"] == 200
        reply = json.loads(reply["body"])
    data = reply.pop("data")
    assert reply == {"code": 0, "message": "", "codeDesc": "Success"}
    assert (data["bucket"], data["region"], data["count"], len(data["etag"])) == (BUCKET, REGION, 2, 32)
    assert re.fullmatch(
        rf"media-query/watch/{kind}\.added/20231114T221320Z-unit-request-[0-9a-f]{{8}}\.json", data["key"]
    )
    assert {key: cos.json(key) for key in cos.objects} == {data["key"]: {"vids": ["a", "b"]}}


@pytest.mark.parametrize("watch", ["team/videos.json", "team/videos/"])
@pytest.mark.parametrize("over_http", [True, False])
def test_ids_are_added_to_the_list_that_is_named_and_its_timer_sweeps_them(
    net: Network, watch: str, over_http: bool
) -> None:
    cos = net.cos("PUT", "GET")
    asked = {"vids": ["a"], "output": "watch", "watch": watch}
    run("video", gateway("POST", body=json.dumps(asked)) if over_http else asked)
    assert [key.rpartition("/")[0] for key in cos.objects] == ["media-query/team/videos.added"]
    if watch.endswith("/"):
        scf = net.scf()
        assert run("video", timer({"watch": watch}))["invoked"] == 1
        assert len(scf.events) == 1
    else:
        net.media({"a": task("a")})
        assert run("video", timer({"watch": watch}))["succeeded"] == 1


def test_one_id_is_added_by_vid(net: Network) -> None:
    cos = net.cos("PUT")
    assert run("audio", {"vid": "a", "output": "watch"})["data"]["count"] == 1
    assert [cos.json(key) for key in cos.puts] == [{"vids": ["a"]}]


def test_two_callers_at_the_same_moment_both_count_and_adding_twice_is_harmless(net: Network) -> None:
    cos = net.cos("PUT", "GET")
    net.media({vid: task(vid) for vid in "abc"})
    for request_id, vids in (("one", "a,b"), ("two", "b,c"), ("two", "b,c"), ("three", "a")):
        run("video", {"vids": vids, "output": "watch"}, request_id)
    assert run("video", timer())["succeeded"] == 3
    assert list(cos.json("media-query/results/video.json")["tasks"]) == ["a", "b", "c"]


@pytest.mark.parametrize("kind", ["video", "audio"])
@pytest.mark.parametrize("asked", [{}, {"vids": ""}, {"vids": "../a"}, {"vid": ""}])
def test_nothing_is_added_without_valid_ids(net: Network, kind: str, asked: JsonObject) -> None:
    reply = run(kind, {**asked, "output": "watch"})
    assert (reply["code"], reply["message"][:3]) == (4000, "vid")


def test_adding_ids_needs_the_token_and_respects_max_vids(net: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAX_VIDS", "1")
    assert run("video", gateway("POST", {"vids": "a,b", "output": "watch"}))["statusCode"] == 413
    monkeypatch.setenv("API_TOKEN", "unit-api-token")
    assert run("video", gateway("POST", {"vids": "a", "output": "watch"}))["statusCode"] == 401


def test_a_refusal_of_cos_to_add_ids_is_an_error(net: Network) -> None:
    net.cos("PUT", script=[cos_error(403, "AccessDenied")])
    reply = run("video", gateway("POST", {"vids": "a", "output": "watch"}))
    assert (reply["statusCode"], json.loads(reply["body"])["code"]) == (502, 4100)
    assert not [word for word in HIDDEN if word in json.dumps(reply)]


def test_a_timer_with_a_prefix_spreads_over_invocations_of_the_same_function(
    net: Network, capsys: pytest.CaptureFixture[str]
) -> None:
    cos = net.cos("GET", "PUT", objects={"media-query/watch/video/mine.json": ["a"]})
    run("video", {"vids": ["b", "c"], "output": "watch"})
    scf = net.scf()
    summary = run("video", timer(PREFIX))
    assert summary == {"shards": 2, "due": 2, "invoked": 2, "swept": 0}
    assert {json.loads(as_text(request.body))["FunctionName"] for request in scf.requests} == {"query-video"}
    net.media({"a": task("a"), "b": task("b", 4), "c": task("c", 3)})
    for event in sorted(scf.events, key=lambda event: str(event["Message"])):  # they were asked for in parallel
        run("video", event)
    assert cos.json("media-query/results/video/mine.json")["tasks"] == {"a": task("a")}
    assert run("video", timer(PREFIX))["invoked"] == 1
    index = cos.json("media-query/results/video.index.json")
    counts = {"watched": 3, "succeeded": 1, "failed": 1, "pending": 1, "deleted": 0, "missing": 0}
    assert index["summary"] == counts
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    facts = [{name: line.get(name) for name in ("trigger", "shards", "invokes", "watched")} for line in lines]
    assert facts == [
        {"trigger": "direct", "shards": None, "invokes": None, "watched": None},
        {"trigger": "timer", "shards": 2, "invokes": 2, "watched": None},
        {"trigger": "timer", "shards": None, "invokes": None, "watched": 2},
        {"trigger": "timer", "shards": None, "invokes": None, "watched": 1},
        {"trigger": "timer", "shards": 2, "invokes": 1, "watched": 3},
    ]
    assert all(isinstance(line["memory_mb"], int) for line in lines if line["trigger"] == "timer")


def test_without_permission_to_invoke_the_timer_sweeps_the_shards_itself(net: Network) -> None:
    net.media({"a": task("a"), "b": task("b")})
    net.scf([scf_error("UnauthorizedOperation.CAM")] * 2)
    cos = net.cos("GET", "PUT", objects={f"media-query/watch/video/{vid}.json": [vid] for vid in "ab"})
    assert run("video", timer(PREFIX)) == {"shards": 2, "due": 2, "invoked": 0, "swept": 2}
    assert [list(cos.json(f"media-query/results/video/{vid}.json")["tasks"]) for vid in "ab"] == [["a"], ["b"]]


def test_a_shard_that_can_not_be_swept_is_in_the_log(net: Network, capsys: pytest.CaptureFixture[str]) -> None:
    net.media({"a": task("a"), "b": task("b")})
    net.scf([scf_error("UnauthorizedOperation.CAM")] * 2)
    lists: dict[str, object] = {f"media-query/watch/video/{vid}.json": [vid] for vid in "ab"}
    damaged: dict[str, object] = {
        f"media-query/results/video/b.{name}": ["damaged"] for name in ("json", "recovered.json")
    }
    net.cos("GET", "PUT", objects=lists | damaged)
    assert run("video", timer(PREFIX))["swept"] == 1
    line = json.loads(capsys.readouterr().out)
    assert (line["code"], line["error"]) == (
        0,
        "the object media-query/results/video/b.recovered.json is not a JSON object; it is left as it is",
    )


def test_a_timer_that_can_not_list_raises(net: Network) -> None:
    net.cos("GET", script=[cos_error(403, "AccessDenied")])
    with pytest.raises(KeysRejected):
        run("video", timer(PREFIX))


@pytest.mark.parametrize("message", [{**PREFIX, "results": "results/video.json"}, {**PREFIX, "vids": ["a"]}])
def test_a_prefix_that_does_not_fit_raises(net: Network, message: JsonObject) -> None:
    with pytest.raises(BadInput):
        run("video", timer(message))
