"""Conditional and ranged requests of GET and HEAD Object (436/7753)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timezone
from email.utils import parsedate_to_datetime

from local.cos.replies import CosError
from local.cos.store import StoredObject

_RANGE = re.compile(r"bytes=([0-9]{0,19})-([0-9]{0,19})")


def not_modified(stored: StoredObject, headers: Mapping[str, str]) -> bool:
    """Return whether the client has this object already (304). Raises CosError when a condition fails (412).

    A date counts only without the ETag condition of the same kind (RFC 9110, 13.2.2).
    """
    since, until = _http_date(headers.get("if-modified-since")), _http_date(headers.get("if-unmodified-since"))
    if "if-match" in headers:
        if not _matches(headers["if-match"], stored.etag):
            raise CosError("PreconditionFailed")
    elif until is not None and stored.modified > until:
        raise CosError("PreconditionFailed")
    if "if-none-match" in headers:
        return _matches(headers["if-none-match"], stored.etag)
    return since is not None and stored.modified <= since


def byte_range(text: str, size: int) -> tuple[int, int]:
    """Return the first byte of a Range and the one after its last: `bytes=a-b`, or `a-` and `-n` of RFC 9110.

    Raises CosError for anything else. The page allows one range only, and does not say what happens to several.
    """
    match = _RANGE.fullmatch(text.strip())
    if match is None or match[1] == match[2] == "":
        raise CosError("InvalidRange")
    first = int(match[1]) if match[1] else max(0, size - int(match[2]))
    end = min(size, int(match[2]) + 1) if match[1] and match[2] else size
    if first >= end:
        raise CosError("InvalidRange")
    return first, end


def _matches(condition: str, etag: str) -> bool:
    tags = {tag.strip().removeprefix("W/").strip('"') for tag in condition.split(",")}
    return not tags.isdisjoint({"*", etag})


def _http_date(text: str | None) -> float | None:
    """Return an HTTP date in Unix seconds; None if it is missing or malformed (RFC 9110, 13.1.3)."""
    try:
        moment = parsedate_to_datetime(text or "")
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).timestamp()
