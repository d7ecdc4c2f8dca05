"""The results object of one sweep: what is read, merged, noted and written, and which notes may go."""

from __future__ import annotations

import pytest

from shared.backends.base import Record
from shared.collector.results import Results, Tasks
from shared.cos.journal import KEPT
from shared.errors import DamagedObject
from shared.tasks import AUDIO, VIDEO, Kind
from tests.support.bucket import FOUND, RESULTS, Bucket, Objects, Run
from tests.support.wire import task

RECOVERED = "results/video.recovered.json"
DONE, RUNNING = task("a"), task("a", 3)


def stored(*records: Record, action: str = "GetVpResult", **more: object) -> dict[str, object]:
    tasks = {str(record["vid"]): record for record in records}
    return {"action": action, "updated_at": "", "summary": {"watched": 1}, "tasks": tasks, **more}


def noted(*records: Record, action: str = "GetVpResult") -> dict[str, object]:
    return {"action": action, "tasks": {str(record["vid"]): record for record in records}}


def load(bucket: Bucket, kind: Kind = VIDEO) -> tuple[Results, Run]:
    run = Run(bucket)
    results = Results(kind, RESULTS, Objects(bucket), run)
    results.load(run.deadline)
    return results, run


def count(tasks: Tasks) -> dict[str, object]:
    return {"watched": len(tasks)}


def test_without_an_object_there_is_nothing() -> None:
    results, _ = load(Bucket())
    assert (results.tasks, results.summary, results.next, results.damaged) == ({}, None, "", "")


@pytest.mark.parametrize(("following", "expected"), [("b", "b"), (None, ""), ("", "")])
def test_what_was_written_is_read_again(following: object, expected: str) -> None:
    bucket = Bucket()
    bucket.store(RESULTS, stored(DONE, next=following))
    results, _ = load(bucket)
    assert (results.tasks, results.summary, results.next) == ({"a": DONE}, {"watched": 1}, expected)
    assert not results.changed({"watched": 1}, expected)


CHANGES: dict[str, tuple[list[Record], int, str]] = {
    "a record": ([task("a", 5, result=["x"])], 1, "b"),
    "a new record": ([task("b", 3)], 1, "b"),
    "the summary": ([], 2, "b"),
    "who is next": ([], 1, ""),
}


@pytest.mark.parametrize(("records", "watched", "following"), CHANGES.values(), ids=CHANGES)
def test_any_change_is_one(records: list[Record], watched: int, following: str) -> None:
    bucket = Bucket()
    bucket.store(RESULTS, stored(RUNNING, next="b"))
    results, run = load(bucket)
    results.add({str(record["vid"]): record for record in records}, run.deadline)
    assert results.changed({"watched": watched}, following)


def test_save_writes_all_and_leaves_out_who_is_next_when_nobody_is() -> None:
    bucket = Bucket()
    results, run = load(bucket)
    results.add({"a": DONE}, run.deadline)
    assert results.save(count, "b", run.deadline) == {"watched": 1}
    written = bucket.json(RESULTS)
    assert written == {**stored(DONE), "updated_at": "2023-11-14T22:13:20Z", "next": "b"}
    results.save(count, "", run.deadline)
    assert "next" not in bucket.json(RESULTS)


def test_final_records_are_noted_before_the_object_is_written_and_others_are_not() -> None:
    bucket = Bucket()
    results, run = load(bucket)
    results.add({"b": task("b", 3)}, run.deadline)
    assert not bucket.objects
    gone = task("c", 3, deleted="yes")
    results.add({"a": DONE, "b": task("b", 3), "c": gone}, run.deadline)
    (name,) = bucket.objects
    assert name.startswith(FOUND)
    assert bucket.json(name) == noted(DONE, gone)
    assert results.tasks == {"a": DONE, "b": task("b", 3), "c": gone}


#: What the object says of a task, what a note says of it, and what is known then.
MERGES: dict[str, tuple[list[Record], list[Record], Record]] = {
    "final wins": ([RUNNING], [DONE], DONE),
    "final stays": ([DONE], [RUNNING], DONE),
    "the note's is newer": ([task("a", 4)], [DONE], DONE),
    "only the note": ([], [DONE], DONE),
    "only the object": ([RUNNING], [], RUNNING),
}


@pytest.mark.parametrize(("before", "note", "expected"), MERGES.values(), ids=MERGES)
@pytest.mark.parametrize("when", ["before it is read", "afterwards"])
def test_notes_are_merged(before: list[Record], note: list[Record], expected: Record, when: str) -> None:
    bucket = Bucket()
    bucket.store(RESULTS, stored(*before))
    if when == "before it is read":
        bucket.store(f"{FOUND}1.json", noted(*note))
        results, _ = load(bucket)
        assert results.tasks == {"a": expected}
    else:
        results, run = load(bucket)
        bucket.store(f"{FOUND}1.json", noted(*note))
        results.save(count, "", run.deadline)
        assert bucket.json(RESULTS)["tasks"] == {"a": expected}


def test_a_final_record_stays_whatever_the_api_says() -> None:
    bucket = Bucket()
    bucket.store(RESULTS, stored(DONE))
    results, run = load(bucket)
    results.add({"a": RUNNING}, run.deadline)
    assert results.tasks == {"a": DONE}


def test_a_note_that_came_before_the_put_is_in_the_first_one() -> None:
    bucket, puts = Bucket(), []
    run = Run(bucket)

    def watch(method: str, name: str) -> None:
        if (method, name) == ("PUT", RESULTS):
            puts.append(list(bucket.json(RESULTS)["tasks"]))

    results = Results(VIDEO, RESULTS, Objects(bucket, after=watch), run)
    results.load(run.deadline)
    results.add({"b": task("b")}, run.deadline)
    bucket.store(f"{FOUND}1.json", noted(DONE))
    assert results.save(count, "", run.deadline) == {"watched": 2}
    assert puts == [["b", "a"]]


#: Notes that are none of these results.
FOREIGN: list[object] = [
    noted(DONE, action="GetCtsaudioInfo"),
    {"action": "GetVpResult"},
    {"action": "GetVpResult", "tasks": ["a"]},
    {"action": "GetVpResult", "tasks": {"a": DONE, "b": None}},
    {"tasks": {"a": DONE}},
    {},
]


@pytest.mark.parametrize("note", FOREIGN, ids=lambda note: str(note)[:50])
def test_notes_that_are_none_of_ours_are_neither_merged_nor_deleted(note: object) -> None:
    bucket = Bucket()
    bucket.store(RESULTS, stored(DONE))
    bucket.store(f"{FOUND}1.json", note, KEPT + 1)
    results, run = load(bucket)
    results.tidy(run.deadline)
    assert (results.tasks, bucket.under(FOUND)) == ({"a": DONE}, [f"{FOUND}1.json"])


#: The object as read, what the note says, its age, and whether it may go.
TIDY: dict[str, tuple[list[Record], list[Record], float, bool]] = {
    "old and contained": ([DONE], [DONE], KEPT + 1, True),
    "contained, but young": ([DONE], [DONE], KEPT, False),
    "old, but not contained": ([], [DONE], KEPT + 1, False),
    "old, but not final in the object": ([RUNNING], [DONE], KEPT + 1, False),
    "old, but contained in part": ([DONE], [DONE, task("b")], KEPT + 1, False),
}


@pytest.mark.parametrize(("before", "note", "age", "gone"), TIDY.values(), ids=TIDY)
def test_only_notes_that_the_object_had_when_it_was_read_may_go(
    before: list[Record], note: list[Record], age: float, gone: bool
) -> None:
    bucket = Bucket()
    bucket.store(RESULTS, stored(*before))
    bucket.store(f"{FOUND}1.json", noted(*note), age)
    results, run = load(bucket)
    results.save(count, "", run.deadline)
    assert bucket.final().keys() >= {record["vid"] for record in note}
    results.tidy(run.deadline)
    assert bucket.under(FOUND) == ([] if gone else [f"{FOUND}1.json"])
    assert results.had("a") == any(record == DONE for record in before)


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
def test_beside_a_damaged_object_another_is_kept(damaged: object) -> None:
    bucket = Bucket()
    bucket.store(RESULTS, damaged)
    bucket.store(f"{FOUND}1.json", noted(DONE))
    before = bucket.objects[RESULTS]
    for vids in ({"a", "b"}, {"a", "b", "c"}):
        results, run = load(bucket)
        assert results.damaged == RESULTS
        results.add({vid: task(vid) for vid in vids}, run.deadline)
        results.save(count, "", run.deadline)
        assert bucket.final(RECOVERED).keys() == vids
        assert bucket.objects[RESULTS] == before
    assert all(name in (RESULTS, RECOVERED) or name.startswith(FOUND) for name in bucket.objects), "one place for notes"


def test_an_object_that_has_been_mended_has_what_was_found_meanwhile() -> None:
    bucket = Bucket()
    bucket.store(RESULTS, b"{")
    results, run = load(bucket)
    results.add({"a": DONE}, run.deadline)
    results.save(count, "", run.deadline)
    bucket.store(RESULTS, stored(task("b")))
    results, _ = load(bucket)
    assert (results.damaged, results.tasks) == ("", {"b": task("b"), "a": DONE})


def test_both_damaged() -> None:
    bucket = Bucket()
    bucket.store(RESULTS, b"{")
    bucket.store(RECOVERED, stored(DONE, action="GetCtsaudioInfo"))
    with pytest.raises(DamagedObject, match=RECOVERED):
        load(bucket)


def test_the_kinds_do_not_share_an_object() -> None:
    bucket = Bucket()
    bucket.store(RESULTS, stored(DONE))
    bucket.store(f"{FOUND}1.json", noted(DONE))
    results, _ = load(bucket, AUDIO)
    assert (results.damaged, results.tasks) == (RESULTS, {})
