"""The HTTP front of API 3.0: SCF's API, CAM and STS, which share a port here.

Error codes are those that API 3.0 documents for every action (213/30435); the messages are ours.
"""

from __future__ import annotations

import json
import logging
import time
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import NamedTuple
from urllib.parse import parse_qs

from local.keys import REGION
from local.scf.api.parameters import Action, ApiError, json_object
from local.scf.api.tc3 import check_signature
from local.server import JSON_HEADERS, Reply, Request

logger = logging.getLogger(__name__)

PATH = "/"
#: CAM's name of a permission, where it is not the action's.
PERMISSIONS = {"Invoke": "InvokeFunction"}


class Service(NamedTuple):
    """One service of API 3.0: its name in signatures and permissions, its version, its actions.

    A `regional` service needs X-TC-Region. `denied` is the code for a missing permission.
    """

    name: str
    version: str
    actions: Mapping[str, Action]
    regional: bool = False
    denied: str = "AuthFailure.UnauthorizedOperation"


class Api:
    """Answers signed API 3.0 requests; X-TC-Version names the service.

    `calls` counts requests by X-TC-Action, refused ones included. `denied` has the permissions that the keys lack, such
    as `scf:InvokeFunction`. `done` is called after each successful action. The documented limits of requests per second
    do not apply here, since the result would depend on the machine's load; use a fault of kind `code` with
    RequestLimitExceeded.
    """

    def __init__(
        self,
        services: Sequence[Service],
        done: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.calls: Counter[str] = Counter()
        self.denied: set[str] = set()
        self._services = {service.version: service for service in services}
        self._done = done
        self._clock = clock

    async def handle(self, request: Request) -> Reply:
        """Answer one request; a synchronous invocation when the function has ended."""
        try:
            action = self._checked(request)
            answer = action(json_object(request.body, "InvalidParameter", "the body must be a JSON object"))
            response = await answer if isinstance(answer, Awaitable) else answer
            self._done()
            return _answer(response)
        except ApiError as error:
            return _failure(error.code, error.message)
        except OSError:
            logger.exception("the account can't be saved")
            return _failure("InternalError", "the local cloud can't write to its disk")

    def error(self, code: str) -> Reply:
        """Return the reply for an error code, InternalError if it is empty."""
        return _failure(code or "InternalError", "the request failed")

    def _checked(self, request: Request) -> Action:
        """Check signature, time and permission, and return the action. Raises ApiError.

        The real order is not documented; here the signature is checked before the action, and after the
        version, which names the service that it must be for.
        """
        if "x-tc-action" not in request.headers and is_call(request):
            raise ApiError("UnsupportedOperation", "HmacSHA1 and HmacSHA256 are not emulated: use TC3-HMAC-SHA256")
        name = _common(request, "X-TC-Action")
        self.calls[name] += 1
        if request.method != "POST":
            # The real service also takes GET, with parameters in the query. No client of this project uses it.
            raise ApiError("UnsupportedProtocol", "POST is needed")
        service = self._services.get(_common(request, "X-TC-Version"))
        if service is None:
            versions = ", ".join(f"{one.name} {one.version}" for one in self._services.values())
            raise ApiError("NoSuchVersion", f"the local cloud emulates {versions}")
        check_signature(request, service.name, self._clock())
        action = service.actions.get(name)
        if action is None:
            message = (
                f"the local cloud emulates no action {name[:64]!a} of {service.name}, but {', '.join(service.actions)}"
            )
            raise ApiError("InvalidAction", message)
        if service.regional and _common(request, "X-TC-Region") != REGION:
            raise ApiError("UnsupportedRegion", f"the local cloud emulates {REGION} only")
        permission = f"{service.name}:{PERMISSIONS.get(name, name)}"
        if permission in self.denied:
            raise ApiError(service.denied, f"you are not authorized to perform operation ({permission})")
        return action


def is_call(request: Request) -> bool:
    """Whether a request to the gateway's port is for API 3.0, with any kind of signature."""
    if request.path != PATH:
        return False
    if "x-tc-action" in request.headers:
        return True
    is_form = request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded")
    form = request.body.decode(errors="replace") if is_form else ""
    given = {**parse_qs(request.query), **parse_qs(form)}
    return "Action" in given and "Signature" in given


def _common(request: Request, name: str) -> str:
    """Return a common parameter, which is a required header. Raises ApiError."""
    value = request.headers.get(name.lower())
    if not value:
        raise ApiError("MissingParameter", f"parameter {name} is missing")
    return value


def _failure(code: str, message: str) -> Reply:
    return _answer({"Error": {"Code": code, "Message": message}})


def _answer(response: Mapping[str, object]) -> Reply:
    """Return an envelope: HTTP status 200 even for an error (return results, API 3.0)."""
    envelope = {"Response": {**response, "RequestId": str(uuid.uuid4())}}
    return Reply(200, JSON_HEADERS, json.dumps(envelope).encode())
