"""Asks a back end about any number of ids and puts the answers into the documents' envelope."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol

from shared.errors import QueryError, UnknownTask
from shared.invocation import Deadline
from shared.parallel import each
from shared.tasks import IdForm, Kind

Record = Mapping[str, object]
Envelope = dict[str, object]

#: The platform's own code for a batch of which only a part succeeded (public error codes, doc 213/6982).
PARTLY_DONE = 5400


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


def ask(backend: Backend, kind: Kind, vids: Sequence[str], workers: int, deadline: Deadline) -> Answers:
    """Ask about all ids, in batches and in parallel, until the deadline. A call that fails costs its own ids only."""
    size = backend.batch_size(kind)
    batches = [vids[start : start + size] for start in range(0, len(vids), size)]
    found: dict[str, Record] = {}
    failed: dict[str, QueryError] = {}
    for batch, result in each(batches, lambda batch: backend.records(kind, batch, deadline), workers, deadline):
        if isinstance(result, QueryError):
            failed.update(dict.fromkeys(batch, result))
        else:
            for vid, record in result.items():
                if isinstance(record, QueryError):
                    failed[vid] = record
                else:
                    found[vid] = record
    return Answers(
        records={vid: found[vid] for vid in vids if vid in found},
        missing=[vid for vid in vids if vid not in found and vid not in failed],
        failed={vid: failed[vid] for vid in vids if vid in failed},
    )


def success(data: object) -> Envelope:
    """The envelope of both documents' examples around some data."""
    return {"code": 0, "message": "", "codeDesc": "Success", "data": data}


def refusal(error: QueryError) -> Envelope:
    """The envelope that tells an error."""
    return {"code": error.code, "message": error.message, "codeDesc": error.description}


def envelope(answers: Answers, *, single: bool) -> Envelope:
    """Put answers into the envelope; `data` is one record when a single one was asked for, else a list.

    A record that several ids share is listed once, where the first of them was asked.
    Raises the first error when nothing was answered, UnknownTask when nothing of what was asked is known.
    """
    records, missing, failed = answers
    if failed and not (records or missing):
        raise next(iter(failed.values()))
    if not (records or failed):
        raise UnknownTask(f"unknown: {', '.join(_first(missing))}")
    listed = list({id(record): record for record in records.values()}.values())
    made = success(listed[0] if single else listed)
    if missing:
        made["missing"] = missing
    if failed:
        made.update(code=PARTLY_DONE, message=f"{len(failed)} ids have no answer", codeDesc="PartlyDone")
        made["failed"] = {vid: {"code": error.code, "message": error.message} for vid, error in failed.items()}
    return made


def _first(vids: Sequence[str], most: int = 3) -> Iterator[str]:
    yield from vids[:most]
    if len(vids) > most:
        yield f"and {len(vids) - most} more"
