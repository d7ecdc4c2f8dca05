"""Instances that end: by themselves, by timeout, by memory."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from local.scf.runtime import Function, Outcome
from tests.support.runtime import (
    MB,
    assert_ends,
    invoke,
    invoke_each,
    printed,
    until,
    with_function,
)


@pytest.mark.parametrize(
    ("handler", "event", "end"),
    [
        ("os_exits", 0, "exit code 0"),
        ("os_exits", 3, "exit code 3"),
        ("sys_exits", "bad luck", "exit code 1"),
        ("kills_itself", None, "signal SIGKILL"),
    ],
)
def test_process_that_exits(handler: str, event: object, end: str) -> None:
    first, second = invoke_each(handler, event, event)
    for outcome in (first, second):
        assert outcome.status == 439
        assert outcome.init_ms is not None  # the next event starts another
        assert outcome.error == {
            "errorCode": -1,
            "errorMessage": f"User process exit when running: {end}",
            "requestId": outcome.request_id,
            "statusCode": 439,
        }
    assert printed(first) == {"os_exits": ["last words"], "sys_exits": ["bad luck"]}.get(handler, [])
    assert first.memory_mb > 1


def test_timeout() -> None:
    first, second = invoke_each("prints_then_sleeps", None, None, timeout=1)
    for outcome in (first, second):
        assert outcome.status == 433
        assert outcome.init_ms is not None
        assert outcome.error == {
            "errorCode": -1,
            "errorMessage": "Invoking task timed out after 1 seconds",
            "requestId": outcome.request_id,
            "statusCode": 433,
        }
        assert printed(outcome) == ["before the night", ""]


def test_time_to_start_is_not_counted(tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text("import time\ntime.sleep(1.5)\ndef handler(event, context):\n    return 1\n")
    assert invoke("slow.handler", code_dir=tmp_path, timeout=1).ok


def test_time_limit_ends_with_the_event(monkeypatch: pytest.MonkeyPatch) -> None:
    async def work(function: Function) -> list[asyncio.TimerHandle]:
        loop, timers = asyncio.get_running_loop(), list[asyncio.TimerHandle]()
        call_later = loop.call_later

        def note(delay: float, *args: Any) -> asyncio.TimerHandle:
            timers.append(call_later(delay, *args))
            return timers[-1]

        monkeypatch.setattr(loop, "call_later", note)
        await function.invoke(None)
        return timers

    timers = with_function(work, "echo")
    assert len(timers) == 2
    assert all(timer.cancelled() for timer in timers)


def test_timeout_kills_what_the_handler_has_started() -> None:
    outcome = invoke("forks_then_sleeps", False, timeout=1)
    assert outcome.status == 433
    (line,) = printed(outcome)
    assert_ends(int(line.removeprefix("left ")))


def test_timeout_with_a_process_that_left_the_group(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("local.scf.instance.OUTPUT_PATIENCE", 0.2)
    outcome = invoke("forks_then_sleeps", True, timeout=1)
    (line,) = printed(outcome)
    os.kill(int(line.removeprefix("left ")), 9)
    assert outcome.status == 433


def test_only_one_answers_when_a_copy_of_the_process_returns_too() -> None:
    outcomes = invoke_each("forks_and_both_return", 1, 2, 3)
    assert [outcome.result for outcome in outcomes] == [[1, "parent"], [2, "parent"], [3, "parent"]]


def test_process_that_dies_while_a_copy_of_it_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("local.scf.instance.OUTPUT_PATIENCE", 0.2)
    left, died = invoke_each("leaves_a_copy_and_dies", "leave", "die", timeout=3)
    os.kill(int(str(left.result)), 9)
    assert died.error is not None
    assert died.error["errorMessage"] == "User process exit when running: exit code 4"


def test_memory_limit() -> None:
    within, over, after = invoke_each("allocates", 1, 200, 1, memory=128)
    assert within.ok
    assert over.status == 434
    assert over.memory_mb > 200
    assert over.error is not None
    assert over.error["errorMessage"] == f"Memory limit reached: {over.memory_mb:.1f} MB used of 128 MB"
    assert over.result is None
    assert after.ok
    assert after.init_ms is not None
    assert after.memory_mb < 128


def test_memory_is_the_instances_own() -> None:
    ballast = bytearray(os.urandom(1024)) * (200 * 1024)
    assert invoke("returns_none", memory=128).memory_mb < 128
    assert len(ballast) == 200 * MB


def test_instance_that_died_idle_is_replaced(tmp_path: Path) -> None:
    go = tmp_path / "go"

    async def work(function: Function) -> list[Outcome]:
        first = await function.invoke(str(go))
        go.touch()
        await until(lambda: not function.warm)
        go.unlink()
        return [first, await function.invoke(str(go))]

    outcomes = with_function(work, "dies_later")
    assert all(outcome.ok and outcome.init_ms is not None for outcome in outcomes)
