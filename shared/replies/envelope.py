"""The envelope that both documents answer with, around records, a place in COS or an error."""

from __future__ import annotations

from shared.backends.base import Answers
from shared.errors import PARTLY_DONE, QueryError, UnknownTask
from shared.net.json_text import JsonObject

Envelope = JsonObject


def success(data: object) -> Envelope:
    """Return the envelope of both documents' examples around `data`."""
    return {"code": 0, "message": "", "codeDesc": "Success", "data": data}


def refusal(error: QueryError) -> Envelope:
    """Return the envelope that reports an error."""
    return {"code": error.code, "message": error.message, "codeDesc": error.description}


def envelope(answers: Answers, *, single: bool) -> Envelope:
    """Return the envelope with the answers; `data` is one record when `single`, else a list.

    A record that several ids share is listed once, at the place of the first. Raises the first error when there is no
    answer at all, UnknownTask when none of the ids is known.
    """
    records, missing, failed = answers
    if failed and not (records or missing):
        raise next(iter(failed.values()))
    if not (records or failed):
        more = [f"and {len(missing) - 3} more"] if len(missing) > 3 else []
        raise UnknownTask(f"unknown: {', '.join(missing[:3] + more)}")
    listed = list({id(record): record for record in records.values()}.values())
    made = success(listed[0] if single else listed)
    if missing:
        made["missing"] = missing
    if failed:
        made.update(code=PARTLY_DONE, message=f"{len(failed)} ids have no answer", codeDesc="PartlyDone")
        made["failed"] = {vid: {"code": error.code, "message": error.message} for vid, error in failed.items()}
    return made
