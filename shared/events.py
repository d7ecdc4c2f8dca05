"""What a trigger sends: recognise it, and read what it asks.

The shapes of the events are those of SCF's trigger pages (583/12513 API Gateway, 583/96099 function URL, 583/9708
timer).
Every optional key may be absent or null.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from shared import http_events
from shared.errors import BadInput, Forbidden, MethodNotAllowed, TooManyIds
from shared.http_events import Event, Params
from shared.settings import BY_TOKEN, OFF, Settings, is_safe_key
from shared.tasks import AUDIO, VIDS, IdForm, Kind

HTTP, TIMER, DIRECT = "http", "timer", "direct"
#: What `output` may be: the answer goes to COS; nothing is asked, and the ids are added to what a timer watches.
COS, WATCH = "cos", "watch"
#: What `format` may be.
JSON, CSV = "json", "csv"
#: How API 2.0 spells the members of an array.
MEMBER = re.compile(r"vids\.(0|[1-9][0-9]{0,8})")


class Query(NamedTuple):
    """What an HTTP caller or a direct invocation asks.

    `asked` are the ids in the order given, repeated as given. `single`: by `vid`, so that the answer is one record.
    `watch` is the list that `output=watch` adds to.
    """

    asked: tuple[str, ...]
    single: bool
    output: str = ""
    format: str = JSON
    watch: str = ""

    @property
    def vids(self) -> tuple[str, ...]:
        """The ids, each once."""
        return tuple(dict.fromkeys(self.asked))


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
    if not isinstance(event, Mapping):
        return DIRECT
    if event.get("Type") == "Timer" and "TriggerName" in event:
        return TIMER
    return HTTP if isinstance(event.get("httpMethod"), str) else DIRECT


def as_event(event: object) -> Event:
    """Return an event as what every trigger sends, a JSON object. Raises BadInput."""
    if not isinstance(event, Mapping):
        raise BadInput("event: must be a JSON object")
    return event


def read_query(event: Event, kind: Kind, settings: Settings, ids: IdForm = VIDS) -> Query:
    """Return the query of an HTTP or direct event; `ids` is the form of the back end's ids.

    Raises BadInput naming the field, or another QueryError.
    """
    if source(event) != HTTP:
        return _query(event, kind, ids)
    http_events.authorize(event, settings.api_token)
    params = http_events.read_params(event, settings.max_vids)
    if params.get("output") in (COS, WATCH):
        _check_writing(event, settings)
    if not params.get("format") and http_events.preferred(event) == http_events.CSV:
        params = {**params, "format": CSV}
    query = _query(params, kind, ids)
    if len(query.vids) > settings.max_vids:
        raise TooManyIds(f"vids: at most {settings.max_vids} ids in one query, got {len(query.vids)}")
    return query


def read_sweep(event: Event, kind: Kind, ids: IdForm = VIDS) -> Sweep:
    """Return what a Timer event asks.

    `Message` is empty, ids separated by commas, or JSON. Raises BadInput naming the field.
    """
    message = event.get("Message") or ""
    if not isinstance(message, str):
        raise BadInput("Message: must be text")
    is_json = message.lstrip()[:1] in ("{", "[")
    asked: object = http_events.parse_json(message, "Message") if is_json else {"vids": message or None}
    params: Params = asked if isinstance(asked, dict) else {"vids": asked}
    vids = None if params.get("vids") is None else tuple(dict.fromkeys(_ids(params["vids"], "vids", ids)))
    if vids == ():
        raise BadInput("vids: no id given")
    watch = _key(params, "watch", f"watch/{kind.name}.json")
    suffix = "/" if watch.endswith("/") else ".json"
    results = _key(params, "results", f"results/{kind.name}{suffix}")
    if watch.endswith("/") != results.endswith("/"):
        raise BadInput("results: must end with '/' when watch does, and only then")
    if watch.endswith("/") and vids is not None:
        raise BadInput("watch: a prefix does not go with vids")
    if watch == results:
        raise BadInput("results: must not be what is watched")
    return Sweep(vids, watch, results, _summary(params, watch, results))


def _summary(params: Params, watch: str, results: str) -> str:
    """The object for the summary, empty for none: it has a folder of its own, where it can overwrite nothing else."""
    if not params.get("summary"):
        return ""
    summary, folder = _key(params, "summary", ""), f"{results.rpartition('/')[0]}/summary/".lstrip("/")
    if not summary.startswith(folder) or summary in (watch, results) or summary.endswith("/"):
        raise BadInput(f"summary: must be an object in {folder}, and not what is watched or the results")
    return summary


def _check_writing(event: Event, settings: Settings) -> None:
    """Whether this HTTP caller, whose token has been checked if there is one, may write to COS."""
    if http_events.method(event) != "POST":
        raise MethodNotAllowed("output: only a POST may write", ("POST",))
    if settings.http_writes == OFF or (settings.http_writes == BY_TOKEN and not settings.api_token):
        raise Forbidden("output: HTTP callers may not write here (settings HTTP_WRITES, API_TOKEN)")


def _query(params: Params, kind: Kind, ids: IdForm) -> Query:
    output = _choice(params, "output", (COS, WATCH))
    form = _choice(params, "format", (JSON, CSV)) or JSON
    if params.get("watch") is not None and output != WATCH:
        raise BadInput("watch: goes with output=watch only")
    watch = _key(params, "watch", f"watch/{kind.name}/") if output == WATCH else ""
    vid, vids = params.get("vid"), _vids(params)
    if vid is not None and vids is not None:
        raise BadInput("vid: give vid or vids, not both")
    if vid is not None:
        return Query(_ids(vid, "vid", ids), kind == AUDIO, output, form, watch)
    if vids is None and kind == AUDIO and output != WATCH and form != CSV:
        return Query((), single=True, output=output)  # the document calls vid optional; a table has a row an id
    asked = _ids(vids or [], "vids", ids)
    if not asked:
        raise BadInput("vids: no id given")
    return Query(asked, False, output, form, watch)


def _choice(params: Params, field: str, choices: tuple[str, str]) -> str:
    """One of the values of a field, empty if it is left out."""
    value = params.get(field) or ""
    if not isinstance(value, str) or value not in ("", *choices):
        raise BadInput(f"{field}: must be {choices[0]} or {choices[1]}, or left out")
    return value


def _vids(params: Params) -> object:
    """`vids`, or the same as API 2.0 spells an array: vids.0, vids.1 and so on. None if no id is given."""
    vids, members = params.get("vids"), [name for name in params if name.startswith("vids.")]
    if not members:
        return vids
    if vids is not None:
        raise BadInput("vids: give vids, or vids.0, vids.1 and so on, not both")
    if not all(MEMBER.fullmatch(name) for name in members):
        raise BadInput("vids: after vids. comes a whole number without leading zeros, of nine digits at most")
    return [params[name] for name in sorted(members, key=lambda name: int(name[5:]))]


def _ids(given: object, field: str, ids: IdForm) -> tuple[str, ...]:
    """The ids of a field, in the order given: a list, or text separated by commas."""
    found: list[str] = []
    for value in given if isinstance(given, list) else [given]:
        for part in _parts(value):
            if not (isinstance(part, str) and ids.pattern.fullmatch(part)):
                raise BadInput(f"{field}: number {len(found) + 1} is not an id ({ids.words})")
            found.append(part)
    if field == "vid" and len(found) != 1:
        raise BadInput("vid: exactly one id is needed; for several use vids")
    return tuple(found)


def _parts(value: object) -> Iterator[object]:
    if isinstance(value, str):
        yield from filter(None, (part.strip() for part in value.split(",")))
    else:
        yield value


def _key(params: Params, field: str, default: str) -> str:
    """The name of an object under the prefix, or of a folder there, which ends with `/`."""
    name = default if params.get(field) is None else params[field]
    if not isinstance(name, str) or not is_safe_key(name.removesuffix("/")):
        raise BadInput(f"{field}: must be a path of letters, digits, '_', '-', '.' and '/', without '..'")
    return name
