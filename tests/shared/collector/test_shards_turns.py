"""A watch prefix: the order of the shards, refused invocations, and the shard of added ids."""

from __future__ import annotations

import pytest

from shared.collector import shards as module
from shared.collector.watchlist import add_ids
from shared.cos.journal import KEPT
from shared.errors import QueryError, UpstreamFailed
from shared.tasks import Record
from tests.support.bucket import Objects, one_after_the_other
from tests.support.shards import DEAD, NO, Scf, counts, fire, sharded, spreading
from tests.support.wire import task

pytestmark = pytest.mark.usefixtures(one_after_the_other.__name__)

NOTES = "watch/video.added/"


def test_no_more_than_are_allowed_and_each_has_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_SHARDS", 2)
    bucket = sharded({f"{letter}.json": [letter] for letter in "abcde"})
    invoked = []
    for _ in range(5):
        summary, scf = fire(bucket)
        assert (summary["due"], summary["invoked"]) == (5, 2)
        invoked.append("".join(shard[0] for shard in scf.shards))
        scf.run(bucket, {})
        bucket.now += 60
    assert invoked == ["ab", "cd", "ea", "bc", "de"], "a, which is never finished, does not keep e waiting"


def test_one_that_scf_never_takes_does_not_keep_others_from_their_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_SHARDS", 2)
    bucket = sharded({f"{letter}.json": [letter] for letter in "abcde"})
    invoked = "".join(shard[0] for _ in range(5) for shard in fire(bucket, Scf({"a.json": DEAD}))[1].shards)
    assert invoked == "bcdebcde"


def test_shards_that_scf_refuses_come_first_at_the_next_firing() -> None:
    bucket = sharded({"a.json": ["a"], "b.json": ["b"], "c.json": ["c"]})
    summary, scf = fire(bucket, Scf({"b.json": DEAD}))
    assert (summary, scf.shards) == (spreading(3, due=3, invoked=2), ["a.json", "c.json"])
    assert fire(bucket)[1].shards == ["b.json", "c.json", "a.json"]


def test_when_scf_takes_nothing_the_timer_fails() -> None:
    with pytest.raises(UpstreamFailed):
        fire(sharded({"a.json": ["a"], "b.json": ["b"]}), Scf(DEAD))


def test_without_permission_to_invoke_the_shards_are_swept_in_turn() -> None:
    bucket = sharded({"a.json": ["a"], "b.json": ["b", "c"]})
    tasks = {vid: task(vid) for vid in "abc"}
    assert fire(bucket, Scf(NO), tasks)[0] == spreading(2, due=2, swept=2)
    assert fire(bucket, Scf(NO), tasks)[0] == {**counts(3, 3), **spreading(2)}
    assert (bucket.final("results/video/a.json") | bucket.final("results/video/b.json")) == tasks


def test_only_those_are_swept_in_turn_that_were_not_invoked() -> None:
    """One refusal once had all shards swept again, the invoked ones too."""
    bucket = sharded({f"{letter}.json": [letter] for letter in "abc"})
    tasks = {vid: task(vid) for vid in "abc"}
    summary, scf = fire(bucket, Scf({"b.json": NO}), tasks)
    assert (summary, scf.shards) == (spreading(3, due=3, invoked=2, swept=1), ["a.json", "c.json"])
    assert bucket.under("results/video/summary/") == ["results/video/summary/b.json"]


def test_sweeping_in_turn_ends_with_the_time_and_goes_on_where_it_ended() -> None:
    bucket = sharded({f"{letter}.json": [letter] for letter in "abcdef"})
    tasks: dict[str, Record | QueryError] = {letter: task(letter, 3) for letter in "abcdef"}
    said = []
    for _ in range(4):
        summary, _ = fire(bucket, Scf(NO), tasks, seconds=3.0, limit=10.0)  # calls begin in the first 7.5 seconds
        said.append((summary["due"], summary["swept"]))
        bucket.now += 60
    assert said == [(6, 3)] * 4
    assert all(f"results/video/{letter}.json" in bucket.objects for letter in "abcdef")


def test_those_that_were_not_swept_in_time_come_before_those_of_the_next_firing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MOST_SHARDS", 4)
    bucket = sharded({f"{letter}.json": [letter] for letter in "abcdef"})
    tasks: dict[str, Record | QueryError] = {letter: task(letter, 3) for letter in "abcdef"}
    for _ in range(2):
        assert fire(bucket, Scf(NO), tasks, seconds=3.0, limit=10.0)[0]["swept"] == 3
        bucket.now += 60
    assert [letter for letter in "abcdef" if f"results/video/{letter}.json" not in bucket.objects] == []


def test_a_shard_that_can_not_be_swept_does_not_keep_the_others_from_their_turn() -> None:
    bucket = sharded({"a.json": ["a"], "b.json": ["b"], "c.json": ["c"]})
    bucket.store("results/video/a.json", b"{")
    bucket.store("results/video/a.recovered.json", b"{")
    tasks: dict[str, Record | QueryError] = {"b": DEAD, "c": task("c")}
    assert fire(bucket, Scf(NO), tasks)[0] == spreading(3, due=3, swept=1)
    assert bucket.final("results/video/c.json") == {"c": task("c")}


def test_when_no_shard_can_be_swept_in_turn_the_timer_fails() -> None:
    """It once said that it had swept them, and nothing told of the errors."""
    bucket = sharded({"a.json": ["a"], "b.json": ["b"]})
    with pytest.raises(UpstreamFailed):
        fire(bucket, Scf(NO), {"a": DEAD, "b": DEAD})


def test_added_ids_are_swept_at_the_same_firing_and_only_once() -> None:
    bucket = sharded({})
    add_ids(Objects(bucket), "watch/video/", ("a", "b"))
    summary, scf = fire(bucket)
    assert (summary, scf.shards) == (spreading(1, due=1, invoked=1), ["added.json"])
    assert scf.run(bucket, {"a": task("a"), "b": task("b", 3)}) == ["a", "b"]
    bucket.now += KEPT
    assert fire(bucket)[1].run(bucket, {"b": task("b")}) == ["b"]
    assert bucket.under(NOTES) == []
    bucket.now += KEPT
    assert fire(bucket)[1].run(bucket, {}) == []
    assert fire(bucket)[0] == {**counts(2, 2), **spreading(1)}


def test_a_later_addition_makes_a_finished_shard_due_again() -> None:
    bucket = sharded({})
    tasks = {"a": task("a"), "b": task("b")}
    for vid in tasks:
        add_ids(Objects(bucket), "watch/video/added.json", (vid,))
        assert fire(bucket)[1].run(bucket, tasks) == [vid]
        for _ in range(2):
            bucket.now += KEPT
            fire(bucket)[1].run(bucket, tasks)
    assert fire(bucket)[0] == {**counts(2, 2), **spreading(1)}


def test_ids_added_to_one_shard_make_it_due() -> None:
    """They once went into the default list, whatever list the caller named."""
    bucket = sharded({"x.json": ["a"], "y.json": ["b"]})
    tasks = {vid: task(vid) for vid in "abc"}
    fire(bucket)[1].run(bucket, tasks)
    bucket.now += KEPT
    fire(bucket)[1].run(bucket, tasks)
    assert fire(bucket)[1].shards == []
    add_ids(Objects(bucket), "watch/video/x.json", ("c",))
    _, scf = fire(bucket)
    assert (scf.shards, scf.run(bucket, tasks)) == (["x.json"], ["c"])


def test_ids_added_to_a_shard_that_nobody_has_written_are_asked_about_until_they_are_final() -> None:
    bucket = sharded({})
    add_ids(Objects(bucket), "watch/video/x.json", ("a",))
    _, scf = fire(bucket)
    assert (scf.shards, scf.run(bucket, {"a": task("a", 3)})) == (["x.json"], ["a"])
    bucket.now += KEPT
    assert fire(bucket)[1].run(bucket, {"a": task("a", 3)}) == ["a"]
    assert bucket.under("watch/video/x.added/") == []
    bucket.now += KEPT
    assert fire(bucket)[1].run(bucket, {"a": task("a")}) == ["a"]


def test_a_shard_that_is_gone_is_swept_once_more_and_forgotten() -> None:
    bucket = sharded({"a.json": ["a"], "b.json": ["b"]})
    fire(bucket)[1].run(bucket, {})
    bucket.remove("watch/video/a.json")
    _, scf = fire(bucket)
    assert scf.run(bucket, {}) == ["b"], "what it listed is not asked about any more"
    assert fire(bucket)[0] == {**counts(1, missing=1), **spreading(1, due=1, invoked=1)}
    read: list[str] = []
    fire(bucket, before=lambda method, name: read.extend([name] if method == "GET" else []))
    assert read == ["results/video.index.json"], "nor is what was said of it read again"
    bucket.store("watch/video/a.json", ["a"])
    assert fire(bucket)[1].shards == ["a.json", "b.json"]


def test_an_unreadable_note_costs_the_same_at_each_firing() -> None:
    """It once kept all later notes, and each firing read one more object than the one before."""
    bucket = sharded({"a.json": ["a"]})
    bucket.store(f"{NOTES}1.json", b"{")
    tasks = {"a": task("a")}
    costs = []
    for _ in range(6):
        calls: list[str] = []
        summary, scf = fire(bucket, before=lambda method, name: calls.append(name))  # noqa: B023
        scf.run(bucket, tasks)
        costs.append(len(calls))
        bucket.now += KEPT
    assert summary["damaged"] == [f"{NOTES}1.json"]
    assert len(set(costs[3:])) == 1
    assert bucket.under(NOTES) == [f"{NOTES}1.json"]


def test_a_delete_that_is_refused_stops_nothing() -> None:
    bucket = sharded({})
    add_ids(Objects(bucket), "watch/video/", ("a",))
    fire(bucket, Scf(NO), {"a": task("a")})
    bucket.now += KEPT

    def refuse(method: str, _: str) -> None:
        if method == "DELETE":
            raise NO

    for _ in range(2):
        assert fire(bucket, Scf(NO), before=refuse)[0]["swept"] == 1
    assert len(bucket.under(NOTES)) == 1
    fire(bucket, Scf(NO))
    assert bucket.under(NOTES) == []


def test_summaries_that_can_not_all_be_read_are_read_at_the_next_firings() -> None:
    """Without an index, as after somebody deleted it, no firing ever came to its end."""
    bucket = sharded({f"{letter}.json": [letter] for letter in "abcdef"})
    tasks = {letter: task(letter) for letter in "abcdef"}
    fire(bucket)[1].run(bucket, tasks)
    bucket.remove("results/video.index.json")

    def slow(method: str, name: str) -> None:
        bucket.now += 2 * name.startswith("results/video/summary/")

    watched = [fire(bucket, before=slow, limit=10.0)[0].get("watched", 0) for _ in range(4)]
    assert watched == [2, 4, 6, 6]
