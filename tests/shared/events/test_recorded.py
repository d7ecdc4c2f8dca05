"""The event files, each optional key absent and null, and any JSON value at all as an event."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared.errors import QueryError
from shared.events.http import check_path, method
from shared.events.query import DIRECT, HTTP, TIMER, Query, as_event, read_query, trigger_of
from shared.events.timer import Sweep, read_sweep
from shared.settings import Settings, read_settings
from shared.tasks import AUDIO, VIDEO, VIDS, Kind
from tests.support.paths import EVENTS

#: A browser gets the page, so that what it asks is not read.
NAMES = sorted(path.name for path in EVENTS.glob("*.json") if "browser" not in path.name)
SOURCES = {"gateway": HTTP, "url": HTTP, "direct": DIRECT, "timer": TIMER}
#: What the events' names promise that is found out only when the API is asked.
ASKED_FIRST = {"query-video.gateway-unknown-id.404.json", "query-audio.url-no-id.400.json"}
#: Events whose headers or path decide what becomes of them.
TOLD_APART = {"query-audio.url-post-csv.200.json", "query-video.url-post-text.415.json"}
TOLD_APART |= {"query-video.url-favicon.404.json"}
OPTIONAL = ["requestContext", "path", "headers", "queryString", "queryStringParameters", "headerParameters"]
OPTIONAL += ["pathParameters", "body", "isBase64Encoded"]


def load_event(name: str) -> dict[str, Any]:
    """An event file's JSON object."""
    event = json.loads((EVENTS / name).read_text(encoding="utf-8"))
    assert isinstance(event, dict)
    return event


def kind_of(name: str) -> Kind:
    """The kind of task that an event file's function serves."""
    return {kind.function: kind for kind in (VIDEO, AUDIO)}[name.partition(".")[0]]


@pytest.fixture
def settings(local_environment: Callable[..., dict[str, str]]) -> Settings:
    return read_settings(local_environment(HTTP_WRITES="open"))


def outcome(event: object, kind: Kind, settings: Settings) -> Query | Sweep | int:
    """What is read of an event, or the HTTP status of its refusal."""
    try:
        known = as_event(event)
        if trigger_of(known) == TIMER:
            return read_sweep(known, kind)
        if trigger_of(known) == HTTP:
            check_path(known, kind.function)
            if method(known) == "OPTIONS":
                return 204
        return read_query(known, kind, settings)
    except QueryError as error:
        return error.http_status


@pytest.mark.parametrize("name", NAMES)
def test_an_event_is_read_as_its_name_promises(settings: Settings, name: str) -> None:
    event, (_, case, status, _) = load_event(name), name.split(".")
    assert trigger_of(event) == SOURCES[case.partition("-")[0]]
    read = outcome(event, kind_of(name), settings)
    if status == "200" or name in ASKED_FIRST:
        assert isinstance(read, (Query, Sweep))
    else:
        assert read == int(status)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "query-video.gateway-post-json.200.json",
            Query(
                ("b70bcd298ed25445c0b1f7d7083342431530606888", "a72c30a65853dc1466ec9ef681e7b76b1530600996"), False, ""
            ),
        ),
        ("query-audio.url-post-form.200.json", Query(("000628c22a4cfa9daac321c31d496393",), True, "")),
        ("query-audio.url-no-id.400.json", Query((), True, "")),
        ("query-audio.timer-watch.200.json", Sweep(None, "watch/audio.json", "results/audio-watched.json")),
    ],
)
def test_every_event_file_is_read_as_its_name_says(settings: Settings, name: str, expected: Query | Sweep) -> None:
    assert outcome(load_event(name), kind_of(name), settings) == expected


def carriers(event: dict[str, Any]) -> set[str]:
    """The keys of an HTTP event that its ids are read from."""
    if event["httpMethod"] != "POST":
        return {"queryString"}
    return {"body", "isBase64Encoded"} if event.get("isBase64Encoded") else {"body"}


@pytest.mark.parametrize("key", OPTIONAL)
@pytest.mark.parametrize(
    "name", [name for name in NAMES if "httpMethod" in load_event(name) and name not in TOLD_APART]
)
def test_each_optional_key_may_be_absent_or_null(settings: Settings, name: str, key: str) -> None:
    """Without a key that carries ids there are none, which audio allows; without another nothing changes."""
    event, kind = load_event(name), kind_of(name)
    absent = {name: value for name, value in event.items() if name != key}
    without = outcome(absent, kind, settings)
    assert without == outcome({**event, key: None}, kind, settings)
    if key not in carriers(event):
        assert without == outcome(event, kind, settings)
    elif event["httpMethod"] in ("GET", "POST"):
        no_ids = kind == AUDIO and key != "isBase64Encoded"  # without the flag the body is no JSON
        assert without == (Query((), True, "") if no_ids else 400)


words = st.sampled_from(
    ["GET", "POST", "PUT", "Timer", "t", "cos", "csv", "a,b", "a", "../x", '{"vids": ["a"]}', "vids=a"]
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | words,
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text() | words, children, max_size=4),
    max_leaves=8,
)
READ = [
    "httpMethod",
    "headers",
    "queryString",
    "body",
    "isBase64Encoded",
    "Message",
    "vids",
    "vid",
    "vids.0",
    "output",
    "format",
]
READ += ["Type", "TriggerName", "watch", "results", "content-type", "authorization"]
objects = st.dictionaries(st.sampled_from(READ), json_values, max_size=5)
http_events = st.fixed_dictionaries(
    {"httpMethod": words},
    optional={
        "headers": objects | json_values,
        "queryString": objects | json_values,
        "body": objects.map(json.dumps) | json_values,
        "isBase64Encoded": st.booleans() | json_values,
    },
)
messages = st.fixed_dictionaries({"Message": objects.map(json.dumps) | json_values})
kinds = st.sampled_from([VIDEO, AUDIO])
GUARDED = read_settings({"SECRET_ID": "id", "SECRET_KEY": "key", "API_TOKEN": "t"})


@example({"Type": "Timer", "TriggerName": "t"}, VIDEO, GUARDED._replace(api_token=""))
@given(json_values | objects | http_events, kinds, st.sampled_from([GUARDED, GUARDED._replace(api_token="")]))
def test_any_event_is_a_query_or_is_refused(event: object, kind: Kind, settings: Settings) -> None:
    try:
        query = read_query(as_event(event), kind, settings)
    except QueryError:
        return
    assert all(VIDS.matches(vid) for vid in query.vids)
    assert set(query.vids) == set(query.asked)
    assert query.output == "" or trigger_of(event) == DIRECT or settings.api_token
    assert query.vids or (kind == AUDIO and query.single)


@given(objects | messages, kinds)
def test_any_timer_event_is_a_sweep_or_is_refused(event: dict[str, object], kind: Kind) -> None:
    try:
        sweep = read_sweep(event, kind)
    except QueryError:
        return
    assert sweep.vids is None or (sweep.vids and all(VIDS.matches(vid) for vid in sweep.vids))
    assert not any(part.strip(".") == "" for key in (sweep.watch, sweep.results) for part in key.split("/"))
