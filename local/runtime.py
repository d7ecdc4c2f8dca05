"""The SCF runtime shim: runs a function's handler in processes of its own, as instances of SCF do.

An instance is a process that answers one event at a time and stays warm for the next. `local/bootstrap.py` is what
runs in it, and describes the protocol. Status codes and their texts are those of SCF's status code page (583/35311).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import signal
import sys
import time
import uuid
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from local import keys
from shared.signing import Credentials

BOOTSTRAP = Path(__file__).resolve().with_name("bootstrap.py")
#: The largest event and response, in bytes (SCF quota limits: 6 MB each for a synchronous invocation).
MAX_PAYLOAD = 6 * 1024 * 1024
#: Seconds an instance may take to start. SCF has such a limit (status 450); no document at hand gives its default.
INIT_TIMEOUT = 60.0
#: Seconds to wait for the rest of a killed instance's output: a process that left its group may hold the pipe open.
LOG_PATIENCE = 2.0
#: Lines kept of what an instance prints between two events.
IDLE_LINES = 1000

Log = Callable[[str], None]


class FunctionSpec(NamedTuple):
    """A function as serverless.yml describes it: `timeout` in seconds, `memory` in MB; `python` runs it."""

    name: str
    handler: str
    code_dir: Path
    timeout: int
    memory: int
    environment: Mapping[str, str]
    region: str = keys.REGION
    namespace: str = "default"
    runtime: str = "Python3.10"
    python: str = sys.executable


class Outcome(NamedTuple):
    """What became of one invocation: SCF's status code, the return value or SCF's error object, and the log.

    `init_ms` is None when the instance was warm; `memory_mb` is the instance's peak so far.
    """

    request_id: str
    status: int
    result: object
    error: dict[str, object] | None
    log: list[str]
    duration_ms: float
    init_ms: float | None
    memory_mb: float

    @property
    def ok(self) -> bool:
        """Whether the handler returned a value."""
        return self.status == 200


class Reply(NamedTuple):
    """An instance's answer; `text` is the return value as JSON, `stack` a stack trace when there is one."""

    status: int
    message: str = ""
    stack: str = ""
    memory_mb: float = 0.0
    text: str = "null"

    def error(self, request_id: str) -> dict[str, object]:
        """SCF's error object. The documents show errorCode -1 for exceptions and timeouts; we use it for all."""
        shape: dict[str, object] = {"errorCode": -1, "errorMessage": self.message, "requestId": request_id}
        return shape | ({"stackTrace": self.stack} if self.stack else {}) | {"statusCode": self.status}


class LogPipe(asyncio.Protocol):
    """An instance's stdout and stderr as lines, each given to the invocation that is running."""

    def __init__(self) -> None:
        self.complete = asyncio.Event()
        self._between: deque[str] = deque(maxlen=IDLE_LINES)
        self._take: Log = self._between.append
        self._marker = b""
        self._rest = bytearray()
        self._blank = False

    def begin(self, marker: str, take: Log) -> None:
        """Give lines to `take` until the marker's, first those that came since the last marker."""
        self._marker, self._take = marker.encode(), take
        self.complete.clear()
        while self._between:
            take(self._between.popleft())

    def data_received(self, data: bytes) -> None:
        """Take what the pipe has, as asyncio calls for."""
        self._rest += data
        if b"\n" in data:
            *lines, self._rest = self._rest.split(b"\n")
            for line in lines:
                self._line(bytes(line))

    def connection_lost(self, exc: Exception | None) -> None:
        """The end of the pipe: what is left is the last line."""
        if self._rest:
            self._line(bytes(self._rest))
        self.complete.set()

    def _line(self, line: bytes) -> None:
        """Pass a line on, an empty one only when the next has come: the child writes a newline before the marker."""
        if line == self._marker:
            self._blank, self._take = False, self._between.append
            self.complete.set()
            return
        if self._blank:
            self._take("")
        self._blank = not line
        if line:
            self._take(line.decode(errors="replace"))


class Instance:
    """One process, its pipe for events and its pipes for replies and output. `start` it; `close` it in the end."""

    def __init__(self) -> None:
        self.memory_mb = 0.0
        self.log = LogPipe()
        # A reply's second frame may be the largest response there is, in one line.
        self._replies = asyncio.StreamReader(limit=2 * MAX_PAYLOAD)
        self._transports: list[asyncio.BaseTransport] = []
        self._expired = False
        self._process: asyncio.subprocess.Process
        self._events: asyncio.WriteTransport

    async def start(self, spec: FunctionSpec, environ: Mapping[str, str]) -> None:
        """Start the process. Raises OSError when the interpreter or the code directory isn't there."""
        (events, send), (receive, replies), (read, write) = os.pipe(), os.pipe(), os.pipe()
        loop = asyncio.get_running_loop()
        try:
            self._events, _ = await loop.connect_write_pipe(asyncio.BaseProtocol, open(send, "wb", 0))
            protocol = asyncio.StreamReaderProtocol(self._replies)
            reading, _ = await loop.connect_read_pipe(lambda: protocol, open(receive, "rb", 0))
            logging, _ = await loop.connect_read_pipe(lambda: self.log, open(read, "rb", 0))
            self._transports = [reading, logging]
            self._process = await asyncio.create_subprocess_exec(
                *(spec.python, str(BOOTSTRAP), spec.handler, str(events), str(replies)),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=write,
                stderr=write,
                pass_fds=(events, replies),
                cwd=spec.code_dir,
                env=environ,
                start_new_session=True,
            )
        except BaseException:
            self._close_pipes()
            raise
        finally:
            for fd in (events, replies, write):
                os.close(fd)

    @property
    def alive(self) -> bool:
        """Whether the process still answers: it may have died since its last event."""
        return not self._replies.at_eof()

    def send(self, told: Mapping[str, object], event: bytes) -> None:
        """Send an event and what comes with it."""
        self._events.write(json.dumps(told).encode() + b"\n" + event + b"\n")

    async def reply(self, timeout: float, late: Reply) -> Reply:
        """Return the next reply; `late` when it takes more than `timeout` seconds, status 439 when the process ends.

        In the latter two cases the instance is closed.
        """
        timer = asyncio.get_running_loop().call_later(timeout, self._expire)
        try:
            head, value = await self._replies.readline(), await self._replies.readline()
        finally:
            timer.cancel()
        if self._expired or not value.endswith(b"\n"):
            await self.close()
            gone = f"User process exit when running, {exit_text(self._process.returncode)}"
            return (late if self._expired else Reply(439, gone))._replace(memory_mb=self.memory_mb)
        reply = Reply(**json.loads(head), text=value.decode().rstrip("\n"))
        self.memory_mb = reply.memory_mb
        return reply

    async def close(self) -> None:
        """Kill the process and all it has started, read the rest of its output, wait for its end."""
        self._kill()
        with contextlib.suppress(asyncio.TimeoutError):  # output that somebody outside the group holds open
            await asyncio.wait_for(self.log.complete.wait(), LOG_PATIENCE)
        self._close_pipes()
        await self._process.wait()

    def _expire(self) -> None:
        self._expired = True
        self._kill()
        self._transports[0].close()  # a process that left the group may hold the other end

    def _kill(self) -> None:
        # The group may be gone; macOS says PermissionError of one that has ended and not been waited for.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def _close_pipes(self) -> None:
        self._events.abort()
        for transport in self._transports:
            transport.close()
