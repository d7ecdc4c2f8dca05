"""SCF's Invoke API: this function runs itself again, asynchronously."""

from __future__ import annotations

import json

from shared.backends.base import Work
from shared.errors import KeysRejected, QueryError, Throttled, UpstreamFailed
from shared.invocation import Deadline, Event
from shared.net.client import prepare, retrying, send
from shared.net.json_text import to_bytes, to_json
from shared.signing.tc3 import Tc3Auth

UPSTREAM = "SCF"
#: The largest reply read, in bytes: a request id, or an error.
MAX_ANSWER = 128 * 1024
VERSION = "2018-04-16"
#: Error codes, or their part before the dot, after which another attempt may succeed (Invoke page 583/17243, public
#: codes).
THROTTLED = frozenset({"RequestLimitExceeded", "LimitExceeded"})
RETRYABLE = frozenset({"InternalError", "FailedOperation", "ResourceUnavailable"})
REFUSED = frozenset({"AuthFailure", "UnauthorizedOperation"})


def invoke(work: Work, event: Event, deadline: Deadline) -> None:
    """Have SCF run this function with an event, asynchronously. SCF may deliver an event twice.

    Raises KeysRejected when the run role does not allow it, or another QueryError.
    """
    invocation, function = work.invocation, work.invocation.function
    body = to_bytes(
        {
            "FunctionName": function.name,
            "Namespace": function.namespace,
            "Qualifier": function.version,
            "InvocationType": "Event",
            "ClientContext": to_json(event),
        }
    )
    headers = {
        "Content-Type": "application/json",
        "X-TC-Action": "Invoke",
        "X-TC-Version": VERSION,
        "X-TC-Region": function.region,
    }
    request = prepare("POST", f"{work.settings.invoke_url}/", headers, body)
    auth = Tc3Auth(work.settings.credentials, "scf", invocation.now)

    def attempt() -> None:
        invocation.count("invokes")
        response = send(request, auth, deadline, UPSTREAM, MAX_ANSWER)
        if response.status != 200:
            raise UpstreamFailed(f"SCF answered HTTP {response.status}", retryable=response.status >= 500)
        if code := _error_code(response.body):
            if code == "AuthFailure.SignatureExpire":
                invocation.follow(response.headers.get("date", ""))
            raise _error(code)

    retrying(attempt, invocation, deadline)


def _error_code(body: bytes) -> str:
    """The code of an API 3.0 error, empty for a success."""
    try:
        failure = json.loads(body)["Response"].get("Error")
        return str(failure["Code"]) if failure else ""
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise UpstreamFailed("SCF did not answer with an API 3.0 reply", retryable=True) from error


def _error(code: str) -> QueryError:
    family = code.partition(".")[0]
    if family in THROTTLED:
        return Throttled(f"SCF answered {code}", retryable=True)
    if family in REFUSED:
        return KeysRejected(f"SCF refuses to invoke: {code}", retryable=code == "AuthFailure.SignatureExpire")
    return UpstreamFailed(f"SCF answered {code}", retryable=family in RETRYABLE)
