"""Whose turn it is when the time of a sweep is not enough for all, and what it does with the time that it has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from shared.collector.sweep import Summary, collect
from shared.cos.journal import KEPT
from shared.errors import KeysRejected, OutOfTime, QueryError, UpstreamFailed
from shared.events.timer import Sweep
from shared.tasks import Record
from tests.support.bucket import (  # fmt: skip
    ADDED,
    RESULTS,
    WATCH,
    WATCHED,
    Api,
    Bucket,
    one_after_the_other,
    working,
)
from tests.support.wire import task

pytestmark = pytest.mark.usefixtures(one_after_the_other.__name__)

DEAD = UpstreamFailed("the API failed")
#: With ten seconds a sweep, 0.5 of them for the reply and 2 for writing, calls begin in the first 7.5.
LIMIT = 10.0


def pending(vids: str) -> dict[str, Record | QueryError]:
    return {vid: task(vid, 3) for vid in vids}


def sweep(
    bucket: Bucket,
    tasks: Mapping[str, Record | QueryError],
    seconds: float = 0.0,
    limit: float = LIMIT,
    asked: Sweep = WATCHED,
) -> tuple[Summary, str]:
    """The summary of one sweep, and the ids in the order in which it asked."""
    api = Api(bucket, tasks, seconds)
    return collect(working(bucket, api, limit=limit), asked), "".join(api.asked)


def watching(vids: Sequence[str]) -> Bucket:
    bucket = Bucket()
    bucket.store(WATCH, list(vids))
    return bucket


def test_given_ids_that_are_final_are_not_asked_about_again_and_their_notes_go() -> None:
    bucket, given, tasks = Bucket(), Sweep(("a", "b"), WATCH, RESULTS), {"a": task("a"), "b": task("b", 3)}
    assert sweep(bucket, tasks, asked=given)[1] == "ab"
    bucket.now += KEPT
    assert sweep(bucket, tasks, asked=given)[1] == "b"
    assert bucket.under("results/video.found/") == []


def test_reading_results_leaves_time_to_ask() -> None:
    bucket = watching("a")
    for number in range(20):
        note = {"action": "GetVpResult", "tasks": {str(number): task(str(number))}}
        bucket.store(f"results/video.found/{number:02}.json", note)

    def slow(method: str, name: str) -> None:
        bucket.now += 1 if ".found/" in name else 0

    api = Api(bucket, {"a": task("a")})
    collect(working(bucket, api, slow, limit=LIMIT), WATCHED)
    assert api.asked == ["a"]


def test_an_api_that_answers_nothing_is_not_asked_about_the_next_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.collector.results.PART_IDS", 5)
    bucket = watching("abcdefgh")
    api = Api(bucket, dict.fromkeys("abcdefgh", DEAD))
    with pytest.raises(UpstreamFailed):
        collect(working(bucket, api, limit=LIMIT), WATCHED)
    assert "".join(api.asked) == "fgh"


def test_where_the_time_of_one_sweep_is_over_the_next_begins() -> None:
    bucket, tasks = watching("abcdefgh"), pending("abcdefgh")
    asked = [sweep(bucket, tasks, seconds=2.5) for _ in range(4)]
    assert [vids for _, vids in asked] == ["abc", "def", "gha", "bcd"]
    assert {summary["unanswered"] for summary, _ in asked} == {5}
    assert {summary["pending"] for summary, _ in asked} == {8}


def test_no_call_begins_after_the_deadline_and_the_answers_so_far_are_written() -> None:
    bucket, tasks = watching("abc"), {vid: task(vid) for vid in "abc"}
    began = bucket.now
    summary, asked = sweep(bucket, tasks, seconds=4.0)
    assert asked == "ab"
    assert bucket.now - began == 8.0, "the last one lasts beyond the deadline, into the time for writing"
    assert (summary["succeeded"], summary["unanswered"]) == (2, 1)
    assert bucket.final().keys() == {"a", "b"}
    assert bucket.json(RESULTS)["state"]["pending"] == ["c"]


def test_when_all_are_answered_the_order_stays() -> None:
    bucket, tasks = watching("abcd"), pending("abcd")
    assert [sweep(bucket, tasks, seconds=2.5)[1] for _ in range(2)] == ["abc", "dab"]
    assert [sweep(bucket, tasks)[1] for _ in range(2)] == ["cdab", "cdab"]


@pytest.mark.parametrize(
    ("failing", "order"),
    [
        ("", ["abcd", "abcd"]),
        ("a", ["abcd", "abcd"]),
        ("d", ["abcd", "dabc"]),
        ("cd", ["abcd", "cdab"]),
        ("bd", ["abcd", "dabc"]),
        ("b", ["abcd", "abcd"]),
    ],
)
def test_the_last_ones_without_an_answer_are_asked_first(failing: str, order: list[str]) -> None:
    bucket, tasks = watching("abcd"), {**pending("abcd"), **dict.fromkeys(failing, DEAD)}
    assert [sweep(bucket, tasks)[1] for _ in range(2)] == order


def test_ids_that_always_fail_do_not_keep_the_others_from_their_turn() -> None:
    bucket, tasks = watching("abcdefgh"), {**pending("abcdefgh"), "a": DEAD, "d": DEAD}
    assert [sweep(bucket, tasks, seconds=2.5)[1] for _ in range(4)] == ["abc", "def", "gha", "abc"]


def test_a_part_whose_ids_all_fail_does_not_keep_the_other_parts_from_their_turn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The sweep gives up when the first ids that it asks about have no answer; it once began with them each time."""
    monkeypatch.setattr("shared.collector.results.PART_IDS", 4)
    bucket, tasks = watching("abcdefgh"), {**pending("abcd"), **dict.fromkeys("efgh", DEAD)}
    with pytest.raises(UpstreamFailed):
        sweep(bucket, tasks)
    summary, asked = sweep(bucket, tasks)
    assert (asked, summary["unanswered"]) == ("abcdefgh", 4)


def test_turns_survive_that_the_next_one_has_become_final() -> None:
    bucket, tasks = watching("abcdef"), pending("abcdef")
    assert sweep(bucket, tasks, seconds=2.5)[1] == "abc"
    note = {"action": "GetVpResult", "tasks": {"d": task("d")}}
    bucket.store("results/video.found/other-sweep.json", note)
    assert sweep(bucket, tasks, seconds=2.5)[1] == "efa"


def test_turns_go_on_when_the_next_one_is_not_watched_any_more() -> None:
    bucket, tasks = watching("abcdef"), pending("abcdef")
    sweep(bucket, tasks, seconds=2.5)
    bucket.store(WATCH, list("abcef"))
    assert sweep(bucket, tasks, seconds=2.5)[1] == "efa"


def test_several_short_sweeps_reach_every_id() -> None:
    bucket = watching([f"id{number:02}" for number in range(20)])
    bucket.store(f"{ADDED}1.json", {"vids": ["added"]})
    tasks = {vid: task(vid) for vid in [f"id{number:02}" for number in range(20)] + ["added"]}
    left = [sweep(bucket, tasks, seconds=2.5)[0].get("unanswered", 0) for _ in range(7)]
    assert left == [18, 15, 12, 9, 6, 3, 0]
    assert bucket.final() == tasks


@pytest.mark.parametrize(
    ("tasks", "limit", "error"),
    [({"a": DEAD, "b": DEAD}, LIMIT, UpstreamFailed), ({"a": KeysRejected("no")}, LIMIT, KeysRejected)],
)
def test_a_sweep_without_any_answer_raises_and_keeps_the_watched_ids(
    tasks: dict[str, Record | QueryError], limit: float, error: type[QueryError]
) -> None:
    bucket = watching("".join(tasks))
    with pytest.raises(error):
        sweep(bucket, tasks, limit=limit)
    written = bucket.json(RESULTS)
    assert (written["tasks"], written["missing"], written["state"]["pending"]) == ({}, {}, list(tasks))


def test_an_unknown_id_is_an_answer() -> None:
    bucket = watching("ab")
    summary, _ = sweep(bucket, {"a": DEAD})
    assert (summary["missing"], summary["unanswered"]) == (1, 1)


def test_a_sweep_that_has_no_time_at_all_raises() -> None:
    with pytest.raises(OutOfTime):
        sweep(watching("a"), {}, limit=0.0)


def test_the_summary_goes_to_an_object_of_its_own_when_one_is_named() -> None:
    bucket = watching(["a", "b", "../c"])
    asked = WATCHED._replace(summary="results/summary/x.json")
    for tasks in ({"a": task("a")}, {}):
        summary, _ = sweep(bucket, tasks, asked=asked)
        told = bucket.json("results/summary/x.json")
        assert {**told["summary"], "invalid": ['"../c"']} == summary
        assert told["etag"] == bucket_etag(bucket)


def bucket_etag(bucket: Bucket) -> str:
    objects = working(bucket, Api(bucket, {})).objects
    run = working(bucket, Api(bucket, {})).invocation
    return objects.list("watch/", run.deadline)[WATCH]


def test_a_role_that_may_not_delete_costs_the_notes_only() -> None:
    bucket = watching("a")
    bucket.store(f"{ADDED}1.json", {"vids": ["a"]})
    sweep(bucket, {"a": task("a")})
    bucket.now += KEPT

    def no_delete(method: str, _: str) -> None:
        if method == "DELETE":
            raise KeysRejected("no")

    summary = collect(working(bucket, Api(bucket, {}), no_delete), WATCHED)
    assert summary["succeeded"] == 1
    assert f"{ADDED}1.json" in bucket.objects
    sweep(bucket, {})
    assert bucket.under("watch/") == [WATCH]
