"""The paths under /_local/ on the gateway's port, for the console and the command line."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

from local.console.feed import SHOWN, Activity
from local.console.samples import read_samples
from local.cos.store import StoredObject
from local.scf.account import Function
from local.scf.runtime import Outcome
from local.scf.triggers_api import url_description, url_name
from local.server import Reply, Request, Route, json_reply

if TYPE_CHECKING:
    from local.cloud import Cloud
    from local.faults import Faulty

PAGE = Path(__file__).with_name("page.html")
#: The page can load only its own script and style.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
}


def console_routes(cloud: Cloud) -> list[Route]:
    """Return the routes of the console: the page and its API."""
    console = ConsoleApi(cloud)
    return [
        Route("GET", "/_local/", lambda _: _file(PAGE)),
        Route("GET", "/_local/page.js", lambda _: _file(PAGE.with_suffix(".js"))),
        Route("GET", "/_local/page.css", lambda _: _file(PAGE.with_suffix(".css"))),
        Route("GET", "/_local/project", console.project),
        Route("GET", "/_local/deployed", console.deployed),
        Route("GET", "/_local/activities", console.activities),
        Route("GET", "/_local/events", console.stream),
        Route("POST", "/_local/invoke/{function}", console.invoke),
        Route("POST", "/_local/fire/{timer}", console.fire),
        Route("GET", "/_local/objects", console.objects),
        Route("GET", "/_local/objects/{key:.+}", console.read_object),
        Route("DELETE", "/_local/objects/{key:.+}", console.delete_object),
        Route("GET", "/_local/services/{service}/{what}", console.ask_service),
        Route("POST", "/_local/services/{service}/{what}", console.ask_service),
    ]


class ConsoleApi:
    """The console's API for one cloud."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def project(self, _: Request) -> Reply:
        """Return the functions, triggers and sample events of the project."""
        config = self._cloud.config
        functions = [
            {
                "name": function.alias,
                "handler": function.handler,
                "runtime": function.runtime,
                "memory": function.memory_size,
                "timeout": function.timeout,
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
        cloud = self._cloud
        urls = {"gateway": cloud.gateway, "media": cloud.media, "cos": cloud.cos, "ci": cloud.ci}
        samples = [
            {"name": each.path.stem, "function": each.function, "event": each.event}
            for each in read_samples(self._cloud.root)
        ]
        return json_reply({"name": config.name, "functions": functions, "samples": samples, "urls": urls})

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
        """Invoke a function; the body is the event."""
        try:
            event = json.loads(request.body)
            outcome = await self._cloud.invoke(request.parameters["function"], event)
        except (KeyError, ValueError, RecursionError) as error:
            return json_reply({"error": str(error.args[0])}, 400)
        return json_reply(outcome._asdict())

    async def fire(self, request: Request) -> Reply:
        """Fire a timer now."""
        try:
            return json_reply((await self._cloud.fire(request.parameters["timer"]))._asdict())
        except KeyError as error:
            return json_reply({"error": str(error.args[0])}, 400)

    def objects(self, _: Request) -> Reply:
        """List the objects in COS, at most a thousand."""
        store = self._cloud.store
        return json_reply([_described(store.head(key)) for key in store.list().keys])

    def read_object(self, request: Request) -> Reply:
        """Return the content of an object as plain text, so that a browser never runs it."""
        try:
            stored = self._cloud.store.get(_key(request))
        except KeyError:
            return json_reply({"error": "there is no such object"}, 404)
        headers = {"Content-Type": "text/plain; charset=utf-8", "X-Content-Type-Options": "nosniff"}
        return Reply(200, headers, stored.body)

    def delete_object(self, request: Request) -> Reply:
        """Delete an object."""
        self._cloud.store.delete(_key(request))
        return json_reply({})

    async def ask_service(self, request: Request) -> Reply:
        """Pass a request on to a local path of another service: the page can't call another origin."""
        services: Mapping[str, Faulty] = {
            "media": self._cloud.media_front,
            "cos": self._cloud.cos_front,
            "ci": self._cloud.ci_front,
            "scf": self._cloud.scf_front,
        }
        service = services.get(request.parameters["service"])
        wanted = (request.method, f"/_local/{request.parameters['what']}")
        for route in service.routes if service else ():
            if (route.method, route.path) == wanted:
                answer = route.handle(request)
                return answer if isinstance(answer, Reply) else await answer
        return json_reply({"error": f"there is no {request.method} {request.path}"}, 404)


def as_json(activity: Activity) -> dict[str, Any]:
    """Return an activity as JSON for the page; very long texts are cut."""
    outcome, reply = activity.outcome, activity.reply
    shown = outcome.error or outcome.result if outcome else None
    body = reply.body.decode(errors="replace") if reply else json.dumps(shown, ensure_ascii=False)
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
        "functionStatus": outcome.status,
        "initMs": outcome.init_ms,
        "durationMs": outcome.duration_ms,
        "memoryMb": outcome.memory_mb,
    }


def _deployed(function: Function) -> dict[str, object]:
    settings = function.running or function.settings
    return {
        "name": function.function_name,
        "handler": settings.handler,
        "runtime": settings.runtime,
        "memory": settings.memory_size,
        "timeout": settings.timeout,
        "apis": [],
        "urls": [
            f"/_url/{quote(url_name(function, each))}/"
            for each in function.triggers
            if each.type == "http" and each.enable and url_description(each).net_config.enable_extranet
        ],
        "timers": [
            {"name": each.trigger_name, "cron": each.trigger_desc, "enabled": each.enable}
            for each in function.triggers
            if each.type == "timer"
        ],
    }


def _described(stored: StoredObject) -> dict[str, object]:
    return {"key": stored.key, "size": stored.size, "modified": stored.modified}


def _key(request: Request) -> str:
    return unquote(request.path.removeprefix("/_local/objects/"))


def _file(path: Path) -> Reply:
    headers = {
        "Content-Type": f"{TYPES[path.suffix]}; charset=utf-8",
        "Content-Security-Policy": POLICY,
        "Cache-Control": "no-store",
    }
    return Reply(200, {**headers, "X-Content-Type-Options": "nosniff"}, path.read_bytes())
