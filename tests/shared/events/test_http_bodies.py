"""Bodies of HTTP requests: tables, media types, and how much of them is parsed."""

from __future__ import annotations

import base64
from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared.errors import BadInput, QueryError, TooManyIds, UnsupportedMedia
from shared.events.http import CSV, FORM, JSON, PER_ID, read_params
from shared.events.query import read_query
from shared.settings import Settings, read_settings
from shared.tasks import VIDEO
from tests.support.http_events import get, post

A, B = "421e6d34756e53814c99939ffeec49861519633537", "b-2"


@pytest.fixture
def settings(local_environment: Callable[..., dict[str, str]]) -> Settings:
    return read_settings(local_environment(MAX_VIDS="12"))


TABLES: dict[str, tuple[str, list[str]]] = {
    "one id a line": (f"{A}\n{B}\n", [A, B]),
    "a heading": (f"vid\r\n{A}\r\n{B}\r\n", [A, B]),
    "another column": (f"name,VID ,note\nx,{A},y\nz,{B}", [A, B]),
    "the first of many": (f"{A},x,y\n{B},z", [A, B]),
    "quoted": (f'"name","vid"\n"a, ""b""\nc","{A}"\n', [A]),
    "a byte order mark": (f"\ufeffvid\n{A}\n", [A]),
    "blank lines and cells": (f"vid\n\n{A}\n , \n{B}\n", [A, B]),
    "a blank line before the heading": (f"\n\nx,vid\n1,{A}\n", [A]),
    "a short row": (f"x,vid\nshort\nx,{A}\n", [A]),
    "old line ends": (f"vid\r{A}\r{B}\r", [A, B]),
    "duplicates": (f"{A}\n{A}\n", [A, A]),
    "as our own tables have it": ("vid,outcome\r\n'-abc,missing\r\n", ["-abc"]),
}


@pytest.mark.parametrize(("text", "vids"), TABLES.values(), ids=TABLES)
@pytest.mark.parametrize("encoded", [False, True])
def test_ids_of_a_table(settings: Settings, text: str, vids: list[str], encoded: bool) -> None:
    event = post(text, "Text/CSV; charset=utf-8", format="csv")
    if encoded:
        event |= {"body": base64.b64encode(text.encode()).decode(), "isBase64Encoded": True}
    query = read_query(event, VIDEO, settings)
    assert (list(query.asked), query.format) == (vids, "csv")


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ('vid\n"a', "body: is not CSV"),
        ("vid\n" + "x" * 2000, "vids: number 1"),
        ("a\nb c\n", "vids: number 2"),
        ("video id\na\n", "vids: number 1"),
        ("vid\n", "vids: no id given"),
        ("a\0b", ""),
    ],
)
def test_a_table_that_holds_no_ids(settings: Settings, text: str, field: str) -> None:
    with pytest.raises(BadInput) as raised:
        read_query(post(text, CSV), VIDEO, settings)
    assert raised.value.message.startswith(field)


@pytest.mark.parametrize(
    "media", ["text/plain", "multipart/form-data; boundary=x", "application/xml", "json", "x/jsonx"]
)
@pytest.mark.parametrize("body", ['{"vids": ["a"]}', "vids=a"])
def test_another_type_of_body_is_not_read(settings: Settings, media: str, body: str) -> None:
    with pytest.raises(UnsupportedMedia, match="body: must be application/json"):
        read_query(post(body, media), VIDEO, settings)
    assert read_query(post("", media, vids=A), VIDEO, settings).vids == (A,), "what has no body has no type"


@pytest.mark.parametrize("media", [None, FORM, JSON, "application/problem+json", "APPLICATION/JSON"])
def test_json_is_read_under_these_types(settings: Settings, media: str | None) -> None:
    assert read_query(post({"vids": [A]}, media), VIDEO, settings).vids == (A,)


BOMB = '{"vids":[' + ",".join(["{}"] * 1_000_000) + "]}"


@pytest.mark.parametrize("media", [JSON, CSV, FORM, None])
def test_a_body_longer_than_its_ids_need_is_not_parsed(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, media: str | None
) -> None:
    monkeypatch.setattr("shared.events.http.parse_json", None)
    monkeypatch.setattr("shared.events.http.parse_qs", None)
    with pytest.raises(TooManyIds, match=f"body: is longer than 12 ids need, which is {PER_ID} characters each"):
        read_query(post(BOMB, media), VIDEO, settings)


def test_the_longest_ids_fit_however_they_are_sent(settings: Settings) -> None:
    vids = ["x" * 60 + f"{number:04}" for number in range(12)]
    form = "&".join(f"vids.{100_000_000 + number}={vid}" for number, vid in enumerate(vids))
    for event in (post({"vids": vids}, JSON), post(form), post("\r\n".join(f'"{vid}"' for vid in vids), CSV)):
        assert list(read_query(event, VIDEO, settings).vids) == vids


def test_more_fields_than_ids_need(settings: Settings) -> None:
    with pytest.raises(TooManyIds, match="body: has more fields than 12 ids need"):
        read_query(post("&" * 200), VIDEO, settings)
    for query in ({f"vids.{number}": "a" for number in range(200)}, {"vids": ["a"] * 200}):
        with pytest.raises(TooManyIds, match="queryString: has more fields than 12 ids need"):
            read_query(get(**query), VIDEO, settings)


@given(
    st.text(st.characters(exclude_categories=()), max_size=40) | st.text("\",\r\n'vida ", max_size=40),
    st.sampled_from([JSON, CSV, FORM, None, "text/plain"]),
)
@example("\0", CSV)
@example('"', CSV)
def test_any_body_is_parameters_or_is_refused(body: str, media: str | None) -> None:
    try:
        outcome = str(read_params(post(body, media), 12))
    except QueryError as error:
        outcome = error.message
    assert outcome.startswith(("body: ", "{"))
