"""Checks the signatures of API 3.0 requests: the server's side of TC3-HMAC-SHA256 (213/30654)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from local.keys import KNOWN, same
from local.scf.api.parameters import ApiError
from local.server import Request, bare_host
from shared.signing.credentials import Credentials
from shared.signing.tc3 import tc3_authorization

#: How far X-TC-Timestamp can be off, in seconds (AuthFailure.SignatureExpire: five minutes).
WINDOW = 300
AUTHORIZATION = re.compile(
    r"TC3-HMAC-SHA256 Credential=(?P<secret_id>[^/, ]+)/[^/, ]+/(?P<service>[^/, ]+)/tc3_request, "
    r"SignedHeaders=(?P<names>[a-z0-9;_-]+), Signature=[0-9a-f]{64}"
)


def check_signature(request: Request, service: str, now: float) -> None:
    """Raise ApiError unless the request is signed with a known key for `service`.

    `now` is in Unix seconds. The real order of the checks is not documented.
    """
    timestamp = request.headers.get("x-tc-timestamp", "")
    if not timestamp:
        raise ApiError("MissingParameter", "parameter X-TC-Timestamp is missing")
    if not re.fullmatch(r"[0-9]{1,10}", timestamp):
        raise ApiError("InvalidParameter", "X-TC-Timestamp must be a time in Unix seconds")
    authorization = re.sub(r",\s*", ", ", request.headers.get("authorization", ""))
    matched = AUTHORIZATION.fullmatch(authorization)
    if matched is None:
        raise ApiError("AuthFailure.InvalidAuthorization", "the Authorization header is missing or malformed")
    keys = KNOWN.get(matched["secret_id"])
    if keys is None:
        raise ApiError("AuthFailure.SecretIdNotFound", "the SecretId does not exist or is disabled")
    if not same(request.headers.get("x-tc-token", ""), keys.token):
        raise ApiError("AuthFailure.TokenFailure", "the token is wrong")
    if not any(same(right, authorization) for right in _right(request, matched, keys, service)):
        raise ApiError("AuthFailure.SignatureFailure", "the signature does not match the request")
    if abs(now - int(timestamp)) > WINDOW:
        raise ApiError("AuthFailure.SignatureExpire", f"X-TC-Timestamp is more than {WINDOW} seconds off")


def _right(request: Request, matched: re.Match[str], keys: Credentials, service: str) -> Iterator[str]:
    """Yield the valid Authorization headers for a request with these signed headers and this service."""
    names = set(matched["names"].split(";"))
    if not {"content-type", "host"} <= names <= set(request.headers):
        return
    signed = {name: request.headers[name] for name in names}
    # tencentcloud-sdk-nodejs signs the host without port, and the first label of any endpoint as the service.
    hosts = dict.fromkeys((signed["host"], bare_host(signed["host"])))
    if matched["service"] not in {service, *(host.partition(".")[0] for host in hosts)}:
        return
    timestamp = int(request.headers["x-tc-timestamp"])
    for host in hosts:
        headers = {**signed, "host": host}
        yield tc3_authorization(keys, matched["service"], request.path, headers, request.body, timestamp)
