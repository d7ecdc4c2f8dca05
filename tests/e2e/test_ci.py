"""Both back ends through real sockets: the same caller, sweeps, trouble, and Tencent's own client."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from qcloud_cos import CosConfig, CosS3Client, CosServiceError

from local import keys
from local.ci import jobs as ci_jobs
from local.media import tasks as media_tasks
from shared.tasks import AUDIO, VIDEO
from tests.support import callers
from tests.support.live import LiveCloud, live_cloud
from tests.support.paths import ROOT
from tests.support.record_schema import check_record

UNKNOWN = f"j{'0' * 32}"
#: One call in nine fails: eight times in a row, so that it is given up, once in 30 million calls.
TROUBLE = [
    {"kind": "reset", "rate": 0.02},
    {"kind": "http", "value": 503, "rate": 0.02},
    {"kind": "truncate", "rate": 0.02},
    {"kind": "garbage", "rate": 0.02},
    {"kind": "code", "value": "SlowDown", "rate": 0.02},
    {"kind": "code", "value": "InternalError", "rate": 0.02},
]


@pytest.fixture
def ci(shared_ci: LiveCloud) -> Iterator[LiveCloud]:
    """The module's cloud, without faults before and after the test."""
    yield shared_ci
    local(shared_ci, "faults", [])


def local(live: LiveCloud, path: str, body: Any = None) -> Any:
    """POST JSON to, or GET from, a local path of CI."""
    method = "GET" if body is None else "POST"
    response = requests.request(method, f"{live.cloud.ci}/_local/{path}", json=body, timeout=60)
    response.raise_for_status()
    return response.json()


def test_a_caller_of_the_documents_needs_no_change(
    live: LiveCloud, ci: LiveCloud, capsys: pytest.CaptureFixture[str]
) -> None:
    song = media_tasks.documented(media_tasks.AUDIO_ACTION)["data"]["vid"]
    failing = ci_jobs.FAILED
    asked = {
        live: ([*media_tasks.VIDEO_REQUEST_EXAMPLES, media_tasks.VIDEO_SUCCEEDS], song),
        ci: ([ci_jobs.TRANSCODE, ci_jobs.SEGMENT, failing, ci_jobs.PAUSED], ci_jobs.AUDIO_128),
    }
    for cloud, (vids, vid) in asked.items():
        callers.main(cloud.cloud.gateway, ",".join(vids), vid)
        report = json.loads(capsys.readouterr().out)
        assert list(report["video"]) == vids
        assert all(urls for urls in report["video"].values())
        assert report["audio"]["vid"] == vid
        assert report["audio"]["done"]
        assert report["audio"]["kilobytes"] > 0
        assert report["audio"]["outputs"][0].startswith("mp3 ")
    assert len(callers.video_report(ci.cloud.gateway, [ci_jobs.SEGMENT])[ci_jobs.SEGMENT]) == 3
    with pytest.raises(SystemExit, match="5000 ResourceNotFound"):
        callers.audio_report(ci.cloud.gateway, UNKNOWN)


@pytest.mark.parametrize("path", ["/query-video", "/_url/query-video"])
def test_videos(ci: LiveCloud, path: str) -> None:
    asked = [ci_jobs.FAILED, UNKNOWN, ci_jobs.TRANSCODE, ci_jobs.CANCELLED]
    for response in (ci.get(path, params={"vids": ",".join(asked)}), ci.post(path, json={"vids": asked})):
        reply = response.json()
        assert (response.status_code, reply["code"], reply["missing"]) == (200, 0, [UNKNOWN])
        found = [(record["vid"], record["status"]) for record in reply["data"]]
        assert found == [(ci_jobs.FAILED, 4), (ci_jobs.TRANSCODE, 5), (ci_jobs.CANCELLED, 4)]
        for record in reply["data"]:
            check_record(VIDEO, record)


def test_audio_jobs_of_one_source_are_one_record_of_a_list(ci: LiveCloud) -> None:
    vids = f"{ci_jobs.AUDIO_128},{ci_jobs.AUDIO_MOVING},{ci_jobs.AUDIO_320}"
    both, moving = ci.get("/query-audio", params={"vids": vids}).json()["data"]
    assert [info["bitrate"] for info in both["result"]["audio"]["info"]] == [128000, 320000]
    assert (both["vid"], moving["vid"]) == (ci_jobs.AUDIO_128, ci_jobs.AUDIO_MOVING)
    single = ci.get("/query-audio", params={"vid": ci_jobs.AUDIO_320}).json()["data"]
    assert [info["bitrate"] for info in single["result"]["audio"]["info"]] == [320000]
    stored = ci.post("/query-audio", params={"vids": vids, "output": "cos"}).json()["data"]
    assert (stored["count"], ci.stored(stored["key"])["data"]) == (2, [both, moving])


@pytest.mark.parametrize(
    ("path", "status", "code", "word"),
    [
        (f"/query-video?vids={UNKNOWN}", 404, 5000, UNKNOWN),
        ("/query-video?vids=a72c30a65853dc1466ec9ef681e7b76b1530600996", 400, 4000, "job id"),
        (f"/query-video?vids={UNKNOWN}%2F..", 400, 4000, "job id"),
        (f"/query-audio?vid={ci_jobs.SNAPSHOT}", 400, 4000, "Snapshot"),
        ("/query-audio", 400, 4000, "vid"),
    ],
)
def test_errors_name_the_field(ci: LiveCloud, path: str, status: int, code: int, word: str) -> None:
    response = ci.get(path)
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert word in response.json()["message"]


def test_trouble_is_mended(ci: LiveCloud) -> None:
    vids = [f"j{number:032x}" for number in range(1, 200)]
    local(ci, "jobs", {"jobs": [{"JobId": vid, "State": "Running", "Tag": "Transcode"} for vid in vids]})
    local(ci, "faults", TROUBLE)
    for _ in range(5):
        reply = ci.post("/query-video", json={"vids": [*vids, UNKNOWN]}).json()
        assert (reply["code"], reply["missing"]) == (0, [UNKNOWN])
        assert [record["vid"] for record in reply["data"]] == vids


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        ({"kind": "code", "value": "InvalidArgument"}, 400, 4000),
        ({"kind": "code", "value": "AccessDenied"}, 502, 4100),
        ({"kind": "code", "value": "InvalidUrl"}, 502, 6000),
    ],
)
def test_refusals(ci: LiveCloud, fault: dict[str, Any], status: int, code: int) -> None:
    local(ci, "faults", [fault])
    response = ci.get("/query-video", params={"vids": ci_jobs.TRANSCODE})
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert "127.0.0.1" not in response.text


def test_sweeps_work_the_same(ci: LiveCloud) -> None:
    vids = [ci_jobs.AUDIO_128, ci_jobs.AUDIO_320, ci_jobs.AUDIO_MOVING, UNKNOWN]
    outcome = ci.fire("collect-audio", {"vids": vids, "results": "results/ci.json"})
    counts = {"watched": 4, "succeeded": 2, "failed": 0, "pending": 1, "deleted": 0, "missing": 1}
    assert outcome.result == counts
    tasks = ci.stored("media-query/results/ci.json")["tasks"]
    assert set(tasks) == set(vids) - {UNKNOWN}
    for vid, record in tasks.items():
        assert record["vid"] == vid, "a sweep keeps each job's own record"
        check_record(AUDIO, record)
    before = local(ci, "calls")["DescribeMediaJob"]
    finished = {"vids": vids[:2], "results": "results/ci.json"}
    assert ci.collect("collect-audio", finished)["succeeded"] == 2
    assert local(ci, "calls")["DescribeMediaJob"] == before, "finished jobs are not asked about again"


def test_source_facts_on_demand(tmp_path: Path) -> None:
    with live_cloud(tmp_path, BACKEND="ci", CI_SOURCE_INFO="1") as cloud:
        vids = [ci_jobs.AUDIO_128, ci_jobs.AUDIO_320, ci_jobs.AUDIO_MOVING]
        song, talk = cloud.get("/query-audio", params={"vids": ",".join(vids)}).json()["data"]
        assert (song["size"], song["duration"], song["bitrate"], song["encoder"]) == (19408560, 170, 911, "flac")
        assert (talk["size"], talk["status"]) == (None, 1)
        assert local(cloud, "calls") == {"DescribeMediaJob": 3, "GetMediaInfo": 3}


def test_a_bucket_is_needed(tmp_path: Path) -> None:
    with live_cloud(tmp_path, BACKEND="ci", COS_BUCKET="") as cloud:
        reply = cloud.call("query-video", {"vids": [ci_jobs.TRANSCODE]})
        assert "COS_BUCKET and COS_REGION" in reply["message"]


@pytest.fixture
def session() -> Iterator[requests.Session]:
    with closing(requests.Session()) as opened:
        yield opened


def official(session: requests.Session, **options: Any) -> tuple[CosS3Client, CosConfig]:
    role = {"SecretId": keys.ROLE.secret_id, "SecretKey": keys.ROLE.secret_key, "Token": keys.ROLE.token}
    config = CosConfig(**{"Region": keys.REGION, "Scheme": "http", **role, **options})
    return CosS3Client(config, retry=0, session=session), config


def check_official(client: CosS3Client) -> None:
    asked = [ci_jobs.TRANSCODE, UNKNOWN, ci_jobs.FAILED]
    reply = client.ci_get_media_jobs(Bucket=keys.BUCKET, JobIDs=",".join(asked))
    assert [job["State"] for job in reply["JobsDetail"]] == ["Success", "Failed"]
    assert reply["NonExistJobIds"] == UNKNOWN


def test_the_official_client_at_the_bucket_s_own_host(
    ci: LiveCloud, session: requests.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    host, port = f"{keys.BUCKET}.ci.{keys.REGION}.myqcloud.com", urlsplit(ci.cloud.cos).port
    resolve = socket.getaddrinfo

    def resolving(name: str, *rest: Any, **more: Any) -> Any:
        return resolve("127.0.0.1" if name == host else name, *rest, **more)

    monkeypatch.setattr("socket.getaddrinfo", resolving)
    check_official(official(session, EndpointCi=f"ci.{keys.REGION}.myqcloud.com:{port}")[0])


def test_the_official_client_on_loopback(ci: LiveCloud, session: requests.Session) -> None:
    url = urlsplit(ci.cloud.ci)
    check_official(official(session, Domain=url.netloc)[0])
    client, config = official(session)
    config.set_ip_port(url.hostname, url.port)
    check_official(client)
    wrong, _ = official(session, SecretKey="wrong", Domain=url.netloc)
    with pytest.raises(CosServiceError) as caught:
        check_official(wrong)
    assert caught.value.get_status_code() == 403  # it reads no code without a Resource, which errors of CI don't have


def test_the_official_client_asks_about_a_source(ci: LiveCloud, session: requests.Session) -> None:
    client, config = official(session)
    config.set_ip_port("127.0.0.1", urlsplit(ci.cloud.cos).port)
    (info,) = client.get_media_info(Bucket=keys.BUCKET, Key=ci_jobs.SONG)["MediaInfo"]
    assert info["Format"]["FormatName"] == "flac"


LOADED = """
import sys
import query_video
query_video.main_handler({"vids": [sys.argv[1]]}, {"time_limit_in_ms": 60})
print(*sorted(name for name in sys.modules if name.startswith(("shared.backends.", "shared.net.xml", "xml"))))
"""


NEEDS = {
    "api2": {"shared.backends.api2"},
    "ci": {"shared.backends.ci.client", "shared.backends.ci.records", "shared.net.xml"},
}


@pytest.mark.parametrize(("backend", "vid"), [("", "a"), ("api2", "a"), ("ci", UNKNOWN)])
def test_the_other_back_end_is_not_imported(backend: str, vid: str) -> None:
    environ = {
        **os.environ,
        "SECRET_ID": "AKIDX",
        "SECRET_KEY": "k",
        "COS_BUCKET": keys.BUCKET,
        "COS_REGION": keys.REGION,
        "BACKEND": backend,
        "MEDIA_API_URL": "http://127.0.0.1:9/x",
        "CI_URL": "http://127.0.0.1:9",
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "functions")]),
    }
    done = subprocess.run(
        [sys.executable, "-c", LOADED, vid], env=environ, cwd=ROOT, capture_output=True, text=True, check=True
    )
    modules = set(done.stdout.splitlines()[-1].split())
    assert modules & (NEEDS["api2"] | NEEDS["ci"]) == NEEDS[backend or "api2"]
    assert not [name for name in modules if name.startswith("xml")], "nothing was parsed yet"
