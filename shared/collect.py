"""A timer's work: a watch list in, one results object out."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from shared.answer import Answers, Backend, Record, ask
from shared.cos import CosObjects, to_json
from shared.errors import DamagedObject
from shared.invocation import Invocation
from shared.tasks import DELETED, FAILED, PENDING, SUCCEEDED, Kind, is_final, state
from shared.triggers import Sweep, split_ids

Summary = dict[str, object]
Tasks = Mapping[str, Record]

#: How many of a watch object's invalid entries a summary names, each cut to the length of an id.
MOST_NAMED, LONGEST_NAME = 20, 64


class Watched(NamedTuple):
    """A watch list: the ids to ask about, and what in it is no id."""

    vids: Sequence[str]
    invalid: Sequence[object]


def collect(
    kind: Kind, sweep: Sweep, backend: Backend, objects: CosObjects, workers: int, invocation: Invocation
) -> Summary:
    """Ask about every watched task that is not final, merge the answers into the results object, return the summary.

    The object is replaced by one PUT, only when something changed, so doing the work twice is harmless. Ids whose call
    failed keep their last record and are counted as `unanswered`. Raises a QueryError when an object can't be read or
    written, or when calls failed and none was answered: SCF runs the timer's event again then.
    """
    deadline = invocation.deadline.earlier(invocation.write_margin)
    watched = _watched(sweep, objects.get(sweep.watch, deadline) if sweep.vids is None else list(sweep.vids))
    old = _results(kind, sweep, objects.get(sweep.results, deadline))
    known: Tasks = old["tasks"]  # type: ignore[assignment]  # checked by _results
    unfinished = [vid for vid in watched.vids if not is_final(known.get(vid, {}))]
    answers = ask(backend, kind, unfinished, workers, deadline)
    if answers.failed and not (answers.records or answers.missing):
        raise next(iter(answers.failed.values()))
    tasks = {**known, **answers.records}
    summary = _summary(watched.vids, tasks, answers)
    if watched.vids and (tasks, summary) != (known, old.get("summary")):
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        results = {"action": kind.action, "updated_at": now, "summary": summary, "tasks": tasks}
        objects.put(sweep.results, results, invocation.deadline)
    return {**summary, **_remarks(watched, answers)}


def _watched(sweep: Sweep, listed: object) -> Watched:
    """The ids of a watch object, a JSON list or `{"vids": […]}`; an absent one has none."""
    if isinstance(listed, Mapping):
        listed = listed.get("vids")
    elif listed is None:
        listed = []
    if not isinstance(listed, list):
        raise DamagedObject(f"the watch object {sweep.watch} is no list of ids; it is left as it is")
    return Watched(*split_ids(listed))


def _results(kind: Kind, sweep: Sweep, stored: object) -> Mapping[str, object]:
    """The results object as it is, or a new one. Raises DamagedObject for anything that this function did not write."""
    if stored is None:
        return {"tasks": {}}
    if isinstance(stored, Mapping) and stored.get("action") == kind.action:
        tasks = stored.get("tasks")
        if isinstance(tasks, Mapping) and all(isinstance(record, Mapping) for record in tasks.values()):
            return stored
    raise DamagedObject(f"the object {sweep.results} holds no {kind.action} results; it is left as it is")


def _summary(vids: Sequence[str], tasks: Tasks, answers: Answers) -> Summary:
    """Count what became of the watched tasks. What is neither final nor missing is pending."""
    states = Counter(state(tasks[vid]) for vid in vids if vid in tasks)
    missing = sum(vid not in tasks for vid in answers.missing)
    final = {SUCCEEDED: states[SUCCEEDED], FAILED: states[FAILED], DELETED: states[DELETED]}
    pending = len(vids) - sum(final.values()) - missing
    return {
        "watched": len(vids),
        SUCCEEDED: final[SUCCEEDED],
        FAILED: final[FAILED],
        PENDING: pending,
        DELETED: final[DELETED],
        "missing": missing,
    }


def _remarks(watched: Watched, answers: Answers) -> Summary:
    """What the caller should know beside the counts; nothing when all is well."""
    remarks: Summary = {}
    if answers.failed:
        remarks["unanswered"] = len(answers.failed)
    if watched.invalid:
        remarks["invalid"] = [to_json(entry)[:LONGEST_NAME] for entry in watched.invalid[:MOST_NAMED]]
    return remarks
