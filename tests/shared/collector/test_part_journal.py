"""The journal of a results object: final records are noted first, and which notes may go."""

from __future__ import annotations

import pytest

from shared.backends.base import DAY
from shared.collector import part as module
from shared.collector.ledger import Ledger
from shared.collector.part import FOREVER, Part
from shared.cos.journal import FOLDED, KEPT
from shared.errors import KeysRejected, OutOfTime
from shared.tasks import Record
from tests.support.bucket import FOUND, RESULTS, Bucket, Run, one_after_the_other
from tests.support.results import load_part, noted, stored, storing
from tests.support.wire import NOW, task

pytestmark = pytest.mark.usefixtures(one_after_the_other.__name__)

DONE, RUNNING = task("a"), task("a", 3)


#: What the object says of a task, what a note says of it, and what is known then.
MERGES: dict[str, tuple[list[Record], list[Record], Record]] = {
    "final wins": ([RUNNING], [DONE], DONE),
    "final stays": ([DONE], [RUNNING], DONE),
    "the note's is newer": ([task("a", 4)], [DONE], DONE),
    "only the note": ([], [DONE], DONE),
    "only the object": ([RUNNING], [], RUNNING),
}


@pytest.mark.parametrize(("before", "note", "expected"), MERGES.values(), ids=MERGES)
def test_notes_are_merged_and_held(before: list[Record], note: list[Record], expected: Record) -> None:
    bucket = Bucket()
    bucket.store(RESULTS, stored(*before))
    bucket.store(f"{FOUND}1.json", noted(*note))
    part = load_part(bucket)
    assert part.tasks == {"a": expected}
    assert (part.held, part.changed) == ({f"{FOUND}1.json": NOW + KEPT}, True)


def test_a_note_that_is_held_is_not_read_again() -> None:
    bucket = Bucket()
    bucket.store(f"{FOUND}1.json", noted(DONE))
    part = load_part(bucket)
    part.save()
    bucket.now += KEPT
    read: list[str] = []
    again = load_part(bucket, lambda method, name: read.append(f"{method} {name}"))
    assert (read, again.changed) == ([f"GET {RESULTS}", f"LIST {FOUND}"], False)


#: Notes that are none of these results.
FOREIGN: list[object] = [
    noted(DONE, action="GetCtsaudioInfo"),
    {"action": "GetVpResult"},
    {"action": "GetVpResult", "tasks": ["a"]},
    {"action": "GetVpResult", "tasks": {"a": DONE, "b": None}},
    {"tasks": {"a": DONE}},
    {},
    ["a"],
    b"{",
]


@pytest.mark.parametrize("note", FOREIGN, ids=lambda note: str(note)[:50])
def test_a_note_that_is_none_of_ours_is_read_once_named_and_never_deleted(note: object) -> None:
    bucket = Bucket()
    bucket.store(f"{FOUND}1.json", note)
    part = load_part(bucket)
    assert (part.tasks, part.damaged_notes(), part.next_due()) == ({}, [f"{FOUND}1.json"], FOREVER)
    part.tidy(Run(bucket).deadline)
    part.save()
    bucket.now += 100 * DAY
    read: list[str] = []
    again = load_part(bucket, lambda method, name: read.append(f"{method} {name}"))
    again.tidy(Run(bucket).deadline)
    assert (again.damaged_notes(), again.changed) == ([f"{FOUND}1.json"], False)
    assert read == [f"GET {RESULTS}", f"LIST {FOUND}"]
    bucket.remove(f"{FOUND}1.json")
    assert load_part(bucket).damaged_notes() == []


def test_final_records_are_noted_before_anything_else_and_others_are_not() -> None:
    bucket = Bucket()
    part = Part(storing(bucket), RESULTS)
    part.record({"b": task("b", 3)})
    assert not bucket.objects
    gone = task("c", 3, deleted="yes")
    part.record({"a": DONE, "b": task("b", 3), "c": gone})
    (name,) = bucket.objects
    assert name.startswith(FOUND)
    assert bucket.json(name) == noted(DONE, gone)
    assert (part.tasks, part.held) == ({"a": DONE, "b": task("b", 3), "c": gone}, {name: NOW + KEPT})


def test_a_journal_that_can_not_be_written_raises_before_anything_changes() -> None:
    def refuse(method: str, _: str) -> None:
        if method == "PUT":
            raise KeysRejected("no")

    part = Part(storing(Bucket(), refuse), RESULTS)
    with pytest.raises(KeysRejected):
        part.record({"a": DONE})
    assert part.tasks == {}


def test_many_records_are_several_notes_none_of_them_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    """A note as large as all results of a large list could never be read again."""
    monkeypatch.setattr(module, "BATCH_BYTES", 1000)
    bucket = Bucket()
    records = {f"id{number}": task(f"id{number}", url="x" * 200) for number in range(40)}
    Part(storing(bucket), RESULTS).record(records)
    notes = bucket.under(FOUND)
    assert (len(notes) > 5, max(len(bucket.objects[name]) for name in notes) < 2000) == (True, True)
    assert load_part(bucket).tasks == records


def test_a_part_that_takes_over_tasks_notes_them_first_so_that_a_killed_sweep_loses_none() -> None:
    bucket = Bucket()
    moved = Ledger(lambda: bucket.now, DAY)
    moved.take(["a", "b", "c"])
    moved.take(["d"], added=True)
    moved.merge({"a": DONE, "b": task("b", 3)})
    moved.note_missing(["c"])
    moved.drop(["a"])
    Part(storing(bucket), RESULTS).receive(moved)
    part = load_part(bucket)
    assert part.stored is None, "it was killed before it wrote the object"
    for name in ("tasks", "missing", "pending", "added", "unwatched"):
        assert getattr(part, name) == getattr(moved, name), name


#: For how long the object as it was read has held a note, and whether it may go.
TIDY: dict[str, tuple[float, bool]] = {
    "as long as it takes": (KEPT, True),
    "nearly": (KEPT - 1, False),
    "just now": (0.0, False),
}


@pytest.mark.parametrize(("age", "gone"), TIDY.values(), ids=TIDY)
def test_only_notes_that_the_object_has_held_for_long_may_go(age: float, gone: bool) -> None:
    bucket = Bucket()
    bucket.store(f"{FOUND}1.json", noted(DONE))
    load_part(bucket).save()
    bucket.now += age
    part = load_part(bucket)
    part.tidy(Run(bucket).deadline)
    assert (bucket.under(FOUND), part.changed) == ([] if gone else [f"{FOUND}1.json"], gone)
    assert part.tasks == {"a": DONE}


def test_an_old_note_that_the_object_did_not_hold_stays() -> None:
    bucket = Bucket()
    bucket.store(f"{FOUND}1.json", noted(DONE), age=10 * KEPT)
    part = load_part(bucket)
    part.tidy(Run(bucket).deadline)
    part.save()
    assert bucket.under(FOUND) == [f"{FOUND}1.json"], "whoever reads an older object still needs it"


def test_a_note_that_can_not_be_deleted_is_tried_again_next_time() -> None:
    def refuse(method: str, _: str) -> None:
        if method == "DELETE":
            raise KeysRejected("no")

    bucket = Bucket()
    part = Part(storing(bucket, refuse), RESULTS)
    part.hold({"some": NOW + FOLDED})
    part.changed = False
    bucket.now += FOLDED
    part.tidy(Run(bucket).deadline)
    assert (part.held, part.changed) == ({"some": NOW + FOLDED}, False)


def test_when_time_runs_out_the_notes_read_so_far_are_kept() -> None:
    bucket = Bucket()
    for number in range(9):
        bucket.store(f"{FOUND}{number}.json", noted(task(f"id{number}")))

    def slow(method: str, _: str) -> None:
        bucket.now += 1

    run = Run(bucket, 6.5)  # half a second of it is kept for the reply
    part = Part(storing(bucket, slow, run=run), RESULTS)
    part.read(run.deadline)
    assert list(part.tasks) == ["id0", "id1", "id2", "id3"]
    assert list(part.held) == [f"{FOUND}{number}.json" for number in range(4)]


def test_a_hung_cos_raises() -> None:
    def hang(method: str, _: str) -> None:
        raise OutOfTime("COS does not answer")

    bucket = Bucket()
    with pytest.raises(OutOfTime):
        Part(storing(bucket, hang), RESULTS).read(Run(bucket).deadline)
