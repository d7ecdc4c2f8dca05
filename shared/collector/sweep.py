"""One sweep: read a watch list, ask about its pending tasks, write the results."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile

from shared.backends.base import Answers, Work, ask
from shared.collector.ledger import Counts, count
from shared.collector.part import Part
from shared.collector.results import Results
from shared.collector.watchlist import MOST_NAMED, read_added, read_watched
from shared.cos.records import text_record
from shared.errors import BadInput, QueryError
from shared.events.timer import Sweep
from shared.invocation import Deadline

Summary = dict[str, object]


def collect(work: Work, sweep: Sweep) -> Summary:
    """Ask about every watched task that is not final, keep the answers, return the summary.

    The ids take turns: a sweep resumes where the previous one stopped. Ids without an answer, because time ran out or
    the call failed, keep their last record and count as `unanswered`. Objects are written only when something has
    changed, so doing the work twice is harmless. Raises a QueryError when an object can't be read or written, or when
    calls failed and none was answered: SCF runs the timer's event again then.
    """
    deadline = work.invocation.deadline.earlier(work.invocation.write_margin)
    results, asking = Results(work, sweep.results), _Asking()
    results.load(deadline.half())
    if sweep.vids is None:
        _take_in(work, sweep, results, deadline)
        _ask_due(work, results, asking, deadline)
        summary: Summary = {**results.counts()}
    else:
        summary = {**_ask_given(work, sweep.vids, results.head, asking, deadline)}
    results.save(summary)
    if error := asking.hopeless():
        raise error
    remarks = _remarks(sweep, results, asking)
    if sweep.summary:
        said = {"action": work.kind.action, "etag": results.progress.etag, "summary": summary}
        work.objects.put(sweep.summary, {**said, "next_due": results.next_due(), **remarks})
    return {**summary, **remarks}


def _take_in(work: Work, sweep: Sweep, results: Results, deadline: Deadline) -> None:
    """Watch the ids of the watch object and those that callers have added."""
    objects, ids = work.objects, work.backend.ids
    results.follow(read_watched(objects, sweep.watch, ids, results.progress, deadline), deadline)
    results.add(read_added(objects, sweep.watch, ids, results.head.held, deadline.half()), deadline)


def _ask_due(work: Work, results: Results, asking: _Asking, deadline: Deadline) -> None:
    """Ask about the pending ids of each part, and write the part before reading the next."""
    for part in results.due(deadline):
        pending = [vid for vid in part.pending if work.backend.ids.matches(vid)]  # people may edit objects
        answers = _ask(work, part, pending, deadline)
        # The last ids without an answer come first next time. An id that always fails does not take the others' turn.
        part.reorder(reversed(list(takewhile(answers.failed.__contains__, reversed(pending)))))
        asking.add(answers)
        part.tidy(deadline)
        results.gather(part)
        results.save_part(part)
        if asking.hopeless():
            return


def _ask_given(work: Work, vids: Sequence[str], head: Part, asking: _Asking, deadline: Deadline) -> Counts:
    """Ask about the ids that the timer's event gives; return the counts of these ids."""
    asking.add(_ask(work, head, [vid for vid in vids if not head.is_final(vid)], deadline))
    head.tidy(deadline)
    return count(map(head.outcome, vids))


def _ask(work: Work, part: Part, vids: Sequence[str], deadline: Deadline) -> Answers:
    """Ask about ids and keep the answers in a part."""
    answers = ask(work.backend, work.kind, vids, work.settings.concurrency, deadline, text_record)
    part.record(answers.records)
    part.note_missing(answers.missing)
    return answers


class _Asking:
    """The answers and failures of one sweep so far."""

    def __init__(self) -> None:
        self.answered = 0
        self.failed: dict[str, QueryError] = {}

    def add(self, answers: Answers) -> None:
        """Count the answers to some ids."""
        self.answered += len(answers.records) + len(answers.missing)
        self.failed |= answers.failed

    def hopeless(self) -> QueryError | None:
        """Return why no id has an answer; None when any has, or when the ids themselves were refused."""
        passing = (error for error in self.failed.values() if not isinstance(error, BadInput))
        return None if self.answered else next(passing, None)


def _remarks(sweep: Sweep, results: Results, asking: _Asking) -> Summary:
    """What the summary says beside the counts; nothing when all is well."""
    watched = results.progress
    damaged = [*([sweep.watch] if watched.damaged else []), *results.damaged, *results.head.damaged_notes()]
    remarks = {"unanswered": len(asking.failed), "invalid": list(watched.invalid), "damaged": damaged[:MOST_NAMED]}
    return {name: value for name, value in remarks.items() if value}
