"""The two actions of the media API on the wire: parameters in, records out, error codes to exceptions."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping, Sequence
from email.utils import parsedate_to_datetime
from urllib.parse import urlencode

from shared.errors import BadInput, KeysRejected, QueryError, Throttled, UnknownTask, UpstreamFailed
from shared.invocation import Deadline, Invocation
from shared.settings import Settings
from shared.signing import Api2Auth, flatten
from shared.tasks import VIDEO, Kind
from shared.transport import Response, prepare, retrying, send

UPSTREAM = "the media API"
#: Codes that a later attempt may mend, signed anew (public error codes, docs 213/6982 and 228/5078): request expired,
#: quota, replay, operation failed, internal error, interface in maintenance.
RETRYABLE = frozenset({4200, 4400, 4500, 5100, 6000, 6200})
#: Codes that say our clock is off: the server's Date tells by how much.
CLOCK_CODES = frozenset({4200, 4500})
#: Codes that say our keys, signature, token or account are refused.
REFUSED = frozenset({4100, 4101, 4102, 4103, 4104, 4105, 4106, 4110, 4200, 4300, 4500})

Found = dict[str, Mapping[str, object]]


class MediaApi:
    """The API 2.0 back end. One instance serves one invocation; its calls may run in parallel."""

    def __init__(self, settings: Settings, invocation: Invocation) -> None:
        self._settings = settings
        self._invocation = invocation
        self._skew = 0.0
        self._auth = Api2Auth(settings.credentials, settings.signature_method, lambda: time.time() + self._skew)

    def batch_size(self, kind: Kind) -> int:
        """How many ids one call can ask about: GetCtsaudioInfo takes one."""
        return self._settings.batch_size if kind == VIDEO else 1

    def records(self, kind: Kind, vids: Sequence[str], deadline: Deadline) -> Found:
        """Ask about up to `batch_size` ids; return the records of those that the API knows, by id.

        Raises a QueryError when the API can't be asked or refuses.
        """
        try:
            if kind == VIDEO:
                return _by_vid(self._call(kind.action, flatten("vids", vids), deadline), vids)
            record = self._call(kind.action, {"vid": vids[0]}, deadline)
        except UnknownTask:
            return {}
        if not record:  # code 0 without data
            return {}
        if not isinstance(record, Mapping):
            raise UpstreamFailed(f"{UPSTREAM} sent no record")
        return {vids[0]: record}

    def without_ids(self, kind: Kind, deadline: Deadline) -> object:
        """Forward a query that names no id: the audio document calls `vid` optional. Raises a QueryError."""
        return self._call(kind.action, {}, deadline)

    def _call(self, action: str, params: Mapping[str, str], deadline: Deadline) -> object:
        """Call one action, with retries, and return the envelope's `data` (None when absent).

        It goes by POST: a GET is answered 501 above 32 KB (CDN document RefreshCdnUrl), a batch may be larger.
        Raises a QueryError.
        """
        form = urlencode({"Action": action, **dict(self._settings.media_api_params), **params})
        request = prepare("POST", self._settings.media_api_url, {}, form)

        def attempt() -> object:
            self._invocation.count("calls")
            response = send(request, self._auth, deadline, UPSTREAM)
            return self._data(response)

        return retrying(attempt, self._invocation, deadline)

    def _data(self, response: Response) -> object:
        if response.status == 429:
            raise Throttled(f"{UPSTREAM} is over its quota", retryable=True)
        if response.status != 200:
            raise UpstreamFailed(f"{UPSTREAM} answered HTTP {response.status}", retryable=response.status >= 500)
        code, envelope = _parse(response.body)
        if code in CLOCK_CODES:
            self._set_clock(response)
        if code:
            raise _error(code, str(envelope.get("message")))
        return envelope.get("data")

    def _set_clock(self, response: Response) -> None:
        """Follow the server's clock, so that the next attempt is inside its window."""
        try:
            self._skew = parsedate_to_datetime(response.headers.get("date", "")).timestamp() - time.time()
        except (ValueError, OverflowError):
            self._skew = 0.0  # no usable Date: our own clock is the best there is


def _parse(body: bytes) -> tuple[int, Mapping[str, object]]:
    """The code, as a number (one sample shows it as text), and the envelope."""
    try:
        envelope = json.loads(body, parse_constant=_no_json)
        return int(envelope["code"]), envelope
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
        raise UpstreamFailed(f"{UPSTREAM} answered with something that is no envelope", retryable=True) from error


def _no_json(constant: str) -> object:
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


def _by_vid(data: object, asked: Sequence[str]) -> Found:
    """Records by id. The document says nothing of unknown ids: an entry left out is how they are read here."""
    if data is None:
        return {}
    if not isinstance(data, list) or not all(isinstance(record, Mapping) for record in data):
        raise UpstreamFailed(f"{UPSTREAM} sent no list of records")
    wanted = set(asked)
    found = ((record.get("vid"), record) for record in data)
    return {vid: record for vid, record in found if isinstance(vid, str) and vid in wanted}
