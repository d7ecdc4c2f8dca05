"""One sweep: a watch list in, one results object out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import takewhile
from typing import NamedTuple

from shared.backends.base import Answers, Backend, Record, ask
from shared.collector.results import Results, Summary
from shared.collector.watchlist import Watched, ids_of, read_watched
from shared.cos.journal import delete_old
from shared.cos.objects import CosObjects
from shared.errors import BadInput
from shared.events import Sweep
from shared.invocation import Deadline, Invocation
from shared.replies.json_text import to_json
from shared.tasks import DELETED, FAILED, PENDING, SUCCEEDED, Kind, is_final, state

#: How many of a watch object's invalid entries a summary names, each cut to the length of an id.
MOST_NAMED, LONGEST_NAME = 20, 64


class Tools(NamedTuple):
    """What a sweep works with; `workers` is how many calls may be in flight."""

    kind: Kind
    backend: Backend
    objects: CosObjects
    workers: int
    invocation: Invocation


def collect(tools: Tools, sweep: Sweep) -> Summary:
    """Ask about every watched task that is not final, merge the answers into the results object, return the summary.

    The ids take turns: where the last sweep's time was over, this one begins. Ids without an answer, for want of time
    or because the call failed, keep their last record and count as `unanswered`. The object is written only when
    something changed, so doing the work twice is harmless. Raises a QueryError when an object can't be read or written,
    or when calls failed and none was answered: SCF runs the timer's event again then.
    """
    kind, backend, objects, workers, invocation = tools
    deadline = invocation.deadline.earlier(invocation.write_margin)
    if sweep.vids is None:
        watched = read_watched(objects, sweep.watch, backend.ids, deadline)
    else:
        watched = Watched(list(sweep.vids), [], damaged=False, etag="", notes=[])
    results = Results(kind, sweep.results, objects, invocation)
    results.load(deadline)
    unfinished = [vid for vid in _from(results.next, watched.vids) if not is_final(results.tasks.get(vid, {}))]
    answers = ask(backend, kind, unfinished, workers, deadline)
    if answers.failed and not (answers.records or answers.missing):
        # An id that is refused for what it is will be refused again: that is no reason to run the event once more.
        passing = [error for error in answers.failed.values() if not isinstance(error, BadInput)]
        if passing:
            raise passing[0]
    results.add(answers.records, invocation.deadline)
    summary = _write(watched, answers, results, _following(unfinished, answers), invocation.deadline)
    if sweep.summary:
        part = {"etag": watched.etag, "summary": summary, "notes": results.notes_left()}
        objects.put(sweep.summary, part, invocation.deadline)
    _tidy(watched, results, objects, invocation)
    return {**summary, **_remarks(sweep, watched, results, answers)}


def _from(vid: str, vids: list[str]) -> list[str]:
    """The ids in turn, beginning with one of them."""
    start = vids.index(vid) if vid in vids else 0
    return vids[start:] + vids[:start]


def _following(asked: Sequence[str], answers: Answers) -> str:
    """The id that the next sweep begins with: the first after the last answer, else the first without one.

    An id that fails time and again is not what each sweep begins with, so it does not keep the others from their turn.
    """
    rest = list(takewhile(answers.failed.__contains__, reversed(asked)))
    return rest[-1] if rest else next(iter(answers.failed), "")


def _write(watched: Watched, answers: Answers, results: Results, following: str, deadline: Deadline) -> Summary:
    """Write the results object, if more is known or what is watched has changed; return the summary."""

    def summarize(tasks: Mapping[str, Record]) -> Summary:
        return _summary(watched.vids, tasks, answers)

    summary = summarize(results.tasks)
    if results.has_news() or (watched.vids and results.changed(summary, following)):
        return results.save(summarize, following, deadline)
    return summary


def _tidy(watched: Watched, results: Results, objects: CosObjects, invocation: Invocation) -> None:
    """Delete the notes that have done their work."""
    results.tidy(invocation.deadline)
    told = [(note, ids_of(note.content)) for note in watched.notes]
    done = [note for note, vids in told if vids and all(isinstance(vid, str) and results.had(vid) for vid in vids)]
    delete_old(objects, done, invocation, invocation.deadline)


def _summary(vids: Sequence[str], tasks: Mapping[str, Record], answers: Answers) -> Summary:
    """Count what became of the watched tasks. What is neither final nor missing is pending."""
    states = Counter(state(tasks[vid]) for vid in vids if vid in tasks)
    missing = sum(vid not in tasks for vid in answers.missing)
    final = states[SUCCEEDED] + states[FAILED] + states[DELETED]
    return {
        "watched": len(vids),
        SUCCEEDED: states[SUCCEEDED],
        FAILED: states[FAILED],
        PENDING: len(vids) - final - missing,
        DELETED: states[DELETED],
        "missing": missing,
    }


def _remarks(sweep: Sweep, watched: Watched, results: Results, answers: Answers) -> Summary:
    """What the caller should know beside the counts; nothing when all is well."""
    damaged = [*([sweep.watch] if watched.damaged else []), *([results.damaged] if results.damaged else [])]
    invalid = [to_json(entry)[:LONGEST_NAME] for entry in watched.invalid[:MOST_NAMED]]
    remarks = {"unanswered": len(answers.failed), "invalid": invalid, "damaged": damaged}
    return {name: value for name, value in remarks.items() if value}
