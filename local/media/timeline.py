"""Records that change with time, for the local media API and Cloud Infinite."""

from __future__ import annotations

import copy
from collections.abc import Collection, Mapping
from difflib import get_close_matches
from typing import Any, NamedTuple

Record = dict[str, Any]


class Step(NamedTuple):
    """The fields that change in a record `after` some seconds."""

    after: float
    fields: Record


class Timeline(NamedTuple):
    """A record at its `start` (Unix seconds), and the steps that change it."""

    record: Record
    steps: list[Step]
    start: float

    def at(self, now: float) -> Record:
        """Return a fresh copy of the record at a time, with the steps before it merged in."""
        record = copy.deepcopy(self.record)
        for step in self.steps:
            if now - self.start >= step.after:
                _merge(record, copy.deepcopy(step.fields))
        return record

    def spec(self, now: float) -> Record:
        """Return the current record, with the steps still to come; `after` counts from now."""
        coming = [step for step in self.steps if now - self.start < step.after]
        steps = [{"after": round(step.after - now + self.start, 1), **step.fields} for step in coming]
        return {**self.at(now), **({"timeline": steps} if steps else {})}


def read_timeline(where: str, spec: object, id_field: str, known: Collection[str], now: float) -> Timeline:
    """Return what `{<id_field>: …, …fields, "timeline": [{"after": seconds, …fields}]}` describes; it starts now.

    Raises ValueError, with `where` in its message, also for a field whose name is close to a `known` one.
    """
    if not isinstance(spec, Mapping):
        raise ValueError(f"{where}: an object is needed")
    record = copy.deepcopy(dict(spec))
    steps = record.pop("timeline", [])
    if not isinstance(record.get(id_field), str) or not record[id_field]:
        raise ValueError(f"{where}.{id_field}: a text is needed")
    if not isinstance(steps, list):
        raise ValueError(f"{where}.timeline: a list is needed")
    _check_names(where, record, known)
    read = [_step(f"{where}.timeline[{index}]", step, id_field, known) for index, step in enumerate(steps)]
    return Timeline(record, sorted(read, key=lambda step: step.after), now)


def _step(where: str, spec: object, id_field: str, known: Collection[str]) -> Step:
    fields = copy.deepcopy(dict(spec)) if isinstance(spec, Mapping) else {}
    after = fields.pop("after", None)
    if isinstance(after, bool) or not isinstance(after, (int, float)) or not after >= 0:
        raise ValueError(f"{where}.after: a number of seconds, 0 or more, is needed")
    if id_field in fields:
        raise ValueError(f"{where}.{id_field}: a task keeps its id")
    _check_names(where, fields, known)
    return Step(after, fields)


def _check_names(where: str, fields: Mapping[str, object], known: Collection[str]) -> None:
    for name in fields:
        near = [] if name in known else get_close_matches(str(name), known, 1, cutoff=0.8)
        if near:
            raise ValueError(f"{where}.{name}: is {near[0]} meant?")


def _merge(record: Record, fields: Record) -> None:
    for name, value in fields.items():
        if isinstance(value, dict) and isinstance(record.get(name), dict):
            _merge(record[name], value)
        else:
            record[name] = value
