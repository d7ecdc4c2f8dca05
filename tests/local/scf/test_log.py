"""The log of an invocation, in SCF's words."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path

import pytest

from local.scf.instance import Output
from local.scf.runtime import Function, Outcome
from tests.support.runtime import (
    MB,
    invoke,
    invoke_each,
    printed,
    spec,
    until,
    with_function,
)


def test_log_of_a_cold_and_of_a_warm_success() -> None:
    cold, warm = invoke_each("prints_on_import.handler", None, None)
    patterns = [
        r"START RequestId:ID",
        r"while importing",
        r"Init Report RequestId: ID InitDuration: \d+ms Memory: 512MB MemUsage: \d+\.\d+MB",
        r"while running",
        r"Response RequestId:ID RetMsg:null",
        r"END RequestId:ID",
        r"Report RequestId:ID Duration:\d+ms Memory:512MB MemUsage:\d+\.\d+MB",
    ]
    for outcome, expected in ((cold, patterns), (warm, [patterns[0], *patterns[3:]])):
        assert len(outcome.log) == len(expected)
        for line, pattern in zip(outcome.log, expected, strict=True):
            assert re.fullmatch(pattern.replace("ID", outcome.request_id, 1), line)


def test_log_of_a_failure() -> None:
    outcome = invoke("raises", "x")
    text = json.dumps(outcome.error, ensure_ascii=False)
    assert f"ERROR RequestId:{outcome.request_id} Result:{text}" == outcome.log[2]
    assert f"Response RequestId:{outcome.request_id} RetMsg:{text}" == outcome.log[3]


def test_everything_printed_is_in_the_log_of_its_event() -> None:
    lines = ["to stdout", "to stderr", "片段", "", "after a blank line", "", "not UTF-8: \ufffd", "from a child"]
    for outcome in invoke_each("prints", None, None):
        assert printed(outcome) == [*lines, "no newline"]


def test_chatty_handler() -> None:
    first, second = invoke_each("chatty", MB, 0)
    assert printed(first) == ["x" * MB, *["y" * 1023] * 1024]
    assert printed(second) == [""]


def test_stdout_in_another_wrapper_still_shows() -> None:
    assert printed(invoke("rewraps_stdout")) == ["rewrapped"]


def test_a_handler_can_close_its_output() -> None:
    assert [outcome.status for outcome in invoke_each("closes_stdout", None)] == [200]


def test_log_callback_gets_each_line_at_once(tmp_path: Path) -> None:
    lines: list[str] = []
    go = tmp_path / "go"

    async def work() -> Outcome:
        function = Function(spec("waits_for_file"), lambda: None, log=lines.append)
        call = asyncio.create_task(function.invoke(str(go)))
        await until(lambda: "waiting" in lines)
        assert not call.done()
        go.touch()
        outcome = await call
        await function.close()
        return outcome

    assert asyncio.run(work()).log == lines


def test_output_that_arrives_after_the_reply_is_in_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    receive = Output.data_received

    def receive_late(output: Output, data: bytes) -> None:
        asyncio.get_running_loop().call_later(0.05, receive, output, data)

    monkeypatch.setattr(Output, "data_received", receive_late)
    assert printed(invoke("prints_on_import.handler")) == ["while importing", "while running"]


def test_line_printed_between_two_events_belongs_to_the_next(tmp_path: Path) -> None:
    done, answered = tmp_path / "done", tmp_path / "done.answered"

    async def work(function: Function) -> tuple[Outcome, Outcome]:
        first = await function.invoke(str(done))
        answered.touch()
        await until(done.exists)
        return first, await function.invoke(str(done))

    first, second = with_function(work, "prints_later")
    assert printed(first) == []
    assert "between two events" in printed(second)


def test_logging_shows_at_debug_whatever_basic_config_says() -> None:
    assert printed(invoke("logs.handler", "x")) == ["while importing", "while running: x"]


def test_logging_imported_by_the_handler_shows() -> None:
    assert printed(invoke("logs_late.handler")) == ["late"]
