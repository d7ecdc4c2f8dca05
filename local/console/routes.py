"""The paths under /_local/ on the gateway's port, for the console and the command line."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote

from local.console.feed import SHOWN, Activity
from local.console.samples import read_samples
from local.cos.store import CosStore, StoredObject
from local.scf.api.account import Function, Settings
from local.scf.api.triggers import public_urls
from local.scf.asynchronous import QueueFull
from local.scf.runtime import Outcome
from local.server import LOCAL, Reply, Request, Route, json_reply

if TYPE_CHECKING:
    from local.cloud import Cloud
    from local.config import FunctionConfig

#: The files of the page, by path.
PAGE = {"": "page.html", "page.js": "page.js", "page.css": "page.css"}
#: An object; its key can have slashes and line ends.
OBJECT = LOCAL + r"objects/{bucket}/{key:[\s\S]+}"
#: The page can load only its own script and style.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css"}
NO_SNIFFING = {"X-Content-Type-Options": "nosniff"}


def console_routes(cloud: Cloud) -> list[Route]:
    """Return the routes of the console: the page and its API."""
    console = ConsoleApi(cloud)
    return [
        *(Route("GET", f"{LOCAL}{path}", _file(name)) for path, name in PAGE.items()),
        Route("GET", "/_local/project", console.project),
        Route("GET", "/_local/deployed", console.deployed),
        Route("GET", "/_local/activities", console.activities),
        Route("GET", "/_local/events", console.stream),
        Route("POST", "/_local/invoke/{function}", console.invoke),
        Route("POST", "/_local/fire/{timer}", console.fire),
        Route("GET", "/_local/objects", console.objects),
        Route("GET", OBJECT, console.read_object),
        Route("DELETE", OBJECT, console.delete_object),
        *_services(cloud),
    ]


def _services(cloud: Cloud) -> Iterator[Route]:
    """Yield the local paths of each service, below `services/` since the page can't call another origin."""
    fronts = {"media": cloud.media_front, "cos": cloud.cos_front, "ci": cloud.ci_front, "scf": cloud.scf_front}
    for name, front in fronts.items():
        for route in front.routes:
            yield route._replace(path=f"{LOCAL}services/{name}/{route.path.removeprefix(LOCAL)}")


class ConsoleApi:
    """The console's API for one cloud."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def project(self, _: Request) -> Reply:
        """Return the functions, triggers and sample events of the project."""
        config = self._cloud.config
        functions = [
            {
                **_settings(function.alias, function),
                "apis": [f"{api.method} {api.path}" for api in config.apis if api.function == function.alias],
                "urls": [f"/_url/{url.function}/" for url in config.urls if url.function == function.alias],
                "timers": [
                    {"name": timer.name, "cron": timer.cron, "enabled": timer.enabled}
                    for timer in config.timers
                    if timer.function == function.alias
                ],
            }
            for function in config.functions.values()
        ]
        samples = [
            {"name": each.path.stem, "function": each.function, "event": each.event}
            for each in read_samples(self._cloud.root)
        ]
        return json_reply({"name": config.name, "functions": functions, "samples": samples})

    def deployed(self, _: Request) -> Reply:
        """The functions that are deployed to this cloud, as `project` has its own; a closed URL is left out."""
        return json_reply([_deployed(function) for function in self._cloud.account.functions.values()])

    def activities(self, _: Request) -> Reply:
        """Return the last activities, oldest first."""
        return json_reply([as_json(activity) for activity in self._cloud.feed.kept])

    def stream(self, _: Request) -> Reply:
        """Stream activities as they change, as server-sent events."""
        headers = {"Content-Type": "text/event-stream", "Cache-Control": "no-store"}
        return Reply(200, headers, stream=self._changes())

    async def _changes(self) -> AsyncIterator[bytes]:
        yield b": connected\n\n"
        async for activity in self._cloud.feed.stream():
            yield f"data: {json.dumps(as_json(activity))}\n\n".encode()

    async def invoke(self, request: Request) -> Reply:
        """Invoke a function; the body is the event. With `project` in the query, only if that is the one that runs."""
        ours = str(self._cloud.root.resolve())
        if (wanted := dict(parse_qsl(request.query)).get("project", ours)) != ours:
            return json_reply({"error": f"this local cloud runs {ours}, not {wanted}; give another --port"}, 400)
        try:
            event = json.loads(request.body)
        except (ValueError, RecursionError) as error:
            return json_reply({"error": str(error)}, 400)
        return await _reply(self._cloud.invoke(request.parameters["function"], event))

    async def fire(self, request: Request) -> Reply:
        """Fire a timer now."""
        return await _reply(self._cloud.fire(request.parameters["timer"]))

    def objects(self, _: Request) -> Reply:
        """List the objects of all buckets, at most a thousand of each."""
        described = [
            _described(name, service.store.head(key))
            for name, service in self._cloud.buckets.services.items()
            for key in service.store.list().keys
        ]
        return json_reply(described)

    def read_object(self, request: Request) -> Reply:
        """Return the content of an object as plain text, so that a browser never runs it."""
        try:
            stored = self._store(request).get(request.parameters["key"])
        except KeyError:
            return json_reply({"error": "there is no such object"}, 404)
        return Reply(200, {"Content-Type": "text/plain; charset=utf-8", **NO_SNIFFING}, stored.body)

    def delete_object(self, request: Request) -> Reply:
        """Delete an object."""
        try:
            self._store(request).delete(request.parameters["key"])
        except KeyError:
            return json_reply({"error": "there is no such bucket"}, 404)
        return json_reply({})

    def _store(self, request: Request) -> CosStore:
        return self._cloud.buckets.services[request.parameters["bucket"]].store


async def _reply(invocation: Awaitable[Outcome]) -> Reply:
    """Return the outcome of an invocation, or why there is none."""
    try:
        return json_reply((await invocation)._asdict())
    except KeyError as error:  # there is no such function or timer
        return json_reply({"error": error.args[0]}, 400)
    except (OSError, QueueFull) as error:  # no process could be started, or too many wait for one
        return json_reply({"error": str(error)}, 500)


def as_json(activity: Activity) -> dict[str, Any]:
    """Return an activity as JSON for the page; very long texts are cut."""
    outcome, reply = activity.outcome, activity.reply
    shown = outcome.error or outcome.result if outcome else None
    body = reply.body.decode(errors="replace") if reply else json.dumps(shown, ensure_ascii=False) if outcome else ""
    return {
        "number": activity.number,
        "route": activity.route,
        "function": activity.function,
        "began": activity.began,
        "status": activity.status,
        "ms": round(activity.milliseconds, 1),
        "event": activity.event,
        "reply": body[:SHOWN],
        **({} if outcome is None else _effort(outcome)),
    }


def _effort(outcome: Outcome) -> dict[str, Any]:
    return {
        "requestId": outcome.request_id,
        "log": outcome.log,
        "initMs": outcome.init_ms,
        "memoryMb": outcome.memory_mb,
    }


def _settings(name: str, settings: FunctionConfig | Settings) -> dict[str, object]:
    return {
        "name": name,
        "handler": settings.handler,
        "runtime": settings.runtime,
        "memory": settings.memory_size,
        "timeout": settings.timeout,
    }


def _deployed(function: Function) -> dict[str, object]:
    return {
        **_settings(function.function_name, function.running or function.settings),
        "apis": [],
        "urls": [f"/_url/{quote(name)}/" for name in public_urls(function)],
        "timers": [
            {"name": each.trigger_name, "cron": each.trigger_desc, "enabled": each.enable}
            for each in function.triggers
            if each.type == "timer"
        ],
    }


def _described(bucket: str, stored: StoredObject) -> dict[str, object]:
    return {"bucket": bucket, "key": stored.key, "size": stored.size, "modified": stored.modified}


def _file(name: str) -> Callable[[Request], Reply]:
    path = Path(__file__).with_name(name)
    headers = {
        "Content-Type": f"{TYPES[path.suffix]}; charset=utf-8",
        "Content-Security-Policy": POLICY,
        "Cache-Control": "no-store",
        **NO_SNIFFING,
    }
    return lambda _: Reply(200, headers, path.read_bytes())
