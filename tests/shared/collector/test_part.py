"""One object of the results: what is read, what is written, and when it is looked at again."""

from __future__ import annotations

import pytest

from shared.collector import part as module
from shared.collector.part import FOREVER, Part, counts_in, next_due_in, remembered_in
from shared.cos.journal import KEPT, UNREADABLE
from shared.errors import DamagedObject
from shared.tasks import AUDIO
from tests.support.bucket import RESULTS, Bucket, Run, one_after_the_other
from tests.support.results import load_part, stored, storing
from tests.support.wire import NOW, task

pytestmark = pytest.mark.usefixtures(one_after_the_other.__name__)

DONE, RUNNING = task("a"), task("a", 3)


def test_without_an_object_there_is_nothing() -> None:
    part = load_part(Bucket())
    assert (part.stored, part.ids(), part.held, part.changed, part.next_due()) == (None, [], {}, False, FOREVER)


def test_a_written_part_is_read_back() -> None:
    bucket = Bucket()
    part = Part(storing(bucket), RESULTS)
    part.take(["a", "b", "c", "d"])
    part.take(["e"], added=True)
    part.merge({"a": DONE, "b": task("b", 3)})
    part.note_missing(["c"])
    part.drop(["d", "a"])
    part.hold({"note": NOW + KEPT})
    assert part.save()
    assert not part.changed
    again = load_part(bucket)
    for name in ("tasks", "missing", "pending", "added", "unwatched", "held", "stored"):
        assert getattr(again, name) == getattr(part, name), name
    assert list(again.pending) == ["b", "c", "e"]


def test_the_summary_comes_first_and_an_empty_state_is_left_out() -> None:
    bucket = Bucket()
    part = Part(storing(bucket), RESULTS)
    part.merge({"a": DONE})
    part.take(["a"])
    part.save({"summary": {"watched": 1}}, {"turn": "", "parts": {}})
    assert bucket.json(RESULTS) == {**stored(DONE), "updated_at": "2023-11-14T22:13:20Z", "missing": {}}
    assert list(bucket.json(RESULTS)) == ["action", "updated_at", "summary", "missing", "tasks"]
    part.note_missing(["b"])
    part.save({"summary": {"watched": 1}}, {"turn": "x"})
    written = bucket.json(RESULTS)
    assert written["missing"] == {"b": "2023-11-14T22:13:20Z"}, "which ones are missing, not only how many"
    assert written["state"] == {"unwatched": ["b"], "turn": "x"}


def test_an_object_of_an_earlier_version_is_understood() -> None:
    bucket = Bucket()
    bucket.store(RESULTS, stored(DONE, task("b", 3), next="b"))
    part = load_part(bucket)
    assert (part.tasks, list(part.pending)) == ({"a": DONE, "b": task("b", 3)}, [])
    assert part.watched() == ["a"], "nobody has said yet that b is still watched"
    part.take(["b"])
    assert (list(part.pending), part.watched()) == (["b"], ["a", "b"])


@pytest.mark.parametrize("state", [7, [], {"held": 7, "pending": "ab", "added": [7]}, {"held": {"n": "soon"}}])
def test_a_state_that_a_person_has_spoiled_is_passed_over(state: object) -> None:
    bucket = Bucket()
    bucket.store(RESULTS, stored(DONE, state=state, missing=7))
    part = load_part(bucket)
    assert (part.tasks, part.held, list(part.pending), part.added, part.missing) == ({"a": DONE}, {}, [], set(), {})


DAMAGED: list[object] = [
    b"",
    b"{",
    7,
    ["a"],
    stored(DONE, action="GetCtsaudioInfo"),
    {"action": "GetVpResult"},
    {"action": "GetVpResult", "tasks": {"a": None}},
]


@pytest.mark.parametrize("damaged", DAMAGED, ids=lambda value: str(value)[:50])
def test_an_object_that_is_not_ours_is_damaged(damaged: object) -> None:
    bucket = Bucket()
    bucket.store(RESULTS, damaged)
    with pytest.raises(DamagedObject, match=RESULTS):
        load_part(bucket)


def test_the_kinds_do_not_share_an_object() -> None:
    bucket = Bucket()
    bucket.store(RESULTS, stored(DONE))
    with pytest.raises(DamagedObject, match="GetCtsaudioInfo"):
        Part(storing(bucket, kind=AUDIO), RESULTS).read(Run(bucket).deadline)


def test_a_part_that_is_too_large_is_not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """A results object of 44 MB was once written, and then no sweep could read it again."""
    monkeypatch.setattr(module, "PART_BYTES", 1200)
    bucket = Bucket()
    part = Part(storing(bucket), RESULTS)
    part.merge({vid: task(vid, url="x" * 400) for vid in "ab"})
    assert part.save()
    part.merge({"c": task("c", url="x" * 400)})
    before = dict(bucket.objects)
    assert not part.save()
    assert (bucket.objects, part.changed, list(part.tasks)) == (before, True, ["a", "b", "c"])


def test_one_record_that_can_not_be_halved_is_written_however_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PART_BYTES", 1000)
    bucket = Bucket()
    part = Part(storing(bucket), RESULTS)
    part.merge({"a": task("a", url="x" * 4000)})
    assert part.save()
    assert load_part(bucket).tasks == part.tasks


def test_when_to_look_again() -> None:
    part = Part(storing(Bucket()), RESULTS)
    assert part.next_due() == FOREVER
    part.hold({"a": NOW + 10, "b": NOW + 30, "c": UNREADABLE})
    assert part.next_due() == NOW + 30, "once, when all that may go may go"
    part.take(["x"])
    assert part.next_due() == 0.0
    assert (part.damaged_notes(), part.held["c"]) == (["c"], UNREADABLE)


@pytest.mark.parametrize(
    ("told", "due"),
    [
        ({}, 0.0),
        ({"next_due": FOREVER}, FOREVER),
        ({"next_due": 7}, 7.0),
        ({"next_due": "soon"}, 0.0),
        ({"again": None}, FOREVER),
        ({"again": 7}, 7.0),
    ],
)
def test_when_something_is_due_as_any_version_remembers_it(told: dict[str, object], due: float) -> None:
    assert next_due_in(told) == due


def test_an_unusable_object_has_no_state_and_no_counts() -> None:
    assert remembered_in(None) == remembered_in({"state": []}) == {}
    assert remembered_in({"state": {"turn": "x"}}) == {"turn": "x"}
    assert (counts_in(None), counts_in({"watched": 1, "failed": "x"})) == ({}, {"watched": 1})
