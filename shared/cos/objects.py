"""Objects in COS, most of them JSON: get, read in chunks, put, list and delete."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple, TypeVar
from urllib.parse import quote, unquote, urlencode

from requests import PreparedRequest

from shared.errors import (
    DamagedObject,
    KeysRejected,
    Misconfigured,
    QueryError,
    ReplyTooLarge,
    Throttled,
    UpstreamFailed,
)
from shared.invocation import Deadline, Invocation
from shared.net.client import Response, prepare, retrying, send
from shared.net.json_text import JsonObject, to_bytes
from shared.net.xml import MAX_XML, error_code, parse_xml
from shared.settings import Settings
from shared.signing.cos import CosAuth

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

T = TypeVar("T")

UPSTREAM = "COS"
#: Bytes of a large object that are read at once: some 90,000 ids.
CHUNK = 4 * 1024 * 1024
#: Objects in one page of a list, the maximum of COS (GET Bucket page).
PAGE = 1000
#: The statuses of success. A ranged GET has several: a part, unchanged, another version, no such bytes.
_WANTED = {"GET": (200,), "PUT": (200,), "DELETE": (200, 204)}
_WANTED_OF_A_PART = (200, 206, 304, 412, 416)
#: Error codes after which another attempt may succeed although their status is not 5xx: the body arrived damaged or
#: cut, or another request wrote the same key within the same milliseconds (COS error code page).
RETRYABLE = frozenset({"BadDigest", "IncompleteBody", "EntitySizeNotMatch", "RequestTimeout", "PathConflict"})
#: Codes that mean our clock is wrong; the Date header of the reply has the server's time.
CLOCK_CODES = frozenset({"RequestTimeTooSkewed", "Request has expired"})
#: The ETag of an object of 0 bytes, as a list tells it; an answer with status 416 has none.
NOTHING = hashlib.md5(b"").hexdigest()  # noqa: S324
#: The largest object read, in bytes: as JSON it takes some ten times that, and a sweep has 128 MB.
MAX_OBJECT = 8 * 1024 * 1024
#: Codes that a message to the caller may contain, since they help to correct the settings. Others may reveal anything.
NAMED = (
    RETRYABLE
    | CLOCK_CODES
    | frozenset(
        {"AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidDigest", "ExpiredToken", "NoSuchBucket"}
        | {"NoSuchKey", "MethodNotAllowed", "InvalidArgument", "InternalError", "ServiceUnavailable", "SlowDown"}
    )
)


class Stored(NamedTuple):
    """Where an object is stored, as the reply to `output=cos` shows it."""

    bucket: str
    region: str
    key: str
    etag: str


class Chunk(NamedTuple):
    """At most `CHUNK` bytes of an object from the byte `start` on, the size of the whole, and the ETag of this version.

    `intact` is False when the bytes are known to differ from the ETag.
    """

    body: bytes
    start: int
    total: int
    etag: str
    intact: bool


class CosObjects:
    """JSON objects of the configured bucket, all under the configured prefix. One instance serves one invocation."""

    def __init__(self, settings: Settings, invocation: Invocation) -> None:
        if not (settings.cos_bucket and settings.cos_region):
            raise Misconfigured("COS_BUCKET and COS_REGION must be set: results are kept there")
        self.prefix = settings.cos_prefix
        self._settings = settings
        self.invocation = invocation
        self._auth = CosAuth(settings.credentials, invocation.now)

    def get(self, name: str, deadline: Deadline, most: int = MAX_OBJECT) -> JsonObject | None:
        """Return the JSON object stored under `<prefix><name>`, None without one. Its `tasks` are TextRecords.

        Raises DamagedObject when it is no JSON object or has more than `most` bytes, another QueryError when COS can't
        be asked or refuses.
        """
        from shared.cos.records import parse_object  # late: a query that only writes has no use for it

        def read(response: Response) -> JsonObject | None:
            if response.status == 404:
                return None
            try:
                return parse_object(response.body)
            except (ValueError, RecursionError) as error:
                message = f"the object {self._key(name)} is not a JSON object; it is left as it is"
                raise DamagedObject(message, retryable=not _intact(response.body, _etag(response))) from error

        try:
            return self._send(self._request("GET", self._path(name)), deadline, read, most)
        except ReplyTooLarge as error:
            raise DamagedObject(f"the object {self._key(name)} is too large to be read; it is left as it is") from error

    def read(
        self, name: str, deadline: Deadline, parse: Callable[[Chunk], T], start: int = 0, known: str = ""
    ) -> T | None:
        """Return `parse` of the chunk of an object that begins at the byte `start`; None when there is no such chunk.

        `known` is the ETag of the version that was read before. At `start` 0, an object that still has it is not sent
        again: `parse` gets an empty chunk with that ETag. At another `start`, a different version gives None. `parse`
        may raise a retryable error, after which the object is read again. Raises a QueryError.
        """
        headers = {"Range": f"bytes={start}-{start + CHUNK - 1}"}
        if known:
            headers["If-Match" if start else "If-None-Match"] = f'"{known}"'

        def read(response: Response) -> T | None:
            if response.status in (404, 412) or (start and response.status == 200):
                return None  # a 200 is the whole object: something on the way has left out the range
            if response.status == 304:
                return parse(Chunk(b"", start, 0, known, intact=True))
            if response.status == 416:  # nothing begins there: an object of 0 bytes has no range (GET Object page)
                return parse(Chunk(b"", start, 0, known if start else NOTHING, intact=True))
            body, etag = response.body, _etag(response)
            total = _total(response, body)
            intact = len(body) < total or _intact(body, etag)
            return parse(Chunk(body, start, total, etag, intact))

        return self._send(self._request("GET", self._path(name), headers), deadline, read, MAX_OBJECT)

    def put(self, name: str, value: object) -> Stored:
        """Store a JSON value under `<prefix><name>`, as `store` does."""
        return self.store(name, to_bytes(value))

    def store(self, name: str, body: bytes, content_type: str = "application/json") -> Stored:
        """Store an object under `<prefix><name>`, replacing what was there in one PUT.

        It may take all the time that the invocation has left. Raises a QueryError.
        """
        request = self._request("PUT", self._path(name), {"Content-Type": content_type}, body)
        etag = self._send(request, self.invocation.deadline, _etag)
        return Stored(self._settings.cos_bucket, self._settings.cos_region, self._key(name), etag)

    def delete(self, name: str, deadline: Deadline) -> None:
        """Delete the object `<prefix><name>`; one that is not there is deleted already. Raises a QueryError."""
        self._send(self._request("DELETE", self._path(name)), deadline, _etag)

    def pages(self, folder: str, deadline: Deadline) -> Iterator[dict[str, str]]:
        """Yield the ETags of the objects directly in `<prefix><folder>`, which ends with `/`, by their names.

        A folder below is one entry, whose name ends with `/` and whose ETag is empty. Pages and their names are in
        order. A page is requested only when the reader wants it, since a folder may hold any number of objects. Raises
        a QueryError.
        """
        query = {"prefix": self._key(folder), "delimiter": "/", "encoding-type": "url", "marker": ""}
        size = PAGE
        while True:
            try:
                page = self._page({**query, "max-keys": str(size)}, deadline)
            except ReplyTooLarge:
                if size == 1:
                    raise
                size = max(1, size // 4)
                continue
            yield dict(self._listed(item) for tag in ("Contents", "CommonPrefixes") for item in page.iter(tag))
            if page.findtext("IsTruncated") != "true":
                return
            marker = unquote(page.findtext("NextMarker") or "")
            if marker <= query["marker"]:
                raise UpstreamFailed("COS sent a part of a list without a marker for the rest")
            query["marker"] = marker

    def list(self, folder: str, deadline: Deadline) -> dict[str, str]:
        """Return all that `pages` yields."""
        return {name: etag for page in self.pages(folder, deadline) for name, etag in page.items()}

    def _page(self, query: Mapping[str, str], deadline: Deadline) -> Element:
        def read(response: Response) -> Element:
            root = parse_xml(response.body, UPSTREAM)
            if root.tag != "ListBucketResult":  # a proxy's page, or an error with status 200
                raise UpstreamFailed("COS did not answer with a list", retryable=True)
            return root

        return self._send(self._request("GET", f"?{urlencode(query)}"), deadline, read)

    def _listed(self, item: Element) -> tuple[str, str]:
        key = item.findtext("Key") or item.findtext("Prefix") or ""
        etag = item.findtext("ETag") or ""
        return unquote(key).removeprefix(self.prefix), etag.strip('"')

    def _key(self, name: str) -> str:
        return self.prefix + name

    def _path(self, name: str) -> str:
        return quote(self._key(name))

    def _request(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> PreparedRequest:
        sent = {**(headers or {})}
        if body is not None:
            digest = hashlib.md5(body).digest()  # noqa: S324 - COS checks the body with MD5
            sent["Content-MD5"] = base64.b64encode(digest).decode()
        return prepare(method, f"{self._settings.cos_url}/{path}", sent, body)

    def _send(
        self, request: PreparedRequest, deadline: Deadline, read: Callable[[Response], T], most: int = MAX_XML
    ) -> T:
        """Send a request and return `read` of the reply of at most `most` bytes, with retries of both."""
        method = str(request.method)
        wanted = _WANTED_OF_A_PART if "Range" in request.headers else _WANTED[method]

        def attempt() -> T:
            self.invocation.count("cos_calls")
            response = send(request, self._auth, deadline, UPSTREAM, most)
            if response.status in wanted:
                return read(response)
            code = error_code(response.body)
            if code == "NoSuchKey" and method != "PUT":
                return read(response)
            if code in CLOCK_CODES:
                self.invocation.follow(response.headers.get("date", ""))
            raise _error(response, code)

        return retrying(attempt, self.invocation, deadline)


def _etag(response: Response) -> str:
    return response.headers.get("etag", "").strip('"')


def _intact(body: bytes, etag: str) -> bool:
    """Whether a whole body matches its ETag, the MD5 of an object that was stored in one PUT (PUT Object page)."""
    return etag == hashlib.md5(body).hexdigest()  # noqa: S324


def _total(response: Response, body: bytes) -> int:
    """The size of the whole object: a 206 has it after the slash of Content-Range, a 200 is the whole."""
    total = response.headers.get("content-range", "").rpartition("/")[2]
    return int(total) if response.status == 206 and total.isdecimal() else len(body)


def _error(response: Response, code: str) -> QueryError:
    said = f"COS answered {response.status} {code if code in NAMED else ''}".rstrip()
    if response.status in (401, 403) or code == "ExpiredToken":
        message = f"{said}: the function's keys or permissions do not allow it"
        return KeysRejected(message, retryable=code in CLOCK_CODES)
    if response.status == 429 or code == "SlowDown":
        return Throttled(said, retryable=True)
    return UpstreamFailed(said, retryable=response.status >= 500 or code in RETRYABLE)
