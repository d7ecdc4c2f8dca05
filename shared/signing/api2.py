"""The signature of API 2.0 (`/v2/index.php`)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import random
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from urllib.parse import SplitResult, parse_qsl, quote_plus, urlencode, urlsplit, urlunsplit

from requests import PreparedRequest
from requests.auth import AuthBase

from shared.signing.credentials import Credentials, as_text, host_of

API2_PATH = "/v2/index.php"
HMAC_SHA1 = "HmacSHA1"
HMAC_SHA256 = "HmacSHA256"


def api2_string_to_sign(method: str, host: str, path: str, params: Mapping[str, object]) -> str:
    """Return the text that an API 2.0 signature covers.

    `host` is the Host that the request is sent to, `params` all parameters (`Signature` is left out here). In
    names, not values, `_` becomes `.` before sorting; on POST a value that begins with `@` (a file upload) is not
    signed: the order and both rules are those of QcloudApi/common/sign.py of qcloudapi-sdk-python.
    """
    upload = "@" if method.upper() == "POST" else None
    signed = {
        name.replace("_", "."): value
        for name, value in params.items()
        if name != "Signature" and not (upload and str(value).startswith(upload))
    }
    query = "&".join(f"{name}={signed[name]}" for name in sorted(signed))
    return f"{method.upper()}{host}{path}?{query}"


def api2_signature(secret_key: str, text: str, signature_method: str = HMAC_SHA1) -> str:
    """Return the Base64 signature of a string to sign.

    Only the exact value `HmacSHA256` selects SHA-256, anything else is SHA-1 (cloud.tencent.com doc 213/11652).
    """
    digest = hashlib.sha256 if signature_method == HMAC_SHA256 else hashlib.sha1
    return base64.b64encode(hmac.digest(secret_key.encode(), text.encode(), digest)).decode()


def flatten(name: str, values: Iterable[object]) -> dict[str, str]:
    """Return an array parameter as API 2.0 spells it: `vids` becomes `vids.0`, `vids.1`, … (CDN action documents)."""
    return {f"{name}.{index}": str(value) for index, value in enumerate(values)}


def random_nonce() -> int:
    """Return a nonce in the range of the official Python SDK, 1 to sys.maxsize: no document gives one."""
    return random.randint(1, sys.maxsize)  # noqa: S311 - unique, not secret


class Api2Auth(AuthBase):
    """Signs a prepared API 2.0 request: the query string of a GET, the form body of a POST.

    Signing a request that was signed before replaces the old signature, nonce and time, so one prepared request
    serves every attempt.
    """

    def __init__(
        self,
        credentials: Credentials,
        signature_method: str = HMAC_SHA1,
        clock: Callable[[], float] = time.time,
        nonce: Callable[[], int] = random_nonce,
    ) -> None:
        self.credentials = credentials
        self.signature_method = signature_method
        self.clock = clock
        self.nonce = nonce

    def __call__(self, r: PreparedRequest) -> PreparedRequest:
        """Return the request with the common parameters and `Signature` in place."""
        url = urlsplit(str(r.url))
        query = as_text(r.body) if r.method == "POST" else url.query
        params = dict(parse_qsl(query, keep_blank_values=True))
        common = self.common(str(r.method), url, params)
        fresh = common.keys().isdisjoint(params) and query.count("&") < len(params)  # not signed, no name twice
        if fresh and query.isascii():
            encoded = "&".join(f"{name}={quote_plus(value)}" for name, value in common.items())
            signed = f"{query}&{encoded}"  # a form may have a thousand ids: they need not be encoded again
        else:
            signed = urlencode({**params, **common})
        if r.method == "POST":
            r.body = signed
            r.headers["Content-Length"] = str(len(signed))  # it is ASCII
            r.headers["Content-Type"] = "application/x-www-form-urlencoded"
        else:
            r.url = urlunsplit(url._replace(query=signed))
        return r

    def common(self, method: str, url: SplitResult, params: Mapping[str, str]) -> dict[str, str]:
        """Return the common parameters of a request to `url`, `Signature` among them; `params` are its own."""
        common = {
            "SecretId": self.credentials.secret_id,
            "Timestamp": str(int(self.clock())),
            "Nonce": str(self.nonce()),
            "SignatureMethod": self.signature_method,
        }
        if self.credentials.token:
            common["Token"] = self.credentials.token
        text = api2_string_to_sign(method, host_of(url), url.path, {**params, **common})
        common["Signature"] = api2_signature(self.credentials.secret_key, text, self.signature_method)
        return common
