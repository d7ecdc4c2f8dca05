"""Every answer comes before the function's own limit, on real sockets, whatever an upstream does.

The upstreams never finish and the limits are short, so a handler that returns has kept to its limit; what it returns
tells that it did not wait for the end of it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from shared.handler import handle
from shared.tasks import AUDIO, VIDEO, Kind
from tests.support.upstream import HEAD, STALLS, Line, Script, Upstream, upstream
from tests.support.wire import CONTEXT, ENVIRON, gateway, task

IDS = {"api2": [f"id{number}" for number in range(20)], "ci": [f"j{number:032x}" for number in range(20)]}
Serve = Any


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    """Start an upstream that is what some settings name; they stop with the test."""
    with ExitStack() as stack:

        def start(script: Script, **paths: str) -> Upstream:
            server = stack.enter_context(upstream(script))
            for name, path in paths.items():
                monkeypatch.setenv(name, server.url + path)
            return server

        for name, value in ENVIRON.items():
            monkeypatch.setenv(name, value)
        yield start


def run(kind: Kind, event: object, limit_ms: int) -> Any:
    return handle(kind, event, {**CONTEXT, "time_limit_in_ms": limit_ms})


@pytest.mark.parametrize("stall", STALLS)
@pytest.mark.parametrize("count", [1, 20])
@pytest.mark.parametrize(("kind", "backend"), [(VIDEO, "api2"), (AUDIO, "api2"), (VIDEO, "ci")], ids=str)
def test_a_caller_gets_504_in_the_envelope(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, kind: Kind, backend: str, count: int, stall: str
) -> None:
    server = serve(STALLS[stall], MEDIA_API_URL="/v2/index.php", CI_URL="")
    monkeypatch.setenv("BACKEND", backend)
    monkeypatch.setenv("BATCH_SIZE", "5")
    reply = run(kind, gateway("GET", {"vids": ",".join(IDS[backend][:count])}), 150)
    assert (reply["statusCode"], json.loads(reply["body"])["code"]) == (504, 6000)
    assert server.left_alone()


def _answers(body: bytes, asked: bytes = b"") -> Script:
    """Answer requests that hold some bytes, leave others alone."""

    def script(line: Line) -> None:
        while request := line.request():
            if asked not in request:
                line.hold()
                return
            line.send(HEAD + b"Content-Length: %d\r\n\r\n%b" % (len(body), body))

    return script


def test_the_margin_for_writing_to_cos_is_kept(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BATCH_SIZE", "1")
    good = json.dumps({"code": 0, "message": "", "data": [task("a")]}).encode()
    serve(_answers(good, b"vids.0=a&"), MEDIA_API_URL="/v2/index.php")
    cos = serve(_answers(b""), COS_URL="")
    made = run(VIDEO, {"vids": ["a", "b", "c"], "output": "cos"}, 3000)
    assert (made["code"], made["data"]["count"], list(made["failed"])) == (5400, 1, ["b", "c"])
    assert cos.connections == 1


@pytest.mark.parametrize("stall", ["reads, says nothing", "slow header", "a byte now and then", "endless trailers"])
def test_a_cos_that_stalls_is_out_of_time_too(serve: Serve, stall: str) -> None:
    serve(_answers(b'{"code": 0, "message": "", "data": [{"vid": "a", "status": 5}]}'), MEDIA_API_URL="/v2/index.php")
    cos = serve(STALLS[stall], COS_URL="")
    made = run(VIDEO, {"vids": ["a"], "output": "cos"}, 600)
    assert (made["code"], made["codeDesc"]) == (6000, "Timeout")
    assert cos.left_alone()
