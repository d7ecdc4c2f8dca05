"""Commands that are sent to a local cloud in another process."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from local.console.remote import CommandError, ask_running
from local.server import Reply, Request, Route, Server, json_reply

#: The longest time limit of a function, in seconds (SCF quota limits).
LONGEST = 900


def test_a_function_is_waited_for_as_long_as_its_time_limit_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> dict[str, Any] | None:
        passed = 0

        async def run_for_long(_: Request) -> Reply:
            nonlocal passed
            passed += LONGEST
            await asyncio.sleep(0.01)  # a timer that is due by now goes off
            return json_reply({"result": 1, "error": None})

        monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: time.monotonic() + passed)
        server = Server(run_for_long, routes=[Route("POST", "/_local/invoke/long", run_for_long)])
        port = int((await server.start()).rpartition(":")[2])
        try:
            return await ask_running(port, "invoke/long", {})
        finally:
            await server.stop()

    assert asyncio.run(scenario()) == {"result": 1, "error": None}


@pytest.mark.parametrize("body", [b"", b"3", b"nope", b"[]", b"{}"])
def test_what_is_no_local_cloud_is_said_in_one_line(body: bytes) -> None:
    async def scenario() -> None:
        async def answer(_: Request) -> Reply:
            return Reply(200, {"Content-Type": "application/json"}, body)

        server = Server(answer, routes=[Route("POST", "/_local/invoke/f", answer)])
        port = int((await server.start()).rpartition(":")[2])
        try:
            await ask_running(port, "invoke/f", {})
        finally:
            await server.stop()

    with pytest.raises(CommandError, match="is no local cloud; see LOCAL_PORT"):
        asyncio.run(scenario())
