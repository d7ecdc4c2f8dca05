"""Events and results of a function."""

from __future__ import annotations

import pytest

from tests.support.runtime import (
    MB,
    invoke,
    invoke_each,
    value,
)


@pytest.mark.parametrize(
    "event", [None, True, 1.5, "片段", [], {"a": [1, {"b": None}]}, {"text": "line\nbreak \u2028"}]
)
def test_any_json_value_goes_in_and_comes_out(event: object) -> None:
    outcome = invoke("same", event)
    assert outcome.ok
    assert (outcome.status, outcome.result, outcome.error) == (200, event, None)
    assert type(outcome.result) is type(event)


def test_instance_is_reused_and_only_its_first_event_starts_it() -> None:
    first, second, third = invoke_each("echo", "a", "b", "c")
    assert [value(each)["calls"] for each in (first, second, third)] == [1, 2, 3]
    assert first.init_ms is not None
    assert first.init_ms > 0
    assert second.init_ms is None
    assert first.request_id != second.request_id
    assert first.duration_ms > 0
    assert first.memory_mb > 1


def test_largest_event_and_response_pass() -> None:
    largest = "v" * (6 * MB - 2)
    first, second = invoke_each("same", largest, "again")
    assert first.status == 200
    assert first.result == largest
    assert second.result == "again"


def test_larger_event_is_refused_without_running() -> None:
    outcome = invoke("no_such_file.handler", "v" * (6 * MB - 1))
    assert outcome.status == 406
    assert outcome.error == {
        "errorCode": -1,
        "errorMessage": "RequestTooLarge: the event has 6291457 bytes, the limit is 6291456",
        "requestId": outcome.request_id,
        "statusCode": 406,
    }
    assert (outcome.result, outcome.init_ms) == (None, None)


def test_event_size_is_counted_in_bytes() -> None:
    assert invoke("no_such_file.handler", "片" * (2 * MB)).status == 406


@pytest.mark.parametrize("event", [{"share": float("nan")}, {1, 2}, "\ud800"])
def test_event_that_is_not_json_is_refused(event: object) -> None:
    outcome = invoke("no_such_file.handler", event)
    assert outcome.status == 400
    assert outcome.error is not None
    assert "InvalidParameterValue: the event is not JSON" in str(outcome.error["errorMessage"])


def test_event_nested_without_end_is_refused() -> None:
    event: list[object] = []
    for _ in range(100_000):
        event = [event]
    assert invoke("no_such_file.handler", event).status == 400


def test_larger_response_fails_and_the_instance_stays() -> None:
    too_large, largest = invoke_each("returns_text", 6 * MB + 1, 6 * MB)
    assert (too_large.status, too_large.result) == (407, None)
    assert too_large.error is not None
    assert too_large.error["errorMessage"] == "The size of response exceeds the upper limit (6MB)"
    assert largest.ok
    assert largest.init_ms is None


@pytest.mark.parametrize(
    ("handler", "said"),
    [
        ("returns_nan", "ValueError: Out of range float values are not JSON compliant"),
        ("returns_set", "TypeError: Object of type set is not JSON serializable"),
        ("returns_surrogate", "UnicodeEncodeError"),
        ("interrupts", "KeyboardInterrupt"),
    ],
)
def test_a_result_that_is_not_json_fails(handler: str, said: str) -> None:
    outcome = invoke(handler)
    assert outcome.status == 430
    assert outcome.error is not None
    assert said in str(outcome.error["stackTrace"])


def test_none_is_a_result() -> None:
    outcome = invoke("returns_none")
    assert (outcome.ok, outcome.result, outcome.error) == (True, None, None)
    assert f"Response RequestId:{outcome.request_id} RetMsg:null" in outcome.log


def test_exception_becomes_scf_error_object_and_the_instance_stays() -> None:
    first, second = invoke_each("raises", "片段", "b")
    assert first.error is not None
    stack = str(first.error.pop("stackTrace"))
    assert first.error == {
        "errorCode": -1,
        "errorMessage": "user code exception caught",
        "requestId": first.request_id,
        "statusCode": 430,
    }
    assert stack.startswith("Traceback (most recent call last):\n")
    assert stack.endswith("LookupError: no vid in 片段\n")
    assert "KeyError: 'VID'" in stack
    assert "bootstrap" not in stack
    assert (first.ok, first.result, second.init_ms) == (False, None, None)


def test_very_long_exception_text_is_cut() -> None:
    outcome = invoke("raises_at_length", 3_000_000)
    assert outcome.status == 430
    assert outcome.error is not None
    assert "ValueError: \U0001f3ac" in str(outcome.error["stackTrace"])


def test_exception_text_can_be_encoded() -> None:
    outcome = invoke("raises_at_length", 1)
    assert outcome.error is not None
    assert str(outcome.error["stackTrace"]).endswith("ValueError: \U0001f3ac\\ud800\n")
