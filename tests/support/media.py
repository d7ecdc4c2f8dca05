"""Requests of the official API 2.0 client, and what the local media API answers."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl, urlencode

from QcloudApi.common.request import RequestInternal
from QcloudApi.common.sign import Sign
from QcloudApi.modules.base import Base

from local.keys import PERMANENT
from local.media.service import HEADERS, REAL_HOSTS
from local.server import Reply, Request
from shared.signing.credentials import Credentials

VIDEO = "a72c30a65853dc1466ec9ef681e7b76b1530600996"
OTHER_VIDEO = "b0756cd02571355df87533cb4c291afe1530607530"
AUDIO = "6e50fd43c6f20d56c88d1c1d8f6db2641503390019"
NOW = 1_700_000_000
HOST = REAL_HOSTS[1]
FORM = "application/x-www-form-urlencoded"
ALL_WAYS = [(method, name) for method in ("GET", "POST") for name in ("HmacSHA1", "HmacSHA256")]


def official(
    method: str = "GET",
    signature_method: str = "HmacSHA1",
    endpoint: str = HOST,
    keys: Credentials = PERMANENT,
    region: str = "gz",
) -> Any:
    """The official client, for one endpoint."""
    config = {
        "secretId": keys.secret_id,
        "secretKey": keys.secret_key,
        "Token": keys.token,
        "Region": region,
        "method": method,
        "SignatureMethod": signature_method,
        "endpoint": endpoint,
    }
    return Base(config)


def signed(client: Any, action: str, host: str = "", **params: object) -> Request:
    """The request that the official client makes, at the test's time unless `params` say otherwise."""
    made = RequestInternal(client.requestHost, client.method, client.requestUri)
    client._build_req_inter(action, {"Timestamp": NOW, **params}, made)
    headers = {"host": host or client.requestHost, **{name.lower(): value for name, value in made.header.items()}}
    if client.method == "GET":
        return Request("GET", made.uri, made.data, headers)
    return Request("POST", made.uri, "", headers, made.data.encode())


def changed(request: Request, **params: str | None) -> Request:
    """A GET with parameters set to something else, or left out (None), after it was signed."""
    pairs = {**dict(parse_qsl(request.query, keep_blank_values=True)), **params}
    return request._replace(query=urlencode({name: value for name, value in pairs.items() if value is not None}))


def resigned(request: Request, signature_method: str) -> Request:
    """A GET signed again by the official client's signer, with this hash whatever its parameters claim."""
    pairs = {name: value for name, value in parse_qsl(request.query) if name != "Signature"}
    sign = Sign(PERMANENT.secret_id, PERMANENT.secret_key)
    return changed(request, Signature=sign.make(HOST, request.path, pairs, request.method, signature_method))


def answer(reply: Reply) -> dict[str, Any]:
    """A reply's envelope, which comes with HTTP status 200 whatever it says."""
    assert reply.status == 200
    assert {**reply.headers, "Date": ""} == {**HEADERS, "Date": ""}
    envelope: dict[str, Any] = json.loads(reply.body)
    return envelope


def code(reply: Reply) -> int:
    """The code of an error envelope, whose form is that of the documents without data."""
    envelope = answer(reply)
    assert list(envelope) == ["code", "message", "codeDesc"]
    assert envelope["message"]
    return int(envelope["code"])
