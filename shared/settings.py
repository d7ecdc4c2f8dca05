"""The functions' settings, read from the environment and checked.

Read at each invocation, never at import: SCF may renew the role's keys between two calls of one instance.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import parse_qsl, urlsplit

from shared.errors import Misconfigured
from shared.signing.api2 import HMAC_SHA1, HMAC_SHA256
from shared.signing.credentials import Credentials

#: Parameters that signing sets; MEDIA_API_PARAMS must not contain them.
_RESERVED_PARAMS = {"Action", "SecretId", "Timestamp", "Nonce", "Signature", "SignatureMethod", "Token", "Region"}
#: The back ends: API 2.0, or Cloud Infinite.
API2, CI = "api2", "ci"
#: Who may write to COS over HTTP: a caller with the token, anyone, nobody.
BY_TOKEN, OPEN, OFF = "token", "open", "off"
#: The most calls in flight, each in a thread: SCF allows 1,024 processes and threads, and 1,024 descriptors (quota
#: limits).
MOST_THREADS = 500
#: The most days that an unknown id may be asked about.
MOST_DAYS = 3650
#: Permanent keys, and those of the run role.
OWN_KEYS = ("SECRET_ID", "SECRET_KEY")
ROLE_KEYS = ("TENCENTCLOUD_SECRETID", "TENCENTCLOUD_SECRETKEY", "TENCENTCLOUD_SESSIONTOKEN")
#: Every variable that is read. This is the one list of the settings.
NAMES = (
    *OWN_KEYS,
    *ROLE_KEYS,
    *("MEDIA_API_URL", "MEDIA_API_REGION", "MEDIA_API_PARAMS", "SIGNATURE_METHOD", "API_TOKEN", "HTTP_WRITES"),
    *("COS_BUCKET", "COS_REGION", "COS_PREFIX", "COS_URL", "BACKEND", "CI_URL", "CI_SOURCE_INFO", "INVOKE_URL"),
    *("MAX_VIDS", "BATCH_SIZE", "CONCURRENCY", "MISSING_DAYS"),
)
#: What `Authorization: Bearer` can carry (RFC 6750, section 2.1).
_BEARER = r"[A-Za-z0-9._~+/-]+=*"
#: What a header or a URL can carry as it is.
_VISIBLE = r"[!-~]+"
#: The hosts of this machine: only they may be asked by plain http.
LOOPBACK = re.compile(r"localhost|127(\.[0-9]{1,3}){3}|::1")


class Settings(NamedTuple):
    """The checked settings. Their names are those of the variables, in lower case."""

    credentials: Credentials
    media_api_url: str
    media_api_params: tuple[tuple[str, str], ...]
    signature_method: str
    cos_bucket: str
    cos_region: str
    cos_prefix: str
    cos_url: str
    api_token: str
    http_writes: str
    max_vids: int
    batch_size: int
    concurrency: int
    missing_days: int
    backend: str
    ci_url: str
    ci_source_info: bool
    invoke_url: str

    def __repr__(self) -> str:
        """Show neither the token nor the keys."""
        return f"Settings(media_api_url={self.media_api_url!r}, cos_bucket={self.cos_bucket!r}, …)"


def read_settings(environ: Mapping[str, str]) -> Settings:
    """Return the checked settings of an environment; an empty variable counts as absent.

    Permanent keys (SECRET_ID, SECRET_KEY) win over the run role's when both are set.
    Raises Misconfigured naming the variable, never its value.
    """
    return _checked(tuple([environ.get(name) for name in NAMES]))


@lru_cache(maxsize=1)
def _checked(values: tuple[str | None, ...]) -> Settings:
    """The settings for the values of `NAMES`, cached: one invocation mostly has those of the last."""
    environ = {name: value for name, value in zip(NAMES, values, strict=True) if value}
    bucket = _matching(environ, "COS_BUCKET", r"[a-z0-9][a-z0-9-]*-[0-9]+", "like name-1250000000")
    region = _matching(environ, "COS_REGION", r"[a-z0-9-]+", "like ap-guangzhou")
    host = f"{bucket}.{{}}.{region}.myqcloud.com" if bucket and region else ""
    settings = Settings(
        credentials=_credentials(environ),
        media_api_url=_url(environ, "MEDIA_API_URL", "https://cdn.api.cloud.tencent.com/v2/index.php"),
        media_api_params=_params(environ),
        signature_method=_one_of(environ, "SIGNATURE_METHOD", (HMAC_SHA1, HMAC_SHA256)),
        cos_bucket=bucket,
        cos_region=region,
        cos_prefix=_prefix(environ),
        cos_url=_url(environ, "COS_URL", host and f"https://{host.format('cos')}"),
        api_token=_matching(environ, "API_TOKEN", _BEARER, "letters, digits and -._~+/, with = at the end only"),
        http_writes=_one_of(environ, "HTTP_WRITES", (BY_TOKEN, OPEN, OFF)),
        max_vids=_number(environ, "MAX_VIDS", 1000),
        batch_size=_number(environ, "BATCH_SIZE", 100),
        concurrency=_number(environ, "CONCURRENCY", 16, most=MOST_THREADS),
        missing_days=_number(environ, "MISSING_DAYS", 3, most=MOST_DAYS, least=0),
        backend=_one_of(environ, "BACKEND", (API2, CI)),
        ci_url=_url(environ, "CI_URL", host and f"https://{host.format('ci')}"),
        ci_source_info=_one_of(environ, "CI_SOURCE_INFO", ("0", "1")) == "1",
        invoke_url=_url(environ, "INVOKE_URL", "https://scf.tencentcloudapi.com"),
    )
    if not urlsplit(settings.media_api_url).path:  # the signature covers the path, and HTTP sends `/` for none
        raise Misconfigured("MEDIA_API_URL must have a path, like https://cdn.api.cloud.tencent.com/v2/index.php")
    if settings.backend == CI and not host:
        raise Misconfigured("COS_BUCKET and COS_REGION must be set: BACKEND=ci asks about the jobs of that bucket")
    return settings


def _credentials(environ: Mapping[str, str]) -> Credentials:
    """The keys that win. A stray space or line end in one is refused: http.client's error would print the header."""
    for names in (OWN_KEYS, ROLE_KEYS):
        if environ.get(names[0]) and environ.get(names[1]):
            return Credentials(*(_matching(environ, name, _VISIBLE, "without spaces and line ends") for name in names))
    raise Misconfigured("no credentials: set SECRET_ID and SECRET_KEY, or give the function a run role")


def _url(environ: Mapping[str, str], name: str, default: str) -> str:
    """An https URL without a trailing slash. Plain http is for this machine only, where the local cloud runs."""
    url = environ.get(name) or default
    if not url:
        return ""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port  # urlsplit checks the port when it is read
    except ValueError as error:
        raise Misconfigured(f"{name} is not a URL") from error
    url = parts.geturl().rstrip("/")
    safe = parts.scheme == "https" or (parts.scheme == "http" and LOOPBACK.fullmatch(host))
    if not (safe and host and re.fullmatch(_VISIBLE, url)) or parts.query or parts.fragment or "@" in parts.netloc:
        raise Misconfigured(f"{name} must be an https URL without query or user (http only on loopback)")
    return url


def _params(environ: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    text = environ.get("MEDIA_API_PARAMS", "")
    try:  # some versions of Python refuse an empty text when strict
        pairs = parse_qsl(text, keep_blank_values=True, strict_parsing=bool(text))
    except ValueError as error:
        raise Misconfigured("MEDIA_API_PARAMS must be a query string like Uin=1&AppId=2") from error
    if clash := _RESERVED_PARAMS & {name for name, _ in pairs}:
        raise Misconfigured(f"MEDIA_API_PARAMS must not set {', '.join(sorted(clash))}")
    if environ.get("MEDIA_API_REGION"):
        pairs.append(("Region", environ["MEDIA_API_REGION"]))
    return tuple(pairs)


def _one_of(environ: Mapping[str, str], name: str, choices: tuple[str, ...]) -> str:
    """The value of a setting that has a few choices; the first is the default."""
    value = environ.get(name) or choices[0]
    if value not in choices:
        raise Misconfigured(f"{name} must be {', '.join(choices[:-1])} or {choices[-1]}")
    return value


def _prefix(environ: Mapping[str, str]) -> str:
    prefix = (environ.get("COS_PREFIX") or "media-query/").strip("/")
    if not prefix or not is_safe_key(prefix):
        raise Misconfigured("COS_PREFIX must be a path of letters, digits, '_', '-', '.' and '/', without '..'")
    return f"{prefix}/"


def is_safe_key(key: str) -> bool:
    """Return whether a COS key is a plain relative path: no empty, `.` or `..` part, nothing that needs escaping."""
    parts = key.split("/")
    return len(key) <= 512 and all(re.fullmatch(r"[\w.-]+", part, re.ASCII) and part.strip(".") for part in parts)


def _matching(environ: Mapping[str, str], name: str, pattern: str, example: str) -> str:
    value = environ.get(name, "")
    if value and not re.fullmatch(pattern, value):
        raise Misconfigured(f"{name} must be {example}")
    return value


def _number(environ: Mapping[str, str], name: str, default: int, most: int = 999_999_999, least: int = 1) -> int:
    text = environ.get(name) or str(default)
    if not re.fullmatch(r"0|[1-9][0-9]{0,8}", text) or int(text) < least:
        raise Misconfigured(f"{name} must be a whole number{' above 0' if least else ', 0 or more'}")
    if int(text) > most:
        raise Misconfigured(f"{name} must be at most {most}")
    return int(text)
