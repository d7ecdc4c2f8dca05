"""One object of the results, with its journal.

A small watch list has one such object, the head. The head of a large one moves what it can't hold into further parts.

Final records go into the journal first, then into the object (see shared/cos/journal.py). So no sweep loses what
another one has found at the same time, and a sweep that is killed leaves the old object or the new one, and its note.
"""

from __future__ import annotations

from collections.abc import Mapping

from shared.backends.base import Work
from shared.collector.ledger import Counts, Ledger, timestamp
from shared.cos.journal import KEPT, NEVER, Held, Note, delete_notes, is_note, read_notes, write_note
from shared.cos.objects import MAX_OBJECT
from shared.cos.records import as_text, to_text
from shared.errors import DamagedObject, OutOfTime
from shared.invocation import Deadline
from shared.tasks import Record, is_final

#: Tasks in one object. With the longest records seen, audio with three outputs, that is some 6 MB of JSON.
PART_IDS = 5000
#: Bytes of JSON in one object: Python needs several times that to read one and to write it, within 128 MB.
PART_BYTES = 6 * 1024 * 1024
#: Bytes of the largest object that is read: earlier versions kept all records in one, as many as 128 MB allowed.
MOST_BYTES = 16 * 1024 * 1024
#: Bytes of records at which a note is written and the next one begun.
NOTE_BYTES = 4 * 1024 * 1024
#: Unix seconds that are never reached.
FOREVER = 1e12

Content = dict[str, object]


class Part(Ledger):
    """The tasks of one object in COS. `stored` is the object as it was read or written, `held` the notes in it.

    `stored` is without the tasks: they are in the ledger.
    `announced` are further parts that notes of the journal name.
    """

    def __init__(self, work: Work, name: str) -> None:
        super().__init__(work.invocation.now, work.patience)
        self.name = name
        self.held: Held = {}
        self.stored: Content | None = None
        self.announced: list[str] = []
        self._work = work
        self._folder = f"{name.removesuffix('.json')}.found/"

    def read_object(self, deadline: Deadline) -> None:
        """Read the object without its journal. Raises DamagedObject when it is not ours, or another QueryError."""
        value = self._work.objects.get(self.name, deadline, MOST_BYTES)
        if value is None:
            return
        if not self._is_ours(value):
            message = f"the object {self.name} holds no {self._work.kind.action} results; it is left as it is"
            raise DamagedObject(message)
        _fill(self, value, state_of(value))
        self.stored = _without_tasks(value)
        held = state_of(value).get("held")
        if isinstance(held, Mapping):
            times = {str(name): _seconds(at) for name, at in held.items()}
            self.held = {name: at for name, at in times.items() if at is not None}

    def read_journal(self, deadline: Deadline) -> None:
        """Merge the notes that the object does not hold yet. Notes for which time runs out wait for the next sweep."""
        try:
            for note in read_notes(self._work.objects, self._folder, self.held, deadline, MAX_OBJECT):
                self._merge_note(note)
        except OutOfTime:
            if deadline.remaining():
                raise

    def record(self, records: Mapping[str, Record], deadline: Deadline) -> None:
        """Take new records. Final ones are written to the journal first. Raises a QueryError."""
        batch: dict[str, Record] = {}
        size = 0
        for vid, record in records.items():
            if is_final(record):
                batch[vid] = text = as_text(record)
                size += len(text.text)
            if size > NOTE_BYTES:
                self._note({"tasks": batch}, deadline)
                batch, size = {}, 0
        if batch:
            self._note({"tasks": batch}, deadline)
        self.merge(records)

    def announce(self, part: str, deadline: Deadline) -> None:
        """Note that there is another part, so that a head written at the same time does not lose it."""
        self._note({"tasks": {}, "part": part}, deadline)

    def receive(self, other: Ledger, deadline: Deadline) -> None:
        """Take over all tasks of another object, through the journal. Raises a QueryError."""
        content = {"tasks": other.tasks, "missing": other.missing, **_marks(other)}
        ids = other.ids()
        if len(ids) > 1 and len(to_text(content)) > NOTE_BYTES:
            self.receive(other.split_off(ids[len(ids) // 2 :]), deadline)
            self.receive(other, deadline)
            return
        self._note(content, deadline)
        self.absorb(other)

    def save(self, deadline: Deadline, head: Content | None = None, state_of_head: Content | None = None) -> bool:
        """Write the object in one PUT; `head` and `state_of_head` are what only the head contains.

        Returns False when it is too large and can be halved: it is not written then. Raises a QueryError.
        """
        now = self._work.invocation.now()
        value: Content = {"action": self._work.kind.action, "updated_at": timestamp(now), **(head or {})}
        value |= {"missing": self.missing, "tasks": self.tasks}
        kept = {**_marks(self), "held": self.held, **(state_of_head or {})}
        if kept := {name: one for name, one in kept.items() if one}:
            value["state"] = kept
        body = to_text(value)
        if len(body) > PART_BYTES and len(self.ids()) > 1:
            return False
        self._work.objects.store(self.name, body, deadline)
        self.stored, self.changed = _without_tasks(value), False
        return True

    def tidy(self, deadline: Deadline) -> None:
        """Delete the notes that the object has held for long enough."""
        now = self._work.invocation.now()
        old = [name for name, at in self.held.items() if NEVER < at <= now and is_note(name)]
        for name in delete_notes(self._work.objects, old, self._work.invocation, deadline):
            del self.held[name]
            self.changed = True

    def again(self) -> float | None:
        """Return when this object is due again (Unix seconds; 0: at each sweep, None: never)."""
        if self.pending:
            return 0.0
        return max((at for at in self.held.values() if at > NEVER), default=None)

    def hold(self, name: str, seconds: float = KEPT) -> None:
        """Remember that this object holds a note, which may be deleted after so many seconds."""
        self.held[name] = round(self._work.invocation.now() + seconds)
        self.changed = True

    def ignore_note(self, name: str) -> None:
        """Remember a note that can't be read, so that it is not read again."""
        self.held[name] = NEVER
        self.changed = True

    def damaged_notes(self) -> list[str]:
        """Return the names of the notes that can't be read."""
        return [name for name, at in self.held.items() if at == NEVER]

    def _note(self, content: Content, deadline: Deadline) -> None:
        said = {"action": self._work.kind.action, **content}
        objects = self._work.objects
        stored = write_note(objects, self._folder, to_text(said), self._work.invocation, deadline)
        self.hold(stored.key.removeprefix(objects.prefix))

    def _merge_note(self, note: Note) -> None:
        content = note.content
        if content is None or not self._is_ours(content):
            self.ignore_note(note.name)
            return
        if isinstance(part := content.get("part"), str):
            self.announced.append(part)
        if "pending" in content:  # another object has moved all its tasks here
            other = Ledger(self._work.invocation.now, self._work.patience)
            _fill(other, content, content)
            self.absorb(other)
        else:
            self.merge(_records(content))
        self.hold(note.name)

    def _is_ours(self, content: Mapping[str, object]) -> bool:
        """Whether an object or a note is about this kind of task and not damaged."""
        tasks = content.get("tasks")
        is_records = isinstance(tasks, Mapping) and all(isinstance(record, Mapping) for record in tasks.values())
        return is_records and content.get("action") == self._work.kind.action


def _without_tasks(content: Mapping[str, object]) -> Content:
    return {name: value for name, value in content.items() if name != "tasks"}


def state_of(value: Mapping[str, object] | None) -> Mapping[str, object]:
    """Return what an object keeps for the next sweep; nothing for an object of an earlier version."""
    kept = (value or {}).get("state")
    return kept if isinstance(kept, Mapping) else {}


def counts_in(value: object) -> Counts:
    """Return the counts that an object keeps, empty when the value is unusable."""
    counts = value if isinstance(value, Mapping) else {}
    return {str(name): number for name, number in counts.items() if isinstance(number, int)}


def again_in(kept: Mapping[str, object]) -> float | None:
    """Return when something is due again, as an object keeps it; at once when the value is unusable."""
    again = kept.get("again", 0.0)
    return None if again is None else _seconds(again) or 0.0


def _seconds(kept: object) -> float | None:
    """A time that an object remembers, in Unix seconds; None when it is no time, like NaN or 1e400."""
    return float(kept) if isinstance(kept, (int, float)) and 0 <= kept < FOREVER else None


def _fill(ledger: Ledger, value: Mapping[str, object], marks: Mapping[str, object]) -> None:
    """Fill a ledger from an object or a note: tasks, missing ids, and the marks kept beside them."""
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
