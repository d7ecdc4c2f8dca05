"""The official clients as independent oracles: what our auth classes put on the wire verifies with their signers."""

from __future__ import annotations

from itertools import count
from types import SimpleNamespace
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import pytest
import qcloud_cos.cos_auth
from hypothesis import example, given
from hypothesis import strategies as st
from qcloud_cos import CosConfig
from QcloudApi.common.sign import Sign
from requests import PreparedRequest

from shared.signing.api2 import API2_PATH, HMAC_SHA1, HMAC_SHA256, Api2Auth, api2_signature, api2_string_to_sign
from shared.signing.cos import COS_SIGNATURE_LIFETIME, CosAuth
from shared.signing.credentials import Credentials

NOW = 1_700_000_000
HOST = "cdn.api.qcloud.com"
KEYS = Credentials("AKIDexample", "ExampleKey")
TEMPORARY = KEYS._replace(token="a token/with+reserved=characters")
BUCKET = "https://media-1253125191.cos.ap-guangzhou.myqcloud.com/"

methods = st.sampled_from(["GET", "POST"])
digests = st.sampled_from([HMAC_SHA1, HMAC_SHA256])
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
names = texts | st.from_regex(r"[A-Za-z][A-Za-z0-9_.]{0,9}", fullmatch=True)
COMMON = {"SecretId", "Timestamp", "Nonce", "SignatureMethod", "Token", "Signature"}
params = st.dictionaries(names.filter(lambda name: name not in COMMON), texts | texts.map("@{}".format), max_size=6)


@given(texts.filter(bool), methods, digests, params)
def test_the_official_signer_agrees(key: str, method: str, digest: str, sent: dict[str, str]) -> None:
    ours = api2_signature(key, api2_string_to_sign(method, HOST, API2_PATH, sent), digest)
    assert ours == Sign("id", key).make(HOST, API2_PATH, sent, method, digest)


def api2_request(method: str, sent: dict[str, str]) -> PreparedRequest:
    """An unsigned request of the media API."""
    request, url, form = PreparedRequest(), f"https://{HOST}{API2_PATH}", urlencode(sent)
    request.prepare(
        method=method, url=f"{url}?{form}" if method == "GET" else url, data=form if method == "POST" else ""
    )
    return request


def arrived(request: PreparedRequest) -> dict[str, str]:
    """The parameters as the service decodes them; each name is there once."""
    wire = request.body if request.method == "POST" else urlsplit(str(request.url)).query
    pairs = parse_qsl(str(wire), keep_blank_values=True, strict_parsing=True)
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)


def verifies(request: PreparedRequest) -> bool:
    """Whether the official signer makes the signature that arrives."""
    got = arrived(request)
    signature = got.pop("Signature")
    signer = Sign(KEYS.secret_id, KEYS.secret_key)
    return bool(signer.make(HOST, API2_PATH, got, request.method, got["SignatureMethod"]) == signature)


@given(methods, digests, params, st.sampled_from([KEYS, TEMPORARY]))
@example("POST", HMAC_SHA1, {"x_y": "a_b", "url": "http://b/a b/音乐+1.mp3", "upload": "@file"}, TEMPORARY)
@example("GET", HMAC_SHA256, {"": "", "a&b=c": "%2F+#?", "x.y": "1", "x_y": "2"}, KEYS)
def test_what_arrives_verifies(method: str, digest: str, sent: dict[str, str], keys: Credentials) -> None:
    request = Api2Auth(keys, digest, lambda: NOW + 0.9, lambda: 42)(api2_request(method, sent))
    assert verifies(request)
    got = arrived(request)
    assert got.pop("Signature")
    common = {"SecretId": KEYS.secret_id, "Timestamp": str(NOW), "Nonce": "42", "SignatureMethod": digest}
    assert got == sent | common | ({"Token": keys.token} if keys.token else {})


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_signing_again_replaces_nonce_time_and_signature(method: str) -> None:
    times, nonces = count(NOW), count(1)
    auth = Api2Auth(TEMPORARY, HMAC_SHA1, lambda: next(times), lambda: next(nonces))
    request = auth(api2_request(method, {"vids.0": "a"}))
    first = arrived(request)
    second = arrived(auth(request))
    assert verifies(request)
    assert first.keys() == second.keys()
    assert {name for name in first if first[name] != second[name]} == {"Timestamp", "Nonce", "Signature"}


def test_the_token_is_signed() -> None:
    request = Api2Auth(TEMPORARY)(api2_request("GET", {}))
    assert verifies(request)
    request.url = str(request.url).replace("Token=a", "Token=b")
    assert not verifies(request)


def test_a_signed_form_says_what_it_is_and_how_long() -> None:
    request = Api2Auth(KEYS)(api2_request("POST", {"url": "音乐"}))
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert request.headers["Content-Length"] == str(len(str(request.body)))
    assert urlsplit(str(request.url)).query == ""


def test_each_signature_draws_its_own_nonce_and_time() -> None:
    nonces = {arrived(Api2Auth(KEYS)(api2_request("GET", {})))["Nonce"] for _ in range(20)}
    assert len(nonces) == 20


def cos_request(method: str, key: str, query: dict[str, str], headers: dict[str, str], body: bytes) -> PreparedRequest:
    """An unsigned request of the object store."""
    request, encoded = PreparedRequest(), urlencode(query, quote_via=quote)
    request.prepare(method=method, url=f"{BUCKET}{quote(key)}?{encoded}", headers=headers, data=body)
    return request


def official_authorization(request: PreparedRequest, key: str, query: dict[str, str], keys: Credentials) -> str:
    """What the official client signs the same request with, at the same time."""
    config = CosConfig(Region="ap-guangzhou", SecretId=keys.secret_id, SecretKey=keys.secret_key)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(qcloud_cos.cos_auth, "time", SimpleNamespace(time=lambda: NOW))
        auth = qcloud_cos.cos_auth.CosS3Auth(config, key, query, expire=COS_SIGNATURE_LIFETIME)
        return str(auth(request.copy()).headers["Authorization"])


# requests resolves the parts `.` and `..` of a path before anything is sent.
segments = texts.map(lambda text: text.replace("/", "")).filter(lambda segment: segment not in (".", ".."))
object_keys = st.lists(segments, min_size=1, max_size=4).map("/".join).filter(lambda key: key.strip("/") == key != "")
queries = st.dictionaries(texts.map(str.lower).filter(bool), texts, max_size=4)
header_values = st.from_regex(r"[!-~]([ -~]{0,20}[!-~])?", fullmatch=True)
cos_headers = st.fixed_dictionaries(
    {},
    optional={
        "Content-Type": header_values,
        "Content-MD5": header_values,
        "X-Cos-Meta-Note": header_values,
        "x-cos-acl": header_values,
    },
)


@given(
    method=st.sampled_from(["PUT", "GET"]),
    key=object_keys,
    query=queries,
    headers=cos_headers,
    body=st.binary(),
    keys=st.sampled_from([KEYS, TEMPORARY]),
)
@example(
    method="PUT",
    key="结果/a b+c&d=e?f#g%h~.json",
    query={"max-keys": "1", "prefix": "a/ é"},
    headers={},
    body=b"{}",
    keys=TEMPORARY,
)
def test_the_official_cos_client_agrees(
    method: str, key: str, query: dict[str, str], headers: dict[str, str], body: bytes, keys: Credentials
) -> None:
    request = CosAuth(keys, lambda: NOW + 0.9)(cos_request(method, key, query, headers, body))
    assert request.headers["Authorization"] == official_authorization(request, key, query, keys)


def test_a_cos_signature_covers_what_is_stored_and_where() -> None:
    headers = {"Content-Type": "application/json", "Content-MD5": "x", "Accept": "*/*", "Date": "today"}
    signed = CosAuth(TEMPORARY, lambda: NOW)(cos_request("PUT", "a", {}, headers, b"{}")).headers
    assert signed["x-cos-security-token"] == TEMPORARY.token
    covered = "content-length;content-md5;content-type;host;x-cos-security-token"
    assert f"&q-header-list={covered}&q-url-param-list=&" in signed["Authorization"]
    assert f"&q-sign-time={NOW - 60};{NOW + 600}&" in signed["Authorization"]


def test_permanent_keys_send_no_token() -> None:
    signed = CosAuth(KEYS)(cos_request("GET", "a", {}, {}, b"")).headers
    assert "x-cos-security-token" not in signed
    assert "q-header-list=host&" in signed["Authorization"]


def test_a_host_header_of_the_callers_is_the_one_that_is_signed() -> None:
    plain = cos_request("GET", "a", {}, {}, b"")
    named = cos_request("GET", "a", {}, {"Host": urlsplit(BUCKET).netloc}, b"")
    other = cos_request("GET", "a", {}, {"Host": "elsewhere"}, b"")
    by_plain, by_named, by_other = (
        CosAuth(KEYS, lambda: NOW)(request).headers["Authorization"] for request in (plain, named, other)
    )
    assert by_plain == by_named != by_other


def test_a_default_port_is_signed_as_it_is_sent() -> None:
    """HTTP clients leave a default port out of the Host header."""
    for url, port in ((f"https://{HOST}/p?a=1", 443), (f"http://{HOST}/p?a=1", 80)):
        for auth in (Api2Auth(KEYS, clock=lambda: NOW, nonce=lambda: 1), CosAuth(KEYS, lambda: NOW)):
            plain, explicit, other = PreparedRequest(), PreparedRequest(), PreparedRequest()
            plain.prepare("GET", url)
            explicit.prepare("GET", url.replace(HOST, f"{HOST}:{port}"))
            other.prepare("GET", url.replace(HOST, f"{HOST}:8080"))
            by_plain, by_explicit, by_other = (signature(auth(request)) for request in (plain, explicit, other))
            assert by_plain == by_explicit != by_other


def signature(request: PreparedRequest) -> str:
    """The signature of either service in a signed request."""
    return str(request.headers.get("Authorization") or arrived(request)["Signature"])


@pytest.mark.parametrize("value", ["text", b"text"], ids=["str", "bytes"])
def test_headers_may_be_text_or_bytes(value: str | bytes) -> None:
    request = cos_request("GET", "a", {}, {}, b"")
    request.headers["x-cos-acl"] = value
    expected = cos_request("GET", "a", {}, {"x-cos-acl": "text"}, b"")
    sign = CosAuth(KEYS, lambda: NOW)
    assert sign(request).headers["Authorization"] == sign(expected).headers["Authorization"]
