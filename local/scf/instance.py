"""One instance of a function: a process that gets one event at a time over pipes.

`local/scf/bootstrap.py` runs in the process, and describes the protocol. Status codes and texts are those of SCF's
status code page (583/35311).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import resource
import signal
from collections import deque
from collections.abc import Callable, Mapping
from io import FileIO
from pathlib import Path
from typing import NamedTuple

from local.scf.child import STOPPED
from local.scf.context import FunctionSpec, bootstrap_options, environ

BOOTSTRAP = Path(__file__).resolve().with_name("bootstrap.py")
#: The longest line of a reply, in bytes: the largest response, or an error's text with every character escaped.
MAX_FRAME = 8 * 1024 * 1024
#: Seconds to wait for the end of the output: a process that has left the group can hold the pipe open.
OUTPUT_PATIENCE = 2.0
#: The most lines kept of an instance's output between two events.
IDLE_LINES = 1000
#: How much of an invocation's output is kept, in bytes, each line counted with what it takes beside its text; and the
#: longest line, of which the rest is another one. A function that prints without end fills the memory of the cloud.
MAX_OUTPUT, PER_LINE, MAX_LINE = 64 * 1024 * 1024, 64, 1024 * 1024

#: The most descriptors of a function (SCF quota limits: 1,024).
MAX_DESCRIPTORS = 1024

Log = Callable[[str], None]


class Answer(NamedTuple):
    """The answer of an instance; `text` is the return value as JSON, `stack` a stack trace or ""."""

    status: int
    message: str = ""
    stack: str = ""
    memory_mb: float = 0.0
    text: str = "null"


class Output(asyncio.Protocol):
    """Splits an instance's stdout and stderr into lines, and passes each to the current invocation."""

    def __init__(self) -> None:
        self.complete = asyncio.Event()
        self._between: deque[str] = deque(maxlen=IDLE_LINES)
        self._take: Log = self._between.append
        self._marker = b""
        self._rest = bytearray()
        self._left = MAX_OUTPUT
        self._blank = False

    def begin(self, marker: str, take: Log) -> None:
        """Pass lines to `take` until the marker comes; lines since the last marker come first."""
        self._marker, self._take = marker.encode(), take
        self._left = MAX_OUTPUT
        self.complete.clear()
        while self._between:
            take(self._between.popleft())

    def data_received(self, data: bytes) -> None:
        """Take a piece of output."""
        self._rest += data
        if b"\n" in data:
            *lines, self._rest = self._rest.split(b"\n")
            for line in lines:
                self._line(bytes(line))
        elif len(self._rest) > MAX_LINE:
            self._line(bytes(self._rest))
            self._rest.clear()

    def connection_lost(self, _: Exception | None) -> None:
        """Take the last line, which has no newline, at the end of the pipe."""
        self._line(bytes(self._rest))
        self.complete.set()

    def _line(self, line: bytes) -> None:
        """Pass a line on. An empty one waits for the next: the newline before a marker is not the user's."""
        if line == self._marker:
            self._blank, self._take = False, self._between.append
            self.complete.set()
            return
        if self._blank:
            self._pass("")
        self._blank = not line
        if line:
            self._pass(line.decode(errors="replace"))

    def _pass(self, text: str) -> None:
        if self._left > 0:
            self._left -= len(text) + PER_LINE
            self._take(text if self._left > 0 else "… the local cloud keeps no more of this output")


class Instance:
    """A process and its pipes; `start` makes one, `close` ends it."""

    def __init__(self) -> None:
        self.output = Output()
        self._memory_mb = 0.0
        self._expired = False
        self._files: dict[str, list[int]] = {}
        self._replies = asyncio.StreamReader(limit=MAX_FRAME)
        self._process: asyncio.subprocess.Process
        self._events: asyncio.WriteTransport
        self._reading: tuple[asyncio.ReadTransport, asyncio.ReadTransport]

    @classmethod
    async def start(cls, spec: FunctionSpec, variables: Mapping[str, str | None]) -> Instance:
        """Return an instance that is starting; `variables` are those of its first event.

        Raises OSError if the interpreter or the directory does not exist.
        """
        self = cls()
        (events, send), (receive, replies), (read, write) = os.pipe(), os.pipe(), os.pipe()
        await self._connect(send, receive, read)
        try:
            self._process = await asyncio.create_subprocess_exec(
                *(spec.python, *spec.options, str(BOOTSTRAP)),
                *(spec.handler, str(events), str(replies), json.dumps(bootstrap_options(spec))),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=write,
                stderr=write,
                pass_fds=(events, replies, *([] if spec.terminal is None else [spec.terminal])),
                cwd=spec.code_dir,
                env=environ(spec, variables),
                start_new_session=True,
            )
        except BaseException:
            self._close_pipes()
            raise
        finally:
            for fd in (events, replies, write):
                os.close(fd)
        _limit_descriptors(self._process.pid)
        return self

    async def _connect(self, send: int, receive: int, read: int) -> None:
        loop = asyncio.get_running_loop()
        protocol = asyncio.StreamReaderProtocol(self._replies)
        self._events, _ = await loop.connect_write_pipe(asyncio.BaseProtocol, FileIO(send, "w"))
        replies, _ = await loop.connect_read_pipe(lambda: protocol, FileIO(receive, "r"))
        output, _ = await loop.connect_read_pipe(lambda: self.output, FileIO(read, "r"))
        self._reading = (replies, output)

    @property
    def pid(self) -> int:
        """The id of the process."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether the process can still answer: an idle one can have ended by itself."""
        return not self._replies.at_eof()

    @property
    def current(self) -> bool:
        """Whether the code files that the process has read are unchanged."""
        return all(_state(path) == state for path, state in self._files.items())

    def send(self, details: Mapping[str, object], event: bytes) -> None:
        """Send an event as JSON, after the `details` that go with it (context, environ, marker)."""
        self._events.write(json.dumps(details).encode() + b"\n" + event + b"\n")

    async def reply(self, timeout: float | None, late: Answer) -> Answer:
        """Return the next answer: `late` after `timeout` seconds, status 439 if the process ends without one.

        In both cases the instance is closed, and its output has been passed on. There is no time limit without a
        `timeout`, or once the code has stopped at a breakpoint.
        """
        timer = asyncio.get_running_loop().call_later(timeout, self._expire) if timeout is not None else None
        try:
            head, value = await self._frames()
            while value.endswith(b"\n") and json.loads(head)["status"] == STOPPED:
                if timer:
                    timer.cancel()
                head, value = await self._frames()
        finally:
            if timer:
                timer.cancel()
        if self._expired or not value.endswith(b"\n"):
            await self.close()
            end = late if self._expired else Answer(439, f"User process exit when running: {self._exit_text()}")
            return end._replace(memory_mb=self._memory_mb)
        details = json.loads(head)
        self._files.update(details.pop("files"))
        answer = Answer(**details, text=value[:-1].decode())
        self._memory_mb = answer.memory_mb
        return answer

    async def _frames(self) -> tuple[bytes, bytes]:
        return await self._replies.readline(), await self._replies.readline()

    async def printed(self) -> None:
        """Wait until all output up to the marker, or to the end of the process, has been passed on."""
        if not self.output.complete.is_set():
            with contextlib.suppress(asyncio.TimeoutError):  # later output is left out of the log
                await asyncio.wait_for(self.output.complete.wait(), OUTPUT_PATIENCE)

    def kill(self) -> None:
        """Kill the process and its children."""
        # Both errors mean that there is nothing left to kill; macOS has the second for a group of zombies.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)

    async def close(self) -> None:
        """Kill the process group, pass its last output on, and wait for the process to end."""
        self.kill()
        await self.printed()
        self._close_pipes()
        await self._process.wait()

    def _expire(self) -> None:
        self._expired = True
        self.kill()
        # The pipe may not end by itself: a process that has left the group can hold it open.
        self._reading[0].close()

    def _exit_text(self) -> str:
        code = self._process.returncode or 0
        return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"

    def _close_pipes(self) -> None:
        if not self._events.is_closing():
            self._events.abort()
        for transport in self._reading:
            transport.close()


def _limit_descriptors(pid: int) -> None:
    """Limit a process to as many descriptors as SCF does, where the system can (Linux)."""
    if hasattr(resource, "prlimit"):
        with contextlib.suppress(ProcessLookupError):  # it has already ended
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (MAX_DESCRIPTORS, MAX_DESCRIPTORS))


def _state(path: str) -> list[int] | None:
    """Return time and size of a file, None if it does not exist."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return [status.st_mtime_ns, status.st_size]
