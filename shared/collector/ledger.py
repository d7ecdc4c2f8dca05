"""The outcomes of some tasks in memory: records, missing ids, and the ids that are still asked about."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime
from typing import TypeVar

from shared.tasks import DELETED, FAILED, MISSING, PENDING, SUCCEEDED, Record, is_final, state

#: The outcomes in the order of a summary.
OUTCOMES = (SUCCEEDED, FAILED, PENDING, DELETED, MISSING)

Counts = dict[str, int]
T = TypeVar("T")


class Ledger:
    """The tasks of one object.

    `tasks` are the records by id, `missing` the ids that the API does not know, with the time of the first such answer.
    `pending` are the ids to ask about, in the order of their turn. `added` are those that callers have added, so that
    they stay when the watch object does not list them; `unwatched` ones are kept, but neither asked about nor counted.
    Each id is final, pending or unwatched. `changed` says that any of that is new.
    """

    def __init__(self, now: Callable[[], float], patience: float) -> None:
        """`now` returns Unix seconds. An id that is unknown for `patience` seconds is final as missing."""
        self.tasks: dict[str, Record] = {}
        self.missing: dict[str, str] = {}
        self.pending: dict[str, None] = {}
        self.added: set[str] = set()
        self.unwatched: set[str] = set()
        self.changed = False
        self._now = now
        self._patience = patience

    def fill(self, content: Mapping[str, object], marks: Mapping[str, object]) -> None:
        """Take all from an object or a note: its tasks and missing ids, and the `marks` kept with them."""
        tasks, missing = content.get("tasks"), content.get("missing")
        self.tasks = dict(tasks) if isinstance(tasks, Mapping) else {}
        self.missing = {str(vid): str(at) for vid, at in missing.items()} if isinstance(missing, Mapping) else {}
        self.pending = dict.fromkeys(_names(marks.get("pending")))
        self.added, self.unwatched = set(_names(marks.get("added"))), set(_names(marks.get("unwatched")))
        running = {vid for vid, record in self.tasks.items() if not is_final(record)}
        self.unwatched |= running - self.pending.keys() - self.missing.keys()  # earlier versions had no marks

    def marks(self) -> dict[str, object]:
        """Return what is kept beside tasks and missing ids."""
        return {"pending": list(self.pending), "added": sorted(self.added), "unwatched": sorted(self.unwatched)}

    def known(self, vid: str) -> bool:
        """Return whether the ledger has an id."""
        return vid in self.tasks or vid in self.missing or vid in self.pending

    def ids(self) -> list[str]:
        """Return all ids, each once."""
        return list({**self.tasks, **self.missing, **self.pending})

    def watched(self) -> list[str]:
        """Return the ids that count."""
        return [vid for vid in self.ids() if vid not in self.unwatched]

    def outcome(self, vid: str) -> str:
        """Return the outcome of a task, as a summary counts it."""
        record = self.tasks.get(vid, {})
        if vid in self.missing and not is_final(record) and (vid not in self.tasks or self._is_given_up(vid)):
            return MISSING
        return state(record)

    def is_final(self, vid: str) -> bool:
        """Return whether an id is final: its task, or the id as missing."""
        return is_final(self.tasks.get(vid, {})) or self._is_given_up(vid)

    def counts(self) -> Counts:
        """Return the number of watched tasks by outcome."""
        return count(map(self.outcome, self.watched()))

    def take(self, vids: Iterable[str], *, added: bool = False) -> None:
        """Watch these ids. Those that are not final become pending."""
        before = len(self.pending), len(self.added), len(self.unwatched)
        for vid in vids:
            self.unwatched.discard(vid)
            if added:
                self.added.add(vid)
            if not self.is_final(vid):
                self.pending.setdefault(vid)
        self.changed |= before != (len(self.pending), len(self.added), len(self.unwatched))

    def drop(self, vids: Iterable[str]) -> None:
        """Stop watching these ids: their records stay, but they are neither asked about nor counted."""
        for vid in vids:
            self.pending.pop(vid, None)
            if self.known(vid):
                self.unwatched.add(vid)
            self.changed = True

    def merge(self, records: Mapping[str, Record]) -> None:
        """Take over records. A record that is not final never replaces a final one."""
        for vid, record in records.items():
            old = self.tasks.get(vid)
            if old is not None and is_final(old) and not is_final(record):
                continue
            if not self.known(vid):
                self.unwatched.add(vid)  # a timer's Message named it; no watch list does
            if vid in self.missing:
                del self.missing[vid]
                self.changed = True
                if vid not in self.unwatched:
                    self.pending[vid] = None  # it is known after all
            if is_final(record):
                self.pending.pop(vid, None)
            if record != old:
                self.tasks[vid] = record
                self.changed = True

    def note_missing(self, vids: Iterable[str]) -> None:
        """Note which ids the API does not know. An id that is unknown for long enough is not asked about again."""
        for vid in vids:
            if not self.known(vid):
                self.unwatched.add(vid)
            if vid not in self.missing:
                self.missing[vid] = timestamp(self._now())
                self.changed = True
            if vid in self.pending and self._is_given_up(vid):
                del self.pending[vid]
                self.changed = True

    def reorder(self, first: Iterable[str]) -> None:
        """Put these pending ids before the others."""
        order = dict.fromkeys([*(vid for vid in first if vid in self.pending), *self.pending])
        self.changed |= list(order) != list(self.pending)
        self.pending = order

    def split_off(self, vids: Collection[str]) -> Ledger:
        """Move these ids to a new ledger and return it."""
        other = Ledger(self._now, self._patience)
        gone = set(vids)
        self.tasks, other.tasks = _split(self.tasks, gone)
        self.missing, other.missing = _split(self.missing, gone)
        self.pending, other.pending = _split(self.pending, gone)
        self.added, other.added = self.added - gone, self.added & gone
        self.unwatched, other.unwatched = self.unwatched - gone, self.unwatched & gone
        self.changed = True
        return other

    def absorb(self, other: Ledger) -> None:
        """Take over all tasks of another ledger. What either of them watches is watched."""
        watched = {*self.watched(), *other.watched()}
        missing = {vid: since for vid, since in other.missing.items() if not self.known(vid)}
        self.merge(other.tasks)
        self.missing |= missing
        self.added |= other.added
        self.pending |= {vid: None for vid in other.pending if not self.is_final(vid)}
        self.unwatched = {*self.ids()} - watched
        self.changed = True

    def _is_given_up(self, vid: str) -> bool:
        """Whether an id has been unknown for long enough to be final."""
        try:
            since = datetime.fromisoformat(self.missing[vid].replace("Z", "+00:00")).timestamp()
        except (KeyError, ValueError):  # it is known, or a person has edited the time
            return False
        return self._now() - since >= self._patience


def count(outcomes: Iterable[str]) -> Counts:
    """Return a summary: how many outcomes there are in all, and how many of each."""
    counted = Counter(outcomes)
    return {"watched": sum(counted.values()), **{outcome: counted[outcome] for outcome in OUTCOMES}}


def timestamp(seconds: float) -> str:
    """Return a time as results objects show it: ISO 8601 in UTC."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def _split(values: dict[str, T], gone: set[str]) -> tuple[dict[str, T], dict[str, T]]:
    left = {vid: value for vid, value in values.items() if vid not in gone}
    return left, {vid: value for vid, value in values.items() if vid in gone}


def _names(value: object) -> list[str]:
    return [name for name in value if isinstance(name, str)] if isinstance(value, list) else []
