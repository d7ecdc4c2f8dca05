"""SCF's actions Invoke and InvokeFunction (583/17243, 583/58400; tencentcloud-sdk-python-scf, models.py)."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Literal

from local.scf.api.account import DEFAULT, LATEST, Account
from local.scf.api.actions import Qualified
from local.scf.api.parameters import Action, Answer, ApiError, action
from local.scf.api.versions import callee
from local.scf.asynchronous import Asynchronous, QueueFull
from local.scf.runtime import MAX_EVENT, Outcome

#: The largest event of an asynchronous invocation, in bytes (Invoke, 583/17243).
MAX_ASYNC_EVENT = 128 * 1024
#: The most bytes of the log's end that a synchronous invocation returns (InvokeFunction, 583/58400).
LOG_TAIL = 4096
#: An asynchronous answer: every field but the id is "empty" (data type Result of the API), which for numbers is taken
#: to be 0.
EMPTY_RESULT: Mapping[str, object] = {
    **dict.fromkeys(("Log", "RetMsg", "ErrMsg"), ""),
    **dict.fromkeys(("MemUsage", "Duration", "BillDuration", "InvokeResult"), 0),
}


class InvokeAction(Qualified):
    """Parameters of Invoke. RoutingKey chooses a version by an alias's rules, which are not emulated."""

    invocation_type: Literal["RequestResponse", "Event"] = "RequestResponse"
    client_context: str = "{}"
    log_type: Literal["None", "Tail"] = "None"
    routing_key: str = ""


class InvokeFunction(Qualified):
    """Parameters of InvokeFunction."""

    qualifier: str = DEFAULT
    event: str = "{}"
    log_type: Literal["None", "Tail"] = "None"
    routing_key: str = ""


def invoke_actions(account: Account, served: Mapping[str, str], asynchronous: Asynchronous) -> dict[str, Action]:
    """Return SCF's actions that invoke functions: deployed ones, and those served from a checkout.

    `served` maps the names of the latter, aliases and deployed names, to their aliases.
    """

    async def run(given: InvokeAction | InvokeFunction, parameter: str, text: str) -> Answer:
        name = _find(account, served, given)
        try:
            outcome = await asynchronous.invoke(name, _event(text, parameter, MAX_EVENT), "", "")
        except OSError as error:  # no process could be started: a problem of this machine that SCF does not have
            raise ApiError("InternalError", str(error)) from error
        return {"Result": _result(outcome, given.log_type == "Tail")}

    async def invoke(given: InvokeAction) -> Answer:
        # The event of a request without ClientContext is not documented: here it is an empty object.
        if given.invocation_type == "RequestResponse":
            return await run(given, "ClientContext", given.client_context)
        name = _find(account, served, given)
        try:
            accepted = asynchronous.accept(name, _event(given.client_context, "ClientContext", MAX_ASYNC_EVENT))
        except QueueFull as error:
            # The documents give the queue's length, but not the answer if it is full.
            raise ApiError("LimitExceeded.Quota", str(error)) from error
        return {"Result": {**EMPTY_RESULT, "FunctionRequestId": accepted.request_id}}

    return {
        "Invoke": action(InvokeAction, invoke),
        "InvokeFunction": action(InvokeFunction, lambda given: run(given, "Event", given.event)),
    }


def _find(account: Account, served: Mapping[str, str], given: Qualified) -> str:
    """Return the name to invoke a function by, a deployed one first. Raises ApiError."""
    name = given.function_name
    if name not in served or name in account.functions or given.namespace != "default":
        return callee(account, name, given.qualifier, given.namespace)
    if given.qualifier not in (LATEST, DEFAULT):
        raise ApiError("ResourceNotFound.Qualifier", "functions served from a checkout have no versions")
    return served[name]


def _event(text: str, name: str, most: int) -> object:
    """Return an event as the function gets it. Raises ApiError if it is larger than `most` bytes, or not JSON."""
    if len(text.encode(errors="surrogatepass")) > most:
        raise ApiError("InvalidParameter.RequestTooLarge", f"{name} can have {most} bytes")
    try:
        return json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise ApiError("InvalidParameterValue.Param", f"{name} is not JSON") from error


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")


def _result(outcome: Outcome, with_log: bool) -> dict[str, object]:
    """Return the data type Result: memory in bytes, times in ms, billed by whole ones.

    RetMsg is JSON, as in the function's log. InvokeResult is documented for success only (0); for a failure it is the
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
