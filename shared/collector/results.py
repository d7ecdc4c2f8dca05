"""The results object: what became of every task, kept so that no sweep loses what another has found.

A final result is written as a note first (see notes.py), then merged into the object, and after each PUT the sweep
looks for notes that came meanwhile. So of sweeps that overlap, the one that writes the object last has everybody's
final results in it; a sweep that is killed leaves the old object or the new one, and its note.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from shared.backends.base import Record
from shared.cos.journal import Note, delete_old, is_old, leave_note, read_notes
from shared.cos.objects import CosObjects
from shared.errors import DamagedObject
from shared.invocation import Deadline, Invocation
from shared.tasks import Kind, is_final

Tasks = dict[str, Record]
Summary = dict[str, object]


class Results:
    """The results of one sweep's tasks, on top of what was known before.

    `damaged` names a results object that is not ours: it is left as it is and a new one is kept beside it.
    """

    def __init__(self, kind: Kind, name: str, objects: CosObjects, invocation: Invocation) -> None:
        self.tasks: Tasks = {}
        self.summary: object = None
        self.next = ""
        self.damaged = ""
        self._kind = kind
        self._name = name
        self._base = name.removesuffix(".json")
        self._folder = f"{self._base}.found/"
        self._objects = objects
        self._invocation = invocation
        self._stored: Tasks = {}
        self._notes: dict[str, Note] = {}

    def load(self, deadline: Deadline) -> None:
        """Read the notes and then the object beside them: a note that is gone by then is in the object.

        Raises DamagedObject when the one kept beside a damaged object is damaged as well, or another QueryError.
        """
        self._take_notes(deadline)
        try:
            self._read(deadline)
        except DamagedObject:
            self.damaged = self._name
            self._name = f"{self._base}.recovered.json"
            self._read(deadline)
        noted, self.tasks = self.tasks, dict(self._stored)
        _merge(self.tasks, noted)

    def add(self, records: Mapping[str, Record], deadline: Deadline) -> None:
        """Take new records, and note those that are final before the object is written."""
        final = {vid: record for vid, record in records.items() if is_final(record)}
        if final:
            content = {"action": self._kind.action, "tasks": final}
            stored = leave_note(self._objects, self._folder, content, self._invocation, deadline)
            name = stored.key.removeprefix(self._objects.prefix)
            self._notes[name] = Note(name, self._invocation.now(), content)
        _merge(self.tasks, records)

    def changed(self, summary: object, following: str) -> bool:
        """Whether there is anything to write."""
        return (self.tasks, summary, following) != (self._stored, self.summary, self.next)

    def save(self, summarize: Callable[[Tasks], Summary], following: str, deadline: Deadline) -> Summary:
        """Write the object, again for as long as other sweeps have left notes meanwhile; return its summary.

        `following` is the id that the next sweep begins with. Raises a QueryError.
        """
        self._take_notes(deadline)
        while True:
            summary = summarize(self.tasks)
            now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self._invocation.now()))
            value = {"action": self._kind.action, "updated_at": now, "summary": summary, "tasks": self.tasks}
            self._objects.put(self._name, {**value, "next": following} if following else value, deadline)
            if not self._take_notes(deadline):
                return summary

    def has_news(self) -> bool:
        """Whether more is known than the object said when this sweep began."""
        return self.tasks != self._stored

    def notes_left(self) -> int:
        """How many notes there are once those that may go are deleted."""
        return len(self._notes) - sum(is_old(note, self._invocation) for note in self._stored_notes())

    def tidy(self, deadline: Deadline) -> None:
        """Delete the notes that may go: old ones whose records the object had when this sweep began."""
        delete_old(self._objects, self._stored_notes(), self._invocation, deadline)

    def _stored_notes(self) -> list[Note]:
        told = [(note, self._tasks_of(note)) for note in self._notes.values()]
        return [note for note, tasks in told if tasks and all(map(self.had, tasks))]

    def had(self, vid: str) -> bool:
        """Whether the object had a final record of an id when this sweep began."""
        return vid in self._stored and is_final(self._stored[vid])

    def _read(self, deadline: Deadline) -> None:
        name = self._name
        found = self._objects.get(name, deadline)
        if found is None:
            return
        if not isinstance(found.value, Mapping) or found.value.get("action") != self._kind.action:
            raise DamagedObject(f"the object {name} holds no {self._kind.action} results; it is left as it is")
        tasks = found.value.get("tasks")
        if not isinstance(tasks, Mapping) or not all(isinstance(record, Mapping) for record in tasks.values()):
            raise DamagedObject(f"the object {name} has damaged tasks; it is left as it is")
        self._stored = dict(tasks)
        self.summary, self.next = found.value.get("summary"), str(found.value.get("next") or "")

    def _take_notes(self, deadline: Deadline) -> bool:
        """Merge the notes that are not merged yet; return whether there were any."""
        fresh = read_notes(self._objects, self._folder, set(self._notes), deadline)
        for note in fresh:
            self._notes[note.name] = note
            _merge(self.tasks, self._tasks_of(note))
        return bool(fresh)

    def _tasks_of(self, note: Note) -> Mapping[str, Record]:
        """The records of a note; none of one that is about the other kind of task, or damaged."""
        tasks = note.content.get("tasks")
        if note.content.get("action") != self._kind.action or not isinstance(tasks, Mapping):
            return {}
        return tasks if all(isinstance(record, Mapping) for record in tasks.values()) else {}


def _merge(tasks: Tasks, records: Mapping[str, Record]) -> None:
    """Take over records; a final one never gives way to one that is not."""
    for vid, record in records.items():
        if is_final(record) or not is_final(tasks.get(vid, {})):
            tasks[vid] = record
