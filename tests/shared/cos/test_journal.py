"""Notes: small objects, each written once, read in their order, deleted when they are old."""

from __future__ import annotations

import pytest

from shared.cos.journal import KEPT, Note, delete_old, leave_note, read_notes
from shared.errors import KeysRejected
from shared.invocation import LONGEST_LIMIT
from tests.support.bucket import Bucket, Objects, Run
from tests.support.wire import NOW

FOLDER = "watch/video.added/"


def names(bucket: Bucket, *seen: str) -> list[str]:
    notes = read_notes(Objects(bucket), FOLDER, set(seen), Run(bucket).deadline)
    return [note.name.removeprefix(FOLDER) for note in notes]


def test_a_note_is_found_with_what_it_says_and_when_it_was_written() -> None:
    bucket = Bucket()
    run, objects = Run(bucket), Objects(bucket)
    stored = leave_note(objects, FOLDER, {"vids": ["文"]}, run, run.deadline)
    (note,) = read_notes(objects, FOLDER, set(), run.deadline)
    assert note == Note(stored.key.removeprefix("prefix/"), NOW, {"vids": ["文"]})
    assert note.name.startswith(f"{FOLDER}20231114T221320Z-run-0-")
    assert bucket.json(note.name) == {"vids": ["文"]}


def test_notes_of_one_moment_are_as_many_as_there_are_things_to_say() -> None:
    """An event that arrives twice has one request id: what both runs say stays, and what they repeat is one note."""
    bucket = Bucket()
    run = Run(bucket)
    for vid in ("a", "b", "a"):
        leave_note(Objects(bucket), FOLDER, {"vids": [vid]}, run, run.deadline)
    leave_note(Objects(bucket), FOLDER, {"vids": ["a"]}, Run(bucket), run.deadline)
    said = [bucket.json(name)["vids"] for name in bucket.under(FOLDER)]
    assert sorted(said) == [["a"], ["a"], ["b"]]


def test_notes_are_read_oldest_first_but_those_seen() -> None:
    bucket = Bucket()
    for number in range(30):
        bucket.store(f"{FOLDER}{number:02}.json", {}, age=number)
    assert names(bucket) == [f"{number:02}.json" for number in range(30)]
    assert names(bucket, *(f"{FOLDER}{number:02}.json" for number in range(29))) == ["29.json"]


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b'["a"]', b'"a"', b"null"])
def test_what_is_no_object_is_passed_over(body: bytes) -> None:
    bucket = Bucket()
    for name in (FOLDER, f"{FOLDER}1.json", f"{FOLDER}deep/2.json", "watch/video.addedx/3.json"):
        bucket.store(name, body)
    bucket.store(f"{FOLDER}4.json", {})
    assert names(bucket) == ["4.json"]


def test_one_that_is_removed_between_list_and_read_is_passed_over() -> None:
    bucket = Bucket()
    for name in ("1.json", "2.json"):
        bucket.store(FOLDER + name, {})

    def remove(method: str, _: str) -> None:
        if method == "GET":
            bucket.objects.pop(f"{FOLDER}1.json", None)

    notes = read_notes(Objects(bucket, remove), FOLDER, set(), Run(bucket).deadline)
    assert [note.name for note in notes] == [f"{FOLDER}2.json"]


@pytest.mark.parametrize("method", ["LIST", "GET"])
def test_a_cos_that_refuses_is_told(method: str) -> None:
    bucket = Bucket()
    bucket.store(f"{FOLDER}1.json", {})
    bucket.store(f"{FOLDER}2.json", {})

    def refuse(asked: str, _: str) -> None:
        if asked == method:
            raise KeysRejected("no")

    with pytest.raises(KeysRejected):
        read_notes(Objects(bucket, refuse), FOLDER, set(), Run(bucket).deadline)


def test_notes_outlast_all_that_began_before_them_and_who_deletes_them() -> None:
    assert KEPT >= 2 * LONGEST_LIMIT


@pytest.mark.parametrize(
    ("ages", "kept"), [([0, KEPT], ["0", "1"]), ([KEPT + 1, 60], ["1"]), ([KEPT + 1] * 20, []), ([], [])]
)
def test_old_notes_are_deleted(ages: list[float], kept: list[str]) -> None:
    bucket = Bucket()
    for number, age in enumerate(ages):
        bucket.store(f"{FOLDER}{number}", {}, age)
    run, objects = Run(bucket), Objects(bucket)
    delete_old(objects, read_notes(objects, FOLDER, set(), run.deadline), run, run.deadline)
    assert bucket.under(FOLDER) == [FOLDER + name for name in kept]


def test_a_delete_that_is_refused_is_counted() -> None:
    bucket = Bucket()
    run = Run(bucket)

    def refuse(_: str, __: str) -> None:
        raise KeysRejected("no")

    delete_old(Objects(bucket, refuse), [Note("1", 0.0, {}), Note("2", 0.0, {})], run, run.deadline)
    assert run._counts["undeleted_notes"] == 2
