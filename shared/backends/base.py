"""What answers: the protocol of a back end, and asking it about any number of ids in batches."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol

from shared.errors import QueryError
from shared.invocation import Deadline
from shared.net.parallel import each
from shared.tasks import IdForm, Kind

Record = Mapping[str, object]


class Backend(Protocol):
    """What answers: the API 2.0 or one of its successors."""

    @property
    def ids(self) -> IdForm:
        """What its ids look like."""
        ...

    def batch_size(self, kind: Kind) -> int:
        """How many ids one call can ask about."""
        ...

    def records(self, kind: Kind, vids: Sequence[str], deadline: Deadline) -> Mapping[str, Record | QueryError]:
        """The records of those ids that are known, by id, or why one id of several has none. Raises a QueryError."""
        ...

    def joined(self, kind: Kind, records: dict[str, Record]) -> dict[str, Record]:
        """The records as a list shows them, still by id: several ids may share one record, the same object."""
        ...

    def without_ids(self, kind: Kind, deadline: Deadline) -> object:
        """Whatever it answers when no id is given. Raises a QueryError."""
        ...


class Answers(NamedTuple):
    """What came: records by id in the order asked, ids that are not known, and why other ids have no answer.

    Each id asked is in exactly one of the three.
    """

    records: dict[str, Record]
    missing: list[str]
    failed: dict[str, QueryError]


def ask(
    backend: Backend,
    kind: Kind,
    vids: Sequence[str],
    workers: int,
    deadline: Deadline,
    keep: Callable[[Record], Record] | None = None,
) -> Answers:
    """Ask about all ids, in batches and in parallel, until the deadline. A call that fails costs its own ids only.

    `keep` makes of each record, as it comes, what is kept of it.
    """
    size = backend.batch_size(kind)
    batches = [vids[start : start + size] for start in range(0, len(vids), size)]
    found: dict[str, Record] = {}
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
