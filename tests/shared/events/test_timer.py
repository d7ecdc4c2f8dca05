"""A timer's Message to one sweep: its spellings, and keys that would leave the prefix."""

from __future__ import annotations

import json

import pytest

from shared.errors import BadInput
from shared.events.timer import Sweep, read_sweep
from shared.tasks import AUDIO, VIDEO, Kind, split_ids

A, B = "421e6d34756e53814c99939ffeec49861519633537", "b-2"
MANY = tuple(f"id{number}" for number in range(5000))


def timer(message: object) -> dict[str, object]:
    """A timer's event; a Message that is no text is sent as JSON text."""
    text = message if isinstance(message, str) else json.dumps(message)
    return {"Type": "Timer", "TriggerName": "t", "Time": "2026-01-01T00:00:00Z", "Message": text}


@pytest.mark.parametrize("event", [timer(""), timer("x") | {"Message": None}, {"Type": "Timer", "TriggerName": "t"}])
@pytest.mark.parametrize("kind", [VIDEO, AUDIO])
def test_no_message_means_the_watch_object(event: dict[str, object], kind: Kind) -> None:
    assert read_sweep(event, kind) == Sweep(None, f"watch/{kind.name}.json", f"results/{kind.name}.json")


WATCH, RESULTS = "watch/video.json", "results/video.json"
MESSAGES: dict[str, tuple[object, Sweep]] = {
    "one id": (A, Sweep((A,), WATCH, RESULTS)),
    "comma text": (f" {A}, {B},", Sweep((A, B), WATCH, RESULTS)),
    "duplicates": (f"{B},{A},{B}", Sweep((B, A), WATCH, RESULTS)),
    "list": ([A, B], Sweep((A, B), WATCH, RESULTS)),
    "object": ({"vids": [A, B]}, Sweep((A, B), WATCH, RESULTS)),
    "object with comma text": ({"vids": f"{A},{B}"}, Sweep((A, B), WATCH, RESULTS)),
    "empty object": ({}, Sweep(None, WATCH, RESULTS)),
    "white space around": (f'  {{"vids": "{A}"}}\n', Sweep((A,), WATCH, RESULTS)),
    "all three": ({"vids": [A], "watch": "w.json", "results": "a/r.json"}, Sweep((A,), "w.json", "a/r.json")),
    "a prefix": ({"watch": "watch/video/"}, Sweep(None, "watch/video/", "results/video/")),
    "both prefixes": ({"watch": "a/", "results": "b/c/"}, Sweep(None, "a/", "b/c/")),
    "a shard": (
        {"watch": "a/s.json", "results": "b/s.json", "summary": "b/summary/s.json"},
        Sweep(None, "a/s.json", "b/s.json", "b/summary/s.json"),
    ),
    "a summary of the only object": (
        {"results": "r.json", "summary": "summary/r.json"},
        Sweep(None, WATCH, "r.json", "summary/r.json"),
    ),
    "an empty summary": ({"summary": ""}, Sweep(None, WATCH, RESULTS)),
    "another watch object": ({"watch": "team/a.json"}, Sweep(None, "team/a.json", RESULTS)),
    "nulls": ({"vids": None, "watch": None, "results": None}, Sweep(None, WATCH, RESULTS)),
    "unknown fields": ({"note": 1}, Sweep(None, WATCH, RESULTS)),
    "more than an HTTP query may": (list(MANY), Sweep(MANY, WATCH, RESULTS)),
}


@pytest.mark.parametrize(("message", "expected"), MESSAGES.values(), ids=MESSAGES)
def test_every_spelling_of_a_message(message: object, expected: Sweep) -> None:
    assert read_sweep(timer(message), VIDEO) == expected


REFUSED: dict[str, tuple[object, str]] = {
    "no id": ("../x", "vids: number 1"),
    "the second is no id": (f"{A},b c", "vids: number 2"),
    "commas only": (",", "vids"),
    "empty list": ([], "vids"),
    "empty ids": ({"vids": []}, "vids"),
    "ids of another type": ({"vids": 7}, "vids: number 1"),
    "broken object": ('{"vids": ', "Message"),
    "broken list": ("[", "Message"),
    "deep": ("[" * 100_000, "Message"),
    "a prefix into one object": ({"watch": "a/", "results": "b.json"}, "results"),
    "an object into a prefix": ({"watch": "a.json", "results": "b/"}, "results"),
    "the default object into a prefix": ({"results": "b/"}, "results"),
    "a prefix with ids": ({"watch": "a/", "vids": [A]}, "watch"),
    "a hostile prefix": ({"watch": "../"}, "watch"),
    "nothing but a slash": ({"watch": "/"}, "watch"),
    "two slashes": ({"watch": "a//"}, "watch"),
    "a hostile summary": ({"summary": "../x"}, "summary"),
    "a summary of another type": ({"summary": 7}, "summary"),
    "a summary over the results": ({"summary": RESULTS}, "summary"),
    "a summary over the watch object": ({"watch": "results/summary/a", "summary": "results/summary/a"}, "summary"),
    "a summary over results in its folder": ({"results": "summary/a", "summary": "summary/a"}, "summary"),
    "a summary elsewhere": ({"summary": "other/summary/video.json"}, "summary: must be an object in results/summary/"),
    "a summary beside its folder": ({"summary": "results/summaryvideo.json"}, "summary"),
    "a summary that is a folder": ({"summary": "results/summary/a/"}, "summary"),
    "a summary that is the folder": ({"summary": "results/summary/"}, "summary"),
    "results over the watch object": ({"results": WATCH}, "results: must not be the watch object"),
    "results over the watch list, with ids": ({"vids": [A], "results": WATCH}, "results: must not be"),
    "results beside what is watched": ({"watch": "a/", "results": "a/"}, "results: must not be"),
    "a name twice": ('{"vids": ["a"], "vids": ["b"]}', "Message"),
}


@pytest.mark.parametrize(("message", "field"), REFUSED.values(), ids=REFUSED)
def test_a_bad_message_names_the_field(message: object, field: str) -> None:
    with pytest.raises(BadInput) as raised:
        read_sweep(timer(message), VIDEO)
    assert raised.value.message.startswith(field)


@pytest.mark.parametrize("message", [7, ["a"], {"vids": ["a"]}, True])
def test_a_message_is_text(message: object) -> None:
    with pytest.raises(BadInput, match="Message: must be text"):
        read_sweep(timer("") | {"Message": message}, VIDEO)


HOSTILE: dict[str, object] = {
    "parent": "../x",
    "parent inside": "a/../../x",
    "parent last": "a/..",
    "absolute": "/x",
    "empty part": "a//b",
    "this": "a/./b",
    "dots": "...",
    "Windows": "C:\\x",
    "encoded": "a%2F..%2Fb",
    "query": "a?acl",
    "empty": "",
    "huge": "a" * 5000,
    "line end": "a\nb",
    "line end last": "a.json\n",
    "NUL": "a\0b",
    "space": "a b",
    "non-ASCII": "é.json",
    "surrogate": "\ud800",
    "number": 7,
    "list": ["a.json"],
    "object": {},
    "false": False,
}


@pytest.mark.parametrize("field", ["watch", "results"])
@pytest.mark.parametrize("key", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_key_is_refused(field: str, key: object) -> None:
    with pytest.raises(BadInput, match=f"{field}: must be a path"):
        read_sweep(timer({field: key}), VIDEO)


def test_valid_ids_are_split_from_other_values() -> None:
    rest: list[object] = ["", "a b", 7, None, [A], {"a": 1}, "é", f"{A}\n"]
    assert split_ids([A, *rest, B, A]) == ([A, B], rest)
    assert split_ids([]) == ([], [])
