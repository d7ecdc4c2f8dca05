"""The journal: small objects, each written once, read once, deleted when the object has held them for long."""

from __future__ import annotations

import json

import pytest

from shared.cos.journal import (
    FOLDED,
    KEPT,
    MOST_NOTE_BYTES,
    MOST_NOTES,
    STALE,
    UNREADABLE,
    Held,
    Note,
    delete_notes,
    read_notes,
    write_note,
)
from shared.cos.objects import PAGE
from shared.errors import KeysRejected, OutOfTime
from shared.invocation import LONGEST_LIMIT
from shared.net.json_text import to_bytes
from tests.support.bucket import Bucket, Hook, Objects, Run, nothing, one_after_the_other
from tests.support.wire import NOW

pytestmark = pytest.mark.usefixtures(one_after_the_other.__name__)

FOLDER = "watch/video.added/"
MOST = 1000


def read(bucket: Bucket, held: Held | None = None, before: Hook = nothing) -> list[Note]:
    objects = Objects(bucket, before)
    return list(read_notes(objects, FOLDER, {} if held is None else held, Run(bucket).deadline, MOST))


def names(bucket: Bucket, *held: str) -> list[str]:
    return [note.name.removeprefix(FOLDER) for note in read(bucket, {FOLDER + name: NOW + KEPT for name in held})]


def test_a_note_is_found_with_its_content() -> None:
    bucket = Bucket()
    objects = Objects(bucket)
    stored = write_note(objects, FOLDER, to_bytes({"vids": ["文"]}))
    (note,) = read(bucket)
    assert note == Note(stored.key.removeprefix("prefix/"), {"vids": ["文"]})
    assert note.name.startswith(f"{FOLDER}20231114T221320Z-run-0-")
    assert bucket.json(note.name) == {"vids": ["文"]}


def test_notes_of_one_moment_are_as_many_as_there_are_things_to_say() -> None:
    """An event that arrives twice has one request id: what both runs say stays, and what they repeat is one note."""
    bucket = Bucket()
    objects = Objects(bucket)
    for vid in ("a", "b", "a"):
        write_note(objects, FOLDER, to_bytes({"vids": [vid]}))
    write_note(Objects(bucket), FOLDER, to_bytes({"vids": ["a"]}))
    said = [bucket.json(name)["vids"] for name in bucket.under(FOLDER)]
    assert sorted(said) == [["a"], ["a"], ["b"]]


def test_notes_list_in_the_order_in_which_they_were_left() -> None:
    bucket = Bucket()
    for number in range(12):
        write_note(Objects(bucket), FOLDER, to_bytes({"number": number}))
        bucket.now += 1
    assert [note.content for note in read(bucket)] == [{"number": number} for number in range(12)]


def test_those_that_are_held_are_not_read() -> None:
    bucket = Bucket()
    for number in range(30):
        bucket.store(f"{FOLDER}{number:02}.json", {"n": number})
    assert names(bucket) == [f"{number:02}.json" for number in range(30)]
    assert names(bucket, *(f"{number:02}.json" for number in range(29))) == ["29.json"]


def test_more_notes_than_a_page_are_read_page_by_page() -> None:
    bucket = Bucket()
    for number in range(2 * PAGE + 1):
        bucket.store(f"{FOLDER}{number:05}.json", {"n": number})
    calls: list[str] = []
    objects = Objects(bucket, lambda method, _: calls.append(method))
    notes = read_notes(objects, FOLDER, {}, Run(bucket).deadline, MOST)
    assert next(notes).name == f"{FOLDER}00000.json"
    assert calls.count("LIST") == 1, "the next page is asked for when it is wanted"
    assert calls.count("GET") <= MOST_NOTES, "no more are read than memory may hold"
    assert len(list(notes)) == 2 * PAGE
    assert (calls.count("LIST"), calls.count("GET")) == (3, 2 * PAGE + 1)


def test_of_large_notes_fewer_are_read_at_once() -> None:
    bucket = Bucket()
    for number in range(10):
        bucket.store(f"{FOLDER}{number}.json", {"n": number})
    calls: list[str] = []
    objects = Objects(bucket, lambda method, _: calls.append(method))
    next(read_notes(objects, FOLDER, {}, Run(bucket).deadline, MOST_NOTE_BYTES // 3))
    assert calls.count("GET") == 3


def test_a_note_that_is_too_large_is_unreadable() -> None:
    bucket = Bucket()
    bucket.store(f"{FOLDER}large.json", {"vids": ["x" * MOST]})
    assert read(bucket) == [Note(f"{FOLDER}large.json", None)]


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b'["a"]', b'"a"', b"null"])
def test_a_note_without_content_is_unreadable(body: bytes) -> None:
    bucket = Bucket()
    for name in (f"{FOLDER}1.json", f"{FOLDER}deep/2.json", "watch/video.addedx/3.json"):
        bucket.store(name, body)
    bucket.store(f"{FOLDER}4.json", {"n": 4})
    assert read(bucket) == [Note(f"{FOLDER}1.json", None), Note(f"{FOLDER}4.json", {"n": 4})]


def test_an_unreadable_note_is_forgotten_when_it_is_gone() -> None:
    """It is held without a time, so that it is neither read again nor deleted."""
    bucket = Bucket()
    bucket.store(f"{FOLDER}1.json", b"{")
    left: Held = {f"{FOLDER}1.json": UNREADABLE, f"{FOLDER}3.json": NOW, "elsewhere": UNREADABLE}
    held = {**left, f"{FOLDER}2.json": UNREADABLE}
    assert read(bucket, held) == []
    assert held == left


def test_one_that_is_removed_between_list_and_read_is_passed_over() -> None:
    bucket = Bucket()
    for name in ("1.json", "2.json"):
        bucket.store(FOLDER + name, {"n": 1})

    def remove(method: str, _: str) -> None:
        if method == "GET":
            bucket.remove(f"{FOLDER}1.json")

    assert [note.name for note in read(bucket, before=remove)] == [f"{FOLDER}2.json"]


@pytest.mark.parametrize("method", ["LIST", "GET"])
def test_a_refusal_of_cos_fails_it(method: str) -> None:
    bucket = Bucket()
    bucket.store(f"{FOLDER}1.json", {"n": 1})
    bucket.store(f"{FOLDER}2.json", {"n": 2})

    def refuse(asked: str, _: str) -> None:
        if asked == method:
            raise KeysRejected("no")

    with pytest.raises(KeysRejected):
        read(bucket, before=refuse)


def test_notes_read_before_the_deadline_are_yielded() -> None:
    bucket = Bucket()
    for number in range(9):
        bucket.store(f"{FOLDER}{number}.json", {"n": number})

    def slow(_: str, __: str) -> None:
        bucket.now += 1

    run = Run(bucket, 5.5)  # half a second of it is kept for the reply
    notes = read_notes(Objects(bucket, slow), FOLDER, {}, run.deadline, MOST)
    assert [note.content for note in notes] == [{"n": number} for number in range(4)]


def test_a_hung_cos_raises() -> None:
    bucket = Bucket()

    def hang(_: str, __: str) -> None:
        raise OutOfTime("COS does not answer")

    with pytest.raises(OutOfTime):
        read(bucket, before=hang)


def test_notes_outlast_every_invocation_that_may_not_have_seen_them() -> None:
    assert KEPT >= STALE + LONGEST_LIMIT + STALE + LONGEST_LIMIT
    assert FOLDED >= 2 * STALE


def test_notes_are_deleted_and_those_that_are_gone_already_as_well() -> None:
    bucket = Bucket()
    for name in ("1", "2", "3"):
        bucket.store(FOLDER + name, {})
    asked = [f"{FOLDER}1", f"{FOLDER}3", f"{FOLDER}gone"]
    assert delete_notes(Objects(bucket), asked, Run(bucket).deadline) == asked
    assert bucket.under(FOLDER) == [f"{FOLDER}2"]


def test_as_many_are_deleted_as_there_is_time_for() -> None:
    bucket = Bucket()
    asked = [f"{FOLDER}{number}" for number in range(9)]
    for name in asked:
        bucket.store(name, {})

    def slow(_: str, __: str) -> None:
        bucket.now += 1

    assert delete_notes(Objects(bucket, slow), asked, Run(bucket, 4.4).deadline) == asked[:4]
    assert bucket.under(FOLDER) == asked[4:]


def test_a_delete_that_is_refused_is_counted(capsys: pytest.CaptureFixture[str]) -> None:
    bucket = Bucket()
    run = Run(bucket)

    def refuse(_: str, name: str) -> None:
        if name != "2":
            raise KeysRejected("no")

    assert delete_notes(Objects(bucket, refuse, run=run), ["1", "2", "3"], run.deadline) == ["2"]
    run.log()
    assert json.loads(capsys.readouterr().out)["undeleted_notes"] == 2
