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
from shared.collector.invoke import ScfApi
from shared.collector.ledger import Counts, timestamp
from shared.collector.part import FOREVER, counts_in, next_due_in, remembered_in
from shared.collector.sweep import Summary, collect
from shared.collector.watchlist import added_folder
from shared.errors import DamagedObject, KeysRejected, QueryError
from shared.events.timer import Sweep
from shared.invocation import Deadline
from shared.net.parallel import each
from shared.settings import is_safe_key

#: Shards swept at one firing of the timer; the rest wait for the next.
MOST_SHARDS = 1000
#: Objects read, and invocations asked for, at once.
WORKERS = 16
#: The shard of the ids that callers have added.
ADDED = "added.json"
#: Names in a summary, at most.
MOST_NAMED = 20


class Shard(NamedTuple):
    """The summary of a shard's last sweep; `told` is the ETag of the object that it was in.

    It was about the list with the ETag `listed`; `next_due` is when the shard is due although its list is the
    same (Unix seconds; 0: at each firing, FOREVER: never).
    """

    told: str = ""
    listed: str = ""
    counts: Mapping[str, int] = {}
    next_due: float = 0.0
    damaged: Sequence[str] = ()


def spread(work: Work, sweep: Sweep, scf: ScfApi) -> Summary:
    """Have every due shard swept; return the summary over all shards as they were before.

    Where the run role does not allow to invoke, this invocation sweeps the shards itself, one after the other, for as
    long as its time lasts. Raises a QueryError when COS can't be asked, or when shards are due and none was swept or
    invoked.
    """
    deadline = work.invocation.deadline.earlier(work.invocation.write_margin)
    index = Index(work, sweep)
    index.load(deadline)
    due, ignored = index.due(deadline)
    sweeps = [_sweep_of(sweep, name) for name in due[:MOST_SHARDS]]
    refused = _invoke(scf, sweeps, deadline)
    invoked = len(sweeps) - len(refused)
    swept, failures = 0, list(refused.values())
    if any(isinstance(error, KeysRejected) for error in failures):
        swept, failures = _sweep_in_turn(work, list(refused), deadline)
    left, later = [one.watch.removeprefix(sweep.watch) for one in list(refused)[swept:]], due[MOST_SHARDS:]
    waiting = left + later if swept else later + left  # a shard that SCF refuses does not take the others' turn
    index.save(waiting[0] if waiting else "", work.invocation.deadline)
    if failures and not (invoked or swept):
        raise failures[0]
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
        """Read the index, and the summaries of sweeps since it was written. Raises a QueryError."""
        self._stored = self._read(deadline)
        kept = remembered_in(self._stored)
        self._turn = str(kept.get("turn") or "")
        known = kept.get("shards")
        if isinstance(known, Mapping):
            self.shards = {name: _shard(one) for name, one in known.items() if isinstance(one, Mapping)}
        folder = f"{self._sweep.results}summary/"
        listed = {item.name.removeprefix(folder): item for item in self._work.objects.list(folder, deadline)}
        changed = [name for name, item in listed.items() if self.shards.get(name, Shard()).told != item.etag]

        def read(name: str, until: Deadline) -> Shard:
            return _shard(_content(self._work, listed[name].name, until))._replace(told=listed[name].etag)

        for name, shard in each(changed, read, WORKERS, deadline):
            if isinstance(shard, QueryError):
                raise shard
            self.shards[name] = shard

    def _read(self, deadline: Deadline) -> Mapping[str, object]:
        """The stored index. A damaged one is named and left as it is; another is kept beside it."""
        try:
            return self._work.objects.get(self._name, deadline) or {}
        except DamagedObject:
            self._damaged.append(self._name)
            self._name = f"{self._name.removesuffix('.json')}.recovered.json"
            return _content(self._work, self._name, deadline)

    def due(self, deadline: Deadline) -> tuple[list[str], list[str]]:
        """Return the names of the shards that are due, in the order of their turn, and of objects that can't be shards.

        A shard that is not listed any more counts until nothing of it is left to look at. Raises a QueryError.
        """
        watch, now = self._sweep.watch, self._work.invocation.now()
        listed = {item.name.removeprefix(watch): item.etag for item in self._work.objects.list(watch, deadline)}
        if any(next(self._work.objects.pages(added_folder(watch), deadline))):
            listed.setdefault(f"{ADDED.removesuffix('.json')}.added/", "")
        folders = {name for name in listed if name.endswith("/")}
        etags = {name: etag for name, etag in listed.items() if name not in folders and is_safe_key(name)}
        with_notes = {f"{name.removesuffix('.added/')}.json" for name in folders if name.endswith(".added/")}
        unfinished = {name for name, one in self.shards.items() if one.counts and one.next_due < FOREVER}
        for name in with_notes | unfinished | ({ADDED} & self.shards.keys()):
            if is_safe_key(name):
                etags.setdefault(name, "")
        self._gone = {name: one for name, one in self.shards.items() if name not in etags}
        self.shards = {name: self.shards.get(name, Shard()) for name in sorted(etags)}
        due = [name for name, one in self.shards.items() if name in with_notes or _is_due(one, etags[name], now)]
        start = next((number for number, name in enumerate(due) if name >= self._turn), 0)
        ignored = sorted(name for name in listed if name and name not in etags and name not in folders)
        return due[start:] + due[:start], ignored

    def summary(self) -> Counts:
        """Return the sum over all shards."""
        total: Counter[str] = Counter()
        for shard in self.shards.values():
            total.update(shard.counts)
        return dict(total)

    def damaged(self) -> list[str]:
        """Return the names of damaged objects: the index's own, and those that the sweeps found."""
        return [*self._damaged, *(name for shard in self.shards.values() for name in shard.damaged)]

    def save(self, turn: str, deadline: Deadline) -> None:
        """Write the index if anything in it is new; `turn` is the shard that comes first next time."""
        shards = {name: one._asdict() for name, one in {**self._gone, **self.shards}.items()}
        index: dict[str, object] = {
            "action": self._work.kind.action,
            "updated_at": timestamp(self._work.invocation.now()),
            "summary": self.summary(),
            "shards": {name: dict(shard.counts) for name, shard in self.shards.items()},
            "state": {"turn": turn, "shards": shards},
        }
        if json.dumps({**self._stored, "updated_at": ""}) != json.dumps({**index, "updated_at": ""}):
            self._work.objects.put(self._name, index, deadline)


def _is_due(shard: Shard, etag: str, now: float) -> bool:
    return shard.listed != etag or shard.next_due <= now


def _sweep_of(sweep: Sweep, shard: str) -> Sweep:
    return Sweep(None, f"{sweep.watch}{shard}", f"{sweep.results}{shard}", f"{sweep.results}summary/{shard}")


def _invoke(scf: ScfApi, sweeps: Sequence[Sweep], deadline: Deadline) -> dict[Sweep, QueryError]:
    """Invoke this function once for each sweep; return the errors of the sweeps that SCF refused, in their order."""
    outcomes = dict(each(sweeps, lambda one, until: scf.invoke(_event(one), until), WORKERS, deadline))
    return {one: outcome for one in sweeps if (outcome := outcomes[one]) is not None}


def _sweep_in_turn(work: Work, sweeps: Sequence[Sweep], deadline: Deadline) -> tuple[int, list[QueryError]]:
    """Sweep one shard after the other; return how many had their turn, and the errors."""
    swept, failures = 0, []
    for one in sweeps:
        if not deadline.remaining():
            break
        swept += 1
        try:
            collect(work, one)
        except QueryError as error:
            failures.append(error)
    return swept, failures


def _event(sweep: Sweep) -> dict[str, object]:
    """The sweep as a timer's event, so that SCF retries it and this function reads it like any other."""
    message = {"watch": sweep.watch, "results": sweep.results, "summary": sweep.summary}
    return {"Type": "Timer", "TriggerName": "shard", "Time": "", "Message": json.dumps(message)}


def _shard(said: Mapping[str, object]) -> Shard:
    """A shard from its summary or the index. One without usable content is due."""
    damaged = said.get("damaged")
    return Shard(
        told=str(said.get("told") or ""),
        listed=str(said.get("listed", said.get("etag")) or ""),
        counts=counts_in(said.get("counts", said.get("summary"))),
        next_due=next_due_in(said),
        damaged=[str(name) for name in damaged] if isinstance(damaged, list) else [],
    )


def _content(work: Work, name: str, deadline: Deadline) -> Mapping[str, object]:
    """The content of an object, empty when it is gone or damaged."""
    try:
        return work.objects.get(name, deadline) or {}
    except DamagedObject:
        return {}
