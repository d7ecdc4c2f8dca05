"""Asynchronous invocations: accepted at once, retried, dropped when the cloud stops."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from local.scf.asynchronous import QUEUE, RETRY_DELAY, Asynchronous, QueueFull
from local.scf.runtime import Outcome

EVENT = {"ids": [1, 2]}


class Recorder:
    """A function with a list of statuses to end with, the last one for good; it holds back while `gate` is closed."""

    def __init__(self, *statuses: int) -> None:
        self.statuses = statuses
        self.seen: list[tuple[str, object, str]] = []
        self.ids: list[str] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self, name: str, event: object, trigger: str, request_id: str) -> Outcome:
        await self.gate.wait()
        self.seen.append((name, event, trigger))
        self.ids.append(request_id)
        status = self.statuses[min(len(self.seen), len(self.statuses)) - 1]
        return Outcome("id", status, None, None if status == 200 else {}, [], 1.0, None, 1.0)


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The delays that were asked for; none of them takes time."""
    delays: list[float] = []

    async def sleep(seconds: float) -> None:
        delays.append(seconds)

    monkeypatch.setattr("local.scf.asynchronous.asyncio.sleep", sleep)
    return delays


def seen_through(recorder: Callable[[], Recorder]) -> list[tuple[str, object, str]]:
    """What a function saw of one event, from its acceptance to the end of its last run."""

    async def scenario() -> list[tuple[str, object, str]]:
        function = recorder()
        asynchronous = Asynchronous(function)
        asynchronous.accept("f", EVENT, "timer")
        await asynchronous.settle()
        return function.seen

    return asyncio.run(scenario())


@pytest.mark.parametrize(
    ("statuses", "runs"),
    [((200,), 1), ((430, 200), 2), ((433, 434, 200), 3), ((430,), 3), ((400,), 1), ((406,), 1), ((430, 406), 2)],
)
def test_a_failed_run_is_repeated_twice_a_minute_apart(
    statuses: tuple[int, ...], runs: int, slept: list[float]
) -> None:
    assert seen_through(lambda: Recorder(*statuses)) == [("f", EVENT, "timer")] * runs
    assert slept == [RETRY_DELAY] * (runs - 1) == [60.0] * (runs - 1)


def scenario_of(body: Callable[[Recorder, Asynchronous], Coroutine[Any, Any, None]], *statuses: int) -> None:
    """Run a test's body in a loop of its own."""

    async def run() -> None:
        recorder = Recorder(*statuses)
        await body(recorder, Asynchronous(recorder))

    asyncio.run(run())


def test_an_event_is_accepted_before_it_runs_and_keeps_its_id() -> None:
    async def body(recorder: Recorder, asynchronous: Asynchronous) -> None:
        recorder.gate.clear()
        one, other = asynchronous.accept("f", EVENT), asynchronous.accept("f", EVENT)
        assert one.request_id != other.request_id
        assert recorder.seen == []
        recorder.gate.set()
        assert (await one.first).ok
        assert recorder.seen[0] == ("f", EVENT, "")

    scenario_of(body, 200)


def test_all_runs_of_an_event_bear_the_id_that_its_sender_got(slept: list[float]) -> None:
    async def body(recorder: Recorder, asynchronous: Asynchronous) -> None:
        accepted = asynchronous.accept("f", EVENT)
        await asynchronous.settle()
        assert recorder.ids == [accepted.request_id] * 3
        assert len(slept) == 2

    scenario_of(body, 430)


def test_the_first_outcome_does_not_wait_for_the_others() -> None:
    async def body(recorder: Recorder, asynchronous: Asynchronous) -> None:
        assert (await asynchronous.accept("f", EVENT).first).status == 430  # a minute's delay that nobody waits for
        await asynchronous.stop()
        assert len(recorder.seen) == 1
        assert asynchronous.waiting == 0

    scenario_of(body, 430)


def test_stopping_ends_what_is_running() -> None:
    async def body(recorder: Recorder, asynchronous: Asynchronous) -> None:
        recorder.gate.clear()
        first = asynchronous.accept("f", EVENT).first
        await asyncio.sleep(0)
        await asynchronous.stop()
        assert first.cancelled()

    scenario_of(body, 200)


def test_the_delay_can_be_shortened() -> None:
    async def body(recorder: Recorder, asynchronous: Asynchronous) -> None:
        asynchronous.retry_delay = 0
        asynchronous.accept("f", EVENT)
        await asynchronous.settle()
        assert len(recorder.seen) == 3

    scenario_of(body, 430)


def test_a_full_queue_refuses_events_of_its_function_only(monkeypatch: pytest.MonkeyPatch) -> None:
    async def body(recorder: Recorder, asynchronous: Asynchronous) -> None:
        recorder.gate.clear()
        for _ in range(2):
            asynchronous.accept("f", EVENT)
        with pytest.raises(QueueFull, match="2 events of f"):
            asynchronous.accept("f", EVENT)
        asynchronous.accept("g", EVENT)
        recorder.gate.set()
        await asynchronous.settle()
        await asynchronous.accept("f", EVENT).first
        await asynchronous.stop()

    assert QUEUE == 100_000
    monkeypatch.setattr("local.scf.asynchronous.QUEUE", 2)
    scenario_of(body, 200)


def test_an_event_that_can_not_be_run_is_dropped_in_words(caplog: pytest.LogCaptureFixture) -> None:
    async def impossible(*_: object) -> Outcome:
        raise OSError("debugpy is not installed")

    async def scenario() -> None:
        events = Asynchronous(impossible)
        accepted = events.accept("f", {})
        await events.settle()
        with pytest.raises(OSError, match="debugpy"):
            await accepted.first

    asyncio.run(scenario())
    assert caplog.messages == ["an event is dropped: debugpy is not installed"]
