"""One invocation of either function: read the event, answer the query or sweep, reply in the trigger's form."""

from __future__ import annotations

import traceback
from typing import NamedTuple, TypeVar

from shared.backends.base import Answers, Work, ask, open_work
from shared.errors import ASK_FOR_FEWER, PARTLY_DONE, BadInput, QueryError, UpstreamFailed
from shared.events import http
from shared.events.query import COS, CSV, HTTP, TIMER, WATCH, Query, as_event, read_query, trigger_of
from shared.invocation import Context, Event, Invocation, peak_memory_mb
from shared.net.json_text import JsonObject, measured
from shared.replies.envelope import Envelope, envelope, refusal, success
from shared.replies.integrated import allowed_methods, http_refusal, http_reply
from shared.tasks import Kind

# What only some invocations need is imported where it is used: COS, the collector, tables, the page.

#: The largest value that a function may return, in bytes (quota limits).
MAX_RETURN = 6 * 1024 * 1024

T = TypeVar("T")


class Reply(NamedTuple):
    """The reply to a query: the envelope, and the table that the caller gets in its place if it asked for one."""

    envelope: Envelope
    table: str | None = None

    @property
    def content(self) -> Envelope | str:
        """What the caller gets."""
        return self.envelope if self.table is None else self.table

    @property
    def http_status(self) -> int:
        """The status over HTTP: 207 when some ids have no answer."""
        return 207 if self.envelope["code"] == PARTLY_DONE else 200


def handle(kind: Kind, event: object, context: Context) -> JsonObject | str:
    """Handle one invocation and print its log line.

    An HTTP event returns the integrated response, a direct one the envelope or a table; both report errors in the
    envelope. A timer's event returns the summary and raises its errors, so that SCF runs it again.
    """
    invocation, trigger = Invocation(context), trigger_of(event)
    invocation.facts.update(function=kind.function, trigger=trigger)
    try:
        if trigger == HTTP:
            return _over_http(kind, as_event(event), invocation)
        if trigger == TIMER:
            return _by_timer(kind, as_event(event), invocation)
        return _directly(kind, event, invocation)
    finally:
        invocation.log()


def _over_http(kind: Kind, event: Event, invocation: Invocation) -> JsonObject:
    """The integrated response to an HTTP request. HEAD gets the response to GET without its body."""
    try:
        response = _response(kind, event, invocation)
    except Exception as error:  # noqa: BLE001 - every error is reported in the envelope
        response = http_refusal(_public_error(error, invocation))
    return {**response, "body": ""} if http.method(event) == "HEAD" else response


def _by_timer(kind: Kind, event: Event, invocation: Invocation) -> JsonObject:
    """The summary of a sweep. Raises what goes wrong."""
    try:
        summary = _sweep(open_work(kind, invocation), event)
    except Exception as error:
        _public_error(error, invocation)
        raise
    invocation.facts.update(code=0, **summary, memory_mb=peak_memory_mb())
    return summary


def _directly(kind: Kind, event: object, invocation: Invocation) -> Envelope | str:
    """The envelope or the table for a direct invocation, whose event may be any JSON value."""
    try:
        work = open_work(kind, invocation)
        query = read_query(as_event(event), kind, work.settings, work.backend.ids)
        return _returnable(_reply(work, query).content, query)
    except Exception as error:  # noqa: BLE001 - every error is reported in the envelope
        return refusal(_public_error(error, invocation))


def _response(kind: Kind, event: Event, invocation: Invocation) -> JsonObject:
    http.check_path(event, kind.function)
    if (response := _without_query(kind, event)) is not None:
        invocation.facts["code"] = 0
        return response
    work = open_work(kind, invocation)
    query = read_query(event, kind, work.settings, work.backend.ids)
    reply = _reply(work, query)
    return _returnable(http_reply(reply.http_status, reply.content, {}), query)


def _without_query(kind: Kind, event: Event) -> JsonObject | None:
    """The response to a request that asks about no task. It needs neither token nor settings."""
    if http.method(event) == "OPTIONS":
        return allowed_methods()
    if http.wants_page(event):
        from shared.replies.page import page_reply

        return page_reply(kind)
    return None


def _sweep(work: Work, event: Event) -> JsonObject:
    """Sweep one watch object, or have the many under a watch prefix swept."""
    from shared.events.timer import read_sweep

    sweep = read_sweep(event, work.kind, work.backend.ids)
    if sweep.watch.endswith("/"):
        from shared.collector.shards import spread

        return spread(work, sweep)
    from shared.collector.sweep import collect

    return collect(work, sweep)


def _reply(work: Work, query: Query) -> Reply:
    """Do what the query wants."""
    work.invocation.facts["ids"] = len(query.vids)
    reply = {COS: _store, WATCH: _watch}.get(query.output, _ask_backend)(work, query)
    work.invocation.facts["code"] = reply.envelope["code"]
    return reply


def _watch(work: Work, query: Query) -> Reply:
    """Add the ids to the list that a timer watches."""
    from shared.collector.watchlist import add_ids

    stored = add_ids(work.objects, query.watch, query.vids)
    return Reply(success({**stored._asdict(), "count": len(query.vids)}))


def _store(work: Work, query: Query) -> Reply:
    """Ask, write the reply to COS, and say where it is."""
    objects, invocation = work.objects, work.invocation
    made, table = _ask_backend(work, query)
    name = f"{work.kind.function}/{invocation.request_id}"
    if table is None:
        stored = objects.put(f"{name}.json", made)
    else:
        stored = objects.store(f"{name}.csv", table.encode(), "text/csv; charset=utf-8")
    data = made["data"]
    count = len(data) if isinstance(data, list) else int(data is not None)
    return Reply({**made, "data": {**stored._asdict(), "count": count}})


def _ask_backend(work: Work, query: Query) -> Reply:
    """Ask for the records. With `output=cos`, leave time for the write."""
    kind, backend, invocation = work.kind, work.backend, work.invocation
    deadline = invocation.deadline.earlier(invocation.write_margin) if query.output else invocation.deadline
    if not query.vids:
        return Reply(success(backend.without_ids(kind, deadline)))
    answers = ask(backend, kind, query.vids, work.settings.concurrency, deadline)
    joined = backend.joined(kind, answers.records)
    made = envelope(answers._replace(records=joined), single=query.single)
    return Reply(made, _table(kind, query, answers) if query.format == CSV else None)


def _table(kind: Kind, query: Query, answers: Answers) -> str:
    from shared.replies.table import to_csv, to_rows

    return to_csv(to_rows(kind, query.asked, answers))


def _returnable(value: T, query: Query) -> T:
    """The value as SCF can return it. Raises a QueryError when it is too large for that."""
    value, size = measured(value)
    if size <= MAX_RETURN:
        return value
    if len(query.vids) > 1:
        raise BadInput(f"vids: the reply would be over 6 MB; {ASK_FOR_FEWER}, or use output=cos")
    raise UpstreamFailed("the record is over 6 MB, more than a function can return")


def _public_error(error: Exception, invocation: Invocation) -> QueryError:
    """The error as its caller may see it, which the log line has too.

    A QueryError is made for callers. Anything else is a fault of ours, and its words may name a host, a key or a path:
    they go to the function's log, and callers learn only that there is something to read.
    """
    public = error
    if not isinstance(public, QueryError):
        traceback.print_exception(error)
        public = QueryError("internal error; the function's log has the details")
    invocation.facts.update(code=public.code, error=public.message)
    return public
