"""The two kinds of task: their records and status codes, as the two API documents define them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple

#: What becomes of a task, as a timer's summary counts it.
PENDING, SUCCEEDED, FAILED, DELETED = "pending", "succeeded", "failed", "deleted"
#: What becomes of an id that has no record: the API does not know it, or did not answer.
MISSING, UNANSWERED = "missing", "unanswered"


class Kind(NamedTuple):
    """One kind of task: its name, the function that serves it and the action that it asks."""

    name: str
    function: str
    action: str


VIDEO = Kind("video", "query-video", "GetVpResult")
AUDIO = Kind("audio", "query-audio", "GetCtsaudioInfo")


class IdForm(NamedTuple):
    """What the ids of a back end look like: an id is hostile until it matches. `words` tell it to people."""

    pattern: re.Pattern[str]
    words: str


#: The documents print ids of 27 to 42 characters, so length alone refuses none.
VID = re.compile(r"[0-9A-Za-z_-]{1,64}")
#: The form of ids for back ends without a stricter one.
VIDS = IdForm(VID, "letters, digits, '_', '-', up to 64")


class Status(IntEnum):
    """`status` of both documents. The video document lists 3 to 5 only."""

    WAITING = 1
    INFO_OBTAINED = 2
    PROCESSING = 3
    FAILED = 4
    SUCCEEDED = 5


if TYPE_CHECKING:  # what records look like, for people and type checkers: only their status is read here
    from typing import TypedDict

    class Record(TypedDict, total=False):
        """What both documents' records share. Records pass through as they come, unknown fields kept."""

        vid: str
        app_id: int
        bucket_name: str
        bucket_region: str
        url: str
        create_time: str  # YYYY-MM-DD HH:MM:SS, UTC+8
        status: int
        error_code: int | None
        error_msg: str | None
        deleted: str  # "yes" or "no"

    class VideoRecord(Record, total=False):
        """A record of GetVpResult."""

        finish_time: str | None
        result: list[str] | None  # the document's table says objects with a url, its example says strings

    class AudioInfo(TypedDict, total=False):
        """One output of an audio transcode."""

        name: str
        bitrate: int  # bit/s; 0 for ape and flac
        sample_rate: int  # Hz
        format: str
        encoder: str
        path: str
        trans_size: int  # bytes

    class AudioOutputs(TypedDict, total=False):
        """`result.audio`: the outputs, and the bucket that holds them."""

        info: list[AudioInfo]
        dst: Mapping[str, object]

    class AudioRecord(Record, total=False):
        """A record of GetCtsaudioInfo; the fields here describe the source file."""

        name: str
        url_f0: str
        v_type: str
        size: int  # bytes
        duration: int  # seconds
        bitrate: int  # kbit/s
        format: str
        sample_rate: int  # Hz
        encoder: str
        update_time: str
        result: Mapping[str, AudioOutputs] | None  # the document's table says Array, its example shows an object


#: What a final status means. Numbers arrive as text now and then: one sample of API 2.0 shows `"code": "5100"`.
_FINAL = {str(int(Status.FAILED)): FAILED, str(int(Status.SUCCEEDED)): SUCCEEDED}


def state(record: Mapping[str, object]) -> str:
    """Return what became of a task: pending, succeeded, failed or deleted.

    `deleted: "yes"` wins over the status: the file was submitted again and this task replaced, so its status may never
    change (audio document, notes). A status that no document lists counts as pending.
    """
    if record.get("deleted") == "yes":
        return DELETED
    return _FINAL.get(str(record.get("status")), PENDING)


def is_final(record: Mapping[str, object]) -> bool:
    """Whether a task will not change any more, so that nobody needs to ask again."""
    return state(record) != PENDING


def split_ids(values: list[object], ids: IdForm = VIDS) -> tuple[list[str], list[object]]:
    """Sort values into valid ids, each once and in order, and the rest."""
    valid = {value: None for value in values if isinstance(value, str) and ids.pattern.fullmatch(value)}
    return list(valid), [value for value in values if not (isinstance(value, str) and value in valid)]
