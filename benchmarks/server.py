"""The media API in a process of its own, so that its work is not counted as the functions' work."""

from __future__ import annotations

import asyncio
import json
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import requests

from local.ci.jobs import CiJobs
from local.ci.service import CiService
from local.faults import Faulty
from local.media.service import MediaService
from local.media.tasks import MediaTasks, documented
from local.server import Reply, Request, Server
from shared.signing.api2 import API2_PATH

#: A signed request can't be sent twice, so this path stands for the same reply without a signature.
SAME_PATH = "/same"


class MediaProcess(NamedTuple):
    """A running media API, by the URL of its server; `tls` is the same with TLS, `ci` a running Cloud Infinite."""

    url: str
    tls: str
    ci: str

    @property
    def api(self) -> str:
        """The value of MEDIA_API_URL."""
        return self.url + API2_PATH

    @property
    def same(self) -> str:
        """The URL that a plain GET gets the last reply of the API from."""
        return self.url + SAME_PATH

    def add_tasks(self, action: str, count: int) -> list[str]:
        """Add tasks like the one in the action's document, and return their ids."""
        example = documented(action)["data"]
        record = example[0] if isinstance(example, list) else example
        vids = [f"{number:032x}1700000000" for number in range(count)]
        self._post("tasks", {"action": action, "tasks": [{**record, "vid": vid} for vid in vids]})
        return vids

    def set_delay(self, seconds: float) -> None:
        """Let each reply be late by so many seconds."""
        self._post("faults", [{"kind": "delay", "value": seconds}] if seconds else [])

    def _post(self, path: str, value: object) -> None:
        requests.post(f"{self.url}/_local/{path}", data=json.dumps(value), timeout=30).raise_for_status()


class Repeating:
    """A service that remembers its last reply, for a GET of SAME_PATH."""

    def __init__(self, service: MediaService) -> None:
        self.calls = service.calls
        self.error = service.error
        self._service = service
        self._last = Reply(404)

    def handle(self, request: Request) -> Reply:
        """Answer one request."""
        if request.path == SAME_PATH:
            return self._last
        reply = self._service.handle(request)
        if request.path == API2_PATH:
            self._last = reply
        return reply


@contextmanager
def media_process(certificate: Path) -> Iterator[MediaProcess]:
    """Run the media API as long as the context is open; `certificate` is one for `localhost`, and its key.

    It also ends when this process does, however that may be.
    """
    command = [sys.executable, "-m", "benchmarks.server", str(certificate)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        yield MediaProcess(*json.loads(process.stdout.readline()))


async def _serve(certificate: str) -> None:
    service, ci = MediaService(MediaTasks()), CiService(CiJobs())
    front = Faulty(Repeating(service), service.routes)
    servers = [Server(front.handle, routes=front.routes), Server(Faulty(ci).handle)]
    url, ci_url = [await server.start() for server in servers]
    print(json.dumps([url, await _serve_tls(url, certificate), ci_url]), flush=True)
    await asyncio.to_thread(sys.stdin.read)  # it ends with the process that started this one
    for server in servers:
        await server.stop()


async def _serve_tls(url: str, certificate: str) -> str:
    """Listen with TLS and pass everything on to the server at `url`; return the URL."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        port = urlsplit(url).port
        upstream_reader, upstream_writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(_pass_on(reader, upstream_writer), _pass_on(upstream_reader, writer))

    server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=context)
    return f"https://localhost:{server.sockets[0].getsockname()[1]}"


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):  # an instance that is closed hangs up
        while piece := await reader.read(64 * 1024):
            writer.write(piece)
            await writer.drain()
    writer.close()


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1]))
