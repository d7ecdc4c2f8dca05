"""The envelope that both documents answer with, around records, a place in COS or an error."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from shared.backends.base import Answers
from shared.errors import PARTLY_DONE, QueryError, UnknownTask

Envelope = dict[str, object]


def success(data: object) -> Envelope:
    """The envelope of both documents' examples around some data."""
    return {"code": 0, "message": "", "codeDesc": "Success", "data": data}


def refusal(error: QueryError) -> Envelope:
    """The envelope that tells an error."""
    return {"code": error.code, "message": error.message, "codeDesc": error.description}


def envelope(answers: Answers, *, single: bool) -> Envelope:
    """Put answers into the envelope; `data` is one record when a single one was asked for, else a list.

    A record that several ids share is listed once, where the first of them was asked.
    Raises the first error when nothing was answered, UnknownTask when nothing of what was asked is known.
    """
    records, missing, failed = answers
    if failed and not (records or missing):
        raise next(iter(failed.values()))
    if not (records or failed):
        raise UnknownTask(f"unknown: {', '.join(_first(missing))}")
    listed = list({id(record): record for record in records.values()}.values())
    made = success(listed[0] if single else listed)
    if missing:
        made["missing"] = missing
    if failed:
        made.update(code=PARTLY_DONE, message=f"{len(failed)} ids have no answer", codeDesc="PartlyDone")
        made["failed"] = {vid: {"code": error.code, "message": error.message} for vid, error in failed.items()}
    return made


def _first(vids: Sequence[str], most: int = 3) -> Iterator[str]:
    yield from vids[:most]
    if len(vids) > most:
        yield f"and {len(vids) - most} more"
