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
from local.config import FunctionConfig, read_project
from local.cos.service import CosService
from local.cos.store import CosStore
from local.faults import Faulty
from local.media.service import MediaService
from local.media.tasks import MediaTasks
from local.scf.api import PATH as SCF_PATH
from local.scf.api import ScfApi
from local.scf.asynchronous import Asynchronous
from local.scf.gateway import Gateway
from local.scf.runtime import Function, FunctionSpec, Outcome
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
        self.store = CosStore(state)
        self.media_service = MediaService(MediaTasks())
        self._environ = environ
        self._log = log
        self._root = root
        self._ports = ports
        self._project = read_project(root / "serverless.yml", environ)
        self._staged = tempfile.TemporaryDirectory(prefix="bundle-")
        self._bundle = bundle or Bundle(Path(self._staged.name))
        self._max_instances = max_instances
        self._functions: dict[str, Function] = {}
        self.asynchronous = Asynchronous(self.invoke)
        self.scf = ScfApi(self._project.functions, self.invoke, self.asynchronous)
        self._timers = Timers(self._project.timers, self.asynchronous)
        self._servers: list[Server] = []
        self.media_front = Faulty(self.media_service)
        self._cos = Faulty(CosService(self.store))
        self._ci = Faulty(CiService(CiJobs()))

    async def start(self) -> None:
        """Listen, and load the functions when they are first called. Raises OSError when a port is taken."""
        stage_bundle(self._root, Path(self._staged.name))
        try:
            self.media = f"{await self._listen(Server(self.media_front.handle, self._ports.media))}/v2/index.php"
            self.cos = await self._listen(Server(CosAndCi(self._cos, self._ci).handle, self._ports.cos))
            self.ci = await self._listen(Server(self._ci.handle))
            front = _Front(self, Gateway(self._project, self.invoke), Faulty(self.scf))
            self.gateway = await self._listen(Server(front.handle, self._ports.gateway))
        except OSError:
            await self.stop()
            raise
        for name, config in self._project.functions.items():
            spec = self._spec(name, config)
            self._functions[name] = Function(spec, lambda: keys.ROLE, self._max_instances, self._log)

    def start_timers(self) -> None:
        """Fire the timers of serverless.yml when their crons say so."""
        self._timers.start()

    async def stop(self) -> None:
        """End every instance and close every port."""
        await self._timers.stop()
        await self.asynchronous.stop()
        for gateway in self._servers[-1:]:  # first, so that nobody who waits there sees the functions end
            await gateway.stop()
        for function in self._functions.values():
            await function.close()
        for server in self._servers[:-1]:
            await server.stop()
        self._staged.cleanup()

    async def invoke(self, name: str, event: object, trigger: str = "") -> Outcome:
        """Invoke a function with an event, as it is. Raises KeyError naming the functions there are."""
        if name not in self._functions:
            raise KeyError(f"no function {name!r} in serverless.yml; there are: {', '.join(self._functions)}")
        return await self._functions[name].invoke(event, trigger=trigger)

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
            memory=config.memory,
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
        is_api_call = request.path == SCF_PATH and "x-tc-action" in request.headers
        if is_api_call or request.path in ("/_local/faults", "/_local/calls"):
            return await self._scf.handle(request)
        prefix, _, name = request.path.rpartition("/")
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


def stage_bundle(root: Path, target: Path) -> None:
    """Lay the checkout's functions out as the bundle does: entry files at the root, `shared` beside them.

    They are links, so that a cold start after an edit runs the edited code.
    """
    for entry in (root / "functions").glob("*.py"):
        (target / entry.name).symlink_to(entry)
    (target / "shared").symlink_to(root / "shared", target_is_directory=True)
