"""Runs in an instance: blocks of warm queries and blocks of bare requests, one after the other, and their CPU time."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import query_video
import requests

from shared.invocation import Context


def main_handler(event: Mapping[str, Any], context: Context) -> dict[str, list[float]]:
    """Return the CPU seconds a call, user and system, of all threads, of each block of either kind.

    The event says what query-video is asked (`event`), the `url` of the bare GET, and how many `blocks` of how many
    `calls` there are. Who goes first in a pair of blocks changes from pair to pair.
    """
    session = requests.Session()
    reply = query_video.main_handler(event["event"], context)
    assert isinstance(reply, dict)
    assert reply["statusCode"] == 200, reply

    def ours() -> None:
        query_video.main_handler(event["event"], context)

    def bare() -> None:
        session.get(event["url"])

    cpu: dict[str, list[float]] = {"ours": [], "requests": []}
    for block in range(event["blocks"]):
        pair = [("ours", ours), ("requests", bare)]
        for name, call in pair if block % 2 else reversed(pair):
            cpu[name].append(_cpu(call, event["calls"]))
    session.close()
    return cpu


def _cpu(call: Callable[[], None], calls: int) -> float:
    started = time.process_time()
    for _ in range(calls):
        call()
    return (time.process_time() - started) / calls
