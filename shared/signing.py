"""Signatures of Tencent Cloud: API 2.0, COS and API 3.0 (TC3).

Pure functions take the time and the nonce as arguments; the two `requests` auth classes on top of them draw
both anew each time they sign, because a signed API 2.0 request can't be sent twice.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import random
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

from requests import PreparedRequest
from requests.auth import AuthBase

API2_PATH = "/v2/index.php"
HMAC_SHA1 = "HmacSHA1"
HMAC_SHA256 = "HmacSHA256"

#: Seconds by which a COS signature starts early, against a clock that runs ahead (cos-python-sdk-v5 does the same).
COS_CLOCK_MARGIN = 60
#: Seconds for which a COS signature holds.
COS_SIGNATURE_LIFETIME = 600
#: Headers that a COS signature covers, beside every x-cos-* and x-ci-*: those that say what is stored and where.
COS_SIGNED_HEADERS = frozenset({"host", "content-type", "content-md5", "content-length"})


class Credentials(NamedTuple):
    """A key pair, and the session token when the keys are a role's temporary ones."""

    secret_id: str
    secret_key: str
    token: str = ""

    def __repr__(self) -> str:
        """Never the key, never the token: reprs end up in logs."""
        return f"Credentials(secret_id={self.secret_id[:8]}…, secret_key=***, token={'***' if self.token else ''})"


def api2_string_to_sign(method: str, host: str, path: str, params: Mapping[str, object]) -> str:
    """Return the text that an API 2.0 signature covers.

    `host` is the Host that the request is sent to, `params` all parameters (`Signature` is left out here). In
    names, not values, `_` becomes `.` before sorting; on POST a value that begins with `@` (a file upload) is not
    signed: the order and both rules are those of QcloudApi/common/sign.py of qcloudapi-sdk-python.
    """
    signed = {
        name.replace("_", "."): value
        for name, value in params.items()
        if name != "Signature" and not (method.upper() == "POST" and str(value).startswith("@"))
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
        query = _text(r.body) if r.method == "POST" else url.query
        signed = urlencode(self.signed(str(r.method), url, dict(parse_qsl(query, keep_blank_values=True))))
        if r.method == "POST":
            r.prepare_body(signed, None)
            r.headers["Content-Type"] = "application/x-www-form-urlencoded"
        else:
            r.url = urlunsplit(url._replace(query=signed))
        return r

    def signed(self, method: str, url: SplitResult, params: dict[str, str]) -> dict[str, str]:
        """Return the parameters of a request to `url` with the common ones and `Signature` added, or put anew."""
        params["SecretId"] = self.credentials.secret_id
        params["Timestamp"] = str(int(self.clock()))
        params["Nonce"] = str(self.nonce())
        params["SignatureMethod"] = self.signature_method
        if self.credentials.token:
            params["Token"] = self.credentials.token
        text = api2_string_to_sign(method, _host(url), url.path, params)
        params["Signature"] = api2_signature(self.credentials.secret_key, text, self.signature_method)
        return params


def cos_authorization(
    credentials: Credentials,
    method: str,
    path: str,
    params: Mapping[str, str],
    headers: Mapping[str, str],
    key_time: str,
) -> str:
    """Return the Authorization header of a COS request that signs all of `params` and `headers`.

    `path` is the decoded path, `/` and the key; `key_time` is `<start>;<end>` in Unix seconds. The steps are those of
    the COS page "Request Signature" (436/7778).
    """
    header_list, param_list = _cos_pairs(headers), _cos_pairs(params)
    text = f"{method.lower()}\n{path}\n{_joined(param_list)}\n{_joined(header_list)}\n"
    to_sign = f"sha1\n{key_time}\n{hashlib.sha1(text.encode()).hexdigest()}\n"  # noqa: S324 - COS signs with SHA-1
    sign_key = hmac.new(credentials.secret_key.encode(), key_time.encode(), hashlib.sha1).hexdigest()
    return "&".join(
        (
            "q-sign-algorithm=sha1",
            f"q-ak={credentials.secret_id}",
            f"q-sign-time={key_time}",
            f"q-key-time={key_time}",
            f"q-header-list={';'.join(name for name, _ in header_list)}",
            f"q-url-param-list={';'.join(name for name, _ in param_list)}",
            f"q-signature={hmac.new(sign_key.encode(), to_sign.encode(), hashlib.sha1).hexdigest()}",
        )
    )


class CosAuth(AuthBase):
    """Signs a prepared COS request: path, query, Host and the headers that say what is stored."""

    token_header = "x-cos-security-token"  # noqa: S105 - a header's name

    def __init__(self, credentials: Credentials, clock: Callable[[], float] = time.time) -> None:
        self.credentials = credentials
        self.clock = clock

    def __call__(self, r: PreparedRequest) -> PreparedRequest:
        """Return the request with `Authorization`, and the session token when there is one."""
        url = urlsplit(str(r.url))
        if self.credentials.token:
            r.headers[self.token_header] = self.credentials.token
        signed = {
            name: value
            for name, value in ((name.lower(), _text(value)) for name, value in r.headers.items())
            if name in COS_SIGNED_HEADERS or name.startswith(("x-cos-", "x-ci-"))
        }
        now = int(self.clock())
        r.headers["Authorization"] = cos_authorization(
            self.credentials,
            str(r.method),
            unquote(url.path),
            dict(parse_qsl(url.query, keep_blank_values=True)),
            {"host": _host(url), **signed},
            f"{now - COS_CLOCK_MARGIN};{now + COS_SIGNATURE_LIFETIME}",
        )
        return r


class CiAuth(CosAuth):
    """Signs a prepared request to Cloud Infinite: COS's signature, and a header of its own for the session token.

    The header is that of the official clients (cos-python-sdk-v5, send_request with ci_request; cos-android's CIService
    and the C++ SDK have it too); no page names it.
    """

    token_header = "x-ci-security-token"  # noqa: S105 - a header's name


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
        signed = {"content-type": _text(r.headers.get("Content-Type")), "host": _host(url)}
        payload = _text(r.body).encode()
        r.headers["Authorization"] = tc3_authorization(
            self.credentials, self.service, url.path or "/", signed, payload, timestamp
        )
        return r


def _host(url: SplitResult) -> str:
    """The Host header that is sent to a URL: http.client leaves a scheme's default port out of it."""
    return url.netloc.removesuffix(":443" if url.scheme == "https" else ":80")


def _cos_pairs(items: Mapping[str, str]) -> list[tuple[str, str]]:
    """Names and values as COS signs them: encoded, names in lower case after that, sorted by name."""
    return sorted((quote(name, safe="").lower(), quote(value, safe="")) for name, value in items.items())


def _joined(pairs: Iterable[tuple[str, str]]) -> str:
    return "&".join(f"{name}={value}" for name, value in pairs)


def _text(value: object) -> str:
    """A header or form body as text; requests allows both str and bytes."""
    return value.decode() if isinstance(value, bytes) else str(value or "")
