"""SCF's own API on one machine: Invoke, as functions and operators call it (API 3.0, version 2018-04-16).

Error codes are those that API 3.0 documents for every action and that tencentcloud-sdk-go lists for Invoke and
InvokeFunction (scf/v20180416/client.go); the messages are ours.
"""

from __future__ import annotations

import hmac
import json
import math
import re
import time
import uuid
from collections import Counter
from collections.abc import Callable, Container, Mapping
from typing import NamedTuple

from local.keys import KNOWN, REGION
from local.scf.asynchronous import Asynchronous, Invoke, QueueFull
from local.scf.runtime import MAX_EVENT, Outcome
from local.server import JSON_HEADERS, Reply, Request
from shared.signing.tc3 import tc3_authorization

SERVICE, VERSION, ACTION = "scf", "2018-04-16", "Invoke"
PATH = "/"
#: The largest event of an asynchronous invocation, in bytes (Invoke, 583/17243).
MAX_ASYNC_EVENT = 128 * 1024
#: Bytes of the log's end that a synchronous invocation returns when asked (InvokeFunction, 583/58400).
LOG_TAIL = 4096
#: Seconds by which X-TC-Timestamp may be off (AuthFailure.SignatureExpire: five minutes).
WINDOW = 300
AUTHORIZATION = re.compile(
    r"TC3-HMAC-SHA256 Credential=(?P<secret_id>[^/, ]+)/[^, ]+, "
    r"SignedHeaders=(?P<names>[a-z0-9;_-]+), Signature=[0-9a-f]{64}"
)
#: What Invoke takes, all of it text (583/17243). RoutingKey picks one of several versions: here there is one.
PARAMETERS = {"FunctionName", "InvocationType", "Qualifier", "ClientContext", "LogType", "Namespace", "RoutingKey"}
#: Both name the newest version when no other is published.
QUALIFIERS = ("$LATEST", "$DEFAULT")
#: An asynchronous answer: every field but the id is "empty" (data type Result of the API). For numbers that is taken
#: to be 0.
EMPTY_RESULT: Mapping[str, object] = {
    "Log": "",
    "RetMsg": "",
    "ErrMsg": "",
    "MemUsage": 0,
    "Duration": 0,
    "BillDuration": 0,
    "InvokeResult": 0,
}


class ApiError(Exception):
    """A request that is refused with an error code; the message must not hold a secret."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message


class Invocation(NamedTuple):
    """What a checked Invoke request asks for."""

    function: str
    event: object
    in_background: bool
    with_log: bool


class ScfApi:
    """Answers signed Invoke requests for `functions`.

    `calls` counts requests by X-TC-Action, refused ones too. `allowed` says whether the keys' owner may invoke: set it
    to False to take the permission away. The documented limit of 100 requests a second is not kept here: it would hit
    as the machine's load goes; a fault of kind `code` with RequestLimitExceeded does it on order.
    """

    def __init__(
        self,
        functions: Container[str],
        invoke: Invoke,
        asynchronous: Asynchronous,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.calls: Counter[str] = Counter()
        self.allowed = True
        self._functions = functions
        self._invoke = invoke
        self._asynchronous = asynchronous
        self._clock = clock

    async def handle(self, request: Request) -> Reply:
        """Answer one request; a synchronous invocation's when the function is done."""
        try:
            self._check(request)
            invocation = self._invocation(request)
            if invocation.in_background:
                return _answer({"Result": self._accept(invocation)})
            outcome = await self._invoke(invocation.function, invocation.event, "")
            return _answer({"Result": _result(outcome, invocation.with_log)})
        except ApiError as error:
            return _failure(error.code, error.message)

    def error(self, code: str) -> Reply:
        """Answer with an error code, InternalError when none is given."""
        return _failure(code or "InternalError", "the request failed")

    def _check(self, request: Request) -> None:
        """Let only a known, correctly signed, timely and permitted request for Invoke through. Raises ApiError.

        The real order is not documented; here who asks is settled before what is asked.
        """
        action = _common(request, "X-TC-Action")
        self.calls[action] += 1
        if request.method != "POST":
            # The real service takes GET too, with the parameters in the query. No client of this project does that.
            raise ApiError("UnsupportedProtocol", "POST is needed")
        timestamp = _common(request, "X-TC-Timestamp")
        if not re.fullmatch(r"[0-9]{1,10}", timestamp):
            raise ApiError("InvalidParameter", "X-TC-Timestamp must be a time in Unix seconds")
        _check_signature(request, int(timestamp))
        if abs(self._clock() - int(timestamp)) > WINDOW:
            raise ApiError("AuthFailure.SignatureExpire", f"X-TC-Timestamp is more than {WINDOW} seconds off")
        if action != ACTION:
            raise ApiError("InvalidAction", "this service has no action but Invoke")
        if _common(request, "X-TC-Version") != VERSION:
            raise ApiError("NoSuchVersion", f"the version is {VERSION}")
        if not self.allowed:
            raise ApiError("UnauthorizedOperation.CAM", "the keys' owner may not do scf:InvokeFunction")

    def _invocation(self, request: Request) -> Invocation:
        """The request's invocation, of a function that exists. Raises ApiError."""
        given = _parameters(request.body)
        in_background = _choice(given, "InvocationType", ("RequestResponse", "Event")) == "Event"
        with_log = _choice(given, "LogType", ("None", "Tail")) == "Tail"
        name = given.get("FunctionName")
        if not name:
            raise _missing("FunctionName")
        here = _common(request, "X-TC-Region") == REGION and given.get("Namespace", "default") == "default"
        if name not in self._functions or not here:
            raise ApiError("ResourceNotFound.FunctionName", "there is no such function in the region and namespace")
        if given.get("Qualifier", QUALIFIERS[0]) not in QUALIFIERS:
            raise ApiError("ResourceNotFound.Qualifier", "there is no such version")
        # What a function gets from a request without ClientContext is not documented: an empty object here.
        event = _event(given.get("ClientContext", "{}"), MAX_ASYNC_EVENT if in_background else MAX_EVENT)
        return Invocation(name, event, in_background, with_log)

    def _accept(self, invocation: Invocation) -> dict[str, object]:
        try:
            request_id = self._asynchronous.accept(invocation.function, invocation.event).request_id
        except QueueFull as error:
            # The documents give the queue's length, not what becomes of an event beyond it.
            raise ApiError("LimitExceeded.Quota", str(error)) from error
        return {**EMPTY_RESULT, "FunctionRequestId": request_id}


def _check_signature(request: Request, timestamp: int) -> None:
    """Raise ApiError for a request that was not signed with a known key, just so as it came (213/30654)."""
    authorization = re.sub(r",\s*", ", ", request.headers.get("authorization", ""))
    said = AUTHORIZATION.fullmatch(authorization)
    if said is None:
        raise ApiError("AuthFailure.InvalidAuthorization", "the Authorization header is missing or malformed")
    keys = KNOWN.get(said["secret_id"])
    if keys is None:
        raise ApiError("AuthFailure.SecretIdNotFound", "the SecretId does not exist or is disabled")
    if not _same(request.headers.get("x-tc-token", ""), keys.token):
        raise ApiError("AuthFailure.TokenFailure", "the token is wrong")
    names = set(said["names"].split(";"))
    wrong = ApiError("AuthFailure.SignatureFailure", "the signature does not match the request")
    if not {"content-type", "host"} <= names <= set(request.headers):
        raise wrong
    # What is no UTF-8 can't have been signed; replaced, it can be compared.
    signed = {name: request.headers[name].encode(errors="replace").decode() for name in names}
    if not _same(tc3_authorization(keys, SERVICE, request.path, signed, request.body, timestamp), authorization):
        raise wrong


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(errors="replace"), other.encode(errors="replace"))


def _common(request: Request, name: str) -> str:
    """A common parameter: a header that must be there. Raises ApiError."""
    value = request.headers.get(name.lower())
    if not value:
        raise _missing(name)
    return value


def _parameters(body: bytes) -> dict[str, str]:
    """The parameters of a JSON body; null counts as absent (no document says). Raises ApiError."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise ApiError("InvalidParameter", "the body must be a JSON object")
    given = {name: item for name, item in value.items() if item is not None}
    for name, item in given.items():
        if name not in PARAMETERS:
            raise ApiError("UnknownParameter", f"there is no parameter {name[:64]!a}")
        if not isinstance(item, str):
            raise ApiError("InvalidParameter", f"the value of {name} must be a text")
    return given


def _choice(given: dict[str, str], name: str, choices: tuple[str, ...]) -> str:
    """One of a parameter's values, the first one by default. Raises ApiError."""
    value = given.get(name, choices[0])
    if value not in choices:
        raise ApiError("InvalidParameterValue", f"{name} must be one of {', '.join(choices)}")
    return value


def _event(text: str, most: int) -> object:
    """ClientContext as the function gets it. Raises ApiError when it is larger than `most` bytes, or no JSON."""
    if len(text.encode(errors="surrogatepass")) > most:
        raise ApiError("InvalidParameter.RequestTooLarge", f"ClientContext may have {most} bytes")
    try:
        return json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise ApiError("InvalidParameterValue.Param", "ClientContext is not JSON") from error


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")


def _missing(name: str) -> ApiError:
    return ApiError("MissingParameter", f"parameter {name} is missing")


def _result(outcome: Outcome, with_log: bool) -> dict[str, object]:
    """The data type Result: memory in bytes, times in ms, billed by the whole one.

    RetMsg is JSON, as in the function's log. InvokeResult is documented for success only, 0; for failure it is the
    error object's errorCode here.
    """
    error = outcome.error or {}
    log = "\n".join(outcome.log).encode(errors="replace")[-LOG_TAIL:] if with_log else b""
    return {
        "Log": log.decode(errors="ignore"),
        "RetMsg": json.dumps(outcome.error or outcome.result, ensure_ascii=False),
        "ErrMsg": error.get("errorMessage", ""),
        "MemUsage": int(outcome.memory_mb * 1024 * 1024),
        "Duration": round(outcome.duration_ms, 3),
        "BillDuration": math.ceil(outcome.duration_ms),
        "InvokeResult": error.get("errorCode", 0),
        "FunctionRequestId": outcome.request_id,
    }


def _failure(code: str, message: str) -> Reply:
    return _answer({"Error": {"Code": code, "Message": message}})


def _answer(response: dict[str, object]) -> Reply:
    """An envelope: HTTP status 200 even for an error (return results, API 3.0)."""
    envelope = {"Response": {**response, "RequestId": str(uuid.uuid4())}}
    return Reply(200, JSON_HEADERS, json.dumps(envelope).encode())
