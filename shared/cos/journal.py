"""The journal: small objects, each written once and by one writer, from which objects that people read are made.

COS has no compare-and-swap, so an object that several invocations write is the last writer's. What must not get lost is
therefore written twice: first as a note of its own, then merged into the object. The object lists the notes that it
holds, with the time from which each may go. A writer that did not know of a note writes an object without it; the next
one finds the note, sees that the object does not hold it, and merges it again.

A note goes once the object has held it for `KEPT`. Whoever began before the note could be seen has ended by then, and
whoever began later has read the note, or an object that holds it: nobody is left who could write an object without it.
That rests on one property of COS: a list or a read shows what was written `STALE` seconds before, or something newer.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from shared.cos.objects import CosObjects, Stored
from shared.errors import DamagedObject, OutOfTime, QueryError
from shared.invocation import LONGEST_LIMIT, Deadline, Invocation
from shared.net.parallel import each
from shared.replies.json_text import to_bytes

#: Seconds by which a list or a read of COS may be behind. Lists are eventually consistent, a guarantee for reads is not
#: documented (GET Bucket page and FAQ of COS): a minute is far more than was ever seen.
STALE = 60.0
#: Seconds that an object holds a note before the note goes: the longest run of who began when it could not be seen yet,
#: the longest run of who deletes it, and time for clocks to differ.
KEPT = 2 * LONGEST_LIMIT + 2 * STALE + 480.0
#: Seconds after which small notes go that one note, written before, says in one: it is in every list by then.
FOLDED = 2 * STALE
#: The time of a note that never goes: it can't be read, or is not ours, so it is left as it is.
NEVER = 0.0
#: Notes read, or deleted, at once.
WORKERS = 16
#: Notes whose content is in memory at once, at most; and bytes of it.
MOST_NOTES, MOST_BYTES = 64, 16 * 1024 * 1024

#: The notes that an object holds: from when each may go (Unix seconds), by name.
Held = dict[str, float]


class Note(NamedTuple):
    """A note: its object's name, and what it says, None when that can't be read."""

    name: str
    content: Mapping[str, object] | None


def leave_note(
    objects: CosObjects, folder: str, content: Mapping[str, object], invocation: Invocation, deadline: Deadline
) -> Stored:
    """Write a note into a folder. Its name begins with the time, so that notes list in their order.

    It ends with a digest: an event that arrives twice has one request id, and need not find the same. Raises a
    QueryError.
    """
    now = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(invocation.now()))
    digest = hashlib.sha256(to_bytes(content)).hexdigest()[:8]
    return objects.put(f"{folder}{now}-{invocation.request_id}-{digest}.json", content, deadline)


def read_notes(objects: CosObjects, folder: str, held: Held, deadline: Deadline, most: int) -> Iterator[Note]:
    """Yield the notes of a folder that are not held yet, of at most `most` bytes each, the oldest first.

    They are read a few at a time, for a folder may hold more than memory does. A larger one is unreadable. One that is
    gone between list and read is passed over; an unreadable one that is gone is no longer held. Raises a QueryError,
    OutOfTime when there are more than there is time for: what was yielded before can be kept.
    """
    unreadable = {name for name, at in held.items() if at == NEVER and name.startswith(folder)}
    for page in objects.pages(folder, deadline):
        unreadable.difference_update(item.name for item in page)
        fresh = [item.name for item in page if item.etag and item.name not in held]
        size = max(1, min(MOST_NOTES, MOST_BYTES // most))
        for start in range(0, len(fresh), size):
            yield from _read_all(objects, fresh[start : start + size], deadline, most)
    for name in unreadable:
        del held[name]


def delete_notes(objects: CosObjects, names: Sequence[str], invocation: Invocation, deadline: Deadline) -> list[str]:
    """Delete notes, as many as there is time for; return the names of those that are gone.

    One that can't be deleted does no harm: it is counted, and the next sweep tries again.
    """
    gone = []
    for name, failure in each(names, objects.delete, WORKERS, deadline):
        if failure is None:
            gone.append(name)
        elif not isinstance(failure, OutOfTime):
            invocation.count("undeleted_notes")
    return gone


def _read_all(objects: CosObjects, names: Sequence[str], deadline: Deadline, most: int) -> Iterator[Note]:
    read = dict(each(names, lambda name, until: _read(objects, name, until, most), WORKERS, deadline))
    failures = []
    for name in names:
        note = read.pop(name)
        if isinstance(note, QueryError):
            failures.append(note)
        elif note is not None:
            yield Note(name, note or None)
    if failures:
        raise failures[0]


def _read(objects: CosObjects, name: str, deadline: Deadline, most: int) -> Mapping[str, object] | None:
    """What a note says; nothing, but not None, for one that is no object of JSON."""
    try:
        found = objects.get(name, deadline, most)
    except DamagedObject:
        return {}
    if found is None:
        return None
    return found.value if isinstance(found.value, Mapping) else {}
