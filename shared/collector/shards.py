"""A watch prefix: many shards of ids, each swept by an invocation of its own.

The timer's invocation lists the shards and what their last sweeps have said. It has SCF run this function once for each
shard that is due: a timer's event whose Message names one shard, so it can't spread any further. The ids that callers
have added are one more shard, `added.json`. An index remembers what the sweeps said, so a finished shard costs nothing.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from shared.backends.base import Work
from shared.collector.invoke import invoke
from shared.collector.ledger import Counts, timestamp
from shared.collector.part import FOREVER, counts_in, next_due_in, remembered_in
from shared.collector.sweep import Summary, collect
from shared.collector.watchlist import MOST_NAMED, added_folder
from shared.cos.objects import MAX_OBJECT
from shared.cos.records import too_many_values
from shared.errors import DamagedObject, KeysRejected, Misconfigured, OutOfTime, QueryError
from shared.events.timer import Sweep
from shared.invocation import Deadline
from shared.net.json_text import to_bytes
from shared.net.parallel import each
from shared.settings import is_safe_key

#: Shards swept at one firing of the timer; the rest wait for the next.
MOST_SHARDS = 1000
#: Objects read, and invocations asked for, at once.
WORKERS = 16
#: The shard of the ids that callers have added.
ADDED = "added.json"


class Shard(NamedTuple):
    """The summary of a shard's last sweep; `told` is the ETag of the object that it was in.

    It was about the list with the ETag `listed`. `next_due` is when the shard is due although its list is the same
    (Unix seconds; 0: at each firing, FOREVER: never). `damaged` are objects that could not be read.
    """

    told: str = ""
    listed: str = ""
    counts: Mapping[str, int] = {}
    next_due: float = 0.0
    damaged: Sequence[str] = ()


def spread(work: Work, sweep: Sweep) -> Summary:
    """Have every due shard swept; return the summary over all shards as they were before.

    Where the run role does not allow to invoke, this invocation sweeps the shards itself, one after the other, for as
    long as its time lasts. Raises a QueryError when COS can't be asked, or when no due shard could be invoked or swept.
    """
    deadline = work.invocation.deadline.earlier(work.invocation.write_margin)
    index = Index(work, sweep)
    index.load(deadline)
    due, ignored = index.due(deadline)
    sweeps = [index.sweep_of(name) for name in due[:MOST_SHARDS]]
    refused = _invoke_each(work, sweeps, deadline)
    may_invoke = not any(isinstance(error, KeysRejected) for error in refused.values())
    turns = {} if may_invoke else _sweep_in_turn(work, list(refused), deadline)
    left = [one.watch.removeprefix(sweep.watch) for one in refused if one not in turns]
    later = due[MOST_SHARDS:]
    waiting = left + later if turns else later + left  # a shard that SCF refuses does not take the others' turn
    index.save(waiting[0] if waiting else "")
    invoked, swept = len(sweeps) - len(refused), list(turns.values()).count(None)
    failures = [error for error in {**refused, **turns}.values() if error]
    if failures and not (invoked or swept):
        raise failures[0]
    if failures:
        work.invocation.facts["error"] = failures[0].message
    remarks = {"damaged": index.damaged()[:MOST_NAMED], "ignored": ignored[:MOST_NAMED]}
    counts = {"shards": len(index.shards), "due": len(due), "invoked": invoked, "swept": swept}
    return {**index.summary(), **counts, **{name: names for name, names in remarks.items() if names}}


class Index:
    """The object beside the results' folder with the sums over all shards."""

    def __init__(self, work: Work, sweep: Sweep) -> None:
        self.shards: dict[str, Shard] = {}
        self._work, self._sweep = work, sweep
        self._name = f"{sweep.results.removesuffix('/')}.index.json"  # any name in the folder may be a shard's
        self._stored: Mapping[str, object] = {}
        self._turn = ""
        self._damaged: list[str] = []
        self._gone: dict[str, Shard] = {}  # kept, so that their summaries are not read again

    def load(self, deadline: Deadline) -> None:
        """Read the index, and the summaries of sweeps since it was written, for half of the time. Raises a QueryError.

        A shard whose summary is not read in time is as it was; the next firing reads it.
        """
        self._stored = self._read(deadline)
        remembered = remembered_in(self._stored)
        self._turn = str(remembered.get("turn") or "")
        shards = remembered.get("shards")
        known = {name: _shard(one) for name, one in shards.items()} if isinstance(shards, Mapping) else {}
        listed = self._work.objects.list(self._summary(""), deadline)
        self.shards = {name: shard for name, shard in known.items() if self._summary(name) in listed}
        told = {self._summary(name): shard.told for name, shard in self.shards.items()}
        changed = [name for name, etag in listed.items() if told.get(name) != etag]
        for name, content in each(changed, self._work.objects.get, WORKERS, deadline.half()):
            if content is None or isinstance(content, OutOfTime):
                continue
            if isinstance(content, QueryError) and not isinstance(content, DamagedObject):
                raise content
            is_summary = isinstance(content, dict) and isinstance(content.get("summary"), Mapping)
            shard = _shard(content) if is_summary and self._is_ours(content) else Shard(damaged=[name])
            self.shards[name.removeprefix(self._summary(""))] = shard._replace(told=listed[name])

    def _read(self, deadline: Deadline) -> Mapping[str, object]:
        """The stored index. Beside a damaged one another is kept. Raises DamagedObject when that is damaged too."""
        try:
            return self._read_named(deadline)
        except DamagedObject:
            self._damaged.append(self._name)
            self._name = f"{self._name.removesuffix('.json')}.recovered.json"
            return self._read_named(deadline)

    def _read_named(self, deadline: Deadline) -> Mapping[str, object]:
        stored = self._work.objects.get(self._name, deadline) or {}
        if not self._is_ours(stored):
            raise DamagedObject(f"the object {self._name} is about another kind of task; it is left as it is")
        return stored

    def _is_ours(self, content: object) -> bool:
        """Whether an index or a summary is about this kind of task. Summaries of earlier versions do not say."""
        action = self._work.kind.action
        return isinstance(content, Mapping) and content.get("action", action) == action

    def due(self, deadline: Deadline) -> tuple[list[str], list[str]]:
        """Return the names of the shards that are due, in the order of their turn, and of objects that can't be shards.

        A shard that is not listed any more counts until nothing of it is left to look at. Raises a QueryError.
        """
        watch, now = self._sweep.watch, self._work.invocation.now()
        listed = {name.removeprefix(watch): etag for name, etag in self._work.objects.list(watch, deadline).items()}
        with_notes = {f"{name.removesuffix('.added/')}.json" for name in listed if name.endswith(".added/")}
        if any(next(self._work.objects.pages(added_folder(watch), deadline))):
            with_notes.add(ADDED)
        unfinished = {name for name, one in self.shards.items() if one.counts and one.next_due < FOREVER}
        unlisted = with_notes | unfinished | ({ADDED} & self.shards.keys())
        lists = dict.fromkeys(unlisted, "") | {name: etag for name, etag in listed.items() if not name.endswith("/")}
        etags = {name: etag for name, etag in sorted(lists.items()) if is_safe_key(name)}
        self._gone = {name: one for name, one in self.shards.items() if name not in etags}
        self.shards = {name: self.shards.get(name, Shard()) for name in etags}
        due = [
            name
            for name, one in self.shards.items()
            if name in with_notes or one.listed != etags[name] or one.next_due <= now
        ]
        first = next((number for number, name in enumerate(due) if name >= self._turn), 0)
        ignored = sorted(name for name in listed if name and name not in etags and not name.endswith(".added/"))
        return due[first:] + due[:first], ignored

    def sweep_of(self, name: str) -> Sweep:
        """Return the sweep of a shard. It writes no summary over an object that is not ours."""
        summary = self._summary(name) if self._summary(name) not in self.shards[name].damaged else ""
        return Sweep(None, f"{self._sweep.watch}{name}", f"{self._sweep.results}{name}", summary)

    def summary(self) -> Counts:
        """Return the sum over all shards."""
        total: Counter[str] = Counter()
        for shard in self.shards.values():
            total.update(shard.counts)
        return dict(total)

    def damaged(self) -> list[str]:
        """Return the names of damaged objects: the index's own, and those that the sweeps found."""
        return [*self._damaged, *(name for shard in self.shards.values() for name in shard.damaged)]

    def save(self, turn: str) -> None:
        """Write the index if anything in it is new; `turn` is the shard that comes first next time.

        Raises Misconfigured for an index that could not be read again, and leaves the stored one.
        """
        shards = {name: one._asdict() for name, one in {**self._gone, **self.shards}.items()}
        index: dict[str, object] = {
            "action": self._work.kind.action,
            "updated_at": timestamp(self._work.invocation.now()),
            "summary": self.summary(),
            "shards": {name: dict(shard.counts) for name, shard in self.shards.items()},
            "state": {"turn": turn, "shards": shards},
        }
        if json.dumps({**self._stored, "updated_at": ""}) != json.dumps({**index, "updated_at": ""}):
            body = to_bytes(index)
            if len(body) > MAX_OBJECT or too_many_values(body.decode()):
                raise Misconfigured(f"{self._sweep.watch} has too many shards for one index: use several prefixes")
            self._work.objects.store(self._name, body)

    def _summary(self, name: str) -> str:
        """The object with the summary of a shard."""
        return f"{self._sweep.results}summary/{name}"


def _invoke_each(work: Work, sweeps: Sequence[Sweep], deadline: Deadline) -> dict[Sweep, QueryError]:
    """Invoke this function once for each sweep; return the errors of the sweeps that SCF refused, in their order."""
    outcomes = dict(each(sweeps, lambda one, until: invoke(work, _event(one), until), WORKERS, deadline))
    return {one: outcome for one in sweeps if (outcome := outcomes[one]) is not None}


def _sweep_in_turn(work: Work, sweeps: Sequence[Sweep], deadline: Deadline) -> dict[Sweep, QueryError | None]:
    """Sweep one shard after the other; return those that had their turn, each with its error if it failed."""
    turns: dict[Sweep, QueryError | None] = {}
    for one in sweeps:
        if not deadline.remaining():
            break
        try:
            collect(work, one)
            turns[one] = None
        except QueryError as error:
            turns[one] = error
    return turns


def _event(sweep: Sweep) -> dict[str, object]:
    """The sweep as a timer's event, so that SCF retries it and this function reads it like any other."""
    message = {"watch": sweep.watch, "results": sweep.results, "summary": sweep.summary}
    return {"Type": "Timer", "TriggerName": "shard", "Time": "", "Message": json.dumps(message)}


def _shard(value: object) -> Shard:
    """A shard from its summary or the index. One without usable content is due."""
    said = value if isinstance(value, Mapping) else {}
    damaged = said.get("damaged")
    return Shard(
        told=str(said.get("told") or ""),
        listed=str(said.get("listed", said.get("etag")) or ""),
        counts=counts_in(said.get("counts", said.get("summary"))),
        next_due=next_due_in(said),
        damaged=[str(name) for name in damaged] if isinstance(damaged, list) else [],
    )
