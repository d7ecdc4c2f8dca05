"""API 2.0: the two actions of the media API. Parameters go in, records come out, error codes become exceptions."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from math import isfinite
from typing import NoReturn
from urllib.parse import urlencode

from shared.backends.base import Answered, Records
from shared.errors import (
    PARTLY_DONE,
    BadInput,
    KeysRejected,
    QueryError,
    ReplyTooLarge,
    Throttled,
    UnknownTask,
    UpstreamFailed,
)
from shared.invocation import Deadline, Invocation
from shared.net.client import Response, prepare, retrying, send
from shared.net.limiter import Limiter
from shared.settings import Settings
from shared.signing.api2 import Api2Auth, flatten
from shared.tasks import VIDEO, VIDS, Kind, Record

UPSTREAM = "the media API"
#: Codes after which another attempt, signed anew, may succeed (public error codes, docs 213/6982 and 228/5078):
#: request expired, quota, replay, operation failed, internal error, interface in maintenance.
RETRYABLE = frozenset({4200, 4400, 4500, 5100, 6000, 6200})
#: Codes that mean our clock is wrong; the Date header of the reply has the server's time.
CLOCK_CODES = frozenset({4200, 4500})
#: Codes that refuse our keys, signature, token or account.
REFUSED = frozenset({4100, 4101, 4102, 4103, 4104, 4105, 4106, 4110, 4200, 4300, 4500})

#: Bytes allowed for a reply: a base, an addition for each id, and the most. The documents' own records have some 500
#: and 900 bytes. The worst 3 MB, a list of `{}`, take 72 MB and 0.2 s to parse.
ROOM, ROOM_FOR_ONE, MOST_ROOM = 512 * 1024, 16 * 1024, 3_000_000

#: Held while a reply is parsed, so that only one reply at a time takes that memory. Threads would not parse faster.
_parsing = threading.Lock()


class MediaApi:
    """The API 2.0 back end. One instance serves one invocation; its calls may run in parallel."""

    ids = VIDS

    def __init__(self, settings: Settings, invocation: Invocation) -> None:
        self._settings = settings
        self._invocation = invocation
        self._limiter = Limiter(settings.concurrency)
        self._auth = Api2Auth(settings.credentials, settings.signature_method, invocation.now)

    def batch_size(self, kind: Kind) -> int:
        """Return how many ids one call can ask about: GetCtsaudioInfo takes one."""
        return self._settings.batch_size if kind == VIDEO else 1

    def records(self, kind: Kind, vids: Sequence[str], deadline: Deadline) -> Answered:
        """Ask about up to `batch_size` ids and return the records of known ids.

        Raises a QueryError when the API can't be asked or refuses.
        """

        def ask(part: Sequence[str]) -> Answered:
            return self._records(kind, part, deadline)

        try:
            return ask(vids)
        except (UnknownTask, ReplyTooLarge) as refusal:
            from shared.backends.refused import by_halves, by_sample  # late: hardly ever needed

            if isinstance(refusal, UnknownTask):
                return by_sample(vids, ask) if len(vids) > 1 else {}
            if len(vids) == 1:
                raise
            return by_halves(vids, ask)

    def _records(self, kind: Kind, vids: Sequence[str], deadline: Deadline) -> Answered:
        """The answers of one call. Raises UnknownTask when the API refuses all of the ids, or another QueryError."""
        if kind != VIDEO:
            data = self._call(kind.action, {"vid": vids[0]}, deadline)[1]
            return {vids[0]: _record(data, vids[0])} if data else {}  # code 0 without data: unknown
        code, data = self._call(kind.action, flatten("vids", vids), deadline)
        found: Answered = dict(_by_vid(data, vids))
        if code == PARTLY_DONE:
            unanswered = UpstreamFailed(f"{UPSTREAM} answered for other ids only")
            found.update({vid: unanswered for vid in vids if vid not in found})
        return found

    def joined(self, kind: Kind, records: Records) -> Records:  # noqa: ARG002 - as the protocol has it
        """Return the records as they are: the API has one record a task."""
        return records

    def without_ids(self, kind: Kind, deadline: Deadline) -> object:
        """Forward a query that names no id: the audio document calls `vid` optional. Raises a QueryError."""
        return self._call(kind.action, {}, deadline)[1]

    def _call(self, action: str, ids: Mapping[str, str], deadline: Deadline) -> tuple[int, object]:
        """Call one action, with retries; return the code, 0 or partly done, and `data` (None when absent).

        `ids` are parameters, one an id; their number bounds the size of the reply. The call is a POST: a GET over 32 KB
        is answered 501 (CDN document RefreshCdnUrl), and a batch may be larger. Raises a QueryError.
        """
        form = urlencode({"Action": action, **dict(self._settings.media_api_params), **ids})
        request = prepare("POST", self._settings.media_api_url, {}, form)
        most = min(MOST_ROOM, ROOM + ROOM_FOR_ONE * len(ids))

        def attempt() -> tuple[int, object]:
            with self._limiter.call(deadline):
                self._invocation.count("calls")
                return self._data(send(request, self._auth, deadline, UPSTREAM, most))

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
            raise _error(code)
        return code, envelope.get("data")


def _parse(body: bytes) -> tuple[int, Mapping[str, object]]:
    """The code, as a number (one sample shows it as text), and the envelope."""
    try:
        with _parsing:
            envelope = _DECODER.decode(body.decode(json.detect_encoding(body), "surrogatepass"))
        return int(str(envelope["code"])), envelope
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
        raise UpstreamFailed(f"{UPSTREAM} did not answer with an envelope", retryable=True) from error


def _finite(number: str) -> float:
    """A number that JSON can express: Python reads 1e999 as infinity."""
    value = float(number)
    return value if isfinite(value) else _no_json(number)


def _no_json(constant: str) -> NoReturn:
    """Refuse NaN and Infinity: Python reads them, but JSON has neither, and our own replies must be JSON."""
    raise ValueError(constant)


#: What `json.loads` would make anew for each reply. It serves one at a time, as `_parsing` has it.
_DECODER = json.JSONDecoder(parse_constant=_no_json, parse_float=_finite)


def _error(code: int) -> QueryError:
    """The error for a code, in our own words: the API's message may name hosts, keys and accounts."""
    retryable = code in RETRYABLE
    if code == 4000:
        return BadInput(f"vid, vids: {UPSTREAM} refuses a parameter")
    if code == 4400:
        return Throttled(f"{UPSTREAM} is over its quota", retryable=retryable)
    if code == 5000:
        return UnknownTask(f"{UPSTREAM} knows no such task")
    if code in REFUSED:
        return KeysRejected(f"{UPSTREAM} refuses the function's keys or signature (code {code})", retryable=retryable)
    return UpstreamFailed(f"{UPSTREAM} answered code {code}", retryable=retryable)


def _record(data: object, vid: str) -> Record:
    """The record of one id. The audio document's record has `vid`: one with another `vid`, or none, is refused."""
    if not isinstance(data, Mapping):
        raise UpstreamFailed(f"{UPSTREAM} sent no record")
    if data.get("vid") != vid:
        raise UpstreamFailed(f"{UPSTREAM} answered about another id")
    return data


def _by_vid(data: object, asked: Sequence[str]) -> Records:
    """Records by id. The document does not mention unknown ids; an id without a record is taken as unknown."""
    if data is None:
        return {}
    if not isinstance(data, list) or not all(isinstance(record, Mapping) for record in data):
        raise UpstreamFailed(f"{UPSTREAM} sent no list of records")
    wanted = set(asked)
    found = ((record.get("vid"), record) for record in data)
    return {vid: record for vid, record in found if isinstance(vid, str) and vid in wanted}
