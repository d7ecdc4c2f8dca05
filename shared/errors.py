"""Everything that can go wrong, each error with its code in the envelope and its HTTP status.

Messages are for callers: they name the field or the setting, never a key, a host or an upstream's own words.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

#: The platform's own code for a batch that succeeded in part (public error codes, 213/6982).
PARTLY_DONE = 5400
#: What the message says when a reply is too large to be returned. The client looks for it and asks in smaller queries.
ASK_FOR_FEWER = "ask for fewer ids"


class QueryError(Exception):
    """The root: an error that the envelope reports. `retryable` means that the same call may succeed later."""

    code = 6000
    http_status = 500
    description = "InternalError"
    headers: Mapping[str, str] = MappingProxyType({})

    def __init__(self, message: str, *, retryable: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.retryable = retryable


class BadInput(QueryError):
    """The caller's input is wrong; the message names the field."""

    code, http_status, description = 4000, 400, "InvalidParameter"


class MethodNotAllowed(QueryError):
    """The HTTP method does not fit the request; `allowed` are the methods that do, as RFC 9110 requires with a 405."""

    code, http_status, description = 4000, 405, "MethodNotAllowed"

    def __init__(self, message: str, allowed: tuple[str, ...]) -> None:
        super().__init__(message)
        self.headers = {"Allow": ", ".join(allowed)}


class NotFound(QueryError):
    """The function does not serve this path. The code is not 5000, which means an unknown task."""

    code, http_status, description = 4000, 404, "NotFound"


class TooManyIds(QueryError):
    """One HTTP query has more ids than MAX_VIDS, or more text than that many ids need."""

    code, http_status, description = 4000, 413, "TooManyIds"


class UnsupportedMedia(QueryError):
    """The body has a media type that is not supported."""

    code, http_status, description = 4000, 415, "UnsupportedMediaType"


class Unauthorized(QueryError):
    """API_TOKEN is set and the caller did not send it."""

    code, http_status, description = 4100, 401, "Unauthorized"
    headers = MappingProxyType({"WWW-Authenticate": "Bearer"})  # RFC 6750 requires it with a 401


class Forbidden(QueryError):
    """The caller may ask but not write."""

    code, http_status, description = 4100, 403, "Forbidden"


class UnknownTask(QueryError):
    """None of the ids is known."""

    code, http_status, description = 5000, 404, "ResourceNotFound"


class Throttled(QueryError):
    """The upstream's quota is used up for now. No document gives a waiting time; quotas count by second or minute."""

    code, http_status, description = 4400, 429, "QuotaExceeded"
    headers = MappingProxyType({"Retry-After": "10"})


class KeysRejected(QueryError):
    """The upstream refuses our keys, signature or permissions. The operator can mend that, not the caller."""

    code, http_status, description = 4100, 502, "UpstreamAuthFailure"


class UpstreamFailed(QueryError):
    """The upstream can't be reached, fails, or sends what its documents do not describe."""

    code, http_status, description = 6000, 502, "UpstreamError"


class ReplyTooLarge(UpstreamFailed):
    """A reply is larger than the limit; a reply about fewer ids may be small enough."""


class OutOfTime(QueryError):
    """The invocation's time ran out before the upstream had answered."""

    code, http_status, description = 6000, 504, "Timeout"


class Misconfigured(QueryError):
    """A setting is missing or wrong; the message names the environment variable."""

    description = "Misconfigured"


class DamagedObject(QueryError):
    """An object in COS is not in a form that this function writes or reads. It is left unchanged."""

    description = "DamagedObject"
