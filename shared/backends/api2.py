"""The two actions of the media API on the wire: parameters in, records out, error codes to exceptions."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from math import isfinite
from sys import intern
from typing import NoReturn
from urllib.parse import urlencode

from shared.errors import PARTLY_DONE, BadInput, KeysRejected, QueryError, Throttled, UnknownTask, UpstreamFailed
from shared.invocation import Deadline, Invocation
from shared.net.client import Response, prepare, retrying, send
from shared.net.limiter import Pace
from shared.settings import Settings
from shared.signing.api2 import Api2Auth, flatten
from shared.tasks import VIDEO, VIDS, Kind

UPSTREAM = "the media API"
#: Codes that a later attempt may mend, signed anew (public error codes, docs 213/6982 and 228/5078): request expired,
#: quota, replay, operation failed, internal error, interface in maintenance.
RETRYABLE = frozenset({4200, 4400, 4500, 5100, 6000, 6200})
#: Codes that say our clock is off: the server's Date tells by how much.
CLOCK_CODES = frozenset({4200, 4500})
#: Codes that say our keys, signature, token or account are refused.
REFUSED = frozenset({4100, 4101, 4102, 4103, 4104, 4105, 4106, 4110, 4200, 4300, 4500})

Found = dict[str, Mapping[str, object]]
Answered = dict[str, Mapping[str, object] | QueryError]


class MediaApi:
    """The API 2.0 back end. One instance serves one invocation; its calls may run in parallel."""

    ids = VIDS

    def __init__(self, settings: Settings, invocation: Invocation) -> None:
        self._settings = settings
        self._invocation = invocation
        self._pace = Pace(settings.concurrency)
        self._auth = Api2Auth(settings.credentials, settings.signature_method, invocation.now)

    def batch_size(self, kind: Kind) -> int:
        """How many ids one call can ask about: GetCtsaudioInfo takes one."""
        return self._settings.batch_size if kind == VIDEO else 1

    def records(self, kind: Kind, vids: Sequence[str], deadline: Deadline) -> Answered:
        """Ask about up to `batch_size` ids; return the records of those that the API knows, by id.

        Raises a QueryError when the API can't be asked or refuses.
        """
        params = flatten("vids", vids) if kind == VIDEO else {"vid": vids[0]}
        try:
            code, data = self._call(kind.action, params, deadline)
        except UnknownTask:
            # No document says whether one unknown id of several is answered like this, so each half is asked alone.
            half = len(vids) // 2
            halves = (vids[:half], vids[half:]) if half else ()
            return {vid: record for part in halves for vid, record in self.records(kind, part, deadline).items()}
        if kind != VIDEO:
            return {vids[0]: _record(data)} if data else {}  # code 0 without data: not known
        found: Answered = dict(_by_vid(data, vids))
        if code == PARTLY_DONE:
            unsaid = UpstreamFailed(f"{UPSTREAM} answered for other ids only")
            found.update({vid: unsaid for vid in vids if vid not in found})
        return found

    def joined(self, kind: Kind, records: Found) -> Found:  # noqa: ARG002 - as the protocol has it
        """Return the records as they are: the API has one a task."""
        return records

    def without_ids(self, kind: Kind, deadline: Deadline) -> object:
        """Forward a query that names no id: the audio document calls `vid` optional. Raises a QueryError."""
        return self._call(kind.action, {}, deadline)[1]

    def _call(self, action: str, params: Mapping[str, str], deadline: Deadline) -> tuple[int, object]:
        """Call one action, with retries, and return the code, 0 or partly done, and the `data` (None when absent).

        It goes by POST: a GET is answered 501 above 32 KB (CDN document RefreshCdnUrl), a batch may be larger.
        Raises a QueryError.
        """
        form = urlencode({"Action": action, **dict(self._settings.media_api_params), **params})
        request = prepare("POST", self._settings.media_api_url, {}, form)

        def attempt() -> tuple[int, object]:
            with self._pace.call(deadline):
                self._invocation.count("calls")
                return self._data(send(request, self._auth, deadline, UPSTREAM))

        return retrying(attempt, self._invocation, deadline)

    def _data(self, response: Response) -> tuple[int, object]:
        if response.status == 429:
            raise Throttled(f"{UPSTREAM} is over its quota", retryable=True)
        if response.status != 200:
            raise UpstreamFailed(f"{UPSTREAM} answered HTTP {response.status}", retryable=response.status >= 500)
        code, envelope = _parse(response.body)
        if code in CLOCK_CODES:
            self._invocation.follow(response.headers.get("date", ""))
        if code not in (0, PARTLY_DONE):
            raise _error(code, str(envelope.get("message")))
        return code, envelope.get("data")


def _parse(body: bytes) -> tuple[int, Mapping[str, object]]:
    """The code, as a number (one sample shows it as text), and the envelope."""
    try:
        envelope = json.loads(body, parse_constant=_no_json, parse_float=_finite, object_pairs_hook=_object)
        return int(str(envelope["code"])), envelope
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
        raise UpstreamFailed(f"{UPSTREAM} answered with something that is no envelope", retryable=True) from error


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """An object whose names are shared with all others: a sweep holds thousands of records with the same ones."""
    return {intern(name): value for name, value in pairs}


def _finite(number: str) -> float:
    """A number that JSON can say again: 1e999 is infinite in Python."""
    value = float(number)
    return value if isfinite(value) else _no_json(number)


def _no_json(constant: str) -> NoReturn:
    """Python reads NaN and Infinity, JSON has neither, and our own replies must be JSON."""
    raise ValueError(constant)


def _error(code: int, said: str) -> QueryError:
    """What a code means for the caller, in our words: the API's own may name hosts, keys and accounts.

    Only what it says of a bad parameter is passed on, and only where it is plain words.
    """
    retryable = code in RETRYABLE
    if code == 4000:
        plain = re.fullmatch(r"[\w\s(),:;'-]{1,200}", said) and "AKID" not in said
        return BadInput(f"vid, vids: {UPSTREAM} refuses a parameter{f': {said}' if plain else ''}")
    if code == 4400:
        return Throttled(f"{UPSTREAM} is over its quota", retryable=retryable)
    if code == 5000:
        return UnknownTask(f"{UPSTREAM} knows no such task")
    if code in REFUSED:
        return KeysRejected(f"{UPSTREAM} refuses the function's keys or signature (code {code})", retryable=retryable)
    return UpstreamFailed(f"{UPSTREAM} answered code {code}", retryable=retryable)


def _record(data: object) -> Mapping[str, object]:
    if not isinstance(data, Mapping):
        raise UpstreamFailed(f"{UPSTREAM} sent no record")
    return data


def _by_vid(data: object, asked: Sequence[str]) -> Found:
    """Records by id. The document says nothing of unknown ids: an entry left out is how they are read here."""
    if data is None:
        return {}
    if not isinstance(data, list) or not all(isinstance(record, Mapping) for record in data):
        raise UpstreamFailed(f"{UPSTREAM} sent no list of records")
    wanted = set(asked)
    found = ((record.get("vid"), record) for record in data)
    return {vid: record for vid, record in found if isinstance(vid, str) and vid in wanted}
