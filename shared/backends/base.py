"""The protocol of a back end, the choice of one, and a query in batches."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple, Protocol

from shared.errors import QueryError
from shared.invocation import Deadline, Invocation
from shared.net.parallel import each
from shared.settings import CI, Settings, read_settings
from shared.tasks import IdForm, Kind, Record

if TYPE_CHECKING:
    from shared.cos.objects import CosObjects

#: Seconds.
DAY = 86_400.0

#: Records by id; and the same with the error of each id that has no answer.
Records = dict[str, Record]
Answered = dict[str, Record | QueryError]


class Backend(Protocol):
    """A service that has records of tasks: API 2.0, or one of its successors."""

    @property
    def ids(self) -> IdForm:
        """The form of its ids."""
        ...

    def batch_size(self, kind: Kind) -> int:
        """Return how many ids one call can ask about."""
        ...

    def records(self, kind: Kind, vids: Sequence[str], deadline: Deadline) -> Mapping[str, Record | QueryError]:
        """Return the records of known ids, and the errors of single ids. Raises a QueryError for all of them."""
        ...

    def joined(self, kind: Kind, records: Records) -> Records:
        """Return the records as a list shows them, still by id: several ids may share one record, the same object."""
        ...

    def without_ids(self, kind: Kind, deadline: Deadline) -> object:
        """Return the answer to a query without an id, which may be any JSON value. Raises a QueryError."""
        ...


class Work:
    """What one invocation works with: the kind of task, the settings, the back end, and the objects in COS."""

    def __init__(self, kind: Kind, settings: Settings, backend: Backend, invocation: Invocation) -> None:
        self.kind = kind
        self.settings = settings
        self.backend = backend
        self.invocation = invocation

    @cached_property
    def objects(self) -> CosObjects:
        """The objects in COS. Raises Misconfigured when no bucket is set."""
        from shared.cos.objects import CosObjects  # late: most queries use no COS

        return CosObjects(self.settings, self.invocation)

    @property
    def patience(self) -> float:
        """MISSING_DAYS in seconds: how long an unknown id is asked about before it is final as missing."""
        return self.settings.missing_days * DAY


class Answers(NamedTuple):
    """The answers to a query: records by id in the order asked, unknown ids, and the errors of ids without an answer.

    Each id asked is in exactly one of the three.
    """

    records: Records
    missing: list[str]
    failed: dict[str, QueryError]


def open_work(kind: Kind, invocation: Invocation) -> Work:
    """Read the settings of the environment and choose the back end. Raises Misconfigured."""
    settings = read_settings(os.environ)
    if settings.backend == CI:
        from shared.backends.ci.client import CloudInfinite  # late: only one of the two back ends is needed

        return Work(kind, settings, CloudInfinite(settings, invocation), invocation)
    from shared.backends.api2 import MediaApi

    return Work(kind, settings, MediaApi(settings, invocation), invocation)


def ask(
    backend: Backend,
    kind: Kind,
    vids: Sequence[str],
    workers: int,
    deadline: Deadline,
    keep: Callable[[Record], Record] | None = None,
) -> Answers:
    """Ask about all ids, in batches and in parallel, until the deadline. A call that fails costs its own ids only.

    `keep` turns each record, as it comes, into what is kept of it.
    """
    size = backend.batch_size(kind)
    batches = [vids[start : start + size] for start in range(0, len(vids), size)]
    found: Records = {}
    failed: dict[str, QueryError] = {}
    for batch, result in each(batches, lambda batch, until: backend.records(kind, batch, until), workers, deadline):
        if isinstance(result, QueryError):
            failed.update(dict.fromkeys(batch, result))
        else:
            for vid, record in result.items():
                if isinstance(record, QueryError):
                    failed[vid] = record
                else:
                    found[vid] = keep(record) if keep else record
    return Answers(
        records={vid: found[vid] for vid in vids if vid in found},
        missing=[vid for vid in vids if vid not in found and vid not in failed],
        failed={vid: failed[vid] for vid in vids if vid in failed},
    )
