"""A plan as data: the steps, each with its requests."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

#: What a step does. Publishing and routing a version belong to a function's change and are not counted.
CREATE, CHANGE, REMOVE, KEEP = "create", "change", "remove", "keep"
PUBLISH, ROUTE, SKIP = "publish", "route", "leave out"
#: As a FunctionVersion: the version that an earlier request of the plan has published for this function.
PUBLISHED = "the published version"
#: Names of fields, such as environment variables, whose values are not shown.
_SECRET = re.compile(r"TOKEN|SECRET|KEY|PASS|PARAMS|CREDENTIAL", re.IGNORECASE)


class Request(NamedTuple):
    """One request; `wait` is the state to wait for afterwards: "active", "gone" or ""."""

    service: str
    action: str
    params: Mapping[str, Any]
    wait: str = ""


class Difference(NamedTuple):
    """A field that differs, with printable texts."""

    field: str
    old: str
    new: str


class Step(NamedTuple):
    """A step for one resource. `requests` is empty if nothing has to be done."""

    verb: str
    kind: str
    name: str
    requests: tuple[Request, ...] = ()
    differences: tuple[Difference, ...] = ()
    note: str = ""


class Plan(NamedTuple):
    """All steps in their order."""

    steps: tuple[Step, ...]

    def count(self, verb: str) -> int:
        """Return the number of resources created, changed or removed."""
        return sum(step.verb == verb for step in self.steps)

    @property
    def summary(self) -> str:
        """The last line of a plan."""
        counts = (self.count(CREATE), self.count(CHANGE), self.count(REMOVE))
        return "plan: {} to create, {} to change, {} to remove".format(*counts)

    @property
    def size(self) -> int:
        """The number of requests."""
        return sum(len(step.requests) for step in self.steps)

    @property
    def is_empty(self) -> bool:
        """Whether nothing has to be done."""
        return not self.size


def differences(old: Mapping[str, object], new: Mapping[str, object]) -> Iterator[Difference]:
    """Yield the fields in which two resources differ; the values of secret ones are not shown."""
    for field in sorted({*old, *new}):
        if old.get(field) != new.get(field):
            yield Difference(field, _shown(field, old), _shown(field, new))


def _shown(field: str, fields: Mapping[str, object]) -> str:
    if field not in fields:
        return "not set"
    return "(not shown)" if _SECRET.search(field) else str(fields[field])
