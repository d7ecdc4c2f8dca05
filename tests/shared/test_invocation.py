"""One invocation's id, deadline and log line, on a clock that the test moves."""

from __future__ import annotations

import io
import json
import re
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from email.utils import formatdate

import pytest

from shared.invocation import Deadline, Function, Invocation, peak_memory_mb
from tests.support.clock import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock(1000.0)


def test_a_deadline_counts_down_to_zero(clock: Clock) -> None:
    deadline = Deadline(1010, clock)
    assert deadline.remaining() == 10
    assert deadline.earlier(4).remaining() == 6
    assert deadline.earlier(4).earlier(4).remaining() == 2
    clock.now = 1007
    assert deadline.remaining() == 3
    assert deadline.earlier(4).remaining() == 0
    clock.now = 2000
    assert deadline.remaining() == 0


# Milliseconds that SCF gives; seconds to ask in (0.5 s, at most a tenth, is kept for the reply); seconds kept for COS.
LIMITS = [
    (3000, 2.7, 0.6),
    (30_000, 29.5, 3.0),
    (900_000, 899.5, 3.0),
    ("30000", 29.5, 3.0),
    (1000.0, 0.9, 0.2),
    (0, 0.0, 0.0),
    (-1, 0.0, 0.0),
    (10**9, 899.5, 3.0),
    (float("inf"), 899.5, 3.0),
    # What says nothing counts as SCF's default of three seconds.
    (None, 2.7, 0.6),
    ("soon", 2.7, 0.6),
    ([3], 2.7, 0.6),
    (10**400, 2.7, 0.6),
]


@pytest.mark.parametrize(("limit", "asking", "writing"), LIMITS, ids=lambda value: repr(value)[:20])
def test_the_time_limit(clock: Clock, limit: object, asking: float, writing: float) -> None:
    invocation = Invocation({"time_limit_in_ms": limit}, clock)
    assert invocation.deadline.remaining() == pytest.approx(asking)
    assert invocation.write_margin == pytest.approx(writing)


@pytest.mark.parametrize("context", [None, {}, [], "context", {"request_id": None}], ids=repr)
def test_a_context_that_says_nothing(clock: Clock, context: object) -> None:
    invocation = Invocation(context, clock)
    assert invocation.deadline.remaining() == pytest.approx(2.7)
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", invocation.request_id)


@pytest.mark.parametrize("given", ["b07f7b1c-0f7e-4a9c-8b1a-7e3b0f1c2d3e", "A_b-9", "x" * 64])
def test_the_platforms_request_id_is_kept(given: str) -> None:
    assert Invocation({"request_id": given}).request_id == given


@pytest.mark.parametrize("given", ["", "../x", "a/b", "a b", "id\n", "x" * 65, "é", 7, None, ["a"]])
def test_an_odd_request_id_is_replaced(given: object) -> None:
    first, second = (Invocation({"request_id": given}).request_id for _ in range(2))
    assert given not in (first, second)
    assert first != second


def test_the_log_is_one_json_line(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    invocation = Invocation({"request_id": "r1"}, clock)
    invocation.facts.update(function="query-video", error="音乐\nnext line")
    for what in ("calls", "calls", "retries"):
        invocation.count(what)
    clock.now += 0.25
    invocation.log()
    printed = capsys.readouterr().out
    assert printed.count("\n") == 1
    assert json.loads(printed) == {
        "request_id": "r1",
        "function": "query-video",
        "error": "音乐\nnext line",
        "calls": 2,
        "retries": 1,
        "ms": 250,
    }


@pytest.fixture
def _hasty_threads() -> Iterator[None]:
    """Threads take turns as often as they can, so that a race shows."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("_hasty_threads")
def test_counting_from_many_threads_loses_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    invocation = Invocation({})

    def count(_: int) -> None:
        for _ in range(5000):
            invocation.count("calls")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(count, range(4)))
    invocation.log()
    assert json.loads(capsys.readouterr().out)["calls"] == 20_000


def at(moment: float) -> str:
    """A Date header."""
    return formatdate(moment, usegmt=True)


def test_the_clock_follows_a_service_that_finds_it_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.invocation.time.time", lambda: 1_700_000_000.5)
    invocation = Invocation({})
    assert invocation.now() == 1_700_000_000.5
    for moment in (1_700_086_400, 1_600_000_000):
        invocation.follow(at(moment))
        assert invocation.now() == moment
    monkeypatch.setattr("shared.invocation.time.time", lambda: 1_700_000_060.5)
    assert invocation.now() == 1_600_000_060
    assert Invocation({}).now() == 1_700_000_060.5


@pytest.mark.parametrize("date", ["", "yesterday", f"Mon, 01 Jan 2024 {'3' * 25}:00:00 GMT", "Mon, 99 Jan 2024"])
def test_without_a_usable_date_our_own_clock_is_kept(monkeypatch: pytest.MonkeyPatch, date: str) -> None:
    monkeypatch.setattr("shared.invocation.time.time", lambda: 1_700_000_000.0)
    invocation = Invocation({})
    invocation.follow(at(1_600_000_000))
    invocation.follow(date)
    assert invocation.now() == 1_700_000_000.0


def test_the_function_is_that_of_the_context() -> None:
    context = {
        "function_name": "query-video",
        "namespace": "media",
        "function_version": "3",
        "tencentcloud_region": "ap-guangzhou",
    }
    assert Invocation(context).function == Function("query-video", "media", "3", "ap-guangzhou")
    assert Invocation(None).function == Function("", "default", "$LATEST", "")


@pytest.mark.parametrize(
    ("status", "megabytes"),
    [("Name:\tpython\nVmHWM:\t   51200 kB\nVmRSS:\t 1 kB\n", 50), ("VmRSS:\t 1024 kB\n", 0), (None, 0)],
)
def test_peak_memory(monkeypatch: pytest.MonkeyPatch, status: str | None, megabytes: int) -> None:
    def opened(path: str, **_: object) -> io.StringIO:
        assert path == "/proc/self/status"
        if status is None:
            raise FileNotFoundError
        return io.StringIO(status)

    monkeypatch.setattr("builtins.open", opened)
    assert peak_memory_mb() == megabytes


def test_two_invocations_share_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    first, second = Invocation({"request_id": "1"}), Invocation({"request_id": "2"})
    first.count("calls")
    first.facts["code"] = 0
    second.log()
    assert json.loads(capsys.readouterr().out).keys() == {"request_id", "ms"}
