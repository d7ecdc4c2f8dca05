"""What the unit tests put in the place of the network, the clock and the environment.

Both services refuse what the official clients would not have signed, so every test checks every signature.
"""

from __future__ import annotations

import io
import json
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests
import responses
from QcloudApi.common.sign import Sign
from requests import PreparedRequest

from shared.invocation import Invocation
from shared.net.json_text import JsonObject
from shared.settings import Settings, read_settings
from tests.support.clock import Clock
from tests.support.paths import DOCUMENTS

if TYPE_CHECKING:
    from tests.support.wire_services import Cos, Scf

NOW = 1_700_000_000
LONG_AGO = NOW - 100_000
SECRET_ID, SECRET_KEY, TOKEN = "AKIDUNITEXAMPLE", "unit-secret-key", "unit-session-token"
MEDIA_HOST = "cdn.api.cloud.tencent.com"
MEDIA_URL = f"https://{MEDIA_HOST}/v2/index.php"
BUCKET, REGION = "media-1253125191", "ap-guangzhou"
COS_HOST = f"{BUCKET}.cos.{REGION}.myqcloud.com"
COS_URL = f"https://{COS_HOST}"
SCF_HOST = "scf.tencentcloudapi.com"
CONTEXT = {
    "request_id": "unit-request",
    "function_name": "query-video",
    "namespace": "default",
    "function_version": "$LATEST",
    "tencentcloud_region": REGION,
}
ENVIRON = {
    "TENCENTCLOUD_SECRETID": SECRET_ID,
    "TENCENTCLOUD_SECRETKEY": SECRET_KEY,
    "TENCENTCLOUD_SESSIONTOKEN": TOKEN,
    "COS_BUCKET": BUCKET,
    "COS_REGION": REGION,
}
#: What an upstream says, and what no caller may see of it.
WORDS = "upstream-words http://internal.example"
#: What no error reply and no log line may hold.
HIDDEN = (SECRET_ID, SECRET_KEY, TOKEN, MEDIA_HOST, COS_HOST, *WORDS.split(), "Traceback", "unit-api-token")


Body = str | bytes | io.BufferedReader
Reply = tuple[int, dict[str, str], Body]
#: One scripted turn of a service: a reply, an exception of requests, or what to do with the request.
Turn = Reply | Exception | Callable[[PreparedRequest], Reply | Exception]


def documented(action: str) -> Any:
    """The example reply of an action's document."""
    path = DOCUMENTS / f"{action}.json"
    return json.loads(path.read_text(encoding="utf-8"))


def settings(**changes: str) -> Settings:
    """Settings of the tests' environment, with changes."""
    return read_settings({**ENVIRON, **changes})


def task(vid: str, status: int = 5, **fields: object) -> JsonObject:
    """A record as short as a test can use."""
    return {"vid": vid, "status": status, "deleted": "no", **fields}


def said(data: object = None, code: object = 0, date: str = "") -> tuple[int, dict[str, str], str]:
    """An envelope of the media API; an error has no data, but says something."""
    headers = {"Date": date} if date else {}
    body = {"code": 0, "message": "", "codeDesc": "Success", "data": data}
    return 200, headers, json.dumps({"code": code, "message": WORDS} if code else body)


def cos_error(status: int, code: str) -> Reply:
    """An error of COS."""
    text = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{WORDS}</Message></Error>"
    return status, {"Content-Type": "application/xml"}, text


class _Pieces(io.RawIOBase):
    def __init__(self, pieces: Iterable[bytes | Exception]) -> None:
        self._pieces = iter(pieces)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        piece = next(self._pieces, b"")
        if isinstance(piece, Exception):
            raise piece
        assert len(piece) <= len(buffer), "give smaller pieces"
        buffer[: len(piece)] = piece
        return len(piece)


def trickle(pieces: Iterable[bytes | Exception]) -> io.BufferedReader:
    """A body that arrives piece by piece, up to an error of the socket."""
    return io.BufferedReader(_Pieces(pieces), buffer_size=1024)


class SleepClock(Clock):
    """A clock that moves only during a sleep or a wait. It starts at 0, which is `NOW` in Unix time."""

    def __init__(self) -> None:
        super().__init__()
        self.naps: list[float] = []

    def time(self) -> float:
        """Unix time."""
        return NOW + self.now

    def sleep(self, seconds: float) -> None:
        self.naps.append(seconds)
        self.now += seconds

    def hang(self, request: PreparedRequest) -> Exception:
        """The turn of a service that never answers: the caller waits as long as it is willing to."""
        self.now += vars(request)["req_kwargs"]["timeout"]  # set by responses
        return requests.ReadTimeout()


class Call(NamedTuple):
    """One call of the media API: its parameters, and when it came."""

    params: dict[str, str]
    at: float

    @property
    def asked(self) -> list[str]:
        """The ids, as API 2.0 spells them: `vid`, or `vids.0`, `vids.1` and so on."""
        found = {name: value for name, value in self.params.items() if re.fullmatch(r"vid|vids\.\d+", name)}
        return [found[name] for name in sorted(found, key=lambda name: int(name[5:] or 0))]


class Service:
    """Plays its script first. Thread-safe: calls come in parallel."""

    def __init__(self, clock: SleepClock, script: Iterable[Turn]) -> None:
        self.clock = clock
        self._script = iter(script)
        self._lock = threading.Lock()

    def __call__(self, request: PreparedRequest) -> Reply | Exception:
        with self._lock:
            if (refused := self.check(request)) is not None:
                return refused
            turn = next(self._script, self.answer)
            return turn(request) if callable(turn) else turn

    def check(self, request: PreparedRequest) -> Reply | None:
        """A refusal of what is not signed as it should be."""
        raise NotImplementedError

    def answer(self, request: PreparedRequest) -> Reply | Exception:
        """What comes after the script."""
        raise NotImplementedError


class Media(Service):
    """A media API that serves tasks by id. A turn in the place of a task answers every call about that id."""

    def __init__(self, clock: SleepClock, tasks: Mapping[str, JsonObject | Turn], script: Iterable[Turn]) -> None:
        super().__init__(clock, script)
        self.tasks = tasks
        self.calls: list[Call] = []
        self._nonces: set[str] = set()

    def check(self, request: PreparedRequest) -> Reply | None:
        params = dict(parse_qsl(str(request.body), keep_blank_values=True, strict_parsing=True))
        self.calls.append(Call(dict(params), self.clock.now))
        signature, nonce = params.pop("Signature"), params["Nonce"]
        url = urlsplit(str(request.url))
        expected = Sign(SECRET_ID, SECRET_KEY).make(url.netloc, url.path, params, "POST", params["SignatureMethod"])
        replayed, self._nonces = nonce in self._nonces, self._nonces | {nonce}
        return said(code=4100) if replayed or signature != expected else None

    def answer(self, request: PreparedRequest) -> Reply | Exception:
        asked = self.calls[-1].asked
        for turn in (self.tasks.get(vid) for vid in asked):
            if turn is not None and not isinstance(turn, dict):
                return turn(request) if callable(turn) else turn
        found = [self.tasks[vid] for vid in reversed(asked) if vid in self.tasks]  # no document promises an order
        if self.calls[-1].params["Action"] == "GetVpResult":
            return said(found)
        return said(found[0]) if found else said(code=5000 if asked else 4000)


class Network:
    """The network of one test: nothing answers but what the test has put there."""

    def __init__(self, mock: responses.RequestsMock, clock: SleepClock) -> None:
        self.mock = mock
        self.clock = clock

    def media(self, tasks: Mapping[str, JsonObject | Turn] | None = None, script: Iterable[Turn] = ()) -> Media:
        """Start a media API. It has to be asked."""
        service = Media(self.clock, tasks or {}, script)
        self.mock.add_callback(responses.POST, MEDIA_URL, callback=service)
        return service

    def cos(self, *methods: str, objects: Mapping[str, object] | None = None, script: Iterable[Turn] = ()) -> Cos:
        """Start a COS that takes these methods only. Each has to be used."""
        from tests.support.wire_services import Cos

        service = Cos(self.clock, objects or {}, script)
        for method in methods:
            self.mock.add_callback(method, re.compile(f"{COS_URL}/.*"), callback=service)
        return service

    def scf(self, script: Iterable[Turn] = ()) -> Scf:
        """Start SCF's API. It has to be asked."""
        from tests.support.wire_services import Scf

        service = Scf(self.clock, script)
        self.mock.add_callback(responses.POST, f"https://{SCF_HOST}/", callback=service)
        return service

    def invocation(self, limit_ms: float = 60_000) -> Invocation:
        """An invocation on the test's clock."""
        return Invocation({**CONTEXT, "time_limit_in_ms": limit_ms}, self.clock)


@contextmanager
def network(**environ: str) -> Iterator[Network]:
    """A network, a clock and an environment of the test's own. A call that nobody expects fails the test."""
    clock = SleepClock()
    with pytest.MonkeyPatch.context() as patch, responses.RequestsMock() as mock:
        patch.setattr("shared.net.client.Deadline.pause", lambda _, seconds: clock.sleep(seconds))
        patch.setattr("shared.invocation.time.time", clock.time)  # the official clients' too
        patch.setattr("shared.handler.Invocation", partial(Invocation, clock=clock))
        for name, value in {**ENVIRON, **environ}.items():
            patch.setenv(name, value)
        yield Network(mock, clock)
        refused = [str(call.response) for call in mock.calls if "refused by Responses" in str(call.response)]
        assert not refused, refused[0]


def gateway(method: str = "GET", query: object = None, **fields: object) -> JsonObject:
    """An API Gateway event (reference: SCF page 583/12513)."""
    context = {"path": "/x", "httpMethod": "ANY", "identity": {}, "stage": "release"}
    event = function_url(method, query, **{"path": "/x", **fields})
    return {"requestContext": context, "isBase64Encoded": False, **event}


def function_url(method: str = "GET", query: object = None, **fields: object) -> JsonObject:
    """A function URL event: a gateway's without the gateway's own keys (583/96099)."""
    return {"httpMethod": method, "path": "/", "headers": {}, "queryString": query or {}, **fields}


def timer(message: object = "") -> JsonObject:
    """A timer event (583/9708)."""
    text = message if isinstance(message, str) else json.dumps(message)
    return {"Type": "Timer", "TriggerName": "every-minute", "Time": "2026-01-01T00:00:00Z", "Message": text}
