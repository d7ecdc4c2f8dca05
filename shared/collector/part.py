"""One object of the results, with its journal.

A small watch list has one such object, the head. The head of a large one moves what it can't hold into further parts.

Final records go into the journal first, then into the object (see shared/cos/journal.py). So no sweep loses what
another one has found at the same time, and a sweep that is killed leaves the old object or the new one, and its note.
"""

from __future__ import annotations

from collections.abc import Mapping

from shared.backends.base import Work
from shared.collector.ledger import Counts, Ledger, timestamp
from shared.cos.journal import KEPT, UNREADABLE, Held, Note, delete_notes, held_for, is_note, read_notes, write_note
from shared.cos.objects import MAX_OBJECT
from shared.cos.records import text_record, to_text
from shared.errors import DamagedObject
from shared.invocation import Deadline
from shared.tasks import Record, is_final

#: Tasks in one object. With the longest records seen, audio with three outputs, that is some 6 MB of JSON.
PART_IDS = 5000
#: Bytes of JSON in one object: Python needs several times that to read one and to write it, within 128 MB.
PART_BYTES = 6 * 1024 * 1024
#: Bytes of the largest object that is read: earlier versions kept all records in one, as many as 128 MB allowed.
MAX_PART = 16 * 1024 * 1024
#: Bytes of records at which a note is written and the next one begun.
BATCH_BYTES = 4 * 1024 * 1024
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

    def read(self, deadline: Deadline) -> None:
        """Read the object, and merge the notes that it does not hold yet, as far as time allows.

        Raises DamagedObject when the object is not ours, or another QueryError.
        """
        content = self._work.objects.get(self.name, deadline, MAX_PART)
        if content is not None:
            self._read_content(content)
        for note in read_notes(self._work.objects, self._folder, self.held, deadline, MAX_OBJECT):
            self._merge_note(note)

    def _read_content(self, content: Content) -> None:
        if not self._is_ours(content):
            message = f"the object {self.name} holds no {self._work.kind.action} results; it is left as it is"
            raise DamagedObject(message)
        remembered = remembered_in(content)
        self.fill(content, remembered)
        self.stored = {**content, "tasks": None}
        held = remembered.get("held")
        if isinstance(held, Mapping):
            times = {str(name): _seconds(at) for name, at in held.items()}
            self.held = {name: at for name, at in times.items() if at is not None}

    def record(self, records: Mapping[str, Record]) -> None:
        """Take new records. Final ones are written to the journal first. Raises a QueryError."""
        batch: dict[str, Record] = {}
        size = 0
        for vid, record in records.items():
            if is_final(record):
                batch[vid] = text = text_record(record)
                size += len(text.text)
            if size > BATCH_BYTES:
                self._write_note({"tasks": batch})
                batch, size = {}, 0
        if batch:
            self._write_note({"tasks": batch})
        self.merge(records)

    def announce(self, part: str) -> None:
        """Note that there is another part, so that a head written at the same time does not lose it."""
        self._write_note({"tasks": {}, "part": part})

    def receive(self, other: Ledger) -> None:
        """Take over all tasks of another object, through the journal. Raises a QueryError."""
        content = {"tasks": other.tasks, "missing": other.missing, **other.marks()}
        ids = other.ids()
        if len(ids) > 1 and len(to_text(content)) > BATCH_BYTES:
            self.receive(other.split_off(ids[len(ids) // 2 :]))
            self.receive(other)
            return
        self._write_note(content)
        self.absorb(other)

    def save(self, shown: Content | None = None, remembered: Content | None = None) -> bool:
        """Write the object in one PUT; `shown` and `remembered` are what only the head shows and remembers.

        Returns False when it is too large and can be halved: it is not written then. Raises a QueryError.
        """
        now = self._work.invocation.now()
        content: Content = {"action": self._work.kind.action, "updated_at": timestamp(now), **(shown or {})}
        content |= {"missing": self.missing, "tasks": self.tasks}
        state = {**self.marks(), "held": self.held, **(remembered or {})}
        if any(state.values()):
            content["state"] = {name: value for name, value in state.items() if value}
        body = to_text(content)
        if len(body) > PART_BYTES and len(self.ids()) > 1:
            return False
        self._work.objects.store(self.name, body)
        self.stored, self.changed = {**content, "tasks": None}, False
        return True

    def tidy(self, deadline: Deadline) -> None:
        """Delete the notes that the object has held for long enough."""
        now = self._work.invocation.now()
        old = [name for name, at in self.held.items() if UNREADABLE < at <= now and is_note(name)]
        for name in delete_notes(self._work.objects, old, deadline):
            del self.held[name]
            self.changed = True

    def written_at(self) -> str:
        """Return when the object was written, as it says itself; empty when it does not."""
        return str((self.stored or {}).get("updated_at") or "")

    def next_due(self) -> float:
        """Return when this object is due again (Unix seconds; 0: at each sweep, FOREVER: never)."""
        if self.pending:
            return 0.0
        return max((at for at in self.held.values() if at > UNREADABLE), default=FOREVER)

    def hold(self, notes: Held) -> None:
        """Remember that this object holds some notes, with the time from which each may be deleted."""
        self.held |= notes
        self.changed |= bool(notes)

    def damaged_notes(self) -> list[str]:
        """Return the names of the notes that can't be read."""
        return [name for name, at in self.held.items() if at == UNREADABLE]

    def _write_note(self, content: Content) -> None:
        text = to_text({"action": self._work.kind.action, **content})
        stored = write_note(self._work.objects, self._folder, text)
        self.hold(held_for(self._work.objects, [stored.key.removeprefix(self._work.objects.prefix)], KEPT))

    def _merge_note(self, note: Note) -> None:
        content = note.content
        if content is None or not self._is_ours(content):
            self.hold({note.name: UNREADABLE})
            return
        if isinstance(part := content.get("part"), str):
            self.announced.append(part)
        other = Ledger(self._work.invocation.now, self._work.patience)
        other.fill(content, content)
        if "pending" in content:  # another object has moved all its tasks here
            self.absorb(other)
        else:
            self.merge(other.tasks)
        self.hold(held_for(self._work.objects, [note.name], KEPT))

    def _is_ours(self, content: Mapping[str, object]) -> bool:
        """Whether an object or a note is about this kind of task and not damaged."""
        tasks = content.get("tasks")
        is_records = isinstance(tasks, Mapping) and all(isinstance(record, Mapping) for record in tasks.values())
        return is_records and content.get("action") == self._work.kind.action


def remembered_in(content: Mapping[str, object] | None) -> Mapping[str, object]:
    """Return what an object remembers for the next sweep; nothing for an object of an earlier version."""
    state = (content or {}).get("state")
    return state if isinstance(state, Mapping) else {}


def counts_in(value: object) -> Counts:
    """Return the counts that an object keeps, empty when the value is unusable."""
    counts = value if isinstance(value, Mapping) else {}
    return {str(name): number for name, number in counts.items() if isinstance(number, int)}


def next_due_in(remembered: Mapping[str, object]) -> float:
    """Return when something is due again, as an object remembers it; at once when the value is unusable."""
    due = remembered.get("next_due", remembered.get("again", 0.0))  # `again`, and null, in earlier versions
    return FOREVER if due is None else _seconds(due) or 0.0


def _seconds(value: object) -> float | None:
    """A time that an object remembers, in Unix seconds; None when it is no time, like NaN or 1e400."""
    return float(value) if isinstance(value, (int, float)) and 0 <= value <= FOREVER else None
