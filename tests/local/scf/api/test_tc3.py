"""Signatures of API 3.0 requests: keys, headers, times."""

from __future__ import annotations

from pathlib import Path

import pytest

from local.keys import PERMANENT, ROLE
from local.server import Request
from shared.signing.credentials import Credentials
from shared.signing.tc3 import tc3_authorization
from tests.support.api3 import CALL, NOW, Service, changed, signed


@pytest.fixture
def service(tmp_path: Path) -> Service:
    return Service(tmp_path)


@pytest.mark.parametrize("age", [-300, 300])
def test_a_clock_can_be_five_minutes_off(service: Service, age: int) -> None:
    assert "Result" in service.send(signed(CALL, age=age))


@pytest.mark.parametrize("age", [-301, 301])
def test_a_clock_that_is_further_off_is_refused(service: Service, age: int) -> None:
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


def test_more_headers_than_required_can_be_signed(service: Service) -> None:
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
    ],
    ids=["body", "path", "host", "type", "time", "date", "service", "no host", "no type", "absent", "other"],
)
def test_what_was_changed_after_signing_is_refused(service: Service, request_: Request) -> None:
    assert service.refusal(request_) == "AuthFailure.SignatureFailure"


@pytest.mark.parametrize("value", ["", "SKIP", "q-sign-algorithm=sha1", SIGNED.headers["authorization"][:-1]])
def test_a_malformed_authorization_is_refused(service: Service, value: str) -> None:
    assert service.refusal(changed(SIGNED, authorization=value)) == "AuthFailure.InvalidAuthorization"


def node(host: str, service: str, sent_to: str = "127.0.0.1:9000") -> Request:
    """A request as tencentcloud-sdk-nodejs signs it: for a host without port, for the endpoint's first label."""
    request = changed(signed(CALL), host=sent_to)
    covered = {"content-type": "application/json", "host": host}
    return changed(request, authorization=tc3_authorization(PERMANENT, service, "/", covered, request.body, NOW))


@pytest.mark.parametrize(
    ("host", "service_", "sent_to"),
    [
        ("127.0.0.1", "127", "127.0.0.1:9000"),
        ("127.0.0.1:9000", "127", "127.0.0.1:9000"),
        ("127.0.0.1", "scf", "127.0.0.1:9000"),
        ("localhost", "localhost", "localhost:9000"),
        ("localhost", "localhost:9000", "localhost:9000"),
    ],
)
def test_node_signs_another_host_and_service(service: Service, host: str, service_: str, sent_to: str) -> None:
    assert "Result" in service.send(node(host, service_, sent_to))


def test_no_other_host_or_service_will_do(service: Service) -> None:
    for request in (node("localhost", "scf"), node("127.0.0.1", "cvm"), node("127.0.0.1:9001", "scf")):
        assert service.refusal(request) == "AuthFailure.SignatureFailure"


def test_a_signature_is_for_one_service(service: Service) -> None:
    asked = {"X-TC-Action": "GetUserAppId", "X-TC-Version": "2019-01-16"}
    assert service.refusal(signed({}, headers=asked)) == "AuthFailure.SignatureFailure"
    assert "AppId" in service.send(signed({}, service="cam", headers=asked))
