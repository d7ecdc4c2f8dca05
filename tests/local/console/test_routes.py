"""The local paths at the gateway's port, over a running cloud."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import requests

from local.keys import APP_ID, BUCKET, PERMANENT
from local.scf.runtime import Outcome
from shared.signing.cos import CosAuth
from tests.local.scf.api.test_triggers import URL
from tests.support.desk import NAME, desk
from tests.support.live import LiveCloud, live_cloud

VIDEO = "a72c30a65853dc1466ec9ef681e7b76b1530600996"


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveCloud]:
    with live_cloud(tmp_path_factory.mktemp("state")) as live:
        yield live


def get(cloud: LiveCloud, path: str) -> Any:
    response = cloud.get(f"/_local/{path}")
    assert response.status_code == 200
    return response.json()


def test_the_page_and_its_files_have_a_policy_without_exceptions(cloud: LiveCloud) -> None:
    for path, kind in (("", "html"), ("page.js", "javascript"), ("page.css", "css")):
        response = cloud.get(f"/_local/{path}")
        assert response.headers["Content-Type"] == f"text/{kind}; charset=utf-8"
        assert "default-src 'none'" in response.headers["Content-Security-Policy"]
        assert "unsafe" not in response.headers["Content-Security-Policy"]


def test_the_project_has_functions_triggers_and_samples(cloud: LiveCloud) -> None:
    project = get(cloud, "project")
    video = project["functions"][0]
    assert (video["name"], video["handler"], video["apis"]) == (
        "query-video",
        "query_video.main_handler",
        ["ANY /query-video"],
    )
    assert [timer["name"] for timer in video["timers"]] == ["collect-video"]
    assert {"query-video.direct.200"} <= {sample["name"] for sample in project["samples"]}


@pytest.mark.filterwarnings("ignore:datetime.datetime.utcfromtimestamp:DeprecationWarning")
def test_what_is_deployed_has_its_open_urls_and_its_timers(tmp_path: Path) -> None:
    with desk(tmp_path) as account:
        deployed = f"{account.cloud.gateway}/_local/deployed"
        assert requests.get(deployed, timeout=30).json() == []
        account.create()
        account.scf("CreateTrigger", **URL)
        account.scf("CreateTrigger", **{**URL, "TriggerName": "latest", "Qualifier": "$LATEST"}, Enable="CLOSE")
        account.scf("CreateTrigger", TriggerName="tick", Type="timer", TriggerDesc="0 0 * * * * *", Enable="CLOSE")
        (function,) = requests.get(deployed, timeout=30).json()
        assert (function["name"], function["handler"], function["urls"]) == (NAME, "index.main", [f"/_url/{NAME}/"])
        assert function["timers"] == [{"name": "tick", "cron": "0 0 * * * * *", "enabled": False}]
        assert requests.get(account.cloud.gateway + function["urls"][0], timeout=30).json()["code"] == 1


@pytest.mark.filterwarnings("ignore:datetime.datetime.utcfromtimestamp:DeprecationWarning")
def test_calls_of_the_api_show_and_so_do_invocations_of_what_is_deployed(tmp_path: Path) -> None:
    with desk(tmp_path) as account:
        account.create()
        account.scf("CreateTrigger", **URL)
        account.scf("Invoke", ClientContext='{"a": 1}')
        requests.get(f"{account.cloud.gateway}/_url/{NAME}/x", timeout=30)
        activities = requests.get(f"{account.cloud.gateway}/_local/activities", timeout=30).json()
        call, invocation, request = activities[-3:]
        assert (call["route"], call["status"], call["reply"]) == ("API Invoke", 200, "")
        assert (invocation["route"], json.loads(invocation["event"])) == (f"invoke {NAME}:$LATEST", {"a": 1})
        assert (request["route"], json.loads(request["event"])["path"]) == (f"GET /_url/{NAME}/x", "/x")
        assert (invocation["function"], request["function"]) == (f"{NAME}:$LATEST", f"{NAME}:$DEFAULT")


def test_an_invocation_shows_with_event_reply_log_and_timing(cloud: LiveCloud) -> None:
    cloud.get("/query-video", params={"vids": VIDEO})
    activity = get(cloud, "activities")[-1]
    assert (activity["route"], activity["status"]) == (f"GET /query-video?vids={VIDEO}", 200)
    assert json.loads(activity["event"])["queryString"] == {"vids": VIDEO}
    assert json.loads(activity["reply"])["data"][0]["vid"] == VIDEO
    assert activity["log"][0].startswith("START RequestId:")
    assert activity["memoryMb"] > 1


def test_activities_are_streamed_as_they_happen(cloud: LiveCloud) -> None:
    with requests.get(f"{cloud.cloud.gateway}/_local/events", stream=True, timeout=60) as events:
        lines = events.iter_lines(decode_unicode=True)
        assert next(lines) == ": connected"
        cloud.post("/_local/fire/collect-audio", data="null")
        told: list[dict[str, Any]] = []
        while len(told) < 2:
            line = str(next(lines))
            told += [json.loads(line[6:])] if line.startswith("data: ") else []
    assert [(each["route"], each["status"]) for each in told] == [
        ("timer collect-audio", 0),
        ("timer collect-audio", 200),
    ]


@pytest.mark.parametrize("bucket", [BUCKET, f"other-{APP_ID}"])
def test_objects_are_listed_read_and_deleted(cloud: LiveCloud, bucket: str) -> None:
    key = "media-query/a b/%2F\n/../ü.json"
    requests.put(cloud.cloud.cos, headers={"Host": f"{bucket}.localhost"}, auth=CosAuth(PERMANENT), timeout=60)
    cloud.cloud.buckets.services[bucket].store.put(key, b'{"a": 1}', {})
    (described,) = [each for each in get(cloud, "objects") if (each["bucket"], each["key"]) == (bucket, key)]
    assert described["size"] == 8
    path = f"/_local/objects/{bucket}/{quote(key, safe='')}"
    response = cloud.get(path)
    assert (response.text, response.headers["X-Content-Type-Options"]) == ('{"a": 1}', "nosniff")
    assert requests.delete(cloud.cloud.gateway + path, timeout=60).status_code == 200
    assert cloud.get(path).status_code == 404


@pytest.mark.parametrize("service", ["media", "cos", "ci", "scf"])
def test_faults_and_calls_of_each_service_are_reached(cloud: LiveCloud, service: str) -> None:
    path = f"/_local/services/{service}/faults"
    assert cloud.post(path, json=[{"kind": "delay", "value": 0}]).json() == {"faults": 1}
    assert get(cloud, f"services/{service}/faults")[0]["kind"] == "delay"
    assert cloud.post(path, json=[]).json() == {"faults": 0}
    assert isinstance(get(cloud, f"services/{service}/calls"), dict)


def test_tasks_are_listed_as_they_can_be_added(cloud: LiveCloud) -> None:
    tasks = get(cloud, "services/media/tasks")
    assert VIDEO in {task["vid"] for task in tasks}
    assert cloud.media("tasks", json=tasks) == {"tasks": len(tasks)}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "invoke/nothing", 400),
        ("POST", "fire/nothing", 400),
        ("GET", "services/media/nothing", 404),
        ("GET", "services/nothing/calls", 404),
        ("GET", "nothing", 404),
        ("GET", "objects/nothing-1/key", 404),
        ("DELETE", "objects/nothing-1/key", 404),
    ],
)
def test_unknown_paths_are_reported(cloud: LiveCloud, method: str, path: str, status: int) -> None:
    response = requests.request(method, f"{cloud.cloud.gateway}/_local/{path}", data="null", timeout=60)
    assert response.status_code == status
    assert response.json()["error"]


def test_a_function_that_can_t_be_started_is_reported(cloud: LiveCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: object) -> Outcome:
        raise OSError("debugpy is not installed")

    monkeypatch.setattr(cloud.cloud, "invoke", fail)
    monkeypatch.setattr(cloud.cloud, "fire", fail)
    for path in ("invoke/query-video", "fire/collect-video"):
        response = cloud.post(f"/_local/{path}", data="null")
        assert (response.status_code, response.json()) == (500, {"error": "debugpy is not installed"})


def test_a_full_queue_is_reported(cloud: LiveCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("local.scf.asynchronous.QUEUE", 0)
    response = cloud.post("/_local/fire/collect-video", data="null")
    assert (response.status_code, response.json()) == (500, {"error": "0 events of query-video are waiting"})


def test_another_site_s_page_gets_nothing(cloud: LiveCloud, tmp_path: Path) -> None:
    headers = {"Origin": "https://evil.example", "Content-Type": "text/plain"}
    for path in ("invoke/query-video", "fire/collect-video", "faults", "services/media/tasks"):
        response = cloud.post(f"/_local/{path}", data="null", headers=headers)
        assert response.status_code == 403
    for url in (cloud.cloud.media, cloud.cloud.cos, cloud.cloud.ci, cloud.cloud.gateway):
        assert requests.get(url, headers={"Host": "evil.example"}, timeout=60).status_code == 403
