"""The whole local cloud: reads serverless.yml and starts everything that it describes and needs."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from local import keys
from local.ci.jobs import CiJobs
from local.ci.service import CiService, CosAndCi
from local.console.feed import Feed
from local.console.routes import console_routes
from local.cos.buckets import Buckets
from local.cos.service import too_large
from local.cos.store import CosStore
from local.faults import Faulty
from local.media.service import MediaService
from local.media.tasks import MediaTasks
from local.scf.account import Account
from local.scf.api import Api, is_call
from local.scf.asynchronous import Asynchronous
from local.scf.deployed import Deployed
from local.scf.deployed_timers import DeployedTimers
from local.scf.functions_api import CODE_PATH
from local.scf.gateway import URL_PREFIX, Gateway
from local.scf.invoke_api import InvokeActions
from local.scf.packages import Packages
from local.scf.project import find_python, function_spec, read_project
from local.scf.runtime import Function, FunctionSpec, Outcome
from local.scf.services import finder, services
from local.scf.timer import Timers
from local.server import TOO_LARGE, Handler, Reply, Request, Route, Server, json_reply
from local.state import StateLock
from shared.settings import NAMES

#: Those of the functions' settings that a shell may set, and that win over serverless.yml's then.
SETTINGS = [name for name in NAMES if not name.startswith("TENCENTCLOUD_")]


class Ports(NamedTuple):
    """Where the four servers listen; 0 means any free port."""

    gateway: int = 0
    media: int = 0
    cos: int = 0
    ci: int = 0


class Bundle(NamedTuple):
    """The code that the functions run: a folder with the entry files at its root, and the interpreter that runs it."""

    folder: Path
    python: str = sys.executable


class Debugging(NamedTuple):
    """How functions are looked into: the port of the first one's debugger (0: none), a terminal for breakpoint()."""

    port: int = 0
    terminal: int | None = None


class Cloud:
    """The local cloud. `gateway`, `media`, `cos` and `ci` are URLs once `start` has returned.

    COS's port serves CI too, told by the Host; `ci` is CI alone.
    SCF's API, `scf`, is at the gateway's URL too. `root` is the project, `state` the directory that keeps COS objects,
    `environ` the settings that win over serverless.yml's, `log` takes each line of the functions' logs. `bundle`
    replaces the project's own functions. Each has up to `max_instances` instances; further events wait. Raises
    ConfigError, and StateError when another cloud has the state directory.
    """

    def __init__(  # noqa: PLR0913 - where things are, and how many of them
        self,
        root: Path,
        state: Path,
        environ: Mapping[str, str],
        ports: Ports,
        log: Callable[[str], None],
        bundle: Bundle | None = None,
        max_instances: int = 16,
    ) -> None:
        self.gateway = self.media = self.cos = self.ci = ""
        self.root = root
        self.config = read_project(root, environ)
        self.feed = Feed()
        self.debugging = Debugging()
        self._open(state)
        self._environ = environ
        self._log = log
        self._ports = ports
        self._bundle = bundle
        self._max_instances = max_instances
        self._functions: dict[str, Function] = {}
        self._servers: list[Server] = []
        self._bucket_servers: dict[str, Server] = {}
        self._opening = asyncio.Lock()
        self.asynchronous = Asynchronous(self.invoke)
        self._timers = Timers(self.config.timers, self.asynchronous)
        self._gateway = Gateway(self.config.apis, self.config.urls, self.invoke)
        self.media_service = MediaService(MediaTasks())
        self.media_front = Faulty(self.media_service, self.media_service.routes)
        self.cos_front = Faulty(self._buckets)
        ci = CiService(CiJobs())
        self.ci_front = Faulty(ci, ci.routes)
        self._make_account()

    def _open(self, state: Path) -> None:
        """Take the state directory and read what is in it."""
        self._lock = StateLock(state)
        self._lock.take()
        try:
            self.account = Account(state / ".scf")
        except BaseException:
            self._lock.release()
            raise
        self.packages = Packages(state / ".scf" / "code", self.account.codes())
        self.store = CosStore(state)
        self._buckets = Buckets(state, self.store)

    def _make_account(self) -> None:
        """Serve SCF's API and what is deployed through it."""
        self.deployed = Deployed(self.account, self.packages, self._start_deployed, self._local_services)
        self.deployed_timers = DeployedTimers(self.account, self.asynchronous)
        find = finder(self.config.functions, self.deployed.find)
        invocations = InvokeActions(find, self.invoke, self.asynchronous)
        self.scf = Api(services(self.account, self.packages, invocations), self._account_changed)
        self.scf_front = Faulty(self.scf, [Route("GET", CODE_PATH + "{name}", self._code)])

    async def start(self) -> None:
        """Listen, and load the functions when they are first called. Raises OSError when a port is taken."""
        try:
            await self._start_servers()
        except OSError:
            await self.stop()
            raise
        self.account.gateway = self.gateway
        for number, name in enumerate(self.config.functions):
            spec = self._spec(name)
            if self.debugging.port:
                spec = spec._replace(debug=self.debugging.port + number)
            most = 1 if spec.debug else self._max_instances
            self._functions[name] = Function(spec, lambda: keys.ROLE, most, self._log)

    async def _start_servers(self) -> None:
        media, ports = self.media_front, self._ports
        self.media = f"{await self._listen(media.handle, ports.media, media.routes)}/v2/index.php"
        cos = CosAndCi(self.cos_front, self.ci_front)
        self.cos = await self._listen(cos.handle, ports.cos, self.cos_front.routes, too_large())
        self.ci = await self._listen(self.ci_front.handle, ports.ci, self.ci_front.routes)
        routes = [*self.scf_front.routes, *console_routes(self)]
        self.gateway = await self._listen(self._answer, ports.gateway, routes)

    def start_timers(self) -> None:
        """Fire the timers of serverless.yml, and of what is deployed, when their crons say so."""
        self._timers.start()
        self.deployed_timers.start()

    async def stop(self) -> None:
        """End every instance and close every port."""
        self.feed.close()
        await self._timers.stop()
        await self.deployed_timers.stop()
        await self.asynchronous.stop()
        for gateway in self._servers[-1:]:  # first, so that nobody who waits there sees the functions end
            await gateway.stop()
        for function in self._functions.values():
            await function.close()
        await self.deployed.stop()
        for server in (*self._servers[:-1], *self._bucket_servers.values()):
            await server.stop()
        self._lock.release()

    async def invoke(self, name: str, event: object, trigger: str = "", request_id: str = "") -> Outcome:
        """Invoke a function with an event, as it is: one of serverless.yml, or one that is deployed.

        The latter is `<function>:<version or alias>`. Raises KeyError naming the functions there are.
        """
        if ":" in name:
            return await self.deployed.invoke(name, event, trigger, request_id)
        if name not in self._functions:
            raise KeyError(f"no function {name!r} in serverless.yml; there are: {', '.join(self._functions)}")
        timer = event.get("TriggerName") if trigger == "timer" and isinstance(event, dict) else None
        with self.feed.invocation(f"timer {timer}" if timer else "invoke", name, event) as activity:
            outcome = await self._functions[name].invoke(event, trigger=trigger, request_id=request_id)
            activity.outcome = outcome
        return outcome

    def kill_one(self, name: str) -> bool:
        """Kill an instance of a function that is at work; return whether there was one."""
        return self._functions[name].kill_one()

    async def fire(self, name: str, message: str | None = None) -> Outcome:
        """Fire a timer of serverless.yml now, with its own message or another one."""
        return await self._timers.fire(name, message)

    async def _answer(self, request: Request) -> Reply:
        """Answer a request at the gateway's port, which is SCF's API as well.

        What has an X-TC-Action at the API's path is for the API, which has a host of its own in the real cloud.
        """
        if is_call(request):
            return await self.scf_front.handle(request)
        if request.path.startswith(URL_PREFIX) and (reply := await self.deployed.url(request)):
            return reply
        target = request.path + (f"?{request.query}" if request.query else "")
        with self.feed.request(f"{request.method} {target}") as activity:
            reply = await self._gateway.handle(request)
            self.feed.end(activity, reply.status, reply)
        return reply

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
        return Function(spec._replace(python=python, options=("-S",)), keys_of, self._max_instances, self._log)

    async def _local_services(self, environment: Mapping[str, str]) -> Mapping[str, str]:
        """The environment of what is deployed; where it does not say so itself, it leads to the local services."""
        bucket = environment.get("COS_BUCKET", keys.BUCKET)
        services = {"MEDIA_API_URL": self.media, "CI_URL": self.ci, "INVOKE_URL": self.gateway}
        return {**services, "COS_URL": await self._cos_url(bucket), **environment}

    async def _cos_url(self, bucket: str) -> str:
        """The address of one bucket: COS's port is that of the first one, each other gets a port when it is needed."""
        service = self._buckets.service(bucket)
        if bucket == keys.BUCKET or service is None:
            return self.cos
        async with self._opening:
            if bucket not in self._bucket_servers:
                front = Faulty(service)
                front.faults = self.cos_front.faults
                server = Server(front.handle)
                await server.start()
                self._bucket_servers[bucket] = server
        return self._bucket_servers[bucket].url

    def _spec(self, name: str) -> FunctionSpec:
        own = self.config.functions[name].environment
        local = {
            "MEDIA_API_URL": self.media,
            "COS_URL": self.cos,
            "CI_URL": self.ci,
            "COS_BUCKET": keys.BUCKET,
            "COS_REGION": keys.REGION,
            "INVOKE_URL": self.gateway,
            "HTTP_WRITES": own.get("HTTP_WRITES") or "open",  # on loopback only
        }
        chosen = {setting: self._environ[setting] for setting in SETTINGS if setting in self._environ}
        spec = function_spec(self.config, self.config.functions[name], {**local, **chosen})
        if self._bundle:
            spec = spec._replace(code_dir=self._bundle.folder, python=self._bundle.python, packages={})
        return spec._replace(terminal=self.debugging.terminal)

    def _code(self, request: Request) -> Reply:
        """A package that is deployed, as it was uploaded."""
        digest = request.parameters["name"].removesuffix(".zip")
        if digest not in self.account.codes():
            return json_reply({"error": "there is no such package"}, 404)
        return Reply(200, {"Content-Type": "application/zip"}, self.packages.archive(digest))
