"""The two kinds of task: ids, status codes, and which states are final.

The fields of their records are those of the two API documents; local/media/documents/ has the documents' own examples.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import IntEnum
from typing import NamedTuple, TypeGuard

#: A record as the API sent it: no field is renamed, dropped or retyped, and unknown fields are kept.
Record = Mapping[str, object]

#: The outcomes of a task, as a timer's summary counts them.
PENDING, SUCCEEDED, FAILED, DELETED = "pending", "succeeded", "failed", "deleted"
#: The outcomes of an id without a record: the API does not know it, or did not answer.
MISSING, UNANSWERED = "missing", "unanswered"


class Kind(NamedTuple):
    """A kind of task: its name, the function that serves it, and the action that the function calls."""

    name: str
    function: str
    action: str


VIDEO = Kind("video", "query-video", "GetVpResult")
AUDIO = Kind("audio", "query-audio", "GetCtsaudioInfo")


class IdForm(NamedTuple):
    """The form of a back end's ids, as a pattern and in words for people."""

    pattern: str
    words: str

    def matches(self, value: object) -> TypeGuard[str]:
        """Return whether a value is such an id. It is hostile until it matches."""
        return isinstance(value, str) and re.fullmatch(self.pattern, value) is not None


#: The ids of API 2.0. Its documents print ids of 27 to 42 characters; up to 64 are accepted.
VIDS = IdForm("[0-9A-Za-z_-]{1,64}", "letters, digits, '_', '-', up to 64")
#: The ids of Cloud Infinite.
JOB_IDS = IdForm("j[0-9a-f]{32}", "a job id: 'j' and 32 hexadecimal digits, in lower case")


class Status(IntEnum):
    """`status` of both documents. The video document lists 3 to 5 only."""

    WAITING = 1
    INFO_OBTAINED = 2
    PROCESSING = 3
    FAILED = 4
    SUCCEEDED = 5


#: The meaning of a final status. A number may arrive as text: one sample of API 2.0 shows `"code": "5100"`.
_FINAL = {str(int(Status.FAILED)): FAILED, str(int(Status.SUCCEEDED)): SUCCEEDED}


def state(record: Record) -> str:
    """Return the outcome of a task: pending, succeeded, failed or deleted.

    `deleted: "yes"` wins over the status: a newer submission has replaced this task, so its status may never change
    (audio document, notes). A status that no document lists counts as pending.
    """
    if record.get("deleted") == "yes":
        return DELETED
    return _FINAL.get(str(record.get("status")), PENDING)


def is_final(record: Record) -> bool:
    """Return whether a task will not change any more."""
    return state(record) != PENDING


def split_ids(values: list[object], ids: IdForm = VIDS) -> tuple[list[str], list[object]]:
    """Split values into the valid ids, each once and in order, and the other values."""
    valid = {value: None for value in values if ids.matches(value)}
    return list(valid), [value for value in values if not (isinstance(value, str) and value in valid)]
