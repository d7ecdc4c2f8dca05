"""The watch object that people write: what it lists, and that it is read only when it has changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import pytest

from shared.collector.watchlist import END, LONGEST_NAME, MOST_NAMED, Listing, Progress, ids_of, read_watched
from shared.cos.objects import Chunk
from shared.errors import KeysRejected
from shared.invocation import Deadline
from shared.tasks import VIDS, IdForm
from tests.support.bucket import WATCH, Bucket, Objects, Run

T = TypeVar("T")


def read(bucket: Bucket, place: Progress | None = None, ids: IdForm = VIDS) -> Listing:
    return read_watched(Objects(bucket), WATCH, ids, place or Progress(), Run(bucket).deadline)


def etag(bucket: Bucket) -> str:
    (listed,) = Objects(bucket).list("watch/", Run(bucket).deadline).values()
    return listed


#: A watch object, the ids in it, and what in it is no id; None: it is damaged.
OBJECTS: dict[str, tuple[object, list[str], list[str] | None]] = {
    "a list": (["b", "a"], ["b", "a"], []),
    "vids": ({"vids": ["b", "a"]}, ["b", "a"], []),
    "a filled shard of an earlier version": ({"vids": ["a"], "notes": ["x"]}, ["a"], []),
    "twice": (["a", "b", "a"], ["a", "b"], []),
    "empty": ([], [], []),
    "some invalid": (["a", "../b", 7, None, ["c"]], ["a"], ['"../b"', "7", "null", '["c"]']),
    "no JSON": (b"[", [], None),
    "nothing": (b"", [], None),
    "deep": (b"[" * 100_000, [], None),
    "no list": ("a", [], None),
    "null": (None, [], None),
    "no vids": ({"ids": ["a"]}, [], None),
    "vids are no list": ({"vids": "a"}, [], None),
}


@pytest.mark.parametrize(("value", "vids", "invalid"), OBJECTS.values(), ids=OBJECTS)
def test_watch_objects(value: object, vids: list[str], invalid: list[str] | None) -> None:
    bucket = Bucket()
    bucket.store(WATCH, value)
    place = Progress(etag(bucket), END, invalid is None, tuple(invalid or ()))
    assert read(bucket) == Listing(vids, place, whole=invalid is not None)


def test_an_absent_watch_object_is_an_empty_one() -> None:
    assert read(Bucket()) == Listing([], Progress(), whole=True)
    assert read(Bucket(), Progress("old", END)) == Listing([], Progress(), whole=True)
    assert read(Bucket(), Progress("old", 100)) == Listing([], Progress(), whole=True)


@pytest.mark.parametrize("value", [["a"], ["a", "../b"], b"{"])
def test_an_object_that_has_not_changed_is_not_read_again(value: object) -> None:
    """It is asked for under the condition that it is another one than before."""
    bucket = Bucket()
    bucket.store(WATCH, value)
    first = read(bucket)
    assert read(bucket, first.progress) == Listing([], first.progress, whole=False)
    bucket.store(WATCH, ["a", "c"])
    assert read(bucket, first.progress) == Listing(["a", "c"], Progress(etag(bucket), END), whole=True)


class Spoiling(Objects):
    """A COS whose replies, or whose ETags, are not what was stored."""

    def read(
        self, name: str, deadline: Deadline, parse: Callable[[Chunk], T], start: int = 0, known: str = ""
    ) -> T | None:
        return super().read(name, deadline, lambda chunk: parse(chunk._replace(intact=False)), start, known)


def test_invalid_json_is_read_again_before_it_counts_as_damaged() -> None:
    """The ETag of an encrypted object is not its MD5, so nobody can tell; the sweep goes on without the list."""
    bucket = Bucket()
    bucket.store(WATCH, b"{")
    damaged = read_watched(Spoiling(bucket), WATCH, VIDS, Progress("old", END), Run(bucket).deadline)
    assert damaged == Listing([], Progress("", END, damaged=True), whole=False)
    bucket.store(WATCH, ["a"])
    assert read(bucket, damaged.progress).vids == ["a"]


def test_ids_are_those_of_the_back_end() -> None:
    bucket = Bucket()
    bucket.store(WATCH, ["a1", "b1"])
    listed = read(bucket, ids=IdForm("a.", "a and one more"))
    assert (listed.vids, listed.progress.invalid) == (["a1"], ('"b1"',))


def test_only_some_invalid_entries_are_named() -> None:
    bucket = Bucket()
    bucket.store(WATCH, ["x y" * 1000] * 1000)
    invalid = read(bucket).progress.invalid
    assert (len(invalid), {len(name) for name in invalid}) == (MOST_NAMED, {LONGEST_NAME})


def test_a_refusal_of_cos_fails_it() -> None:
    def refuse(method: str, name: str) -> None:
        raise KeysRejected("no")

    bucket = Bucket()
    with pytest.raises(KeysRejected):
        read_watched(Objects(bucket, refuse), WATCH, VIDS, Progress(), Run(bucket).deadline)


@pytest.mark.parametrize(
    ("value", "ids"),
    [(["a", 7], ["a", 7]), ({"vids": ["a"]}, ["a"]), ({"vids": "a"}, None), ({}, None), ("a", None), (None, None)],
)
def test_ids_of(value: object, ids: list[object] | None) -> None:
    assert ids_of(value) == ids
