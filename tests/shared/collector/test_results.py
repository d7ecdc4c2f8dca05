"""The results of a watch list that one object can hold: what is read, followed and written."""

from __future__ import annotations

import pytest

from shared.collector.ledger import OUTCOMES
from shared.collector.part import FOREVER
from shared.collector.results import Results
from shared.collector.watchlist import END, Added, Listing, Progress
from shared.cos.journal import FOLDED, KEPT, UNREADABLE
from shared.errors import DamagedObject
from shared.tasks import AUDIO, VIDEO, Kind
from tests.support.bucket import FOUND, RESULTS, Bucket, Hook, Run, nothing, one_after_the_other
from tests.support.results import noted, stored, storing
from tests.support.wire import NOW, task

pytestmark = pytest.mark.usefixtures(one_after_the_other.__name__)

RECOVERED = "results/video.recovered.json"
DONE = task("a")


def load(bucket: Bucket, before: Hook = nothing, kind: Kind = VIDEO) -> tuple[Results, Run]:
    run = Run(bucket)
    results = Results(storing(bucket, before, kind, run), RESULTS)
    results.load(run.deadline)
    return results, run


def listing(*vids: str, etag: str = "1", whole: bool = True) -> Listing:
    return Listing(list(vids), Progress(etag, END), whole)


def counts(**more: int) -> dict[str, int]:
    return {"watched": 0, **dict.fromkeys(OUTCOMES, 0), **more}


def followed(bucket: Bucket, now: Listing, before: Hook = nothing) -> Results:
    """What a sweep does to the results without asking anybody."""
    results, run = load(bucket, before)
    results.follow(now, run.deadline)
    results.save(results.counts())
    return results


def test_without_an_object_there_is_nothing_and_nothing_is_written() -> None:
    bucket = Bucket()
    results, run = load(bucket)
    results.follow(Listing([], Progress(), whole=True), run.deadline)
    results.save(results.counts())
    assert (results.counts(), results.next_due(), results.damaged, bucket.objects) == (counts(), FOREVER, [], {})


def test_a_list_is_watched_from_the_time_that_it_is_there() -> None:
    bucket = Bucket()
    results = followed(bucket, listing("a", "b"))
    assert (results.counts(), results.next_due()) == (counts(watched=2, pending=2), 0.0)
    written = bucket.json(RESULTS)
    assert list(written) == ["action", "updated_at", "summary", "missing", "tasks", "state"]
    assert written["summary"] == results.counts()
    assert written["state"]["watch"] == {"etag": "1", "byte": END, "damaged": False, "invalid": []}
    assert "parts" not in written


def test_it_is_written_only_when_it_says_anything_new() -> None:
    bucket = Bucket()
    followed(bucket, listing("a"))
    calls: list[str] = []
    for now in (Listing([], Progress("1", END), whole=False), Listing([], Progress("1", END), whole=False)):
        followed(bucket, now, lambda method, name: calls.append(f"{method} {name}"))
    assert calls == [f"GET {RESULTS}", f"LIST {FOUND}"] * 2
    results, _ = load(bucket)
    results.save({"watched": 7})
    assert bucket.json(RESULTS)["summary"] == {"watched": 7}


def test_an_edited_list_drops_missing_ids_except_added_ones() -> None:
    bucket = Bucket()
    results, run = load(bucket)
    results.follow(listing("a", "b", "c"), run.deadline)
    results.add(Added(["d", "b"], {}), run.deadline)
    results.head.merge({"a": DONE})
    results.save(results.counts())
    results = followed(bucket, listing("c", "e", etag="2"))
    assert sorted(results.head.watched()) == ["b", "c", "d", "e"]
    assert bucket.json(RESULTS)["tasks"] == {"a": DONE}, "a record stays, whoever watches"
    results = followed(bucket, listing("a", etag="3"))
    assert (results.head.watched(), results.counts()) == (["a", "b", "d"], counts(watched=3, succeeded=1, pending=2))


def test_a_list_that_is_gone_is_an_empty_one() -> None:
    bucket = Bucket()
    followed(bucket, listing("a"))
    results = followed(bucket, Listing([], Progress(), whole=True))
    assert (results.counts(), results.next_due()) == (counts(), FOREVER)
    assert "state" not in bucket.json(RESULTS)


def test_a_list_that_can_not_be_read_drops_nothing() -> None:
    bucket = Bucket()
    followed(bucket, listing("a"))
    damaged = Progress("2", END, damaged=True)
    results = followed(bucket, Listing([], damaged, whole=False))
    assert (results.counts(), results.progress) == (counts(watched=1, pending=1), damaged)
    assert load(bucket)[0].progress == damaged


def test_a_part_of_a_list_drops_nothing_and_is_looked_at_again_at_once() -> None:
    bucket = Bucket()
    results, run = load(bucket)
    results.follow(Listing(["a"], Progress("1", END), whole=True), run.deadline)
    results.head.merge({"a": DONE})
    results.follow(Listing(["b"], Progress("2", 10), whole=False), run.deadline)
    results.head.merge({"b": task("b")})
    assert (results.head.watched(), results.next_due()) == (["a", "b"], 0.0)


def test_an_object_of_an_earlier_version_goes_on_where_it_was() -> None:
    bucket = Bucket()
    bucket.store(RESULTS, stored(DONE, task("b", 3), task("gone"), next="b"))
    results = followed(bucket, listing("a", "b", "c"))
    assert results.counts() == counts(watched=3, succeeded=1, pending=2)
    assert list(results.head.pending) == ["b", "c"]
    assert bucket.final().keys() == {"a", "gone"}


def test_added_ids_are_held_with_their_notes() -> None:
    bucket = Bucket()
    results, run = load(bucket)
    held = {"1": NOW + KEPT, "2": NOW + FOLDED, "3": UNREADABLE}
    results.add(Added(["a"], held), run.deadline)
    assert results.head.held == held
    assert (results.head.watched(), results.head.added) == (["a"], {"a"})


DAMAGED: list[object] = [
    b"",
    7,
    stored(DONE, action="GetCtsaudioInfo"),
    {"action": "GetVpResult", "tasks": {"a": None}},
]


@pytest.mark.parametrize("damaged", DAMAGED, ids=lambda value: str(value)[:50])
def test_beside_a_damaged_object_another_is_kept(damaged: object) -> None:
    bucket = Bucket()
    bucket.store(RESULTS, damaged)
    bucket.store(f"{FOUND}1.json", noted(DONE))
    before = bucket.objects[RESULTS]
    for vids in ({"a", "b"}, {"a", "b", "c"}):
        results, _ = load(bucket)
        assert results.damaged == [RESULTS]
        results.head.record({vid: task(vid) for vid in vids})
        results.save(results.counts())
        assert bucket.final(RECOVERED).keys() == vids
        assert bucket.objects[RESULTS] == before


def test_an_object_that_is_mended_is_used_again() -> None:
    bucket = Bucket()
    bucket.store(RESULTS, b"{")
    followed(bucket, listing("a"))
    bucket.store(RESULTS, stored(task("b")))
    results = followed(bucket, listing("a", "b"))
    assert (results.damaged, results.counts()) == ([], counts(watched=2, succeeded=1, pending=1))


def test_both_damaged() -> None:
    bucket = Bucket()
    bucket.store(RESULTS, b"{")
    bucket.store(RECOVERED, stored(DONE, action="GetCtsaudioInfo"))
    with pytest.raises(DamagedObject, match=RECOVERED):
        load(bucket)


def test_the_kinds_do_not_share_an_object() -> None:
    bucket = Bucket()
    bucket.store(RESULTS, stored(DONE))
    results, _ = load(bucket, kind=AUDIO)
    assert (results.damaged, results.head.ids()) == ([RESULTS], [])


SPOILED: list[object] = [
    7,
    {"watch": 7, "parts": 7, "turn": 7},
    {"watch": {"byte": "x", "etag": 7, "invalid": 7}},
    {"watch": {}, "parts": {"mine.json": 7}},
    {"parts": {"results/video.mine.json": 7, "results/video.0001.json": 7}},
]


@pytest.mark.parametrize("state", SPOILED, ids=str)
def test_a_state_that_a_person_has_spoiled_begins_anew(state: object) -> None:
    bucket = Bucket()
    bucket.store(RESULTS, stored(DONE, state=state))
    results, run = load(bucket)
    results.follow(listing("a", "b"), run.deadline)
    for part in results.due(run.deadline):
        results.save_part(part)
    assert results.counts() == counts(watched=2, succeeded=1, pending=1)


@pytest.mark.parametrize("pending", [True, False])
def test_when_to_look_again(pending: bool) -> None:
    results, _ = load(Bucket())
    assert results.next_due() == FOREVER
    results.head.record({"a": DONE})
    if pending:
        results.head.take(["b"])
    assert results.next_due() == (0.0 if pending else NOW + KEPT)


@pytest.mark.parametrize(("pause", "known"), [(0, 1), (900, 0)], ids=["with time", "without time"])
def test_a_part_that_another_sweep_has_announced_is_read_as_far_as_time_allows(pause: int, known: int) -> None:
    bucket = Bucket()
    bucket.store("results/video.0001.json", stored(task("old")))
    bucket.store("results/video.found/1.json", {**noted(), "part": "results/video.0001.json"})

    def slow(method: str, name: str) -> None:
        bucket.now += pause if name.endswith("found/1.json") else 0

    run = Run(bucket)
    results = Results(storing(bucket, slow, run=run), RESULTS)
    results.load(run.deadline.earlier(10))
    assert (results.counts()["succeeded"], results.next_due() > 0) == (known, bool(known))
