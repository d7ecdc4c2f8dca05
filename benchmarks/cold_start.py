"""Cold start: from the start of the process to its first reply."""

from __future__ import annotations

import statistics
import time
from pathlib import Path

from benchmarks.charts import bar_chart
from benchmarks.server import MediaProcess
from benchmarks.stage import Stage, invoke, opened, spec
from benchmarks.table import Bar, Topic, compared
from local.ci.jobs import TRANSCODE
from local.media.tasks import VIDEO_ACTION
from local.scf.context import FunctionSpec

ROUNDS = 40
NOTE = (
    "Milliseconds from the start of the process to the first reply, by the runtime shim's bootstrap, on the runtime's "
    "Python with nothing but the code directory on its import path and no byte-code writing. The query is a direct "
    "event with one id, answered by the local media API or the local Cloud Infinite. The floor is `import requests` as "
    "pip installs it, with its compiled wheels and its byte code, and nothing done with it. The SDK function is "
    "`benchmarks/peers/sdk_query_video.py`, its libraries as `pip install --target` leaves them; its connection is a "
    "plain `http.client.HTTPConnection` instead of its HTTPS one, so neither side pays for TLS. In the row with TLS "
    "both do: ours against one unsigned `requests.post`; the certificate is made for the run, and trusted beside those "
    "of certifi."
)

Contenders = dict[str, tuple[FunctionSpec, object]]


async def measure(stage: Stage, media: MediaProcess) -> Topic:
    """Start every contender once a round, in an order that moves on from round to round."""
    contenders = _contenders(stage, media)
    names = list(contenders)
    for name in names:  # once for the disk cache
        await _cold_start(*contenders[name])
    took: dict[str, list[float]] = {name: [] for name in names}
    for number in range(ROUNDS):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            took[name].append(await _cold_start(*contenders[name]))
    rows = [
        compared("against `import requests` and return", took["ours"], took["requests"], "ms", Bar(1.0)),
        compared("the same with Cloud Infinite", took["ci"], took["requests"], "ms", Bar(1.0)),
        compared("against the SDK function as shipped", took["ours"], took["sdk"], "ms", Bar(0.4)),
        compared("against the SDK function, had it byte code", took["ours"], took["sdk_compiled"], "ms"),
        compared("over TLS, against one `requests.post`", took["tls"], took["requests_tls"], "ms"),
        compared("against ours without byte code", took["ours"], took["sources"], "ms"),
        compared("against a function that imports nothing", took["ours"], took["bare"], "ms"),
    ]
    labels = {
        "ours": "one query",
        "ci": "one query, Cloud Infinite",
        "tls": "one query, over TLS",
        "requests": "import requests",
        "requests_tls": "one requests.post, over TLS",
        "sdk_compiled": "SDK function with byte code",
        "sdk": "SDK function as shipped",
    }
    medians = {label: statistics.median(took[name]) for name, label in labels.items()}
    chart = bar_chart("cold-start.svg", "Cold start to the first reply", medians, "ms", ours="one query")
    return Topic("Cold start", f"{NOTE} {ROUNDS} rounds.", rows, charts=(chart,))


def _contenders(stage: Stage, media: MediaProcess) -> Contenders:
    """The functions that are compared, and the event that each gets."""
    asked = {"vids": media.add_tasks(VIDEO_ACTION, 1)}
    over_tls = media._replace(url=media.tls)

    def one(code_dir: Path, handler: str) -> tuple[FunctionSpec, object]:
        return spec(stage, code_dir, f"{handler}.main_handler", media), asked

    return {
        "ours": one(stage.bundle, "query_video"),
        "requests": one(stage.floor, "only_requests"),
        "ci": (spec(stage, stage.bundle, "query_video.main_handler", media, BACKEND="ci"), {"vids": [TRANSCODE]}),
        "tls": (spec(stage, stage.tls, "query_video.main_handler", over_tls), asked),
        "requests_tls": (spec(stage, stage.floor_tls, "post_once.main_handler", over_tls), asked),
        "bare": one(stage.probes, "bare"),
        "sources": one(stage.sources, "query_video"),
        "sdk": one(stage.sdk, "sdk_query_video"),
        "sdk_compiled": one(stage.sdk_compiled, "sdk_query_video"),
    }


async def _cold_start(what: FunctionSpec, event: object) -> float:
    """Milliseconds of one cold start."""
    async with opened(what) as function:
        started = time.perf_counter()
        await invoke(function, event)
        return (time.perf_counter() - started) * 1000
