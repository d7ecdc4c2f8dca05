"""The tasks of the local media API: the documents' examples, some that change with time, and those that users add."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta, timezone
from pathlib import Path

from local.media.timeline import Record, Timeline, read_timeline

VIDEO_ACTION = "GetVpResult"
AUDIO_ACTION = "GetCtsaudioInfo"
ACTIONS = (VIDEO_ACTION, AUDIO_ACTION)

#: The ids of the request examples. No document shows their records, so each gets a copy of its page's only record.
VIDEO_REQUEST_EXAMPLES = ("b0756cd02571355df87533cb4c291afe1530607530", "b70bcd298ed25445c0b1f7d7083342431530606888")
AUDIO_REQUEST_EXAMPLE = "000628c22a4cfa9daac321c31d496393"

#: Invented ids of the documented form: 32 hex digits and the Unix seconds of the upload.
VIDEO_SUCCEEDS = "cafef00d" * 4 + "1700000001"
VIDEO_FAILS = "deadbeef" * 4 + "1700000002"
VIDEO_DELETED = "defaced0" * 4 + "1700000003"
AUDIO_SUCCEEDS = "c0ffee00" * 4 + "1700000004"
AUDIO_FAILS = "badc0de0" * 4 + "1700000005"
AUDIO_DELETED = "decade00" * 4 + "1700000006"

#: Seconds between two steps of a task that changes: long enough to see, short enough to wait for.
STEP = 10

#: The "basic information" that status 2 stands for (GetCtsaudioInfo document, notes).
AUDIO_BASICS = ("size", "duration", "bitrate", "format", "sample_rate", "encoder")

#: The only documented error code is 122, in the CTS document's failure callback; the text is invented.
FAILURE = {"status": 4, "error_code": 122, "error_msg": "the source file can not be decoded"}


class MediaTasks:
    """All tasks by action and id. The demo tasks start when this object is created."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._tasks: dict[tuple[str, str], Timeline] = {}
        copies = [{**VIDEO, "vid": vid} for vid in VIDEO_REQUEST_EXAMPLES]
        self.add({"action": VIDEO_ACTION, "tasks": [VIDEO, *copies]})
        self.add({"action": AUDIO_ACTION, "tasks": [AUDIO, {**AUDIO, "vid": AUDIO_REQUEST_EXAMPLE}]})
        self.add({"action": VIDEO_ACTION, "tasks": list(_moving_videos())})
        self.add({"action": AUDIO_ACTION, "tasks": list(_moving_audios())})

    def find(self, action: str, vid: str) -> Record | None:
        """Return a fresh copy of a task's record as it is now, or None if the action does not know the id."""
        task = self._tasks.get((action, vid))
        return task.at(self._clock()) if task else None

    def listed(self) -> list[Record]:
        """Return every task as `add` takes it: `action`, the record as it is now, the `timeline` still to come."""
        now = self._clock()
        return [{"action": action, **task.spec(now)} for (action, _), task in self._tasks.items()]

    def add(self, spec: object) -> int:
        """Add or replace tasks, all or none, and return how many. They start now.

        `spec` is a record, a list of records, or `{"action": …, "tasks": [records]}`. A record is what the API answers,
        with a `vid`. It can also have `action` (else both actions know it) and `timeline`, a list of `{"after":
        seconds, …fields}`; neither is part of the answer. Raises ValueError naming the field.
        """
        single = spec if isinstance(spec, list) else [spec]
        group = spec if isinstance(spec, Mapping) and "tasks" in spec else {"tasks": single}
        if not isinstance(group["tasks"], list):
            raise ValueError("tasks: a list of records is needed")
        now = self._clock()
        parsed = [
            _parse(f"tasks[{index}]", record, group.get("action"), now) for index, record in enumerate(group["tasks"])
        ]
        for actions, task in parsed:
            self._tasks.update({(action, task.record["vid"]): task for action in actions})
        return len(parsed)


def documented(action: str) -> Record:
    """Return the reply example of an action's document, the whole envelope."""
    example: Record = json.loads((Path(__file__).parent / "documents" / f"{action}.json").read_text("utf-8"))
    return example


#: The only record of each document, and the fields of both.
VIDEO, AUDIO = documented(VIDEO_ACTION)["data"][0], documented(AUDIO_ACTION)["data"]
FIELDS = frozenset({*VIDEO, *AUDIO, "error_code", "error_msg"})


def _parse(where: str, spec: object, group_action: object, now: float) -> tuple[tuple[str, ...], Timeline]:
    """Parse one record: return the actions that know it, and the task; `where` names it in errors."""
    record = dict(spec) if isinstance(spec, Mapping) else spec
    action = record.pop("action", group_action) if isinstance(record, dict) else None
    if action is not None and action not in ACTIONS:
        raise ValueError(f"{where}.action: one of {', '.join(ACTIONS)} is needed")
    return ACTIONS if action is None else (str(action),), read_timeline(where, record, "vid", FIELDS, now)


def _stamp(vid: str, after: float = 0) -> str:
    """Return the time `after` a task's start, in the documents' form: UTC+8, the start taken from the id."""
    moment = datetime.fromtimestamp(int(vid[-10:]) + after, timezone(timedelta(hours=8)))
    return moment.strftime("%Y-%m-%d %H:%M:%S")


def _moving_videos() -> Iterator[Record]:
    """Return video tasks of each outcome. That `finish_time` and `result` are null until the end is invented."""
    for vid, outcome in ((VIDEO_SUCCEEDS, {"status": 5, "result": VIDEO["result"]}), (VIDEO_FAILS, FAILURE)):
        yield {
            **VIDEO,
            "vid": vid,
            "create_time": _stamp(vid),
            "finish_time": None,
            "status": 3,
            "result": None,
            "timeline": [{"after": 3 * STEP, "finish_time": _stamp(vid, 3 * STEP), **outcome}],
        }
    times = {"create_time": _stamp(VIDEO_DELETED), "finish_time": _stamp(VIDEO_DELETED, 3 * STEP)}
    yield {**VIDEO, "vid": VIDEO_DELETED, **times, "deleted": "yes"}


def _moving_audios() -> Iterator[Record]:
    """Return audio tasks of each outcome. That unknown fields are null, rather than absent, is invented."""
    basics = {name: AUDIO[name] for name in AUDIO_BASICS}
    courses: dict[str, list[Record]] = {
        AUDIO_SUCCEEDS: [{"status": 2, **basics}, {"status": 3}, {"status": 5, "result": AUDIO["result"]}],
        AUDIO_FAILS: [{"status": 3, **basics}, FAILURE],
    }
    for vid, course in courses.items():
        yield {
            **AUDIO,
            **dict.fromkeys(AUDIO_BASICS),
            "vid": vid,
            "create_time": _stamp(vid),
            "update_time": _stamp(vid),
            "status": 1,
            "result": None,
            "timeline": [
                {"after": number * STEP, "update_time": _stamp(vid, number * STEP), **fields}
                for number, fields in enumerate(course, start=1)
            ],
        }
    times = {"create_time": _stamp(AUDIO_DELETED), "update_time": _stamp(AUDIO_DELETED, 3 * STEP)}
    yield {**AUDIO, "vid": AUDIO_DELETED, **times, "deleted": "yes"}
