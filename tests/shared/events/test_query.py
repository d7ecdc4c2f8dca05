"""HTTP and direct events to one query: spellings of the ids, refusals, the token."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from urllib.parse import urlencode

import pytest

from shared.errors import BadInput, TooManyIds
from shared.events.query import DIRECT, HTTP, TIMER, Query, as_event, read_query, trigger_of
from shared.settings import Settings, read_settings
from shared.tasks import AUDIO, VIDEO, IdForm, Kind

A, B, C = "421e6d34756e53814c99939ffeec49861519633537", "b-2", "C_3"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
JSON = {"Content-Type": "application/json; charset=utf-8"}

Event = dict[str, object]


@pytest.fixture
def settings(local_environment: Callable[..., dict[str, str]]) -> Settings:
    return read_settings(local_environment(MAX_VIDS="12", HTTP_WRITES="open"))


def get(**query: object) -> Event:
    """A function URL's GET."""
    return {"httpMethod": "GET", "headers": {}, "queryString": query}


def post(body: object, headers: dict[str, str] = FORM, *, query: Event | None = None, encode: bool = False) -> Event:
    """A gateway's POST; a body that is no text is sent as JSON, and any in Base64 when asked to."""
    text = body if isinstance(body, str) else json.dumps(body)
    if encode:
        text = base64.b64encode(text.encode()).decode()
    event: Event = {"httpMethod": "POST", "headers": headers, "queryString": query or {}, "requestContext": {}}
    return {**event, "body": text, "isBase64Encoded": encode}


TWELVE = [f"id{number}" for number in range(12)]
DOTTED = {f"vids.{number}": f"id{number}" for number in (10, 1, 0, 11, *range(2, 10))}
SPELLINGS: dict[str, tuple[Event, list[str]]] = {
    "comma text": (get(vids=f"{A},{B}"), [A, B]),
    "comma text with spaces": (get(vids=f" {A} , {B} "), [A, B]),
    "comma text with gaps": (get(vids=f",{A},,{B},"), [A, B]),
    "one in a list": (get(vids=[A]), [A]),
    "repeated": (get(vids=[A, B]), [A, B]),
    "repeated comma texts": (get(vids=[f"{A},{B}", C]), [A, B, C]),
    "vid": (get(vid=A), [A]),
    "dotted": (get(**{"vids.0": A, "vids.1": B}), [A, B]),
    "dotted, 2 before 10": (get(**DOTTED), TWELVE),
    "dotted, with a gap": (get(**{"vids.7": B, "vids.3": A}), [A, B]),
    "dotted, in lists": (get(**{"vids.0": [A], "vids.1": [B]}), [A, B]),
    "duplicates, as they were asked": (get(vids=f"{B},{A},{B},{B}"), [B, A, B, B]),
    "a large index": (get(**{"vids.0": A, "vids.999999999": B}), [A, B]),
    "JSON": (post({"vids": [A, B]}, JSON), [A, B]),
    "JSON comma text": (post({"vids": f"{A},{B}"}, JSON), [A, B]),
    "JSON one": (post({"vids": A}, JSON), [A]),
    "JSON dotted": (post({"vids.1": B, "vids.0": A}, JSON), [A, B]),
    "JSON vid": (post({"vid": A}, JSON), [A]),
    "JSON without a content type": (post({"vids": [A]}, {}), [A]),
    "JSON sent as a form by curl": (post({"vids": [A, B]}, FORM), [A, B]),
    "JSON after white space": (post(f'\n  {{"vids": ["{A}"]}}', FORM), [A]),
    "form": (post(urlencode({"vids": f"{A},{B}"})), [A, B]),
    "form, repeated": (post(f"vids={A}&vids={B}"), [A, B]),
    "form, dotted": (post(urlencode({"vids.1": B, "vids.0": A})), [A, B]),
    "form without a content type": (post(f"vids={A}", {}), [A]),
    "form with encoded commas": (post(f"vids={A}%2C+{B}"), [A, B]),
    "Base64 JSON": (post({"vids": [A]}, JSON, encode=True), [A]),
    "Base64 form": (post(f"vids={A}", encode=True), [A]),
    "POST with a query only": (post("", query={"vids": A}), [A]),
    "direct": ({"vids": [A, B]}, [A, B]),
    "direct comma text": ({"vids": f"{A},{B}"}, [A, B]),
    "direct vid": ({"vid": A}, [A]),
    "direct dotted": ({"vids.0": A, "vids.1": B}, [A, B]),
    "direct, null beside": ({"vid": None, "vids": [A], "output": None}, [A]),
    "an unknown field beside": (get(vids=A, page="2", vidsx=B), [A]),
    "the longest id": (get(vids="x" * 64), ["x" * 64]),
}


@pytest.mark.parametrize(("event", "vids"), SPELLINGS.values(), ids=SPELLINGS)
def test_every_spelling_of_the_ids(settings: Settings, event: Event, vids: list[str]) -> None:
    assert read_query(event, VIDEO, settings) == Query(tuple(vids), single=False, output="")


BODY_WINS = {
    "vids": (post({"vids": [A]}, JSON, query={"vids": B}), (A,), ""),
    "vid": (post(f"vid={A}", query={"vid": B}), (A,), ""),
    "output": (post({"vid": A, "output": ""}, JSON, query={"output": "cos"}), (A,), ""),
    "the rest of the query stays": (post(f"vids={A}", query={"vids": B, "output": "cos"}), (A,), "cos"),
}


@pytest.mark.parametrize(("event", "vids", "output"), BODY_WINS.values(), ids=BODY_WINS)
def test_the_body_wins_over_the_query(settings: Settings, event: Event, vids: tuple[str, ...], output: str) -> None:
    assert read_query(event, VIDEO, settings) == Query(vids, single=False, output=output)


def test_a_get_has_no_body(settings: Settings) -> None:
    assert read_query(get(vids=A) | {"body": f"vids={B}"}, VIDEO, settings).vids == (A,)


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (get(vid=A), Query((A,), single=True, output="")),
        (get(vids=A), Query((A,), single=False, output="")),
        (get(vids=[A, B]), Query((A, B), single=False, output="")),
        (get(), Query((), single=True, output="")),
        (post(""), Query((), single=True, output="")),
        ({"httpMethod": "GET"}, Query((), single=True, output="")),
        ({}, Query((), single=True, output="")),
        ({"output": "cos"}, Query((), single=True, output="cos")),
        ({"vid": A, "output": "cos"}, Query((A,), single=True, output="cos")),
    ],
)
def test_audio_asks_for_one_record_by_vid(settings: Settings, event: Event, expected: Query) -> None:
    assert read_query(event, AUDIO, settings) == expected


@pytest.mark.parametrize("kind", [VIDEO, AUDIO])
@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (post(f"vids={A}&vids={B}&output=watch"), (A, B)),
        (post({"vids": [A], "output": "watch"}, JSON), (A,)),
        ({"vid": A, "output": "watch"}, (A,)),
    ],
)
def test_ids_to_watch(settings: Settings, kind: Kind, event: Event, expected: tuple[str, ...]) -> None:
    query = read_query(event, kind, settings)
    assert (query.vids, query.output, query.watch) == (expected, "watch", f"watch/{kind.name}/")


def test_ids_are_those_of_the_back_end(settings: Settings) -> None:
    form = IdForm("j[0-9]", "j and a digit")
    assert read_query(get(vids="j1,j2"), VIDEO, settings, form).vids == ("j1", "j2")
    with pytest.raises(BadInput, match=r"vids: number 2 is not an id \(j and a digit\)"):
        read_query(get(vids=f"j1,{A}"), VIDEO, settings, form)


REFUSED: dict[str, tuple[Event, Kind, str]] = {
    "nothing to watch": (post("output=watch"), VIDEO, "vids"),
    "nothing to watch, audio": ({"output": "watch"}, AUDIO, "vids"),
    "no id": (get(), VIDEO, "vids"),
    "empty ids": (get(vids=""), VIDEO, "vids"),
    "commas only": (get(vids=" , "), AUDIO, "vids"),
    "empty list": ({"vids": []}, AUDIO, "vids"),
    "empty vid": (get(vid=""), AUDIO, "vid"),
    "two in vid": (get(vid=f"{A},{B}"), AUDIO, "vid"),
    "vid twice": (get(vid=[A, B]), AUDIO, "vid"),
    "vid and vids": (get(vid=A, vids=B), AUDIO, "vid"),
    "vid and vids.0": (get(vid=A, **{"vids.0": B}), VIDEO, "vid"),
    "no id text": (get(vids=f"{A},../x"), VIDEO, "vids: number 2"),
    "too long": (get(vids="x" * 65), VIDEO, "vids: number 1"),
    "non-ASCII": (get(vids="é"), VIDEO, "vids: number 1"),
    "a line end": ({"vids": [f"{A}\n{B}"]}, VIDEO, "vids: number 1"),
    "a key without value": (get(vids=True), VIDEO, "vids: number 1"),
    "a number": ({"vids": [A, 7]}, VIDEO, "vids: number 2"),
    "a nested list": ({"vids": [A, [B]]}, VIDEO, "vids: number 2"),
    "an object": ({"vid": {"a": 1}}, AUDIO, "vid: number 1"),
    "a null among them": ({"vids": [None]}, VIDEO, "vids: number 1"),
    "output": (get(vids=A, output="disk"), VIDEO, "output"),
    "output as a list": (get(vids=A, output=["cos", "cos"]), VIDEO, "output"),
    "output as a number": ({"vids": [A], "output": 1}, VIDEO, "output"),
    "broken JSON": (post('{"vids": [', JSON), VIDEO, "body"),
    "deep JSON": (post("[" * 7000, JSON), VIDEO, "body"),
    "JSON that is no object": (post([A], JSON), VIDEO, "body"),
    "JSON null": (post("null", JSON), VIDEO, "body"),
    "a long number": (post('{"vids": ' + "9" * 5000 + "}", JSON), VIDEO, ""),
    "text called JSON": (post(f"vids={A}", JSON), VIDEO, "body"),
    "JSON with a name twice": (post(f'{{"vids": ["{A}"], "vids": ["{B}"]}}', JSON), VIDEO, "body"),
    "JSON with an inner name twice": (post('{"vids": [{"a": 1, "a": 2}]}', JSON), VIDEO, "body"),
    "vids and vids.1": (get(vids=A, **{"vids.1": B}), VIDEO, "vids: give vids, or vids.0"),
    "vids and vids.0 of the query": (post(f"vids={A}", query={"vids.0": B}), VIDEO, "vids: give vids, or vids.0"),
    "an index with a leading zero": (get(**{"vids.0": A, "vids.00": B}), VIDEO, "vids: after vids."),
    "an index that is no number": (get(**{"vids.0": A, "vids.x": B}), VIDEO, "vids: after vids."),
    "a negative index": (get(**{"vids.-1": A}), VIDEO, "vids: after vids."),
    "an index of other digits": (get(**{"vids.१": A}), VIDEO, "vids: after vids."),
    "an index without a number": (get(**{"vids.": A}), VIDEO, "vids: after vids."),
    "an index of ten digits": (get(**{"vids.1000000000": A}), VIDEO, "vids: after vids."),
    "an index with a line end": (get(**{"vids.1\n": A}), VIDEO, "vids: after vids."),
    "an index given twice": (post(f"vids.0={A}&vids.0={B}"), VIDEO, "vids: number 1"),
    "an index without an id": (post({"vids.0": A, "vids.1": None}, JSON), VIDEO, "vids: number 2"),
    "a table without ids": ({"format": "csv"}, AUDIO, "vids: no id given"),
    "format": (get(vids=A, format="xml"), VIDEO, "format"),
    "format in capitals": (get(vids=A, format="CSV"), VIDEO, "format"),
    "format as a list": (get(vids=A, format=["csv", "csv"]), VIDEO, "format"),
    "format as a number": ({"vids": [A], "format": 1}, VIDEO, "format"),
    "a list to watch without output=watch": ({"vids": [A], "watch": "watch/a.json"}, VIDEO, "watch"),
    "a list to watch for output=cos": ({"vids": [A], "watch": "a.json", "output": "cos"}, VIDEO, "watch"),
    "a watch list outside of the prefix": ({"vids": [A], "watch": "../a.json", "output": "watch"}, VIDEO, "watch"),
    "a watch list over HTTP": (post(f"vids={A}&watch=/etc/&output=watch"), VIDEO, "watch"),
    "no Base64": (post("", FORM) | {"body": "vids=!", "isBase64Encoded": True}, VIDEO, "body"),
    "Base64 and more": (post("", FORM) | {"body": "dmlkcz1h!!!!", "isBase64Encoded": True}, VIDEO, "body"),
    "Base64 that is no text": (post("", FORM) | {"body": "/w==", "isBase64Encoded": True}, VIDEO, "body"),
    "a body that is no text": (post("") | {"body": {"vids": [A]}}, VIDEO, "body"),
    "a query that is no object": ({"httpMethod": "GET", "queryString": f"vids={A}"}, VIDEO, "queryString"),
}


@pytest.mark.parametrize(("event", "kind", "field"), REFUSED.values(), ids=REFUSED)
def test_bad_input_names_the_field(settings: Settings, event: Event, kind: Kind, field: str) -> None:
    with pytest.raises(BadInput) as raised:
        read_query(event, kind, settings)
    assert raised.value.message.startswith(field)


@pytest.mark.parametrize("event", [[A], None, A, 7])
def test_an_event_is_a_json_object(event: object) -> None:
    with pytest.raises(BadInput, match="event: must be a JSON object"):
        as_event(event)


def test_most_ids_of_one_http_query(settings: Settings) -> None:
    assert len(read_query(get(vids=[*TWELVE, "id0"]), VIDEO, settings).vids) == settings.max_vids == 12
    for event in (get(vids=[*TWELVE, "more"]), post({"vids": [*TWELVE, "more"]}, JSON)):
        with pytest.raises(TooManyIds, match=r"vids: at most 12 .* got 13"):
            read_query(event, VIDEO, settings)
    assert len(read_query({"vids": [*TWELVE, "more"]}, VIDEO, settings).vids) == 13, "a direct caller may ask more"


def test_a_direct_caller_needs_no_token(settings: Settings) -> None:
    """A direct caller needs no token: Tencent has checked the caller."""
    assert read_query({"vids": [A]}, VIDEO, settings._replace(api_token="secret")).vids == (A,)


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ({"httpMethod": "GET", "requestContext": {}}, HTTP),
        ({"httpMethod": "GET"}, HTTP),
        ({"httpMethod": None, "vids": [A]}, DIRECT),
        ({"Type": "Timer", "TriggerName": "t", "Message": ""}, TIMER),
        ({"Type": "Timer"}, DIRECT),
        ({"TriggerName": "t"}, DIRECT),
        ({"Records": []}, DIRECT),
        ({}, DIRECT),
        ([], DIRECT),
        (None, DIRECT),
        ("Timer", DIRECT),
    ],
)
def test_which_kind_of_invocation_an_event_is(event: object, expected: str) -> None:
    assert trigger_of(event) == expected


def test_reading_does_not_change_the_event(settings: Settings) -> None:
    event = post({"vids": [A]}, JSON, query={"vids": [B], "output": ["cos"]})
    before = json.dumps(event)
    assert isinstance(read_query(event, VIDEO, settings), Query)
    assert json.dumps(event) == before
