from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import pytest

from local import keys
from local.scf import runtime
from local.scf.instance import Instance, Output
from local.scf.runtime import Function, FunctionSpec, Outcome
from shared.signing.credentials import Credentials
from tests.support.paths import ROOT

HANDLERS = Path(__file__).parent / "handlers"
MB = 1024 * 1024
T = TypeVar("T")


def spec(handler: str, **changes: Any) -> FunctionSpec:
    """A function of tests/handlers; a handler without a dot is one of odd.py."""
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
            assert not function._instances

    return asyncio.run(run())


def invoke(handler: str, event: object = None, trigger: str = "", **changes: Any) -> Outcome:
    """The outcome of one event."""
    return with_function(lambda function: function.invoke(event, trigger=trigger), handler, **changes)


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


# Results


@pytest.mark.parametrize(
    "event", [None, True, 1.5, "片段", [], {"a": [1, {"b": None}]}, {"text": "line\nbreak \u2028"}]
)
def test_any_json_value_goes_in_and_comes_out(event: object) -> None:
    outcome = invoke("same", event)
    assert outcome.ok
    assert (outcome.status, outcome.result, outcome.error) == (200, event, None)
    assert type(outcome.result) is type(event)


def test_instance_is_reused_and_only_its_first_event_starts_it() -> None:
    first, second, third = invoke_each("echo", "a", "b", "c")
    assert [o.result["calls"] for o in (first, second, third)] == [1, 2, 3]  # type: ignore[index]
    assert first.init_ms is not None
    assert first.init_ms > 0
    assert second.init_ms is None
    assert first.request_id != second.request_id
    assert first.duration_ms > 0
    assert first.memory_mb > 1


def test_largest_event_and_response_pass() -> None:
    largest = "v" * (6 * MB - 2)
    first, second = invoke_each("same", largest, "again")
    assert first.status == 200
    assert first.result == largest
    assert second.result == "again"


def test_larger_event_is_refused_without_running() -> None:
    outcome = invoke("no_such_file.handler", "v" * (6 * MB - 1))
    assert outcome.status == 406
    assert outcome.error == {
        "errorCode": -1,
        "errorMessage": "RequestTooLarge: the event has 6291457 bytes, 6291456 are allowed",
        "requestId": outcome.request_id,
        "statusCode": 406,
    }
    assert (outcome.result, outcome.init_ms) == (None, None)


def test_event_size_is_counted_in_bytes() -> None:
    assert invoke("no_such_file.handler", "片" * (2 * MB)).status == 406


@pytest.mark.parametrize("event", [{"share": float("nan")}, {1, 2}, "\ud800"])
def test_event_that_is_not_json_is_refused(event: object) -> None:
    outcome = invoke("no_such_file.handler", event)
    assert outcome.status == 400
    assert outcome.error is not None
    assert "InvalidParameterValue: the event is not JSON" in str(outcome.error["errorMessage"])


def test_event_nested_without_end_is_refused() -> None:
    event: list[object] = []
    for _ in range(100_000):
        event = [event]
    assert invoke("no_such_file.handler", event).status == 400


def test_larger_response_fails_and_the_instance_stays() -> None:
    too_large, largest = invoke_each("returns_text", 6 * MB + 1, 6 * MB)
    assert (too_large.status, too_large.result) == (407, None)
    assert too_large.error is not None
    assert too_large.error["errorMessage"] == "The size of response exceeds the upper limit (6MB)"
    assert largest.ok
    assert largest.init_ms is None


@pytest.mark.parametrize(
    ("handler", "said"),
    [
        ("returns_nan", "ValueError: Out of range float values are not JSON compliant"),
        ("returns_set", "TypeError: Object of type set is not JSON serializable"),
        ("returns_surrogate", "UnicodeEncodeError"),
        ("interrupts", "KeyboardInterrupt"),
    ],
)
def test_result_that_is_no_json_value_fails(handler: str, said: str) -> None:
    outcome = invoke(handler)
    assert outcome.status == 430
    assert outcome.error is not None
    assert said in str(outcome.error["stackTrace"])


def test_none_is_a_result() -> None:
    outcome = invoke("returns_none")
    assert (outcome.ok, outcome.result, outcome.error) == (True, None, None)
    assert f"Response RequestId:{outcome.request_id} RetMsg:null" in outcome.log


def test_exception_becomes_scf_error_object_and_the_instance_stays() -> None:
    first, second = invoke_each("raises", "片段", "b")
    assert first.error is not None
    stack = str(first.error.pop("stackTrace"))
    assert first.error == {
        "errorCode": -1,
        "errorMessage": "user code exception caught",
        "requestId": first.request_id,
        "statusCode": 430,
    }
    assert stack.startswith("Traceback (most recent call last):\n")
    assert stack.endswith("LookupError: no vid in 片段\n")
    assert "KeyError: 'VID'" in stack
    assert "bootstrap" not in stack
    assert (first.ok, first.result, second.init_ms) == (False, None, None)


def test_very_long_exception_text_is_cut() -> None:
    outcome = invoke("raises_at_length", 3_000_000)
    assert outcome.status == 430
    assert outcome.error is not None
    assert "ValueError: \U0001f3ac" in str(outcome.error["stackTrace"])


def test_exception_text_can_be_encoded() -> None:
    outcome = invoke("raises_at_length", 1)
    assert outcome.error is not None
    assert str(outcome.error["stackTrace"]).endswith("ValueError: \U0001f3ac\\ud800\n")


# What a function is told


def test_context() -> None:
    outcome = invoke("report", region="ap-chengdu", namespace="demo", timeout=3)
    context: dict[str, object] = outcome.result["context"]  # type: ignore[index]
    environment = context.pop("environment")
    assert json.loads(str(environment)) == {"COLOUR": "青", "PLAIN": "x", "SCF_NAMESPACE": "demo"}
    assert context == {
        "memory_limit_in_mb": 512,
        "time_limit_in_ms": 3000,
        "request_id": outcome.request_id,
        "environ": "COLOUR=青;PLAIN=x;SCF_NAMESPACE=demo;SCF_NAMESPACE=demo",
        "function_version": "$LATEST",
        "function_name": "query-video",
        "namespace": "demo",
        "tencentcloud_region": "ap-chengdu",
        "tencentcloud_appid": keys.APP_ID,
        "tencentcloud_uin": keys.UIN,
    }
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", outcome.request_id)


def test_environment_is_scfs_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARENTS_SECRET", "leaks")
    environ: dict[str, str] = invoke("report", trigger="apigw").result["environ"]  # type: ignore[index]
    # Python itself sets this one where the machine has no such locale as LANG says.
    environ.pop("LC_CTYPE", None)
    assert environ == {
        "COLOUR": "青",
        "PLAIN": "x",
        "HOME": "/home/qcloud",
        "LANG": "en_US.UTF8",
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "PWD": str(HANDLERS),
        "PYTHONDONTWRITEBYTECODE": "x",
        "PYTHONPATH": f"{HANDLERS}:/opt",
        "SCF_FUNCTIONNAME": "query-video",
        "SCF_FUNCTIONVERSION": "$LATEST",
        "SCF_NAMESPACE": "default",
        "SCF_RUNTIME": "Python3.10",
        "TENCENTCLOUD_APPID": keys.APP_ID,
        "TENCENTCLOUD_REGION": keys.REGION,
        "TENCENTCLOUD_RUNENV": "SCF",
        "TENCENTCLOUD_SECRETID": keys.ROLE.secret_id,
        "TENCENTCLOUD_SECRETKEY": keys.ROLE.secret_key,
        "TENCENTCLOUD_SESSIONTOKEN": keys.ROLE.token,
        "TENCENTCLOUD_TZ": "UTC",
        "TENCENTCLOUD_UIN": keys.UIN,
        "TZ": "UTC",
        "USER": "qcloud",
        "USER_CODE_ROOT": f"{HANDLERS}/",
    }


def test_function_may_set_its_time_zone_but_not_reserved_variables() -> None:
    environment = {"TZ": "Asia/Shanghai", "SCF_RUNTIME": "mine", "TENCENTCLOUD_REGION": "mine"}
    result: Mapping[str, Any] = invoke("report", environment=environment).result  # type: ignore[assignment]
    assert result["utc_offset"] == 8 * 3600
    assert result["environ"]["SCF_RUNTIME"] == "Python3.10"
    assert result["environ"]["TENCENTCLOUD_REGION"] == keys.REGION


def test_path_and_directory_are_those_of_the_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "odd.py").write_bytes((HANDLERS / "odd.py").read_bytes())
    monkeypatch.chdir(tmp_path.parent)
    result: Mapping[str, Any] = invoke("report", code_dir=Path(tmp_path.name)).result  # type: ignore[assignment]
    assert result["path"][:2] == [str(tmp_path), "/opt"]
    assert str(runtime.__file__).rpartition("/")[0] not in result["path"]
    assert result["cwd"] == str(tmp_path)
    assert result["http"].endswith("/http/__init__.py")
    assert list(tmp_path.iterdir()) == [tmp_path / "odd.py"]  # and no byte code


def test_cold_start_imports_little() -> None:
    modules = invoke("report").result["modules"]  # type: ignore[index]
    assert {"json", "odd"} <= set(modules)
    assert not {"logging", "traceback", "asyncio", "local", "shared", "resource"} & set(modules)


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_instance_holds_no_descriptor_of_the_parent() -> None:
    # Standard streams, the two pipes, the log's copy, and the directory being listed.
    assert len(invoke("report").result["fds"]) == 7  # type: ignore[index]


def test_credentials_and_trigger_are_those_of_each_event() -> None:
    roles = iter([Credentials("AKID1", "k1", "t1"), Credentials("AKID2", "k2"), None])

    async def work() -> list[object]:
        function = Function(spec("report"), lambda: next(roles))
        outcomes = [await function.invoke(None, trigger=trigger) for trigger in ("timer", "apigw", "timer")]
        await function.close()
        assert [outcome.init_ms is None for outcome in outcomes] == [False, True, True]
        return [outcome.result for outcome in outcomes]

    names = ("SECRETID", "SECRETKEY", "SESSIONTOKEN")
    seen = []
    for result in asyncio.run(work()):
        environ: Mapping[str, str] = result["environ"]  # type: ignore[index]
        seen.append([*(environ.get(f"TENCENTCLOUD_{name}") for name in names), environ.get("TRIGGER_SRC")])
    assert seen == [["AKID1", "k1", "t1", "timer"], ["AKID2", "k2", None, None], [None, None, None, "timer"]]


def test_role_is_there_while_the_code_is_imported(tmp_path: Path) -> None:
    source = "import os\nSEEN = os.environ['TENCENTCLOUD_SECRETID']\ndef handler(event, context):\n    return SEEN\n"
    (tmp_path / "early.py").write_text(source)
    assert invoke("early.handler", code_dir=tmp_path).result == keys.ROLE.secret_id


# The log


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


def test_handler_may_close_its_output() -> None:
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


# Faults of the start


def refused(handler: str, **changes: Any) -> tuple[int, str, Outcome]:
    """The status and message with which every event is answered."""
    first, second = invoke_each(handler, 1, 2, **changes)
    assert first.error is not None
    assert second.error is not None
    assert first.error["errorMessage"] == second.error["errorMessage"]
    assert first.init_ms is not None
    assert second.init_ms is not None
    assert first.error["requestId"] == first.request_id != second.request_id
    return first.status, str(first.error["errorMessage"]), first


@pytest.mark.parametrize("handler", ["odd", "odd.", ".echo", "pkg.odd.echo", "../odd.echo", "pkg/odd.echo"])
def test_handler_that_is_not_file_dot_function(handler: str) -> None:
    status, message, _ = refused("x.y", spelt=handler)
    assert status == 437
    assert message == f"handler {handler!r} is not of the form <file without .py>.<function>"


def test_missing_entry_file(tmp_path: Path) -> None:
    (tmp_path / "one.py").touch()
    (tmp_path / "two.py").touch()
    (tmp_path / "three.txt").touch()
    status, message, _ = refused("index.main", code_dir=tmp_path)
    assert (status, message) == (437, "no index.py at the root of the code directory, which has one.py, two.py")


def test_missing_entry_file_in_an_empty_directory(tmp_path: Path) -> None:
    assert refused("index.main", code_dir=tmp_path)[1].endswith("which has none")


def test_missing_function() -> None:
    status, message, _ = refused("logs.main_handler")
    assert (status, message) == (437, "no function main_handler in logs.py, which has handler")


def test_handler_not_callable() -> None:
    assert refused("NOT_CALLABLE")[:2] == (437, "NOT_CALLABLE in odd.py is not callable: it is of type str")


def test_syntax_error(tmp_path: Path) -> None:
    (tmp_path / "index.py").write_text("import helper\n")
    (tmp_path / "helper.py").write_text("x = 1\ndef broken(:\n")
    status, message, outcome = refused("index.main", code_dir=tmp_path)
    assert (status, message) == (443, "syntax error in helper.py, line 2: invalid syntax")
    assert outcome.error is not None
    assert "def broken(:" in str(outcome.error["stackTrace"])


def test_missing_dependency() -> None:
    status, message, outcome = refused("needs_missing.handler")
    assert status == 443
    assert message.startswith("needs_missing.py needs a module that can't be found: no_such_package; ")
    assert "the code directory has exits_on_import, logs, " in message
    assert outcome.error is not None
    assert "bootstrap" not in str(outcome.error["stackTrace"])


def test_failing_import() -> None:
    status, message, outcome = refused("raises_on_import.handler")
    assert (status, message) == (443, "importing raises_on_import.py raised RuntimeError: no configuration")
    assert printed(outcome) == ["about to fail"]


def test_exit_while_importing() -> None:
    assert refused("exits_on_import.handler")[:2] == (439, "User process exit when running: exit code 7")


def test_start_that_takes_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "INIT_TIMEOUT", 1.0)
    status, message, outcome = refused("sleeps_on_import.handler")
    assert (status, message) == (450, "Instance initialization timed out after 1 seconds")
    assert printed(outcome) == ["counting sheep"]


@pytest.mark.parametrize("changes", [{"python": "/no/such/python"}, {"code_dir": Path("/no/such/directory")}])
def test_process_that_cannot_be_started(changes: dict[str, Any]) -> None:
    async def work(function: Function) -> None:
        for _ in range(function._max_instances + 1):  # a failure must not use up a slot
            with pytest.raises(OSError, match="/no/such"):
                await function.invoke(None)

    with_function(work, "echo", **changes)


# Instances that end


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
        await until(lambda: not function._idle[0].alive)
        go.unlink()
        return [first, await function.invoke(str(go))]

    outcomes = with_function(work, "dies_later")
    assert all(outcome.ok and outcome.init_ms is not None for outcome in outcomes)


# Concurrency


def test_calls_at_once_run_in_instances_of_their_own(tmp_path: Path) -> None:
    go = tmp_path / "go"

    async def work(function: Function) -> tuple[set[object], object]:
        calls = [asyncio.create_task(function.invoke(str(go))) for _ in range(3)]
        await until(lambda: len(list(tmp_path.iterdir())) == 3)
        go.touch()
        outcomes = [await call for call in calls]
        again = await function.invoke(str(go))
        assert again.init_ms is None
        assert again.result == function._idle[-1]._process.pid
        return {outcome.result for outcome in outcomes}, again.result

    pids, again = with_function(work, "waits_for_file")
    assert len(pids) == 3
    assert again in pids


def test_instance_used_last_is_used_first() -> None:
    async def work(function: Function) -> None:
        await asyncio.gather(*(function.invoke(None) for _ in range(3)))
        last = function._idle[-1]._process.pid
        for _ in range(3):
            assert (await function.invoke(None)).result["pid"] == last  # type: ignore[index]
        assert len(function._idle) == 3

    with_function(work, "echo")


def test_calls_beyond_the_limit_wait() -> None:
    async def work() -> None:
        function = Function(spec("echo"), lambda: None, max_instances=2)
        outcomes = await asyncio.gather(*(function.invoke(number) for number in range(9)))
        assert [outcome.result["event"] for outcome in outcomes] == list(range(9))  # type: ignore[index]
        assert len({outcome.result["pid"] for outcome in outcomes}) == 2  # type: ignore[index]
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
        assert not function._instances

    asyncio.run(work())


def test_close_leaves_no_process() -> None:
    async def work(function: Function) -> tuple[int, int]:
        outcome = await function.invoke(False)
        return function._idle[0]._process.pid, int(str(outcome.result))

    pid, left = with_function(work, "forks")
    assert not running(pid)
    assert_ends(left)


def test_instance_does_not_outlive_a_parent_that_is_killed(tmp_path: Path) -> None:
    program = f"""
import asyncio, pathlib
from local.scf.runtime import Function, FunctionSpec
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
    result: Mapping[str, Any] = invoke("report", python=python).result  # type: ignore[assignment]
    assert result["http"].endswith("/http/__init__.py")
