"""Fixtures of the client's tests: a scripted function on a real socket, and the local cloud."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from shared.invocation import Deadline
from tests.support.live import LiveCloud, shared_cloud

__all__ = ["function", "live", "pauses", "shared_cloud"]

#: What a function says: the HTTP status, headers and the body, as JSON or as it is.
Reply = tuple[int, dict[str, str], Any]
#: A connection that ends without a reply has this status.
BROKEN: Reply = (0, {}, None)


def envelope(*records: dict[str, Any], **more: Any) -> Reply:
    """The documents' envelope around records."""
    return 200, {}, {"code": 0, "message": "", "codeDesc": "Success", "data": list(records), **more}


def refusal(status: int, code: int, message: str = "no", headers: dict[str, str] | None = None, **more: Any) -> Reply:
    """An envelope that tells an error."""
    return status, headers or {}, {"code": code, "message": message, "codeDesc": "Error", **more}


def done(vid: str, **fields: Any) -> dict[str, Any]:
    """The record of a task that has succeeded."""
    return {"vid": vid, "status": 5, "deleted": "no", "result": [f"http://results.example/{vid}.mp4"], **fields}


def all_done(vids: list[str]) -> Reply:
    """The reply that every task has succeeded."""
    return envelope(*map(done, vids))


def some_time() -> Deadline:
    """A deadline that no test reaches."""
    return Deadline(time.monotonic() + 600)


class FakeFunction:
    """A function's URL: `answer` says what it replies to some ids, `asked` has the ids of each request."""

    def __init__(self) -> None:
        self.answer: Callable[[list[str]], Reply] = all_done
        self.asked: list[list[str]] = []
        self.headers: list[dict[str, str]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self._server.server_port}/query-video"

    @property
    def vids(self) -> list[str]:
        """All ids that were asked, in order."""
        return [vid for vids in self.asked for vid in vids]

    def script(self, *replies: Reply | Callable[[list[str]], Reply]) -> None:
        """Give these replies one after the other, then that all is done."""
        turns = iter(replies)

        def answer(vids: list[str]) -> Reply:
            turn = next(turns, all_done)
            return turn(vids) if callable(turn) else turn

        self.answer = answer

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        function = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # else each body waits 40 ms for the other side's acknowledgement

            def do_POST(self) -> None:
                vids = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["vids"]
                function.asked.append(vids)
                function.headers.append(dict(self.headers))
                status, headers, body = function.answer(vids)
                if not status:
                    self.close_connection = True
                    return
                content = body if isinstance(body, bytes) else json.dumps(body).encode()
                with suppress(ConnectionError):  # whoever asked may have been killed
                    self._send(status, headers, content)

            def _send(self, status: int, headers: dict[str, str], content: bytes) -> None:
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(content))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        return Handler


@pytest.fixture
def function() -> Iterator[FakeFunction]:
    """A function of a test's own."""
    fake = FakeFunction()
    yield fake
    fake.close()


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long the client would have waited, without waiting."""
    waited: list[float] = []
    monkeypatch.setattr("time.sleep", waited.append)
    monkeypatch.setattr(Deadline, "pause", lambda _, seconds: waited.append(seconds))
    return waited


@pytest.fixture
def live(shared_cloud: LiveCloud, monkeypatch: pytest.MonkeyPatch) -> Iterator[LiveCloud]:
    """The module's cloud without faults, and an environment with its keys and addresses."""
    cloud = shared_cloud.cloud
    for name, value in {
        "SECRET_ID": "AKIDLOCALEXAMPLE",
        "SECRET_KEY": "local-secret-key",
        "MEDIA_API_URL": cloud.media,
        "COS_URL": cloud.cos,
        "COS_BUCKET": "media-1253125191",
        "COS_REGION": "ap-guangzhou",
    }.items():
        monkeypatch.setenv(name, value)
    yield shared_cloud
    shared_cloud.media("faults", json=[])
    shared_cloud.cos("faults", json=[])
