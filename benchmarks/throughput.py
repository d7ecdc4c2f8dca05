"""Throughput with the media API 50 ms away."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

from benchmarks.charts import Chart, Line, line_chart
from benchmarks.server import MediaProcess
from benchmarks.stage import Stage, invoke, opened, spec
from benchmarks.table import Row, Topic, against
from local.media.tasks import AUDIO_ACTION

#: Seconds by which each reply is late.
DELAY = 0.05
#: Calls in flight, and how often the query is repeated: the slow one less often.
IN_FLIGHT = {1: 2, 8: 7, 32: 7, 64: 7}
NOTE = (
    f"Audio ids answered a second by a warm instance, one call an id, each reply of the media API {DELAY * 1000:.0f} "
    "ms late, against the ideal of calls in flight ÷ delay. The media API is a single Python process on the same "
    "machine, so a part of what is missing to 1 is its own."
)


async def measure(stage: Stage, media: MediaProcess) -> Topic:
    """Query with each number of calls in flight."""
    vids = media.add_tasks(AUDIO_ACTION, 20 * max(IN_FLIGHT))
    media.set_delay(DELAY)
    try:
        measured = [await _row(stage, media, vids, in_flight, times) for in_flight, times in IN_FLIGHT.items()]
    finally:
        media.set_delay(0)
    return Topic("Throughput 50 ms away", NOTE, [row for row, _ in measured], charts=(_chart(measured),))


async def _row(stage: Stage, media: MediaProcess, vids: list[str], in_flight: int, times: int) -> tuple[Row, float]:
    """The row of so many calls in flight, and the ids a second."""
    asked = vids[: max(200, 20 * in_flight)]
    what = spec(stage, stage.bundle, "query_audio.main_handler", media, CONCURRENCY=str(in_flight))
    async with opened(what) as function:
        await invoke(function, {"vids": asked[:in_flight]})  # opens the connections
        took = [(await invoke(function, {"vids": asked})).duration_ms / 1000 for _ in range(times)]
    # With a whole number of rounds the ideal is exactly in_flight / DELAY.
    ideal = len(asked) / (math.ceil(len(asked) / in_flight) * DELAY)
    rates = [len(asked) / seconds for seconds in took]
    row = against(f"{in_flight} in flight, {len(asked)} ids, {times} times", rates, ideal, "/s")
    return row, statistics.median(rates)


def _chart(measured: Sequence[tuple[Row, float]]) -> Chart:
    points = list(zip(IN_FLIGHT, (rate for _, rate in measured), strict=True))
    ideal = Line("ideal", [(in_flight, in_flight / DELAY) for in_flight in IN_FLIGHT])
    title = f"Ids a second, the API {DELAY * 1000:.0f} ms away"
    return line_chart("throughput.svg", title, ("calls in flight", "ids a second"), [Line("measured", points), ideal])
