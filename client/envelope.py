"""Reads a deployed function's reply: an outcome for each id."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from client.errors import ClientError
from client.outcomes import Outcome, answered, missing, unanswered
from shared.errors import ASK_FOR_FEWER, PARTLY_DONE
from shared.tasks import JOB_IDS, Kind

#: The envelope's codes after which another attempt can succeed: quota, and the API failing or out of time.
QUOTA, FAILING = "4400", "6000"


class TooManyError(Exception):
    """There are too many ids for one query, or its reply would be too large."""


class OtherFormError(Exception):
    """The function answers about Cloud Infinite's jobs, and some ids are not job ids."""


def read_reply(kind: Kind, vids: Sequence[str], status: int, body: bytes) -> list[Outcome]:
    """Return an outcome for each id.

    Raises ClientError if further requests are pointless, TooManyError or OtherFormError if the ids must be sent
    differently.
    """
    envelope = _envelope(body)
    code, message = _text(envelope, "code"), _text(envelope, "message")
    if code in ("0", str(PARTLY_DONE)):
        return _outcomes(kind, vids, envelope)
    if code == "5000":
        return [missing(vid) for vid in vids]
    if len(vids) > 1 and (status == 413 or (code == "4000" and ASK_FOR_FEWER in message)):
        raise TooManyError
    if code == "4000" and JOB_IDS.words in message and not all(map(JOB_IDS.matches, vids)):
        raise OtherFormError
    if code == "4100" or envelope.get("codeDesc") == "Misconfigured":
        hint = " (--token, or MEDIA_QUERY_TOKEN)" if status == 401 else ""
        raise ClientError(f"the function refuses: {message}{hint}")
    if code:
        return all_unanswered(vids, code, message)
    if status in (408, 429) or status >= 500 or "errorCode" in envelope:
        # SCF's error object instead of an envelope: the function was killed, or did not start.
        reason = _text(envelope, "errorMessage") or f"HTTP {status} without an envelope"
        return all_unanswered(vids, QUOTA if status == 429 else FAILING, reason)
    raise ClientError(f"HTTP {status} without an envelope: is this the URL of {kind.function}?")


def all_unanswered(vids: Sequence[str], code: str, message: str) -> list[Outcome]:
    """Return the outcomes of a request that failed as a whole."""
    return [unanswered(vid, code, message) for vid in vids]


def _envelope(body: bytes) -> Mapping[str, object]:
    """Return the envelope, an empty one if the body has none."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, Mapping) else {}


def _text(envelope: Mapping[str, object], name: str) -> str:
    value = envelope.get(name)
    return "" if value is None else str(value)


def _outcomes(kind: Kind, vids: Sequence[str], envelope: Mapping[str, object]) -> list[Outcome]:
    """Return an outcome for each id, from `data`, `missing` or `failed`."""
    unknown, failed = set(map(str, _listed(envelope.get("missing")))), envelope.get("failed")
    failures = failed if isinstance(failed, Mapping) else {}
    known = [vid for vid in vids if vid not in unknown and vid not in failures]
    records = _records(known, [record for record in _listed(envelope.get("data")) if isinstance(record, Mapping)])
    return [_outcome(kind, vid, records.get(vid), vid in unknown, failures.get(vid)) for vid in vids]


def _records(vids: Sequence[str], listed: Sequence[Mapping[str, object]]) -> dict[str, Mapping[str, object]]:
    """Return the records by the ids that were asked, from those of `data`, which are in the order of the ids.

    A record of Cloud Infinite may name an older vid instead of the job. Audio jobs of one source share a record, at the
    place of the first: the others have none here. Asked again without the first, each gets its own.
    """
    named = {str(record.get("vid")): record for record in listed}
    placed = zip(vids, listed if len(listed) == len(vids) else listed[:1], strict=False)
    return {vid: record for vid, record in placed if record.get("vid") not in vids} | named


def _outcome(kind: Kind, vid: str, record: Mapping[str, object] | None, unknown: bool, failure: object) -> Outcome:
    if record is not None:
        return answered(kind, vid, record)
    if unknown:
        return missing(vid)
    if not isinstance(failure, Mapping):
        return unanswered(vid, FAILING, "the reply does not mention this id")
    return unanswered(vid, _text(failure, "code"), _text(failure, "message"))


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else []
