"""What a sweep watches: a watch object that people write, and the notes of callers who have added ids."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from shared.cos.journal import Note, leave_note, read_notes
from shared.cos.objects import CosObjects, Stored
from shared.errors import DamagedObject
from shared.invocation import Deadline, Invocation
from shared.tasks import IdForm, split_ids

#: Ids in one note: a shard takes whole notes, so that it can say which ones it was filled from.
NOTE_SIZE = 1000


class Watched(NamedTuple):
    """The ids to ask about, each once, and where they come from.

    `invalid` is what in the watch object is no id, `damaged` says that it is no list at all, `etag` is its ETag.
    """

    vids: list[str]
    invalid: list[object]
    damaged: bool
    etag: str
    notes: list[Note]


def added_folder(watch: str) -> str:
    """The folder of the notes that add ids to a watch object `watch/video.json` or a watch prefix `watch/video/`."""
    return f"{watch.removesuffix('/').removesuffix('.json')}.added/"


def add_ids(objects: CosObjects, watch: str, vids: tuple[str, ...], invocation: Invocation) -> Stored:
    """Add ids to what is watched; return where the last of them are noted. Raises a QueryError.

    Two callers at the same moment both count: each writes notes of its own.
    """
    for start in range(0, len(vids), NOTE_SIZE):
        content = {"vids": list(vids[start : start + NOTE_SIZE])}
        stored = leave_note(objects, added_folder(watch), content, invocation, invocation.deadline)
    return stored


def read_watched(objects: CosObjects, watch: str, ids: IdForm, deadline: Deadline) -> Watched:
    """Return what is watched; `ids` is the form of valid ids.

    Raises a QueryError when COS can't be asked; a damaged watch object is only told.
    """
    notes = read_notes(objects, added_folder(watch), set(), deadline)
    listed, damaged, etag = _listed(objects, watch, deadline)
    vids, invalid = split_ids([*listed, *(vid for note in notes for vid in ids_of(note.content))], ids)
    return Watched(vids, invalid, damaged, etag, notes)


def ids_of(value: object) -> list[object]:
    """The entries of a JSON list or `{"vids": […]}`, whatever they are; none of anything else."""
    if isinstance(value, Mapping):
        value = value.get("vids")
    return value if isinstance(value, list) else []


def _listed(objects: CosObjects, watch: str, deadline: Deadline) -> tuple[list[object], bool, str]:
    try:
        found = objects.get(watch, deadline)
    except DamagedObject:
        return [], True, ""
    if found is None:
        return [], False, ""
    value = found.value.get("vids") if isinstance(found.value, Mapping) else found.value
    return ids_of(found.value), not isinstance(value, list), found.etag
