"""A bucket in memory, every operation on it a point at which something else may happen, and sweeps over it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import md5
from itertools import count
from typing import Any, TypeVar

import pytest

from shared.backends.base import Work
from shared.collector.sweep import Summary, collect
from shared.cos.objects import CHUNK, MAX_OBJECT, PAGE, Chunk, CosObjects, Stored
from shared.cos.records import parse_object
from shared.errors import DamagedObject, OutOfTime, QueryError
from shared.events.timer import Sweep
from shared.invocation import Deadline, Invocation
from shared.net.json_text import JsonObject, to_bytes
from shared.tasks import VIDEO, VIDS, Kind, Record, is_final
from tests.support.wire import NOW, settings

WATCH, RESULTS = "watch/video.json", "results/video.json"
FOUND, ADDED = "results/video.found/", "watch/video.added/"
WATCHED = Sweep(None, WATCH, RESULTS)
Item = TypeVar("Item")
Result = TypeVar("Result")
#: Called for each operation with its method and the object's name.
Hook = Callable[[str, str], None]


def nothing(_method: str, _name: str) -> None:
    """A hook that does nothing."""


class Bucket:
    """What all see: objects as they lie in COS, how they lay there before, and the time.

    `lag` tells by how many seconds the next read or list is behind; COS promises no more than that it catches up.
    """

    def __init__(self, lag: Callable[[], float] = lambda: 0.0) -> None:
        self.objects: dict[str, bytes] = {}
        self.now = float(NOW)
        self.numbers = count()
        self.lag = lag
        #: Every final record that an API has answered with.
        self.answered: dict[str, Record] = {}
        self._history: dict[str, list[tuple[float, bytes | None]]] = {}

    def store(self, name: str, value: object, age: float = 0.0) -> None:
        """Put an object there, written `age` seconds ago; bytes are taken as they are."""
        self.objects[name] = value if isinstance(value, bytes) else to_bytes(value)
        self._history.setdefault(name, []).append((self.now - age, self.objects[name]))

    def remove(self, name: str) -> None:
        """Take an object away."""
        self.objects.pop(name, None)
        self._history.setdefault(name, []).append((self.now, None))

    def json(self, name: str) -> Any:
        """The value of an object."""
        return json.loads(self.objects[name])

    def final(self, name: str = RESULTS) -> dict[str, Record]:
        """The final records of a results object and its parts."""
        head = self.json(name) if name in self.objects else {"tasks": {}}
        parts = [*map(self.json, head.get("parts", [])), head]
        return {vid: record for part in parts for vid, record in part["tasks"].items() if is_final(record)}

    def under(self, folder: str) -> list[str]:
        """The names of the objects in a folder and below."""
        return sorted(name for name in self.objects if name.startswith(folder))

    def seen(self, folder: str) -> dict[str, bytes]:
        """What one read or list sees under a folder, or of one object: the bucket as it was a while ago."""
        at = self.now - self.lag()
        names = sorted(name for name in self._history if name.startswith(folder))
        versions = {name: [body for written, body in self._history[name] if written <= at] for name in names}
        return {name: bodies[-1] for name, bodies in versions.items() if bodies and bodies[-1] is not None}


class Objects(CosObjects):
    """A bucket as one invocation uses it. `before` and `after` are called for each operation."""

    def __init__(
        self, bucket: Bucket, before: Hook = nothing, after: Hook = nothing, run: Invocation | None = None
    ) -> None:
        self.prefix = "prefix/"
        self.invocation = run or Run(bucket)
        self.calls: list[tuple[str, str]] = []
        self._bucket, self._before, self._after = bucket, before, after

    @contextmanager
    def _operation(self, method: str, name: str, deadline: Deadline) -> Iterator[None]:
        if not deadline.remaining():
            raise OutOfTime("no time left to ask COS")
        self.calls.append((method, name))
        self._before(method, name)
        yield
        self._after(method, name)

    def get(self, name: str, deadline: Deadline, most: int = MAX_OBJECT) -> JsonObject | None:
        with self._operation("GET", name, deadline):
            body = self._bucket.seen(name).get(name)
        if body is None:
            return None
        if len(body) > most:
            raise DamagedObject(name)
        try:
            return parse_object(body)
        except ValueError as error:
            raise DamagedObject(name) from error

    def read(
        self, name: str, deadline: Deadline, parse: Callable[[Chunk], Item], start: int = 0, known: str = ""
    ) -> Item | None:
        with self._operation("GET", name, deadline):
            body = self._bucket.seen(name).get(name)
        if body is None:
            return None
        etag = md5(body).hexdigest()
        if start and etag != known:
            return None
        if not start and etag == known:
            return parse(Chunk(b"", 0, 0, etag, intact=True))
        return parse(Chunk(body[start : start + CHUNK], start, len(body), etag, intact=True))

    def store(self, name: str, body: bytes, content_type: str = "application/json") -> Stored:
        with self._operation("PUT", name, self.invocation.deadline):
            self._bucket.store(name, body)
        return Stored("bucket", "region", self.prefix + name, md5(body).hexdigest())

    def delete(self, name: str, deadline: Deadline) -> None:
        with self._operation("DELETE", name, deadline):
            self._bucket.remove(name)

    def pages(self, folder: str, deadline: Deadline) -> Iterator[dict[str, str]]:
        with self._operation("LIST", folder, deadline):
            found = self._bucket.seen(folder)
        entries: dict[str, str] = {}
        for name, body in found.items():
            below, slash, _ = name.removeprefix(folder).partition("/")
            entries[f"{folder}{below}{slash}"] = "" if slash else md5(body).hexdigest()
        listed = list(entries.items())
        for start in range(0, max(1, len(listed)), PAGE):
            if start:
                with self._operation("LIST", folder, deadline):
                    pass
            yield dict(listed[start : start + PAGE])


class Run(Invocation):
    """An invocation on the bucket's clock, with an id of its own."""

    def __init__(self, bucket: Bucket, limit: float = 900.0) -> None:
        context = {"request_id": f"run-{next(bucket.numbers)}", "time_limit_in_ms": limit * 1000}
        super().__init__(context, lambda: bucket.now)
        self._bucket = bucket

    def now(self) -> float:
        return self._bucket.now


class Api:
    """A back end with a record or an error for each id; a call takes `seconds`."""

    ids = VIDS

    def __init__(self, bucket: Bucket, tasks: Mapping[str, Record | QueryError], seconds: float = 0.0) -> None:
        self.asked: list[str] = []
        self._bucket, self._tasks, self._seconds = bucket, tasks, seconds

    def batch_size(self, kind: Kind) -> int:
        return 1

    def records(self, kind: Kind, vids: Sequence[str], deadline: Deadline) -> Mapping[str, Record | QueryError]:
        (vid,) = vids
        self.asked.append(vid)
        self._bucket.now += self._seconds
        task = self._tasks.get(vid)
        if isinstance(task, QueryError):
            raise task
        if task and is_final(task):
            self._bucket.answered[vid] = task
        return {vid: task} if task else {}

    def joined(self, kind: Kind, records: Mapping[str, Record]) -> dict[str, Record]:
        raise NotImplementedError

    def without_ids(self, kind: Kind, deadline: Deadline) -> object:
        raise NotImplementedError


def working(bucket: Bucket, api: Api, before: Hook = nothing, after: Hook = nothing, limit: float = 900.0) -> Work:
    """What one invocation works with."""
    work = Work(VIDEO, settings(CONCURRENCY="1"), api, Run(bucket, limit))
    work.objects = Objects(bucket, before, after, work.invocation)
    return work


def sweep(
    bucket: Bucket,
    tasks: Mapping[str, Record | QueryError],
    before: Hook = nothing,
    after: Hook = nothing,
    asked: Sweep = WATCHED,
) -> Summary:
    """One sweep over the bucket, with an API that has these tasks."""
    return collect(working(bucket, Api(bucket, tasks), before, after), asked)


def in_turn(
    items: Sequence[Item], call: Callable[[Item, Deadline], Result], workers: int, deadline: Deadline
) -> Iterator[tuple[Item, Result | QueryError]]:
    """`each` without threads, so that the operations of a sweep have one order."""
    for item in items:
        if not deadline.remaining():
            yield item, OutOfTime("there was no time to ask")
            continue
        try:
            outcome: Result | QueryError = call(item, deadline)
        except QueryError as error:
            outcome = error
        yield item, outcome


@pytest.fixture(scope="module")
def one_after_the_other() -> Iterator[None]:
    """No threads: for modules that interleave sweeps."""
    with pytest.MonkeyPatch.context() as patch:
        for module in ("backends.base", "cos.journal", "collector.shards"):
            patch.setattr(f"shared.{module}.each", in_turn)
        yield
