"""Sweeps on the local cloud: spread over instances, with everything going wrong."""

from __future__ import annotations

import asyncio
import errno
import json
import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from local import keys, load_test
from local.server import Reply, Request
from tests.support.live import LiveCloud, live_cloud
from tests.support.paths import ROOT

PREFIX = {"watch": "watch/video/", "results": "results/video/"}
VIDS = [f"{number:032x}1600000000" for number in range(60)]
COS_FAULTS: list[dict[str, Any]] = [
    {"kind": "delay", "value": 0.01},
    {"kind": "reset", "times": 3},
    {"kind": "http", "value": 503, "times": 3},
    {"kind": "truncate", "times": 3},
    {"kind": "code", "value": "SlowDown", "times": 3},
    {"kind": "code", "value": "InternalError", "times": 3},
    {"kind": "http", "value": 429, "times": 3},
]


def run(state: Path, **order: Any) -> load_test.Figures:
    defaults = {"kind": "video", "ids": 2000, "shard_size": 100, "delay": 0, "faults": 0.05}
    ordered = load_test.Order(**{**defaults, "instances": 3, "concurrency": 8, **order})
    return asyncio.run(load_test.run(ROOT, state, ordered, lambda _: None))


@pytest.mark.parametrize("kind", ["video", "audio"])
def test_many_shards_with_faults_lose_nothing_and_ask_nothing_twice(tmp_path: Path, kind: str) -> None:
    figures = run(tmp_path, kind=kind)
    assert (figures.lost, figures.repeated) == (0, 0)
    assert len(figures.outcomes) >= 20


def test_one_call_in_five_failing_loses_nothing(tmp_path: Path) -> None:
    assert run(tmp_path, kind="audio", ids=300, faults=0.2).lost == 0


def test_killed_instances_lose_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load_test, "MOST_BETWEEN_KILLS", 0.05)
    outcome = run(tmp_path, delay=0.05, kills=5)
    assert outcome.lost == 0
    assert outcome.killed == 5


def give_shards(live: LiveCloud, size: int = 20) -> None:
    live.media("tasks", json=[{"vid": vid, "status": 5} for vid in VIDS])
    for start in range(0, len(VIDS), size):
        body = json.dumps(VIDS[start : start + size]).encode()
        live.cloud.store.put(f"media-query/watch/video/{start:04d}.json", body, {})


def stored_vids(live: LiveCloud) -> set[str]:
    found = live.cloud.store.list("media-query/results/video/", "/").keys
    return {vid for key in found for vid in live.stored(key)["tasks"]}


def settle(live: LiveCloud) -> None:
    live.wait(live.cloud.asynchronous.settle())


def test_shards_are_swept_by_invocations_of_their_own_and_the_index_sums_them_up(tmp_path: Path) -> None:
    with live_cloud(tmp_path) as live:
        give_shards(live)
        first: Any = live.fire("collect-video", PREFIX).result
        assert (first["shards"], first["due"], first["invoked"], first["swept"]) == (3, 3, 3, 0)
        settle(live)
        assert stored_vids(live) == set(VIDS)
        again: Any = live.fire("collect-video", PREFIX).result
        assert (again["due"], again["watched"], again["succeeded"]) == (0, 60, 60)
        index = live.stored("media-query/results/video.index.json")
        assert index["summary"]["succeeded"] == 60
        assert list(index["shards"]) == ["0000.json", "0020.json", "0040.json"]


def test_without_permission_to_invoke_the_shards_are_swept_in_turn(tmp_path: Path) -> None:
    with live_cloud(tmp_path) as live:
        live.cloud.scf.denied.add("scf:InvokeFunction")
        give_shards(live)
        outcome: Any = live.fire("collect-video", PREFIX).result
        assert (outcome["invoked"], outcome["swept"]) == (0, 3)
        assert stored_vids(live) == set(VIDS)


def test_an_event_that_arrives_twice_is_harmless(tmp_path: Path) -> None:
    with live_cloud(tmp_path) as live:
        give_shards(live)
        # A spoiled reply makes the function invoke again what SCF has already taken.
        assert live.post("/_local/faults", json=[{"kind": "reset", "times": 2}]).ok
        assert live.collect("collect-video", PREFIX)["invoked"] == 3
        settle(live)
        assert stored_vids(live) == set(VIDS)


def test_ids_added_by_callers_are_swept(live: LiveCloud) -> None:
    live.media("tasks", json=[{"vid": vid, "status": 5} for vid in VIDS])
    for vid in (*VIDS[:3], VIDS[0]):
        reply = live.post("/query-video", json={"vids": [vid], "output": "watch"}).json()
        assert (reply["code"], reply["data"]["count"]) == (0, 1)
        assert reply["data"]["key"].startswith("media-query/watch/video.added/")
    assert live.call("query-audio", {"vid": VIDS[9], "output": "watch"})["code"] == 0
    swept: Any = live.fire("collect-video", {"results": "results/added.json"}).result
    assert (swept["watched"], swept["succeeded"]) == (3, 3)
    assert set(live.stored("media-query/results/added.json")["tasks"]) == set(VIDS[:3])


@pytest.mark.parametrize("fault", COS_FAULTS, ids=lambda fault: f"{fault['kind']}-{fault.get('value', '')}")
def test_a_cos_that_fails_for_a_while_is_outlasted(live: LiveCloud, fault: dict[str, Any]) -> None:
    live.media("tasks", json=[{"vid": VIDS[0], "status": 5}])
    live.cos("faults", json=[fault])
    name = f"results/{fault['kind']}{fault.get('value', '')}.json"
    before = live.cos("calls")
    assert live.collect("collect-video", {"vids": [VIDS[0]], "results": name})["succeeded"] == 1
    if "times" in fault:  # each time that it struck, a call was made again
        assert sum(live.cos("calls").values()) - sum(before.values()) > fault["times"] + 3
    assert VIDS[0] in live.stored(f"media-query/{name}")["tasks"]


def test_a_full_disk_leaves_the_old_object(live: LiveCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    live.media("tasks", json=[{"vid": vid, "status": 5} for vid in VIDS])
    message = {"vids": VIDS[:1], "results": "results/full.json"}
    assert live.fire("collect-video", message).ok
    before = live.stored("media-query/results/full.json")

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(live.cloud.store, "put", full)
        assert not live.fire("collect-video", {**message, "vids": VIDS[:2]}).ok
    assert live.stored("media-query/results/full.json") == before
    assert live.collect("collect-video", {**message, "vids": VIDS[:2]})["succeeded"] == 2


def test_keys_that_expire_fail_the_sweep_and_renewed_ones_finish_it(
    live: LiveCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    live.media("tasks", json=[{"vid": vid, "status": 5} for vid in VIDS])
    message = {"vids": VIDS, "results": "results/expired.json"}
    service, calls = live.cloud.media_service, count(1)
    handle = service.handle

    with monkeypatch.context() as patch:

        def expiring(request: Request) -> Reply:
            if next(calls) == 20:
                patch.delitem(keys.KNOWN, keys.ROLE.secret_id)
            return handle(request)

        patch.setattr(service, "handle", expiring)
        outcome = live.fire("collect-audio", message)
    assert outcome.status == 430
    assert "KeysRejected" in json.dumps(outcome.error)
    assert live.stored("media-query/results/expired.json") is None
    assert live.collect("collect-audio", message)["succeeded"] == len(VIDS)


def test_a_clock_that_is_off_is_corrected(live: LiveCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    live.media("tasks", json=[{"vid": VIDS[0], "status": 5}])
    monkeypatch.setattr(live.cloud.media_service, "clock", lambda: time.time() + 4000)
    assert live.call("query-video", {"vids": [VIDS[0]]})["code"] == 0
    refused = live.media("calls")
    assert refused["GetVpResult"] >= 2
    date = parsedate_to_datetime(live.post("/nothing").headers["Date"])
    assert abs(date.timestamp() - time.time()) < 3600  # the gateway's clock is right


def test_a_damaged_watch_object_is_named_and_kept(live: LiveCloud) -> None:
    live.cloud.store.put("media-query/watch/odd.json", b"[1,", {})
    outcome: Any = live.fire("collect-video", {"watch": "watch/odd.json", "results": "results/odd-watch.json"}).result
    assert outcome["damaged"] == ["watch/odd.json"]
    assert live.cloud.store.get("media-query/watch/odd.json").body == b"[1,"


def test_a_sweep_that_runs_out_of_time_is_resumed_by_the_next(
    tmp_path: Path, quick_root: Callable[[int], Path]
) -> None:
    with live_cloud(tmp_path / "state", quick_root(2), BATCH_SIZE="1", CONCURRENCY="1") as live:
        live.media("tasks", json=[{"vid": vid, "status": 5} for vid in VIDS[:8]])
        live.media("faults", json=[{"kind": "delay", "value": 0.4}])
        live.cloud.store.put("media-query/watch/video.json", json.dumps(VIDS[:8]).encode(), {})
        done = [0]
        while done[-1] < 8 and len(done) < 20:
            result: Any = live.fire("collect-video").result
            if result is None:  # a busy machine: no answer came in time
                done.append(done[-1])
                continue
            done.append(result["succeeded"])
            assert result.get("unanswered", 0) == 8 - done[-1]
        assert done[-1] == 8
        firings = len(done) - 1
        assert firings > 1
        assert live.media("calls")["GetVpResult"] <= 8 + firings  # each id once, and what was cut off again
        live.media("faults", json=[])
