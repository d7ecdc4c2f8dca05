"""The local media API: API 2.0 as the CDN documents describe it, with the two actions that query tasks."""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from collections.abc import Callable
from email.utils import formatdate
from heapq import heappop, heappush
from io import BytesIO
from urllib.parse import parse_qsl

from werkzeug.formparser import FormDataParser
from werkzeug.http import parse_options_header

from local.keys import KNOWN, same
from local.media.tasks import AUDIO_ACTION, VIDEO_ACTION, MediaTasks
from local.server import Reply, Request, Route, json_reply, takes_json
from shared.signing.api2 import API2_PATH, HMAC_SHA1, api2_signature, api2_string_to_sign

Params = dict[str, str]

TASKS_PATH = "/_local/tasks"
#: The hosts of the CDN module: first that of the API documents and SDKs, then that of later editions.
REAL_HOSTS = ("cdn.api.qcloud.com", "cdn.api.cloud.tencent.com")
LOOPBACK = re.compile(r"(localhost|127(\.[0-9]+){3}|\[::1\])(:[0-9]+)?")
#: Timestamp and Nonce are unsigned integers of at most 64 bits (common parameters, 248/4473).
UINT = re.compile(r"[0-9]{1,20}")
VIDS = re.compile(r"vids(?:\.([0-9]{1,9}))?")
#: A longer GET is answered with HTTP status 501 (CDN document of RefreshCdnUrl).
MAX_QUERY = 32 * 1024
#: How far Timestamp can be off, in seconds: 5 minutes in the newer error table (213/6982). The CDN table (228/5078)
#: says 2 hours; a client that keeps to 5 minutes satisfies both.
WINDOW = 300
#: No document gives the real Server header, so this one does not imitate it.
HEADERS = {"Content-Type": "application/json; charset=utf-8", "Server": "local-media-api"}

#: codeDesc and message by code. The meanings are those of the error tables (228/5078, 213/6982); the words are
#: invented, since the tables have none.
ERRORS = {
    4000: ("InvalidParameter", "a parameter is missing or wrong"),
    4100: ("AuthFailure", "the signature does not match"),
    4101: ("UnauthorizedAction", "this sub-account may not call the action"),
    4102: ("UnauthorizedResource", "this sub-account may not use the resource"),
    4103: ("UnauthorizedInnerResource", "this sub-account may not use a resource of the action"),
    4104: ("SecretIdNotFound", "the SecretId does not exist or is disabled"),
    4105: ("TokenFailure", "the token is wrong"),
    4106: ("MFAFailure", "the MFA check failed"),
    4110: ("CamAuthFailure", "CAM refused the request"),
    4200: ("RequestExpired", "the request has expired"),
    4300: ("AccessDenied", "access is refused"),
    4400: ("QuotaExceeded", "the quota is used up"),
    4500: ("ReplayAttack", "the Nonce was used before"),
    4600: ("UnsupportedProtocol", "only HTTPS is supported"),
    5000: ("ResourceNotFound", "the resource does not exist"),
    5100: ("ResourceOperationFailed", "the operation on the resource failed"),
    5400: ("PartialSuccess", "a part of the batch failed"),
    6000: ("InternalError", "internal error, try again later"),
    6100: ("UnsupportedVersion", "this version does not support the action"),
    6200: ("Unavailable", "the interface is in maintenance, try again later"),
}


class ApiError(Exception):
    """A request that is refused with one of the documented codes."""

    def __init__(self, code: int, detail: str = "") -> None:
        super().__init__(code, detail)
        self.code = code
        self.detail = detail


class MediaService:
    """Answers signed API 2.0 requests about `tasks`.

    `calls` counts requests by Action, refused ones included, so that tests can count retries. The real service refuses
    plain HTTP with 4600 (213/6982); this one listens on loopback and speaks only HTTP.
    """

    def __init__(self, tasks: MediaTasks, clock: Callable[[], float] = time.time) -> None:
        self.calls: Counter[str] = Counter()
        self._tasks = tasks
        self.clock = clock
        self.nonces = Nonces()
        self.routes = (
            Route("POST", TASKS_PATH, takes_json(lambda spec: {"tasks": tasks.add(spec)})),
            Route("GET", TASKS_PATH, lambda _: json_reply(tasks.listed())),
        )
        self._actions = {VIDEO_ACTION: self._get_vp_result, AUDIO_ACTION: self._get_ctsaudio_info}

    def handle(self, request: Request) -> Reply:
        """Answer one request.

        The Date header is the service's own, so a client that gets 4200 can see how far its clock is off.
        """
        reply = self._answer(request)
        return reply._replace(headers={**reply.headers, "Date": formatdate(self.clock(), usegmt=True)})

    def _answer(self, request: Request) -> Reply:
        refused = _transport_refusal(request)
        if refused:
            return refused
        try:
            params = _parameters(request)
            if params.get("Action"):
                self.calls[params["Action"]] += 1
            self._check(request, params)
            data = self._act(params)
        except ApiError as error:
            return _failure(error.code, error.detail)
        return _json_reply({"code": 0, "message": "", "codeDesc": "Success", "data": data})

    def error(self, code: str) -> Reply:
        """Return the reply for an error code; one that is not a number is 6000, the table's "internal error"."""
        return _failure(int(code) if re.fullmatch(r"-?[0-9]{1,9}", code) else 6000)

    def _check(self, request: Request, params: Params) -> None:
        """Let only a well-formed, known, correctly signed, timely and new request through. Raises ApiError.

        The real order is not documented. Here the signature comes first, because it needs the parameters and the key
        only. Time and nonce come after it: a forged request must not use up the nonces of the key's owner.
        """
        timestamp, nonce = _common_parameters(params)
        keys = KNOWN.get(params["SecretId"])
        if keys is None:
            raise ApiError(4104)
        # Tencent's Node client of the CDN module (CDN_API_SDK, nodejs/index.js) sends Token=undefined with permanent
        # keys. No page says that the API takes it, but else that client would work for nobody.
        given = params.get("Token", "")
        if not same("" if given == "undefined" else given, keys.token):
            raise ApiError(4105)
        if not _is_signed(request, params, keys.secret_key):
            raise ApiError(4100)
        now = self.clock()
        # The CDN's table (228/5078) has 4200 for this; the newer one (213/6982) lacks it and has 4500 for a Timestamp
        # outside the window. The CDN's table decides here.
        if abs(now - timestamp) > WINDOW:
            raise ApiError(4200, f"Timestamp is more than {WINDOW} seconds off")
        if not self.nonces.spend(params["SecretId"], nonce, now, until=max(now, timestamp) + WINDOW):
            raise ApiError(4500)

    def _act(self, params: Params) -> object:
        """Return an action's `data`. Raises ApiError."""
        action = self._actions.get(params["Action"])
        if action is None:
            # The tables have 6100 for an action of another module's host. There is no other host here, so an unknown
            # action is a wrong parameter.
            raise ApiError(4000, f"Action {params['Action']} does not exist")
        return action(params)

    def _get_vp_result(self, params: Params) -> list[dict[str, object]]:
        """Return the records of `vids.N`, in the order of N.

        No document says what happens to an unknown id; here it is left out, so `data` is empty if no id is known. No
        limit of ids per call is documented either, so any number is answered.
        """
        matches = ((VIDS.fullmatch(name), vid) for name, vid in params.items() if vid)
        # `vids` without a number is not documented; a client with only one id may send it.
        numbered = sorted((int(match[1] or 0), vid) for match, vid in matches if match)
        if not numbered:
            raise ApiError(4000, "parameter vids is missing")
        found = (self._tasks.find(VIDEO_ACTION, vid) for _, vid in numbered)
        return [record for record in found if record is not None]

    def _get_ctsaudio_info(self, params: Params) -> dict[str, object]:
        """Return the record of `vid`. The document calls it optional but has no other selector: needed here."""
        if not params.get("vid"):
            raise ApiError(4000, "parameter vid is missing")
        record = self._tasks.find(AUDIO_ACTION, params["vid"])
        if record is None:
            # No document shows the answer to an unknown id; 5000 is the tables' "resource does not exist".
            raise ApiError(5000, f"no task of vid {params['vid']}")
        return record


class Nonces:
    """The nonces that were used, each kept for as long as its request could be replayed."""

    def __init__(self) -> None:
        self._used: set[tuple[str, int]] = set()
        self._by_age: list[tuple[float, tuple[str, int]]] = []

    def __len__(self) -> int:
        return len(self._used)

    def spend(self, secret_id: str, nonce: int, now: float, until: float) -> bool:
        """Use a nonce of a key; return False if it was used before. All times are in Unix seconds."""
        while self._by_age and self._by_age[0][0] < now:
            self._used.remove(heappop(self._by_age)[1])
        if (secret_id, nonce) in self._used:
            return False
        self._used.add((secret_id, nonce))
        heappush(self._by_age, (until, (secret_id, nonce)))
        return True


def _transport_refusal(request: Request) -> Reply | None:
    """Refuse a request before the API looks at it. The 501 is documented; 404 and 405 are invented."""
    if request.path != API2_PATH:
        return _refusal(404)
    if request.method not in ("GET", "POST"):
        return _refusal(405, Allow="GET, POST")
    if request.method == "GET" and len(request.query) > MAX_QUERY:
        return _refusal(501)
    return None


def _parameters(request: Request) -> Params:
    """Return the parameters of a request: a GET's query, a POST's form (RefreshCdnUrl document). Raises ApiError.

    The last value of a repeated parameter counts; no document says so.
    """
    if request.method == "GET":
        return _form(request.query)
    content_type = request.headers.get("content-type", "")
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type == "application/x-www-form-urlencoded":
        return _form(request.body.decode(errors="replace"))
    if media_type == "multipart/form-data":
        return _multipart(content_type, request.body)
    # Only these two are documented for POST; the answer to others is invented.
    raise ApiError(4000, "Content-Type must be application/x-www-form-urlencoded or multipart/form-data")


def _form(text: str) -> Params:
    """Return the parameters of a text; what is not UTF-8 is replaced, so that they can be signed and put into JSON."""
    return dict(parse_qsl(text.encode(errors="replace").decode(), keep_blank_values=True))


def _multipart(content_type: str, body: bytes) -> Params:
    """Return the text fields of a multipart form."""
    media_type, options = parse_options_header(content_type)
    _, form, _ = FormDataParser().parse(BytesIO(body), media_type, len(body), options)
    return {name: values[-1] for name, values in form.lists()}


def _common_parameters(params: Params) -> tuple[int, int]:
    """Check the common parameters (248/4473) and return Timestamp and Nonce. Raises ApiError."""
    for name in ("Action", "SecretId", "Timestamp", "Nonce", "Signature"):
        if not params.get(name):
            raise ApiError(4000, f"parameter {name} is missing")
    for name in ("Timestamp", "Nonce"):
        if not UINT.fullmatch(params[name]):
            raise ApiError(4000, f"parameter {name} must be an integer")
    timestamp, nonce = int(params["Timestamp"]), int(params["Nonce"])
    if nonce == 0:
        raise ApiError(4000, "parameter Nonce must be positive")
    return timestamp, nonce


def _is_signed(request: Request, params: Params, secret_key: str) -> bool:
    """Whether `Signature` is valid for the request and its host."""
    host = request.headers.get("host", "")
    # The real service has one name only. Here clients use a loopback address, but the official ones always sign their
    # module's host (QcloudApi/modules/cdn.py), so that is valid too.
    hosts = (host, *REAL_HOSTS) if LOOPBACK.fullmatch(host) else (host,)
    signature_method = params.get("SignatureMethod", HMAC_SHA1)
    texts = [api2_string_to_sign(request.method, name, request.path, params) for name in hosts]
    return any(same(api2_signature(secret_key, text, signature_method), params["Signature"]) for text in texts)


def _failure(code: int, detail: str = "") -> Reply:
    description, message = ERRORS.get(code, ("Error", "the request failed"))
    return _json_reply({"code": code, "message": detail or message, "codeDesc": description})


def _json_reply(envelope: dict[str, object]) -> Reply:
    """Return an envelope: HTTP status 200 even for an error, non-ASCII characters escaped as in the samples."""
    return Reply(200, HEADERS, json.dumps(envelope).encode())


def _refusal(status: int, **headers: str) -> Reply:
    return Reply(status, {"Content-Type": "text/plain", "Server": HEADERS["Server"], **headers})
