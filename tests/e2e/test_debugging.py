"""Breakpoints: a debugger that connects, and Python's own in a terminal."""

from __future__ import annotations

import json
import os
import pty
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from local.config.interpreters import find_python
from tests.support import projects
from tests.support.paths import ROOT

#: The Pythons that functions run on here. Python 3.9 is older than what debugpy's own process needs.
FOUND = [version for version in ("3.9", "3.10") if find_python(version)] or ["3.10"]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project whose time limit is shorter than a person's look."""
    root = projects.single(tmp_path / "project")
    rewrite(root, "timeout: 5", "timeout: 1")
    (tmp_path / "event.json").write_text('{"pathParameters": {"name": "ann"}}')
    return root


def rewrite(project: Path, old: str, new: str) -> None:
    path = project / "serverless.yml"
    path.write_text(path.read_text().replace(old, new))


def command(project: Path, *options: str) -> list[str]:
    event, state = project.parent / "event.json", project.parent / "state"
    arguments = ["invoke", "greeter-dev-greeter", "--event", str(event), "--state", str(state)]
    return [sys.executable, "-m", "local", *arguments, "--project", str(project), "--port", "1", *options]


class Debugger:
    """A client of the Debug Adapter Protocol, as an editor is."""

    def __init__(self, port: int) -> None:
        self._socket = _connect(port)
        self._stream = self._socket.makefile("rwb")
        self._number = 0

    def send(self, name: str, **arguments: object) -> None:
        self._number += 1
        message = {"seq": self._number, "type": "request", "command": name, "arguments": arguments}
        body = json.dumps(message).encode()
        self._stream.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        self._stream.flush()

    def close(self) -> None:
        self._stream.close()
        self._socket.close()

    def until(self, key: str, value: str) -> Any:
        """Read until a message has a value, and return it."""
        while True:
            length = 0
            for line in iter(self._stream.readline, b"\r\n"):
                assert line, "the debugger has hung up"
                if line.lower().startswith(b"content-length:"):
                    length = int(line.partition(b":")[2])
            message = json.loads(self._stream.read(length))
            if message.get(key) == value:
                return message


def _connect(port: int) -> socket.socket:
    for _ in range(600):
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=60)
        except ConnectionRefusedError:
            time.sleep(0.05)
    raise TimeoutError("nobody waits for a debugger")


@pytest.mark.parametrize("version", FOUND)
def test_a_debugger_stops_in_the_users_file_and_no_time_limit_holds(
    project: Path, free_port: int, version: str
) -> None:
    rewrite(project, "runtime: Python3.10", f"runtime: Python{version}")
    index = project / "src" / "index.py"
    line = index.read_text().splitlines().index('    body = words.greet(os.environ["GREETING"], name)') + 1
    process = subprocess.Popen(
        command(project, "--debug", str(free_port)), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    with process:
        debugger = Debugger(free_port)
        debugger.send("initialize", adapterID="test")
        debugger.send("attach", justMyCode=False)
        debugger.until("event", "initialized")
        debugger.send("setBreakpoints", source={"path": str(index)}, breakpoints=[{"line": line}])
        debugger.send("configurationDone")
        thread = debugger.until("event", "stopped")["body"]["threadId"]
        time.sleep(1.5)  # longer than the function's limit
        debugger.send("stackTrace", threadId=thread)
        frame = debugger.until("command", "stackTrace")["body"]["stackFrames"][0]
        assert (frame["name"], frame["line"], frame["source"]["path"]) == ("main_handler", line, str(index))
        debugger.send("disconnect")
        debugger.until("command", "disconnect")
        debugger.close()
        out, log = process.communicate(timeout=60)
    assert process.returncode == 0, log
    assert json.loads(out)["body"] == "hello, ann"
    assert f"waiting for a debugger on 127.0.0.1:{free_port}" in log


def test_a_plain_breakpoint_opens_the_debugger_in_the_terminal(project: Path) -> None:
    index = project / "src" / "index.py"
    index.write_text(index.read_text().replace("    body =", "    breakpoint()\n    body ="))
    pid, terminal = pty.fork()
    if pid == 0:  # the child is the person's shell
        os.chdir(ROOT)
        os.execv(sys.executable, command(project))
    seen = _read_until(terminal, b"(Pdb)")
    time.sleep(1.5)  # longer than the function's limit
    os.write(terminal, b"name = 'bob'\nc\n")
    seen += _read_until(terminal, b'"body"') + _read_until(terminal, b"}")
    _, status = os.waitpid(pid, 0)
    os.close(terminal)
    assert os.waitstatus_to_exitcode(status) == 0, seen.decode()
    assert b"hello, bob" in seen


def _read_until(terminal: int, text: bytes) -> bytes:
    seen = b""
    while text not in seen:
        try:
            seen += os.read(terminal, 4096)
        except OSError:  # the other side is closed
            break
    return seen
