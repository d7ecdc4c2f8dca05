"""Cold start: from the start of the process to its first reply."""

from __future__ import annotations

import time

from benchmarks.server import MediaProcess
from benchmarks.stage import Stage, function_of, invoke, spec
from benchmarks.table import Bar, Topic, compared
from local.media.tasks import VIDEO_ACTION
from local.scf.runtime import FunctionSpec

ROUNDS = 40
NOTE = (
    "Milliseconds from the start of the process to the first reply, by the runtime shim's bootstrap, on the runtime's "
    "Python with nothing but the code directory on its import path and no byte-code writing. The query is a direct "
    "event with one video id, answered by the local media API. The SDK function is `benchmarks/peers/"
    "sdk_query_video.py`, its libraries as `pip install --target` leaves them; its connection is a plain "
    "`http.client.HTTPConnection` instead of its HTTPS one, so neither side pays for TLS."
)


async def measure(stage: Stage, media: MediaProcess) -> Topic:
    """Start every contender once a round, in an order that moves on from round to round."""
    vid = media.add_tasks(VIDEO_ACTION, 1)
    contenders = {
        "ours": spec(stage, stage.bundle, "query_video.main_handler", media),
        "requests": spec(stage, stage.probes, "only_requests.main_handler", media),
        "bare": spec(stage, stage.probes, "bare.main_handler", media),
        "sources": spec(stage, stage.sources, "query_video.main_handler", media),
        "sdk": spec(stage, stage.sdk, "sdk_query_video.main_handler", media),
        "sdk_compiled": spec(stage, stage.sdk_compiled, "sdk_query_video.main_handler", media),
    }
    names = list(contenders)
    for name in names:  # once for the disk cache
        await _cold_start(contenders[name], vid)
    took: dict[str, list[float]] = {name: [] for name in names}
    for number in range(ROUNDS):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            took[name].append(await _cold_start(contenders[name], vid))
    rows = [
        compared("against `import requests` and return", took["ours"], took["requests"], "ms", Bar(1.15)),
        compared("against the SDK function as shipped", took["ours"], took["sdk"], "ms", Bar(0.45)),
        compared("against the SDK function, had it byte code", took["ours"], took["sdk_compiled"], "ms"),
        compared("against ours without byte code", took["ours"], took["sources"], "ms"),
        compared("against a function that imports nothing", took["ours"], took["bare"], "ms"),
    ]
    return Topic("Cold start", f"{NOTE} {ROUNDS} rounds.", rows)


async def _cold_start(what: FunctionSpec, vids: list[str]) -> float:
    """Milliseconds of one cold start."""
    function = function_of(what)
    started = time.perf_counter()
    try:
        await invoke(function, {"vids": vids})
        return (time.perf_counter() - started) * 1000
    finally:
        await function.close()
