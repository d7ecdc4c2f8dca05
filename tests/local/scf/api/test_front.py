"""The front of API 3.0: services, actions, and refusals of wrong requests."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
import requests
from tencentcloud.common.exception import TencentCloudSDKException

from local.faults import Faulty
from local.keys import PERMANENT, ROLE
from local.scf.api.front import is_call
from local.server import Request
from tests.support.api3 import CALL, Service, changed, signed
from tests.support.desk import Desk

# The client's signer asks datetime.utcfromtimestamp for the date.
pytestmark = pytest.mark.filterwarnings("ignore:datetime.datetime.utcfromtimestamp:DeprecationWarning")

VIDS = ["a72c30a65853dc1466ec9ef681e7b76b1530600996"]


@pytest.fixture
def service(tmp_path: Path) -> Service:
    return Service(tmp_path)


def test_calls_are_counted_by_action(service: Service) -> None:
    service.invoke()
    service.send(signed(CALL, headers={"X-TC-Action": "ListFunctions"}))
    service.send(changed(signed(CALL), authorization="nonsense"))
    assert service.api.calls == {"Invoke": 2, "ListFunctions": 1}


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (signed(CALL, headers={"X-TC-Action": None}), "MissingParameter"),
        (signed(CALL, headers={"X-TC-Version": None}), "MissingParameter"),
        (signed(CALL, headers={"X-TC-Region": None}), "MissingParameter"),
        (signed(CALL, headers={"X-TC-Timestamp": None}), "MissingParameter"),
        (changed(signed(CALL), x_tc_timestamp="soon"), "InvalidParameter"),
        (changed(signed(CALL), x_tc_timestamp="-1"), "InvalidParameter"),
        (signed(CALL)._replace(method="GET"), "UnsupportedProtocol"),
        (signed(CALL, headers={"X-TC-Action": "InvokeFunctions"}), "InvalidAction"),
        (signed(CALL, headers={"X-TC-Version": "2017-03-12"}), "NoSuchVersion"),
        (signed({}, service="cvm", headers={"X-TC-Version": "2017-03-12"}), "NoSuchVersion"),
        (signed(CALL, headers={"X-TC-Region": "ap-shanghai"}), "UnsupportedRegion"),
        (signed(b"{"), "InvalidParameter"),
        (signed(b"[" * 100_000), "InvalidParameter"),
        (signed([]), "InvalidParameter"),
        (signed({}), "MissingParameter"),
        (signed({"FunctionName": ""}), "MissingParameter"),
        (signed({"FunctionName": 1}), "InvalidParameter"),
        (signed({"FunctionName": "g"}), "ResourceNotFound.FunctionName"),
        (signed({**CALL, "Namespace": "other"}), "ResourceNotFound.FunctionName"),
        (signed({**CALL, "Qualifier": "7"}), "ResourceNotFound.Qualifier"),
        (signed({**CALL, "Event": "{}"}), "UnknownParameter"),
        (signed({**CALL, "InvocationType": "event"}), "InvalidParameterValue"),
        (signed({**CALL, "LogType": "All"}), "InvalidParameterValue"),
        (signed({**CALL, "ClientContext": {}}), "InvalidParameter"),
        (signed({**CALL, "ClientContext": "{"}), "InvalidParameterValue.Param"),
        (signed({**CALL, "ClientContext": "NaN"}), "InvalidParameterValue.Param"),
        (signed({**CALL, "ClientContext": "[" * 100_000}), "InvalidParameterValue.Param"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_wrong_request_is_refused(service: Service, request_: Request, code: str) -> None:
    assert service.refusal(request_) == code


def test_the_permission_can_be_taken_away(service: Service) -> None:
    service.api.denied.add("scf:InvokeFunction")
    assert service.refusal(signed(CALL)) == "UnauthorizedOperation.CAM"
    assert service.refusal(signed(CALL, PERMANENT._replace(secret_key="x"))) == "AuthFailure.SignatureFailure"
    service.api.denied.clear()
    assert "Result" in service.send(signed(CALL))


def test_no_refusal_has_a_secret(service: Service) -> None:
    for keys in (PERMANENT._replace(secret_key="other"), ROLE._replace(token="other")):
        said = json.dumps(service.send(signed(CALL, keys)))
        assert not [secret for secret in (*PERMANENT[1:], *ROLE[1:]) if secret and secret in said]


@pytest.mark.parametrize(("code", "said"), [("RequestLimitExceeded", "RequestLimitExceeded"), ("", "InternalError")])
def test_faults_speak_with_the_codes_of_the_api(service: Service, code: str, said: str) -> None:
    faulty = Faulty(service.api)
    faulty.faults.replace([{"kind": "code", "value": code, "times": 1}])
    reply = asyncio.run(faulty.handle(signed(CALL)))
    assert json.loads(reply.body)["Response"]["Error"]["Code"] == said
    assert len(service.runtime.seen) == 1  # a fault spoils the answer of work that is done
    assert "Result" in json.loads(asyncio.run(faulty.handle(signed(CALL))).body)["Response"]


def test_tencents_client_invokes_what_the_checkout_serves(account: Desk) -> None:
    call = {"FunctionName": "query-video", "ClientContext": json.dumps({"vids": VIDS}), "LogType": "Tail"}
    for keys in (PERMANENT, ROLE):
        result = account.call("scf", "Invoke", call, keys)["Result"]
        assert result["InvokeResult"] == 0
        assert f"START RequestId:{result['FunctionRequestId']}" in result["Log"]
    accepted = account.call("scf", "Invoke", {**call, "InvocationType": "Event"}, ROLE)["Result"]
    account.wait(account.cloud.asynchronous.settle())
    assert f"START RequestId:{accepted['FunctionRequestId']}" in account.log
    account.cloud.scf.denied.add("scf:InvokeFunction")
    assert account.refusal("Invoke", call) == "UnauthorizedOperation.CAM"
    with pytest.raises(TencentCloudSDKException, match=r"AuthFailure\.SignatureFailure"):
        account.call("scf", "ListFunctions", {}, PERMANENT._replace(secret_key="x"))


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/", {}, 404),
        ("/nowhere", {"X-TC-Action": "Invoke"}, 404),
        ("/", {"X-TC-Action": "Invoke"}, 200),
        ("/?Action=Invoke&Signature=x", {}, 200),
    ],
)
def test_the_gateways_own_paths_stay_its_own(account: Desk, path: str, headers: dict[str, str], status: int) -> None:
    assert requests.post(account.cloud.gateway + path, headers=headers, timeout=60).status_code == status


def test_the_checkouts_functions_have_their_deployed_names_too(account: Desk) -> None:
    deployed = account.cloud.config.functions["query-video"].name
    assert account.run(deployed, ClientContext=json.dumps({"vids": VIDS}))["codeDesc"] == "Success"
    account.create(deployed)
    assert account.run(deployed)["code"] == 1


def test_calls_are_counted_at_the_gateway(account: Desk) -> None:
    before = requests.get(f"{account.cloud.gateway}/_local/calls", timeout=60).json().get("ListFunctions", 0)
    account.scf("ListFunctions")
    after = requests.get(f"{account.cloud.gateway}/_local/calls", timeout=60).json()
    assert after["ListFunctions"] == before + 1


def test_faults_are_ordered_at_the_gateway(account: Desk) -> None:
    faults: list[dict[str, str | int]] = [{"kind": "code", "value": "RequestLimitExceeded", "times": 1}]
    requests.post(f"{account.cloud.gateway}/_local/faults", json=faults, timeout=60)
    assert account.refusal("ListFunctions") == "RequestLimitExceeded"
    assert account.scf("ListFunctions")["TotalCount"] == 0


@pytest.mark.parametrize(
    "request_",
    [
        Request("GET", "/", "Action=ListFunctions&Signature=x&SecretId=y"),
        Request(
            "POST",
            "/",
            headers={"content-type": "application/x-www-form-urlencoded"},
            body=b"Action=ListFunctions&Signature=x",
        ),
    ],
    ids=["query", "form"],
)
def test_older_signatures_are_refused_by_name(service: Service, request_: Request) -> None:
    assert is_call(request_)
    error = service.send(request_)["Error"]
    assert error["Code"] == "UnsupportedOperation"
    assert "HmacSHA1" in error["Message"]


def test_what_is_not_emulated_is_named(service: Service) -> None:
    error = service.send(signed(CALL, headers={"X-TC-Action": "CopyFunction"}))["Error"]
    assert error["Code"] == "InvalidAction"
    assert "'CopyFunction'" in error["Message"]
    assert "CreateFunction" in error["Message"]
    error = service.send(signed(CALL, headers={"X-TC-Version": "2017-03-12"}))["Error"]
    assert "scf 2018-04-16, cam 2019-01-16, sts 2018-08-13" in error["Message"]
