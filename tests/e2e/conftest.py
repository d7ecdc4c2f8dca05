"""The local cloud in a thread, for tests that reach it as its users do: through real sockets."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest
import requests

from local.cloud import Cloud, Ports
from local.scf.runtime import Outcome
from tests.support.paths import ROOT

T = TypeVar("T")
ANY_PORTS = Ports()


class LiveCloud:
    """A running local cloud, and the short ways to talk to it."""

    def __init__(self, cloud: Cloud, loop: asyncio.AbstractEventLoop, log: list[str]) -> None:
        self.cloud = cloud
        self.log = log
        self._loop = loop

    def wait(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine in the cloud's loop."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    def get(self, path: str, **options: Any) -> requests.Response:
        """GET a path of the gateway."""
        return requests.get(self.cloud.gateway + path, timeout=60, **options)

    def post(self, path: str, **options: Any) -> requests.Response:
        """POST to a path of the gateway."""
        return requests.post(self.cloud.gateway + path, timeout=60, **options)

    def invoke(self, function: str, event: object) -> Outcome:
        """Invoke a function directly."""
        return self.wait(self.cloud.invoke(function, event))

    def fire(self, timer: str, message: object = None) -> Outcome:
        """Fire a timer, with its own message or another one (any JSON value but text is dumped)."""
        text = message if message is None or isinstance(message, str) else json.dumps(message)
        return self.wait(self.cloud.fire(timer, text))

    def call(self, function: str, event: object) -> Any:
        """The value that a direct invocation returns."""
        return self.invoke(function, event).result

    def collect(self, timer: str, message: object = None) -> Any:
        """The summary that a timer's invocation returns."""
        return self.fire(timer, message).result

    def media(self, path: str, **options: Any) -> Any:
        """POST JSON to, or GET from, a local path of the media API."""
        return _local(self.cloud.media.removesuffix("/v2/index.php"), path, options)

    def cos(self, path: str, **options: Any) -> Any:
        """POST JSON to, or GET from, a local path of COS."""
        return _local(self.cloud.cos, path, options)

    def stored(self, key: str) -> Any:
        """The JSON value of an object in COS, None when there is none."""
        store = self.cloud.store
        return json.loads(store.get(key).body) if key in store.list().keys else None


def _local(base: str, path: str, options: Mapping[str, Any]) -> Any:
    method = "POST" if options else "GET"
    response = requests.request(method, f"{base}/_local/{path}", timeout=60, **options)
    response.raise_for_status()
    return response.json()


async def _cancel_the_rest() -> None:
    """End what still waits for a long delay, as asyncio.run does."""
    rest = asyncio.all_tasks() - {asyncio.current_task()}
    for task in rest:
        task.cancel()
    await asyncio.gather(*rest, return_exceptions=True)


@contextmanager
def live_cloud(state: Path, root: Path = ROOT, ports: Ports = ANY_PORTS, **environ: str) -> Iterator[LiveCloud]:
    """A local cloud, on free ports unless others are given, whose COS objects lie in `state`."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    log: list[str] = []
    try:
        cloud = Cloud(root, state, environ, ports, log.append)
        live = LiveCloud(cloud, loop, log)
        live.wait(cloud.start())
        try:
            yield live
        finally:
            live.wait(cloud.stop())
            live.wait(_cancel_the_rest())
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def free_ports() -> int:
    """Return a port that was free a moment ago, and so were the three above it."""
    while True:
        with ExitStack() as probes:
            port = 0
            try:
                for number in range(4):
                    probe = probes.enter_context(socket.socket())
                    probe.bind(("127.0.0.1", port and port + number))
                    port = port or probe.getsockname()[1]
            except (OSError, OverflowError):
                continue
            return port


@pytest.fixture
def free_port() -> int:
    """Such a port."""
    return free_ports()


@pytest.fixture(scope="module")
def shared_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveCloud]:
    """One cloud a module; use it through `live`, which leaves it as it was."""
    with live_cloud(tmp_path_factory.mktemp("state")) as live:
        yield live


@pytest.fixture
def live(shared_cloud: LiveCloud) -> Iterator[LiveCloud]:
    """The module's cloud, without faults before and after the test."""
    yield shared_cloud
    shared_cloud.media("faults", json=[])
    shared_cloud.cos("faults", json=[])


@pytest.fixture
def quick_root(tmp_path: Path) -> Callable[[int], Path]:
    """A checkout whose functions have another timeout, in seconds."""

    def make(timeout: int) -> Path:
        root = tmp_path / "root"
        root.mkdir()
        for name in ("functions", "shared"):
            (root / name).symlink_to(ROOT / name)
        text = (ROOT / "serverless.yml").read_text()
        assert "timeout: 30" in text
        (root / "serverless.yml").write_text(text.replace("timeout: 30", f"timeout: {timeout}"))
        return root

    return make
