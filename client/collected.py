"""Reads a timer's results from COS: the results object and its parts."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from client.errors import ClientError
from client.outcomes import Outcome, answered, missing, unanswered
from shared.collector.part import MAX_PART
from shared.cos.objects import CosObjects
from shared.invocation import LONGEST_LIMIT, Deadline, Invocation
from shared.settings import Settings, is_safe_key
from shared.tasks import VIDS, Kind

#: The most seconds for one object, retries included.
TIME_LIMIT = 120.0


class Collected:
    """The outcomes of a results object: a source like the others, asked all at once."""

    ids = VIDS
    size = 1_000_000
    workers = 1

    def __init__(self, kind: Kind, key: str, settings: Settings) -> None:
        """Read the object. Raises ClientError if it does not exist or holds something else, or a QueryError."""
        self._key = key
        self._outcomes = _read(kind, key, CosObjects(settings, Invocation({"time_limit_in_ms": LONGEST_LIMIT * 1000})))

    @property
    def vids(self) -> list[str]:
        """The ids in the object, in its order."""
        return list(self._outcomes)

    def outcomes(self, vids: Sequence[str], _: Deadline) -> list[Outcome]:
        """Return an outcome for each id; unanswered for one that is not in the object."""
        return [self._outcomes.get(vid) or unanswered(vid, "", f"not in {self._key}") for vid in vids]


def _read(kind: Kind, key: str, objects: CosObjects) -> dict[str, Outcome]:
    head = _get(kind, key, objects)
    tasks, unknown = _tasks(key, head), _missing(head)
    for name in _names(key, head):
        part = _get(kind, name, objects)
        tasks |= _tasks(name, part)
        unknown += _missing(part)
    outcomes = {vid: answered(kind, vid, record) for vid, record in tasks.items()}
    return outcomes | {vid: missing(vid) for vid in unknown if vid not in outcomes}


def _get(kind: Kind, key: str, objects: CosObjects) -> Mapping[str, object]:
    if not is_safe_key(key):
        raise ClientError("--results: must be a path of letters, digits, '_', '-', '.' and '/', without '..'")
    name = key.removeprefix(objects.prefix)
    found = objects.get(name, Deadline(time.monotonic() + TIME_LIMIT), MAX_PART)
    if found is None:
        raise ClientError(f"--results: there is no object {objects.prefix}{name}")
    if found.get("action") != kind.action:
        raise ClientError(f"--results: {objects.prefix}{name} holds no results of {kind.name} tasks ({kind.action})")
    return found


def _tasks(key: str, found: Mapping[str, object]) -> dict[str, Mapping[str, object]]:
    tasks = found.get("tasks")
    if not isinstance(tasks, Mapping) or not all(isinstance(record, Mapping) for record in tasks.values()):
        raise ClientError(f"--results: {key} has damaged tasks")
    return {vid: dict(record) for vid, record in tasks.items()}


def _missing(found: Mapping[str, object]) -> list[str]:
    unknown = found.get("missing")
    return list(unknown) if isinstance(unknown, Mapping) else []


def _names(key: str, found: Mapping[str, object]) -> list[str]:
    parts = found.get("parts", [])
    if not isinstance(parts, list) or not all(isinstance(part, str) for part in parts):
        raise ClientError(f"--results: {key} has a damaged list of parts")
    return parts
