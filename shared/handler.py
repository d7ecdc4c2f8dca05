"""What SCF calls, for either kind of task: event to query, query to result, result to reply."""

from __future__ import annotations

import os
import traceback
from collections.abc import Mapping

from shared.answer import PARTLY_DONE, Backend, Envelope, ask, envelope, refusal, success
from shared.collect import Summary, collect
from shared.cos import CosObjects
from shared.errors import QueryError
from shared.invocation import Invocation
from shared.media_api import MediaApi
from shared.settings import Settings, read_settings
from shared.tasks import Kind
from shared.triggers import HTTP, TIMER, Query, http_reply, read_query, read_sweep, source


def handle(kind: Kind, event: object, context: object) -> object:
    """Answer one invocation.

    HTTP events get an integrated response, direct ones the envelope; both tell errors in the envelope. A timer's
    event returns its summary and raises its errors, so that SCF runs it again.
    """
    invocation = Invocation(context)
    origin = source(event)
    invocation.facts.update(function=kind.function, trigger=origin)
    try:
        settings = read_settings(os.environ)
        backend = MediaApi(settings, invocation)
        if origin == TIMER and isinstance(event, Mapping):
            return _sweep(kind, event, settings, backend, invocation)
        made = _answer(kind, read_query(event, kind, settings), settings, backend, invocation)
        invocation.facts["code"] = made["code"]
        return http_reply(207 if made["code"] == PARTLY_DONE else 200, made, {}) if origin == HTTP else made
    except Exception as error:
        told = _told(error)
        invocation.facts.update(code=told.code, error=told.message)
        if origin == TIMER:
            raise
        return http_reply(told.http_status, refusal(told), told.headers()) if origin == HTTP else refusal(told)
    finally:
        invocation.log()


def _sweep(
    kind: Kind, event: Mapping[str, object], settings: Settings, backend: Backend, invocation: Invocation
) -> Summary:
    objects = CosObjects(settings, invocation)
    summary = collect(kind, read_sweep(event, kind), backend, objects, settings.concurrency, invocation)
    invocation.facts.update(code=0, **summary)
    return summary


def _answer(kind: Kind, query: Query, settings: Settings, backend: Backend, invocation: Invocation) -> Envelope:
    """The envelope with the records, or with the place in COS where the envelope with the records is."""
    invocation.facts["ids"] = len(query.vids)
    objects = CosObjects(settings, invocation) if query.output else None
    deadline = invocation.deadline.earlier(invocation.write_margin) if objects else invocation.deadline
    if query.vids:
        made = envelope(ask(backend, kind, query.vids, settings.concurrency, deadline), single=query.single)
    else:
        made = success(backend.without_ids(kind, deadline))
    if objects is None:
        return made
    stored = objects.put(f"{kind.function}/{invocation.request_id}.json", made, invocation.deadline)
    count = len(made["data"]) if isinstance(made["data"], list) else int(made["data"] is not None)
    return {**made, "data": {**stored._asdict(), "count": count}}


def _told(error: Exception) -> QueryError:
    """What a caller may know of an error: nothing of one that nobody foresaw, which goes to the log."""
    if isinstance(error, QueryError):
        return error
    traceback.print_exception(error)
    return QueryError("internal error; the function's log has the details")
