"""Signatures in headers and URLs."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import parse_qsl, quote, urlencode

import pytest

from local.cos.service import CosService
from local.keys import PERMANENT, ROLE
from local.server import Request
from shared.signing.cos import cos_authorization
from shared.signing.credentials import Credentials
from tests.support.cos import HOST, NOW, TOKEN, Client, code_of, texts, without


def test_unsigned_requests_are_denied(client: Client) -> None:
    assert code_of(client.service.handle(without(client.request("GET", "k"), "authorization"))) == "AccessDenied"


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("q-sign-algorithm=sha1", "q-sign-algorithm=sha256", "AccessDenied"),
        ("q-sign-algorithm=sha1&", "", "AccessDenied"),
        ("q-header-list=", "header-list=", "AccessDenied"),
        (f"q-sign-time={NOW - 60}", f"q-sign-time={NOW - 61}", "AccessDenied"),
        (f"q-key-time={NOW - 60};", "q-key-time=", "AccessDenied"),
        (f"{NOW + 600}", f"{NOW + 601}", "SignatureDoesNotMatch"),
        ("q-ak=AKIDLOCALEXAMPLE", "q-ak=AKIDNOBODY", "InvalidAccessKeyId"),
        ("q-ak=AKIDLOCALEXAMPLE", "q-ak=", "InvalidAccessKeyId"),
        ("q-header-list=host", "q-header-list=", "SignatureDoesNotMatch"),
        ("q-header-list=host", "q-header-list=host;range", "SignatureDoesNotMatch"),
        ("q-url-param-list=", "q-url-param-list=prefix", "SignatureDoesNotMatch"),
        ("q-signature=", "q-signature=0", "SignatureDoesNotMatch"),
        ("q-signature=", "q-signature=é", "SignatureDoesNotMatch"),
    ],
)
def test_a_changed_authorization_is_refused(client: Client, old: str, new: str, code: str) -> None:
    request = client.request("GET", "k")
    authorization = request.headers["authorization"]
    assert old in authorization
    changed = request._replace(headers={**request.headers, "authorization": authorization.replace(old, new)})
    assert code_of(client.service.handle(changed)) == code


@pytest.mark.parametrize(
    "change",
    [
        lambda r: r._replace(path="/other"),
        lambda r: r._replace(method="DELETE"),
        lambda r: r._replace(query="response-expires=1"),
        lambda r: r._replace(headers={**r.headers, "range": "bytes=0-1"}),
        lambda r: r._replace(headers={**r.headers, "host": "127.0.0.1"}),
    ],
)
def test_a_signature_covers_the_request(client: Client, change: Callable[[Request], Request]) -> None:
    client("PUT", "k", body=b"xyz")
    request = client.request("GET", "k", query={"response-expires": "0"}, headers={"range": "bytes=0-0"})
    assert client.service.handle(request).status == 206
    assert code_of(client.service.handle(change(request))) == "SignatureDoesNotMatch"


def test_headers_that_are_not_listed_are_not_signed(client: Client) -> None:
    client("PUT", "k", body=b"xyz")
    request = client.request("GET", "k")
    headers = {**request.headers, "range": "bytes=0-0"}
    reply = client.service.handle(request._replace(headers=headers, query="response-content-type=text/plain"))
    assert (reply.body, reply.headers["Content-Type"]) == (b"x", "text/plain")


def test_the_wrong_key_is_refused(service: CosService) -> None:
    forger = Client(service, Credentials(PERMANENT.secret_id, "guess"))
    assert code_of(forger("GET", "k")) == "SignatureDoesNotMatch"


def test_names_are_listed_encoded_and_in_lower_case(client: Client) -> None:
    reply = client("GET", query={"max-keys": "1", "prefix": "a b+c&d", "marker": ""})
    assert texts(reply, "Prefix") == ["a b+c&d"]


@pytest.mark.parametrize(
    ("start", "end", "code"),
    [
        (-700, -1, "Request has expired"),
        (-60, 0, ""),
        (900, 1500, ""),
        (901, 1500, "RequestTimeTooSkewed"),
    ],
)
def test_a_signature_has_its_time(client: Client, start: int, end: int, code: str) -> None:
    client.window = f"{NOW + start};{NOW + end}"
    reply = client("GET")
    assert (code_of(reply) if code else reply.status) == (code or 200)


def test_temporary_keys_need_their_token(service: CosService) -> None:
    client = Client(service, ROLE)
    assert client("GET").status == 200
    client.keys = ROLE._replace(token="guess")
    assert code_of(client("GET")) == "AccessDenied"
    client.keys = ROLE._replace(token="")
    assert code_of(client("GET")) == "AccessDenied"


def test_permanent_keys_have_no_token(service: CosService) -> None:
    assert code_of(Client(service, PERMANENT._replace(token=ROLE.token))("GET")) == "AccessDenied"


def presigned(client: Client, method: str, key: str, query: dict[str, str]) -> Request:
    """A request whose signature is in the query string."""
    authorization = cos_authorization(client.keys, method, f"/{key}", query, {"host": HOST}, client.window)
    return Request(
        method, "/" + quote(key), urlencode({**query, **dict(parse_qsl(authorization, True))}), {"host": HOST}
    )


def test_the_signature_can_be_in_the_url(client: Client) -> None:
    client("PUT", "é", body=b"x")
    request = presigned(client, "GET", "é", {"response-content-type": "text/plain"})
    reply = client.service.handle(request)
    assert (reply.body, reply.headers["Content-Type"]) == (b"x", "text/plain")
    assert code_of(client.service.handle(request._replace(path="/other"))) == "SignatureDoesNotMatch"


def test_a_token_goes_where_the_signature_goes(service: CosService) -> None:
    client = Client(service, ROLE)
    assert client.service.handle(presigned(client, "GET", "", {TOKEN: ROLE.token})).status == 200
    request = presigned(client, "GET", "", {})
    assert code_of(service.handle(request._replace(headers={"host": HOST, TOKEN: ROLE.token}))) == "AccessDenied"
