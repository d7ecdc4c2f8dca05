"""Functions of tests/local/scf/handlers, run for a test."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest

from local import keys
from local.scf.context import FunctionSpec
from local.scf.runtime import Function, Outcome
from tests.support.paths import ROOT

HANDLERS = ROOT / "tests" / "local" / "scf" / "handlers"
MB = 1024 * 1024
T = TypeVar("T")


def spec(handler: str, **changes: Any) -> FunctionSpec:
    """A function of HANDLERS; a handler without a dot is one of odd.py."""
    plain = FunctionSpec(
        name="query-video",
        handler=changes.pop("spelt", handler if "." in handler else f"odd.{handler}"),
        code_dir=HANDLERS,
        timeout=30,
        memory=512,
        environment={"COLOUR": "青", "PLAIN": "x"},
    )
    return plain._replace(**changes)


def with_function(work: Callable[[Function], Awaitable[T]], handler: str, **changes: Any) -> T:
    """Run `work` on a function that is closed afterwards; no instance may be left."""

    async def run() -> T:
        function = Function(spec(handler, **changes), lambda: keys.ROLE)
        try:
            return await work(function)
        finally:
            await function.close()
            assert function.instances == 0

    return asyncio.run(run())


def invoke(handler: str, event: object = None, trigger: str = "", **changes: Any) -> Outcome:
    """The outcome of one event."""
    return with_function(lambda function: function.invoke(event, trigger=trigger), handler, **changes)


def value(outcome: Outcome) -> Any:
    """What the handler returned."""
    assert outcome.ok, outcome.error
    return outcome.result


def invoke_each(handler: str, *events: object, **changes: Any) -> list[Outcome]:
    """The outcomes of events that come one after the other."""

    async def work(function: Function) -> list[Outcome]:
        return [await function.invoke(event) for event in events]

    return with_function(work, handler, **changes)


def printed(outcome: Outcome) -> list[str]:
    """The user's lines of a log."""
    ours = re.compile(r"(START|ERROR|Response|END|Report|Init Report) RequestId")
    return [line for line in outcome.log if not ours.match(line)]


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what another process is about to do."""
    while not condition():  # noqa: ASYNC110 - nothing signals it
        await asyncio.sleep(0.005)


def running(pid: int) -> bool:
    """Whether the process is there, and not just waiting to be reaped."""
    if sys.platform == "linux":  # where ps may be missing
        try:
            state = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2]
        except (FileNotFoundError, ProcessLookupError):
            return False
    else:
        state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], check=False, capture_output=True).stdout.decode()
    return state.strip()[:1] not in ("", "Z", "X")


def assert_ends(pid: int) -> None:
    """Wait for a process that has been killed; fail if it seems to have no idea of it."""
    for _ in range(6000):
        if not running(pid):
            return
        time.sleep(0.005)
    pytest.fail(f"process {pid} is still running")


def pid_in(directory: Path) -> int:
    """The process id that odd.waits_for_file has left in the directory."""
    (found,) = directory.iterdir()
    return int(found.suffix[1:])
