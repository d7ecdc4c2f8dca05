"""What grows, swept with little time: every firing makes progress, and in the end a firing costs little."""

from __future__ import annotations

from collections import Counter

import pytest

from shared.backends.base import DAY
from shared.collector.sweep import Summary, collect
from shared.cos.journal import KEPT
from shared.cos.objects import MAX_OBJECT
from tests.support.bucket import ADDED, RESULTS, WATCH, WATCHED, Api, Bucket, Objects, one_after_the_other, working
from tests.support.results import load_part
from tests.support.wire import task

# What is large reaches no line that small tests do not, and counting lines takes longer than sweeping.
pytestmark = [pytest.mark.usefixtures(one_after_the_other.__name__), pytest.mark.no_cover]


class Quick(Bucket):
    """A bucket that shows what was written last, without looking for it among all that ever was."""

    def seen(self, folder: str) -> dict[str, bytes]:
        if folder in self.objects:
            return {folder: self.objects[folder]}
        return {name: self.objects[name] for name in self.under(folder)}


def fire(bucket: Bucket, api: Api, limit: float, call: float) -> tuple[Summary, int]:
    """One firing in which each call of COS takes a while; return its summary, and how many calls it made."""

    def slow(method: str, name: str) -> None:
        bucket.now += call

    made = working(bucket, api, slow, limit=limit)
    assert isinstance(made.objects, Objects)
    started = bucket.now
    summary = collect(made, WATCHED)
    assert bucket.now - started <= limit
    return summary, len(made.objects.calls)


def test_a_list_of_100_000_ids_is_swept_firing_by_firing_and_every_result_is_readable_once() -> None:
    """Its results were once one object of 44 MB, and no sweep could read it again."""
    bucket = Quick()
    vids = [f"{number:06}-and-so-on-up-to-the-length-of-real-ids" for number in range(100_000)]
    bucket.store(WATCH, vids)
    api = Api(bucket, {vid: task(vid) for vid in vids}, seconds=0.0005)
    succeeded, firings = 0, 0
    while succeeded < len(vids) or firings < 3:
        summary, _ = fire(bucket, api, limit=6.0, call=0.05)
        now = int(str(summary["succeeded"]))
        assert now > succeeded or firings < 2, "each firing makes progress"
        succeeded, firings = now, firings + 1
        bucket.now += 60
    assert (len(api.asked), summary["watched"]) == (len(vids), len(vids))
    names = [RESULTS, *bucket.json(RESULTS)["parts"]]
    parts = [load_part(bucket, name=name) for name in names]
    found = Counter(vid for part in parts for vid in part.tasks)
    assert found == Counter(vids)
    assert max(len(part.ids()) for part in parts) <= 5000
    assert max(map(len, bucket.objects.values())) <= MAX_OBJECT
    bucket.now += KEPT
    for _ in range(20):
        _, calls = fire(bucket, api, limit=6.0, call=0.05)
        bucket.now += 60
    assert calls == 4, "an idle firing: two objects and two lists"
    assert [name for name in bucket.objects if ".found/" in name] == []


def test_12_000_notes_of_callers_do_not_keep_a_sweep_from_its_work() -> None:
    """Requests with output=watch once stopped the timer for good: it read their notes until its time was over."""
    bucket = Quick()
    for number in range(12_000):
        bucket.store(f"{ADDED}{number:05}.json", {"vids": [f"unknown{number % 3}"]})
    bucket.store(WATCH, ["a"])
    api = Api(bucket, {"a": task("a")})
    left = [12_000]
    for _ in range(80):
        asked = len(api.asked)
        fire(bucket, api, limit=30.0, call=0.02)
        bucket.now += 60
        left.append(len(bucket.under(ADDED)))
        assert len(api.asked) - asked >= 3, "each firing asks about what is pending"
    assert sorted(left[3:], reverse=True) == left[3:], "each firing leaves fewer"
    assert left[-1] < 40
    bucket.now += KEPT + 3 * DAY
    for _ in range(3):
        _, calls = fire(bucket, api, limit=30.0, call=0.02)
    assert (calls, bucket.under(ADDED)) == (4, []), "an idle firing: two objects and two lists"
    assert bucket.json(RESULTS)["missing"].keys() == {"unknown0", "unknown1", "unknown2"}
    asked = len(api.asked)
    fire(bucket, api, limit=30.0, call=0.02)
    assert len(api.asked) == asked, "nobody waits for them any more"


@pytest.mark.parametrize("call", [0.5, 1.2, 1.5, 2.0])
def test_a_list_that_is_edited_is_compared_sweep_by_sweep_and_no_id_is_kept_twice(
    call: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With more parts than half of the time is enough for, those compared before once counted as new."""
    monkeypatch.setattr("shared.collector.results.PART_IDS", 10)
    bucket = Quick()
    vids = [f"id{number}" for number in range(120)]
    api = Api(bucket, {vid: task(vid) for vid in [*vids, "new"]})
    bucket.store(WATCH, vids)
    fire(bucket, api, limit=900.0, call=0.0)
    bucket.now += 60
    bucket.store(WATCH, [*vids[1:], "new"])
    for _ in range(5):
        summary, _ = fire(bucket, api, limit=30.0, call=call)
        bucket.now += 60
    assert (summary["watched"], summary["succeeded"]) == (120, 120)
    assert sorted(api.asked) == sorted([*vids, "new"]), "each once"
    names = [RESULTS, *bucket.json(RESULTS)["parts"]]
    assert Counter(vid for name in names for vid in bucket.json(name)["tasks"]) == Counter([*vids, "new"])
