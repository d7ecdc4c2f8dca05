"""The journal: small objects, each written once by one writer. The objects that people read are made from them.

COS has no compare-and-swap: when several invocations write one object, the last write wins. What must not get lost is
therefore written twice, first as a note of its own, then merged into the object. The object lists the notes that it
holds, each with the time from which it may be deleted. A writer that has not seen a note writes an object without it;
the next sweep finds the note, sees that the object does not hold it, and merges it again.

A note is deleted once the object has held it for `KEPT`. An invocation that began before the note was visible has ended
by then; one that began later has read the note, or an object that holds it. So none can write an object without it.
This relies on one property of COS: a list or a read shows the state of at most `STALE` seconds ago.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from shared.cos.objects import CosObjects, Stored
from shared.errors import DamagedObject, OutOfTime, QueryError
from shared.invocation import LONGEST_LIMIT, Deadline
from shared.net.parallel import each
from shared.settings import is_safe_key

#: Seconds by which a list or a read of COS may be behind. Lists are eventually consistent; no guarantee for reads is
#: documented (GET Bucket page and FAQ of COS). A minute is an assumption with a wide margin.
STALE = 60.0
#: Seconds that an object holds a note before the note is deleted: the longest run of an invocation that could not see
#: it yet, the longest run of the one that deletes it, `STALE` for each, and a margin for clocks that differ.
KEPT = 2 * LONGEST_LIMIT + 2 * STALE + 480.0
#: Seconds that folded notes are kept: by then every list shows the note that replaces them.
FOLDED = 2 * STALE
#: The time of a note that can't be read or is not ours: it is never deleted.
UNREADABLE = 0.0
#: Notes read, or deleted, at once.
WORKERS = 16
#: Notes whose content is in memory at once, at most; and bytes of it.
MOST_NOTES, MOST_NOTE_BYTES = 64, 16 * 1024 * 1024

#: The notes that an object holds: the time from which each may be deleted (Unix seconds), by name.
Held = dict[str, float]


class Note(NamedTuple):
    """A note: the name of its object and its content, None for one that can't be read."""

    name: str
    content: Mapping[str, object] | None


def write_note(objects: CosObjects, folder: str, content: bytes) -> Stored:
    """Write a note, a JSON object, into a folder. Its name begins with the time, so that lists have notes in order.

    The name ends with a digest: an event that arrives twice has one request id, but may lead to another content.
    Raises a QueryError.
    """
    now = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(objects.invocation.now()))
    digest = hashlib.sha256(content).hexdigest()[:8]
    return objects.store(f"{folder}{now}-{objects.invocation.request_id}-{digest}.json", content)


def read_notes(objects: CosObjects, folder: str, held: Held, deadline: Deadline, most: int) -> Iterator[Note]:
    """Yield the notes of a folder that are not held yet, the oldest first, as far as time allows.

    They are read a few at a time, for a folder may hold more than memory does; one of more than `most` bytes is
    unreadable. A note that disappears between list and read is skipped; an unreadable one that has disappeared is no
    longer held. Raises a QueryError; the notes yielded before are valid.
    """
    unreadable = {name for name, at in held.items() if at == UNREADABLE and name.startswith(folder)}
    size = max(1, min(MOST_NOTES, MOST_NOTE_BYTES // most))
    try:
        for page in objects.pages(folder, deadline):
            unreadable -= page.keys()
            fresh = [name for name, etag in page.items() if etag and name not in held]
            for start in range(0, len(fresh), size):
                yield from _read(objects, fresh[start : start + size], deadline, most)
    except OutOfTime:
        if deadline.remaining():
            raise
        return
    for name in unreadable:
        del held[name]


def held_for(objects: CosObjects, names: Iterable[str], seconds: float) -> Held:
    """Return these notes as held from now on, to be deleted after so many seconds."""
    return dict.fromkeys(names, round(objects.invocation.now() + seconds))


def is_note(name: str) -> bool:
    """Return whether an object's name is that of a note. People may edit the list of notes that an object holds."""
    return is_safe_key(name) and name.rpartition("/")[0].endswith((".found", ".added"))


def delete_notes(objects: CosObjects, names: Sequence[str], deadline: Deadline) -> list[str]:
    """Delete as many notes as time allows; return the names of those that are gone.

    A note that can't be deleted does no harm: it is counted, and the next sweep tries again.
    """
    gone = []
    for name, failure in each(names, objects.delete, WORKERS, deadline):
        if failure is None:
            gone.append(name)
        elif not isinstance(failure, OutOfTime):
            objects.invocation.count("undeleted_notes")
    return gone


def _read(objects: CosObjects, names: Sequence[str], deadline: Deadline, most: int) -> Iterator[Note]:
    read = dict(each(names, lambda name, until: objects.get(name, until, most), WORKERS, deadline))
    for name in names:
        content = read.pop(name)
        if isinstance(content, DamagedObject):
            yield Note(name, None)
        elif isinstance(content, QueryError):
            raise content
        elif content is not None:
            yield Note(name, content)
