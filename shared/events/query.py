"""HTTP and direct events: which kind an event is, and the query that it asks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from shared.errors import BadInput, Forbidden, MethodNotAllowed, TooManyIds
from shared.events import http
from shared.events.fields import Params, read_choice, read_ids, read_members, read_name
from shared.invocation import Event
from shared.settings import BY_TOKEN, OFF, Settings
from shared.tasks import AUDIO, VIDS, IdForm, Kind

#: What may have triggered an invocation. HTTP is the API gateway (583/12513) or a function URL (583/96099).
HTTP, TIMER, DIRECT = "http", "timer", "direct"
#: The values of `output`: the answer is written to COS; or nothing is asked, and the ids are added to a watch list.
COS, WATCH = "cos", "watch"
#: The values of `format`.
JSON, CSV = "json", "csv"


class Query(NamedTuple):
    """What an HTTP caller or a direct invocation asks.

    `asked` are the ids in the order given, duplicates included. `single` means that an audio id came by `vid`, so
    that the answer is one record. `watch` names the list that `output=watch` adds to.
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


def trigger_of(event: object) -> str:
    """Return what triggered an invocation: HTTP (API gateway or function URL), TIMER (583/9708) or DIRECT."""
    if not isinstance(event, Mapping):
        return DIRECT
    if event.get("Type") == "Timer" and "TriggerName" in event:
        return TIMER
    return HTTP if isinstance(event.get("httpMethod"), str) else DIRECT


def as_event(event: object) -> Event:
    """Return an event that is a JSON object, as every trigger's is. Raises BadInput for any other value."""
    if not isinstance(event, Mapping):
        raise BadInput("event: must be a JSON object")
    return event


def read_query(event: Event, kind: Kind, settings: Settings, ids: IdForm = VIDS) -> Query:
    """Return the query of an HTTP or direct event; `ids` is the form of the back end's ids.

    Raises BadInput naming the field, or another QueryError.
    """
    if trigger_of(event) != HTTP:
        return _query(event, kind, ids)
    http.authorize(event, settings.api_token)
    params = http.read_params(event, settings.max_vids)
    if params.get("output") in (COS, WATCH):
        _check_writing(event, settings)
    if not params.get("format") and http.preferred(event) == http.CSV:
        params = {**params, "format": CSV}
    query = _query(params, kind, ids)
    if len(query.vids) > settings.max_vids:
        raise TooManyIds(f"vids: at most {settings.max_vids} ids in one query, got {len(query.vids)}")
    return query


def _check_writing(event: Event, settings: Settings) -> None:
    """Check that an HTTP caller may write to COS. The caller's token, if one is set, has been checked before."""
    if http.method(event) != "POST":
        raise MethodNotAllowed("output: only a POST may write", ("POST",))
    if settings.http_writes == OFF or (settings.http_writes == BY_TOKEN and not settings.api_token):
        raise Forbidden("output: HTTP callers may not write here (settings HTTP_WRITES, API_TOKEN)")


def _query(params: Params, kind: Kind, ids: IdForm) -> Query:
    output = read_choice(params, "output", (COS, WATCH))
    form = read_choice(params, "format", (JSON, CSV)) or JSON
    if params.get("watch") is not None and output != WATCH:
        raise BadInput("watch: goes with output=watch only")
    watch = read_name(params, "watch", f"watch/{kind.name}/") if output == WATCH else ""
    vid, vids = params.get("vid"), read_members(params)
    if vid is not None and vids is not None:
        raise BadInput("vid: give vid or vids, not both")
    if vid is not None:
        asked = read_ids(vid, "vid", ids)
        if len(asked) != 1:
            raise BadInput("vid: exactly one id is needed; for several use vids")
        return Query(asked, kind == AUDIO, output, form, watch)
    if vids is None and kind == AUDIO and output != WATCH and form != CSV:
        return Query((), single=True, output=output)  # the document calls vid optional; a table has a row an id
    asked = read_ids(vids or [], "vids", ids)
    if not asked:
        raise BadInput("vids: no id given")
    return Query(asked, False, output, form, watch)
