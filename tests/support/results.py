"""Objects of the results and notes of their journal, as they lie in a bucket."""

from __future__ import annotations

from shared.backends.base import Work
from shared.collector.part import Part
from shared.tasks import VIDEO, Kind, Record
from tests.support.bucket import RESULTS, Api, Bucket, Hook, Objects, Run, nothing
from tests.support.wire import settings


def stored(*records: Record, action: str = "GetVpResult", **more: object) -> dict[str, object]:
    """A results object as earlier versions wrote it: without a state."""
    tasks = {str(record["vid"]): record for record in records}
    return {"action": action, "updated_at": "", "summary": {"watched": 1}, "tasks": tasks, **more}


def noted(*records: Record, action: str = "GetVpResult") -> dict[str, object]:
    """A note of records."""
    return {"action": action, "tasks": {str(record["vid"]): record for record in records}}


def storing(bucket: Bucket, before: Hook = nothing, kind: Kind = VIDEO, run: Run | None = None) -> Work:
    """Where a sweep over the bucket keeps its objects."""
    work = Work(kind, settings(), Api(bucket, {}), run or Run(bucket))
    work.objects = Objects(bucket, before, run=work.invocation)
    return work


def load_part(bucket: Bucket, before: Hook = nothing, name: str = RESULTS) -> Part:
    """One object of the results, with what its journal says."""
    part = Part(storing(bucket, before), name)
    part.read(Run(bucket).deadline)
    return part
