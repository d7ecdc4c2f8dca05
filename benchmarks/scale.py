"""Scale: what a firing of the timer costs over few and many shards, with nothing, a little and everything to do."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

from benchmarks.charts import Line, line_chart
from benchmarks.server import MediaProcess
from benchmarks.stage import BenchError, Stage
from benchmarks.table import Bar, Row, Topic, against
from deploy.package import ROOT
from local.cloud import Bundle, Cloud, Options, Ports
from local.load_test import CountingApi
from local.media.tasks import VIDEO_ACTION

SHARDS, IDS = (1, 10, 100, 200), 500
#: COS calls of a firing with nothing to do: over any number of shards, over one watch object.
IDLE_CALLS, IDLE_CALLS_OF_ONE = 5, 4
INSTANCES = 4
JSON = {"Content-Type": "application/json"}
NOTHING, LITTLE, EVERYTHING = "nothing to do", "1% to do", "all to do"
NOTE = (
    f"One firing over shards of {IDS} video ids and all that it sets going, on the local cloud, the API without delay: "
    "the calls of COS and of the API and the invocations that it takes, the time until the last of them has ended, and "
    "the most memory that one had. `1% to do` gives one shard in a hundred, one at least, a list of new ids."
)


class Firing(NamedTuple):
    """What one firing took, over so many shards: with how much `to_do`."""

    shards: int
    to_do: str
    cos_calls: int
    calls: int
    invocations: int
    seconds: float
    memory_mb: int


async def measure(stage: Stage, media: MediaProcess) -> Topic:  # noqa: ARG001 - sweeps have a media API of their own
    """Fire over each number of shards, and over one watch object."""
    firings = [firing for shards in SHARDS for firing in await _firings(stage, shards)]
    idle = next(one for one in firings if (one.shards, one.to_do) == (SHARDS[-1], NOTHING))
    if idle.invocations != 1:
        raise BenchError(f"a firing with nothing to do took {idle.invocations} invocations")
    rows = [
        _row(f"COS calls with nothing to do over {idle.shards} finished shards", idle, IDLE_CALLS),
        _row("COS calls with nothing to do over one watch object", await _idle_of_one(stage), IDLE_CALLS_OF_ONE),
    ]
    lines = [
        Line(to_do, [(one.shards, one.seconds * 1000) for one in firings if one.to_do == to_do])
        for to_do in (EVERYTHING, LITTLE, NOTHING)
    ]
    chart = line_chart("scale.svg", "One firing, all that it sets going included", ("shards", "milliseconds"), lines)
    return Topic("Scale", NOTE, rows, _table(firings), (chart,))


async def _firings(stage: Stage, shards: int) -> list[Firing]:
    log: list[str] = []
    async with _cloud(stage, log) as cloud:
        message = {"watch": "watch/video/", "results": "results/video/"}
        _write_lists(cloud, range(shards), first=0)
        everything = await _fire(cloud, log, message, shards, EVERYTHING)
        while (await _fire(cloud, log, message, shards, "")).invocations > 1:
            """Until all is final: some tasks are pending when they are first asked about."""
        nothing = await _fire(cloud, log, message, shards, NOTHING)
        _write_lists(cloud, range(max(1, shards // 100)), first=SHARDS[-1])
        little = await _fire(cloud, log, message, shards, LITTLE)
    return [nothing, little, everything]


async def _idle_of_one(stage: Stage) -> Firing:
    log: list[str] = []
    async with _cloud(stage, log) as cloud:
        cloud.store.put("media-query/watch/video.json", _ids(0), JSON)
        for _ in range(3):  # the first asks, the second about what was pending, the third has nothing to do
            firing = await _fire(cloud, log, {}, 1, NOTHING)
    return firing


@asynccontextmanager
async def _cloud(stage: Stage, log: list[str]) -> AsyncIterator[Cloud]:
    state = stage.archive.parent / "state"
    cloud = Cloud(ROOT, state, {}, Ports(), log.append, Options(Bundle(stage.bundle, stage.python), INSTANCES))
    cloud.media_front = CountingApi(VIDEO_ACTION)
    cloud.store.clear()
    await cloud.start()
    try:
        yield cloud
    finally:
        await cloud.stop()


def _write_lists(cloud: Cloud, shards: range, first: int) -> None:
    for shard in shards:
        cloud.store.put(f"media-query/watch/video/{shard:08d}.json", _ids(first + shard), JSON)


def _ids(block: int) -> bytes:
    return json.dumps([f"{number:032x}1600000000" for number in range(block * IDS, (block + 1) * IDS)]).encode()


async def _fire(cloud: Cloud, log: list[str], message: dict[str, str], shards: int, to_do: str) -> Firing:
    """Fire the timer and wait until all that it has set going is done."""
    log.clear()
    started = time.perf_counter()
    outcome = await cloud.fire("collect-video", json.dumps(message) if message else "")
    await cloud.asynchronous.settle()
    seconds = time.perf_counter() - started
    if not outcome.ok:
        raise BenchError("\n".join(outcome.log))
    runs: list[dict[str, int]] = [json.loads(line) for line in log if line.startswith('{"request_id"')]
    cos_calls, calls = (sum(run.get(name, 0) for run in runs) for name in ("cos_calls", "calls"))
    return Firing(shards, to_do, cos_calls, calls, len(runs), seconds, max(run["memory_mb"] for run in runs))


def _row(what: str, firing: Firing, most: int) -> Row:
    return against(what, [firing.cos_calls], most, "calls", Bar(1))


def _table(firings: list[Firing]) -> str:
    lines = [
        "| shards | | COS calls | API calls | invocations | milliseconds | MB |",
        "|---:|---|---:|---:|---:|---:|---:|",
    ]
    for one in firings:
        numbers = (one.cos_calls, one.calls, one.invocations, f"{one.seconds * 1000:.0f}", one.memory_mb)
        lines.append(f"| {one.shards} | {one.to_do} | {' | '.join(map(str, numbers))} |")
    return "\n".join(lines)
