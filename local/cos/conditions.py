"""Conditional and ranged requests of GET and HEAD Object (436/7753); werkzeug parses the headers."""

from __future__ import annotations

from collections.abc import Mapping

from werkzeug.http import parse_date, parse_etags, parse_range_header

from local.cos.replies import CosError
from local.cos.store import StoredObject


def not_modified(stored: StoredObject, headers: Mapping[str, str]) -> bool:
    """Return whether the client has this object already (304). Raises CosError when a condition fails (412).

    A date counts only without the ETag condition of the same kind (RFC 9110, 13.2.2).
    """
    since, until = parse_date(headers.get("if-modified-since")), parse_date(headers.get("if-unmodified-since"))
    if "if-match" in headers:
        if stored.etag not in parse_etags(headers["if-match"]):
            raise CosError("PreconditionFailed")
    elif until is not None and stored.modified > until.timestamp():
        raise CosError("PreconditionFailed")
    if "if-none-match" in headers:
        return parse_etags(headers["if-none-match"]).contains_weak(stored.etag)
    return since is not None and stored.modified <= since.timestamp()


def byte_range(text: str, size: int) -> tuple[int, int]:
    """Return the first byte of a Range and the one after its last: `bytes=a-b`, or `a-` and `-n` of RFC 9110.

    Raises CosError for anything else. The page allows one range only, and does not say what happens to several.
    """
    parsed = parse_range_header(text)
    if parsed is None or parsed.units != "bytes" or len(parsed.ranges) > 1:
        raise CosError("InvalidRange")
    if size and parsed.ranges[0][0] < -size:
        return 0, size  # a suffix longer than the object is all of it (RFC 9110, 14.1.2); werkzeug refuses it
    found = parsed.range_for_length(size)
    if found is None:
        raise CosError("InvalidRange")
    return found
