"""Objects that are damaged or foreign, and entries that are no ids: named, and left as they are."""

from __future__ import annotations

import json
import re

import pytest

from shared.errors import DamagedObject
from tests.support.sweeps import RECOVERED, RESULTS, WATCH, results, summary, sweep
from tests.support.wire import Network, task

#: What is no watch object.
NO_LISTS = [b"", b'["a"', b"\xff", "text", 7, None, {}, {"vids": None}, {"vids": "a"}, {"vids": {"a": 1}}]


@pytest.mark.parametrize("damaged", NO_LISTS, ids=str)
def test_a_damaged_watch_object_is_named_and_left_unchanged(net: Network, damaged: object) -> None:
    cos = net.cos("GET", objects={WATCH: damaged})
    before = dict(cos.objects)
    assert sweep(net) == {**summary(), "damaged": ["watch/video.json"]}
    assert cos.objects == before


def test_beside_a_damaged_watch_object_the_added_ids_count(net: Network) -> None:
    net.media({"a": task("a")})
    net.cos("GET", "PUT", objects={WATCH: b"{", "media-query/watch/video.added/n.json": {"vids": ["a"]}})
    assert sweep(net) == {**summary(watched=1, succeeded=1), "damaged": ["watch/video.json"]}


@pytest.mark.parametrize(
    "damaged",
    [
        b"",
        b'["a"',
        "text",
        ["a"],
        {},
        results(summary(), action="GetCtsaudioInfo"),
        {"action": "GetVpResult"},
        {"action": "GetVpResult", "tasks": []},
        {"action": "GetVpResult", "tasks": {"a": task("a"), "b": None}},
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_damaged_results_object_is_named_and_left_unchanged(net: Network, damaged: object) -> None:
    net.media({"a": task("a"), "b": task("b", 3)})
    cos = net.cos("GET", "PUT", objects={WATCH: ["a", "b"], RESULTS: damaged})
    before = cos.objects[RESULTS]
    told = {**summary(watched=2, succeeded=1, pending=1), "damaged": ["results/video.json"]}
    assert sweep(net) == sweep(net) == told, "the next sweep goes on where this one ended"
    assert cos.objects[RESULTS] == before
    assert cos.json(RECOVERED)["tasks"] == {"a": task("a"), "b": task("b", 3)}
    assert [key for key in cos.puts if "/results/" in key and "found" not in key] == [RECOVERED]


def test_when_both_results_objects_are_damaged_nothing_is_asked_or_written(net: Network) -> None:
    net.cos("GET", objects={WATCH: ["a"], RESULTS: b"{", RECOVERED: b"{"})
    with pytest.raises(DamagedObject, match=r"results/video\.recovered\.json"):
        sweep(net)


@pytest.mark.parametrize(
    "state",
    [
        {"held": {"note": 10**400, "other": float("nan")}},
        {"held": {"note": "soon"}, "pending": [7], "added": {"a": 1}, "turn": {"a": 1}},
        {"parts": {"results/video.0001.json": {"again": 10**400}}},
        {"parts": {"results/video.0001.json": {"again": float("nan"), "counts": {"watched": "x"}}}},
        {"parts": {f"results/video.{'9' * 5000}.json": {}, "9": {}, ".0001.json": {}}},
        {"watch": {"etag": "x", "byte": 10**30, "invalid": []}},
        {"comparison": {"version": 7, "parts": {}, "found": None}},
        {"comparison": {"version": "x", "parts": [7], "found": "2x"}},
        "text",
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_a_results_object_remembers_may_be_anything(net: Network, state: object) -> None:
    """A person may have edited it: a number that is no time once failed each sweep."""
    net.media({"a": task("a")})
    cos = net.cos("GET", "PUT", objects={WATCH: ["a"], RESULTS: {**results(summary()), "state": state}})
    for _ in range(3):
        told = sweep(net)
        assert told == summary(watched=1, succeeded=1)
    assert cos.json(RESULTS)["tasks"] == {"a": task("a")}


def test_invalid_ids_are_named_and_never_sent(net: Network) -> None:
    media = net.media({"a": task("a")})
    strange = ["../b", "", 7, None, ["a"], {"vid": "a"}, "x" * 65, " a", "文\ud800"]
    net.cos("GET", "PUT", objects={WATCH: ["a", *strange, "a"]})
    told = sweep(net)
    named = ['"../b"', '""', "7", "null", '["a"]', '{"vid":"a"}', '"' + "x" * 63, '" a"', '"文\\ud800"']
    assert told == {**summary(watched=1, succeeded=1), "invalid": named}
    assert [call.asked for call in media.calls] == [["a"]]
    json.dumps(told)


def test_what_a_person_writes_into_the_state_is_neither_asked_nor_read_nor_deleted(net: Network) -> None:
    media = net.media({"a": task("a", 3)})
    victims = ["watch/victim.json", "../secret.json", "results/secret.0001.json"]
    parts = {name: {"counts": {}, "next_due": 0} for name in victims}
    state = {"pending": ["../x", "a"], "added": ["../x", "a"], "held": dict.fromkeys(victims, 1), "parts": parts}
    note = {"action": "GetVpResult", "tasks": {}, "part": "watch/victim.json"}
    objects = {
        RESULTS: {**results(summary()), "state": state},
        "media-query/results/video.found/1.json": note,
        "media-query/watch/victim.json": {},
    }
    cos = net.cos("GET", "PUT", objects=objects)
    sweep(net)
    assert [call.asked for call in media.calls] == [["a"]]
    assert (cos.deleted, "media-query/watch/victim.json" in cos.objects) == ([], True)
    assert not [request.url for request in cos.requests if re.search("victim|secret", str(request.url))]


def test_no_more_than_twenty_are_named(net: Network) -> None:
    net.cos("GET", objects={WATCH: list(range(50))})
    assert sweep(net) == {**summary(), "invalid": [str(number) for number in range(20)]}


def test_the_largest_object_of_an_earlier_version_is_read_and_written_in_parts(net: Network) -> None:
    """Earlier versions kept all records in one object, larger than any that is written now."""
    large = [task(f"large-{number}", url="x" * 3_000_000) for number in range(4)]
    watched = [str(record["vid"]) for record in large]
    cos = net.cos("GET", "PUT", objects={WATCH: watched, RESULTS: results(summary(), *large)})
    assert sweep(net) == sweep(net) == summary(watched=4, succeeded=4)
    parts = [cos.json(f"media-query/{name}") for name in cos.json(RESULTS)["parts"]]
    kept = [vid for part in (*parts, cos.json(RESULTS)) for vid in part["tasks"]]
    assert sorted(kept) == watched
