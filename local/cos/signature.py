"""Checks the signatures of COS requests: the server's side of "Request Signature" (436/7778)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from urllib.parse import quote

from local.cos.replies import CosError
from local.cos.target import Target
from local.keys import KNOWN, same
from local.server import bare_host
from shared.signing.cos import cos_authorization

TOKEN = "x-cos-security-token"  # noqa: S105 - a header's name
FIELDS = (
    "q-sign-algorithm",
    "q-ak",
    "q-sign-time",
    "q-key-time",
    "q-header-list",
    "q-url-param-list",
    "q-signature",
)
#: How far in the future a signature's time can begin, in seconds (RequestTimeTooSkewed, 436/7730).
MAX_SKEW = 15 * 60

#: Helps users of S3 clients, which send another kind of signature.
NO_SIGNATURE = "There is no signature of COS's kind (q-sign-algorithm=sha1&q-ak=...) in Authorization or the query."

_KEY_TIME = re.compile(r"([0-9]{1,12});([0-9]{1,12})")


def check_signature(request: Target, now: float, token_name: str = TOKEN) -> None:
    """Raise CosError unless the request has a valid signature, in `Authorization` or in the query string.

    `now` is in Unix seconds, `token_name` the header or parameter of the session token. No page gives the order of the
    checks.
    """
    in_header = "authorization" in request.headers
    fields = _fields(request.headers["authorization"]) if in_header else request.query
    # No code is documented for a missing or malformed signature; AccessDenied covers "an incorrect signature".
    if any(name not in fields for name in FIELDS) or fields["q-sign-algorithm"] != "sha1":
        raise CosError("AccessDenied", NO_SIGNATURE)
    _check_time(fields["q-sign-time"], fields["q-key-time"], now)
    keys = KNOWN.get(fields["q-ak"])
    if keys is None:
        raise CosError("InvalidAccessKeyId")
    # The token is sent where the signature is. A wrong or missing one is AccessDenied here: the only documented code is
    # ExpiredToken, for a token that was valid once.
    token = (request.headers if in_header else request.query).get(token_name, "")
    if not same(token, keys.token):
        raise CosError("AccessDenied")
    if not any(same(fields["q-signature"], signature) for signature in _signatures(request, fields)):
        raise CosError("SignatureDoesNotMatch")


def _fields(authorization: str) -> dict[str, str]:
    parts = (part.partition("=") for part in authorization.split("&"))
    return {name: value for name, _, value in parts}


def _check_time(sign_time: str, key_time: str, now: float) -> None:
    """Check the times. By the page both are the KeyTime; that a difference is AccessDenied is invented."""
    match = _KEY_TIME.fullmatch(key_time)
    if match is None or sign_time != key_time:
        raise CosError("AccessDenied")
    if int(match[2]) < now:
        raise CosError("Request has expired")
    if int(match[1]) > now + MAX_SKEW:
        raise CosError("RequestTimeTooSkewed")


def _signatures(request: Target, fields: Mapping[str, str]) -> Iterator[str]:
    """Yield the valid signatures: for the Host as sent, and for the Host without port.

    The official client signs the Host without its port (cos-python-sdk-v5, cos_auth.py).
    """
    keys, host = KNOWN[fields["q-ak"]], request.headers.get("host", "")
    params = _listed(request.query, fields["q-url-param-list"])
    for name in dict.fromkeys((host, bare_host(host))):
        headers = _listed({**request.headers, "host": name}, fields["q-header-list"])
        authorization = cos_authorization(keys, request.method, request.path, params, headers, fields["q-key-time"])
        yield _fields(authorization)["q-signature"]


def _listed(items: Mapping[str, str], names: str) -> dict[str, str]:
    """Return the items that a list names, encoded and in lower case. Raises CosError if one is missing."""
    by_name = {quote(name, safe="").lower(): name for name in items}
    try:
        return {by_name[name]: items[by_name[name]] for name in names.split(";") if name}
    except KeyError:
        raise CosError("SignatureDoesNotMatch") from None
