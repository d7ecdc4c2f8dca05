"""The feed of activities."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator

import pytest
from rich.console import Console

from local.console import feed as feed_module
from local.console.feed import Activity, Feed
from local.console.terminal import show
from local.scf.runtime import Outcome
from local.server import Reply

DONE = Outcome("id", 200, {"a": 1}, None, ["START"], 12.0, 80.0, 30.0, ("printed",))
FAILED = DONE._replace(status=433, result=None, error={"errorMessage": "timed out"}, init_ms=None)


def invoked(feed: Feed, outcome: Outcome = DONE) -> None:
    with feed.invocation("invoke", "f", {"an": "event"}) as activity:
        activity.outcome = outcome


def test_listeners_get_an_invocation_when_it_begins_and_when_it_ends() -> None:
    feed, told = Feed(), list[tuple[int, int]]()
    feed.listen(lambda activity: told.append((activity.number, activity.status)))
    invoked(feed)
    invoked(feed, FAILED)
    assert told == [(1, 0), (1, 200), (2, 0), (2, 433)]
    assert [json.loads(activity.event) for activity in feed.kept] == [{"an": "event"}] * 2


def test_the_invocation_of_a_request_is_part_of_it() -> None:
    feed = Feed()
    with feed.request("GET /a") as activity:
        invoked(feed)
        feed.end(activity, 404, Reply(404))
    invoked(feed)
    first, second = feed.kept
    assert (first.route, first.function, first.status, first.outcome) == ("GET /a", "f", 404, DONE)
    assert (second.route, second.status) == ("invoke", 200)


def test_an_outcome_after_the_gateway_s_timeout_is_reported_too() -> None:
    feed, told = Feed(), list[tuple[int, bool]]()
    feed.listen(lambda activity: told.append((activity.status, activity.outcome is not None)))
    with feed.request("GET /a") as activity, feed.invocation("invoke", "f", None) as running:
        feed.end(activity, 504)
        running.outcome = DONE
    assert told == [(0, False), (504, False), (504, True)]


def test_what_could_not_be_run_has_ended_too() -> None:
    feed = Feed()
    with pytest.raises(OSError, match="no interpreter"), feed.invocation("invoke", "f", None):
        raise OSError("no interpreter")
    with pytest.raises(OSError, match="no interpreter"), feed.request("GET /a"), feed.invocation("invoke", "f", None):
        raise OSError("no interpreter")
    invoked(feed)
    assert [(activity.route, activity.status) for activity in feed.kept] == [
        ("invoke", 500),
        ("GET /a", 500),
        ("invoke", 200),
    ]


def test_a_listener_that_is_too_slow_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_module, "WAITING", 3)

    async def run() -> list[int]:
        feed, seen = Feed(), list[int]()
        stream = feed.stream()
        waiting = asyncio.ensure_future(anext(stream))
        await asyncio.sleep(0)
        invoked(feed)
        seen.append((await waiting).number)
        for _ in range(3):
            invoked(feed)
        seen += [activity.number async for activity in stream]
        return seen

    assert len(asyncio.run(run())) < 5


def test_long_texts_are_cut() -> None:
    feed, long = Feed(), "x" * 3 * feed_module.SHOWN
    with feed.request("POST /a") as activity:
        with feed.invocation("invoke", "f", {"body": long}) as invocation:
            invocation.outcome = DONE._replace(result=long, log=["START", long], output=(long,))
        feed.end(activity, 200, Reply(200, {}, long.encode()))
    (kept,) = feed.kept
    assert kept.outcome is not None
    assert kept.reply is not None
    assert not kept.outcome.output
    assert (
        max(map(len, (kept.event, kept.reply.body, *kept.outcome.log, str(kept.outcome.result)))) <= feed_module.SHOWN
    )


def test_streams_end_with_the_cloud() -> None:
    async def run() -> list[int]:
        feed = Feed()
        stream = feed.stream()
        seen = asyncio.ensure_future(_all(stream))
        await asyncio.sleep(0)
        invoked(feed)
        feed.close()
        return await asyncio.wait_for(seen, 60)

    assert asyncio.run(run()) == [1, 1]


async def _all(stream: AsyncIterator[Activity]) -> list[int]:
    return [activity.number async for activity in stream]


def test_only_the_last_are_kept() -> None:
    feed = Feed()
    for _ in range(feed_module.KEPT + 5):
        invoked(feed)
    assert (feed.kept[0].number, len(feed.kept)) == (6, feed_module.KEPT)


def shown(activity: Activity) -> str:
    text = io.StringIO()
    show(Console(file=text), activity)
    return text.getvalue()


def test_the_terminal_has_a_line_a_request_and_the_functions_own_output() -> None:
    activity = Activity(1, "GET /[a]", "f", status=200, milliseconds=12.4, outcome=DONE)
    assert shown(activity) == "GET /[a]  200  12 ms  cold 80 ms  30 MB\n  printed\n"
    assert shown(Activity(1, "timer t", "f", status=433, milliseconds=9, outcome=FAILED)).splitlines()[0] == (
        "timer t  433  9 ms  warm  30 MB  timed out"
    )
    assert shown(Activity(1, "GET /", status=404)) == "GET /  404  0 ms\n"
    assert shown(Activity(1, "GET /")) == ""


def test_a_flood_of_output_is_cut_in_the_terminal() -> None:
    written = io.StringIO()
    flood = DONE._replace(output=tuple(str(number) for number in range(5000)))
    show(Console(file=written, width=200), Activity(1, "invoke", status=200, outcome=flood))
    assert written.getvalue().splitlines()[-2:] == ["  999", "  … and 4000 more lines"]
