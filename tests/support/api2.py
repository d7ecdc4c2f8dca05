"""Questions to the media API in memory, and its replies."""

from __future__ import annotations

from collections.abc import Sequence

from shared.backends.api2 import MediaApi
from shared.tasks import VIDEO, Kind
from tests.support.wire import Network, Reply, said, settings, task

VIDS = ["a", "b"]
GOOD = said([task("a"), task("b")])


def ask(
    net: Network, kind: Kind = VIDEO, vids: Sequence[str] = VIDS, limit_ms: float = 60_000, **env: str
) -> dict[str, object]:
    """Ask about ids, or with none given for whatever the API says."""
    invocation = net.invocation(limit_ms)
    api = MediaApi(settings(**env), invocation)
    if not vids:
        return {"": api.without_ids(kind, invocation.deadline)}
    return dict(api.records(kind, vids, invocation.deadline))


def body(text: str | bytes, status: int = 200) -> Reply:
    return status, {}, text
