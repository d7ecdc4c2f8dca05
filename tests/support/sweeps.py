"""Sweeps through the real back end and COS client, and what they are expected to write."""

from __future__ import annotations

from collections.abc import Mapping

from shared.backends.api2 import MediaApi
from shared.backends.base import Work
from shared.collector.sweep import Summary, collect
from shared.events.timer import Sweep
from shared.net.json_text import JsonObject
from shared.tasks import VIDEO, Kind
from tests.support.wire import Network, Turn, settings

WATCH, RESULTS = "media-query/watch/video.json", "media-query/results/video.json"
RECOVERED, FOUND = "media-query/results/video.recovered.json", "media-query/results/video.found/"
DEAD: Turn = (500, {}, b"")


def sweep(
    net: Network, *vids: str, kind: Kind = VIDEO, limit_ms: float = 60_000, workers: int = 4, **env: str
) -> Summary:
    """Collect the given ids, or with none given those of the watch object."""
    invocation, found = net.invocation(limit_ms), settings(CONCURRENCY=str(workers), **env)
    asked = Sweep(vids or None, f"watch/{kind.name}.json", f"results/{kind.name}.json")
    return collect(Work(kind, found, MediaApi(found, invocation), invocation), asked)


def summary(**counts: int) -> dict[str, int]:
    return {"watched": 0, "succeeded": 0, "failed": 0, "pending": 0, "deleted": 0, "missing": 0, **counts}


def results(counts: Mapping[str, int], *records: JsonObject, action: str = "GetVpResult") -> dict[str, object]:
    return {
        "action": action,
        "updated_at": "2026-01-01T00:00:00Z",
        "summary": counts,
        "tasks": {str(record["vid"]): record for record in records},
    }
