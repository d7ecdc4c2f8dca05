"""One JSON object in COS: get it, put it."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from typing import NamedTuple
from urllib.parse import quote

from shared.errors import DamagedObject, KeysRejected, Misconfigured, QueryError, Throttled, UpstreamFailed
from shared.invocation import Deadline, Invocation
from shared.settings import Settings
from shared.signing import CosAuth
from shared.transport import Response, prepare, retrying, send

UPSTREAM = "COS"
#: Error codes that another attempt may mend although their status is not 5xx: the body arrived damaged or cut,
#: or the same key was written within the same milliseconds (COS error code page).
RETRYABLE = frozenset({"BadDigest", "IncompleteBody", "EntitySizeNotMatch", "RequestTimeout", "PathConflict"})


class Stored(NamedTuple):
    """Where an object is: what a caller of `output=cos` is told."""

    bucket: str
    region: str
    key: str
    etag: str


class CosObjects:
    """JSON objects of the configured bucket, all under the configured prefix. One instance serves one invocation."""

    def __init__(self, settings: Settings, invocation: Invocation) -> None:
        if not (settings.cos_bucket and settings.cos_region):
            raise Misconfigured("COS_BUCKET and COS_REGION must be set: results are kept there")
        self._settings = settings
        self._invocation = invocation
        self._auth = CosAuth(settings.credentials)

    def get(self, name: str, deadline: Deadline) -> object | None:
        """Return the JSON value stored under `<prefix><name>`, None when there is no such object.

        Raises DamagedObject when it is not JSON, another QueryError when COS can't be asked or refuses.
        """
        response = self._send("GET", name, None, deadline)
        if response.status == 404:
            return None
        try:
            return json.loads(response.body)  # type: ignore[no-any-return]  # any JSON value is an object
        except (ValueError, RecursionError) as error:
            raise DamagedObject(f"the object {self._key(name)} is not JSON; it is left as it is") from error

    def put(self, name: str, value: object, deadline: Deadline) -> Stored:
        """Store a JSON value under `<prefix><name>`, replacing what was there in one PUT. Raises a QueryError."""
        response = self._send("PUT", name, to_json(value).encode(), deadline)
        etag = response.headers.get("etag", "").strip('"')
        return Stored(self._settings.cos_bucket, self._settings.cos_region, self._key(name), etag)

    def _key(self, name: str) -> str:
        return self._settings.cos_prefix + name

    def _send(self, method: str, name: str, body: bytes | None, deadline: Deadline) -> Response:
        headers = {}
        if body is not None:
            digest = hashlib.md5(body).digest()  # noqa: S324 - COS checks the body with MD5
            headers = {"Content-Type": "application/json", "Content-MD5": base64.b64encode(digest).decode()}
        request = prepare(method, f"{self._settings.cos_url}/{quote(self._key(name))}", headers, body)

        def attempt() -> Response:
            self._invocation.count("cos_calls")
            response = send(request, self._auth, deadline, UPSTREAM)
            if response.status == 200 or (method == "GET" and _code(response) == "NoSuchKey"):
                return response
            raise _error(response)

        return retrying(attempt, self._invocation, deadline)


def to_json(value: object) -> str:
    """Return compact JSON that people can read in their own language.

    A lone surrogate, which UTF-8 can't carry, stays the JSON escape that it came as.
    """
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "backslashreplace").decode()


def _code(response: Response) -> str:
    """The Code of COS's error XML; a pattern is enough for one flat element and needs no XML parser."""
    found = re.search(rb"<Code>([\w ]{1,64})</Code>", response.body)
    return found.group(1).decode() if found else ""


def _error(response: Response) -> QueryError:
    status, code = response.status, _code(response)
    said = f"COS answered {status} {code}".rstrip()
    if status in (401, 403) or code == "ExpiredToken":
        return KeysRejected(f"{said}: the function's keys or permissions do not allow it")
    if status == 429 or code == "SlowDown":
        return Throttled(said, retryable=True)
    return UpstreamFailed(said, retryable=status >= 500 or code in RETRYABLE)
