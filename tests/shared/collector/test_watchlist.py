"""What a sweep watches: the watch object, and the notes of callers who have added ids."""

from __future__ import annotations

import re

import pytest

from shared.collector.watchlist import NOTE_SIZE, Watched, add_ids, added_folder, ids_of, read_watched
from shared.errors import KeysRejected
from shared.tasks import VIDS, IdForm
from tests.support.bucket import ADDED, WATCH, Bucket, Objects, Run
from tests.support.wire import NOW


def read(bucket: Bucket, ids: IdForm = VIDS) -> Watched:
    return read_watched(Objects(bucket), WATCH, ids, Run(bucket).deadline)


@pytest.mark.parametrize(
    ("watch", "folder"),
    [(WATCH, ADDED), ("watch/video/", ADDED), ("team/a", "team/a.added/"), ("a.json.json", "a.json.added/")],
)
def test_a_watch_object_and_a_prefix_of_its_name_share_their_notes(watch: str, folder: str) -> None:
    assert added_folder(watch) == folder


#: A watch object, the ids in it, and what in it is no id; None: it is damaged.
OBJECTS: dict[str, tuple[object, list[str], list[object] | None]] = {
    "a list": (["b", "a"], ["b", "a"], []),
    "vids": ({"vids": ["b", "a"]}, ["b", "a"], []),
    "a filled shard": ({"vids": ["a"], "notes": ["x"]}, ["a"], []),
    "twice": (["a", "b", "a"], ["a", "b"], []),
    "empty": ([], [], []),
    "some invalid": (["a", "../b", 7, None, "a b"], ["a"], ["../b", 7, None, "a b"]),
    "no JSON": (b"[", [], None),
    "no list": ("a", [], None),
    "null": (None, [], None),
    "no vids": ({"ids": ["a"]}, [], None),
    "vids are no list": ({"vids": "a"}, [], None),
}


@pytest.mark.parametrize(("value", "vids", "invalid"), OBJECTS.values(), ids=OBJECTS)
@pytest.mark.parametrize("added", [[], ["n", "a"]], ids=["alone", "with a note"])
def test_watch_objects(value: object, vids: list[str], invalid: list[object] | None, added: list[str]) -> None:
    bucket = Bucket()
    bucket.store(WATCH, value)
    if added:
        bucket.store(f"{ADDED}1.json", {"vids": added})
    watched = read(bucket)
    assert watched.vids == list(dict.fromkeys([*vids, *added]))
    assert (watched.invalid, watched.damaged) == (invalid or [], invalid is None)
    assert [note.content for note in watched.notes] == ([{"vids": added}] if added else [])


def test_an_absent_watch_object_is_an_empty_one() -> None:
    assert read(Bucket()) == Watched([], [], damaged=False, etag="", notes=[])


def test_the_etag_is_that_of_the_object_read() -> None:
    bucket = Bucket()
    bucket.store(WATCH, [])
    (listed,) = Objects(bucket).list("watch/", Run(bucket).deadline)
    assert read(bucket).etag == listed.etag


def test_ids_are_those_of_the_back_end() -> None:
    bucket = Bucket()
    bucket.store(WATCH, ["a1", "b1"])
    bucket.store(f"{ADDED}1.json", {"vids": ["a2", "b2"]})
    watched = read(bucket, IdForm(re.compile("a."), "a and one more"))
    assert (watched.vids, watched.invalid) == (["a1", "a2"], ["b1", "b2"])


def test_a_note_of_a_person_may_say_anything() -> None:
    bucket = Bucket()
    bucket.store(f"{ADDED}1.json", {"vids": ["a", 7]})
    bucket.store(f"{ADDED}2.json", {"vids": "b"})
    bucket.store(f"{ADDED}3.json", {})
    watched = read(bucket)
    assert (watched.vids, watched.invalid, watched.damaged) == (["a"], [7], False)


def test_two_callers_at_the_same_moment_both_count_and_so_does_a_caller_who_asks_twice() -> None:
    bucket = Bucket()
    caller = Run(bucket)
    for run, vids in ((caller, ("a", "b")), (Run(bucket), ("b", "c")), (caller, ("a", "b")), (caller, ("d",))):
        add_ids(Objects(bucket), "watch/video/", vids, run)
    assert bucket.now == NOW
    assert sorted(read(bucket).vids) == ["a", "b", "c", "d"]
    assert len(bucket.under(ADDED)) == 3


@pytest.mark.parametrize(
    ("number", "notes"), [(1, 1), (NOTE_SIZE, 1), (NOTE_SIZE + 1, 2), (3 * NOTE_SIZE, 3), (3 * NOTE_SIZE + 1, 4)]
)
def test_many_ids_are_several_notes(number: int, notes: int) -> None:
    bucket = Bucket()
    vids = tuple(f"id{number}" for number in range(number))
    stored = add_ids(Objects(bucket), "watch/video/", vids, Run(bucket))
    written = [bucket.json(name)["vids"] for name in bucket.under(ADDED)]
    assert (len(written), max(map(len, written))) == (notes, min(number, NOTE_SIZE))
    assert sorted(read(bucket).vids) == sorted(vids)
    assert bucket.json(stored.key.removeprefix("prefix/"))["vids"][-1] == vids[-1]


def test_a_cos_that_refuses_is_told() -> None:
    def refuse(method: str, name: str) -> None:
        if (method, name) == ("GET", WATCH):
            raise KeysRejected("no")

    bucket = Bucket()
    with pytest.raises(KeysRejected):
        read_watched(Objects(bucket, refuse), WATCH, VIDS, Run(bucket).deadline)


@pytest.mark.parametrize(
    ("value", "ids"),
    [(["a", 7], ["a", 7]), ({"vids": ["a"]}, ["a"]), ({"vids": "a"}, []), ({}, []), ("a", []), (None, [])],
)
def test_ids_of(value: object, ids: list[object]) -> None:
    assert ids_of(value) == ids
