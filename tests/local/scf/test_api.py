"""SCF's API: Invoke as Tencent's own client calls it, and every refusal."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from requests import PreparedRequest
from tencentcloud.common.common_client import CommonClient
from tencentcloud.common.credential import Credential
from tencentcloud.common.exception import TencentCloudSDKException
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile

from local.cloud import Cloud, Ports
from local.faults import Faulty
from local.keys import PERMANENT, REGION, ROLE
from local.scf.api import ScfApi
from local.scf.asynchronous import Asynchronous
from local.scf.runtime import Outcome
from local.server import Reply, Request, Server
from shared.signing.credentials import Credentials
from shared.signing.tc3 import Tc3Auth, tc3_authorization
from tests.support.paths import ROOT

# The client's signer asks datetime.utcfromtimestamp for the date.
pytestmark = pytest.mark.filterwarnings("ignore:datetime.datetime.utcfromtimestamp:DeprecationWarning")

NOW = 1_700_000_000
DONE = Outcome("run-id", 200, {"vids": ["圖"]}, None, ["START", "說", "END"], 12.3456, None, 1.5)
BROKEN = {"errorCode": -1, "errorMessage": "user code exception caught", "requestId": "run-id", "statusCode": 430}


class Runtime:
    """Takes the place of the functions: one outcome for all, and what they were called with."""

    def __init__(self) -> None:
        self.outcome = DONE
        self.seen: list[tuple[str, object, str]] = []

    async def __call__(self, name: str, event: object, trigger: str) -> Outcome:
        self.seen.append((name, event, trigger))
        return self.outcome


class Service:
    """SCF's API for one function, `f`, and the short way to call it."""

    def __init__(self) -> None:
        self.runtime = Runtime()
        self.asynchronous = Asynchronous(self.runtime, retry_delay=0)
        self.api = ScfApi({"f"}, self.runtime, self.asynchronous, clock=lambda: NOW)

    def send(self, request: Request) -> dict[str, Any]:
        """Answer a request and see every accepted event through; return the reply's Response."""

        async def run() -> Reply:
            reply = await self.api.handle(request)
            await asyncio.gather(*self.asynchronous._events["f"])
            return reply

        reply = asyncio.run(run())
        assert (reply.status, reply.headers) == (200, {"Content-Type": "application/json"})
        response: dict[str, Any] = json.loads(reply.body)["Response"]
        assert len(response["RequestId"]) == 36
        return response

    def invoke(self, **parameters: object) -> dict[str, Any]:
        """The Result of a correct request; raises KeyError when it was refused."""
        result: dict[str, Any] = self.send(signed({"FunctionName": "f", **parameters}))["Result"]
        return result

    def refusal(self, request: Request) -> str:
        """The error code of a request that is refused, and that runs nothing."""
        error = self.send(request)["Error"]
        assert error["Message"]
        assert self.runtime.seen == []
        return str(error["Code"])


@pytest.fixture
def service() -> Service:
    return Service()


def signed(
    body: object,
    keys: Credentials = PERMANENT,
    age: float = 0,
    service: str = "scf",
    headers: Mapping[str, str | None] | None = None,
) -> Request:
    """A request as our client signs it, `age` seconds ago; `headers` are set before, a None one is removed after."""
    common = {
        "Content-Type": "application/json",
        "X-TC-Action": "Invoke",
        "X-TC-Version": "2018-04-16",
        "X-TC-Region": REGION,
    }
    changes = dict(headers or {})
    request = PreparedRequest()
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    sent = common | {name: value for name, value in changes.items() if value is not None}
    request.prepare(method="POST", url="http://127.0.0.1:9000/", headers=sent, data=data)
    Tc3Auth(keys, service, clock=lambda: NOW - age)(request)
    lower = {name.lower(): str(value) for name, value in request.headers.items()} | {"host": "127.0.0.1:9000"}
    gone = {name.lower() for name, value in changes.items() if value is None}
    return Request("POST", "/", "", {name: value for name, value in lower.items() if name not in gone}, data)


def changed(request: Request, **headers: str) -> Request:
    """The request with other headers than those that were signed."""
    return request._replace(headers={**request.headers, **{name.replace("_", "-"): headers[name] for name in headers}})


CALL = {"FunctionName": "f"}

# Answers


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


def test_a_full_queue_is_said(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("local.scf.asynchronous.QUEUE", 0)
    assert service.refusal(signed({**CALL, "InvocationType": "Event"})) == "LimitExceeded.Quota"


def test_calls_are_counted_by_action(service: Service) -> None:
    service.invoke()
    service.send(signed(CALL, headers={"X-TC-Action": "ListFunctions"}))
    service.send(changed(signed(CALL), authorization="nonsense"))
    assert service.api.calls == {"Invoke": 2, "ListFunctions": 1}


# Refusals


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
        (signed(CALL, headers={"X-TC-Action": "InvokeFunction"}), "InvalidAction"),
        (signed(CALL, headers={"X-TC-Version": "2017-03-12"}), "NoSuchVersion"),
        (signed(CALL, headers={"X-TC-Region": "ap-shanghai"}), "ResourceNotFound.FunctionName"),
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
def test_what_is_wrong_with_a_request_is_said(service: Service, request_: Request, code: str) -> None:
    assert service.refusal(request_) == code


@pytest.mark.parametrize("age", [-300, 300])
def test_a_clock_may_be_five_minutes_off(service: Service, age: int) -> None:
    assert "Result" in service.send(signed(CALL, age=age))


@pytest.mark.parametrize("age", [-301, 301])
def test_a_clock_may_not_be_further_off(service: Service, age: int) -> None:
    assert service.refusal(signed(CALL, age=age)) == "AuthFailure.SignatureExpire"


@pytest.mark.parametrize("keys", [PERMANENT, ROLE])
def test_both_kinds_of_keys_are_known(service: Service, keys: Credentials) -> None:
    assert "Result" in service.send(signed(CALL, keys))


@pytest.mark.parametrize(
    ("keys", "code"),
    [
        (PERMANENT._replace(secret_id="AKIDother"), "AuthFailure.SecretIdNotFound"),
        (PERMANENT._replace(secret_key="other"), "AuthFailure.SignatureFailure"),
        (PERMANENT._replace(token="unasked"), "AuthFailure.TokenFailure"),
        (ROLE._replace(token="other"), "AuthFailure.TokenFailure"),
        (ROLE._replace(token=""), "AuthFailure.TokenFailure"),
    ],
)
def test_wrong_keys_are_refused(service: Service, keys: Credentials, code: str) -> None:
    assert service.refusal(signed(CALL, keys)) == code


def resigned(names: tuple[str, ...], **headers: str) -> Request:
    """A request whose signature covers the named headers, after `headers` were set."""
    request = changed(signed(CALL), **headers)
    covered = {name: request.headers.get(name, "") for name in names}
    covered = {name: value.encode(errors="replace").decode() for name, value in covered.items()}
    return changed(request, authorization=tc3_authorization(PERMANENT, "scf", "/", covered, request.body, NOW))


def test_more_than_the_needed_headers_may_be_signed(service: Service) -> None:
    assert "Result" in service.send(resigned(("content-type", "host", "x-tc-action", "x-tc-region")))


def test_space_after_a_comma_does_not_matter(service: Service) -> None:
    request = signed(CALL)
    tight = request.headers["authorization"].replace(", ", ",")
    assert "Result" in service.send(changed(request, authorization=tight))


SIGNED = signed(CALL)


@pytest.mark.parametrize(
    "request_",
    [
        SIGNED._replace(body=SIGNED.body + b" "),
        SIGNED._replace(path="/other"),
        changed(SIGNED, host="scf.tencentcloudapi.com"),
        changed(SIGNED, content_type="text/plain"),
        changed(SIGNED, x_tc_timestamp=str(NOW + 1)),
        changed(SIGNED, authorization=SIGNED.headers["authorization"].replace("2023-11-14", "2023-11-15")),
        signed(CALL, service="cvm"),
        resigned(("content-type",)),
        resigned(("host",)),
        resigned(("content-type", "host", "x-absent")),
        changed(resigned(("content-type", "host", "x-tc-region")), x_tc_region="ap-shanghai"),
        changed(resigned(("content-type", "host", "x-odd"), x_odd="a"), x_odd="\udcff"),
    ],
    ids=["body", "path", "host", "type", "time", "date", "service", "no host", "no type", "absent", "other", "bytes"],
)
def test_what_was_changed_after_signing_is_refused(service: Service, request_: Request) -> None:
    assert service.refusal(request_) == "AuthFailure.SignatureFailure"


@pytest.mark.parametrize("value", ["", "SKIP", "q-sign-algorithm=sha1", SIGNED.headers["authorization"][:-1]])
def test_what_is_no_authorization_is_refused(service: Service, value: str) -> None:
    assert service.refusal(changed(SIGNED, authorization=value)) == "AuthFailure.InvalidAuthorization"


def test_the_permission_can_be_taken_away(service: Service) -> None:
    service.api.allowed = False
    assert service.refusal(signed(CALL)) == "UnauthorizedOperation.CAM"
    assert service.refusal(signed(CALL, PERMANENT._replace(secret_key="x"))) == "AuthFailure.SignatureFailure"
    service.api.allowed = True
    assert "Result" in service.send(signed(CALL))


def test_no_refusal_tells_a_secret(service: Service) -> None:
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


# Tencent's own client, through a socket


def official(url: str, keys: Credentials, action: str = "Invoke", **parameters: str) -> Any:
    """What Tencent's client makes of a call. Raises TencentCloudSDKException."""
    profile = ClientProfile(httpProfile=HttpProfile(protocol="http", endpoint=url.removeprefix("http://")))
    client = CommonClient("scf", "2018-04-16", Credential(*keys), REGION, profile)
    try:
        return client.call_json(action, parameters)["Response"]
    finally:
        client.request.conn._session.close()


def test_the_official_client_is_served_and_refused() -> None:
    async def scenario() -> tuple[Any, list[str], list[object]]:
        runtime = Runtime()
        asynchronous = Asynchronous(runtime)
        server = Server(Faulty(ScfApi({"f"}, runtime, asynchronous)).handle)
        url, codes = await server.start(), []
        try:
            answer = await asyncio.to_thread(official, url, ROLE, FunctionName="f", ClientContext='{"key": "值"}')
            await asyncio.to_thread(official, url, PERMANENT, FunctionName="f", InvocationType="Event")
            for keys, action in ((PERMANENT._replace(secret_key="x"), "Invoke"), (ROLE, "ListFunctions")):
                with pytest.raises(TencentCloudSDKException) as refused:
                    await asyncio.to_thread(official, url, keys, action, FunctionName="f")
                codes.append(refused.value.get_code())
                assert refused.value.get_request_id()
        finally:
            await asynchronous.stop()
            await server.stop()
        return answer, codes, [event for _, event, _ in runtime.seen]

    answer, codes, events = asyncio.run(scenario())
    assert json.loads(answer["Result"]["RetMsg"]) == DONE.result
    assert codes == ["AuthFailure.SignatureFailure", "InvalidAction"]
    assert events == [{"key": "值"}, {}]


# In the cloud


def test_the_cloud_serves_it_at_the_gateways_url(tmp_path: Path) -> None:
    async def scenario() -> None:
        ended = asyncio.Event()
        cloud = Cloud(ROOT, tmp_path, {}, Ports(), lambda line: ended.set() if line.startswith("Report ") else None)
        await cloud.start()
        try:
            assert cloud._spec("query-video", cloud._config.functions["query-video"]).environment["INVOKE_URL"] == (
                cloud.gateway
            )
            vids = {"vids": ["a72c30a65853dc1466ec9ef681e7b76b1530600996"]}
            call = {"FunctionName": "query-video", "ClientContext": json.dumps(vids), "LogType": "Tail"}
            result = (await asyncio.to_thread(official, cloud.gateway, ROLE, **call))["Result"]
            assert result["InvokeResult"] == 0
            assert f"START RequestId:{result['FunctionRequestId']}" in result["Log"]
            ended.clear()
            await asyncio.to_thread(official, cloud.gateway, ROLE, **call, InvocationType="Event")
            await ended.wait()
            cloud.scf.allowed = False
            with pytest.raises(TencentCloudSDKException, match=r"UnauthorizedOperation\.CAM"):
                await asyncio.to_thread(official, cloud.gateway, ROLE, **call)
            assert cloud.scf.calls == {"Invoke": 3}
        finally:
            await cloud.stop()

    asyncio.run(scenario())


def test_the_gateways_own_paths_stay_its_own(tmp_path: Path) -> None:
    async def scenario() -> None:
        cloud = Cloud(ROOT, tmp_path, {}, Ports(), lambda _: None, max_instances=3)
        await cloud.start()
        assert {function._max_instances for function in cloud._functions.values()} == {3}
        try:
            for path, headers, status in (
                ("/", {}, 404),
                ("/nowhere", {"X-TC-Action": "Invoke"}, 404),
                ("/", {"X-TC-Action": "Invoke"}, 200),
                ("/_local/calls", {}, 200),
            ):
                reader, writer = await asyncio.open_connection(*cloud.gateway.removeprefix("http://").split(":"))
                lines = [f"POST {path} HTTP/1.1", "Host: x", "Connection: close", "Content-Length: 0"]
                lines += [f"{name}: {value}" for name, value in headers.items()]
                writer.write("\r\n".join([*lines, "", ""]).encode())
                assert (await reader.read()).startswith(f"HTTP/1.1 {status} ".encode()), path
                writer.close()
            assert cloud.scf.calls == {"Invoke": 1}
        finally:
            await cloud.stop()

    asyncio.run(scenario())


def test_a_signature_holds_with_the_clock_of_now() -> None:
    service = Service()
    service.api = ScfApi({"f"}, service.runtime, service.asynchronous)
    assert "Result" in service.send(signed(CALL, age=NOW - time.time()))
