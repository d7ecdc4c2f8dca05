"""Signed requests to API 3.0, and the local service that answers them, for one function called `f`."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from requests import PreparedRequest

from local.keys import PERMANENT, REGION
from local.scf.api.account import Account
from local.scf.api.front import Api
from local.scf.api.services import services
from local.scf.asynchronous import Asynchronous
from local.scf.runtime import Outcome
from local.server import Reply, Request
from shared.signing.credentials import Credentials
from shared.signing.tc3 import Tc3Auth

NOW = 1_700_000_000
CALL = {"FunctionName": "f"}
DONE = Outcome("run-id", 200, {"vids": ["圖"]}, None, ["START", "說", "END"], 12.3456, None, 1.5)


class Runtime:
    """Takes the place of the functions: one outcome for all, and what they were called with."""

    def __init__(self) -> None:
        self.outcome = DONE
        self.seen: list[tuple[str, object, str]] = []
        self.ids: list[str] = []

    async def __call__(self, name: str, event: object, trigger: str, request_id: str) -> Outcome:
        self.seen.append((name, event, trigger))
        self.ids.append(request_id)
        return self.outcome


class Service:
    """API 3.0 of an account without functions beside a checkout's `f`, and the short way to call it."""

    def __init__(self, folder: Path) -> None:
        self.runtime = Runtime()
        self.asynchronous = Asynchronous(self.runtime, retry_delay=0)
        account = Account(folder)
        served = {"f": "f", "app-dev-f": "f"}
        self.api = Api(services(account, served, self.asynchronous), clock=lambda: NOW)

    def send(self, request: Request) -> dict[str, Any]:
        """Answer a request and see every accepted event through; return the reply's Response."""

        async def run() -> Reply:
            reply = await self.api.handle(request)
            await self.asynchronous.settle()
            return reply

        reply = asyncio.run(run())
        assert (reply.status, reply.headers) == (200, {"Content-Type": "application/json"})
        response: dict[str, Any] = json.loads(reply.body)["Response"]
        assert len(response["RequestId"]) == 36
        return response

    def invoke(self, **parameters: object) -> dict[str, Any]:
        """The Result of a correct request; raises KeyError when it was refused."""
        result: dict[str, Any] = self.send(signed({"FunctionName": "f", **parameters}))["Result"]
        return result

    def refusal(self, request: Request) -> str:
        """The error code of a request that is refused, and that runs nothing."""
        error = self.send(request)["Error"]
        assert error["Message"]
        assert self.runtime.seen == []
        return str(error["Code"])


def signed(
    body: object,
    keys: Credentials = PERMANENT,
    age: float = 0,
    service: str = "scf",
    headers: Mapping[str, str | None] | None = None,
) -> Request:
    """A request as our client signs it, `age` seconds ago; `headers` are set before, a None one is removed after."""
    common = {
        "Content-Type": "application/json",
        "X-TC-Action": "Invoke",
        "X-TC-Version": "2018-04-16",
        "X-TC-Region": REGION,
    }
    changes = dict(headers or {})
    request = PreparedRequest()
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    sent = common | {name: value for name, value in changes.items() if value is not None}
    request.prepare(method="POST", url="http://127.0.0.1:9000/", headers=sent, data=data)
    Tc3Auth(keys, service, clock=lambda: NOW - age)(request)
    lower = {name.lower(): str(value) for name, value in request.headers.items()} | {"host": "127.0.0.1:9000"}
    gone = {name.lower() for name, value in changes.items() if value is None}
    return Request("POST", "/", "", {name: value for name, value in lower.items() if name not in gone}, data)


def changed(request: Request, **headers: str) -> Request:
    """The request with other headers than those that were signed."""
    return request._replace(headers={**request.headers, **{name.replace("_", "-"): headers[name] for name in headers}})
