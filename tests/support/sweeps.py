"""A sweep over a bucket on the wire, and what its objects look like."""

from __future__ import annotations

from collections.abc import Mapping

from shared.backends.api2 import MediaApi
from shared.collector.sweep import DAY, Summary, Tools, collect
from shared.cos.objects import CosObjects
from shared.events import Sweep
from shared.tasks import VIDEO, Kind
from tests.support.wire import Cloud, Record, Turn, settings

WATCH, RESULTS = "media-query/watch/video.json", "media-query/results/video.json"
RECOVERED, FOUND = "media-query/results/video.recovered.json", "media-query/results/video.found/"
DEAD: Turn = (500, {}, b"")


def sweep(
    net: Cloud, *vids: str, kind: Kind = VIDEO, limit_ms: float = 60_000, workers: int = 4, **env: str
) -> Summary:
    """Collect the given ids, or with none given those of the watch object."""
    invocation, found = net.invocation(limit_ms), settings(**env)
    asked = Sweep(vids or None, f"watch/{kind.name}.json", f"results/{kind.name}.json")
    backend, objects = MediaApi(found, invocation), CosObjects(found, invocation)
    return collect(Tools(kind, backend, objects, workers, invocation, found.missing_days * DAY), asked)


def summary(**counts: int) -> dict[str, int]:
    return {"watched": 0, "succeeded": 0, "failed": 0, "pending": 0, "deleted": 0, "missing": 0, **counts}


def results(counts: Mapping[str, int], *records: Record, action: str = "GetVpResult") -> dict[str, object]:
    return {
        "action": action,
        "updated_at": "2026-01-01T00:00:00Z",
        "summary": counts,
        "tasks": {str(record["vid"]): record for record in records},
    }
