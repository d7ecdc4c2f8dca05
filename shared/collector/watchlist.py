"""The ids that a sweep watches: a watch object that people write, and notes with the ids that callers have added."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from shared.cos.journal import FOLDED, KEPT, UNREADABLE, Held, held_for, read_notes, write_note
from shared.cos.objects import Chunk, CosObjects, Stored
from shared.errors import DamagedObject
from shared.invocation import Deadline
from shared.net.json_text import to_bytes, to_json
from shared.tasks import IdForm, split_ids

#: Ids in one note, and bytes that they never fill.
NOTE_IDS, NOTE_BYTES = 1000, 128 * 1024
#: From this many new notes on, they are folded into one note for each `NOTE_IDS` ids, and soon deleted.
FOLD_FROM = 50
#: With so many ids, the notes that are left wait for the next sweep: the ids of a sweep have to fit in memory.
MOST_ADDED = 50_000
#: One entry of a JSON list of plain values, with the character after it; and the text before the first entry.
#: A repeated group takes memory for each time, so a text may have some escapes, and any number of plain characters.
_ENTRY = re.compile(rb'\s*("[^"\\]*(?:\\.[^"\\]*){0,999}"|[^\s"\[\]{},]+)\s*([],])')
_HEAD = re.compile(rb'\s*(?:\{\s*"vids"\s*:\s*)?\[')
#: How many names of a sort a summary has, and the length of an id, to which invalid entries are cut.
MOST_NAMED, LONGEST_NAME = 20, 64
#: The byte of a watch object that is read to its end.
END = -1


class Progress(NamedTuple):
    """How far a watch object has been read: the ETag of the version, and the byte to continue from (`END`: none).

    `damaged` means that it is not a list. `invalid` are the entries that are not ids, as many as a summary names.
    """

    etag: str = ""
    byte: int = 0
    damaged: bool = False
    invalid: tuple[str, ...] = ()


def progress_in(remembered: object) -> Progress:
    """Return the progress that a results object remembers, the beginning when it remembers nothing usable."""
    known = remembered if isinstance(remembered, Mapping) else {}
    etag, byte, invalid = known.get("etag"), known.get("byte"), known.get("invalid")
    if not (isinstance(etag, str) and isinstance(byte, int) and isinstance(invalid, list)):
        return Progress()
    return Progress(etag, byte, bool(known.get("damaged")), tuple(map(str, invalid)))


class Listing(NamedTuple):
    """Ids of a watch object, each once, from its beginning or where reading has stopped, and the progress after them.

    `whole` says that these are all ids of the object.
    """

    vids: list[str]
    progress: Progress
    whole: bool


class Added(NamedTuple):
    """The ids that callers have added, each once, and their notes, as an object with these ids holds them."""

    vids: list[str]
    notes: Held


def added_folder(watch: str) -> str:
    """Return the folder of the notes that add ids to a watch object or prefix.

    `watch/video.json` and `watch/video/` share `watch/video.added/`; with the prefix that is the list of its shard
    `watch/video/added.json`.
    """
    return f"{watch.removesuffix('.json').removesuffix('/added').removesuffix('/')}.added/"


def add_ids(objects: CosObjects, watch: str, vids: Sequence[str]) -> Stored:
    """Add ids to a watch list; return where the last of them are noted. Raises a QueryError.

    Two callers at the same moment both count: each writes notes of its own.
    """
    return _write_notes(objects, added_folder(watch), vids)[-1]


def read_added(objects: CosObjects, watch: str, ids: IdForm, held: Held, deadline: Deadline) -> Added:
    """Return the ids in notes that no object holds yet, as far as time allows. Many notes are folded into few.

    `ids` is the form of valid ids; others in notes are passed over. Raises a QueryError when COS can't be asked.
    """
    folder = added_folder(watch)
    vids, notes, damaged = dict[str, None](), list[str](), list[str]()
    for note in read_notes(objects, folder, held, deadline, NOTE_BYTES):
        listed = ids_of(note.content)
        (damaged if listed is None else notes).append(note.name)
        vids.update(dict.fromkeys(split_ids(listed or [], ids)[0]))
        if len(vids) >= MOST_ADDED:
            break
    now_held = dict.fromkeys(damaged, UNREADABLE)
    if len(notes) >= FOLD_FROM:
        now_held |= held_for(objects, notes, FOLDED)
        folds = _write_notes(objects, folder, [*vids])
        notes = [stored.key.removeprefix(objects.prefix) for stored in folds]
    return Added([*vids], now_held | held_for(objects, notes, KEPT))


def _write_notes(objects: CosObjects, folder: str, vids: Sequence[str]) -> list[Stored]:
    """Write ids as notes of at most `NOTE_IDS`."""
    contents = [to_bytes({"vids": vids[start : start + NOTE_IDS]}) for start in range(0, len(vids), NOTE_IDS)]
    return [write_note(objects, folder, content) for content in contents]


def read_watched(objects: CosObjects, watch: str, ids: IdForm, progress: Progress, deadline: Deadline) -> Listing:
    """Return the next ids of a watch object, at most a chunk of it; none when it is unchanged and read to its end.

    `ids` is the form of valid ids, `progress` how far it was read. A damaged object has no ids. Raises a QueryError
    when COS can't be asked.
    """
    if progress.byte > 0:
        behind = objects.read(watch, deadline, lambda chunk: _scan(chunk, ids, progress), progress.byte, progress.etag)
        if behind is not None:
            return behind
        progress = Progress()  # the object has changed: read it from the beginning
    try:
        found = objects.read(watch, deadline, lambda chunk: _first(chunk, ids, progress), 0, progress.etag)
    except DamagedObject:  # every attempt came damaged, or the ETag is no MD5 because the object is encrypted
        return Listing([], Progress("", END, damaged=True), whole=False)
    return found or Listing([], Progress(), whole=True)


def ids_of(value: object) -> list[object] | None:
    """Return the entries of a JSON list or of `{"vids": […]}`, unchecked; None for any other value."""
    if isinstance(value, Mapping):
        value = value.get("vids")
    return value if isinstance(value, list) else None


def _first(chunk: Chunk, ids: IdForm, progress: Progress) -> Listing:
    """The listing of the first chunk of a watch object, which mostly is all of it."""
    if progress.etag and chunk.etag == progress.etag:
        return Listing([], progress, whole=False)
    if len(chunk.body) < chunk.total:
        return _scan(chunk, ids, Progress(chunk.etag))
    try:
        listed = ids_of(json.loads(chunk.body))
    except (ValueError, RecursionError) as error:
        if not chunk.intact:
            raise DamagedObject("the watch object is not JSON", retryable=True) from error
        listed = None
    if listed is None:
        return Listing([], Progress(chunk.etag, END, damaged=True), whole=False)
    vids, invalid = split_ids(listed, ids)
    return Listing(vids, Progress(chunk.etag, END, invalid=_named(invalid)), whole=True)


def _scan(chunk: Chunk, ids: IdForm, progress: Progress) -> Listing:
    """The listing of a chunk of a large list. Anything but a list of plain values counts as damaged."""
    body, at, end = chunk.body, 0, b""
    if chunk.start == 0:
        head = _HEAD.match(body)
        at = head.end() if head else len(body)
    found = list[object]()
    while end != b"]" and (entry := _ENTRY.match(body, at)):
        try:
            found.append(json.loads(entry[1]))
        except ValueError:
            break
        at, end = entry.end(), entry[2]
    vids, rest = split_ids(found, ids)
    byte = END if end == b"]" else chunk.start + at
    damaged = not found or byte >= chunk.total
    invalid = (*progress.invalid, *_named(rest))[:MOST_NAMED]
    return Listing(vids, Progress(chunk.etag, END if damaged else byte, damaged, invalid), whole=False)


def _named(invalid: list[object]) -> tuple[str, ...]:
    """The invalid entries that a summary names, each cut to the length of an id."""
    return tuple(to_json(entry)[:LONGEST_NAME] for entry in invalid[:MOST_NAMED])
