"""TC3-HMAC-SHA256: the document's sample, and Tencent's own client as an independent oracle."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from requests import PreparedRequest
from tencentcloud.common.common_client import CommonClient
from tencentcloud.common.credential import Credential
from tencentcloud.common.http.request import RequestInternal
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile

from shared.signing.credentials import Credentials
from shared.signing.tc3 import Tc3Auth, tc3_authorization

# The client's signer asks datetime.utcfromtimestamp for the date.
pytestmark = pytest.mark.filterwarnings("ignore:datetime.datetime.utcfromtimestamp:DeprecationWarning")

#: The sample of document 213/30654; its payload has the escapes as text.
DOCUMENTED = Credentials("AKIDz8krbsJ5yKBZQpn74WFkmLPx3EXAMPLE", "Gu5t9xGARNpq86cd98joQYCN3EXAMPLE")
DOCUMENTED_PAYLOAD = rb'{"Limit": 1, "Filters": [{"Values": ["\u672a\u547d\u540d"], "Name": "instance-name"}]}'
KEYS = Credentials("AKIDexample", "ExampleKey")
HOST = "scf.tencentcloudapi.com"

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
values = st.recursive(st.none() | st.booleans() | st.integers() | texts, lambda item: st.lists(item, max_size=3))
payloads = st.dictionaries(texts, values, max_size=5) | st.binary(max_size=200)


def test_the_documented_sample() -> None:
    headers = {"host": "cvm.tencentcloudapi.com", "content-type": "application/json; charset=utf-8"}
    assert tc3_authorization(DOCUMENTED, "cvm", "/", headers, DOCUMENTED_PAYLOAD, 1551113065) == (
        "TC3-HMAC-SHA256 Credential=AKIDz8krbsJ5yKBZQpn74WFkmLPx3EXAMPLE/2019-02-25/cvm/tc3_request, "
        "SignedHeaders=content-type;host, Signature=72e494ea809ad7a8c8f7a4507b9bddcbaa8e581f516e8da2f66e2c5a96525168"
    )


def official(service: str, host: str, secret_key: str) -> CommonClient:
    """Tencent's client of one service, with the endpoint that it signs."""
    profile = ClientProfile(httpProfile=HttpProfile(endpoint=host))
    return CommonClient(service, "2018-04-16", Credential(KEYS.secret_id, secret_key), "ap-guangzhou", profile)


@given(
    service=st.sampled_from(["scf", "cvm", "cdn"]),
    host=st.sampled_from([HOST, "127.0.0.1:9000"]),
    key=texts.map(str.strip).filter(bool),  # the client refuses a key with space around it
    sent=payloads,
)
def test_the_official_signer_agrees(service: str, host: str, key: str, sent: object) -> None:
    """A dictionary goes as JSON, bytes as they are: the two kinds of body that the client posts and signs so."""
    request = RequestInternal(host, "POST", "/", header={}, data=sent)
    official(service, host, key)._build_req_inter("Invoke", sent, request, {"IsOctetStream": isinstance(sent, bytes)})
    body = request.data if isinstance(request.data, bytes) else request.data.encode()
    signed = {"content-type": request.header["Content-Type"], "host": request.header["Host"]}
    keys, timestamp = KEYS._replace(secret_key=key), int(request.header["X-TC-Timestamp"])
    assert tc3_authorization(keys, service, "/", signed, body, timestamp) == request.header["Authorization"]


def test_more_headers_may_be_signed_in_their_order() -> None:
    headers = {"x-tc-action": " Invoke ", "host": HOST, "content-type": "application/json"}
    first = tc3_authorization(KEYS, "scf", "/", headers, b"{}", 1)
    assert "SignedHeaders=content-type;host;x-tc-action, " in first
    assert tc3_authorization(KEYS, "scf", "/", headers | {"x-tc-action": "invoke"}, b"{}", 1) == first
    assert tc3_authorization(KEYS, "scf", "/", headers | {"x-tc-action": "other"}, b"{}", 1) != first


def prepared(url: str, body: str | bytes | None) -> PreparedRequest:
    """An unsigned call of SCF's API."""
    request = PreparedRequest()
    request.prepare(method="POST", url=url, headers={"Content-Type": "application/json"}, data=body)
    return request


@pytest.mark.parametrize("token", ["", "a token/with+reserved=characters"])
@pytest.mark.parametrize("body", ['{"FunctionName":"查询"}', '{"FunctionName":"查询"}'.encode(), None])
@pytest.mark.parametrize(
    ("url", "host"),
    [(f"https://{HOST}", HOST), (f"https://{HOST}:443/", HOST), ("http://127.0.0.1:9000", "127.0.0.1:9000")],
)
def test_a_signed_request_verifies_with_the_official_signer(
    url: str, host: str, body: str | bytes | None, token: str
) -> None:
    request = Tc3Auth(KEYS._replace(token=token), "scf", clock=lambda: 1_700_000_000.9)(prepared(url, body))
    assert request.headers["X-TC-Timestamp"] == "1700000000"
    assert request.headers.get("X-TC-Token", "") == token
    wire = RequestInternal(host, "POST", "/", dict(request.headers) | {"Host": host}, request.body or "")
    signature = official("scf", host, KEYS.secret_key)._get_tc3_signature(
        {}, wire, "2023-11-14", "scf", KEYS.secret_key
    )
    assert request.headers["Authorization"] == (
        "TC3-HMAC-SHA256 Credential=AKIDexample/2023-11-14/scf/tc3_request, "
        f"SignedHeaders=content-type;host, Signature={signature}"
    )


def test_signing_again_replaces_time_and_signature() -> None:
    times = iter([1_700_000_000.0, 1_700_086_400.0])
    auth, request = Tc3Auth(KEYS, "scf", clock=lambda: next(times)), prepared(f"https://{HOST}/", "{}")
    first = str(auth(request).headers["Authorization"])
    second = str(auth(request).headers["Authorization"])
    assert re.findall(r"/(2023-11-1\d)/", first + second) == ["2023-11-14", "2023-11-15"]
    assert request.headers["X-TC-Timestamp"] == "1700086400"
