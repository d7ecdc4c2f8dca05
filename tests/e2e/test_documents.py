"""The documents' own results, through every trigger and real sockets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import requests

from local.cloud import Ports
from tests.support.live import LiveCloud, live_cloud
from tests.support.paths import DOCUMENTS, ROOT

VIDEO = json.loads((DOCUMENTS / "GetVpResult.json").read_text())
AUDIO = json.loads((DOCUMENTS / "GetCtsaudioInfo.json").read_text())
VID = VIDEO["data"][0]["vid"]
AUDIO_VID = AUDIO["data"]["vid"]
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.mark.parametrize("path", ["/query-video", "/_url/query-video"])
@pytest.mark.parametrize(
    "request_",
    [
        {"params": {"vids": VID}},
        {"params": {"vids.0": VID}},
        {"json": {"vids": [VID]}},
        {"data": {"vids": VID}},
        {"data": json.dumps({"vids": VID}), "headers": FORM},
    ],
    ids=["query", "dotted query", "json", "form", "json as curl sends it"],
)
def test_video(live: LiveCloud, path: str, request_: dict[str, Any]) -> None:
    ask = live.get if "params" in request_ else live.post
    response = ask(path, **request_)
    assert (response.status_code, response.json()) == (200, VIDEO)
    assert response.headers["Content-Type"] == "application/json; charset=utf-8"


@pytest.mark.parametrize("path", ["/query-audio", "/_url/query-audio"])
def test_audio(live: LiveCloud, path: str) -> None:
    assert live.get(path, params={"vid": AUDIO_VID}).json() == AUDIO
    assert live.post(path, json={"vid": AUDIO_VID}).json() == AUDIO
    assert live.get(path, params={"vids": AUDIO_VID}).json() == {**AUDIO, "data": [AUDIO["data"]]}


def test_direct(live: LiveCloud) -> None:
    assert live.invoke("query-video", {"vids": [VID]}).result == VIDEO
    assert live.invoke("query-audio", {"vid": AUDIO_VID}).result == AUDIO


def test_output_cos(live: LiveCloud) -> None:
    reply = live.post("/query-video", params={"vids": VID, "output": "cos"}).json()
    place = reply["data"]
    assert (place["bucket"], place["region"], place["count"]) == ("media-1253125191", "ap-guangzhou", 1)
    assert place["key"].startswith("media-query/query-video/")
    assert live.stored(place["key"]) == VIDEO


def test_a_get_writes_nothing(live: LiveCloud) -> None:
    before = live.cloud.store.list().keys
    reply = live.get("/query-video", params={"vids": VID, "output": "cos"})
    assert (reply.status_code, reply.headers["Allow"], live.cloud.store.list().keys) == (405, "POST", before)


@pytest.mark.parametrize(
    ("environ", "token", "status"),
    [({"HTTP_WRITES": "off"}, "", 403), ({"HTTP_WRITES": "token"}, "", 403), ({"API_TOKEN": "x"}, "x", 200)],
)
def test_the_local_cloud_lets_anyone_write_unless_its_environment_says_otherwise(
    tmp_path: Path, environ: dict[str, str], token: str, status: int
) -> None:
    with live_cloud(tmp_path, ROOT, Ports(), **environ) as live:
        headers = {"authorization": f"Bearer {token}"}
        reply = live.post("/query-video", params={"vids": VID, "output": "cos"}, headers=headers)
        assert reply.status_code == status


@pytest.mark.parametrize("path", ["/query-video", "/_url/query-video", "/_url/query-video/query-video"])
def test_a_table_through_each_url(live: LiveCloud, path: str) -> None:
    table = live.post(path, data=f"\ufeffvid\r\n{VID}\r\n", headers={"content-type": "text/csv", "accept": "text/csv"})
    assert table.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert table.content.decode("utf-8-sig").splitlines()[1].startswith(f"{VID},succeeded,5,2018-07-03 14:56:36,")


@pytest.mark.parametrize("path", ["/query-video", "/_url/query-video"])
def test_head_and_options(live: LiveCloud, path: str) -> None:
    head = requests.head(live.cloud.gateway + path, params={"vids": VID}, timeout=60)
    assert (head.status_code, head.headers["Content-Type"], head.content) == (
        200,
        "application/json; charset=utf-8",
        b"",
    )
    options = requests.options(live.cloud.gateway + path, timeout=60)
    assert (options.status_code, options.headers["Allow"], options.content) == (204, "GET, HEAD, POST, OPTIONS", b"")


def test_a_function_url_serves_its_own_path_only(live: LiveCloud) -> None:
    reply = live.get("/_url/query-video/favicon.ico")
    assert (reply.status_code, reply.json()["codeDesc"]) == (404, "NotFound")


def test_timers_write_results_objects(live: LiveCloud) -> None:
    outcome = live.fire("collect-video", {"vids": [VID], "results": "results/v.json"})
    assert outcome.result == {"watched": 1, "succeeded": 1, "failed": 0, "pending": 0, "deleted": 0, "missing": 0}
    stored = live.stored("media-query/results/v.json")
    assert stored["action"] == "GetVpResult"
    assert stored["tasks"] == {VID: VIDEO["data"][0]}
    assert live.fire("collect-audio", AUDIO_VID).ok
    assert live.stored("media-query/results/audio.json")["tasks"] == {AUDIO_VID: AUDIO["data"]}


def test_a_watch_object_is_swept_and_finished_tasks_are_not_asked_again(live: LiveCloud) -> None:
    live.cloud.store.put("media-query/watch/video.json", json.dumps([VID]).encode(), {})
    assert live.fire("collect-video").ok
    before = live.media("calls")["GetVpResult"]
    assert live.collect("collect-video")["succeeded"] == 1
    assert live.media("calls")["GetVpResult"] == before


def test_a_token_guards_http_only(tmp_path: Path) -> None:
    with live_cloud(tmp_path, API_TOKEN="open-sesame") as live:
        refused = live.get("/query-video", params={"vids": VID})
        assert (refused.status_code, refused.json()["code"]) == (401, 4100)
        allowed = live.get("/query-video", params={"vids": VID}, headers={"authorization": "Bearer open-sesame"})
        assert allowed.json() == VIDEO
        assert live.invoke("query-video", {"vids": [VID]}).result == VIDEO


@pytest.mark.parametrize(
    ("path", "status", "code", "word"),
    [
        ("/query-video", 400, 4000, "vids"),
        ("/query-video?vids=a/../b", 400, 4000, "vids"),
        ("/query-video?vids=x&output=disk", 400, 4000, "output"),
        ("/query-audio?vid=a,b", 400, 4000, "vid"),
        ("/query-audio", 400, 4000, "vid"),
        ("/query-audio?vid=unknown", 404, 5000, ""),
        ("/query-video?vids=" + ",".join(map(str, range(1001))), 413, 4000, "1000"),
    ],
)
def test_errors_name_the_field(live: LiveCloud, path: str, status: int, code: int, word: str) -> None:
    response = live.get(path)
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert word in response.json()["message"]
    assert "data" not in response.json()


def test_unknown_ids_are_listed(live: LiveCloud) -> None:
    reply = live.get("/query-video", params={"vids": f"nobody,{VID}"}).json()
    assert (reply["code"], reply["data"], reply["missing"]) == (0, VIDEO["data"], ["nobody"])
