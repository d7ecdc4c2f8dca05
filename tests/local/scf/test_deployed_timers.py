"""Deployed timers: which fires next, and with what event."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from local.config import CRON_ZONE
from tests.local.scf.api.test_triggers import TIMER
from tests.support.desk import Desk, desk

pytestmark = pytest.mark.filterwarnings("ignore:datetime.datetime.utcfromtimestamp:DeprecationWarning")

NOON = datetime(2026, 1, 1, 12, tzinfo=CRON_ZONE)
#: Prints what it was called with: the log is all that a timer leaves.
TELLING = "import json\ndef main(event, context):\n    print('told', json.dumps(event), context['function_version'])\n"


def told(opened: Desk) -> list[str]:
    return [line for line in opened.log if line.startswith("told ")]


def until(opened: Desk, condition: Callable[[], bool]) -> None:
    """Wait for what a timer does, a minute at most."""
    for _ in range(1200):
        if condition():
            return
        opened.wait(asyncio.sleep(0.05))
    raise AssertionError("nothing came of the timer")


def test_the_soonest_open_timer_comes_first(account: Desk) -> None:
    account.create()
    crons = {
        "late": "0 30 12 * * * *",
        "soon": "0 10 12 * * * *",
        "closed": "* * * * * * *",
        "over": "0 0 0 1 1 * 2020",
    }
    for name, cron in crons.items():
        enable = "CLOSE" if name == "closed" else "OPEN"
        account.scf("CreateTrigger", **{**TIMER, "TriggerName": name, "TriggerDesc": cron}, Enable=enable)
    due = account.cloud.deployed_timers.due(NOON)
    assert [(one.timer.name, one.at.minute) for one in due] == [("soon", 10), ("late", 30)]


def test_a_timer_fires_its_event_until_it_is_closed(tmp_path: Path) -> None:
    with desk(tmp_path, timers=True) as opened:
        opened.create(code=TELLING)
        opened.publish()
        opened.scf("UpdateAlias", Name="$DEFAULT", FunctionVersion="1")
        far = {"TriggerName": "far", "TriggerDesc": "0 0 0 1 1 * 2060"}
        opened.scf("CreateTrigger", **{**TIMER, **far}, Enable="OPEN")
        second = {**TIMER, "TriggerDesc": "* * * * * * *"}
        opened.scf("CreateTrigger", **second, Enable="OPEN", CustomArgument="a,b")
        until(opened, lambda: bool(told(opened)))
        opened.scf("UpdateTrigger", **second, Enable="CLOSE")
        assert [due.timer.name for due in opened.cloud.deployed_timers.due(NOON)] == ["far"]
        opened.wait(opened.cloud.asynchronous.settle())
        assert not [line for line in told(opened) if '"far"' in line]
        first = told(opened)[0]
        assert '"Type": "Timer", "TriggerName": "collect"' in first
        assert '"Message": "a,b"' in first
        assert first.endswith("} 1")


def test_a_firing_is_skipped_if_the_queue_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("local.scf.asynchronous.QUEUE", 0)
    with desk(tmp_path, timers=True) as opened:
        opened.create(code=TELLING)
        opened.scf("CreateTrigger", **{**TIMER, "TriggerDesc": "* * * * * * *"}, Enable="OPEN")
        until(opened, lambda: caplog.text.count("timer collect of my-function:$DEFAULT is skipped") > 1)
    assert told(opened) == []
