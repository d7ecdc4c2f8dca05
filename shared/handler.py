"""What SCF calls, for either kind of task: event to query, query to result, result to reply."""

from __future__ import annotations

import os
import traceback
from collections.abc import Mapping

from shared.backends.base import Backend, ask
from shared.errors import PARTLY_DONE, QueryError, TooManyIds
from shared.events import HTTP, TIMER, Query, read_query, read_sweep, source
from shared.invocation import Deadline, Invocation, peak_memory_mb
from shared.replies.envelope import Envelope, envelope, refusal, success
from shared.replies.integrated import http_reply
from shared.replies.json_text import to_bytes
from shared.settings import CI, Settings, read_settings
from shared.tasks import Kind

#: The largest return value that SCF takes, in bytes (quota limits).
MAX_REPLY = 6 * 1024 * 1024
#: Records that are no such size together, even with all outputs that an audio may have.
FEW = 100


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
        backend = _backend(settings, invocation)
        if origin == TIMER and isinstance(event, Mapping):
            return _sweep(kind, event, settings, backend, invocation)
        made = _answer(kind, read_query(event, kind, settings, backend.ids), settings, backend, invocation)
        invocation.facts["code"] = made["code"]
        reply = http_reply(207 if made["code"] == PARTLY_DONE else 200, made, {}) if origin == HTTP else made
        return _sendable(reply, made)
    except Exception as error:
        told = _told(error)
        invocation.facts.update(code=told.code, error=told.message)
        if origin == TIMER:
            raise
        return http_reply(told.http_status, refusal(told), told.headers()) if origin == HTTP else refusal(told)
    finally:
        invocation.log()


def _backend(settings: Settings, invocation: Invocation) -> Backend:
    """The back end of the settings; what the other one needs is not imported."""
    if settings.backend == CI:
        from shared.backends.ci.client import CloudInfinite

        return CloudInfinite(settings, invocation)
    from shared.backends.api2 import MediaApi

    return MediaApi(settings, invocation)


def _sweep(
    kind: Kind, event: Mapping[str, object], settings: Settings, backend: Backend, invocation: Invocation
) -> Mapping[str, object]:
    """Sweep one watch object, or see to it that the many under a watch prefix are swept."""
    from shared.collector.sweep import DAY, Tools, collect  # late, as is whatever a query without COS does not need
    from shared.cos.objects import CosObjects

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


def _answer(kind: Kind, query: Query, settings: Settings, backend: Backend, invocation: Invocation) -> Envelope:
    """The envelope with the records, or with the place in COS where they or the watched ids are."""
    invocation.facts["ids"] = len(query.vids)
    if not query.output:
        return _asked(kind, query, settings, backend, invocation.deadline)
    from shared.cos.objects import CosObjects

    objects = CosObjects(settings, invocation)
    if query.output == "watch":
        from shared.collector.watchlist import add_ids

        stored = add_ids(objects, f"watch/{kind.name}/", query.vids, invocation)
        return success({**stored._asdict(), "count": len(query.vids)})
    made = _asked(kind, query, settings, backend, invocation.deadline.earlier(invocation.write_margin))
    stored = objects.put(f"{kind.function}/{invocation.request_id}.json", made, invocation.deadline)
    data = made["data"]
    count = len(data) if isinstance(data, list) else int(data is not None)
    return {**made, "data": {**stored._asdict(), "count": count}}


def _asked(kind: Kind, query: Query, settings: Settings, backend: Backend, deadline: Deadline) -> Envelope:
    if not query.vids:
        return success(backend.without_ids(kind, deadline))
    answers = ask(backend, kind, query.vids, settings.concurrency, deadline)
    return envelope(answers._replace(records=backend.joined(kind, answers.records)), single=query.single)


def _sendable(reply: object, made: Envelope) -> object:
    """The reply, unless SCF would refuse it for its size. Few records can't be too many, so they are not measured."""
    data = made["data"]
    if isinstance(data, list) and len(data) > FEW and len(to_bytes(reply)) > MAX_REPLY:
        raise TooManyIds("vids: the reply would be over 6 MB; ask for fewer ids, or use output=cos")
    return reply


def _told(error: Exception) -> QueryError:
    """What a caller may know of an error: nothing of one that nobody foresaw, which goes to the log."""
    if isinstance(error, QueryError):
        return error
    traceback.print_exception(error)
    return QueryError("internal error; the function's log has the details")
