"""A timer's results, read from COS."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest

from client.collected import Collected
from client.errors import ClientError
from shared.cos.objects import MAX_OBJECT
from shared.errors import DamagedObject
from shared.settings import read_settings
from shared.tasks import AUDIO, VIDEO, Kind
from tests.client.conftest import done, some_time
from tests.support.live import LiveCloud


def store(live: LiveCloud, name: str, value: Any) -> None:
    live.cloud.store.put(f"media-query/{name}", json.dumps(value).encode(), {})


def collected(key: str, kind: Kind = VIDEO) -> Collected:
    return Collected(kind, key, read_settings(os.environ))


def test_what_a_timer_wrote_is_read(live: LiveCloud) -> None:
    live.media("tasks", json=[done("timer-1"), done("timer-2", status=4), done("timer-3", status=3)])
    sweep = {"vids": ["timer-1", "timer-2", "timer-3", "timer-4"], "results": "results/own.json"}
    live.fire("collect-video", sweep)
    found = collected("results/own.json")
    outcomes = {outcome.vid: outcome.outcome for outcome in found.outcomes(found.vids, some_time())}
    assert {vid: outcomes[vid] for vid in sweep["vids"][:3]} == {
        "timer-1": "succeeded",
        "timer-2": "failed",
        "timer-3": "pending",
    }


def test_parts_and_missing_ids_are_in_it(live: LiveCloud) -> None:
    action = "GetVpResult"
    parts = ["results/p.0001.json", "results/p.0002.json"]
    missing = {"c": "2026-01-01T00:00:00Z"}
    store(live, "results/p.json", {"action": action, "tasks": {"z": done("z")}, "parts": parts, "missing": missing})
    store(live, parts[0], {"action": action, "tasks": {"a": done("a")}})
    store(live, parts[1], {"action": action, "tasks": {"b": done("b", status=4)}, "missing": {"d": "", "a": ""}})
    for key in ("results/p.json", "media-query/results/p.json"):
        found = collected(key)
        assert found.vids == ["z", "a", "b", "c", "d"]
        words = [outcome.outcome for outcome in found.outcomes(["a", "b", "c", "d", "z", "other"], some_time())]
        assert words == ["succeeded", "failed", "missing", "missing", "succeeded", "unanswered"]


def test_what_a_sweep_can_read_can_be_read_here(live: LiveCloud) -> None:
    """Earlier versions kept all records in one object; a sweep reads 16 MB."""
    store(live, "results/large.json", {"action": "GetVpResult", "tasks": {"a": done("a", note="x" * MAX_OBJECT)}})
    assert collected("results/large.json").vids == ["a"]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"action": "GetCtsaudioInfo", "tasks": {}}, "holds no results of video tasks"),
        ({"action": "GetVpResult", "tasks": {"a": 1}}, "damaged tasks"),
        ({"action": "GetVpResult"}, "damaged tasks"),
        ({"action": "GetVpResult", "tasks": {}, "parts": [1]}, "damaged list of parts"),
        (
            {"action": "GetVpResult", "tasks": {}, "parts": ["results/gone.json"]},
            "no object media-query/results/gone.json",
        ),
        ({"action": "GetVpResult", "tasks": {}, "parts": ["../secret.json"]}, "without '..'"),
    ],
)
def test_an_object_of_something_else_is_refused(live: LiveCloud, value: Any, said: str) -> None:
    store(live, "results/odd.json", value)
    with pytest.raises(ClientError, match=said):
        collected("results/odd.json")


def test_what_is_no_json_object_is_damaged(live: LiveCloud) -> None:
    store(live, "results/odd.json", [])
    with pytest.raises(DamagedObject, match="not a JSON object"):
        collected("results/odd.json")


def test_a_missing_object_is_reported(live: LiveCloud) -> None:
    with pytest.raises(ClientError, match=r"there is no object media-query/results/nowhere\.json"):
        collected("results/nowhere.json", AUDIO)
