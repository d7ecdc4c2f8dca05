"""One bucket of the local COS: its objects and their list, with signatures checked."""

from __future__ import annotations

import base64
import hashlib
import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from email.utils import formatdate

from local import keys
from local.cos.conditions import byte_range, not_modified
from local.cos.operations import KEPT, META, action_of, check_emulated
from local.cos.replies import XML_HEADERS, CosError, ListQuery, answered, common_headers, error_reply, list_body
from local.cos.signature import check_signature
from local.cos.store import CosStore, StoredObject
from local.cos.target import Target, bucket_of, target_of
from local.server import MAX_BODY, NOT_HEADER, Reply, Request

#: In bytes of UTF-8 (object overview, 436/13324).
MAX_KEY = 850
#: Bytes of all x-cos-meta-* together (PUT Object, 436/7749); the page doesn't say whether names count; here they do.
MAX_META = 2048
MAX_KEYS = 1000


class CosService:
    """One bucket of one region; `calls` counts requests by operation, refused ones included.

    It answers the bucket's own host, and any host that is not COS's, as a custom domain of the bucket would. `clock`
    gives Unix time in seconds.
    """

    def __init__(self, store: CosStore, bucket: str = keys.BUCKET, clock: Callable[[], float] = time.time) -> None:
        self.calls: Counter[str] = Counter()
        self.store = store
        self._bucket = bucket
        self._clock = clock
        self._operations: Mapping[str, Callable[[Target], Reply]] = {
            "PutObject": self._put,
            "GetObject": self._get,
            "HeadObject": self._head,
            "DeleteObject": self._delete,
            "GetBucket": self._list,
            "HeadBucket": self._head_bucket,
            "PutBucket": self._put_bucket,
        }

    def handle(self, request: Request) -> Reply:
        """Answer one request."""
        return answered(lambda: self._answer(request), request, self._clock())

    def error(self, code: str) -> Reply:
        """Return the reply for an error code of 436/7730; InternalError for any other."""
        return error_reply(code, self._bucket, self._clock())

    def _answer(self, request: Request) -> Reply:
        # A host of COS names a bucket and its region (436/6224).
        if bucket_of(request.headers.get("host", "")) not in (None, (self._bucket, keys.REGION)):
            raise CosError("NoSuchBucket")
        target = target_of(request)
        action = action_of(target)
        self.calls[action] += 1
        check_signature(target, self._clock())
        check_emulated(action, target)
        if len(target.key.encode()) > MAX_KEY:
            raise CosError("KeyTooLong")
        reply = self._operations[action](target)
        return reply._replace(headers={**common_headers(self._clock()), **reply.headers})

    def _put(self, target: Target) -> Reply:
        headers = target.headers
        if "content-length" not in headers and headers.get("transfer-encoding", "").lower() != "chunked":
            raise CosError("MissingContentLength")
        _check_digest(headers.get("content-md5"), target.body)
        # No page of the international edition has x-cos-forbid-overwrite: header, status and code are from reports of
        # third parties, unconfirmed.
        replace = headers.get("x-cos-forbid-overwrite", "").lower() != "true"
        try:
            stored = self.store.put(target.key, target.body, _metadata(headers), replace=replace)
        except FileExistsError as error:
            raise CosError("FileAlreadyExists") from error
        return Reply(200, _checksums(stored))

    def _get(self, target: Target) -> Reply:
        stored = self._found(self.store.get, target.key)
        headers = {**_object_headers(stored), **_overrides(target.query)}
        if not_modified(stored, target.headers):
            return _not_modified(headers)
        if "range" not in target.headers:
            return Reply(200, headers, stored.body)
        first, end = byte_range(target.headers["range"], stored.size)
        content_range = f"bytes {first}-{end - 1}/{stored.size}"
        return Reply(206, {**headers, "Content-Range": content_range}, stored.body[first:end])

    def _head(self, target: Target) -> Reply:
        stored = self._found(self.store.head, target.key)
        headers = _object_headers(stored)
        if not_modified(stored, target.headers):
            return _not_modified(headers)
        # Content-Length is that of the object although no body follows, so the server can't count it.
        return Reply(200, {**headers, "Content-Length": str(stored.size)})

    def _delete(self, target: Target) -> Reply:
        # All samples show 204 (436/7743); 204 for a missing object is invented.
        self.store.delete(target.key)
        return Reply(204)

    def _list(self, target: Target) -> Reply:
        query = _list_query(target.query)
        page = self.store.list(query.prefix, query.delimiter, query.marker, query.max_keys)
        body = list_body(self._bucket, query, page, self._heads(page.keys))
        return Reply(200, {**XML_HEADERS, "x-cos-bucket-region": keys.REGION}, body)

    def _head_bucket(self, _: Target) -> Reply:
        return Reply(200, {"x-cos-bucket-region": keys.REGION})

    def _put_bucket(self, _: Target) -> Reply:
        raise CosError("BucketAlreadyOwnedByYou")

    def _heads(self, listed: Iterable[str]) -> Iterator[StoredObject]:
        """Return the objects of a page, without those that were deleted meanwhile."""
        for key in listed:
            with suppress(KeyError):
                yield self.store.head(key)

    def _found(self, read: Callable[[str], StoredObject], key: str) -> StoredObject:
        try:
            return read(key)
        except KeyError as error:
            raise CosError("NoSuchKey") from error


def _check_digest(content_md5: str | None, body: bytes) -> None:
    if content_md5 is None:
        return
    try:
        digest = base64.b64decode(content_md5, validate=True)
    except ValueError as error:
        raise CosError("InvalidDigest") from error
    if len(digest) != 16:
        raise CosError("InvalidDigest")
    if digest != hashlib.md5(body, usedforsecurity=False).digest():
        raise CosError("BadDigest")


def _metadata(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers to store with an object. Raises CosError for those that COS refuses.

    The limits of x-cos-meta-* are documented (436/7749); the code InvalidArgument is invented.
    """
    meta = {name: value for name, value in headers.items() if name.startswith(META)}
    if sum(len(name) + len(value.encode()) for name, value in meta.items()) > MAX_META or "_" in "".join(meta):
        raise CosError("InvalidArgument")
    return meta | {name.title(): headers[name] for name in KEPT if name in headers}


def _checksums(stored: StoredObject) -> dict[str, str]:
    return {"ETag": f'"{stored.etag}"', "x-cos-hash-crc64ecma": str(stored.crc64)}


def _object_headers(stored: StoredObject) -> dict[str, str]:
    """Return the headers of GET and HEAD Object. PUT Object demands a Content-Type; the default here is invented."""
    return {
        "Content-Type": "application/octet-stream",
        **stored.headers,
        **_checksums(stored),
        "Accept-Ranges": "bytes",
        "Last-Modified": formatdate(stored.modified, usegmt=True),
    }


def _overrides(query: Mapping[str, str]) -> dict[str, str]:
    """Return the headers that response-* parameters set. They need a signature (436/7753), which every request has."""
    names = {f"response-{name}": name.title() for name in KEPT}
    overrides = {names[name]: value for name, value in query.items() if name in names}
    if any(NOT_HEADER.search(value) for value in overrides.values()):
        raise CosError("InvalidArgument")
    return overrides


def _not_modified(headers: Mapping[str, str]) -> Reply:
    """Return the headers of a 304: checksums and type of the object only, as in the sample (436/7753)."""
    return Reply(304, {name: headers[name] for name in ("Content-Type", "ETag", "x-cos-hash-crc64ecma")})


def _list_query(query: Mapping[str, str]) -> ListQuery:
    """Return the parameters of GET Bucket (436/7734). InvalidDelimiter is documented, InvalidArgument is invented."""
    delimiter, max_keys, encoding = (query.get(name, "") for name in ("delimiter", "max-keys", "encoding-type"))
    if len(delimiter) > 1:
        raise CosError("InvalidDelimiter")
    if not re.fullmatch("[1-9][0-9]{0,9}|", max_keys) or encoding not in ("", "url"):
        raise CosError("InvalidArgument")
    # A larger value counts as the maximum; no page says so.
    limit = min(int(max_keys or MAX_KEYS), MAX_KEYS)
    return ListQuery(query.get("prefix", ""), delimiter, query.get("marker", ""), limit, encoding == "url")


def too_large() -> Reply:
    """Return the reply to an object that is too large for this COS; the real one takes 5 GB (436/7749)."""
    detail = f"The local COS takes objects of at most {MAX_BODY} bytes, unlike COS, which takes 5 GB."
    return error_reply("EntityTooLarge", keys.BUCKET, time.time(), detail)
