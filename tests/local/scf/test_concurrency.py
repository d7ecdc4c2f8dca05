"""Several invocations at once, and closing a function."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from local.scf.instance import Instance
from local.scf.runtime import Function
from tests.support.paths import ROOT
from tests.support.runtime import (
    HANDLERS,
    assert_ends,
    invoke,
    pid_in,
    running,
    spec,
    until,
    value,
    with_function,
)


def test_calls_at_once_run_in_instances_of_their_own(tmp_path: Path) -> None:
    go = tmp_path / "go"

    async def work(function: Function) -> tuple[set[object], object]:
        calls = [asyncio.create_task(function.invoke(str(go))) for _ in range(3)]
        await until(lambda: len(list(tmp_path.iterdir())) == 3)
        go.touch()
        outcomes = [await call for call in calls]
        again = await function.invoke(str(go))
        assert again.init_ms is None
        assert again.result == function.warm[-1]
        return {outcome.result for outcome in outcomes}, again.result

    pids, again = with_function(work, "waits_for_file")
    assert len(pids) == 3
    assert again in pids


def test_instance_used_last_is_used_first() -> None:
    async def work(function: Function) -> None:
        await asyncio.gather(*(function.invoke(None) for _ in range(3)))
        last = function.warm[-1]
        for _ in range(3):
            assert value(await function.invoke(None))["pid"] == last
        assert len(function.warm) == 3

    with_function(work, "echo")


def test_calls_beyond_the_limit_wait() -> None:
    async def work() -> None:
        function = Function(spec("echo"), lambda: None, max_instances=2)
        outcomes = await asyncio.gather(*(function.invoke(number) for number in range(9)))
        assert [value(outcome)["event"] for outcome in outcomes] == list(range(9))
        assert len({value(outcome)["pid"] for outcome in outcomes}) == 2
        await function.close()

    asyncio.run(work())


def test_cancelled_call_ends_its_instance_and_frees_its_slot(tmp_path: Path) -> None:
    async def work() -> None:
        function = Function(spec("waits_for_file"), lambda: None, max_instances=1)
        call = asyncio.create_task(function.invoke(str(tmp_path / "never")))
        await until(lambda: bool(list(tmp_path.iterdir())))
        pid = pid_in(tmp_path)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert not running(pid)
        (tmp_path / "go").touch()
        assert (await function.invoke(str(tmp_path / "go"))).ok
        await function.close()

    asyncio.run(work())


def test_close_ends_a_running_call_and_refuses_what_waits(tmp_path: Path) -> None:
    async def work() -> None:
        function = Function(spec("waits_for_file"), lambda: None, max_instances=1)
        call = asyncio.create_task(function.invoke(str(tmp_path / "never")))
        waiting = asyncio.create_task(function.invoke(None))
        await until(lambda: bool(list(tmp_path.iterdir())))
        await function.close()
        assert call.done()
        assert (await call).status == 439
        with pytest.raises(RuntimeError, match="function query-video is closed"):
            await waiting
        with pytest.raises(RuntimeError, match="closed"):
            await function.invoke(None)
        await function.close()

    asyncio.run(work())


def test_close_while_an_instance_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    async def work() -> None:
        function = Function(spec("echo"), lambda: None)
        start, closing = Instance.start, []

        async def start_and_close(*args: Any) -> Instance:
            instance = await start(*args)
            closing.append(asyncio.create_task(function.close()))
            await asyncio.sleep(0.05)
            assert not closing[0].done()  # it waits for this call
            return instance

        monkeypatch.setattr(Instance, "start", start_and_close)
        assert (await function.invoke(None)).status == 439
        await closing[0]
        assert function.instances == 0

    asyncio.run(work())


def test_close_leaves_no_process() -> None:
    async def work(function: Function) -> tuple[int, int]:
        outcome = await function.invoke(False)
        return function.warm[0], int(str(outcome.result))

    pid, left = with_function(work, "forks")
    assert not running(pid)
    assert_ends(left)


def test_instance_does_not_outlive_a_parent_that_is_killed(tmp_path: Path) -> None:
    program = f"""
import asyncio, pathlib
from local.scf.context import FunctionSpec
from local.scf.runtime import Function
spec = FunctionSpec("f", "odd.waits_for_file", pathlib.Path({str(HANDLERS)!r}), 900, 128, {{}})
asyncio.run(Function(spec, lambda: None).invoke({str(tmp_path / "never")!r}))
"""
    root = ROOT
    with subprocess.Popen([sys.executable, "-c", program], cwd=root) as parent:
        while not list(tmp_path.iterdir()):
            assert parent.poll() is None
            time.sleep(0.005)
        pid = pid_in(tmp_path)
        assert running(pid)
        parent.kill()
    assert_ends(pid)


def interpreters() -> list[str]:
    """Every Python from 3.10 on that starts on this machine; one on the PATH may be a shim that doesn't."""
    found = [path for minor in range(10, 15) if (path := shutil.which(f"python3.{minor}"))]
    starts = [
        path for path in found if not subprocess.run([path, "-c", ""], check=False, capture_output=True).returncode
    ]
    return starts or [sys.executable]


@pytest.mark.parametrize("python", interpreters())
def test_any_interpreter_serves(python: str) -> None:
    result = value(invoke("report", python=python))
    assert result["http"].endswith("/http/__init__.py")
