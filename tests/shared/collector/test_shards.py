"""A watch prefix: which shards are due, who sweeps them, and what is told of them all."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from shared.backends.base import Record
from shared.collector import shards as module
from shared.collector.invoke import ScfApi
from shared.collector.results import Summary
from shared.collector.shards import spread
from shared.collector.sweep import collect
from shared.cos.journal import KEPT
from shared.errors import KeysRejected, OutOfTime, QueryError, UpstreamFailed
from shared.events import TIMER, Sweep, read_sweep, source
from shared.invocation import Deadline
from shared.tasks import VIDEO
from tests.support.bucket import Api, Bucket, Hook, nothing, one_after_the_other, tools
from tests.support.wire import task

pytestmark = pytest.mark.usefixtures(one_after_the_other.__name__)

PREFIX, INDEX = Sweep(None, "watch/video/", "results/video/"), "results/video.index.json"
NO = KeysRejected("SCF refuses to invoke")
DEAD = UpstreamFailed("SCF failed")


class Scf(ScfApi):
    """Takes events, but fails for some shards; `run` sweeps what they name."""

    def __init__(self, failing: Mapping[str, QueryError] | QueryError | None = None) -> None:
        self.events: list[Any] = []
        self.shards: list[str] = []
        self._failing = failing or {}

    def invoke(self, event: Mapping[str, object], deadline: Deadline) -> None:
        shard = json.loads(str(event["Message"]))["watch"].rpartition("/")[2]
        error = self._failing if isinstance(self._failing, QueryError) else self._failing.get(shard)
        if error:
            raise error
        self.events.append(event)
        self.shards.append(shard)

    def run(self, bucket: Bucket, tasks: Mapping[str, Record]) -> list[str]:
        """What the invocations do, once each or more often; return the ids that they ask about."""
        api = Api(bucket, tasks)
        for event in self.events:
            collect(tools(bucket, api), read_sweep(event, VIDEO))
        return api.asked


def sharded(shards: Mapping[str, object]) -> Bucket:
    bucket = Bucket()
    for name, value in shards.items():
        bucket.store(f"watch/video/{name}", value)
    return bucket


def fire(
    bucket: Bucket,
    scf: Scf | None = None,
    tasks: Mapping[str, Record | QueryError] | None = None,
    before: Hook = nothing,
    seconds: float = 0.0,
    limit: float = 60.0,
) -> tuple[Summary, Scf]:
    """One firing of the timer: its summary, and the SCF that it asked."""
    scf = scf or Scf()
    return spread(tools(bucket, Api(bucket, tasks or {}, seconds), before, limit=limit), PREFIX, scf), scf


def counts(watched: int = 0, succeeded: int = 0, pending: int = 0, missing: int = 0) -> dict[str, int]:
    return {
        "watched": watched,
        "succeeded": succeeded,
        "failed": 0,
        "pending": pending,
        "deleted": 0,
        "missing": missing,
    }


def test_every_unfinished_shard_is_invoked_by_a_timers_event_that_names_it() -> None:
    bucket = sharded({"a.json": ["a"], "b.json": {"vids": ["b"]}, "deep/c.json": ["c"]})
    summary, scf = fire(bucket)
    assert summary == {"shards": 2, "due": 2, "invoked": 2, "swept": 0}
    assert scf.shards == ["a.json", "b.json"]
    for event in scf.events:
        assert source(event) == TIMER
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
    assert summary == {**counts(3, succeeded=2, pending=1), "shards": 2, "due": 1, "invoked": 1, "swept": 0}
    assert scf.run(bucket, {"c": task("c")}) == ["c"]
    assert fire(bucket)[0] == {**counts(3, succeeded=3), "shards": 2, "due": 0, "invoked": 0, "swept": 0}
    bucket.store("watch/video/a.json", ["a", "new"])
    summary, scf = fire(bucket)
    assert scf.shards == ["a.json"]
    assert scf.run(bucket, {"new": task("new")}) == ["new"]
    assert fire(bucket)[1].shards == []


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

    collect(tools(bucket, Api(bucket, {"a": task("a")}), change), read_sweep(scf.events[0], VIDEO))
    assert fire(bucket)[1].shards == ["a.json"]


#: What else may lie under the prefixes: shards whose names are no plain keys, and summaries that are none.
@pytest.mark.parametrize("name", ["", "a b.json", "文.json", "x" * 600, ".."])
def test_names_that_are_no_plain_keys_are_no_shards(name: str) -> None:
    assert fire(sharded({name: ["a"], "b.json": ["b"]}))[1].shards == ["b.json"]


@pytest.mark.parametrize(
    "summary", [b"{", [], {}, {"summary": None}, {"etag": "x", "summary": {"watched": 0}}, {"summary": {"watched": 0}}]
)
def test_a_damaged_summary_makes_its_shard_due(summary: object) -> None:
    bucket = sharded({"a.json": ["a"]})
    bucket.store("results/video/summary/a.json", summary)
    assert fire(bucket)[1].shards == ["a.json"]
    assert bucket.json(INDEX)["shards"]["a.json"] in ({}, {"watched": 0})


def test_a_shard_that_is_removed_between_list_and_read_is_an_empty_one() -> None:
    bucket = sharded({"a.json": ["a"], "b.json": ["b"]})
    _, scf = fire(bucket)
    del bucket.objects["watch/video/a.json"]
    assert scf.run(bucket, {"b": task("b")}) == ["b"]
    assert fire(bucket)[0]["shards"] == 1


def test_the_one_swept_longest_ago_comes_first_and_no_more_than_are_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_SHARDS", 2)
    bucket = sharded({f"{letter}.json": [letter] for letter in "abcde"})
    invoked = []
    for _ in range(5):
        summary, scf = fire(bucket)
        assert (summary["due"], summary["invoked"]) == (2, 2)
        invoked.append("".join(shard[0] for shard in scf.shards))
        scf.run(bucket, {})
        bucket.now += 60
    assert invoked == ["ab", "cd", "ea", "bc", "da"], "a, which is never finished, does not keep e waiting"


def test_the_index_is_written_only_when_it_changes() -> None:
    bucket = sharded({"a.json": ["a"], "b.json": ["b"]})
    writes: list[str] = []

    def watch(method: str, name: str) -> None:
        writes.extend([name] if method == "PUT" else [])

    _, scf = fire(bucket, before=watch)
    assert bucket.json(INDEX) == {
        "action": "GetVpResult",
        "updated_at": "2023-11-14T22:13:20Z",
        "summary": {},
        "shards": {"a.json": {}, "b.json": {}},
    }
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


@pytest.mark.parametrize("damaged", [b"{", [], {}])
def test_a_damaged_index_is_written_anew(damaged: object) -> None:
    bucket = sharded({"a.json": ["a"]})
    bucket.store(INDEX, damaged)
    fire(bucket)
    assert list(bucket.json(INDEX)["shards"]) == ["a.json"]


def test_what_scf_does_not_take_waits_for_the_next_firing() -> None:
    bucket = sharded({"a.json": ["a"], "b.json": ["b"]})
    summary, scf = fire(bucket, Scf({"a.json": DEAD}), {"a": task("a")})
    assert summary == {"shards": 2, "due": 2, "invoked": 1, "swept": 0}
    assert scf.shards == ["b.json"]


def test_when_scf_takes_nothing_the_timer_fails() -> None:
    with pytest.raises(UpstreamFailed):
        fire(sharded({"a.json": ["a"], "b.json": ["b"]}), Scf(DEAD))


def test_without_permission_to_invoke_the_shards_are_swept_in_turn() -> None:
    bucket = sharded({"a.json": ["a"], "b.json": ["b", "c"]})
    tasks = {vid: task(vid) for vid in "abc"}
    assert fire(bucket, Scf(NO), tasks)[0] == {"shards": 2, "due": 2, "invoked": 0, "swept": 2}
    assert fire(bucket, Scf(NO), tasks)[0] == {**counts(3, 3), "shards": 2, "due": 0, "invoked": 0, "swept": 0}
    assert (bucket.final("results/video/a.json") | bucket.final("results/video/b.json")) == tasks


def test_sweeping_in_turn_ends_with_the_time_and_goes_on_where_it_ended() -> None:
    bucket = sharded({f"{letter}.json": [letter] for letter in "abcdef"})
    tasks: dict[str, Record | QueryError] = {letter: task(letter, 3) for letter in "abcdef"}
    told = []
    for _ in range(4):
        summary, _ = fire(bucket, Scf(NO), tasks, seconds=3.0, limit=10.0)  # calls begin in the first 7.5 seconds
        told.append((summary["due"], summary["swept"]))
        bucket.now += 60
    assert told == [(6, 3)] * 4
    assert all(f"results/video/{letter}.json" in bucket.objects for letter in "abcdef")


def test_a_shard_that_can_not_be_swept_does_not_keep_the_others_from_their_turn() -> None:
    bucket = sharded({"a.json": ["a"], "b.json": ["b"], "c.json": ["c"]})
    bucket.store("results/video/a.json", b"{")
    bucket.store("results/video/a.recovered.json", b"{")
    tasks: dict[str, Record | QueryError] = {"b": DEAD, "c": task("c")}
    assert fire(bucket, Scf(NO), tasks)[0] == {"shards": 3, "due": 3, "invoked": 0, "swept": 1}
    with pytest.raises(QueryError, match="recovered"):
        fire(bucket, Scf(NO), tasks)


@pytest.mark.parametrize(
    "broken", ["LIST watch/video/", "LIST results/video/summary/", "GET results/video/summary/a.json"]
)
def test_a_cos_that_refuses_is_told(broken: str) -> None:
    bucket = sharded({"a.json": ["a"]})
    bucket.store("results/video/summary/a.json", {})

    def refuse(method: str, name: str) -> None:
        if f"{method} {name}" == broken:
            raise DEAD

    with pytest.raises(UpstreamFailed):
        fire(bucket, before=refuse)


def test_no_time_is_told() -> None:
    with pytest.raises(OutOfTime):
        fire(sharded({"a.json": ["a"]}), limit=0.0)


def test_without_shards_there_is_nothing_to_do() -> None:
    assert fire(Bucket())[0] == {"shards": 0, "due": 0, "invoked": 0, "swept": 0}


def test_the_content_of_no_shard_is_read() -> None:
    """What a spread holds grows by a summary a shard."""
    bucket = sharded({f"{number}.json": ["a"] for number in range(50)})
    bucket.store("watch/video.added/1.json", {"vids": ["new"]})
    read: list[str] = []

    def watch(method: str, name: str) -> None:
        read.extend([name] if method == "GET" else [])

    fire(bucket, before=watch)
    assert [name for name in read if name.startswith("watch/video/")] == []


def test_added_ids_are_swept_at_the_same_firing_and_their_notes_go_when_they_are_old() -> None:
    bucket = sharded({})
    bucket.store("watch/video.added/1.json", {"vids": ["a"]})
    summary, scf = fire(bucket)
    assert summary["shards"] == 1
    assert scf.run(bucket, {"a": task("a")}) == ["a"]
    assert bucket.under("watch/video.added/") == ["watch/video.added/1.json"]
    bucket.now += KEPT + 1
    summary, scf = fire(bucket)
    assert summary == {**counts(1, 1), "shards": 1, "due": 1, "invoked": 1, "swept": 0}
    assert bucket.under("watch/video.added/") == []
    assert bucket.json("watch/video/added-000000.json")["vids"] == ["a"]
    # Finished, the shard is swept once more for its own notes, and then left alone.
    assert scf.run(bucket, {}) == []
    assert bucket.under("results/video/added-000000.found/") == []
    assert fire(bucket)[0]["due"] == 0


def test_what_a_killed_sweep_has_put_back_in_a_finished_shard_is_mended() -> None:
    bucket = sharded({"one.json": ["a"]})
    _, scf = fire(bucket)
    scf.run(bucket, {"a": task("a")})
    assert fire(bucket)[0]["due"] == 0
    older = {**bucket.json("results/video/one.json"), "tasks": {}}
    bucket.store("results/video/one.json", older)
    bucket.now += KEPT + 1
    _, scf = fire(bucket)
    assert scf.run(bucket, {}) == []
    assert bucket.json("results/video/one.json")["tasks"] == {"a": task("a")}


def test_a_delete_that_is_refused_stops_nothing() -> None:
    bucket = sharded({"added-000000.json": {"vids": ["a"], "notes": ["watch/video.added/1.json"]}})
    bucket.store("watch/video.added/1.json", {"vids": ["a"]}, KEPT + 1)
    bucket.written["watch/video/added-000000.json"] = bucket.now
    scf = Scf()

    def refuse(method: str, _: str) -> None:
        if method == "DELETE":
            raise KeysRejected("COS refuses")

    fire(bucket, scf, before=refuse)
    assert scf.shards == ["added-000000.json"]
