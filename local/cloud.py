"""The whole local cloud: reads serverless.yml and starts everything that it describes and needs."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from local import keys
from local.ci.jobs import CiJobs
from local.ci.service import CiService, CosAndCi
from local.config import FunctionConfig, read_config
from local.cos.buckets import Buckets
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
from local.scf.runtime import Function, FunctionSpec, Outcome
from local.scf.services import finder, services
from local.scf.timer import Timers
from local.server import Reply, Request, Server

#: The settings of the functions (design: settings). Those in the environment win over serverless.yml's.
SETTINGS = (
    *("SECRET_ID", "SECRET_KEY", "MEDIA_API_URL", "MEDIA_API_REGION", "MEDIA_API_PARAMS", "SIGNATURE_METHOD"),
    *("COS_BUCKET", "COS_REGION", "COS_PREFIX", "COS_URL", "API_TOKEN", "MAX_VIDS", "BATCH_SIZE", "CONCURRENCY"),
    *("HTTP_WRITES", "MISSING_DAYS", "INVOKE_URL", "BACKEND", "CI_URL", "CI_SOURCE_INFO"),
)
JSON_HEADERS = {"Content-Type": "application/json"}


class Ports(NamedTuple):
    """Where the three servers listen; 0 means any free port."""

    gateway: int = 0
    media: int = 0
    cos: int = 0


class Bundle(NamedTuple):
    """The code that the functions run: a folder with the entry files at its root, and the interpreter that runs it."""

    folder: Path
    python: str = sys.executable


class Cloud:
    """The local cloud. `gateway`, `media`, `cos` and `ci` are URLs once `start` has returned.

    COS's port serves CI too, told by the Host; `ci` is CI alone, on a port that is free.
    SCF's API, `scf`, is at the gateway's URL too. `root` is the checkout, `state` the directory that keeps COS objects,
    `environ` the settings that win over serverless.yml's, `log` takes each line of the functions' logs. `bundle`
    replaces the checkout's own functions. Each has up to `max_instances` instances; further events wait.
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
        self.account = Account(state / ".scf")
        self.store = CosStore(state)
        self.media_service = MediaService(MediaTasks())
        self._environ = environ
        self._log = log
        self._root = root
        self._ports = ports
        self._config = read_config(root / "serverless.yml", environ)
        self._staged = tempfile.TemporaryDirectory(prefix="bundle-")
        self._bundle = bundle or Bundle(Path(self._staged.name))
        self._max_instances = max_instances
        self._functions: dict[str, Function] = {}
        self.asynchronous = Asynchronous(self.invoke)
        self.packages = Packages(state / ".scf" / "code", self.account.codes())
        self.deployed = Deployed(self.account, self.packages, self._start_deployed, self._local_services)
        self.deployed_timers = DeployedTimers(self.account, self.asynchronous)
        find = finder(self._config.functions, self.deployed.find)
        invocations = InvokeActions(find, self.invoke, self.asynchronous)
        self.scf = Api(services(self.account, self.packages, invocations), self._account_changed)
        self._timers = Timers(self._config.timers, self.asynchronous)
        self._servers: list[Server] = []
        self._bucket_urls: dict[str, str] = {}
        self.media_front = Faulty(self.media_service)
        self._buckets = Buckets(state, self.store)
        self._cos = Faulty(self._buckets)
        self._ci = Faulty(CiService(CiJobs()))

    async def start(self) -> None:
        """Listen, and load the functions when they are first called. Raises OSError when a port is taken."""
        stage_bundle(self._root, Path(self._staged.name))
        try:
            self.media = f"{await self._listen(Server(self.media_front.handle, self._ports.media))}/v2/index.php"
            self.cos = await self._listen(Server(CosAndCi(self._cos, self._ci).handle, self._ports.cos))
            self.ci = await self._listen(Server(self._ci.handle))
            front = _Front(self, Gateway(self._config.apis, self._config.urls, self.invoke), Faulty(self.scf))
            self.gateway = await self._listen(Server(front.handle, self._ports.gateway))
        except OSError:
            await self.stop()
            raise
        self.account.gateway = self.gateway
        for name, config in self._config.functions.items():
            spec = self._spec(name, config)
            self._functions[name] = Function(spec, lambda: keys.ROLE, self._max_instances, self._log)

    def start_timers(self) -> None:
        """Fire the timers of serverless.yml, and of what is deployed, when their crons say so."""
        self._timers.start()
        self.deployed_timers.start()

    async def stop(self) -> None:
        """End every instance and close every port."""
        await self._timers.stop()
        await self.deployed_timers.stop()
        await self.asynchronous.stop()
        for gateway in self._servers[-1:]:  # first, so that nobody who waits there sees the functions end
            await gateway.stop()
        for function in self._functions.values():
            await function.close()
        await self.deployed.stop()
        for server in self._servers[:-1]:
            await server.stop()
        self._staged.cleanup()

    async def invoke(self, name: str, event: object, trigger: str = "", request_id: str = "") -> Outcome:
        """Invoke a function with an event, as it is: one of serverless.yml, or one that is deployed.

        The latter is `<function>:<version or alias>`. Raises KeyError naming the functions there are.
        """
        if ":" in name:
            return await self.deployed.invoke(name, event, trigger, request_id)
        if name not in self._functions:
            raise KeyError(f"no function {name!r} in serverless.yml; there are: {', '.join(self._functions)}")
        return await self._functions[name].invoke(event, trigger=trigger, request_id=request_id)

    def kill_one(self, name: str) -> bool:
        """Kill an instance of a function that is at work; return whether there was one."""
        return self._functions[name].kill_one()

    async def fire(self, name: str, message: str | None = None) -> Outcome:
        """Fire a timer of serverless.yml now, with its own message or another one."""
        return await self._timers.fire(name, message)

    async def _listen(self, server: Server) -> str:
        url = await server.start()
        self._servers.append(server)
        return url

    def _account_changed(self) -> None:
        self.account.save()
        self.deployed.tidy()
        self.deployed_timers.changed()

    def _start_deployed(self, spec: FunctionSpec, has_role: bool) -> Function:
        keys_of = (lambda: keys.ROLE) if has_role else (lambda: None)
        return Function(spec._replace(python=self._bundle.python), keys_of, self._max_instances, self._log)

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
        if bucket not in self._bucket_urls:
            front = Faulty(service)
            front.faults = self._cos.faults
            self._bucket_urls[bucket] = await self._listen(Server(front.handle))
        return self._bucket_urls[bucket]

    def _spec(self, name: str, config: FunctionConfig) -> FunctionSpec:
        local = {
            "MEDIA_API_URL": self.media,
            "COS_URL": self.cos,
            "CI_URL": self.ci,
            "COS_BUCKET": keys.BUCKET,
            "COS_REGION": keys.REGION,
            "INVOKE_URL": self.gateway,
            "HTTP_WRITES": config.environment.get("HTTP_WRITES") or "open",  # on loopback only
        }
        chosen = {setting: self._environ[setting] for setting in SETTINGS if setting in self._environ}
        return FunctionSpec(
            name=name,
            handler=config.handler,
            code_dir=self._bundle.folder,
            timeout=config.timeout,
            memory=config.memory_size,
            environment={**config.environment, **local, **chosen},
            runtime=config.runtime,
            python=self._bundle.python,
        )


class _Front:
    """The gateway's port: SCF's API, the paths that `python -m local` uses to reach a running cloud, and the gateway.

    What has an X-TC-Action at the API's path is for the API, which has a host of its own in the real cloud.
    """

    def __init__(self, cloud: Cloud, gateway: Gateway, scf: Faulty) -> None:
        self._cloud = cloud
        self._gateway = gateway
        self._scf = scf

    async def handle(self, request: Request) -> Reply:
        """Answer one request by whom it is for."""
        if is_call(request) or request.path in ("/_local/faults", "/_local/calls"):
            return await self._scf.handle(request)
        if request.path.startswith(URL_PREFIX) and (reply := await self._cloud.deployed.url(request)):
            return reply
        prefix, _, name = request.path.rpartition("/")
        if f"{prefix}/" == CODE_PATH:
            return self._code(name)
        if request.method != "POST" or prefix not in ("/_local/invoke", "/_local/fire"):
            return await self._gateway.handle(request)
        try:
            if prefix == "/_local/fire":
                outcome = await self._cloud.fire(name)
            else:
                outcome = await self._cloud.invoke(name, json.loads(request.body))
        except (KeyError, ValueError, RecursionError) as error:
            return Reply(400, JSON_HEADERS, json.dumps({"error": str(error.args[0])}).encode())
        return Reply(200, JSON_HEADERS, json.dumps(outcome._asdict()).encode())

    def _code(self, name: str) -> Reply:
        """A package that is deployed, as it was uploaded."""
        digest = name.removesuffix(".zip")
        if digest not in self._cloud.account.codes():
            return Reply(404, JSON_HEADERS, json.dumps({"error": "there is no such package"}).encode())
        return Reply(200, {"Content-Type": "application/zip"}, self._cloud.packages.archive(digest))


def stage_bundle(root: Path, target: Path) -> None:
    """Lay the checkout's functions out as the bundle does: entry files at the root, `shared` beside them.

    They are links, so that a cold start after an edit runs the edited code.
    """
    for entry in (root / "functions").glob("*.py"):
        (target / entry.name).symlink_to(entry)
    (target / "shared").symlink_to(root / "shared", target_is_directory=True)
