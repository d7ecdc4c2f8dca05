"""An API that fails, hangs or is gone, and a COS that does."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from local.server import Reply, Request
from tests.support.live import LiveCloud, live_cloud

#: One call in nine fails. That one fails eight times in a row, and is given up, happens once in 30 million calls.
SIX_WAYS = [
    {"kind": "reset", "rate": 0.02},
    {"kind": "http", "value": 503, "rate": 0.02},
    {"kind": "truncate", "rate": 0.02},
    {"kind": "garbage", "rate": 0.02},
    {"kind": "code", "value": 4400, "rate": 0.02},
    {"kind": "code", "value": 6000, "rate": 0.02},
]
VIDS = [f"{number:032x}1600000000" for number in range(100)]


@pytest.fixture
def small_batches(tmp_path: Path) -> Iterator[LiveCloud]:
    """A cloud whose video queries make as many calls as audio queries do."""
    with live_cloud(tmp_path, BATCH_SIZE="1") as live:
        yield live


@pytest.fixture
def nonces(small_batches: LiveCloud, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every nonce that reaches the media API from now on."""
    service = small_batches.cloud.media_service
    seen: list[str] = []
    handle = service.handle

    def recording(request: Request) -> Reply:
        seen.extend(parse_qs(request.body.decode()).get("Nonce", []))
        return handle(request)

    monkeypatch.setattr(service, "handle", recording)
    return seen


@pytest.mark.parametrize("function", ["query-video", "query-audio"])
def test_with_one_call_in_nine_failing_every_id_is_answered(
    small_batches: LiveCloud, nonces: list[str], function: str
) -> None:
    live = small_batches
    live.media("tasks", json=[{"vid": vid, "status": 5} for vid in VIDS])
    live.media("faults", json=SIX_WAYS)
    reply = live.call(function, {"vids": VIDS})
    assert [record["vid"] for record in reply["data"]] == VIDS
    # Of 100 calls some fail: that none does happens once in 100,000 runs.
    assert len(nonces) == len(set(nonces)) > len(VIDS)


def test_a_partial_failure_returns_the_records_and_the_failures(live: LiveCloud) -> None:
    live.media("tasks", json=[{"vid": vid, "status": 5} for vid in VIDS[:2]])
    live.media("faults", json=[{"kind": "code", "value": 6100, "times": 1}])
    response = live.get("/query-audio", params={"vids": ",".join(VIDS[:2])})
    reply = response.json()
    assert (response.status_code, reply["code"]) == (207, 5400)
    assert {record["vid"] for record in reply["data"]} | set(reply["failed"]) == set(VIDS[:2])
    assert [reason["code"] for reason in reply["failed"].values()] == [6000]


def test_a_quota_that_stays_used_up_is_a_429(live: LiveCloud) -> None:
    live.media("faults", json=[{"kind": "code", "value": 4400}])
    response = live.get("/query-audio", params={"vid": "x"})
    assert (response.status_code, response.json()["code"]) == (429, 4400)
    assert int(response.headers["Retry-After"]) > 0


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port that refuses connections: bound, so that nobody else gets it, and not listening."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


def test_a_dead_api_is_a_502_in_time(tmp_path: Path, quick_root: Callable[[int], Path], closed_port: int) -> None:
    url = f"http://127.0.0.1:{closed_port}/v2/index.php"
    with live_cloud(tmp_path / "state", quick_root(3), MEDIA_API_URL=url) as live:
        response = live.get("/query-video", params={"vids": "x"})
        assert (response.status_code, response.json()["code"]) == (502, 6000)
        assert str(closed_port) not in response.text


def test_a_hung_api_is_a_504_in_time(tmp_path: Path, quick_root: Callable[[int], Path]) -> None:
    with live_cloud(tmp_path / "state", quick_root(5)) as live:  # a busy machine has half a second to reply
        live.media("faults", json=[{"kind": "delay", "value": 3600}])
        with ThreadPoolExecutor() as at_once:
            paths = ("/query-video?vids=x", "/query-audio?vid=x")
            replies, firing = at_once.map(live.get, paths), at_once.submit(live.fire, "collect-video", "x")
            assert [(reply.status_code, reply.json()["code"]) for reply in replies] == [(504, 6000)] * 2
        assert firing.result().status == 430  # the function itself gave up; 433 would be SCF's kill
        live.media("faults", json=[])


def test_cos_that_fails_now_and_then_does_not_matter(live: LiveCloud) -> None:
    live.media("tasks", json=[{"vid": "fine", "status": 4}])
    live.cos("faults", json=[{"kind": "code", "value": "SlowDown", "times": 2}, {"kind": "reset", "times": 2}])
    summary = live.collect("collect-video", {"vids": ["fine"], "results": "results/fine.json"})
    assert summary["failed"] == 1
    assert live.stored("media-query/results/fine.json")["tasks"]["fine"]["status"] == 4


@pytest.mark.parametrize("content", [b"{", b'{"somebody": "else"}', b'{"action": "GetVpResult", "tasks": []}'])
def test_a_results_object_that_is_not_ours_is_left_alone(live: LiveCloud, content: bytes) -> None:
    live.cloud.store.put("media-query/results/odd.json", content, {})
    live.media("tasks", json=[{"vid": "fine", "status": 5}])
    summary = live.collect("collect-video", {"vids": ["fine"], "results": "results/odd.json"})
    assert summary["damaged"] == ["results/odd.json"]
    assert live.cloud.store.get("media-query/results/odd.json").body == content
    assert live.stored("media-query/results/odd.recovered.json")["tasks"]["fine"]["status"] == 5
