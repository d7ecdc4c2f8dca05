"""SCF's Invoke API: this function runs itself again, asynchronously."""

from __future__ import annotations

import json
from collections.abc import Mapping

from shared.errors import KeysRejected, QueryError, Throttled, UpstreamFailed
from shared.invocation import Deadline, Invocation
from shared.net.client import prepare, retrying, send
from shared.net.json_text import to_bytes, to_json
from shared.settings import Settings
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


class ScfApi:
    """Invokes the function that is running. One instance serves one invocation; its calls may run in parallel."""

    def __init__(self, settings: Settings, invocation: Invocation) -> None:
        self._url = settings.invoke_url
        self._invocation = invocation
        self._auth = Tc3Auth(settings.credentials, "scf", invocation.now)

    def invoke(self, event: Mapping[str, object], deadline: Deadline) -> None:
        """Have SCF run this function with an event, asynchronously. SCF may deliver an event twice.

        Raises KeysRejected when the run role does not allow it, or another QueryError.
        """
        function = self._invocation.function
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
        request = prepare("POST", f"{self._url}/", headers, body)

        def attempt() -> None:
            self._invocation.count("invokes")
            response = send(request, self._auth, deadline, UPSTREAM, MAX_ANSWER)
            if response.status != 200:
                raise UpstreamFailed(f"SCF answered HTTP {response.status}", retryable=response.status >= 500)
            if code := _error_code(response.body):
                if code == "AuthFailure.SignatureExpire":
                    self._invocation.follow(response.headers.get("date", ""))
                raise _error(code)

        retrying(attempt, self._invocation, deadline)


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
