"""The local cloud in a thread, for tests that reach it as its users do: through real sockets."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import contextmanager
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
def running(cloud: Cloud, log: list[str]) -> Iterator[LiveCloud]:
    """Run a cloud in a thread of its own until the block ends; `log` is where it writes its lines."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    live = LiveCloud(cloud, loop, log)
    try:
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


@contextmanager
def live_cloud(state: Path, root: Path = ROOT, ports: Ports = ANY_PORTS, **environ: str) -> Iterator[LiveCloud]:
    """A local cloud, on free ports unless others are given, whose COS objects lie in `state`."""
    log: list[str] = []
    with running(Cloud(root, state, environ, ports, log.append), log) as live:
        yield live


@pytest.fixture(scope="module")
def shared_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveCloud]:
    """One cloud for all tests of a module; each uses it through `live`, which leaves it as it was."""
    with live_cloud(tmp_path_factory.mktemp("state")) as live:
        yield live


@pytest.fixture
def live(shared_cloud: LiveCloud) -> Iterator[LiveCloud]:
    """The module's cloud, without faults before and after the test."""
    yield shared_cloud
    shared_cloud.media("faults", json=[])
    shared_cloud.cos("faults", json=[])


@pytest.fixture(scope="module")
def shared_ci(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveCloud]:
    """One cloud for all tests of a module whose functions ask Cloud Infinite."""
    with live_cloud(tmp_path_factory.mktemp("ci"), BACKEND="ci") as live:
        yield live
