"""One object of the results, and its journal.

A small watch list has one such object, the head. The head of a large one moves what it can't hold into further parts.

Final records go into the journal first, then into the object (see journal.py). So no sweep loses what another one has
found at the same time, and a sweep that is killed leaves the old object or the new one, and its note.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from shared.backends.base import Record
from shared.collector.ledger import Counts, Ledger, timestamp
from shared.cos.journal import KEPT, NEVER, Held, Note, delete_notes, leave_note, read_notes
from shared.cos.objects import MAX_OBJECT, CosObjects
from shared.errors import DamagedObject, OutOfTime
from shared.invocation import Deadline, Invocation
from shared.replies.json_text import to_bytes
from shared.tasks import Kind, is_final

#: Tasks in one object. With the longest records seen, audio with three outputs, that is some 6 MB of JSON.
PART_IDS = 5000
#: Bytes of JSON in one object: Python needs several times that to read one and to write it, within 128 MB.
PART_BYTES = 6 * 1024 * 1024
#: Bytes of the largest object that is read: earlier versions kept all records in one, as many as 128 MB allowed.
MOST_BYTES = 16 * 1024 * 1024
#: Bytes of records in one note.
NOTE_BYTES = 4 * 1024 * 1024
#: Unix seconds that are never reached.
FOREVER = 1e12

Content = dict[str, object]


class Book(NamedTuple):
    """Where one sweep keeps its objects, for which kind of task.

    `patience` is how long, in seconds, an id is asked about that the API does not know.
    """

    kind: Kind
    objects: CosObjects
    invocation: Invocation
    patience: float


class Part(Ledger):
    """The tasks of one object in COS: `stored` is the object as it lies there, `held` are the notes that it holds.

    `announced` are further parts that the journal tells of.
    """

    def __init__(self, book: Book, name: str) -> None:
        super().__init__(book.invocation.now, book.patience)
        self.name = name
        self.held: Held = {}
        self.stored: Content | None = None
        self.announced: list[str] = []
        self._book = book
        self._folder = f"{name.removesuffix('.json')}.found/"

    def read_object(self, deadline: Deadline) -> None:
        """Read the object without its journal. Raises DamagedObject when it is not ours, or another QueryError."""
        found = self._book.objects.get(self.name, deadline, MOST_BYTES)
        if found is None:
            return
        value = self._ours(found.value)
        if value is None:
            message = f"the object {self.name} holds no {self._book.kind.action} results; it is left as it is"
            raise DamagedObject(message)
        self.stored = dict(value)
        _fill(self, value, state_of(value))
        held = state_of(value).get("held")
        if isinstance(held, Mapping):
            times = {str(name): _seconds(at) for name, at in held.items()}
            self.held = {name: at for name, at in times.items() if at is not None}

    def read_journal(self, deadline: Deadline) -> None:
        """Merge the notes that the object does not hold yet. What there is no time for waits for the next sweep."""
        try:
            for note in read_notes(self._book.objects, self._folder, self.held, deadline, MAX_OBJECT):
                self._merge_note(note)
        except OutOfTime:
            if deadline.remaining():
                raise

    def record(self, records: Mapping[str, Record], deadline: Deadline) -> None:
        """Take new records. Those that are final go into the journal first. Raises a QueryError."""
        batch: dict[str, Record] = {}
        size = 0
        for vid, record in records.items():
            if is_final(record):
                batch[vid], size = record, size + len(to_bytes(record))
            if size > NOTE_BYTES:
                self._note({"tasks": batch}, deadline)
                batch, size = {}, 0
        if batch:
            self._note({"tasks": batch}, deadline)
        self.merge(records)

    def announce(self, part: str, deadline: Deadline) -> None:
        """Note that there is another part: who writes the head at the same time must not forget it."""
        self._note({"tasks": {}, "part": part}, deadline)

    def receive(self, other: Ledger, deadline: Deadline) -> None:
        """Take over all that another object has, by way of the journal. Raises a QueryError."""
        content = {"tasks": other.tasks, "missing": other.missing, **_marks(other)}
        ids = other.ids()
        if len(ids) > 1 and len(to_bytes(content)) > NOTE_BYTES:
            self.receive(other.part_with(ids[len(ids) // 2 :]), deadline)
            self.receive(other, deadline)
            return
        self._note(content, deadline)
        self.absorb(other)

    def save(self, deadline: Deadline, head: Content | None = None, state_of_head: Content | None = None) -> bool:
        """Write the object in one PUT; `head` and `state_of_head` are what only the head has.

        Returns False when it is too large and can be halved: it is not written then. Raises a QueryError.
        """
        now = self._book.invocation.now()
        value: Content = {"action": self._book.kind.action, "updated_at": timestamp(now), **(head or {})}
        value |= {"missing": self.missing, "tasks": self.tasks}
        kept = {**_marks(self), "held": self.held, **(state_of_head or {})}
        if kept := {name: one for name, one in kept.items() if one}:
            value["state"] = kept
        body = to_bytes(value)
        if len(body) > PART_BYTES and len(self.ids()) > 1:
            return False
        self._book.objects.store(self.name, body, deadline)
        self.stored, self.changed = value, False
        return True

    def tidy(self, deadline: Deadline) -> None:
        """Delete the notes that the object, as it was read, has held for long enough."""
        now = self._book.invocation.now()
        old = [name for name, at in self.held.items() if NEVER < at <= now]
        for name in delete_notes(self._book.objects, old, self._book.invocation, deadline):
            del self.held[name]
            self.changed = True

    def again(self) -> float | None:
        """When this object has to be looked at again (Unix seconds, 0: at each sweep), None: never."""
        if self.pending:
            return 0.0
        return max((at for at in self.held.values() if at > NEVER), default=None)

    def hold(self, name: str, seconds: float = KEPT) -> None:
        """Remember that this object holds a note, which may go after that time."""
        self.held[name] = round(self._book.invocation.now() + seconds)
        self.changed = True

    def leave(self, name: str) -> None:
        """Remember a note that can't be read, so that it is not read again."""
        self.held[name] = NEVER
        self.changed = True

    def damaged_notes(self) -> list[str]:
        """The notes that can't be read."""
        return [name for name, at in self.held.items() if at == NEVER]

    def _note(self, content: Content, deadline: Deadline) -> None:
        said = {"action": self._book.kind.action, **content}
        objects = self._book.objects
        stored = leave_note(objects, self._folder, said, self._book.invocation, deadline)
        self.hold(stored.key.removeprefix(objects.prefix))

    def _merge_note(self, note: Note) -> None:
        content = self._ours(note.content)
        if content is None:
            self.leave(note.name)
            return
        if isinstance(part := content.get("part"), str):
            self.announced.append(part)
        if "pending" in content:  # another object has moved here all that it had
            other = Ledger(self._book.invocation.now, self._book.patience)
            _fill(other, content, content)
            self.absorb(other)
        else:
            self.merge(_records(content))
        self.hold(note.name)

    def _ours(self, value: object) -> Mapping[str, object] | None:
        """The content of an object or a note, None when it is about another kind of task, or damaged."""
        if not isinstance(value, Mapping) or value.get("action") != self._book.kind.action:
            return None
        tasks = value.get("tasks")
        if not isinstance(tasks, Mapping) or not all(isinstance(record, Mapping) for record in tasks.values()):
            return None
        return value


def state_of(value: Mapping[str, object] | None) -> Mapping[str, object]:
    """Return what an object remembers for the next sweep, nothing of one of an earlier version."""
    kept = (value or {}).get("state")
    return kept if isinstance(kept, Mapping) else {}


def counts_in(value: object) -> Counts:
    """Return the counts that an object remembers, none of what is no such thing."""
    counts = value if isinstance(value, Mapping) else {}
    return {str(name): number for name, number in counts.items() if isinstance(number, int)}


def again_in(told: Mapping[str, object]) -> float | None:
    """Return when to look at something again, as an object remembers it; at once where it says nothing usable."""
    again = told.get("again", 0.0)
    return None if again is None else _seconds(again) or 0.0


def _seconds(kept: object) -> float | None:
    """A time as an object remembers it, in Unix seconds; None of what is no time, as NaN and 1e400 are none."""
    return float(kept) if isinstance(kept, (int, float)) and 0 <= kept < FOREVER else None


def _fill(ledger: Ledger, value: Mapping[str, object], marks: Mapping[str, object]) -> None:
    """Read a ledger from an object or a note: tasks and missing ids, and the marks that are kept beside them."""
    missing = value.get("missing")
    ledger.tasks = _records(value)
    ledger.missing = {str(vid): str(at) for vid, at in missing.items()} if isinstance(missing, Mapping) else {}
    ledger.pending = dict.fromkeys(_names(marks.get("pending")))
    ledger.added, ledger.unwatched = set(_names(marks.get("added"))), set(_names(marks.get("unwatched")))


def _marks(ledger: Ledger) -> Content:
    pending, added, unwatched = list(ledger.pending), sorted(ledger.added), sorted(ledger.unwatched)
    return {"pending": pending, "added": added, "unwatched": unwatched}


def _records(value: Mapping[str, object]) -> dict[str, Record]:
    tasks = value.get("tasks")
    return dict(tasks) if isinstance(tasks, Mapping) else {}


def _names(value: object) -> list[str]:
    return [name for name in value if isinstance(name, str)] if isinstance(value, list) else []
