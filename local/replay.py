"""`make run`: sends every file of events/ by its real route and compares the reply with the status in its name."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

import aiohttp
from rich.console import Console
from rich.text import Text

from local.cloud import Bundle, Cloud, Options, Ports
from local.cos.store import CosStore
from local.scf.runtime import Outcome

#: HTTP statuses by the envelope's code, for replies without HTTP.
STATUS_OF_CODE = {0: 200, 5400: 207, 4000: 400, 4100: 401, 4400: 429, 5000: 404, 6000: 502}
#: The events that ask for the two documents' examples.
DOCUMENTS = frozenset({("query-video", "url-get"), ("query-audio", "gateway-get")})
#: The most characters of a route that are printed.
LONGEST_ROUTE = 100
#: Keys of the journal's notes, which are not listed.
NOTES = re.compile(r"\.(added|found)/")


class Sample(NamedTuple):
    """A sample event. Its file is named `<function>.<case>.<status>.json`; `promise` is that status."""

    function: str
    case: str
    promise: int
    content: dict[str, Any]


class Received(NamedTuple):
    """A reply: the route of the event, the HTTP status (or its equivalent) and the reply itself."""

    route: str
    status: int
    reply: object


class Replay(NamedTuple):
    """An event, its reply and its invocation (None if no function was invoked)."""

    event: Sample
    received: Received
    outcome: Outcome | None

    @property
    def kept(self) -> bool:
        """Whether the status is the one that the event's name promises."""
        return self.received.status == self.event.promise


async def run(root: Path, state: Path, console: Console, verbose: bool = False, bundle: Bundle | None = None) -> bool:
    """Replay every event of the checkout `root` on local clouds of their own, and print the replies.

    Those of `events/ci` go to a cloud whose functions ask Cloud Infinite. `state` is emptied first, and keeps the
    objects of each cloud in a folder of its own. The documents' two replies are printed in full, with `verbose` all
    replies; broken promises come last. `bundle` replaces the checkout's functions. Return whether every promise was
    kept. Raises ValueError for an event file that can't be used.
    """
    replays: list[Replay] = []
    for backend, folder in (("api2", root / "events"), ("ci", root / "events" / "ci")):
        events = sorted((read_event(path) for path in folder.glob("*.json")), key=_reading_order)
        cloud = Cloud(root, state / backend, {"BACKEND": backend}, Ports(), _ignore, Options(bundle))
        cloud.store.clear()
        given = _give_objects(cloud.store, folder / "objects")
        await cloud.start()
        console.print(
            f"\nA local cloud: gateway {cloud.gateway}, {_upstream(cloud, backend)}, COS {cloud.cos}", soft_wrap=True
        )
        try:
            for event in events:
                replays.append(await _replay(cloud, event))
                _show(console, replays[-1], verbose or (_is_documents(event) and backend == "api2"))
        finally:
            await cloud.stop()
        written = [key for key in cloud.store.list().keys if key not in given and not NOTES.search(key)]
        console.print(f"Written to COS, below {cloud.store.path('x').parent}:", soft_wrap=True)
        console.print("".join(f"  {key}\n" for key in written), end="", markup=False, soft_wrap=True)
    return _summary(console, replays)


def _summary(console: Console, replays: list[Replay]) -> bool:
    """Print the replies that broke their promise in full, then the count."""
    broken = [each for each in replays if not each.kept]
    for each in broken:
        _show(console, each, True)
    kept = len(replays) - len(broken)
    style = "bold red" if broken else "bold green"
    console.print(f"\n{kept} of {len(replays)} replies are what their events' names promise.", style=style)
    return not broken


def _upstream(cloud: Cloud, backend: str) -> str:
    return f"Cloud Infinite {cloud.ci}" if backend == "ci" else f"media API {cloud.media}"


def _give_objects(store: CosStore, folder: Path) -> set[str]:
    """Store the files of a folder under the functions' prefix, and return the keys."""
    for path in sorted(folder.rglob("*.json")):
        name = path.relative_to(folder).as_posix()
        store.put(f"media-query/{name}", path.read_bytes(), {"Content-Type": "application/json"})
    return set(store.list().keys)


def _reading_order(event: Sample) -> tuple[bool, bool, int, str]:
    """Sort key: the documents' own events first, then video before audio, and successes before refusals."""
    return not _is_documents(event), event.function != "query-video", event.promise, event.case


def _is_documents(event: Sample) -> bool:
    return (event.function, event.case) in DOCUMENTS


async def _replay(cloud: Cloud, event: Sample) -> Replay:
    """Replay an event; the cloud's last activity has its invocation."""
    received = await replay(cloud, event)
    return Replay(event, received, cloud.feed.kept[-1].outcome if cloud.feed.kept else None)


def _show(console: Console, replayed: Replay, in_full: bool) -> None:
    """Print one line for a reply: promise kept or not, event, status, time and memory, route."""
    event, received, _ = replayed
    mark = Text("✓ ", "green") if replayed.kept else Text("✗ ", "bold red")
    promised = "" if replayed.kept else f", promised {event.promise}"
    words = f"{event.function}.{event.case}  {received.status}{promised}  {_effort(replayed.outcome)}  {received.route}"
    console.print(Text.assemble(mark, words), soft_wrap=True)
    if in_full:
        text = (
            received.reply
            if isinstance(received.reply, str)
            else json.dumps(received.reply, indent=2, ensure_ascii=False)
        )
        console.print("\n".join(f"    {line}" for line in text.splitlines()), markup=False, soft_wrap=True)


def _effort(outcome: Outcome | None) -> str:
    """Return the duration, start and memory of an invocation as text."""
    if outcome is None:
        return "no invocation"
    started = "warm" if outcome.init_ms is None else f"cold start {outcome.init_ms:.0f} ms"
    return f"{outcome.duration_ms:.0f} ms, {started}, {outcome.memory_mb:.0f} MB"


def _ignore(_: str) -> None:
    """Drop a log line: each outcome has its own log."""


def read_event(path: Path) -> Sample:
    """Return a sample event. Raises ValueError naming the file if its name or content is malformed."""
    try:
        function, case, promise = path.stem.split(".")
        return Sample(function, case, int(promise), json.loads(path.read_text(encoding="utf-8")))
    except ValueError as error:
        raise ValueError(f"{path.name}: a name like query-video.timer.200.json and JSON inside are needed") from error


async def replay(cloud: Cloud, event: Sample) -> Received:
    """Send one event by its real route: through its timer, over HTTP, or as a direct invocation."""
    content = event.content
    if content.get("Type") == "Timer":
        outcome = await cloud.fire(content["TriggerName"], content["Message"])
        return _direct(outcome, f"timer {content['TriggerName']}")
    if "httpMethod" in content:
        return await _over_http(cloud, event)
    return _direct(await cloud.invoke(event.function, content), "direct invocation")


def _direct(outcome: Outcome, route: str) -> Received:
    if not outcome.ok:
        return Received(route, outcome.status, outcome.error)
    code = outcome.result.get("code", 0) if isinstance(outcome.result, Mapping) else 0
    return Received(route, STATUS_OF_CODE.get(code, 500), outcome.result)


async def _over_http(cloud: Cloud, event: Sample) -> Received:
    """Send the HTTP request that a gateway or function URL event stands for."""
    content = event.content
    base = cloud.gateway if "requestContext" in content else f"{cloud.gateway}/_url/{event.function}"
    query = urlencode(content.get("queryString") or {}, doseq=True, safe=",")
    body = (content.get("body") or "").encode()
    if content.get("isBase64Encoded"):
        body = base64.b64decode(body)
    dropped = {"host", "content-length", "connection"}
    headers = {name: value for name, value in (content.get("headers") or {}).items() if name.lower() not in dropped}
    url = base + content["path"] + (f"?{query}" if query else "")
    async with (
        aiohttp.ClientSession() as session,
        session.request(content["httpMethod"], url, data=body, headers=headers) as response,
    ):
        text = await response.text()
        # Otherwise it is a table, a page, or the empty body of a HEAD.
        reply = json.loads(text) if text and response.content_type == "application/json" else text
        route = f"{content['httpMethod']} {url.removeprefix(cloud.gateway)}"
        shown = route if len(route) <= LONGEST_ROUTE else f"{route[:LONGEST_ROUTE]}…"
        return Received(shown, response.status, reply)
