"""Invoke: synchronous, asynchronous, and refused requests."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.api3 import CALL, DONE, Service, signed

BROKEN = {"errorCode": -1, "errorMessage": "user code exception caught", "requestId": "run-id", "statusCode": 430}


@pytest.fixture
def service(tmp_path: Path) -> Service:
    return Service(tmp_path)


def test_a_synchronous_call_returns_what_the_function_did(service: Service) -> None:
    assert service.invoke(ClientContext='{"vids": ["圖"], "n": 1}', InvocationType="RequestResponse") == {
        "Log": "",
        "RetMsg": '{"vids": ["圖"]}',
        "ErrMsg": "",
        "MemUsage": 1572864,
        "Duration": 12.346,
        "BillDuration": 13,
        "InvokeResult": 0,
        "FunctionRequestId": "run-id",
    }
    assert service.runtime.seen == [("f", {"vids": ["圖"], "n": 1}, "")]


def test_a_failed_function_is_a_result_too(service: Service) -> None:
    service.runtime.outcome = DONE._replace(status=430, result=None, error=BROKEN)
    result = service.invoke()
    assert (result["InvokeResult"], result["ErrMsg"]) == (-1, "user code exception caught")
    assert json.loads(result["RetMsg"]) == BROKEN


@pytest.mark.parametrize("value", [None, 0, "", [], {}])
def test_an_empty_return_value_is_returned(service: Service, value: object) -> None:
    service.runtime.outcome = DONE._replace(result=value)
    assert service.invoke()["RetMsg"] == json.dumps(value)


def test_the_end_of_the_log_comes_on_request(service: Service) -> None:
    assert service.invoke(LogType="Tail")["Log"] == "START\n說\nEND"
    assert service.invoke(LogType="None")["Log"] == ""
    service.runtime.outcome = DONE._replace(log=["說" * 2000])
    assert service.invoke(LogType="Tail")["Log"] == "說" * 1365  # what is whole of the last 4096 bytes


def test_an_asynchronous_call_is_answered_with_an_id_and_nothing_else(service: Service) -> None:
    one = service.invoke(InvocationType="Event", ClientContext="[1]", LogType="Tail")
    other = service.invoke(InvocationType="Event", ClientContext="[1]")
    assert one.pop("FunctionRequestId") != other.pop("FunctionRequestId")
    assert one == other
    assert set(one.values()) == {"", 0}
    assert service.runtime.seen == [("f", [1], "")] * 2


def test_a_failed_asynchronous_call_is_repeated(service: Service) -> None:
    service.runtime.outcome = DONE._replace(status=430)
    service.invoke(InvocationType="Event")
    assert service.runtime.seen == [("f", {}, "")] * 3


def test_a_function_is_found_by_its_deployed_name_too(service: Service) -> None:
    service.invoke(FunctionName="app-dev-f")
    assert service.runtime.seen == [("f", {}, "")]


@pytest.mark.parametrize("qualifier", ["$LATEST", "$DEFAULT", None])
def test_other_parameters_are_taken(service: Service, qualifier: str | None) -> None:
    service.invoke(Qualifier=qualifier, Namespace="default", RoutingKey='{"k":"v"}', ClientContext=None)
    assert service.runtime.seen == [("f", {}, "")]


@pytest.mark.parametrize(("kind", "most"), [("Event", 131072), ("RequestResponse", 6291456)])
def test_the_largest_event_is_taken_and_a_larger_one_is_not(service: Service, kind: str, most: int) -> None:
    largest = json.dumps("圖" * ((most - 2) // 3) + "x" * ((most - 2) % 3), ensure_ascii=False)
    assert len(largest.encode()) == most
    call = {**CALL, "InvocationType": kind, "ClientContext": largest + " "}
    assert service.refusal(signed(call)) == "InvalidParameter.RequestTooLarge"
    service.invoke(InvocationType=kind, ClientContext=largest)
    assert len(service.runtime.seen) == 1


def test_a_function_that_can_not_be_started_says_why(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    async def impossible(*_: object) -> None:
        raise OSError("debugpy is not installed")

    monkeypatch.setattr(service.asynchronous, "invoke", impossible)
    assert service.send(signed(CALL))["Error"]["Message"] == "debugpy is not installed"


def test_a_full_queue_is_reported(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("local.scf.asynchronous.QUEUE", 0)
    assert service.refusal(signed({**CALL, "InvocationType": "Event"})) == "LimitExceeded.Quota"
