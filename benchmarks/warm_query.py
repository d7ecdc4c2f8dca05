"""CPU of one warm query."""

from __future__ import annotations

from benchmarks.server import MediaProcess
from benchmarks.stage import Stage, invoke, opened, spec
from benchmarks.table import Bar, Topic, compared
from local.media.tasks import VIDEO_ACTION

BLOCKS, CALLS = 16, 250
NOTE = (
    "Microseconds of CPU, user and system, of all threads, for one gateway event with one video id, from the event to "
    "the integrated response, against `requests.Session().get(url)` of a reply with the same headers and body from "
    "the same server. (Not of the same URL: a signed request can't be sent twice.) Both run in one instance"
)


async def measure(stage: Stage, media: MediaProcess) -> Topic:
    """Let one instance alternate blocks of queries and blocks of bare requests."""
    vid = media.add_tasks(VIDEO_ACTION, 1)[0]
    event = {
        "httpMethod": "GET",
        "path": "/query-video",
        "queryString": {"vids": vid},
        "headers": {"accept": "*/*", "user-agent": "curl/7.88.1", "x-api-scheme": "https"},
        "requestContext": {"httpMethod": "ANY", "path": "/query-video", "stage": "release"},
    }
    async with opened(spec(stage, stage.probes, "cpu_blocks.main_handler", media)) as function:
        outcome = await invoke(function, {"event": event, "url": media.same, "blocks": BLOCKS, "calls": CALLS})
    cpu = outcome.result
    assert isinstance(cpu, dict)
    ours, bare = ([seconds * 1e6 for seconds in cpu[name]] for name in ("ours", "requests"))
    rows = [compared("one query against one bare request", ours, bare, "µs", Bar(1.1))]
    return Topic("CPU of a warm query", f"{NOTE}, {BLOCKS} pairs of blocks of {CALLS} calls.", rows)
