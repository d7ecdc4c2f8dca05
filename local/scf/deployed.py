"""Runs deployed functions: each version has a runtime of its own, called by name or by function URL."""

from __future__ import annotations

import asyncio
import random
import uuid
from collections.abc import Awaitable, Callable, Mapping

from local.scf.api.account import DEFAULT, LATEST, Account
from local.scf.api.account import Function as Deployment
from local.scf.api.parameters import ApiError
from local.scf.api.triggers import public_urls, url_description
from local.scf.api.versions import alias_of, callee
from local.scf.context import FunctionSpec
from local.scf.runtime import Function, Outcome
from local.server import Reply, json_reply

#: Makes the runtime of a version; the second argument says whether it has a run role.
Start = Callable[[FunctionSpec, bool], Function]
#: Adds the addresses of the local services to a version's environment.
Complete = Callable[[Mapping[str, str]], Awaitable[Mapping[str, str]]]


class _Running:
    """The runtime of a version, the code and settings it was made from, and its number of current calls."""

    def __init__(self, function: Function, made_from: tuple[FunctionSpec, bool]) -> None:
        self.function = function
        self.made_from = made_from
        self.calls = 0
        self.retired = False


class Deployed:
    """Runs the functions of an account."""

    def __init__(self, account: Account, start: Start, complete: Complete) -> None:
        self._account = account
        self._start = start
        self._complete = complete
        self._running: dict[tuple[str, str], _Running] = {}
        self._closing: set[asyncio.Task[None]] = set()

    async def invoke(self, name: str, event: object, trigger: str = "", request_id: str = "") -> Outcome:
        """Invoke `<function>:<version or alias>` with an event.

        If the function was deleted while the event waited, the status is 400, which is invented.
        """
        function_name, _, qualifier = name.partition(":")
        try:
            callee(self._account, function_name, qualifier)
        except ApiError as error:
            refused: dict[str, object] = {"errorCode": -1, "errorMessage": error.message, "statusCode": 400}
            return Outcome(request_id or str(uuid.uuid4()), 400, None, refused, [], 0.0, None, 0.0)
        running = await self._version(self._account.function(function_name), qualifier)
        running.calls += 1
        try:
            return await running.function.invoke(event, trigger=trigger, request_id=request_id)
        finally:
            running.calls -= 1
            if running.retired and not running.calls:
                self._close(running)

    def url(self, name: str) -> str | Reply | None:
        """Return what the function URL of this name invokes; a refusal, or None if there is no such open URL."""
        function = self._account.functions.get(name.partition(":")[0])
        trigger = public_urls(function).get(name) if function else None
        if function is None or trigger is None:
            return None
        if url_description(trigger).auth_type != "NONE":
            # Neither the signature of such a request nor SCF's answer is documented.
            message = "function URLs with AuthType CAM are not emulated in the local cloud"
            return json_reply({"message": message}, 403)
        return f"{function.function_name}:{trigger.qualifier}"

    def tidy(self) -> None:
        """End the runtimes of deleted functions and versions."""
        versions = {
            (function.function_id, version)
            for function in self._account.functions.values()
            for version in (LATEST, *function.versions)
        }
        for key in self._running.keys() - versions:
            self._retire(self._running.pop(key))

    async def stop(self) -> None:
        """End every instance."""
        for running in self._running.values():
            self._close(running)
        self._running.clear()
        await asyncio.gather(*self._closing)

    async def _version(self, function: Deployment, qualifier: str) -> _Running:
        """Return the runtime of the version that a qualifier stands for, a new one if the version has changed."""
        version = _version_of(function, qualifier)
        settings = function.running if version == LATEST else function.versions[version].settings
        if settings is None:
            raise RuntimeError(f"{function.function_name} was never active")
        spec = FunctionSpec(
            name=function.function_name,
            handler=settings.handler,
            code_dir=self._account.packages.path(settings.code),
            timeout=settings.timeout,
            memory=settings.memory_size,
            environment=await self._complete(settings.environment),
            runtime=settings.runtime,
            version=version,
        )
        made_from = (spec, bool(settings.role))
        key = (function.function_id, version)
        running = self._running.get(key)
        if running is None or running.made_from != made_from:
            if running is not None:
                self._retire(running)
            running = self._running[key] = _Running(self._start(*made_from), made_from)
        return running

    def _retire(self, running: _Running) -> None:
        """End a runtime after its last call."""
        running.retired = True
        if not running.calls:
            self._close(running)

    def _close(self, running: _Running) -> None:
        task = asyncio.create_task(running.function.close())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)


def _version_of(function: Deployment, qualifier: str) -> str:
    """Return the version that a call goes to; an alias with two versions draws one."""
    if qualifier != DEFAULT and qualifier not in function.aliases:
        return qualifier
    alias = alias_of(function, qualifier)
    for version, share in alias.weights.items():
        if random.random() < share:  # noqa: S311 - not a secret
            return version
    return alias.function_version
