"""JSON objects in COS: get, put, list and delete."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple, TypeVar
from urllib.parse import quote, unquote, urlencode

from shared.errors import DamagedObject, KeysRejected, Misconfigured, QueryError, Throttled, UpstreamFailed
from shared.invocation import Deadline, Invocation
from shared.net.client import Response, prepare, retrying, send
from shared.net.xml import MAX_XML, error_code, parse_xml
from shared.replies.json_text import to_bytes
from shared.settings import Settings
from shared.signing.cos import CosAuth

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

T = TypeVar("T")

UPSTREAM = "COS"
#: Error codes that another attempt may mend although their status is not 5xx: the body arrived damaged or cut,
#: or the same key was written within the same milliseconds (COS error code page).
RETRYABLE = frozenset({"BadDigest", "IncompleteBody", "EntitySizeNotMatch", "RequestTimeout", "PathConflict"})

#: Codes that say our clock is off: the Date of the reply tells by how much.
CLOCK_CODES = frozenset({"RequestTimeTooSkewed", "Request has expired"})
#: The largest object read, in bytes: as JSON it takes some ten times that, and a sweep has 128 MB.
MAX_OBJECT = 8 * 1024 * 1024
#: Codes that a message names, for whoever mends the function's settings; of another nobody knows what it says.
TOLD = (
    RETRYABLE
    | CLOCK_CODES
    | frozenset(
        {"AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidDigest", "ExpiredToken", "NoSuchBucket"}
        | {"NoSuchKey", "MethodNotAllowed", "InvalidArgument", "InternalError", "ServiceUnavailable", "SlowDown"}
    )
)


class Stored(NamedTuple):
    """Where an object is: what a caller of `output=cos` is told."""

    bucket: str
    region: str
    key: str
    etag: str


class Found(NamedTuple):
    """What an object holds, and the ETag of just that."""

    value: object
    etag: str


class Listed(NamedTuple):
    """One object of a list: its name below the prefix, its ETag, and when it was written (Unix seconds)."""

    name: str
    etag: str
    written: float


class CosObjects:
    """JSON objects of the configured bucket, all under the configured prefix. One instance serves one invocation."""

    def __init__(self, settings: Settings, invocation: Invocation) -> None:
        if not (settings.cos_bucket and settings.cos_region):
            raise Misconfigured("COS_BUCKET and COS_REGION must be set: results are kept there")
        self.prefix = settings.cos_prefix
        self._settings = settings
        self._invocation = invocation
        self._auth = CosAuth(settings.credentials, invocation.now)

    def get(self, name: str, deadline: Deadline, most: int = MAX_OBJECT) -> Found | None:
        """Return the JSON value stored under `<prefix><name>`, of at most `most` bytes, None without such an object.

        Raises DamagedObject when it is not JSON, another QueryError when COS can't be asked or refuses.
        """

        def read(response: Response) -> Found | None:
            if response.status == 404:
                return None
            etag = _etag(response)
            try:
                return Found(json.loads(response.body), etag)
            except (ValueError, RecursionError) as error:
                # The ETag of an object is its MD5 (PUT Object page): a body with another was damaged on its way.
                retryable = etag != hashlib.md5(response.body).hexdigest()  # noqa: S324
                message = f"the object {self._key(name)} is not JSON; it is left as it is"
                raise DamagedObject(message, retryable=retryable) from error

        return self._send("GET", self._path(name), None, deadline, read, most)

    def put(self, name: str, value: object, deadline: Deadline) -> Stored:
        """Store a JSON value under `<prefix><name>`, replacing what was there in one PUT. Raises a QueryError."""
        etag = self._send("PUT", self._path(name), to_bytes(value), deadline, _etag)
        return Stored(self._settings.cos_bucket, self._settings.cos_region, self._key(name), etag)

    def delete(self, name: str, deadline: Deadline) -> None:
        """Delete the object `<prefix><name>`; one that is not there is deleted already. Raises a QueryError."""
        self._send("DELETE", self._path(name), None, deadline, _etag)

    def list(self, folder: str, deadline: Deadline) -> list[Listed]:
        """Return the objects right in `<prefix><folder>`, a name that ends with `/`, in the order of their names.

        Raises a QueryError.
        """
        query = {"prefix": self._key(folder), "delimiter": "/", "encoding-type": "url", "max-keys": "1000"}
        found: list[Listed] = []
        while True:
            page = self._send("GET", f"?{urlencode(query)}", None, deadline, _xml)
            found += [self._listed(item) for item in page.iter("Contents")]
            query["marker"] = unquote(page.findtext("NextMarker") or "")
            if page.findtext("IsTruncated") != "true":
                return found
            if not query["marker"]:
                raise UpstreamFailed("COS sent a part of a list without saying where the rest begins")

    def _listed(self, item: Element) -> Listed:
        key, etag, written = (item.findtext(tag) or "" for tag in ("Key", "ETag", "LastModified"))
        try:
            modified = datetime.fromisoformat(written.replace("Z", "+00:00")).timestamp()
        except ValueError as error:
            raise UpstreamFailed("COS sent a list without times") from error
        return Listed(unquote(key).removeprefix(self.prefix), etag.strip('"'), modified)

    def _key(self, name: str) -> str:
        return self.prefix + name

    def _path(self, name: str) -> str:
        return quote(self._key(name))

    def _send(
        self,
        method: str,
        path: str,
        body: bytes | None,
        deadline: Deadline,
        read: Callable[[Response], T],
        most: int = MAX_XML,
    ) -> T:
        """Send a request and return what `read` makes of the reply, of at most `most` bytes; both are tried again."""
        headers = {}
        if body is not None:
            digest = hashlib.md5(body).digest()  # noqa: S324 - COS checks the body with MD5
            headers = {"Content-Type": "application/json", "Content-MD5": base64.b64encode(digest).decode()}
        request = prepare(method, f"{self._settings.cos_url}/{path}", headers, body)

        def attempt() -> T:
            self._invocation.count("cos_calls")
            response = send(request, self._auth, deadline, UPSTREAM, most)
            if response.status == 200 or (response.status == 204 and method == "DELETE"):
                return read(response)
            code = error_code(response.body)
            if code == "NoSuchKey" and method != "PUT":
                return read(response)
            if code in CLOCK_CODES:
                self._invocation.follow(response.headers.get("date", ""))
            raise _error(response, code)

        return retrying(attempt, self._invocation, deadline)


def _etag(response: Response) -> str:
    return response.headers.get("etag", "").strip('"')


def _xml(response: Response) -> Element:
    return parse_xml(response.body, UPSTREAM)


def _error(response: Response, code: str) -> QueryError:
    said = f"COS answered {response.status} {code if code in TOLD else ''}".rstrip()
    if response.status in (401, 403) or code == "ExpiredToken":
        message = f"{said}: the function's keys or permissions do not allow it"
        return KeysRejected(message, retryable=code in CLOCK_CODES)
    if response.status == 429 or code == "SlowDown":
        return Throttled(said, retryable=True)
    return UpstreamFailed(said, retryable=response.status >= 500 or code in RETRYABLE)
