"""Sends commands to a local cloud in another process."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import aiohttp


class CommandError(Exception):
    """The command can't run; the message is one line."""


async def ask_running(port: int, path: str, event: object, project: Path | None = None) -> dict[str, Any] | None:
    """POST an event to a local path and return the outcome; None if no cloud is running on the port.

    A cloud that runs another project than `project`, an absolute path, refuses. There is no timeout here: the
    function's own time limit ends the call. Raises CommandError.
    """
    url = f"http://127.0.0.1:{port}/_local/{path}"
    given = {"project": str(project)} if project else {}
    unlimited = aiohttp.ClientTimeout(total=None)
    try:
        async with (
            aiohttp.ClientSession(timeout=unlimited) as session,
            session.post(url, params=given, data=json.dumps(event)) as response,
        ):
            answer: Any = await response.json()
    except aiohttp.ClientConnectorError:
        return None
    except (aiohttp.ClientError, ValueError):
        answer = {}
    if not isinstance(answer, dict) or "error" not in answer:
        raise CommandError(f"what answers on port {port} is no local cloud; see LOCAL_PORT")
    if response.status != 200:
        raise CommandError(answer["error"])
    return answer
