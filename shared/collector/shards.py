"""A watch prefix: many shards of ids, each swept by an invocation of its own.

The timer's invocation fills new ids into shards, sees from the shards' summaries which are unfinished, and has SCF run
this function once for each of those: a timer's event whose Message names one shard, so it can't spread any further.
"""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from shared.collector.invoke import ScfApi
from shared.collector.results import Summary
from shared.collector.sweep import Tools, collect
from shared.collector.watchlist import added_folder, ids_of
from shared.cos.journal import KEPT, Note, delete_old, read_listed
from shared.cos.objects import CosObjects, Listed
from shared.errors import DamagedObject, KeysRejected, QueryError
from shared.events import Sweep
from shared.invocation import Deadline
from shared.net.parallel import each
from shared.settings import is_safe_key
from shared.tasks import DELETED, FAILED, SUCCEEDED, split_ids

#: Ids in a shard that is filled here. Shards that people write may hold any number.
SHARD_SIZE = 5000
#: Notes held at once: with 1,000 ids in each, some 10 MB.
NOTES_AT_ONCE = 100
#: Shards swept at one firing of the timer; the rest wait for the next.
MOST_SHARDS = 1000
#: Objects read, and invocations asked for, at once.
WORKERS = 16
#: Seconds by which the clocks of COS's machines may differ.
CLOCKS_DIFFER = 60.0
FILLED = re.compile(r"added-([0-9]{6})\.json")


class Shard(NamedTuple):
    """One shard: its file name, the ETag of its list of ids, and when its last sweep ended with what summary."""

    name: str
    etag: str
    swept: float
    summary: Mapping[str, int]
    finished: bool


def spread(tools: Tools, sweep: Sweep, scf: ScfApi) -> Summary:
    """Have every unfinished shard swept; return the summary over all shards as they were.

    The one that was swept longest ago comes first. Where the run role does not allow to invoke, this invocation sweeps
    the shards itself, one after the other, for as long as its time lasts. Raises a QueryError when COS can't be asked,
    or when shards are due and none was swept or invoked.
    """
    objects, invocation = tools.objects, tools.invocation
    deadline = invocation.deadline.earlier(invocation.write_margin)
    filled = fill_shards(objects, sweep.watch, deadline)
    shards = _shards(tools, sweep, deadline)
    index = _write_index(tools, sweep, shards, deadline)
    due = sorted((shard for shard in shards if not shard.finished), key=lambda shard: shard.swept)[:MOST_SHARDS]
    sweeps = [_sweep_of(sweep, shard.name) for shard in due]
    failures = _invoke(scf, sweeps, deadline)
    invoked, swept = len(due) - len(failures), 0
    delete_old(objects, filled, invocation, deadline)
    if any(isinstance(error, KeysRejected) for error in failures):
        swept, failures = _sweep_in_turn(tools, sweeps, deadline)
    if failures and not (invoked or swept):
        raise failures[0]
    return {**index, "shards": len(shards), "due": len(due), "invoked": invoked, "swept": swept}


def _sweep_of(sweep: Sweep, shard: str) -> Sweep:
    return Sweep(None, f"{sweep.watch}{shard}", f"{sweep.results}{shard}", f"{sweep.results}summary/{shard}")


def _invoke(scf: ScfApi, sweeps: Sequence[Sweep], deadline: Deadline) -> list[QueryError]:
    """Invoke this function once for each sweep; return the errors of those that SCF did not take."""
    outcomes = each(sweeps, lambda one, until: scf.invoke(_event(one), until), WORKERS, deadline)
    return [outcome for _, outcome in outcomes if outcome is not None]


def _sweep_in_turn(tools: Tools, sweeps: Sequence[Sweep], deadline: Deadline) -> tuple[int, list[QueryError]]:
    """Sweep one shard after the other; return how many, and the errors of those that could not be swept."""
    swept, failures = 0, []
    for one in sweeps:
        if not deadline.remaining():
            break
        try:
            collect(tools, one)
            swept += 1
        except QueryError as error:
            failures.append(error)
    return swept, failures


def _event(sweep: Sweep) -> dict[str, object]:
    """A timer's event, so that SCF's retries and this function treat it as one."""
    message = {"watch": sweep.watch, "results": sweep.results, "summary": sweep.summary}
    return {"Type": "Timer", "TriggerName": "shard", "Time": "", "Message": json.dumps(message)}


class Filling(NamedTuple):
    """The shard that is being filled: its number, its ids, and the names of the notes that they come from."""

    number: int
    vids: list[str]
    notes: list[str]

    def put(self, objects: CosObjects, watch: str, deadline: Deadline) -> None:
        """Write the shard. Raises a QueryError."""
        objects.put(f"{watch}added-{self.number:06d}.json", {"vids": self.vids, "notes": self.notes}, deadline)


def fill_shards(objects: CosObjects, watch: str, deadline: Deadline) -> list[Listed]:
    """Fill the ids that callers have added into shards of `SHARD_SIZE`; return the notes that were filled before.

    A shard remembers the notes that it was filled from. A note whose name is in no recent shard is filled again, so an
    id that another run's PUT has overwritten comes back; ids that land in two shards are asked about twice, no more.
    Raises a QueryError.
    """
    notes = objects.list(added_folder(watch), deadline)
    if not notes:
        return []
    since = min(note.written for note in notes) - CLOCKS_DIFFER  # a shard that knows of a note was written after it
    listed = {note.name for note in notes}
    _, done = _read_filled(objects, watch, since, deadline)
    fresh = [note for note in notes if note.name not in done]
    for start in range(0, len(fresh), NOTES_AT_ONCE):
        # Notes first, shards then: a note that another run deletes by then is in the shards.
        read = read_listed(objects, fresh[start : start + NOTES_AT_ONCE], deadline)
        stored, done_by_now = _read_filled(objects, watch, since, deadline)
        # The names of notes that are deleted are not needed any more.
        stored = stored._replace(notes=[name for name in stored.notes if name in listed])
        _fill(objects, watch, stored, done_by_now, read, deadline)
    return [note for note in notes if note.name in done]


def _fill(
    objects: CosObjects, watch: str, stored: Filling, done: set[str], notes: Sequence[Note], deadline: Deadline
) -> None:
    """Fill those notes that are not done, going on with the last shard as it is stored; write what has changed."""
    filling = stored
    for note in notes:
        if note.name in done:
            continue
        vids, _ = split_ids([*filling.vids, *ids_of(note.content)])
        if len(vids) > SHARD_SIZE and filling.vids:
            if filling is not stored:
                filling.put(objects, watch, deadline)
            filling = Filling(filling.number + 1, [], [])
            vids, _ = split_ids(ids_of(note.content))
        filling = Filling(filling.number, vids, [*filling.notes, note.name])
    if filling is not stored:
        filling.put(objects, watch, deadline)


def _read_filled(objects: CosObjects, watch: str, since: float, deadline: Deadline) -> tuple[Filling, set[str]]:
    """The shard to go on filling, and the names of the notes that shards written since some time were filled from.

    Of all shards but the last, only these names are kept. One that is damaged is left alone, and the next is begun.
    """
    listed = [(FILLED.fullmatch(item.name.removeprefix(watch)), item) for item in objects.list(watch, deadline)]
    filled = [(int(match.group(1)), item) for match, item in listed if match]
    filling, done = Filling(0, [], []), set[str]()
    for number, item in filled:
        if item.written < since and item is not filled[-1][1]:
            continue
        content = _content(objects, item.name, deadline)
        names = _names(content)
        done.update(names)
        filling = Filling(number, split_ids(ids_of(content))[0], names) if content else Filling(number + 1, [], [])
    return filling, done


def _names(content: Mapping[str, object]) -> list[str]:
    """The names of the notes that a shard was filled from."""
    names = content.get("notes")
    return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []


def _content(objects: CosObjects, name: str, deadline: Deadline) -> Mapping[str, object]:
    """What an object holds; nothing when it is gone or damaged."""
    try:
        found = objects.get(name, deadline)
    except DamagedObject:
        return {}
    return found.value if found and isinstance(found.value, Mapping) else {}


def _shards(tools: Tools, sweep: Sweep, deadline: Deadline) -> list[Shard]:
    """The shards under the watch prefix, each with what its last sweep has said."""
    objects = tools.objects
    listed = objects.list(sweep.watch, deadline)
    folder = f"{sweep.results}summary/"
    told: dict[str, tuple[float, Mapping[str, object]]] = {}
    summaries = objects.list(folder, deadline)
    for item, found in each(summaries, lambda item, until: _content(objects, item.name, until), WORKERS, deadline):
        if isinstance(found, QueryError):
            raise found
        told[item.name.removeprefix(folder)] = item.written, found
    names = ((item.name.removeprefix(sweep.watch), item.etag) for item in listed)
    now = tools.invocation.now()
    return [_shard(name, etag, *told.get(name, (0.0, {})), now) for name, etag in names if is_safe_key(name)]


def _shard(name: str, etag: str, swept: float, told: Mapping[str, object], now: float) -> Shard:
    """A shard is finished when all its tasks are.

    It is swept once more when its notes are old: should a sweep that was killed have put back an object without what
    they say, that mends it, and they are deleted.
    """
    summary = told.get("summary")
    counts = (
        {key: value for key, value in summary.items() if isinstance(value, int)} if isinstance(summary, Mapping) else {}
    )
    final = sum(counts.get(key, 0) for key in (SUCCEEDED, FAILED, DELETED))
    all_final = told.get("etag") == etag and counts.get("watched") == final
    tidy = not told.get("notes") or now - swept <= KEPT
    return Shard(name, etag, swept, counts, finished=all_final and tidy)


def _write_index(tools: Tools, sweep: Sweep, shards: Sequence[Shard], deadline: Deadline) -> Summary:
    """Write the summary over all shards, if it is another than before, and return it."""
    total: Counter[str] = Counter()
    for shard in shards:
        total.update(shard.summary)
    index = {
        "action": tools.kind.action,
        "summary": dict(total),
        "shards": {shard.name: shard.summary for shard in shards},
    }
    name = f"{sweep.results.removesuffix('/')}.index.json"  # beside the folder: any name in it may be a shard's
    old = dict(_content(tools.objects, name, deadline))
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(tools.invocation.now()))
    if {**old, "updated_at": ""} != {**index, "updated_at": ""}:
        tools.objects.put(name, {**index, "updated_at": now}, deadline)
    return dict(total)
