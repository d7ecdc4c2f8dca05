"""The timer: SCF's cron, Timer events, invoked asynchronously."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta, timezone, tzinfo
from typing import Any

import pytest

from local.config import CRON_ZONE, TimerTrigger
from local.scf.asynchronous import Asynchronous
from local.scf.runtime import Outcome
from local.scf.timer import Timers, timer_event

TICK = TimerTrigger(name="tick", function="f", cron="* * * * * * *", message="a message", enabled=True)
SUNDAY = datetime(2026, 11, 22, 9, 0, 0, tzinfo=CRON_ZONE)


def test_the_event_has_the_documented_fields_and_utc_time() -> None:
    event = timer_event(TICK, SUNDAY)
    assert event == {
        "Type": "Timer",
        "TriggerName": "tick",
        "Time": "2026-11-22T01:00:00Z",
        "Message": "a message",
    }
    assert timer_event(TICK, datetime.now(timezone.utc), "")["Message"] == ""


class Recorder:
    """A function that fails a given number of times and records its events."""

    def __init__(self, failures: int = 0) -> None:
        self.failures = failures
        self.seen: list[Any] = []
        self.called = asyncio.Event()

    async def __call__(self, name: str, event: object, trigger: str, request_id: str) -> Outcome:
        assert (name, trigger, bool(request_id)) == ("f", "timer", True)
        self.seen.append(event)
        self.called.set()
        failed = len(self.seen) <= self.failures
        return Outcome("id", 430 if failed else 200, None, {} if failed else None, [], 1.0, None, 1.0)


def test_firing_returns_the_first_outcome_and_a_failed_run_is_repeated_with_the_same_event() -> None:
    async def scenario() -> list[Any]:
        recorder = Recorder(failures=1)
        timers = Timers(lambda: [TICK], Asynchronous(recorder, retry_delay=0))
        assert not (await timers.fire("tick", "another message")).ok
        recorder.called.clear()
        await recorder.called.wait()
        return recorder.seen

    first, second = asyncio.run(scenario())
    assert first == second
    assert first["Message"] == "another message"


def test_an_unknown_timer_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(KeyError, match="there are: tick"):
        asyncio.run(Timers(lambda: [TICK], Asynchronous(Recorder())).fire("tock"))


def test_a_timer_whose_years_are_over_never_fires_by_itself() -> None:
    over = TICK.model_copy(update={"cron": "0 0 0 1 1 * 1999"})
    assert Timers(lambda: [over], Asynchronous(Recorder())).due(SUNDAY) == []


def test_a_firing_that_falls_due_between_two_looks_at_the_clock_is_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """The wait ends a little early, and the time is over before the next one is looked for."""
    times = iter([SUNDAY - timedelta(milliseconds=1), SUNDAY - timedelta(microseconds=1)])

    class Scripted(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]  # of the clock's own class
            return next(times, SUNDAY)

    async def scenario() -> list[Any]:
        monkeypatch.setattr("local.scf.timer.datetime", Scripted)
        recorder, yearly = Recorder(), TICK.model_copy(update={"cron": "0 0 9 22 11 * *"})
        timers = Timers(lambda: [yearly], Asynchronous(recorder))
        timers.start()
        await asyncio.wait_for(recorder.called.wait(), 60)
        await timers.stop()
        return recorder.seen

    assert [event["TriggerName"] for event in asyncio.run(scenario())] == ["tick"]


def test_enabled_timers_fire_by_themselves() -> None:
    async def scenario() -> list[Any]:
        recorder, disabled = Recorder(), TICK.model_copy(update={"name": "off", "enabled": False})
        timers = Timers(lambda: [TICK, disabled], Asynchronous(recorder))
        timers.start()
        await recorder.called.wait()
        await timers.stop()
        return recorder.seen

    seen = asyncio.run(scenario())
    assert {event["TriggerName"] for event in seen} == {"tick"}
