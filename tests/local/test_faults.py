"""Fault injection: drawing faults, and their effect on replies and clients."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from typing import Any

import pytest

from local.faults import Fault, Faults, Faulty
from local.server import Reply, Request, Server
from tests.support.routes import ask_route

NAN, INF = float("nan"), float("inf")
WHOLE = Reply(200, {"Content-Type": "text/plain", "X-Kept": "yes"}, b"0123456789")
GET = Request("GET", "/anything")


class Plain:
    """A service that always answers the same."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()

    def handle(self, request: Request) -> Reply:
        self.calls[request.path] += 1
        return WHOLE

    def error(self, code: str) -> Reply:
        return Reply(200, {}, f"error {code}".encode())


class Chances:
    """The chances that come, one after the other."""

    def __init__(self, *chances: float) -> None:
        self.left = list(chances)

    def __call__(self) -> float:
        return self.left.pop(0)


@pytest.fixture
def faulty() -> Faulty:
    return Faulty(Plain())


def ask(faulty: Faulty, request: Request = GET) -> Reply:
    return asyncio.run(faulty.handle(request))


def order(faulty: Faulty, specs: object) -> tuple[int, Any]:
    reply = ask_route(faulty.routes, "POST", "/_local/faults", json.dumps(specs).encode())
    return reply.status, json.loads(reply.body)


def kinds(faults: Faults, draws: int) -> list[list[str]]:
    return [[fault.kind for fault in faults.draw()] for _ in range(draws)]


# What is drawn


def test_without_times_a_fault_stays() -> None:
    faults = Faults()
    faults.replace([{"kind": "reset"}])
    assert kinds(faults, 50) == [["reset"]] * 50


def test_times_is_how_often() -> None:
    faults = Faults()
    faults.replace([{"kind": "reset", "times": 2}, {"kind": "http", "times": 1}])
    assert kinds(faults, 5) == [["reset"], ["reset"], ["http"], [], []]


def test_times_counts_what_was_drawn_not_what_chance_spared() -> None:
    faults = Faults(Chances(0.9, 0.3, 0.5, 0.29))
    faults.replace([{"kind": "reset", "rate": 0.3, "times": 1}])
    assert kinds(faults, 5) == [[], [], [], ["reset"], []]


@pytest.mark.parametrize(("rate", "drawn"), [(0, []), (1, ["garbage"])])
def test_the_ends_of_rate_are_never_and_always(rate: float, drawn: list[str]) -> None:
    for chance in (0.0, 0.999999):
        faults = Faults(Chances(chance))
        faults.replace([{"kind": "garbage", "rate": rate}])
        assert kinds(faults, 1) == [drawn]


def test_a_reply_draws_any_delays_and_one_other() -> None:
    faults = Faults()
    delays = [{"kind": "delay", "value": 1}, {"kind": "delay", "value": 2}]
    faults.replace([*delays, {"kind": "reset", "times": 1}, {"kind": "http"}])
    assert kinds(faults, 2) == [["delay", "delay", "reset"], ["delay", "delay", "http"]]


def test_new_faults_replace_the_old() -> None:
    faults = Faults()
    faults.replace([{"kind": "reset"}])
    faults.replace([{"kind": "http", "value": 500}])
    assert faults.draw() == [Fault(kind="http", value=500)]
    faults.replace([])
    assert faults.draw() == []


@pytest.mark.parametrize(
    ("specs", "told"),
    [
        ({"kind": "reset"}, "faults: Input should be a valid list"),
        (None, "faults: Input should be a valid list"),
        (["reset"], "faults[0]: "),
        ([{}], "faults[0].kind: Field required"),
        ([{"kind": ["reset"]}], "faults[0].kind: "),
        ([{"kind": "reset"}, {"kind": "fire"}], "faults[1].kind: Input should be 'delay', 'reset', 'http', 'truncate'"),
        *(([{"kind": "reset", "rate": rate}], "faults[0].rate: ") for rate in ("1", None, True, 1.1, -0.1)),
        ([{"kind": "http", "value": 1000}], "a status from 200 to 599"),
        *(([{"kind": "delay", "value": value}], "Out of range float") for value in (NAN, INF)),
        *(([{"kind": "reset", "times": times}], "faults[0].times: ") for times in ("2", False, -1)),
        ([{"kind": "delay", "value": "1"}], "faults[0]: the value of delay must be a number"),
        *(([{"kind": "code", "value": value}], "faults[0].value") for value in ([4400], True)),
        ([{"kind": "reset", "rates": 1}], "faults[0].rates: "),
    ],
)
def test_bad_faults_are_refused_and_the_old_ones_stay(faulty: Faulty, specs: object, told: str) -> None:
    order(faulty, [{"kind": "reset"}])
    status, answer = order(faulty, specs)
    assert status == 400
    assert told in answer["error"]
    assert ask(faulty).broken == "reset"


@pytest.mark.parametrize(
    "body", [b"", b"[", b"\xff\xfe\xfd", b'[{"kind": "delay", "value": NaN}]', b'[{"kind": "delay", "value": 1e999}]']
)
def test_faults_that_are_not_json_are_refused(faulty: Faulty, body: bytes) -> None:
    reply = ask_route(faulty.routes, "POST", "/_local/faults", body)
    assert reply.status == 400
    assert json.loads(reply.body)["error"]


# What they do


def test_without_faults_the_reply_is_the_services(faulty: Faulty) -> None:
    assert ask(faulty) == WHOLE


@pytest.mark.parametrize("kind", ["reset", "truncate"])
def test_reset_and_truncate_break_the_connection_of_the_same_reply(faulty: Faulty, kind: str) -> None:
    order(faulty, [{"kind": kind}])
    assert ask(faulty) == WHOLE._replace(broken=kind)


@pytest.mark.parametrize(("value", "status"), [(502, 502), (None, 503)])
def test_http_is_a_page_of_something_in_between(faulty: Faulty, value: int | None, status: int) -> None:
    order(faulty, [{"kind": "http", "value": value}])
    reply = ask(faulty)
    assert (reply.status, reply.headers, reply.broken) == (status, {"Content-Type": "text/html"}, "")
    assert reply.body.startswith(b"<html>")


def test_garbage_is_neither_json_nor_text(faulty: Faulty) -> None:
    order(faulty, [{"kind": "garbage"}])
    reply = ask(faulty)
    assert (reply.status, reply.headers) == (WHOLE.status, WHOLE.headers)
    with pytest.raises(UnicodeDecodeError):
        reply.body.decode()
    with pytest.raises(json.JSONDecodeError):
        json.loads(reply.body.decode(errors="replace"))


@pytest.mark.parametrize(("value", "said"), [(4400, b"error 4400"), ("SlowDown", b"error SlowDown"), (None, b"error ")])
def test_the_service_makes_the_reply_for_a_code(faulty: Faulty, value: object, said: bytes) -> None:
    order(faulty, [{"kind": "code", "value": value}])
    assert ask(faulty).body == said


def test_delays_add_up_and_leave_the_reply(faulty: Faulty, monkeypatch: pytest.MonkeyPatch) -> None:
    slept = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr("local.faults.asyncio.sleep", sleep)
    order(faulty, [{"kind": "delay", "value": 1.5}, {"kind": "delay"}, {"kind": "truncate", "times": 1}])
    assert ask(faulty).broken == "truncate"
    assert ask(faulty) == WHOLE
    assert slept == [1.5, 0, 1.5, 0]


def test_the_service_has_done_its_work_when_the_reply_is_lost(faulty: Faulty) -> None:
    order(faulty, [{"kind": "reset"}])
    ask(faulty)
    assert faulty.service.calls == {"/anything": 1}


# The local paths


def test_an_empty_list_clears(faulty: Faulty) -> None:
    assert order(faulty, [{"kind": "reset"}, {"kind": "delay"}]) == (200, {"faults": 2})
    assert order(faulty, []) == (200, {"faults": 0})
    assert ask(faulty) == WHOLE


def test_calls_are_counted_and_faults_in_force_are_listed(faulty: Faulty) -> None:
    order(faulty, [{"kind": "reset", "rate": 0.5, "times": 2}, {"kind": "delay", "value": 1}])
    ask(faulty)
    calls = ask_route(faulty.routes, "GET", "/_local/calls")
    assert (calls.broken, json.loads(calls.body)) == ("", {"/anything": 1})
    listed = json.loads(ask_route(faulty.routes, "GET", "/_local/faults").body)
    assert {"kind": "delay", "value": 1, "rate": 1.0} in listed
    assert order(faulty, listed) == (200, {"faults": len(listed)})


# Through a socket


def seen(spec: dict[str, object]) -> bytes:
    """All that a raw client reads from a service with one fault. Raises ConnectionResetError on a RST."""

    async def run() -> bytes:
        faulty = Faulty(Plain())
        server = Server(faulty.handle)
        host, port = (await server.start()).removeprefix("http://").split(":")
        faulty.faults.replace([spec])
        try:
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
            try:
                return await asyncio.wait_for(reader.read(), 30)
            finally:
                writer.close()
        finally:
            await server.stop()

    return asyncio.run(run())


def test_a_client_sees_a_rst() -> None:
    with pytest.raises(ConnectionResetError):
        seen({"kind": "reset"})


def test_a_client_sees_half_of_the_body() -> None:
    head, _, body = seen({"kind": "truncate"}).partition(b"\r\n\r\n")
    assert b"Content-Length: 10" in head
    assert body == b"01234"


def test_a_client_sees_the_status_and_the_garbage() -> None:
    assert seen({"kind": "http", "value": 504}).startswith(b"HTTP/1.1 504 ")
    assert b"\r\n\r\n\x00\xff" in seen({"kind": "garbage"})
