"""`python -m local load-test`: sweeps shards of many ids on its own local cloud and counts calls at the API."""

from __future__ import annotations

import asyncio
import json
import random
import re
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

from local.cloud import Bundle, Cloud, Options
from local.cos.store import CosStore
from local.faults import Faulty
from local.media.service import MediaService
from local.media.tasks import AUDIO_ACTION, VIDEO_ACTION, MediaTasks, documented
from local.media.timeline import Record
from local.scf.runtime import Outcome
from local.server import Reply, Request

#: The most firings of the timer: more mean that the sweep makes no progress.
MOST_FIRINGS = 500
#: Seconds before a failed event is run again. SCF's minute would only make the test longer.
RETRY_DELAY = 0.5
#: The most seconds between two kills.
MOST_BETWEEN_KILLS = 0.3
#: The faults that calls fail with.
FAULTS = (
    {"kind": "reset"},
    {"kind": "http", "value": 503},
    {"kind": "truncate"},
    {"kind": "garbage"},
    {"kind": "code", "value": 4400},
    {"kind": "code", "value": 6000},
)


class Order(NamedTuple):
    """The options of a load test.

    `kind` is video or audio, `delay` the seconds per call, `faults` the share of failing calls, `kills` the number of
    instances to kill at random moments, `outputs` the number of outputs of an audio task.
    """

    kind: str
    ids: int
    shard_size: int
    delay: float
    faults: float
    instances: int
    concurrency: int
    kills: int = 0
    outputs: int = 1


class Figures(NamedTuple):
    """The result of a load test.

    `lost` counts ids without the right result, `repeated` those that were asked about again once final. With `kills`,
    ids whose answer was not yet written are asked about again, and count as repeated.
    """

    order: Order
    seconds: float
    firings: int
    lost: int
    repeated: int
    killed: int
    call_ms: list[float]
    outcomes: list[Outcome]

    def lines(self) -> Iterator[str]:
        """Yield the figures as lines of text."""
        order, seconds, calls = self.order, self.seconds, len(self.call_ms)
        memory, errors = max(each.memory_mb for each in self.outcomes), sum(not each.ok for each in self.outcomes)
        yield f"{order.ids} {order.kind} ids in {-(-order.ids // order.shard_size)} shards: {seconds:.1f} s"
        yield f"rate: {order.ids / seconds:.0f} ids/s, {calls / seconds:.0f} calls/s, {self.firings} firings"
        yield f"one call, at the API: {_percentiles(self.call_ms)}"
        yield f"one invocation: {_percentiles([each.duration_ms for each in self.outcomes])}, {memory:.0f} MB at most"
        yield f"calls: {calls}, invocations: {len(self.outcomes)}, failed invocations: {errors}"
        if order.kills:
            yield f"killed: {self.killed} instances"
        yield f"lost: {self.lost}, asked again once final: {self.repeated}"


class CountingTasks(MediaTasks):
    """Knows every id as a task. One in eight is pending at first; in the end one in sixteen fails."""

    def __init__(self, action: str, outputs: int = 1) -> None:
        super().__init__()
        data = documented(action)["data"]
        self._example = data[0] if isinstance(data, list) else data
        if action == AUDIO_ACTION:
            audio = self._example["result"]["audio"]
            audio["info"] = [{**audio["info"][0], "name": f"output {number}"} for number in range(outputs)]
        self._asked: Counter[tuple[str, str]] = Counter()

    def find(self, action: str, vid: str) -> Record | None:
        """Return the record of an id: it depends on the id's number and on how often it was asked about."""
        self._asked[action, vid] += 1
        pending = int(vid[:32], 16) % 8 == 0 and self._asked[action, vid] == 1
        return {**self._example, "vid": vid, "status": 3 if pending else final_status(vid)}


def final_status(vid: str) -> int:
    """Return the final status of a task."""
    return 4 if int(vid[:32], 16) % 16 == 1 else 5


class CountingApi(Faulty):
    """The media API with faults; it counts the records that reached the functions intact."""

    def __init__(self, action: str, outputs: int = 1) -> None:
        super().__init__(MediaService(CountingTasks(action, outputs)))
        self.final: set[str] = set()
        self.repeated = 0
        self.call_ms: list[float] = []

    async def handle(self, request: Request) -> Reply:
        """Answer, and remember the ids whose final records were sent intact."""
        started = time.perf_counter()
        reply = await super().handle(request)
        self.call_ms.append((time.perf_counter() - started) * 1000)
        form = dict(parse_qsl(request.body.decode()))
        self.repeated += sum(form[name] in self.final for name in form if re.fullmatch(r"vid|vids\.\d+", name))
        if reply.body.startswith(b'{"code": 0') and not reply.broken:
            data = json.loads(reply.body)["data"]
            records = data if isinstance(data, list) else [data]
            self.final.update(record["vid"] for record in records if record["status"] > 3)
        return reply


async def run(
    root: Path, state: Path, order: Order, progress: Callable[[int], object], bundle: Bundle | None = None
) -> Figures:
    """Sweep until every id is final; `progress` is called with the number of final ids.

    The objects in `state` are removed first. `bundle` replaces the checkout's functions. Raises ValueError if the sweep
    makes no progress.
    """
    outcomes: list[Outcome] = []
    api = CountingApi(VIDEO_ACTION if order.kind == "video" else AUDIO_ACTION, order.outputs)
    settings = {"CONCURRENCY": str(order.concurrency)}
    cloud = Cloud(root, state, settings, options=Options(bundle, order.instances))
    cloud.feed.listen(lambda activity: outcomes.append(activity.outcome) if activity.outcome else None)
    _prepare(cloud, api, order)
    async with cloud:
        started, firings = time.perf_counter(), 0
        killed: list[float] = []
        killer = asyncio.create_task(_kill(cloud, order, killed))
        while await _fire(cloud, order, lambda: progress(len(api.final))):
            firings += 1
            if firings > MOST_FIRINGS:
                raise ValueError("the sweep does not end")
        seconds = time.perf_counter() - started
        killer.cancel()
    return Figures(
        order,
        seconds,
        firings,
        lost=order.ids - _final_results(cloud.store, order),
        repeated=api.repeated,
        killed=len(killed),
        call_ms=api.call_ms,
        outcomes=outcomes,
    )


def _prepare(cloud: Cloud, api: CountingApi, order: Order) -> None:
    """Install the counting API with its faults, and replace all objects by the shards."""
    cloud.media_front = api
    cloud.asynchronous.retry_delay = RETRY_DELAY
    cloud.store.clear()
    _write_shards(cloud.store, order)
    faults = [{**fault, "rate": order.faults / len(FAULTS)} for fault in FAULTS if order.faults]
    api.faults.replace([{"kind": "delay", "value": order.delay}, *faults])


async def _fire(cloud: Cloud, order: Order, progress: Callable[[], object]) -> bool:
    """Fire the timer and wait until all its invocations are done; return whether there was anything to do."""
    message = json.dumps({"watch": f"watch/{order.kind}/", "results": f"results/{order.kind}/"})
    outcome = await cloud.fire(f"collect-{order.kind}", message)
    while cloud.asynchronous.waiting:
        progress()
        await asyncio.sleep(0.05)
    summary: Any = outcome.result
    return not outcome.ok or bool(summary["due"])


async def _kill(cloud: Cloud, order: Order, killed: list[float]) -> None:
    """Kill busy instances at random intervals; append the time of each kill to `killed`."""
    while len(killed) < order.kills:
        await asyncio.sleep(random.uniform(0, MOST_BETWEEN_KILLS))  # noqa: S311 - any moment will do
        if cloud.functions[f"query-{order.kind}"].kill_one():
            killed.append(time.perf_counter())


def _write_shards(store: CosStore, order: Order) -> None:
    for start in range(0, order.ids, order.shard_size):
        numbers = range(start, min(start + order.shard_size, order.ids))
        vids = [f"{number:032x}1600000000" for number in numbers]
        key = f"media-query/watch/{order.kind}/{start:08d}.json"
        store.put(key, json.dumps(vids).encode(), {"Content-Type": "application/json"})


def _final_results(store: CosStore, order: Order) -> int:
    """Count the ids with the right record in the results objects, read from COS's disk."""
    final: set[str] = set()
    for start in range(0, order.ids, order.shard_size):
        tasks = json.loads(store.get(f"media-query/results/{order.kind}/{start:08d}.json").body)["tasks"]
        final.update(
            vid for vid, record in tasks.items() if (record["vid"], record["status"]) == (vid, final_status(vid))
        )
    return len(final)


def _percentiles(milliseconds: list[float]) -> str:
    """Return the median and the tail of some durations as text."""
    cuts = statistics.quantiles(milliseconds, n=100) if len(milliseconds) > 1 else milliseconds * 99
    return ", ".join(f"p{percent} {cuts[percent - 1]:.0f} ms" for percent in (50, 95, 99))
