"""The results of one watch list: the head, which people read first, and the parts with what the head has no room for.

A list of up to `PART_IDS` ids has only a head. When the head is full, its tasks move to a new part,
`results/video.0001.json` and so on, which the head lists. A part whose tasks are all final is not read again.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from shared.backends.base import Work
from shared.collector.compared import Compared, compared, compared_in
from shared.collector.ledger import Counts, Ledger
from shared.collector.part import PART_IDS, Content, Part, again_in, counts_in, state_of
from shared.collector.watchlist import Added, Listing, Place, place_in
from shared.cos.journal import FOLDED, KEPT
from shared.errors import DamagedObject, OutOfTime
from shared.invocation import Deadline

#: A part is nearly finished when at most one in four of its tasks is pending.
PENDING_FRACTION = 4


class Entry(NamedTuple):
    """What the head knows of a part: its counts, and when it is due (Unix seconds; 0: at each sweep, None: never).

    `listed` is the version of the watch object that the part was last compared with.
    """

    counts: Counts
    again: float | None
    listed: str = ""


class Results:
    """The head and its parts, as one sweep reads and writes them.

    `damaged` names results objects that are not ours. They are left unchanged, and a new one is kept beside them.
    """

    def __init__(self, work: Work, name: str) -> None:
        self.head = Part(work, name)
        self.damaged: list[str] = []
        self.place = Place()
        self._work = work
        self._base = name.removesuffix(".json")
        self._entries: dict[str, Entry] = {}
        self._turn = ""
        self._compared = Compared()

    def load(self, deadline: Deadline) -> None:
        """Read the head. Raises DamagedObject when it and the one kept beside it are both damaged."""
        try:
            self.head.read_object(deadline)
        except DamagedObject:
            self.damaged.append(self.head.name)
            self.head = Part(self._work, f"{self._base}.recovered.json")
            self.head.read_object(deadline)
        self.head.read_journal(deadline)
        kept = state_of(self.head.stored)
        self.place = place_in(kept.get("watch"))
        self._turn, self._compared = str(kept.get("turn") or ""), compared_in(kept.get("compared"))
        entries = kept.get("parts")
        if isinstance(entries, Mapping):
            self._entries = {name: _entry(entry) for name, entry in entries.items() if self._number(name)}
        for name in self.head.announced:
            if self._number(name) and name not in self._entries:
                self._adopt(name, deadline)

    def follow(self, listing: Listing, deadline: Deadline) -> None:
        """Watch the ids that a watch object lists now. Drop those that a whole list omits, unless callers added them.

        A changed list is compared with every part. When half of the time is not enough, the next sweep continues with
        the other parts, and new ids wait until then. Raises a QueryError.
        """
        if listing.place == self.place and not listing.vids:
            return
        listed, version = set(listing.vids), f"{listing.place.etag} {listing.place.byte}"
        found = self._compared.ids(version, listing.vids)
        for part in self._read_all(version, deadline.half()):
            watched = set(part.watched())
            part.take(vid for vid in part.ids() if vid in listed and vid not in watched)
            if listing.whole:
                part.drop(vid for vid in watched if vid not in listed and vid not in part.added)
            found.update(listed.intersection(part.ids()))
            self.keep(part, self._work.invocation.deadline)
        self._compared, self.head.changed = compared(version, listing.vids, found), True
        whole = all(entry.listed == version for entry in self._entries.values())
        if whole and self._take((vid for vid in listing.vids if vid not in found), deadline, added=False):
            self.place, self._compared = listing.place, Compared()

    def add(self, vids: Iterable[str], notes: Added, deadline: Deadline) -> None:
        """Watch ids that callers have added, and hold their notes. Raises a QueryError.

        The parts are not searched: an id that is added again is asked about again.
        """
        if self._take(vids, deadline, added=True):
            for name in notes.notes:
                self.head.hold(name, KEPT)
            for name in notes.folded:
                self.head.hold(name, FOLDED)
        for name in notes.damaged:
            self.head.ignore_note(name)

    def due(self, deadline: Deadline) -> Iterator[Part]:
        """Yield the head and the parts that are due, one at a time, while time lasts.

        The one at which the previous sweep stopped comes first. Raises a QueryError.
        """
        now = self._work.invocation.now()
        due = (name for name, one in self._entries.items() if one.again is not None and one.again <= now)
        names = [self.head.name, *due]
        start = names.index(self._turn) if self._turn in names else 0
        for name in names[start:] + names[:start]:
            try:
                part = self._due_part(name, deadline)
            except OutOfTime:
                self._pass_turn_to(name)
                return
            if part is not None:
                yield part
        self._pass_turn_to("")

    def gather(self, part: Part, deadline: Deadline) -> None:
        """Move the last pending ids of a nearly finished part to the head, so that the part is not read again.

        Otherwise the cost of a sweep would depend on how the pending ids are spread over the parts. Raises a
        QueryError.
        """
        left = list(part.pending)
        if part is self.head or not left or len(left) * PENDING_FRACTION > len(part.ids()):
            return
        if len(self.head.ids()) + len(left) > PART_IDS:
            over = [vid for vid in self.head.ids() if vid not in self.head.pending]
            if len(over) * 2 < PART_IDS:
                return
            self._move(self.head.split_off(over), deadline)
        self.head.receive(part.split_off(left), deadline)

    def keep(self, part: Part, deadline: Deadline) -> None:
        """Write a part, if it has changed, and enter it in the head. Raises a QueryError.

        What one object can't hold goes to a part of its own. The head is written by `save`.
        """
        if part is self.head:
            return
        while part.changed:
            self.head.changed = True  # the last writer of a part also has to be the last to enter it
            if not part.save(deadline):
                self._enter(part)  # its number is taken
                self._move_half(part, deadline)
        self._enter(part)

    def save(self, summary: Mapping[str, object], deadline: Deadline) -> None:
        """Write the head if anything in it is new. Raises a QueryError."""
        stored = self.head.stored
        if stored is None and not (self.head.ids() or self._entries or self.head.held):
            return
        while self.head.changed or (stored or {}).get("summary") != summary:
            head: Content = {"summary": summary}
            if self._entries:
                head["parts"] = list(self._entries)
            place = self.place._asdict() if self.place != Place() else None
            entries = {name: entry._asdict() for name, entry in self._entries.items()}
            met = self._compared._asdict() if self._compared.version else None
            if self.head.save(deadline, head, {"watch": place, "parts": entries, "turn": self._turn, "compared": met}):
                return
            self._move_half(self.head, deadline)

    def counts(self) -> Counts:
        """Return the number of tasks by outcome, in the head and all parts."""
        total = Counter(self.head.counts())
        for entry in self._entries.values():
            total.update(entry.counts)
        return {outcome: total[outcome] for outcome in self.head.counts()}

    def again(self) -> float | None:
        """Return when the head or a part is due again (Unix seconds; 0: at each sweep, None: never)."""
        if self.place.byte > 0:
            return 0.0
        times = [self.head.again(), *(entry.again for entry in self._entries.values())]
        return min((time for time in times if time is not None), default=None)

    def _take(self, vids: Iterable[str], deadline: Deadline, *, added: bool) -> bool:
        """Watch ids in the head. A full head moves to a new part first. Return whether there was time for all."""
        left = list(dict.fromkeys(vids))
        while left:
            room = PART_IDS - len(self.head.ids())
            if room <= 0:
                if not deadline.remaining():
                    return False
                self._move(self.head.split_off(self.head.ids()), self._work.invocation.deadline)
                continue
            self.head.take(left[:room], added=added)
            left = left[room:]
        return True

    def _move_half(self, part: Part, deadline: Deadline) -> None:
        ids = part.ids()
        self._move(part.split_off(ids[len(ids) // 2 :]), deadline)

    def _move(self, tasks: Ledger, deadline: Deadline) -> None:
        """Move some tasks to a new part."""
        number = max(map(self._number, self._entries), default=0) + 1
        part = self._read(f"{self._base}.{number:04d}.json", deadline)
        while part is None:  # it is not ours
            number += 1
            part = self._read(f"{self._base}.{number:04d}.json", deadline)
        part.receive(tasks, deadline)
        self.keep(part, deadline)
        self.head.announce(part.name, deadline)

    def _number(self, name: str) -> int:
        """The number of a part by its name, 0 for another name."""
        found = re.fullmatch(rf"{re.escape(self._base)}\.([0-9]{{4,9}})\.json", name)
        return int(found[1]) if found else 0

    def _due_part(self, name: str, deadline: Deadline) -> Part | None:
        """The head, or a part, None when it can't be read. Raises OutOfTime."""
        if not deadline.remaining():
            raise OutOfTime("no time is left for this part of the results")
        if name == self.head.name:
            return self.head
        part = self._read(name, deadline)
        if part is None or part.stored is None:
            return None
        self._remove_duplicates(part)
        return part

    def _adopt(self, name: str, deadline: Deadline) -> None:
        """Enter a part that another sweep has made and that the stored head does not list."""
        self._entries[name] = Entry({}, 0.0)
        if not deadline.remaining():
            return  # it is due, so a later sweep reads it
        if (part := self._read(name, deadline)) is not None and part.stored is not None:
            self._remove_duplicates(part)
            self.keep(part, self._work.invocation.deadline)

    def _remove_duplicates(self, part: Part) -> None:
        """Move the ids that are in the head and in a part to the part: sweeps at the same time can cause that."""
        if twice := [vid for vid in part.ids() if self.head.known(vid)]:
            part.receive(self.head.split_off(twice), self._work.invocation.deadline)

    def _read(self, name: str, deadline: Deadline, *, journal: bool = True) -> Part | None:
        """A part as it is stored, perhaps by a sweep that was killed or still runs; None when it is damaged.

        A part that was just written may not be there to be read yet: nothing is stored of it then.
        """
        part = Part(self._work, name)
        try:
            part.read_object(deadline)
        except DamagedObject:
            if name not in self.damaged:
                self.damaged.append(name)
            return None
        if journal:
            part.read_journal(deadline)
        return part

    def _enter(self, part: Part) -> None:
        old = self._entries.get(part.name)
        self._set(part.name, Entry(part.counts(), part.again(), old.listed if old else ""))

    def _set(self, name: str, entry: Entry) -> None:
        if self._entries.get(name) != entry:
            self._entries[name] = entry
            self.head.changed = True

    def _pass_turn_to(self, name: str) -> None:
        self.head.changed |= name != self._turn
        self._turn = name

    def _read_all(self, version: str, deadline: Deadline) -> Iterator[Part]:
        """The head, and every part that can be read while time lasts and was not compared before."""
        yield self.head
        if self._compared.version != version:
            self._entries = {name: entry._replace(listed="") for name, entry in self._entries.items()}
        for name in [name for name, one in self._entries.items() if one.listed != version]:
            try:
                part = self._read(name, deadline, journal=False)
            except OutOfTime:
                return
            if part is not None and part.stored is not None:
                yield part
            self._set(name, self._entries[name]._replace(listed=version))


def _entry(kept: object) -> Entry:
    """The entry of a part. A part without a usable entry is due."""
    known = kept if isinstance(kept, Mapping) else {}
    return Entry(counts_in(known.get("counts")), again_in(known), str(known.get("listed") or ""))
