"""Objects of the results and notes of their journal, as they lie in a bucket."""

from __future__ import annotations

from shared.collector.part import Book, Part
from shared.collector.sweep import DAY
from shared.tasks import VIDEO, Kind, Record
from tests.support.bucket import RESULTS, Bucket, Hook, Objects, Run, nothing


def stored(*records: Record, action: str = "GetVpResult", **more: object) -> dict[str, object]:
    """A results object as earlier versions wrote it: without a state."""
    tasks = {str(record["vid"]): record for record in records}
    return {"action": action, "updated_at": "", "summary": {"watched": 1}, "tasks": tasks, **more}


def noted(*records: Record, action: str = "GetVpResult") -> dict[str, object]:
    """A note of records."""
    return {"action": action, "tasks": {str(record["vid"]): record for record in records}}


def book(bucket: Bucket, before: Hook = nothing, kind: Kind = VIDEO, run: Run | None = None) -> Book:
    """Where a sweep over the bucket keeps its objects."""
    return Book(kind, Objects(bucket, before), run or Run(bucket), 3 * DAY)


def load_part(bucket: Bucket, before: Hook = nothing, name: str = RESULTS) -> Part:
    """One object of the results, with what its journal says."""
    part = Part(book(bucket, before), name)
    part.read_object(Run(bucket).deadline)
    part.read_journal(Run(bucket).deadline)
    return part
