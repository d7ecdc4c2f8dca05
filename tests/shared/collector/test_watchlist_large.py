"""A watch object that is too large to be read at once: it is read chunk by chunk."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterator
from itertools import count
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.collector.watchlist import END, MOST_NAMED, Listing, Progress, read_watched
from shared.invocation import Deadline
from shared.tasks import VIDS
from tests.support import bucket as bucket_module
from tests.support.bucket import WATCH, Bucket, Objects, Run


def chunks(body: object, size: int, place: Progress | None = None) -> Iterator[Listing]:
    """What each sweep reads of a watch object in a bucket whose chunks have so many bytes."""
    bucket = Bucket()
    bucket.store(WATCH, body)
    place = place or Progress()
    for _ in count():
        with patch.object(bucket_module, "CHUNK", size):
            listing = read_watched(Objects(bucket), WATCH, VIDS, place, Run(bucket).deadline)
        yield listing
        if listing.progress.byte == END:
            return
        assert listing.progress.byte > place.byte, "each reads on"
        place = listing.progress


def whole(body: object, size: int) -> tuple[list[str], Progress]:
    """All ids of a watch object, and the last place."""
    listings = list(chunks(body, size))
    return list(dict.fromkeys(vid for listing in listings for vid in listing.vids)), listings[-1].progress


IDS = [f"id-{number}" for number in range(50)]
#: The same list, as people may write it.
SPELLINGS: dict[str, str] = {
    "compact": json.dumps(IDS, separators=(",", ":")),
    "with blanks": json.dumps(IDS),
    "a line each": json.dumps(IDS, indent=4),
    "vids": json.dumps({"vids": IDS}),
    "vids, a line each": json.dumps({"vids": IDS}, indent=2),
    "vids and more": json.dumps({"vids": IDS, "notes": ["x"]}),
    "escaped": "[" + ",".join(f'"\\u0069d\\u002d{number}"' for number in range(50)) + "]",
    "spaced out": " \n[ " + " ,\r\n\t".join(map(json.dumps, IDS)) + " ] ",
    "twice": json.dumps(IDS + IDS),
}


@pytest.mark.parametrize("text", SPELLINGS.values(), ids=SPELLINGS)
@pytest.mark.parametrize("size", [40, 41, 97, 256])
def test_a_list_is_read_in_chunks(text: str, size: int) -> None:
    ids, last = whole(text.encode(), size)
    assert (ids, last.damaged, last.invalid) == (IDS, False, ())


def test_no_chunk_says_that_it_is_all_there_is() -> None:
    assert [listing.whole for listing in chunks(IDS, 100)] == [False] * len(list(chunks(IDS, 100)))
    assert [listing.whole for listing in chunks(IDS, 10_000)] == [True]


def test_invalid_entries_are_named_and_not_watched() -> None:
    value = ["a", 7, None, True, 1.5e300, "../b", 'quoted "x"', "back\\slash", "comma,", "文", "c"]
    ids, last = whole(json.dumps(value).encode(), 40)
    assert ids == ["a", "c"]
    assert [json.loads(name) for name in last.invalid] == value[1:-1]
    _, last = whole(["no id"] * 100, 40)
    assert len(last.invalid) == MOST_NAMED


#: What is no list of plain values, and the ids before that is seen.
BROKEN: dict[str, tuple[str, list[str]]] = {
    "nested": ('["aaaaaaaa","bbbbbbbb",["cccccccc"],"dddddddd"]', ["aaaaaaaa", "bbbbbbbb"]),
    "an object in it": ('["aaaaaaaa","bbbbbbbb",{"vid":"cccccccc"}]', ["aaaaaaaa", "bbbbbbbb"]),
    "cut": ('["aaaaaaaa","bbbbbbbb","cccccccc', ["aaaaaaaa", "bbbbbbbb"]),
    "cut behind a comma": ('["aaaaaaaa","bbbbbbbb","cccccccc",', ["aaaaaaaa", "bbbbbbbb", "cccccccc"]),
    "not closed": ('["aaaaaaaa","bbbbbbbb","cccccccc"', ["aaaaaaaa", "bbbbbbbb"]),
    "without quotes": ('["aaaaaaaa",bbbbbbbb,"cccccccc"]', ["aaaaaaaa"]),
    "a wrong escape": ('["aaaaaaaa","bb\\qbbbbb","cccccccc"]', ["aaaaaaaa"]),
    "two commas": ('["aaaaaaaa",,"bbbbbbbb","cccccccc"]', ["aaaaaaaa"]),
    "a text": ('"aaaaaaaa bbbbbbbb cccccccc"', []),
    "another object": ('{"ids":["aaaaaaaa","bbbbbbbb","cccccccc"]}', []),
    "vids behind others": ('{"notes":[],"vids":["aaaaaaaa","bbbbbbbb"]}', []),
    "an endless entry": ('["aaaaaaaa","' + "b" * 100 + '"]', ["aaaaaaaa"]),
    "blanks only": (" " * 100, []),
}


@pytest.mark.parametrize(("text", "ids"), BROKEN.values(), ids=BROKEN)
def test_the_rest_of_a_list_counts_as_damaged_after_a_nested_value(text: str, ids: list[str]) -> None:
    found, last = whole(text.encode(), 24)
    assert (found, last.damaged, last.byte) == (ids, True, END)


def test_a_list_that_ends_behind_a_comma_is_damaged_where_it_ends() -> None:
    assert [listing.progress.damaged for listing in chunks(b'["aaaaaaaa","bbbbbbbb",', 12)] == [False, True]


def test_a_damaged_list_is_not_read_again_until_it_is_another() -> None:
    bucket = Bucket()
    bucket.store(WATCH, b'["aaaaaaaa","bbbbbbbb",["cccccccc"]]')
    *_, last = chunks(bucket.objects[WATCH], 24)
    assert read_watched(Objects(bucket), WATCH, VIDS, last.progress, Run(bucket).deadline) == Listing(
        [], last.progress, False
    )
    bucket.store(WATCH, ["a"])
    assert read_watched(Objects(bucket), WATCH, VIDS, last.progress, Run(bucket).deadline).vids == ["a"]


def test_a_list_that_changes_while_it_is_read_is_read_from_its_beginning() -> None:
    bucket = Bucket()
    with patch.object(bucket_module, "CHUNK", 40):
        bucket.store(WATCH, IDS)
        first = read_watched(Objects(bucket), WATCH, VIDS, Progress(), Run(bucket).deadline)
        bucket.store(WATCH, ["new", *IDS])
        again = read_watched(Objects(bucket), WATCH, VIDS, first.progress, Run(bucket).deadline)
    assert (first.progress.byte > 0, again.vids[0]) == (True, "new")


def test_a_list_is_read_from_its_beginning_where_its_rest_can_not_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    bucket = Bucket()
    bucket.store(WATCH, IDS)
    with patch.object(bucket_module, "CHUNK", 40):
        first = read_watched(Objects(bucket), WATCH, VIDS, Progress(), Run(bucket).deadline)
    read = Objects.read

    def from_the_beginning(self: Objects, name: str, deadline: Deadline, *more: Any) -> Listing | None:
        return read(self, name, deadline, *more) if more[1] == 0 else None

    monkeypatch.setattr(Objects, "read", from_the_beginning)
    assert read_watched(Objects(bucket), WATCH, VIDS, first.progress, Run(bucket).deadline).vids == IDS


ENTRIES = (
    st.text(st.sampled_from('ab,"\\[]{} \n文:/'), max_size=8) | st.integers() | st.booleans() | st.none() | st.floats()
)


@given(st.lists(ENTRIES, min_size=1, max_size=30), st.integers(0, 3), st.booleans(), st.data())
def test_a_list_says_the_same_wherever_it_is_cut(
    value: list[object], indent: int, wrapped: bool, data: st.DataObject
) -> None:
    text = json.dumps({"vids": value} if wrapped else value, indent=indent or None)
    body = text.encode() if data.draw(st.booleans()) else json.dumps(json.loads(text), ensure_ascii=False).encode()
    longest = max(len(json.dumps(entry)) for entry in value) + 40
    size = data.draw(st.integers(longest, max(longest, len(body))))
    (at_once,) = chunks(body, len(body))
    found, last = whole(body, size)
    assert (found, last.damaged) == (at_once.vids, False)
    assert last.invalid[:MOST_NAMED] == at_once.progress.invalid


@given(st.binary(max_size=80), st.integers(1, 40))
def test_whatever_lies_there_is_read_to_an_end(body: bytes, size: int) -> None:
    listings = list(chunks(b'["aaaa",' + body, size))
    assert listings[-1].progress.byte == END
    assert len(listings) <= len(body) + 10


@pytest.mark.parametrize("piece", ["x", "\\n", "\\\\", " ", "[", "{"])
@pytest.mark.parametrize("before", ['["a","', '["a",', "[", '{"vids":["'])
def test_an_entry_of_any_length_takes_no_more_memory_than_its_chunk(before: str, piece: str) -> None:
    """One text of some MB once took 140 bytes for each of its own, and killed each sweep."""
    body = (before + piece * 1_000_000).encode()
    tracemalloc.start()
    try:
        listings = list(chunks(body, len(body) - 1))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (listings[-1].progress.damaged, set(listings[-1].vids) <= {"a"}) == (True, True)
    assert peak < 4 * len(body)
