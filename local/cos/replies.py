"""Replies of COS: errors and lists as XML, and the headers of every reply."""

from __future__ import annotations

import base64
import logging
import re
import secrets
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timezone
from typing import NamedTuple
from urllib.parse import quote
from xml.etree.ElementTree import Element, SubElement, tostring

from local.cos.store import Page, StoredObject
from local.server import Reply, Request

logger = logging.getLogger(__name__)

XML_HEADERS = {"Content-Type": "application/xml"}

#: HTTP status and message by code. Codes and statuses are those of "Error Codes" (436/7730). The messages are
#: invented, except that of PreconditionFailed, which is in a sample of GET Object (436/7753).
ERRORS = {
    "BadDigest": (400, "The MD5 of the body is not that of Content-MD5."),
    "EntitySizeNotMatch": (400, "The length of the body is not that of Content-Length."),
    "EntityTooLarge": (400, "The object is too large."),
    "ExpiredToken": (400, "The session token has expired."),
    "IncompleteBody": (400, "The body is shorter than Content-Length says."),
    "InvalidBucketName": (400, "The bucket name is not valid."),
    "TooManyBuckets": (400, "There are too many buckets."),
    "InvalidArgument": (400, "An argument is not valid."),
    "InvalidDelimiter": (400, "The delimiter must be one character."),
    "InvalidDigest": (400, "Content-MD5 is not the Base64 of 16 bytes."),
    "InvalidObjectName": (400, "The object key is not valid."),
    "InvalidRequest": (400, "The request is not valid."),
    "InvalidURI": (400, "The URI is not valid."),
    "KeyTooLong": (400, "The object key is longer than 850 bytes."),
    "MalformedXML": (400, "The XML is not well-formed."),
    "RequestTimeout": (400, "The request took too long."),
    "UserNetworkTooSlow": (400, "The network is too slow."),
    "AccessDenied": (403, "Access denied."),
    "InvalidAccessKeyId": (403, "The SecretId does not exist."),
    "Request has expired": (403, "The signature has expired."),
    "RequestTimeTooSkewed": (403, "The clocks differ by more than 15 minutes."),
    "SignatureDoesNotMatch": (403, "The signature does not match the request."),
    "NoSuchBucket": (404, "The bucket does not exist."),
    "NoSuchKey": (404, "The object does not exist."),
    "NoSuchUpload": (404, "The multipart upload does not exist."),
    "NoSuchVersion": (404, "The version does not exist."),
    "MethodNotAllowed": (405, "The method is not allowed here."),
    "BucketAlreadyExists": (409, "The bucket name is taken."),
    "BucketAlreadyOwnedByYou": (409, "The bucket exists and is yours."),
    # Not in the pages of the international edition; the code is known from third parties only.
    "FileAlreadyExists": (409, "The object exists, and the request forbids overwriting it."),
    "InvalidObjectState": (409, "The state of the object does not allow this."),
    "ObjectLocked": (409, "The object is locked."),
    "PathConflict": (409, "Another request was writing the object."),
    "UploadConflict": (409, "There are too many uploads of the object."),
    "MissingContentLength": (411, "Content-Length is missing."),
    "PreconditionFailed": (412, "Precondition not match."),
    "InvalidRange": (416, "The range is outside the object."),
    "UnavailableForLegalReasons": (451, "The service is unavailable."),
    "InternalError": (500, "Internal error."),
    "NotImplemented": (501, "This is not implemented."),
    "KmsFreqControl": (503, "There are too many requests to KMS."),
    "ServiceUnavailable": (503, "The service is unavailable, try again."),
    "SlowDown": (503, "Slow down."),
}

#: Characters that XML 1.0 does not allow, and the carriage return, which a parser turns into a line feed.
NOT_XML = re.compile("[\x00-\x08\x0b-\x1f\ud800-\udfff\ufffe\uffff]")


class CosError(Exception):
    """A refused request; `code` is one of ERRORS, `detail` replaces the default message."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(code, detail)
        self.code = code
        self.detail = detail


class ListQuery(NamedTuple):
    """The parameters of GET Bucket as given; `encoded` stands for `encoding-type=url`."""

    prefix: str
    delimiter: str
    marker: str
    max_keys: int
    encoded: bool


def common_headers(now: float) -> dict[str, str]:
    """Return the headers of every reply (436/7729). The request id, decoded, begins with the time in hex."""
    request_id = f"{int(now):x}_7f000001_{secrets.token_hex(2)}_{secrets.token_hex(3)}"
    return {"Server": "tencent-cos", "x-cos-request-id": base64.b64encode(request_id.encode()).decode()}


def answered(answer: Callable[[], Reply], request: Request, now: float) -> Reply:
    """Return the answer to a request, or its error as a reply. A reply to HEAD has no body (436/7745)."""
    resource = request.headers.get("host", "") + request.path
    try:
        reply = answer()
    except CosError as error:
        reply = error_reply(error.code, resource, now, error.detail)
    except OSError:
        logger.exception("COS store failed")
        reply = error_reply("InternalError", resource, now)
    return reply._replace(body=b"") if request.method == "HEAD" else reply


def error_reply(code: str, resource: str, now: float, detail: str = "") -> Reply:
    """Return the reply for an error code, InternalError for an unknown one; `resource` is the request's host and path.

    `detail` replaces the code's default message.
    """
    code = code if code in ERRORS else "InternalError"
    status, message = ERRORS[code]
    headers = common_headers(now)
    trace_id = base64.b64encode(secrets.token_hex(64).encode()).decode()
    nodes = {
        "Code": code,
        "Message": detail or message,
        "Resource": resource,
        "RequestId": headers["x-cos-request-id"],
        "TraceId": trace_id,
    }
    return Reply(status, {**headers, **XML_HEADERS, "x-cos-trace-id": trace_id}, xml("Error", nodes))


def list_body(bucket: str, query: ListQuery, page: Page, objects: Iterable[StoredObject]) -> bytes:
    """Return a ListBucketResult, its nodes in the order of the samples (436/7734); `objects` are those of the page."""

    def name(text: str) -> str:
        # The page speaks of object keys only; the official client decodes prefixes and markers too.
        return quote(text, safe="") if query.encoded else text

    nodes = {
        "Name": bucket,
        "EncodingType": "url" if query.encoded else [],
        "Prefix": name(query.prefix),
        "Marker": name(query.marker),
        "MaxKeys": query.max_keys,
        "Delimiter": query.delimiter or [],
        "IsTruncated": "true" if page.next_marker else "false",
        "NextMarker": name(page.next_marker) or [],
        "CommonPrefixes": [{"Prefix": name(prefix)} for prefix in page.prefixes],
        "Contents": [_contents(bucket, name(stored.key), stored) for stored in objects],
    }
    return xml("ListBucketResult", nodes)


def _contents(bucket: str, name: str, stored: StoredObject) -> dict[str, object]:
    owner = bucket.rpartition("-")[2]
    return {
        "Key": name,
        # Milliseconds are always .000 in the samples: COS keeps whole seconds.
        "LastModified": f"{datetime.fromtimestamp(stored.modified, timezone.utc):%Y-%m-%dT%H:%M:%S}.000Z",
        "ETag": f'"{stored.etag}"',
        "Size": stored.size,
        "Owner": {"ID": owner, "DisplayName": owner},
        "StorageClass": "STANDARD",
    }


def service_body(owner: str, region: str, buckets: Mapping[str, str]) -> bytes:
    """Return a ListAllMyBucketsResult (GET Service, 436/8291); `buckets` maps names to the times of creation."""
    listed = [{"Name": name, "Location": region, "CreationDate": created} for name, created in buckets.items()]
    nodes = {"Owner": {"ID": owner, "DisplayName": owner}, "Buckets": {"Bucket": listed}}
    return xml("ListAllMyBucketsResult", nodes)


def xml(tag: str, nodes: Mapping[str, object]) -> bytes:
    """Return an XML document: a list repeats its node (an empty one is no node), a mapping nests, None is empty."""
    root = Element(tag)
    _fill(root, nodes)
    document: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return document


def _fill(parent: Element, nodes: Mapping[str, object]) -> None:
    for name, value in nodes.items():
        for item in value if isinstance(value, list) else [value]:
            node = SubElement(parent, name)
            if isinstance(item, Mapping):
                _fill(node, item)
            elif item is not None:
                # A key with such characters needs encoding-type=url.
                node.text = NOT_XML.sub("\ufffd", str(item))
