"""Small objects, each written once, by which callers and sweeps that run at the same time tell each other things.

COS has no conditional PUT, so an object that several write is the last writer's. What must not get lost is therefore
written twice: first as a note of its own, which nobody else writes, then into the object that people read. Whoever
writes that object reads all notes first, so it holds what everybody knows.

A note may go when the object that was read says what it says, and when it is older than `KEPT`: all who began before it
was written had ended before that object was read. Whoever has begun since reads the notes first and the object then,
so knows it from one or the other, and can't put back an object without it.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from shared.cos.objects import CosObjects, Listed, Stored
from shared.errors import DamagedObject, QueryError
from shared.invocation import LONGEST_LIMIT, Deadline, Invocation
from shared.net.parallel import each
from shared.replies.json_text import to_bytes

#: Seconds that a note is kept at least: the longest run of who began before it, then the longest run of who deletes
#: it, and time for clocks to differ and for lists to catch up (COS lists are eventually consistent, GET Bucket page).
KEPT = 2 * LONGEST_LIMIT + 600.0
#: Notes read, or deleted, at once.
WORKERS = 8


class Note(NamedTuple):
    """A note: its object's name, when COS got it (Unix seconds), and what it says."""

    name: str
    written: float
    content: Mapping[str, object]


def leave_note(
    objects: CosObjects, folder: str, content: Mapping[str, object], invocation: Invocation, deadline: Deadline
) -> Stored:
    """Write a note into a folder; its name begins with the time, so that notes list in their order.

    It ends with a digest: an event that arrives twice has one request id, and need not find the same.
    """
    now = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(invocation.now()))
    digest = hashlib.sha256(to_bytes(content)).hexdigest()[:8]
    return objects.put(f"{folder}{now}-{invocation.request_id}-{digest}.json", content, deadline)


def read_notes(objects: CosObjects, folder: str, seen: set[str], deadline: Deadline) -> list[Note]:
    """Return the notes of a folder whose names are not in `seen`, oldest first. Raises a QueryError."""
    return read_listed(objects, [item for item in objects.list(folder, deadline) if item.name not in seen], deadline)


def read_listed(objects: CosObjects, listed: Sequence[Listed], deadline: Deadline) -> list[Note]:
    """Return these notes, oldest first. Raises a QueryError.

    One that is removed between list and read is passed over, and so is one that holds no object: nobody here wrote it.
    """
    notes = []
    for item, found in each(listed, lambda item, until: _content(objects, item.name, until), WORKERS, deadline):
        if isinstance(found, QueryError):
            raise found
        if found is not None:
            notes.append(Note(item.name, item.written, found))
    return sorted(notes, key=lambda note: note.name)


def _content(objects: CosObjects, name: str, deadline: Deadline) -> Mapping[str, object] | None:
    try:
        found = objects.get(name, deadline)
    except DamagedObject:
        return None
    return found.value if found and isinstance(found.value, Mapping) else None


def is_old(note: Note | Listed, invocation: Invocation) -> bool:
    """Whether everybody who has not read a note has ended by now."""
    return invocation.now() - note.written > KEPT


def delete_old(objects: CosObjects, notes: Sequence[Note | Listed], invocation: Invocation, deadline: Deadline) -> None:
    """Delete those notes that are old enough; the object said what they say when it was read.

    One that can't be deleted does no harm: it is counted, and the next sweep tries again.
    """
    old = [note.name for note in notes if is_old(note, invocation)]
    for _, failure in each(old, objects.delete, WORKERS, deadline):
        if failure is not None:
            invocation.count("undeleted_notes")
