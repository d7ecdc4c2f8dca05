"""Everything that can go wrong, each with the envelope's code and the HTTP status that callers see.

Messages are for callers: they name the field or the setting, never a key, a host or an upstream's own words.
"""

from __future__ import annotations

#: The platform's own code for a batch of which only a part succeeded (public error codes, 213/6982).
PARTLY_DONE = 5400


class QueryError(Exception):
    """The root: something that a caller is told in the envelope. `retryable`: the same call may succeed later."""

    code = 6000
    http_status = 500
    description = "InternalError"

    def __init__(self, message: str, *, retryable: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.retryable = retryable

    def headers(self) -> dict[str, str]:
        """HTTP headers that go with this error."""
        return {}


class BadInput(QueryError):
    """The caller's input is wrong; the message names the field."""

    code, http_status, description = 4000, 400, "InvalidParameter"


class MethodNotAllowed(QueryError):
    """What is asked can't be done with this method; `allowed` are those that can."""

    code, http_status, description = 4000, 405, "MethodNotAllowed"

    def __init__(self, message: str, allowed: tuple[str, ...]) -> None:
        super().__init__(message)
        self.allowed = allowed

    def headers(self) -> dict[str, str]:
        """RFC 9110 asks a 405 to say what is allowed."""
        return {"Allow": ", ".join(self.allowed)}


class NotFound(QueryError):
    """A path that the function does not serve. Not 5000, which says that a task is unknown."""

    code, http_status, description = 4000, 404, "NotFound"


class TooManyIds(QueryError):
    """More ids in one HTTP query than MAX_VIDS, or more text than so many ids need."""

    code, http_status, description = 4000, 413, "TooManyIds"


class UnsupportedMedia(QueryError):
    """A body of a type that is not read."""

    code, http_status, description = 4000, 415, "UnsupportedMediaType"


class Unauthorized(QueryError):
    """API_TOKEN is set and the caller did not send it."""

    code, http_status, description = 4100, 401, "Unauthorized"

    def headers(self) -> dict[str, str]:
        """RFC 6750 asks a 401 to name the scheme."""
        return {"WWW-Authenticate": "Bearer"}


class Forbidden(QueryError):
    """The caller may ask but not write."""

    code, http_status, description = 4100, 403, "Forbidden"


class UnknownTask(QueryError):
    """Nothing of what was asked is known."""

    code, http_status, description = 5000, 404, "ResourceNotFound"


class Throttled(QueryError):
    """The upstream's quota is used up for now."""

    code, http_status, description = 4400, 429, "QuotaExceeded"

    def headers(self) -> dict[str, str]:
        """Tencent documents no waiting time; its quotas count by the second or the minute."""
        return {"Retry-After": "10"}


class KeysRejected(QueryError):
    """The upstream refuses our keys, signature or permissions: for the operator, not the caller, to mend."""

    code, http_status, description = 4100, 502, "UpstreamAuthFailure"


class UpstreamFailed(QueryError):
    """The upstream can't be reached, fails, or answers with something else than its documents say."""

    code, http_status, description = 6000, 502, "UpstreamError"


class ReplyTooLarge(UpstreamFailed):
    """A reply is larger than what is read; one about fewer things may not be."""


class OutOfTime(QueryError):
    """The invocation's time is over before the upstream has answered."""

    code, http_status, description = 6000, 504, "Timeout"


class Misconfigured(QueryError):
    """A setting is missing or wrong; the message names the environment variable."""

    description = "Misconfigured"


class DamagedObject(QueryError):
    """An object in COS is not what this function wrote or reads; it is left as it is."""

    description = "DamagedObject"
