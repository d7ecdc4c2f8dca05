"""The two actions of the media API on the wire: parameters in, records out, error codes to exceptions."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from math import isfinite
from typing import NoReturn
from urllib.parse import urlencode

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

#: Bytes of a reply: in all, for each id asked, and at most. The documents' own records have some 500 and 900 bytes.
#: The worst that 3 MB can be takes 72 MB and 0.2 s to parse: a list of `{}`.
ROOM, ROOM_FOR_ONE, MOST_ROOM = 512 * 1024, 16 * 1024, 3_000_000

Found = dict[str, Mapping[str, object]]
Answered = dict[str, Mapping[str, object] | QueryError]

#: Held while a reply is parsed, which no second thread could make faster: so one reply at a time takes that memory.
_parsing = threading.Lock()


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

        def ask(part: Sequence[str]) -> Answered:
            return self._records(kind, part, deadline)

        try:
            return ask(vids)
        except (UnknownTask, ReplyTooLarge) as refusal:
            from shared.backends.refused import by_halves, told_apart  # hardly ever needed

            if isinstance(refusal, UnknownTask):
                return told_apart(vids, ask) if len(vids) > 1 else {}
            if len(vids) == 1:
                raise
            return by_halves(vids, ask)

    def _records(self, kind: Kind, vids: Sequence[str], deadline: Deadline) -> Answered:
        """What one call tells. Raises UnknownTask when the API refuses all of the ids, or another QueryError."""
        if kind != VIDEO:
            data = self._call(kind.action, {"vid": vids[0]}, len(vids), deadline)[1]
            return {vids[0]: _record(data, vids[0])} if data else {}  # code 0 without data: not known
        code, data = self._call(kind.action, flatten("vids", vids), len(vids), deadline)
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
        return self._call(kind.action, {}, 1, deadline)[1]

    def _call(self, action: str, params: Mapping[str, str], ids: int, deadline: Deadline) -> tuple[int, object]:
        """Call one action, with retries, and return the code, 0 or partly done, and the `data` (None when absent).

        `ids` is how many records may come, for the size of the reply.
        It goes by POST: a GET is answered 501 above 32 KB (CDN document RefreshCdnUrl), a batch may be larger.
        Raises a QueryError.
        """
        form = urlencode({"Action": action, **dict(self._settings.media_api_params), **params})
        request = prepare("POST", self._settings.media_api_url, {}, form)
        most = min(MOST_ROOM, ROOM + ROOM_FOR_ONE * ids)

        def attempt() -> tuple[int, object]:
            with self._pace.call(deadline):
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
        raise UpstreamFailed(f"{UPSTREAM} answered with something that is no envelope", retryable=True) from error


def _finite(number: str) -> float:
    """A number that JSON can say again: 1e999 is infinite in Python."""
    value = float(number)
    return value if isfinite(value) else _no_json(number)


def _no_json(constant: str) -> NoReturn:
    """Python reads NaN and Infinity, JSON has neither, and our own replies must be JSON."""
    raise ValueError(constant)


#: What `json.loads` would make anew for each reply. It serves one at a time, as `_parsing` has it.
_DECODER = json.JSONDecoder(parse_constant=_no_json, parse_float=_finite)


def _error(code: int) -> QueryError:
    """What a code means for the caller, in our words: the API's own may name hosts, keys and accounts."""
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


def _record(data: object, vid: str) -> Mapping[str, object]:
    """The record of one id. The audio document has `vid` in every record: one without it, or with another, is none."""
    if not isinstance(data, Mapping):
        raise UpstreamFailed(f"{UPSTREAM} sent no record")
    if data.get("vid") != vid:
        raise UpstreamFailed(f"{UPSTREAM} answered about another id")
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
