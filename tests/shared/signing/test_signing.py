"""Known-answer vectors and masked keys; test_signing_clients holds the official clients against the same code."""

from __future__ import annotations

import sys
from collections.abc import Callable
from urllib.parse import parse_qsl

import pytest
import requests

from shared.signing.api2 import API2_PATH, Api2Auth, api2_signature, api2_string_to_sign, flatten, random_nonce
from shared.signing.cos import COS_CLOCK_MARGIN, COS_SIGNATURE_LIFETIME, cos_authorization
from shared.signing.credentials import Credentials

SHA1, SHA256 = {"SignatureMethod": "HmacSHA1"}, {"SignatureMethod": "HmacSHA256"}
CVM, CDN, EIP = "cvm.api.qcloud.com", "cdn.api.qcloud.com", "eip.api.qcloud.com"

# The published example keys and parameters, named as the reference names them.
KEY_A = "secretKeyBar"
A = {
    "Action": "DescribeInstances",
    "Nonce": 1290303896666895346,
    "Region": "ap-guangzhou",
    "SecretId": "secretIdFoo",
    "Timestamp": 1512393162,
    "Version": "2017-03-12",
}
KEY_B = "Gu5t9xGARNpq86cd98joQYCN3Cozk1qA"
B = {
    "Action": "DescribeInstances",
    "SecretId": "AKIDz8krbsJ5yKBZQpn74WFkmLPx3gnPhESA",
    "Nonce": 11886,
    "Timestamp": 1465185768,
}
B_NEW = {**B, "InstanceIds.0": "ins-09dx96dg", "Region": "ap-guangzhou"}
B_OLD = {**B, "Region": "gz", "instanceIds.0": "ins-09dx96dg", "limit": 20, "offset": 0}
B_EIP = {**B, "Region": "gz", "instanceId": "cpm-09dx96dg", "eipId": "eip-testcpm"}
KEY_C = "pxPgRWDbCy86ZYyqBTDk7WmeRZSmPco0"
C = {"Action": "DescribeCdnHosts", "SecretId": "AKIDT8G5AsY1D3MChWooNq1rFSw1fyBVCX9D", "limit": 10, "offset": 0}
C_NEW = {**C, "Nonce": 48059, "Timestamp": 1502197934, **SHA256}
C_OLD = {**C, "Nonce": 13029, "Timestamp": 1463122059}
OWN_KEY = "ExampleKey"
OWN = {
    "Action": "GetVpResult",
    "Nonce": 42,
    "Region": "gz",
    "SecretId": "AKIDexample",
    "Timestamp": 1700000000,
    "vids.0": "421e6d34756e53814c99939ffeec49861519633537",
    "vids.1": "6e50fd43c6f20d56c88d1c1d8f6db2641503390019",
}
RAW = {
    "Action": "GetCtsInfo",
    "Nonce": 7,
    "SecretId": "AKIDexample",
    "Timestamp": 1700000000,
    "url": "http://b-1250000000.cosgz.myqcloud.com/a b/音乐+1.mp3",
    "x_y": "a_b",
}

API2_VECTORS = {
    "1 SDK, POST": (KEY_A, CVM, A | SHA1, "POST", "p3n+pxBqF5JGZtDSxoVn5tGngf0="),
    "2 SDK, POST SHA-256": (KEY_A, CVM, A | SHA256, "POST", "B2T37FRSP6Fk0/q/cdfrTE0p3zX5ooB/2BPWZUFpsj4="),
    "3 SDK, GET": (KEY_A, CVM, A | SHA1, "GET", "5HAq1BOKNLEE2/uauWnp6Zv9Z3c="),
    "4 CVM, SHA-256": (KEY_B, CVM, B_NEW | SHA256, "GET", "0EEm/HtGRr/VJXTAD9tYMth1Bzm3lLHz5RCDv1GdM8s="),
    "5 CVM, SHA-1": (KEY_B, CVM, B_NEW | SHA1, "GET", "nPVnY6njQmwQ8ciqbPl5Qe+Oru4="),
    "6 CVM, no method": (KEY_B, CVM, B_OLD, "GET", "NSI3UqqD99b/UJb4tbG/xZpRW64="),
    "7 CDN, SHA-256": (KEY_C, CDN, C_NEW, "GET", "b/HlnO7vWEtR/kf21BvF0fX4vGmIThwWxlaD5GQtlSM="),
    "8 CDN, no method": (KEY_C, CDN, C_OLD, "GET", "bWMMAR1eFGjZ5KWbfxTlBiLiNLc="),
    "9 CDN, POST": (KEY_C, CDN, C_OLD, "POST", "i/KcLp6VaOtUmVtT0dqtLpKJOkg="),
    "10 CDN, POST SHA-256": (KEY_C, CDN, C_NEW, "POST", "yDLFFjPi/etyCrJf+35aHklFAqP0wD4K5nDjhGxz9Bk="),
    # The EIP page prints row 6's result beside another, unsorted string; sorted, the result is this one.
    "EIP, sorted": (KEY_B, EIP, B_EIP, "GET", "zA9krVImx+NybgiV+TvrgGqP6hg="),
    "own, GET": (OWN_KEY, CDN, OWN, "GET", "/Kpdyx8APenB0fLDs0qRlTl7kGA="),
    "own, POST": (OWN_KEY, CDN, OWN, "POST", "tj6PSt6+m5kNAo1x76UBesDCF4A="),
    "own, GET SHA-256": (OWN_KEY, CDN, OWN | SHA256, "GET", "DNuVwls8s8mm1S0KKDFENPonwIcz3xXF4UsDK6buRkM="),
    "own, POST SHA-256": (OWN_KEY, CDN, OWN | SHA256, "POST", "kcy4vCFJXLxWEXqowAaaulc5Goyq4qGJfFe9LJLp1hc="),
    "raw values, underscore": (OWN_KEY, CDN, RAW, "POST", "G9XFlMIdaJm6vHKIl1FqMHzNL9g="),
}


@pytest.mark.parametrize(("key", "host", "params", "method", "expected"), API2_VECTORS.values(), ids=API2_VECTORS)
def test_api2_vectors(key: str, host: str, params: dict[str, object], method: str, expected: str) -> None:
    text = api2_string_to_sign(method, host, API2_PATH, params)
    assert api2_signature(key, text, str(params.get("SignatureMethod", ""))) == expected


@pytest.mark.parametrize(
    ("method", "params", "expected"),
    [
        ("get", {"b": 1, "a": 2}, "GETh/p?a=2&b=1"),
        ("GET", {"vids.2": "x", "vids.10": "y", "Zed": "z"}, "GETh/p?Zed=z&vids.10=y&vids.2=x"),
        ("GET", {"a_b": "1_2", "a.a": "3"}, "GETh/p?a.a=3&a.b=1_2"),
        ("GET", {"a": "1", "Signature": "old"}, "GETh/p?a=1"),
        ("GET", {"a": "@file"}, "GETh/p?a=@file"),
        ("POST", {"a": "@file", "b": "x@y"}, "POSTh/p?b=x@y"),
        ("post", {"a": "@file", "b": ""}, "POSTh/p?b="),
    ],
    ids=["sorted", "by ASCII", "underscore before sorting", "old signature", "@ on GET", "@ on POST", "lower case"],
)
def test_string_to_sign(method: str, params: dict[str, object], expected: str) -> None:
    assert api2_string_to_sign(method, "h", "/p", params) == expected


@pytest.mark.parametrize("name", ["", "HmacSHA1", "hmacsha256", "HmacSHA512"])
def test_only_the_exact_name_selects_sha256(name: str) -> None:
    assert api2_signature("k", "text", name) == api2_signature("k", "text") != api2_signature("k", "text", "HmacSHA256")


def test_arrays_are_flattened_with_dots() -> None:
    assert flatten("vids", ["a", 1]) == {"vids.0": "a", "vids.1": "1"}
    assert flatten("vids", []) == {}


def test_nonces_are_positive_and_differ() -> None:
    nonces = {random_nonce() for _ in range(100)}
    assert len(nonces) == 100
    assert all(1 <= nonce <= sys.maxsize for nonce in nonces)


DOCUMENTED = Credentials("AKIDQjz3ltompVjBni5LitkWHFlFpwkn9U5q", "BQYIM75p8x0iWVFSIgqEKwFprpRSVHlz")
OWN_COS = Credentials("AKIDexample", "ExampleSecretKey")
BEIJING = "examplebucket-1250000000.cos.ap-beijing.myqcloud.com"
GUANGZHOU = "examplebucket-1250000000.cos.ap-guangzhou.myqcloud.com"
OBJECT = "/exampleobject(腾讯云)"
OWN_TIME = "1700000000;1700000600"
PUT_HEADERS = {
    "Date": "Thu, 16 May 2019 06:45:51 GMT",
    "Host": BEIJING,
    "Content-Type": "text/plain",
    "Content-Length": "13",
    "Content-MD5": "mQ/fVh815F3k6TAUm8m0eg==",
    "x-cos-acl": "private",
    "x-cos-grant-read": 'uin="100000000011"',
}
GET_HEADERS = {"Date": "Thu, 16 May 2019 06:55:53 GMT", "Host": BEIJING}
GET_PARAMS = {"response-content-type": "application/octet-stream", "response-cache-control": "max-age=600"}
JSON_HEADERS = {
    "host": GUANGZHOU,
    "content-type": "application/json",
    "content-length": "2",
    "content-md5": "mZFLkyvTelC5g8XnyQrpOw==",
}
LIST_PARAMS = {"prefix": "state/", "delimiter": "/", "max-keys": "1000"}
JOB = "/jobs/jaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
CI_HOST = {"host": GUANGZHOU.replace(".cos.", ".ci.")}

NoParams = dict[str, str]()
COS_VECTORS = {
    "document, PUT": (
        (DOCUMENTED, "PUT", OBJECT, NoParams, PUT_HEADERS, "1557989151;1557996351"),
        "content-length;content-md5;content-type;date;host;x-cos-acl;x-cos-grant-read",
        "",
        "3b8851a11a569213c17ba8fa7dcf2abec6935172",
    ),
    "document, GET": (
        (DOCUMENTED, "GET", OBJECT, GET_PARAMS, GET_HEADERS, "1557989753;1557996953"),
        "date;host",
        "response-cache-control;response-content-type",
        "01681b8c9d798a678e43b685a9f1bba0f6c0e012",
    ),
    "own, PUT": (
        (OWN_COS, "PUT", "/state/2024/summary.json", NoParams, JSON_HEADERS, OWN_TIME),
        "content-length;content-md5;content-type;host",
        "",
        "5356f81fc2f5ef612a76af0921dac830e4b0c762",
    ),
    "own, list": (
        (OWN_COS, "GET", "/", LIST_PARAMS, {"host": GUANGZHOU}, OWN_TIME),
        "host",
        "delimiter;max-keys;prefix",
        "3886804ec51adacb71466febc75f3cf323a8ca13",
    ),
    "own, CI job": (
        (OWN_COS, "GET", JOB, NoParams, CI_HOST, OWN_TIME),
        "host",
        "",
        "b3779fe49fa43cfcae931f92548c2f679db8c641",
    ),
}


@pytest.mark.parametrize(("request_parts", "headers", "params", "signature"), COS_VECTORS.values(), ids=COS_VECTORS)
def test_cos_vectors(
    request_parts: tuple[Credentials, str, str, dict[str, str], dict[str, str], str],
    headers: str,
    params: str,
    signature: str,
) -> None:
    keys, key_time = request_parts[0], request_parts[-1]
    assert cos_authorization(*request_parts) == (
        f"q-sign-algorithm=sha1&q-ak={keys.secret_id}&q-sign-time={key_time}&q-key-time={key_time}"
        f"&q-header-list={headers}&q-url-param-list={params}&q-signature={signature}"
    )


def test_the_window_of_a_cos_signature() -> None:
    """Starts early as the official client's does, and ends before the 15 minutes that COS allows a clock to be off."""
    assert (COS_CLOCK_MARGIN, COS_SIGNATURE_LIFETIME) == (60, 600)


@pytest.mark.parametrize(
    "shown",
    [repr, str, "{}".format, "{!r}".format, lambda keys: f"{[keys]}", lambda keys: f"{ {'keys': keys} }"],
    ids=["repr", "str", "format", "format r", "in a list", "in a dict"],
)
@pytest.mark.parametrize("token", ["", "session-token-text"])
def test_credentials_show_neither_key_nor_token(shown: Callable[[Credentials], str], token: str) -> None:
    text = shown(Credentials("AKIDvisible-and-more", "secret-key-text", token))
    assert "AKIDvisi" in text
    assert not any(secret in text for secret in ("and-more", "secret-key-text", "session-token-text"))


@pytest.mark.parametrize("form", ["", "a=1&a=2", "a=视频", "a=1&SecretId=other", "a=%E8%A7%86+b&c="])
def test_whatever_a_form_looks_like_its_names_are_sent_once_encoded_and_signed(form: str) -> None:
    request = requests.Request("POST", f"https://api.example{API2_PATH}", data=form).prepare()
    signed = Api2Auth(Credentials("id", "key"), clock=lambda: 1.0, nonce=lambda: 2)(request)
    sent = parse_qsl(str(signed.body), keep_blank_values=True)
    own = dict(parse_qsl(form, keep_blank_values=True))
    assert str(signed.body).isascii()
    assert len(dict(sent)) == len(sent) == len({**own, **dict(sent)})
    assert dict(sent)["SecretId"] == "id"
    assert [(name, own[name]) for name in own if name != "SecretId"] == [pair for pair in sent if pair[0] in ("a", "c")]
    assert signed.headers["Content-Length"] == str(len(str(signed.body)))
