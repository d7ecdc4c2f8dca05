"""A watch prefix in a bucket, and the SCF that runs the sweeps of its shards."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from shared.backends.base import Work
from shared.collector.shards import spread
from shared.collector.sweep import Summary, collect
from shared.errors import KeysRejected, QueryError, UpstreamFailed
from shared.events.timer import Sweep, read_sweep
from shared.invocation import Deadline, Event
from shared.tasks import VIDEO, Record
from tests.support.bucket import Api, Bucket, Hook, nothing, working

PREFIX, INDEX = Sweep(None, "watch/video/", "results/video/"), "results/video.index.json"
NO = KeysRejected("SCF refuses to invoke")
DEAD = UpstreamFailed("SCF failed")


class Scf:
    """Takes events, but fails for some shards; `run` sweeps what they name."""

    def __init__(self, failing: Mapping[str, QueryError] | QueryError | None = None) -> None:
        self.events: list[Any] = []
        self.shards: list[str] = []
        self._failing = failing or {}

    def invoke(self, _: Work, event: Event, deadline: Deadline) -> None:
        """Take an event, as `shared.collector.invoke` would send it."""
        shard = json.loads(str(event["Message"]))["watch"].rpartition("/")[2]
        error = self._failing if isinstance(self._failing, QueryError) else self._failing.get(shard)
        if error:
            raise error
        self.events.append(event)
        self.shards.append(shard)

    def run(self, bucket: Bucket, tasks: Mapping[str, Record]) -> list[str]:
        """What the invocations do, once each or more often; return the ids that they ask about."""
        api = Api(bucket, tasks)
        for event in self.events:
            collect(working(bucket, api), read_sweep(event, VIDEO))
        return api.asked


def sharded(shards: Mapping[str, object]) -> Bucket:
    """A bucket with these shards."""
    bucket = Bucket()
    for name, value in shards.items():
        bucket.store(f"watch/video/{name}", value)
    return bucket


def fire(
    bucket: Bucket,
    scf: Scf | None = None,
    tasks: Mapping[str, Record | QueryError] | None = None,
    before: Hook = nothing,
    seconds: float = 0.0,
    limit: float = 60.0,
) -> tuple[Summary, Scf]:
    """One firing of the timer: its summary, and the SCF that it asked."""
    scf = scf or Scf()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("shared.collector.shards.invoke", scf.invoke)
        return spread(working(bucket, Api(bucket, tasks or {}, seconds), before, limit=limit), PREFIX), scf


def counts(watched: int = 0, succeeded: int = 0, pending: int = 0, missing: int = 0) -> dict[str, int]:
    """What a summary counts."""
    counts = {"watched": watched, "succeeded": succeeded, "failed": 0, "pending": pending, "deleted": 0}
    return {**counts, "missing": missing}


def spreading(shards: int = 0, due: int = 0, invoked: int = 0, swept: int = 0) -> dict[str, int]:
    """What a firing returns beside the summary of its shards."""
    return {"shards": shards, "due": due, "invoked": invoked, "swept": swept}
