"""The tasks of the local media API, and tasks added by users."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from local.media import tasks as media_tasks
from local.media.tasks import AUDIO_ACTION, VIDEO_ACTION, MediaTasks, documented
from tests.support.clock import Clock
from tests.support.media import AUDIO, NOW, VIDEO


def found(tasks: MediaTasks, action: str, vid: str) -> dict[str, Any]:
    record = tasks.find(action, vid)
    assert record is not None
    return record


def test_the_documents_examples_are_known_with_their_keys_in_order(tasks: MediaTasks) -> None:
    assert json.dumps(found(tasks, VIDEO_ACTION, VIDEO)) == json.dumps(documented(VIDEO_ACTION)["data"][0])
    assert json.dumps(found(tasks, AUDIO_ACTION, AUDIO)) == json.dumps(documented(AUDIO_ACTION)["data"])


@pytest.mark.parametrize(
    ("action", "vid", "example"),
    [
        (VIDEO_ACTION, "b0756cd02571355df87533cb4c291afe1530607530", VIDEO),
        (VIDEO_ACTION, "b70bcd298ed25445c0b1f7d7083342431530606888", VIDEO),
        (AUDIO_ACTION, "000628c22a4cfa9daac321c31d496393", AUDIO),
    ],
)
def test_the_ids_of_the_request_examples_have_a_copy_of_the_record(
    tasks: MediaTasks, action: str, vid: str, example: str
) -> None:
    assert found(tasks, action, vid) == {**found(tasks, action, example), "vid": vid}


def test_an_action_knows_its_own_tasks_only(tasks: MediaTasks) -> None:
    assert tasks.find(AUDIO_ACTION, VIDEO) is None
    assert tasks.find(VIDEO_ACTION, AUDIO) is None
    assert tasks.find(VIDEO_ACTION, "") is None


def test_every_demo_id_has_the_documented_form() -> None:
    demo = [value for name, value in vars(media_tasks).items() if re.match("(VIDEO|AUDIO)_(SUCC|FAIL|DELE)", name)]
    assert len(set(demo)) == 6
    assert all(re.fullmatch("[0-9a-f]{32}[0-9]{10}", vid) for vid in demo)


@pytest.mark.parametrize(
    ("action", "vid", "course"),
    [
        (VIDEO_ACTION, media_tasks.VIDEO_SUCCEEDS, [3, 3, 3, 5]),
        (VIDEO_ACTION, media_tasks.VIDEO_FAILS, [3, 3, 3, 4]),
        (VIDEO_ACTION, media_tasks.VIDEO_DELETED, [5, 5, 5, 5]),
        (AUDIO_ACTION, media_tasks.AUDIO_SUCCEEDS, [1, 2, 3, 5]),
        (AUDIO_ACTION, media_tasks.AUDIO_FAILS, [1, 3, 4, 4]),
        (AUDIO_ACTION, media_tasks.AUDIO_DELETED, [5, 5, 5, 5]),
    ],
)
def test_demo_tasks_take_their_course(
    tasks: MediaTasks, clock: Clock, action: str, vid: str, course: list[int]
) -> None:
    example = documented(action)["data"]
    fields = list(example[0] if isinstance(example, list) else example)
    for number, status in enumerate(course):
        clock.now = NOW + number * media_tasks.STEP
        record = found(tasks, action, vid)
        assert (record["vid"], record["status"]) == (vid, status)
        assert list(record) == fields
        assert (record["result"] is not None) == (status == 5)
        assert (record["error_code"] is not None) == (record["error_msg"] is not None) == (status == 4)
        assert record["deleted"] == ("yes" if "DELETED" in _name(vid) else "no")


def _name(vid: str) -> str:
    return next(name for name, value in vars(media_tasks).items() if value == vid)


def test_a_step_comes_at_its_second_and_not_before(tasks: MediaTasks, clock: Clock) -> None:
    clock.now = NOW + 3 * media_tasks.STEP - 0.001
    record = found(tasks, VIDEO_ACTION, media_tasks.VIDEO_SUCCEEDS)
    assert (record["status"], record["finish_time"]) == (3, None)
    clock.now = NOW + 3 * media_tasks.STEP
    record = found(tasks, VIDEO_ACTION, media_tasks.VIDEO_SUCCEEDS)
    assert (record["create_time"], record["finish_time"]) == ("2023-11-15 06:13:21", "2023-11-15 06:13:51")


def test_audio_details_are_known_from_status_2_on(tasks: MediaTasks, clock: Clock) -> None:
    assert found(tasks, AUDIO_ACTION, media_tasks.AUDIO_SUCCEEDS)["duration"] is None
    clock.now += media_tasks.STEP
    record = found(tasks, AUDIO_ACTION, media_tasks.AUDIO_SUCCEEDS)
    assert {name: record[name] for name in media_tasks.AUDIO_BASICS} == {
        "size": 4113874,
        "duration": 170,
        "bitrate": 187,
        "format": "mp3",
        "sample_rate": 44100,
        "encoder": "mp3",
    }
    assert record["create_time"] < record["update_time"]


def test_what_is_found_is_a_copy(tasks: MediaTasks) -> None:
    found(tasks, VIDEO_ACTION, VIDEO)["result"].append("spoiled")
    assert len(found(tasks, VIDEO_ACTION, VIDEO)["result"]) == 1


@pytest.mark.parametrize(
    ("spec", "count"),
    [
        ({"vid": "one", "status": 3}, 1),
        ([{"vid": "one", "status": 3}, {"vid": "two"}], 2),
        ({"tasks": [{"vid": "one", "status": 3}]}, 1),
        ([{"vid": "one", "status": 3, "action": None, "timeline": []}], 1),
        ([{"vid": "one", "status": 5}, {"vid": "one", "status": 3}], 2),
    ],
)
def test_added_without_action_both_actions_know_it(tasks: MediaTasks, spec: object, count: int) -> None:
    assert tasks.add(spec) == count
    for action in (VIDEO_ACTION, AUDIO_ACTION):
        assert tasks.find(action, "one") == {"vid": "one", "status": 3}


@pytest.mark.parametrize(
    "spec",
    [
        {"vid": "one", "action": VIDEO_ACTION},
        {"action": VIDEO_ACTION, "tasks": [{"vid": "one"}]},
        {"action": AUDIO_ACTION, "tasks": [{"vid": "one", "action": VIDEO_ACTION}]},
    ],
)
def test_added_with_action_that_one_knows_it(tasks: MediaTasks, spec: object) -> None:
    tasks.add(spec)
    assert tasks.find(VIDEO_ACTION, "one") == {"vid": "one"}
    assert tasks.find(AUDIO_ACTION, "one") is None


def test_a_timeline_counts_from_the_adding_in_order_of_time(tasks: MediaTasks, clock: Clock) -> None:
    clock.now += 1000
    steps = [{"after": 20, "status": 5, "result": ["url"]}, {"after": 0.5, "status": 2}, {"after": 0, "note": "new"}]
    tasks.add({"vid": "one", "status": 1, "timeline": steps})
    seen = []
    for seconds in (0, 0.5, 19.9, 20):
        clock.now = NOW + 1000 + seconds
        seen.append(found(tasks, VIDEO_ACTION, "one"))
    assert seen == [
        {"vid": "one", "status": 1, "note": "new"},
        {"vid": "one", "status": 2, "note": "new"},
        {"vid": "one", "status": 2, "note": "new"},
        {"vid": "one", "status": 5, "note": "new", "result": ["url"]},
    ]


def test_adding_replaces_and_starts_anew(tasks: MediaTasks, clock: Clock) -> None:
    moving = {"vid": "one", "status": 3, "timeline": [{"after": 5, "status": 5}]}
    tasks.add(moving)
    clock.now += 5
    assert found(tasks, VIDEO_ACTION, "one")["status"] == 5
    tasks.add(moving)
    assert found(tasks, VIDEO_ACTION, "one")["status"] == 3


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        (None, "tasks[0]"),
        ("one", "tasks[0]"),
        ([{"vid": "one"}, 2], "tasks[1]"),
        ({"tasks": {"vid": "one"}}, "tasks"),
        ({"status": 3}, "tasks[0].vid"),
        ({"vid": ""}, "tasks[0].vid"),
        ({"vid": 7}, "tasks[0].vid"),
        ({"vid": "one", "action": "GetCtsInfo"}, "tasks[0].action"),
        ({"vid": "one", "action": ["GetVpResult"]}, "tasks[0].action"),
        ({"action": "", "tasks": [{"vid": "one"}]}, "tasks[0].action"),
        ({"vid": "one", "timeline": {}}, "tasks[0].timeline"),
        ({"vid": "one", "timeline": None}, "tasks[0].timeline"),
        ({"vid": "one", "timeline": [5]}, "tasks[0].timeline[0].after"),
        ({"vid": "one", "timeline": [{"status": 5}]}, "tasks[0].timeline[0].after"),
        ({"vid": "one", "timeline": [{"after": 1}, {"after": -1}]}, "tasks[0].timeline[1].after"),
        ({"vid": "one", "timeline": [{"after": True}]}, "tasks[0].timeline[0].after"),
        ({"vid": "one", "timeline": [{"after": float("nan")}]}, "tasks[0].timeline[0].after"),
        ({"vid": "one", "timeline": [{"after": "1"}]}, "tasks[0].timeline[0].after"),
        ({"vid": "one", "timeline": [{"after": 1, "vid": "two"}]}, "tasks[0].timeline[0].vid"),
        ({"vid": "one", "staus": 3}, "tasks[0].staus"),
        ({"vid": "one", "timeline": [{"after": 1, "reslt": []}]}, "tasks[0].timeline[0].reslt"),
    ],
)
def test_a_bad_spec_is_refused_naming_the_field(tasks: MediaTasks, spec: object, field: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(field)}: "):
        tasks.add(spec)


def test_nothing_is_added_when_one_record_is_bad(tasks: MediaTasks) -> None:
    with pytest.raises(ValueError, match="vid"):
        tasks.add([{"vid": "one"}, {"vid": ""}])
    assert tasks.find(VIDEO_ACTION, "one") is None
