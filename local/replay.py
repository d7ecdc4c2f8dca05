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

from local.cloud import Bundle, Cloud, Options
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


class Promise(NamedTuple):
    """A sample event, and the status that its file's name promises: `<function>.<case>.<status>.json`."""

    function: str
    case: str
    status: int
    event: dict[str, Any]

    @property
    def of_a_document(self) -> bool:
        """Whether the event asks for the example of one of the two documents."""
        return (self.function, self.case) in DOCUMENTS


class Replay(NamedTuple):
    """What became of an event: its route, the HTTP status or its equivalent, the reply, and the invocation if any."""

    promise: Promise
    route: str
    status: int
    reply: object
    outcome: Outcome | None

    @property
    def kept(self) -> bool:
        """Whether the status is the promised one."""
        return self.status == self.promise.status


async def run(root: Path, state: Path, console: Console, verbose: bool = False, bundle: Bundle | None = None) -> bool:
    """Replay every event of the checkout `root` on local clouds of their own, and print the replies.

    Those of `events/ci` go to a cloud whose functions ask Cloud Infinite. `state` is emptied first, and keeps the
    objects of each cloud in a folder of its own. The documents' two replies are printed in full, with `verbose` all
    replies; broken promises come last. `bundle` replaces the checkout's functions. Return whether every promise was
    kept. Raises ValueError for an event file that can't be used.
    """
    replays: list[Replay] = []
    for backend, folder in (("api2", root / "events"), ("ci", root / "events" / "ci")):
        promises = sorted((read_promise(path) for path in folder.glob("*.json")), key=_reading_order)
        cloud = Cloud(root, state / backend, {"BACKEND": backend}, options=Options(bundle))
        cloud.store.clear()
        given = _give_objects(cloud.store, folder / "objects")
        async with cloud:
            upstream = f"Cloud Infinite {cloud.ci}" if backend == "ci" else f"media API {cloud.media}"
            console.print(f"\nA local cloud: gateway {cloud.gateway}, {upstream}, COS {cloud.cos}", soft_wrap=True)
            for promise in promises:
                replays.append(await _replay(cloud, promise))
                _show(console, replays[-1], verbose or (promise.of_a_document and backend == "api2"))
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


def _give_objects(store: CosStore, folder: Path) -> set[str]:
    """Store the files of a folder under the functions' prefix, and return the keys."""
    for path in sorted(folder.rglob("*.json")):
        name = path.relative_to(folder).as_posix()
        store.put(f"media-query/{name}", path.read_bytes(), {"Content-Type": "application/json"})
    return set(store.list().keys)


def _reading_order(promise: Promise) -> tuple[bool, bool, int, str]:
    """Sort key: the documents' own events first, then video before audio, and successes before refusals."""
    return not promise.of_a_document, promise.function != "query-video", promise.status, promise.case


def _show(console: Console, replayed: Replay, in_full: bool) -> None:
    """Print one line for a reply: promise kept or not, event, status, time and memory, route."""
    promise, route, status, reply, outcome = replayed
    mark = Text("✓ ", "green") if replayed.kept else Text("✗ ", "bold red")
    promised = "" if replayed.kept else f", promised {promise.status}"
    words = f"{promise.function}.{promise.case}  {status}{promised}  {_effort(outcome)}  {route}"
    console.print(Text.assemble(mark, words), soft_wrap=True)
    if in_full:
        text = reply if isinstance(reply, str) else json.dumps(reply, indent=2, ensure_ascii=False)
        console.print("\n".join(f"    {line}" for line in text.splitlines()), markup=False, soft_wrap=True)


def _effort(outcome: Outcome | None) -> str:
    """Return the duration, start and memory of an invocation as text."""
    if outcome is None:
        return "no invocation"
    started = "warm" if outcome.init_ms is None else f"cold start {outcome.init_ms:.0f} ms"
    return f"{outcome.duration_ms:.0f} ms, {started}, {outcome.memory_mb:.0f} MB"


def read_promise(path: Path) -> Promise:
    """Return a sample event. Raises ValueError naming the file if its name or content is malformed."""
    try:
        function, case, status = path.stem.split(".")
        return Promise(function, case, int(status), json.loads(path.read_text(encoding="utf-8")))
    except ValueError as error:
        raise ValueError(f"{path.name}: a name like query-video.timer.200.json and JSON inside are needed") from error


async def _replay(cloud: Cloud, promise: Promise) -> Replay:
    """Send one event by its real route: through its timer, over HTTP, or as a direct invocation."""
    event = promise.event
    if "httpMethod" in event:
        return await _over_http(cloud, promise)
    if event.get("Type") == "Timer":
        route, outcome = f"timer {event['TriggerName']}", await cloud.fire(event["TriggerName"], event["Message"])
    else:
        route, outcome = "direct invocation", await cloud.invoke(promise.function, event)
    if not outcome.ok:
        return Replay(promise, route, outcome.status, outcome.error, outcome)
    code = outcome.result.get("code", 0) if isinstance(outcome.result, Mapping) else 0
    return Replay(promise, route, STATUS_OF_CODE.get(code, 500), outcome.result, outcome)


async def _over_http(cloud: Cloud, promise: Promise) -> Replay:
    """Send the HTTP request that a gateway or function URL event stands for."""
    event = promise.event
    base = cloud.gateway if "requestContext" in event else f"{cloud.gateway}/_url/{promise.function}"
    query = urlencode(event.get("queryString") or {}, doseq=True, safe=",")
    body = (event.get("body") or "").encode()
    if event.get("isBase64Encoded"):
        body = base64.b64decode(body)
    dropped = {"host", "content-length", "connection"}
    headers = {name: value for name, value in (event.get("headers") or {}).items() if name.lower() not in dropped}
    url = base + event["path"] + (f"?{query}" if query else "")
    async with (
        aiohttp.ClientSession() as session,
        session.request(event["httpMethod"], url, data=body, headers=headers) as response,
    ):
        text = await response.text()
    # Otherwise it is a table, a page, or the empty body of a HEAD.
    reply = json.loads(text) if text and response.content_type == "application/json" else text
    route = f"{event['httpMethod']} {url.removeprefix(cloud.gateway)}"
    shown = route if len(route) <= LONGEST_ROUTE else f"{route[:LONGEST_ROUTE]}…"
    return Replay(promise, shown, response.status, reply, cloud.feed.kept[-1].outcome)
