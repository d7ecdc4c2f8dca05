"""What a trigger sends: recognise it, authorise it, read the query.

The shapes of the events are those of SCF's trigger pages (583/12513 API Gateway, 583/96099 function URL, 583/9708
timer).
Every optional key may be absent or null.
"""

from __future__ import annotations

import base64
import hmac
import json
import re
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import parse_qs

from shared.errors import BadInput, MethodNotAllowed, TooManyIds, Unauthorized
from shared.settings import Settings, is_safe_key
from shared.tasks import AUDIO, VIDS, IdForm, Kind, split_ids

HTTP, TIMER, DIRECT = "http", "timer", "direct"

#: The largest number of form fields read: more than any query may have ids.
MAX_FIELDS = 100_000

Params = Mapping[str, object]


class Query(NamedTuple):
    """What an HTTP caller or a direct invocation asks. `single`: by `vid`, so that the answer is one record."""

    vids: tuple[str, ...]
    single: bool
    output: str  # "", "cos" or "watch"


class Sweep(NamedTuple):
    """What a timer asks: the given ids (None: those of the watch object), and where the results go.

    A `watch` that ends with `/` is a prefix of many watch objects, and so is `results` then. `summary` is the object
    that the summary goes to as well, if any.
    """

    vids: tuple[str, ...] | None
    watch: str
    results: str
    summary: str = ""


def source(event: object) -> str:
    """Say which kind of invocation an event is: HTTP (API Gateway or function URL), TIMER or DIRECT."""
    if isinstance(event, Mapping):
        if event.get("Type") == "Timer" and "TriggerName" in event:
            return TIMER
        if isinstance(event.get("httpMethod"), str):
            return HTTP
    return DIRECT


def read_query(event: object, kind: Kind, settings: Settings, ids: IdForm = VIDS) -> Query:
    """Return the query of an HTTP or direct event; `ids` is the form of the back end's ids.

    Raises BadInput naming the field, or another QueryError.
    """
    if not isinstance(event, Mapping):
        raise BadInput("event: must be a JSON object")
    if source(event) != HTTP:
        return _query(event, kind, ids)
    _authorize(event, settings.api_token)
    query = _query(_http_params(event), kind, ids)
    if len(query.vids) > settings.max_vids:
        raise TooManyIds(f"vids: at most {settings.max_vids} ids in one query, got {len(query.vids)}")
    return query


def read_sweep(event: Mapping[str, object], kind: Kind, ids: IdForm = VIDS) -> Sweep:
    """Return what a Timer event asks.

    `Message` is empty, ids separated by commas, or JSON. Raises BadInput naming the field.
    """
    message = event.get("Message") or ""
    if not isinstance(message, str):
        raise BadInput("Message: must be text")
    asked: object = _json(message, "Message") if message.lstrip()[:1] in ("{", "[") else {"vids": message or None}
    params: Params = asked if isinstance(asked, Mapping) else {"vids": asked}
    vids = None if params.get("vids") is None else _ids(params["vids"], "vids", ids)
    if vids == ():
        raise BadInput("vids: no id given")
    watch = _key(params, "watch", f"watch/{kind.name}.json")
    suffix = "/" if watch.endswith("/") else ".json"
    results = _key(params, "results", f"results/{kind.name}{suffix}")
    if watch.endswith("/") != results.endswith("/"):
        raise BadInput("results: must end with '/' when watch does, and only then")
    if watch.endswith("/") and vids is not None:
        raise BadInput("watch: a prefix does not go with vids")
    return Sweep(vids, watch, results, _key(params, "summary", "") if params.get("summary") else "")


def _query(params: Params, kind: Kind, ids: IdForm) -> Query:
    output = params.get("output") or ""
    if output not in ("", "cos", "watch"):
        raise BadInput("output: must be cos or watch, or left out")
    vid, vids = params.get("vid"), _vids(params)
    if vid is not None and vids is not None:
        raise BadInput("vid: give vid or vids, not both")
    if vid is not None:
        found = _ids(vid, "vid", ids)
        return Query(found, kind == AUDIO, str(output))
    if vids is None and kind == AUDIO and output != "watch":
        return Query((), True, str(output))  # the document calls vid optional
    found = _ids(vids or [], "vids", ids)
    if not found:
        raise BadInput("vids: no id given")
    return Query(found, False, str(output))


def _vids(params: Params) -> object:
    """`vids`, or the same as API 2.0 spells an array: vids.0, vids.1 and so on."""
    if params.get("vids") is not None:
        return params["vids"]
    dotted = {int(name[5:]): params[name] for name in params if re.fullmatch(r"vids\.[0-9]{1,6}", name)}
    return [dotted[index] for index in sorted(dotted)] or None


def _ids(given: object, field: str, ids: IdForm) -> tuple[str, ...]:
    """The ids of a field, each once, in the order given: a list, or text separated by commas."""
    values: list[object] = []
    for value in given if isinstance(given, list) else [given]:
        values += [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else [value]
    if field == "vid" and len(values) != 1:
        raise BadInput("vid: exactly one id is needed; for several use vids")
    valid, rest = split_ids(values, ids)
    if rest:
        raise BadInput(f"{field}: number {values.index(rest[0]) + 1} is not an id ({ids.words})")
    return tuple(valid)


def _authorize(event: Params, token: str) -> None:
    if not token:
        return
    scheme, _, sent = _headers(event).get("authorization", "").partition(" ")
    same = hmac.compare_digest(sent.encode("utf-8", "surrogatepass"), token.encode())
    if not (scheme.lower() == "bearer" and same):  # RFC 9110: a scheme's name comes in any case
        raise Unauthorized("Authorization: a valid Bearer token is needed")


def _headers(event: Params) -> dict[str, str]:
    """Headers by lower-case name: the gateway's come in any case."""
    headers = event.get("headers")
    return {str(name).lower(): str(value) for name, value in headers.items()} if isinstance(headers, Mapping) else {}


def _http_params(event: Params) -> Params:
    """The parameters of a GET or POST; those of the body win over those of the query."""
    method = str(event["httpMethod"]).upper()
    if method not in ("GET", "POST"):
        raise MethodNotAllowed("httpMethod: use GET or POST")
    query = event.get("queryString") or {}
    if not isinstance(query, Mapping):
        raise BadInput("queryString: must be an object")
    params = {name: _flat(value) for name, value in query.items()}
    return {**params, **_body_params(event)} if method == "POST" else params


def _flat(value: object) -> object:
    """A parameter that was sent once is that value; a gateway may give a list all the same."""
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def _body_params(event: Params) -> Params:
    body = _body(event)
    content_type = _headers(event).get("content-type", "")
    # curl calls any body a form, so what looks like JSON is read as JSON.
    if body.lstrip()[:1] in ("{", "[") or ("json" in content_type and body.strip()):
        params = _json(body, "body")
        if not isinstance(params, Mapping):
            raise BadInput("body: must be a JSON object")
        return params
    if "multipart" in content_type:
        raise BadInput("body: must be JSON or application/x-www-form-urlencoded")
    try:
        fields = parse_qs(body, keep_blank_values=True, max_num_fields=MAX_FIELDS)
    except ValueError as error:
        raise BadInput("body: is no form") from error
    return {name: _flat(values) for name, values in fields.items()}


def _body(event: Params) -> str:
    body = event.get("body") or ""
    if not isinstance(body, str):
        raise BadInput("body: must be text")
    body = body.removeprefix("\ufeff")
    if event.get("isBase64Encoded") is not True:
        return body
    try:
        return base64.b64decode(body, validate=True).decode("utf-8-sig")
    except ValueError as error:  # both binascii's and the codec's
        raise BadInput("body: is not UTF-8 in Base64") from error


def _json(text: str, field: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{field}: is not JSON") from error


def _key(params: Params, field: str, default: str) -> str:
    """The name of an object under the prefix, or of a folder there, which ends with `/`."""
    name = default if params.get(field) is None else params[field]
    if not isinstance(name, str) or not is_safe_key(name.removesuffix("/")):
        raise BadInput(f"{field}: must be a path of letters, digits, '_', '-', '.' and '/', without '..'")
    return name
