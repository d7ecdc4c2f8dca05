"""A watch prefix: which shards are due, and what is said of them all."""

from __future__ import annotations

import pytest

from shared.backends.base import DAY
from shared.collector.sweep import collect
from shared.cos.journal import KEPT
from shared.errors import OutOfTime, UpstreamFailed
from shared.events.query import TIMER, trigger_of
from shared.events.timer import Sweep, read_sweep
from shared.tasks import VIDEO
from tests.support.bucket import Api, Bucket, one_after_the_other, working
from tests.support.shards import DEAD, INDEX, counts, fire, sharded, spreading
from tests.support.wire import task

SUMMARY = "results/video/summary/a.json"

pytestmark = pytest.mark.usefixtures(one_after_the_other.__name__)


def test_every_shard_that_is_due_is_invoked_by_a_timers_event_that_names_it() -> None:
    bucket = sharded({"a.json": ["a"], "b.json": {"vids": ["b"]}})
    summary, scf = fire(bucket)
    assert summary == spreading(2, due=2, invoked=2)
    assert scf.shards == ["a.json", "b.json"]
    for event in scf.events:
        assert trigger_of(event) == TIMER
        assert event.keys() == {"Type", "TriggerName", "Time", "Message"}
        sweep = read_sweep(event, VIDEO)
        assert sweep.vids is None
        assert not sweep.watch.endswith("/"), "a shard's sweep never spreads any further"
    sweep = read_sweep(scf.events[0], VIDEO)
    assert sweep == Sweep(None, "watch/video/a.json", "results/video/a.json", "results/video/summary/a.json")


def test_finished_shards_are_not_invoked_again_until_they_change() -> None:
    bucket = sharded({"a.json": ["a"], "b.json": ["b", "c"]})
    tasks = {"a": task("a"), "b": task("b"), "c": task("c", 3)}
    assert fire(bucket)[1].run(bucket, tasks) == ["a", "b", "c"]
    summary, scf = fire(bucket)
    assert summary == {**counts(3, succeeded=2, pending=1), **spreading(2, due=1, invoked=1)}
    assert scf.run(bucket, {"c": task("c")}) == ["c"]
    assert fire(bucket)[0] == {**counts(3, succeeded=3), **spreading(2)}
    bucket.store("watch/video/a.json", ["a", "new"])
    summary, scf = fire(bucket)
    assert scf.shards == ["a.json"]
    assert scf.run(bucket, {"new": task("new")}) == ["new"]
    assert fire(bucket)[1].shards == []


def test_an_id_that_nobody_knows_does_not_keep_its_shard_unfinished_for_ever() -> None:
    """It once cost one invocation at each firing."""
    bucket = sharded({"a.json": ["a", "unknown"]})
    fire(bucket)[1].run(bucket, {"a": task("a")})
    assert fire(bucket)[1].run(bucket, {}) == ["unknown"]
    bucket.now += 3 * DAY
    assert fire(bucket)[1].run(bucket, {}) == ["unknown"]
    bucket.now += KEPT
    fire(bucket)[1].run(bucket, {})
    assert fire(bucket)[0] == {**counts(2, succeeded=1, missing=1), **spreading(1)}


def test_a_finished_shard_is_swept_once_more_when_its_notes_may_go() -> None:
    bucket = sharded({"a.json": ["a"]})
    fire(bucket)[1].run(bucket, {"a": task("a")})
    assert len(bucket.under("results/video/a.found/")) == 1
    assert fire(bucket)[1].shards == []
    bucket.now += KEPT
    assert fire(bucket)[1].run(bucket, {}) == []
    assert bucket.under("results/video/a.found/") == []
    bucket.now += 10 * KEPT
    assert fire(bucket)[1].shards == []


@pytest.mark.parametrize("number", [60, 200])
def test_an_idle_firing_costs_a_handful_of_calls_however_many_shards_are_finished(number: int) -> None:
    bucket = sharded({f"{number}.json": [f"id{number}"] for number in range(number)})
    tasks = {f"id{number}": task(f"id{number}") for number in range(number)}
    fire(bucket)[1].run(bucket, tasks)
    bucket.now += KEPT
    fire(bucket)[1].run(bucket, tasks)
    fire(bucket)
    calls: list[str] = []
    summary, scf = fire(bucket, before=lambda method, name: calls.append(f"{method} {name}"))
    assert (summary, scf.shards) == ({**counts(number, succeeded=number), **spreading(number)}, [])
    assert calls == [
        f"GET {INDEX}",
        "LIST results/video/summary/",
        "LIST watch/video/",
        "LIST watch/video.added/",
    ]


def test_an_event_that_arrives_twice_is_harmless() -> None:
    bucket = sharded({"a.json": ["a"]})
    _, scf = fire(bucket)
    scf.events *= 3
    assert scf.run(bucket, {"a": task("a")}) == ["a"]


def test_a_shard_that_changes_while_it_is_swept_is_due_again() -> None:
    bucket = sharded({"a.json": ["a"]})
    _, scf = fire(bucket)

    def change(method: str, name: str) -> None:
        if (method, name) == ("PUT", "results/video/a.json"):
            bucket.store("watch/video/a.json", ["a", "late"])

    collect(working(bucket, Api(bucket, {"a": task("a")}), change), read_sweep(scf.events[0], VIDEO))
    assert fire(bucket)[1].shards == ["a.json"]


@pytest.mark.parametrize("name", ["a b.json", "文.json", "x" * 600, "..", "folder/c.json"])
def test_objects_whose_names_can_not_be_shards_are_named(name: str) -> None:
    """They were once passed over without a word."""
    bucket = sharded({name: ["a"], "b.json": ["b"]})
    summary, scf = fire(bucket)
    assert (summary["ignored"], scf.shards) == ([name.replace("c.json", "")], ["b.json"])
    bucket.remove(f"watch/video/{name}")
    assert "ignored" not in fire(bucket)[0]


def test_the_object_that_consoles_make_for_a_folder_is_no_shard_and_not_worth_a_word() -> None:
    assert fire(sharded({"": b"", "b.json": ["b"]}))[0] == spreading(1, due=1, invoked=1)


@pytest.mark.parametrize("told", [{"etag": "x", "summary": {"watched": 0}}, {"summary": {"watched": 0}}])
def test_a_summary_of_another_list_makes_its_shard_due(told: object) -> None:
    bucket = sharded({"a.json": ["a"]})
    bucket.store(SUMMARY, told)
    assert fire(bucket)[1].shards == ["a.json"]
    assert bucket.json(INDEX)["shards"]["a.json"] == {"watched": 0}


def test_a_finished_shard_whose_list_is_gone_is_remembered_only_as_long_as_its_summary_is_there() -> None:
    """An index once kept every shard that there ever was."""
    bucket = sharded({"a.json": ["a"], "b.json": []})
    fire(bucket)[1].run(bucket, {"a": task("a")})
    bucket.now += KEPT
    fire(bucket)[1].run(bucket, {})
    fire(bucket)
    bucket.remove("watch/video/a.json")
    read: list[str] = []
    for _ in range(2):
        assert fire(bucket, before=lambda _, name: read.append(name))[0] == {**counts(), **spreading(1)}
    assert SUMMARY not in read
    assert list(bucket.json(INDEX)["state"]["shards"]) == ["a.json", "b.json"]
    bucket.remove(SUMMARY)
    fire(bucket)
    assert list(bucket.json(INDEX)["state"]["shards"]) == ["b.json"]


def test_objects_of_an_earlier_version_are_understood() -> None:
    bucket = sharded({"a.json": ["a"], "added-000000.json": {"vids": ["b"], "notes": ["watch/video.added/1.json"]}})
    tasks = {"a": task("a"), "b": task("b")}
    bucket.store(INDEX, {"action": "GetVpResult", "summary": counts(1, 1), "shards": {"a.json": counts(1, 1)}})
    told = {"etag": "old", "summary": counts(1, succeeded=1), "held": 0}
    bucket.store("results/video/summary/a.json", told)
    summary, scf = fire(bucket)
    assert summary == {**counts(1, succeeded=1), **spreading(2, due=2, invoked=2)}
    scf.run(bucket, tasks)
    assert fire(bucket)[0] == {**counts(2, succeeded=2), **spreading(2)}


def test_the_index_is_written_only_when_it_changes() -> None:
    bucket = sharded({"a.json": ["a"], "b.json": ["b"]})
    writes: list[str] = []

    def watch(method: str, name: str) -> None:
        writes.extend([name] if method == "PUT" else [])

    _, scf = fire(bucket, before=watch)
    written = bucket.json(INDEX)
    assert list(written) == ["action", "updated_at", "summary", "shards", "state"]
    assert (written["action"], written["updated_at"]) == ("GetVpResult", "2023-11-14T22:13:20Z")
    assert (written["summary"], written["shards"]) == ({}, {"a.json": {}, "b.json": {}})
    bucket.now += 60
    fire(bucket, before=watch)
    assert writes == [INDEX]
    scf.run(bucket, {"a": task("a")})
    fire(bucket, before=watch)
    assert writes == [INDEX, INDEX]
    written = bucket.json(INDEX)
    assert written["updated_at"] == "2023-11-14T22:14:20Z"
    assert written["summary"] == counts(2, succeeded=1, missing=1)
    assert written["shards"] == {"a.json": counts(1, succeeded=1), "b.json": counts(1, missing=1)}


def test_the_content_of_no_shard_is_read() -> None:
    """What a spread holds grows by a summary a shard."""
    bucket = sharded({f"{number}.json": ["a"] for number in range(50)})
    bucket.store("watch/video.added/1.json", {"vids": ["new"]})
    read: list[str] = []
    fire(bucket, before=lambda method, name: read.extend([name] if method == "GET" else []))
    assert read == [INDEX]


def test_without_shards_there_is_nothing_to_do() -> None:
    assert fire(Bucket())[0] == spreading()


@pytest.mark.parametrize(
    "broken",
    [
        "LIST watch/video/",
        "LIST watch/video.added/",
        "LIST results/video/summary/",
        "GET results/video/summary/a.json",
        f"GET {INDEX}",
    ],
)
def test_a_refusal_of_cos_fails_it(broken: str) -> None:
    bucket = sharded({"a.json": ["a"]})
    bucket.store("results/video/summary/a.json", {})

    def refuse(method: str, name: str) -> None:
        if f"{method} {name}" == broken:
            raise DEAD

    with pytest.raises(UpstreamFailed):
        fire(bucket, before=refuse)


def test_without_time_it_raises() -> None:
    with pytest.raises(OutOfTime):
        fire(sharded({"a.json": ["a"]}), limit=0.0)
