"""An event of the API gateway or of a function URL: method and path, token, preferred format, parameters.

A function URL's event (583/96099) has fewer keys than the gateway's (583/12513). Every optional key may be absent or
null.
"""

from __future__ import annotations

import base64
import hmac
import io
import json
import re
from collections.abc import Mapping
from urllib.parse import parse_qs

from shared.errors import BadInput, MethodNotAllowed, NotFound, TooManyIds, Unauthorized, UnsupportedMedia
from shared.events.fields import Params
from shared.invocation import Event

#: The formats of a reply that a caller may prefer.
JSON, CSV, HTML = "application/json", "text/csv", "text/html"
FORM = "application/x-www-form-urlencoded"
METHODS = ("GET", "HEAD", "POST", "OPTIONS")
#: Characters of a body for each id. An id has 64 at most; the rest is for quotes, field names and a table's other
#: columns. A longer body is not parsed: 3 MB full of `{}` take 130 MB of memory.
PER_ID = 256
#: Characters and fields allowed beside those for ids.
SPARE_TEXT, SPARE_FIELDS = 4096, 100


def method(event: Event) -> str:
    """The method, in upper case."""
    return str(event.get("httpMethod")).upper()


def check_path(event: Event, name: str) -> None:
    """Refuse a path of a function URL that is neither `/` nor `/<name of the function>`. Raises NotFound.

    Browsers ask every host for /favicon.ico. A gateway serves only what it publishes, at whatever path that is.
    """
    path = str(event.get("path") or "/")
    if event.get("requestContext") is None and path.rstrip("/") not in ("", f"/{name}"):
        raise NotFound(f"path: ask / or /{name}")


def authorize(event: Event, token: str) -> None:
    """Check that the caller sent the token, if one is set. Raises Unauthorized."""
    if not token:
        return
    scheme, _, sent = _header(event, "authorization").partition(" ")
    same = hmac.compare_digest(sent.strip().encode("utf-8", "surrogatepass"), token.encode())
    if not (scheme.lower() == "bearer" and same):  # RFC 9110, 11.4: in any case, and spaces after it
        raise Unauthorized("Authorization: a valid Bearer token is needed")


def wants_page(event: Event) -> bool:
    """Return whether a browser asks for the page: a GET or HEAD that names no format and prefers HTML."""
    query = event.get("queryString")
    named = isinstance(query, Mapping) and query.get("format")
    return method(event) in ("GET", "HEAD") and not named and preferred(event) == HTML


def preferred(event: Event) -> str:
    """Return which of JSON, CSV and HTML the Accept header weighs highest (RFC 9110, 12.5.1).

    JSON wins a tie: the documented gateway event gives HTML and JSON the same weight. CSV and HTML count only when they
    are named, since most programs accept anything.
    """
    accepted = _header(event, "accept").lower()
    if CSV not in accepted and HTML not in accepted:
        return JSON
    weights: dict[str, float] = {}
    for part in accepted.split(","):
        name, *params = (piece.strip() for piece in part.split(";"))
        quality = next((param[2:] for param in params if param.startswith("q=")), "1")
        weights[name] = float(quality) if re.fullmatch(r"0(\.[0-9]{0,3})?|1(\.0{0,3})?", quality) else 0.0
    weights.setdefault(JSON, weights.get("application/*", weights.get("*/*", 0.0)))
    return max((JSON, CSV, HTML), key=lambda name: weights.get(name, 0.0))


def read_params(event: Event, max_vids: int) -> Params:
    """Return the parameters of a query with at most `max_vids` ids. A POST's body wins over the query string.

    Raises a QueryError that names the part of the event.
    """
    if method(event) not in ("GET", "HEAD", "POST"):
        raise MethodNotAllowed("httpMethod: use GET or POST", METHODS)
    query = event.get("queryString") or {}
    if not isinstance(query, Mapping):
        raise BadInput("queryString: must be an object")
    if sum(len(value) if isinstance(value, list) else 1 for value in query.values()) > max_vids + SPARE_FIELDS:
        raise TooManyIds(f"queryString: has more fields than {max_vids} ids need")
    params = {name: _flat(value) for name, value in query.items()}
    return {**params, **_body_params(event, max_vids)} if method(event) == "POST" else params


def parse_json(text: str, field: str) -> object:
    """Return the value of a JSON text. Raises BadInput naming `field`, which the text came in."""
    try:
        return json.loads(text, object_pairs_hook=_object)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{field}: is not JSON, or names something twice") from error


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """An object. JSON leaves open which of two values with the same name counts, so such an object is refused."""
    made = dict(pairs)
    if len(made) < len(pairs):
        raise ValueError("a name twice")
    return made


def _header(event: Event, name: str) -> str:
    """The value of a header by its lower-case name, empty if it was not sent. The gateway sends names in any case."""
    headers = event.get("headers")
    found = {str(key).lower(): value for key, value in headers.items()} if isinstance(headers, Mapping) else {}
    return str(found.get(name) or "")


def _flat(value: object) -> object:
    """The value of a parameter that was sent once. A gateway may wrap it in a list."""
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def _body_params(event: Event, max_vids: int) -> Params:
    body = _body(event)
    if not body.strip():
        return {}
    media = _header(event, "content-type").partition(";")[0].strip().lower()
    if media not in ("", FORM, JSON, CSV) and not media.endswith("+json"):
        raise UnsupportedMedia(f"body: must be {JSON}, {FORM} or {CSV}")
    if len(body) > max_vids * PER_ID + SPARE_TEXT:
        raise TooManyIds(f"body: is longer than {max_vids} ids need, which is {PER_ID} characters each")
    if media == CSV:
        return {"vids": _column(body)}
    # curl labels every body as a form, so a body that looks like JSON is read as JSON.
    if "json" in media or body.lstrip()[0] in "{[":
        params = parse_json(body, "body")
        if not isinstance(params, Mapping):
            raise BadInput("body: must be a JSON object")
        return params
    try:
        fields = parse_qs(body, keep_blank_values=True, max_num_fields=max_vids + SPARE_FIELDS)
    except ValueError as error:
        raise TooManyIds(f"body: has more fields than {max_vids} ids need") from error
    return {name: _flat(values) for name, values in fields.items()}


def _body(event: Event) -> str:
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


def _column(text: str) -> list[str]:
    """The ids of a table (RFC 4180): the column `vid` if the first row has that name, else the first column."""
    import csv  # late: only a table needs it

    try:
        rows = [row for row in csv.reader(io.StringIO(text, newline=""), strict=True) if row]
    except csv.Error as error:
        raise BadInput("body: is not CSV") from error
    names = [name.strip().lower() for name in rows[0]]
    column = names.index("vid") if "vid" in names else 0
    cells = [row[column] for row in rows[int("vid" in names) :] if len(row) > column]
    return [cell.removeprefix("'") for cell in cells]  # our own tables put it before an id that could start a formula
