"""The whole local cloud: starts the functions of serverless.yml and all services that they need."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from local import keys
from local.ci.jobs import CiJobs
from local.ci.service import CiService, cos_and_ci
from local.config.interpreters import find_python
from local.console.feed import Feed
from local.console.routes import console_routes
from local.cos.buckets import Buckets
from local.cos.service import too_large
from local.cos.store import CosStore, remove_unfinished
from local.faults import Faulty
from local.media.service import MediaService
from local.media.tasks import MediaTasks
from local.scf.api.account import Account
from local.scf.api.front import Api, is_call
from local.scf.api.functions import CODE_PATH
from local.scf.api.services import services
from local.scf.asynchronous import Asynchronous
from local.scf.context import FunctionSpec
from local.scf.deployed import Deployed
from local.scf.gateway import Gateway
from local.scf.instance import Log
from local.scf.project import function_spec, read_project
from local.scf.runtime import Function, Outcome
from local.scf.timer import Timers
from local.server import TOO_LARGE, Handler, Reply, Request, Route, Server, json_reply
from local.state import StateError, locked
from shared.settings import NAMES

#: Settings of the functions that the environment can set; it overrides serverless.yml.
SETTINGS = [name for name in NAMES if not name.startswith("TENCENTCLOUD_")]


class Ports(NamedTuple):
    """The ports of the four servers; 0 means any free port."""

    gateway: int = 0
    media: int = 0
    cos: int = 0
    ci: int = 0


class Bundle(NamedTuple):
    """The code of the functions: a folder with the entry files at its root, and an interpreter."""

    folder: Path
    python: str = sys.executable


class Options(NamedTuple):
    """How functions run. `bundle` replaces the project's code; a function has `max_instances` at most.

    `debug` is the debugger's port of the first function (0 for none), `terminal` a descriptor for breakpoint().
    """

    bundle: Bundle | None = None
    max_instances: int = 16
    debug: int = 0
    terminal: int | None = None


ANY_PORTS, DEFAULTS = Ports(), Options()


class Cloud:
    """The local cloud. `gateway`, `media`, `cos` and `ci` are URLs once `start` has returned.

    The gateway's URL serves API 3.0 too, COS's serves CI too, for requests with CI's Host. `root` is the project,
    `functions` are those of its serverless.yml; settings in `environ` override it. `log` gets each line of their logs.
    Raises ConfigError; StateError or ValueError if the directory `state` can't be used.
    """

    def __init__(
        self,
        root: Path,
        state: Path,
        environ: Mapping[str, str],
        ports: Ports = ANY_PORTS,
        log: Log | None = None,
        options: Options = DEFAULTS,
    ) -> None:
        self.gateway = self.media = self.cos = self.ci = ""
        self.root = root
        self.config = read_project(root, environ)
        self.feed = Feed()
        self._open(state)
        self._environ = environ
        self._log = log
        self._ports = ports
        self.options = options
        self.functions: dict[str, Function] = {}
        self._servers: list[Server] = []
        self._bucket_servers: dict[str, Server] = {}
        self._opening = asyncio.Lock()
        self.asynchronous = Asynchronous(self.invoke)
        self._timers = Timers(lambda: self.config.timers, self.asynchronous)
        self.media_service = MediaService(MediaTasks())
        self.media_front = Faulty(self.media_service, self.media_service.routes)
        self.cos_front = Faulty(self.buckets)
        ci = CiService(CiJobs())
        self.ci_front = Faulty(ci, ci.routes)
        self._make_account()

    def _open(self, state: Path) -> None:
        """Lock the state directory and read its content."""
        self._lock = locked(state)
        try:
            remove_unfinished(state)
            self.account = Account(state / ".scf")
            self.store = CosStore(state)
            self.buckets = Buckets(state, self.store)
        except BaseException as error:
            self._lock.close()
            if isinstance(error, OSError):
                raise StateError(f"{error.filename} can't be used ({error.strerror}); see LOCAL_STATE") from error
            raise

    def _make_account(self) -> None:
        """Set up API 3.0 and the functions that are deployed with it."""
        self.deployed = Deployed(self.account, self._start_deployed, self._local_services)
        self.deployed_timers = Timers(self.account.timers, self.asynchronous)
        self._gateway = Gateway(self.config.apis, self._callee, self.invoke, bool(self.options.debug))
        served = {name: each.alias for each in self.config.functions.values() for name in (each.alias, each.name)}
        self.scf = Api(services(self.account, served, self.asynchronous), self._account_changed)
        self.scf_front = Faulty(self.scf, [Route("GET", CODE_PATH + "{name}", self._code)])

    async def start(self) -> None:
        """Listen. Functions are loaded when they are first called. Raises OSError if a port is taken."""
        try:
            await self._start_servers()
            self._make_functions()
        except BaseException:
            await self.stop()
            raise

    def _make_functions(self) -> None:
        debug, terminal = self.options.debug, self.options.terminal
        for number, name in enumerate(self.config.functions):
            spec = self._spec(name)._replace(debug=debug and debug + number, terminal=terminal)
            most = 1 if spec.debug else self.options.max_instances
            self.functions[name] = Function(spec, lambda: keys.ROLE, most, self._log)

    async def __aenter__(self) -> Cloud:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def _start_servers(self) -> None:
        media, ports = self.media_front, self._ports
        self.media = f"{await self._listen(media.handle, ports.media, media.routes)}/v2/index.php"
        cos = cos_and_ci(self.cos_front, self.ci_front)
        self.cos = await self._listen(cos, ports.cos, self.cos_front.routes, too_large())
        self.ci = await self._listen(self.ci_front.handle, ports.ci, self.ci_front.routes)
        routes = [*self.scf_front.routes, *console_routes(self)]
        self.account.gateway = self.gateway = await self._listen(self._answer, ports.gateway, routes)

    def start_timers(self) -> None:
        """Fire the timers of serverless.yml and of deployed functions at the times of their crons."""
        self._timers.start()
        self.deployed_timers.start()

    async def stop(self) -> None:
        """End every instance and close every port."""
        self.feed.close()
        await self._timers.stop()
        await self.deployed_timers.stop()
        await self.asynchronous.stop()
        for gateway in self._servers[-1:]:  # first, so that waiting clients do not see the functions end
            await gateway.stop()
        for function in self.functions.values():
            await function.close()
        await self.deployed.stop()
        for server in (*self._servers[:-1], *self._bucket_servers.values()):
            await server.stop()
        self._lock.close()

    async def invoke(self, name: str, event: object, trigger: str = "", request_id: str = "") -> Outcome:
        """Invoke a function of serverless.yml, or a deployed one, `<function>:<version or alias>`, with an event.

        Raises KeyError, with the names of all functions, for an unknown name.
        """
        if ":" not in name and name not in self.functions:
            raise KeyError(f"no function {name!r} in serverless.yml; there are: {', '.join(self.functions)}")
        timer = event.get("TriggerName") if trigger == "timer" and isinstance(event, dict) else None
        with self.feed.invocation(f"timer {timer}" if timer else f"invoke {name}", name, event) as activity:
            if ":" in name:
                outcome = await self.deployed.invoke(name, event, trigger, request_id)
            else:
                outcome = await self.functions[name].invoke(event, trigger=trigger, request_id=request_id)
            activity.outcome = outcome
        return outcome

    async def fire(self, name: str, message: str | None = None) -> Outcome:
        """Fire a timer of serverless.yml now, with its own message or another one. Raises KeyError, QueueFull."""
        return await self._timers.fire(name, message)

    async def _answer(self, request: Request) -> Reply:
        """Answer a request at the gateway's port, which serves API 3.0 as well.

        In the real cloud the API has a host of its own; here its requests are known by path and signature.
        """
        if is_call(request):
            call = self.feed.begin(f"API {request.headers.get('x-tc-action', '')}".rstrip())
            try:
                reply = await self.scf_front.handle(request)
            except BaseException:
                self.feed.end(call, 500)  # as aiohttp answers
                raise
            self.feed.end(call, reply.status)
            return reply
        target = request.path + (f"?{request.query}" if request.query else "")
        with self.feed.request(f"{request.method} {target}") as activity:
            reply = await self._gateway.handle(request)
            self.feed.end(activity, reply.status, reply)
        return reply

    def _callee(self, url: str) -> str | Reply | None:
        """Return what a function URL invokes by its name: a deployed function, else one of serverless.yml."""
        own = {trigger.function for trigger in self.config.urls}
        return self.deployed.url(url) or (url if url in own else None)

    async def _listen(self, handle: Handler, port: int, routes: Iterable[Route], too_large: Reply = TOO_LARGE) -> str:
        server = Server(handle, port, routes, too_large)
        url = await server.start()
        self._servers.append(server)
        return url

    def _account_changed(self) -> None:
        self.account.save()
        self.deployed.tidy()
        self.deployed_timers.changed()

    def _start_deployed(self, spec: FunctionSpec, has_role: bool) -> Function:
        keys_of = (lambda: keys.ROLE) if has_role else (lambda: None)
        python = find_python(spec.runtime.removeprefix("Python")) or sys.executable
        return Function(spec._replace(python=python, options=("-S",)), keys_of, self.options.max_instances, self._log)

    async def _local_services(self, environment: Mapping[str, str]) -> Mapping[str, str]:
        """Return the environment of a deployed function, with the local services where it names no others."""
        bucket = environment.get("COS_BUCKET", keys.BUCKET)
        return {**self._services(await self._cos_url(bucket)), **environment}

    def _services(self, cos: str) -> dict[str, str]:
        """Return the settings that name the local services, `cos` being the URL of the bucket."""
        return {"MEDIA_API_URL": self.media, "COS_URL": cos, "CI_URL": self.ci, "INVOKE_URL": self.gateway}

    async def _cos_url(self, bucket: str) -> str:
        """Return the URL of a bucket. The first has COS's port; others get a port when it is needed."""
        service = self.buckets.services.get(bucket)
        if bucket == keys.BUCKET or service is None:
            return self.cos
        async with self._opening:
            if bucket not in self._bucket_servers:
                front = Faulty(service)
                front.faults = self.cos_front.faults
                server = Server(front.handle, too_large=too_large())
                await server.start()
                self._bucket_servers[bucket] = server
        return self._bucket_servers[bucket].url

    def _spec(self, name: str) -> FunctionSpec:
        own = self.config.functions[name].environment
        local = {
            **self._services(self.cos),
            "COS_BUCKET": keys.BUCKET,
            "COS_REGION": keys.REGION,
            "HTTP_WRITES": own.get("HTTP_WRITES") or "open",  # on loopback only
        }
        chosen = {setting: self._environ[setting] for setting in SETTINGS if setting in self._environ}
        spec = function_spec(self.config, self.config.functions[name], {**local, **chosen})
        if bundle := self.options.bundle:
            return spec._replace(code_dir=bundle.folder, python=bundle.python, packages={})
        return spec

    def _code(self, request: Request) -> Reply:
        """Return a deployed package as uploaded."""
        digest = request.parameters["name"].removesuffix(".zip")
        if digest not in self.account.codes():
            return json_reply({"error": "there is no such package"}, 404)
        return Reply(200, {"Content-Type": "application/zip"}, self.account.packages.archive(digest))
