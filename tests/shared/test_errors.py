"""The contract's table of errors: which code, status and headers each one has."""

from __future__ import annotations

import pytest

from shared.errors import (
    BadInput,
    DamagedObject,
    Forbidden,
    KeysRejected,
    MethodNotAllowed,
    Misconfigured,
    NotFound,
    OutOfTime,
    QueryError,
    Throttled,
    TooManyIds,
    Unauthorized,
    UnknownTask,
    UnsupportedMedia,
    UpstreamFailed,
)

CONTRACT: dict[type[QueryError], tuple[int, int, set[str]]] = {
    BadInput: (4000, 400, set()),
    NotFound: (4000, 404, set()),
    TooManyIds: (4000, 413, set()),
    UnsupportedMedia: (4000, 415, set()),
    Forbidden: (4100, 403, set()),
    Unauthorized: (4100, 401, {"WWW-Authenticate"}),
    UnknownTask: (5000, 404, set()),
    Throttled: (4400, 429, {"Retry-After"}),
    KeysRejected: (4100, 502, set()),
    UpstreamFailed: (6000, 502, set()),
    OutOfTime: (6000, 504, set()),
    Misconfigured: (6000, 500, set()),
    DamagedObject: (6000, 500, set()),
    QueryError: (6000, 500, set()),
}


@pytest.mark.parametrize("leaf", CONTRACT)
def test_code_status_and_headers(leaf: type[QueryError]) -> None:
    error = leaf("what happened")
    assert (error.code, error.http_status, set(error.headers)) == CONTRACT[leaf]
    assert all(isinstance(value, str) for value in error.headers.values())


def test_the_table_has_every_error() -> None:
    assert {QueryError, *QueryError.__subclasses__()} == {*CONTRACT, MethodNotAllowed}


def test_each_error_has_a_description_of_its_own() -> None:
    assert len({leaf.description for leaf in CONTRACT}) == len(CONTRACT)


def test_a_method_that_is_not_allowed_names_the_allowed_ones() -> None:
    error = MethodNotAllowed("m", ("GET", "POST"))
    assert (error.code, error.http_status, error.headers) == (4000, 405, {"Allow": "GET, POST"})


def test_a_waiting_time_is_whole_seconds() -> None:
    assert int(Throttled("m").headers["Retry-After"]) > 0


def test_the_message_is_the_text_and_retrying_is_asked_for() -> None:
    assert str(BadInput("vids: no id")) == BadInput("vids: no id").message == "vids: no id"
    assert not UpstreamFailed("m").retryable
    assert UpstreamFailed("m", retryable=True).retryable
