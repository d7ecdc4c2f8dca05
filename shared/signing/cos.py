"""The signature of COS, which Cloud Infinite shares ("Request Signature", 436/7778)."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Callable, Iterable, Mapping
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from requests import PreparedRequest
from requests.auth import AuthBase

from shared.signing.credentials import Credentials, as_text, host_of

#: Seconds by which a COS signature starts early, against a clock that runs ahead (cos-python-sdk-v5 does the same).
COS_CLOCK_MARGIN = 60
#: Seconds for which a COS signature holds.
COS_SIGNATURE_LIFETIME = 600
#: Headers that a COS signature covers, beside every x-cos-* and x-ci-*: what is stored and where, what is asked for.
COS_SIGNED_HEADERS = frozenset(
    {"host", "content-type", "content-md5", "content-length", "range", "if-match", "if-none-match"}
)


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
    header_list, param_list = _pairs(headers), _pairs(params)
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
            for name, value in ((name.lower(), as_text(value)) for name, value in r.headers.items())
            if name in COS_SIGNED_HEADERS or name.startswith(("x-cos-", "x-ci-"))
        }
        now = int(self.clock())
        r.headers["Authorization"] = cos_authorization(
            self.credentials,
            str(r.method),
            unquote(url.path),
            dict(parse_qsl(url.query, keep_blank_values=True)),
            {"host": host_of(url), **signed},
            f"{now - COS_CLOCK_MARGIN};{now + COS_SIGNATURE_LIFETIME}",
        )
        return r


class CiAuth(CosAuth):
    """Signs a prepared request to Cloud Infinite: COS's signature, and a header of its own for the session token.

    The header is that of the official clients (cos-python-sdk-v5, send_request with ci_request; cos-android's CIService
    and the C++ SDK have it too); no page names it.
    """

    token_header = "x-ci-security-token"  # noqa: S105 - a header's name


def _pairs(items: Mapping[str, str]) -> list[tuple[str, str]]:
    """Names and values as COS signs them: encoded, names in lower case after that, sorted by name."""
    return sorted((quote(name, safe="").lower(), quote(value, safe="")) for name, value in items.items())


def _joined(pairs: Iterable[tuple[str, str]]) -> str:
    return "&".join(f"{name}={value}" for name, value in pairs)
