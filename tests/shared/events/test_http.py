"""HTTP events: methods, paths, tokens, what is accepted and sent, and how much of it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared.errors import (
    Forbidden,
    MethodNotAllowed,
    NotFound,
    Unauthorized,
)
from shared.events.http import CSV, HTML, JSON, check_path, preferred, wants_page
from shared.events.query import read_query
from shared.settings import Settings, read_settings
from shared.tasks import VIDEO
from tests.support.http_events import Event, get, post

A, B = "421e6d34756e53814c99939ffeec49861519633537", "b-2"


@pytest.fixture
def settings(local_environment: Callable[..., dict[str, str]]) -> Settings:
    return read_settings(local_environment(MAX_VIDS="12", HTTP_WRITES="open"))


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "", "GETS"])
def test_other_methods_are_refused(settings: Settings, method: str) -> None:
    with pytest.raises(MethodNotAllowed):
        read_query(get(vids=A) | {"httpMethod": method}, VIDEO, settings)


@pytest.mark.parametrize("method", ["get", "Post", "head", "HEAD"])
def test_methods_come_in_any_case(settings: Settings, method: str) -> None:
    assert read_query(get(vids=A) | {"httpMethod": method}, VIDEO, settings).vids == (A,)


TOKENS: list[tuple[str, object, bool]] = [
    ("secret", {"Authorization": "Bearer secret"}, True),
    ("secret", {"authorization": "Bearer secret"}, True),
    ("secret", {"AUTHORIZATION": "Bearer secret"}, True),
    ("sécret 密", {"authorization": "Bearer sécret 密"}, True),
    ("secret", {}, False),
    ("secret", {"authorization": "Bearer  secret"}, True),
    ("secret", None, False),
    ("secret", {"authorization": None}, False),
    ("secret", {"authorization": ""}, False),
    ("secret", {"authorization": "Bearer "}, False),
    ("secret", {"authorization": "secret"}, False),
    ("secret", {"authorization": "Bearer secret2"}, False),
    ("secret", {"authorization": "Bearer Secret"}, False),
    ("secret", {"authorization": "Basic secret"}, False),
    ("secret", {"authorization": "Bearer sécret\ud800"}, False),
    ("sécret", {"authorization": "Bearer secret"}, False),
    ("", {}, True),
    ("", {"authorization": "Bearer anything"}, True),
]


@pytest.mark.parametrize(("token", "headers", "welcome"), TOKENS)
def test_the_token(settings: Settings, token: str, headers: object, welcome: bool) -> None:
    event, guarded = get(vids=A) | {"headers": headers}, settings._replace(api_token=token)
    if welcome:
        assert read_query(event, VIDEO, guarded).vids == (A,)
    else:
        with pytest.raises(Unauthorized) as raised:
            read_query(event, VIDEO, guarded)
        assert token not in raised.value.message


def test_the_token_comes_before_everything_else(settings: Settings) -> None:
    guarded = settings._replace(api_token="secret")
    for event in (get(vids="../x"), get() | {"httpMethod": "PUT"}, post("{", JSON)):
        with pytest.raises(Unauthorized):
            read_query(event, VIDEO, guarded)


WRITERS = [
    ("token", "secret", True),
    ("token", "", False),
    ("open", "", True),
    ("open", "secret", True),
    ("off", "secret", False),
    ("off", "", False),
]


@pytest.mark.parametrize("output", ["cos", "watch"])
@pytest.mark.parametrize(("http_writes", "token", "allowed"), WRITERS)
def test_permission_to_write(settings: Settings, http_writes: str, token: str, allowed: bool, output: str) -> None:
    guarded = settings._replace(http_writes=http_writes, api_token=token)
    event = post({"vids": [A], "output": output}, JSON) | {
        "headers": {"authorization": f"Bearer {token}", "content-type": JSON}
    }
    if allowed:
        assert read_query(event, VIDEO, guarded).output == output
    else:
        with pytest.raises(Forbidden, match=r"output: .*HTTP_WRITES"):
            read_query(event, VIDEO, guarded)
    assert read_query({"vids": [A], "output": output}, VIDEO, guarded).output == output, "a direct caller always may"


@pytest.mark.parametrize("output", ["cos", "watch"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_get_never_writes(settings: Settings, method: str, output: str) -> None:
    with pytest.raises(MethodNotAllowed) as raised:
        read_query(get(vids="../x", output=output) | {"httpMethod": method}, VIDEO, settings)
    assert raised.value.headers == {"Allow": "POST"}


@pytest.mark.parametrize("path", ["/", "", None, "/query-video", "/query-video/"])
def test_the_paths_of_a_function_url(path: object) -> None:
    check_path(get(vids=A) | {"path": path}, "query-video")


@pytest.mark.parametrize(
    "path", ["/favicon.ico", "/query-audio", "/query-video/x", "//", "/Query-Video", "x", 7, ["/"]]
)
def test_other_paths_are_a_gateway_s_alone(path: object) -> None:
    if path == "//":
        path = "//x"
    event = get(vids=A) | {"path": path}
    with pytest.raises(NotFound, match="path: ask / or /query-video"):
        check_path(event, "query-video")
    check_path(event | {"requestContext": {"path": "/{any}"}}, "query-video")


CHROME = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"
ACCEPTED = [
    (None, JSON),
    ("", JSON),
    ("*/*", JSON),
    ("application/json", JSON),
    ("text/html,application/xml,application/json", JSON),  # the gateway's documented event
    ("text/html, */*", JSON),
    ("text/*", JSON),
    ("text/html;q=0", JSON),
    ("text/html;q=0.5, application/json;q=0.6", JSON),
    ("text/html;q=2", JSON),
    ("text/html;q=nan", JSON),
    ("text/html;q=1e9", JSON),
    ("text/htmlx", JSON),
    (CHROME, HTML),
    ("text/html", HTML),
    ("TEXT/HTML", HTML),
    ("application/json;q=0.9 , text/html ; level=1 ; q=0.91", HTML),
    ("text/html;q=0.5, application/*;q=0.4, */*;q=0.9", HTML),
    ("text/csv", CSV),
    ("text/csv, application/json;q=0.9", CSV),
    ("text/csv, application/json", JSON),
    ("text/html;q=0.5, text/csv", CSV),
    (f"{CHROME},text/csv;q=0.95", HTML),
    (7, JSON),
]


@pytest.mark.parametrize(("accept", "expected"), ACCEPTED)
def test_preferred_format(accept: object, expected: str) -> None:
    assert preferred(get() | {"headers": {"Accept": accept}}) == expected


@given(st.text(alphabet="texhml/csvajpiontq=;, *01.", max_size=60) | st.text(max_size=20))
@example(";,;q=,")
def test_any_accept_header_yields_a_format(accept: str) -> None:
    assert preferred(get() | {"headers": {"accept": accept}}) in (JSON, CSV, HTML)


@pytest.mark.parametrize(
    ("method", "query", "page"),
    [
        ("GET", {}, True),
        ("GET", {"vids": A}, True),
        ("HEAD", {}, True),
        ("GET", None, True),
        ("GET", {"format": ""}, True),
        ("GET", {"format": "json"}, False),
        ("GET", {"format": "csv"}, False),
        ("POST", {}, False),
        ("OPTIONS", {}, False),
    ],
)
def test_requests_that_get_the_page(method: str, query: object, page: bool) -> None:
    event = {"httpMethod": method, "headers": {"accept": CHROME}, "queryString": query}
    assert wants_page(event) is page


@pytest.mark.parametrize(
    ("query", "accept", "expected"),
    [
        ({"format": "csv"}, "", "csv"),
        ({"format": "csv"}, "application/json", "csv"),
        ({"format": "json"}, "text/csv", "json"),
        ({"format": ""}, "text/csv", "csv"),
        ({}, "text/csv", "csv"),
        ({}, "", "json"),
    ],
)
def test_the_format_that_is_named_wins(settings: Settings, query: Event, accept: str, expected: str) -> None:
    event = get(vids=A, **query) | {"headers": {"accept": accept}}
    assert read_query(event, VIDEO, settings).format == expected
