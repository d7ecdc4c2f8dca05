"""The signature of API 3.0: TC3-HMAC-SHA256 (213/30654)."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from requests import PreparedRequest
from requests.auth import AuthBase

from shared.signing.credentials import Credentials, as_text, host_of


def tc3_authorization(
    credentials: Credentials, service: str, path: str, headers: Mapping[str, str], payload: bytes, timestamp: int
) -> str:
    """Return the Authorization header of an API 3.0 POST: TC3-HMAC-SHA256 (cloud.tencent.com doc 213/30654).

    `headers` are those that the signature covers, names in lower case: content-type and host at least. `timestamp`
    is X-TC-Timestamp in Unix seconds; `payload` the body as sent.
    """
    names = ";".join(sorted(headers))
    canonical_headers = "".join(f"{name}:{headers[name].strip().lower()}\n" for name in sorted(headers))
    request = f"POST\n{path}\n\n{canonical_headers}\n{names}\n{hashlib.sha256(payload).hexdigest()}"
    date = time.strftime("%Y-%m-%d", time.gmtime(timestamp))
    scope = f"{date}/{service}/tc3_request"
    digest = hashlib.sha256(request.encode()).hexdigest()
    to_sign = f"TC3-HMAC-SHA256\n{timestamp}\n{scope}\n{digest}"
    key = f"TC3{credentials.secret_key}".encode()
    for part in (date, service, "tc3_request"):
        key = hmac.digest(key, part.encode(), hashlib.sha256)
    signature = hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()
    credential = f"{credentials.secret_id}/{scope}"
    return f"TC3-HMAC-SHA256 Credential={credential}, SignedHeaders={names}, Signature={signature}"


class Tc3Auth(AuthBase):
    """Signs a prepared API 3.0 POST of one service, with the time of now."""

    def __init__(self, credentials: Credentials, service: str, clock: Callable[[], float] = time.time) -> None:
        self.credentials = credentials
        self.service = service
        self.clock = clock

    def __call__(self, r: PreparedRequest) -> PreparedRequest:
        """Return the request with X-TC-Timestamp, X-TC-Token where there is one, and `Authorization`."""
        url, timestamp = urlsplit(str(r.url)), int(self.clock())
        r.headers["X-TC-Timestamp"] = str(timestamp)
        if self.credentials.token:
            r.headers["X-TC-Token"] = self.credentials.token
        signed = {"content-type": as_text(r.headers.get("Content-Type")), "host": host_of(url)}
        payload = as_text(r.body).encode()
        r.headers["Authorization"] = tc3_authorization(
            self.credentials, self.service, url.path or "/", signed, payload, timestamp
        )
        return r
