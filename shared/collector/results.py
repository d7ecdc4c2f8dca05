"""The results of one watch list: the head, which people read first, and the parts with what the head has no room for.

A list of up to `PART_IDS` ids has only a head. When the head is full, its tasks move to a new part,
`results/video.0001.json` and so on, which the head lists. A part whose tasks are all final is read again only when the
watch list has changed, and once to delete its notes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import compress, count
from typing import NamedTuple

from shared.backends.base import Work
from shared.collector.ledger import Counts, Ledger
from shared.collector.part import PART_IDS, Content, Part, counts_in, next_due_in, remembered_in
from shared.collector.watchlist import Added, Listing, Progress, progress_in
from shared.errors import DamagedObject, OutOfTime
from shared.invocation import Deadline

#: A part is nearly finished when at most one in four of its tasks is pending.
PENDING_FRACTION = 4


class Entry(NamedTuple):
    """What the head knows of a part: its counts, and when it is due (Unix seconds; 0: at each sweep)."""

    counts: Counts
    next_due: float


class Comparison(NamedTuple):
    """How far one version of a watch list has been compared with the parts, while one sweep's time is not enough.

    `parts` are the names of those that have been. `found` has a digit for each id of the list, 1 for one that they
    have.
    """

    version: str = ""
    parts: tuple[str, ...] = ()
    found: str = ""


class Results:
    """The head and its parts, as one sweep reads and writes them.

    `progress` is how far the watch list has been read. `damaged` names results objects that are not ours: they are left
    unchanged, and a new one is kept beside them.
    """

    def __init__(self, work: Work, name: str) -> None:
        self.head = Part(work, name)
        self.damaged: list[str] = []
        self.progress = Progress()
        self._work = work
        self._base = name.removesuffix(".json")
        self._entries: dict[str, Entry] = {}
        self._written: dict[str, str] = {}  # when the version that this sweep knows was written
        self._turn = ""
        self._comparison = Comparison()

    def load(self, deadline: Deadline) -> None:
        """Read the head. Raises DamagedObject when it and the one kept beside it are both damaged."""
        try:
            self.head.read(deadline)
        except DamagedObject:
            self.damaged.append(self.head.name)
            self.head = Part(self._work, f"{self._base}.recovered.json")
            self.head.read(deadline)
        remembered = remembered_in(self.head.stored)
        self.progress, self._turn = progress_in(remembered.get("watch")), _turn_in(self.head.stored)
        self._comparison = _comparison_in(remembered.get("comparison"))
        parts = remembered.get("parts")
        if isinstance(parts, Mapping):
            self._entries = {name: _entry(entry) for name, entry in parts.items() if self._number(name)}
        for name in self.head.announced:
            if self._number(name) and name not in self._entries:
                self._adopt(name, deadline)

    def follow(self, listing: Listing, deadline: Deadline) -> None:
        """Watch the ids that a watch object lists now. Drop those that a whole list omits, unless callers added them.

        A changed list is compared with every part. When half of the time is not enough, the next sweep continues with
        the other parts, and new ids wait until then. Raises a QueryError.
        """
        if listing.progress == self.progress and not listing.vids:
            return
        version = f"{listing.progress.etag} {listing.progress.byte}"
        before = self._comparison if self._comparison.version == version else Comparison()
        known = compress(listing.vids, (digit == "1" for digit in before.found))
        found = dict.fromkeys(listing.vids, False) | dict.fromkeys(known, True)
        compared, reading = [*before.parts], deadline.half()
        _compare(self.head, found, listing)
        for name in [name for name in self._entries if name not in compared]:
            try:
                part = self._stored(name, reading)
            except OutOfTime:
                break
            if part is not None:
                _compare(part, found, listing)
                self.save_part(part)
            compared.append(name)
        digits = "".join("01"[is_found] for is_found in found.values())
        self._comparison, self.head.changed = Comparison(version, tuple(compared), digits), True
        is_complete, new = self._entries.keys() <= {*compared}, (vid for vid in found if not found[vid])
        if is_complete and self._take(new, deadline, added=False):
            self.progress, self._comparison = listing.progress, Comparison()

    def add(self, added: Added, deadline: Deadline) -> None:
        """Watch ids that callers have added, and hold their notes. Raises a QueryError.

        The parts are not searched: an id that is added again is asked about again.
        """
        if self._take(added.vids, deadline, added=True):
            self.head.hold(added.notes)

    def due(self, deadline: Deadline) -> Iterator[Part]:
        """Yield the head and the parts that are due, one at a time, while time lasts.

        The next sweep begins with the one that comes next when time is over or the reader stops. Raises a QueryError.
        """
        now = self._work.invocation.now()
        names = [self.head.name, *(name for name, entry in self._entries.items() if entry.next_due <= now)]
        first = names.index(self._turn) if self._turn in names else 0
        names = names[first:] + names[:first]
        for name, following in zip(names, [*names[1:], ""], strict=True):
            try:
                part = self._stored(name, deadline)
            except OutOfTime:
                self._turn = name
                return
            self._turn = following
            if part is not None:
                yield part

    def gather(self, part: Part) -> None:
        """Move the last pending ids of a nearly finished part to the head, so that the part is not read again.

        Otherwise the cost of a sweep would depend on how the pending ids are spread over the parts. Raises a
        QueryError.
        """
        left = list(part.pending)
        if part is self.head or not left or len(left) * PENDING_FRACTION > len(part.ids()):
            return
        if len(self.head.ids()) + len(left) > PART_IDS:
            settled = [vid for vid in self.head.ids() if vid not in self.head.pending]
            if len(settled) * 2 < PART_IDS:
                return
            self._move(self.head.split_off(settled))
        self.head.receive(part.split_off(left))

    def save_part(self, part: Part) -> None:
        """Write a part, if it has changed, and enter it in the head. Raises a QueryError.

        What one object can't hold goes to a part of its own. The head is written by `save`.
        """
        if part is self.head:
            return
        while part.changed:
            self.head.changed = True  # the last writer of a part also has to be the last to enter it
            if not part.save():
                self._enter(part)  # its number is taken
                self._move_half(part)
        self._written[part.name] = part.written_at()
        self._enter(part)

    def save(self, summary: Mapping[str, object]) -> None:
        """Write the head if anything in it is new. Raises a QueryError."""
        stored = self.head.stored
        if stored is None and not (self.head.ids() or self._entries or self.head.held):
            return
        has_news = (stored or {}).get("summary") != summary or _turn_in(stored) != self._turn
        while self.head.changed or has_news:
            shown: Content = {"summary": summary}
            if self._entries:
                shown["parts"] = list(self._entries)
            remembered: Content = {
                "watch": self.progress._asdict() if self.progress != Progress() else None,
                "parts": {name: entry._asdict() for name, entry in self._entries.items()},
                "turn": self._turn,
                # Earlier versions read other digits under "compared": after a rollback they would lose ids of the list.
                "comparison": self._comparison._asdict() if self._comparison != Comparison() else None,
            }
            if self.head.save(shown, remembered):
                return
            self._move_half(self.head)

    def counts(self) -> Counts:
        """Return the number of tasks by outcome, in the head and all parts."""
        each = [self.head.counts(), *(entry.counts for entry in self._entries.values())]
        return {outcome: sum(counts.get(outcome, 0) for counts in each) for outcome in each[0]}

    def next_due(self) -> float:
        """Return when the head or a part is due again (Unix seconds; 0: at each sweep, FOREVER: never)."""
        if self.progress.byte > 0:
            return 0.0
        return min([self.head.next_due(), *(entry.next_due for entry in self._entries.values())])

    def _take(self, vids: Iterable[str], deadline: Deadline, *, added: bool) -> bool:
        """Watch ids in the head. A full head moves to a new part first. Return whether there was time for all."""
        left = list(dict.fromkeys(vids))
        while left:
            room = PART_IDS - len(self.head.ids())
            if room <= 0:
                if not deadline.remaining():
                    return False
                self._move(self.head.split_off(self.head.ids()))
                continue
            self.head.take(left[:room], added=added)
            left = left[room:]
        return True

    def _move_half(self, part: Part) -> None:
        ids = part.ids()
        self._move(part.split_off(ids[len(ids) // 2 :]))

    def _move(self, tasks: Ledger) -> None:
        """Move some tasks to a new part."""
        last = max(map(self._number, self._entries), default=0)
        names = (f"{self._base}.{number:04d}.json" for number in count(last + 1))
        read = (self._read(name, self._work.invocation.deadline) for name in names)
        part = next(part for part in read if part is not None)  # the others are not ours
        part.receive(tasks)
        self.save_part(part)
        self.head.announce(part.name)

    def _number(self, name: str) -> int:
        """The number of a part by its name, 0 for another name."""
        found = re.fullmatch(rf"{re.escape(self._base)}\.([0-9]{{4,9}})\.json", name)
        return int(found[1]) if found else 0

    def _adopt(self, name: str, deadline: Deadline) -> None:
        """Enter a part that another sweep has made and that the stored head does not list."""
        self._entries[name] = Entry({}, 0.0)  # due, so that a later sweep reads it if this one has no time
        if deadline.remaining() and (part := self._stored(name, deadline)):
            self.save_part(part)

    def _stored(self, name: str, deadline: Deadline) -> Part | None:
        """The head, or a part as it is stored; None when it is damaged, or not there to be read yet as it was written.

        Ids that are in both, because they were added again or sweeps have overlapped, move to the part. Raises
        OutOfTime, or another QueryError.
        """
        if not deadline.remaining():
            raise OutOfTime("no time is left for this part of the results")
        if name == self.head.name:
            return self.head
        part = self._read(name, deadline)
        if part is None or part.stored is None or part.written_at() < self._written.get(name, ""):
            return None
        if twice := [vid for vid in part.ids() if self.head.known(vid)]:
            part.receive(self.head.split_off(twice))
        return part

    def _read(self, name: str, deadline: Deadline) -> Part | None:
        """A part as it is stored, perhaps by a sweep that was killed or still runs; None when it is damaged."""
        part = Part(self._work, name)
        try:
            part.read(deadline)
        except DamagedObject:
            if name not in self.damaged:
                self.damaged.append(name)
            return None
        return part

    def _enter(self, part: Part) -> None:
        entry = Entry(part.counts(), part.next_due())
        self.head.changed |= self._entries.get(part.name) != entry
        self._entries[part.name] = entry


def _compare(part: Part, found: dict[str, bool], listing: Listing) -> None:
    """Have a part watch those of its ids that are listed, and only those if the list is whole; note them as found."""
    part.take(vid for vid in part.ids() if vid in found)
    if listing.whole:
        part.drop(vid for vid in part.watched() if vid not in found and vid not in part.added)
    found |= {vid: True for vid in part.ids() if vid in found}


def _turn_in(stored: Content | None) -> str:
    """The name of the head or the part that comes first, as a results object remembers it; empty for the head."""
    return str(remembered_in(stored).get("turn") or "")


def _entry(remembered: object) -> Entry:
    """The entry of a part. A part without a usable entry is due."""
    known = remembered if isinstance(remembered, Mapping) else {}
    return Entry(counts_in(known.get("counts")), next_due_in(known))


def _comparison_in(remembered: object) -> Comparison:
    """The comparison that a results object remembers, none when it remembers nothing usable."""
    known = remembered if isinstance(remembered, Mapping) else {}
    version, parts, found = known.get("version"), known.get("parts"), known.get("found")
    if isinstance(version, str) and isinstance(parts, list) and isinstance(found, str):
        return Comparison(version, tuple(map(str, parts)), found)
    return Comparison()
