"""What SCF calls, for either kind of task: event to query, query to answer, answer to reply."""

from __future__ import annotations

import os
import traceback
from collections.abc import Mapping
from typing import NamedTuple

from shared import http_events
from shared.backends.base import Answers, Backend, ask
from shared.errors import PARTLY_DONE, BadInput, QueryError, UpstreamFailed
from shared.events import COS, CSV, HTTP, TIMER, WATCH, Query, as_event, read_query, read_sweep, source
from shared.http_events import Event
from shared.invocation import Invocation, peak_memory_mb
from shared.replies.envelope import Envelope, envelope, refusal, success
from shared.replies.integrated import allowed_methods, http_refusal, http_reply
from shared.replies.json_text import JsonObject, measured
from shared.settings import CI, Settings, read_settings
from shared.tasks import Kind

#: The largest return value that SCF takes, in bytes (quota limits).
MAX_REPLY = 6 * 1024 * 1024


class Work(NamedTuple):
    """What an invocation works with."""

    kind: Kind
    settings: Settings
    backend: Backend
    invocation: Invocation


class Answer(NamedTuple):
    """What a query comes to: the envelope, and the table that the caller gets in its place, if one was asked for."""

    envelope: Envelope
    table: str | None = None


def handle(kind: Kind, event: object, context: object) -> object:
    """Answer one invocation.

    HTTP events get an integrated response, direct ones the envelope or a table; both tell errors in the envelope. A
    timer's event returns its summary and raises its errors, so that SCF runs it again.
    """
    invocation, origin = Invocation(context), source(event)
    invocation.facts.update(function=kind.function, trigger=origin)
    try:
        asked = as_event(event)
        if origin == HTTP:
            return _http(kind, asked, invocation)
        work = _work(kind, invocation)
        return _sweep(work, asked) if origin == TIMER else _direct(work, asked)
    except Exception as error:
        told = _told(error, invocation)
        if origin == TIMER:
            raise
        return refusal(told)
    finally:
        invocation.log()


def _http(kind: Kind, event: Event, invocation: Invocation) -> JsonObject:
    """The integrated response to an HTTP request; HEAD gets that of GET, without the body."""
    try:
        reply = _http_answer(kind, event, invocation)
    except Exception as error:  # noqa: BLE001 - whatever goes wrong is told in the envelope
        reply = http_refusal(_told(error, invocation))
    return {**reply, "body": ""} if http_events.method(event) == "HEAD" else reply


def _http_answer(kind: Kind, event: Event, invocation: Invocation) -> JsonObject:
    http_events.check_path(event, kind.function)
    ready = _without_query(kind, event)
    if ready is not None:
        invocation.facts["code"] = 0
        return ready
    work = _work(kind, invocation)
    query = read_query(event, kind, work.settings, work.backend.ids)
    made, table = _answer(work, query)
    status = 207 if made["code"] == PARTLY_DONE else 200
    reply = http_reply(status, made if table is None else table, {})
    _check_size(measured(reply)[1], query)
    return reply


def _without_query(kind: Kind, event: Event) -> JsonObject | None:
    """The reply to a request that asks about no task, which needs neither token nor settings."""
    if http_events.method(event) == "OPTIONS":
        return allowed_methods()
    if http_events.wants_page(event):
        from shared.replies.page import page_reply

        return page_reply(kind)
    return None


def _direct(work: Work, event: Event) -> object:
    query = read_query(event, work.kind, work.settings, work.backend.ids)
    made, table = _answer(work, query)
    reply, size = measured(made if table is None else table)
    _check_size(size, query)
    return reply


def _work(kind: Kind, invocation: Invocation) -> Work:
    """Read the settings and choose the back end; what the other one needs is not imported."""
    settings = read_settings(os.environ)
    if settings.backend == CI:
        from shared.backends.ci.client import CloudInfinite

        return Work(kind, settings, CloudInfinite(settings, invocation), invocation)
    from shared.backends.api2 import MediaApi

    return Work(kind, settings, MediaApi(settings, invocation), invocation)


def _sweep(work: Work, event: Event) -> Mapping[str, object]:
    """Sweep one watch object, or see to it that the many under a watch prefix are swept."""
    from shared.collector.sweep import DAY, Tools, collect  # late, as is whatever a query without COS does not need
    from shared.cos.objects import CosObjects

    kind, settings, backend, invocation = work
    sweep = read_sweep(event, kind, backend.ids)
    tools = Tools(
        kind, backend, CosObjects(settings, invocation), settings.concurrency, invocation, settings.missing_days * DAY
    )
    if sweep.watch.endswith("/"):
        from shared.collector.invoke import ScfApi
        from shared.collector.shards import spread

        summary = spread(tools, sweep, ScfApi(settings, invocation))
    else:
        summary = collect(tools, sweep)
    invocation.facts.update(code=0, **summary, memory_mb=peak_memory_mb())
    return summary


def _answer(work: Work, query: Query) -> Answer:
    """The records, or the place in COS where they or the watched ids are."""
    work.invocation.facts["ids"] = len(query.vids)
    if query.output == WATCH:
        answer = _watched(work, query)
    elif query.output == COS:
        answer = _stored(work, query)
    else:
        answer = _asked(work, query)
    work.invocation.facts["code"] = answer.envelope["code"]
    return answer


def _watched(work: Work, query: Query) -> Answer:
    """Add the ids to what a timer watches."""
    from shared.collector.watchlist import add_ids
    from shared.cos.objects import CosObjects

    objects = CosObjects(work.settings, work.invocation)
    stored = add_ids(objects, query.watch, query.vids, work.invocation)
    return Answer(success({**stored._asdict(), "count": len(query.vids)}))


def _stored(work: Work, query: Query) -> Answer:
    """Ask, write what has come to COS, and say where it is."""
    from shared.cos.objects import CosObjects

    invocation = work.invocation
    objects = CosObjects(work.settings, invocation)
    made, table = _asked(work, query)
    name = f"{work.kind.function}/{invocation.request_id}"
    if table is None:
        stored = objects.put(f"{name}.json", made, invocation.deadline)
    else:
        stored = objects.store(f"{name}.csv", table.encode(), invocation.deadline, "text/csv; charset=utf-8")
    data = made["data"]
    count = len(data) if isinstance(data, list) else int(data is not None)
    return Answer({**made, "data": {**stored._asdict(), "count": count}})


def _asked(work: Work, query: Query) -> Answer:
    """Ask the back end, in time to write to COS what has come if it is to go there."""
    kind, settings, backend, invocation = work
    deadline = invocation.deadline.earlier(invocation.write_margin) if query.output else invocation.deadline
    if not query.vids:
        return Answer(success(backend.without_ids(kind, deadline)))
    answers = ask(backend, kind, query.vids, settings.concurrency, deadline)
    joined = backend.joined(kind, answers.records)
    made = envelope(answers._replace(records=joined), single=query.single)
    return Answer(made, _table(kind, query, answers) if query.format == CSV else None)


def _table(kind: Kind, query: Query, answers: Answers) -> str:
    from shared.replies.table import to_csv, to_rows

    return to_csv(to_rows(kind, query.asked, answers))


def _check_size(size: int, query: Query) -> None:
    """Refuse a reply that SCF would refuse."""
    if size <= MAX_REPLY:
        return
    if len(query.vids) > 1:
        raise BadInput("vids: the reply would be over 6 MB; ask for fewer ids, or use output=cos")
    raise UpstreamFailed("the record is over 6 MB, more than a function can return")


def _told(error: Exception, invocation: Invocation) -> QueryError:
    """What a caller may know of an error: nothing of one that nobody foresaw, which goes to the log."""
    told = error
    if not isinstance(told, QueryError):
        traceback.print_exception(error)
        told = QueryError("internal error; the function's log has the details")
    invocation.facts.update(code=told.code, error=told.message)
    return told
