"""`make run`: every file of events/ the way that it would really come, compared with what its name promises."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

import aiohttp

from local.cloud import Bundle, Cloud, Ports
from local.cos.store import CosStore
from local.scf.runtime import Outcome

#: The HTTP status that an envelope's code stands for, for replies that do not travel by HTTP.
STATUS_OF_CODE = {0: 200, 5400: 207, 4000: 400, 4100: 401, 4400: 429, 5000: 404, 6000: 502}


class Event(NamedTuple):
    """A sample event: its file's name is `<function>.<case>.<status>.json`, and the status is the promise."""

    function: str
    case: str
    promise: int
    content: dict[str, Any]


class Answer(NamedTuple):
    """What came back: the way it went, the HTTP status (or what would be one) and the reply."""

    route: str
    status: int
    reply: object


async def run(root: Path, state: Path, say: Callable[[str], None], bundle: Bundle | None = None) -> bool:
    """Replay every event of the checkout `root` on local clouds of their own, and say what happens.

    Those of `events/ci` go to one whose functions ask Cloud Infinite. `state` is emptied first, then holds the objects
    that the events read and write, a folder a cloud. `bundle` replaces the checkout's own functions. Returns whether
    every reply is what its event's name promises. Raises ValueError for an event file that can't be used.
    """
    kept: list[bool] = []
    for backend, folder in (("api2", root / "events"), ("ci", root / "events" / "ci")):
        events = sorted((read_event(path) for path in folder.glob("*.json")), key=_reading_order)
        lines: list[str] = []
        cloud = Cloud(root, state / backend, {"BACKEND": backend}, Ports(), lines.append, bundle)
        cloud.store.clear()
        given = _give_objects(cloud.store, folder / "objects")
        await cloud.start()
        say(f"The local cloud is up: gateway {cloud.gateway}, {_upstream(cloud, backend)}, COS {cloud.cos}")
        try:
            kept += [await _show(cloud, event, lines, say) for event in events]
        finally:
            await cloud.stop()
        _show_objects(cloud.store, given, say)
    say(f"\n{sum(kept)} of {len(kept)} replies are what their events' names promise.")
    return all(kept)


def _upstream(cloud: Cloud, backend: str) -> str:
    return f"Cloud Infinite {cloud.ci}" if backend == "ci" else f"media API {cloud.media}"


def _give_objects(store: CosStore, folder: Path) -> set[str]:
    """Store the files of a folder under the functions' prefix, and return the keys."""
    for path in sorted(folder.rglob("*.json")):
        name = path.relative_to(folder).as_posix()
        store.put(f"media-query/{name}", path.read_bytes(), {"Content-Type": "application/json"})
    return set(store.list().keys)


def _reading_order(event: Event) -> tuple[bool, int, str]:
    """Video first, what works before what is refused."""
    return event.function != "query-video", event.promise, event.case


async def _show(cloud: Cloud, event: Event, lines: list[str], say: Callable[[str], None]) -> bool:
    lines.clear()
    answer = await replay(cloud, event)
    kept = answer.status == event.promise
    say(f"\n{'✓' if kept else '✗'} {event.function}.{event.case}: {answer.route}")
    say(f"  {answer.status}{'' if kept else f', promised {event.promise}'} {_effort(lines)}")
    say("\n".join(f"  {line}" for line in json.dumps(answer.reply, indent=2, ensure_ascii=False).splitlines()))
    return kept


def _effort(lines: list[str]) -> str:
    """How long the invocation took and what it needed, out of SCF's log lines."""
    log = "\n".join(lines)
    report = re.search(r"^Report RequestId:\S+ Duration:(\S+)ms Memory:\S+MB MemUsage:([\d.]+)MB", log, re.MULTILINE)
    if report is None:
        return "without invoking the function"
    start = re.search(r"InitDuration\D*([\d.]+)", log)
    temperature = f"cold start {float(start.group(1)):.0f} ms, then" if start else "warm,"
    return f"({temperature} {float(report.group(1)):.0f} ms, {float(report.group(2)):.0f} MB)"


def _show_objects(store: CosStore, given: set[str], say: Callable[[str], None]) -> None:
    say("\nWritten to COS:")
    for key in store.list().keys:
        if key not in given:
            body = store.get(key).body
            say(f"  {key} ({len(body)} bytes), on this disk {store.path(key)}")


def read_event(path: Path) -> Event:
    """Return a sample event. Raises ValueError naming the file when its name or content is not as it should be."""
    try:
        function, case, promise = path.stem.split(".")
        return Event(function, case, int(promise), json.loads(path.read_text(encoding="utf-8")))
    except ValueError as error:
        raise ValueError(f"{path.name}: a name like query-video.timer.200.json and JSON inside are needed") from error


async def replay(cloud: Cloud, event: Event) -> Answer:
    """Send one event its real way: a timer's through the timer, HTTP over HTTP, the rest as a direct invocation."""
    content = event.content
    if content.get("Type") == "Timer":
        outcome = await cloud.fire(content["TriggerName"], content["Message"])
        return _direct(outcome, f"timer {content['TriggerName']}")
    if "httpMethod" in content:
        return await _over_http(cloud, event)
    return _direct(await cloud.invoke(event.function, content), "direct invocation")


def _direct(outcome: Outcome, route: str) -> Answer:
    if not outcome.ok:
        return Answer(route, outcome.status, outcome.error)
    code = outcome.result.get("code", 0) if isinstance(outcome.result, Mapping) else 0
    return Answer(route, STATUS_OF_CODE.get(code, 500), outcome.result)


async def _over_http(cloud: Cloud, event: Event) -> Answer:
    """Turn a gateway or function URL event back into the HTTP request that it came from."""
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
        is_json = response.content_type == "application/json"
        text = await response.text()
        reply = json.loads(text) if is_json and text else text  # else a table, the page, or the nothing of a HEAD
        return Answer(f"{content['httpMethod']} {url}", response.status, reply)
