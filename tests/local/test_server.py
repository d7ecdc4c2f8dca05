"""The HTTP server as a raw client sees it."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator

import pytest

from local.server import MAX_BODY, Reply, Request, Route, Server, json_reply


class Echo:
    """Answers everything with `reply` and keeps what was asked."""

    def __init__(self, reply: Reply) -> None:
        self.reply = reply
        self.asked: list[Request] = []

    async def __call__(self, request: Request) -> Reply:
        self.asked.append(request)
        return self.reply


async def exchange(server: Server, sent: bytes) -> bytes:
    """Send raw bytes, return all that comes back. Raises ConnectionResetError on a RST."""
    host, port = server.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        writer.write(sent)
        return await asyncio.wait_for(reader.read(), 30)
    finally:
        writer.close()


def said_to(*headers: str, path: str = "/") -> list[int]:
    """The statuses of one raw request with each of some headers; a local path is answered 200."""

    async def run() -> list[bytes]:
        server = Server(
            Echo(Reply(200)), routes=[Route("POST", "/_local/{name}", lambda r: json_reply(r.parameters["name"]))]
        )
        await server.start()
        try:
            line = f"POST {path} HTTP/1.1\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: 0\r\n"
            return [await exchange(server, f"{line}{header}\r\n\r\n".encode()) for header in headers]
        finally:
            await server.stop()

    return [int(answer.split(b" ")[1]) for answer in asyncio.run(run())]


def asked(reply: Reply, *sent: bytes) -> tuple[list[Request], list[bytes]]:
    """What a server that gives `reply` understood of some raw requests, and what it sent back."""
    echo = Echo(reply)

    async def run() -> list[bytes]:
        server = Server(echo)
        await server.start()
        try:
            return [await exchange(server, one) for one in sent]
        finally:
            await server.stop()

    return echo.asked, asyncio.run(run())


def raw(line: str, *headers: str, body: bytes = b"") -> bytes:
    lines = [f"{line} HTTP/1.1", "Host: cdn.api.qcloud.com", "Connection: close", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def test_a_request_is_handed_on_as_it_came() -> None:
    sent = raw("POST /a%2Fb/%E9%9F%B3?x=%20+&x=?", "X-Case: Kept", "Content-Length: 3", body=b"\x00\xff?")
    (request,), _ = asked(Reply(200), sent)
    assert (request.method, request.path, request.query) == ("POST", "/a%2Fb/%E9%9F%B3", "x=%20+&x=?")
    assert (request.headers["host"], request.headers["x-case"]) == ("cdn.api.qcloud.com", "Kept")
    assert (request.body, request.remote) == (b"\x00\xff?", "127.0.0.1")


def test_a_client_with_a_proxy_sends_the_whole_url() -> None:
    (request,), _ = asked(Reply(200), raw("GET http://cdn.api.qcloud.com/a%2Fb?x=http://y/"))
    assert (request.path, request.query) == ("/a%2Fb", "x=http://y/")


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "OPTIONS", "PATCH", "PROPFIND"])
def test_any_method_and_path_reach_the_handler(method: str) -> None:
    (request,), (answer,) = asked(Reply(207, {}, b"some"), raw(f"{method} /"))
    assert request == Request(method, "/", "", request.headers, b"", "127.0.0.1")
    assert answer.startswith(b"HTTP/1.1 207 ")
    assert answer.endswith(b"\r\n\r\nsome")


def test_a_head_request_gets_headers_only() -> None:
    _, (answer,) = asked(Reply(200, {"ETag": '"x"'}, b"body"), raw("HEAD /"))
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b'ETag: "x"' in head
    assert body == b""


def test_headers_are_sent_as_given_and_repeated_for_a_list() -> None:
    headers: dict[str, str | list[str]] = {"Server": "tencent-cos", "Set-Cookie": ["a=1", "b=2"], "Content-Type": "x/y"}
    _, (answer,) = asked(Reply(200, headers, b"body"), raw("GET /"))
    lines = answer.split(b"\r\n")
    assert [line for line in lines if line.startswith((b"Server", b"Set-Cookie", b"Content-Type"))] == [
        b"Server: tencent-cos",
        b"Set-Cookie: a=1",
        b"Set-Cookie: b=2",
        b"Content-Type: x/y",
    ]


def test_a_reset_reply_is_a_rst() -> None:
    with pytest.raises(ConnectionResetError):
        asked(Reply(200, {}, b"body", broken="reset"), raw("GET /"))


@pytest.mark.parametrize(("body", "sent"), [(b"0123456789", b"01234"), (b"{}", b"{")])
def test_a_truncated_reply_announces_the_whole_and_ends_early(body: bytes, sent: bytes) -> None:
    _, (answer,) = asked(Reply(200, {"X-Kept": "yes"}, body, broken="truncate"), raw("GET /"))
    head, _, received = answer.partition(b"\r\n\r\n")
    assert f"Content-Length: {len(body)}".encode() in head
    assert b"X-Kept: yes" in head
    assert received == sent


def test_a_spoiled_connection_leaves_the_server_running() -> None:
    requests, answers = asked(Reply(200, {}, b"01", broken="truncate"), raw("GET /1"), raw("GET /2"))
    assert [request.path for request in requests] == ["/1", "/2"]
    assert [answer[-1:] for answer in answers] == [b"0", b"0"]


def test_a_body_is_kept_as_it_came_when_it_is_compressed() -> None:
    body = gzip.compress(b"text")
    headers = ("Content-Encoding: gzip", f"Content-Length: {len(body)}")
    requests, _ = asked(Reply(200), raw("PUT /", *headers, body=body))
    assert [request.body for request in requests] == [body]


def test_a_long_query_and_a_long_header_reach_the_handler() -> None:
    query, header = "x" * 40_000, "y" * 40_000
    (request,), _ = asked(Reply(200), raw(f"GET /?{query}", f"X-Long: {header}"))
    assert (request.query, request.headers["x-long"]) == (query, header)


def test_a_body_beyond_the_limit_is_refused() -> None:
    requests, (answer,) = asked(Reply(200), raw("PUT /", f"Content-Length: {MAX_BODY + 1}", body=bytes(MAX_BODY + 1)))
    assert requests == []
    assert answer.startswith(b"HTTP/1.1 413 ")


def test_a_taken_port_is_an_error_and_a_server_that_never_started_can_be_stopped() -> None:
    async def run() -> None:
        first = Server(Echo(Reply(200)))
        second = Server(Echo(Reply(200)), port=int((await first.start()).rpartition(":")[2]))
        try:
            with pytest.raises(OSError, match="in use"):
                await second.start()
        finally:
            await second.stop()
            await first.stop()
        await Server(Echo(Reply(200))).stop()

    asyncio.run(run())


def test_a_port_can_be_chosen_and_is_free_after_stop() -> None:
    async def run() -> None:
        first = Server(Echo(Reply(200)))
        url = await first.start()
        await first.stop()
        second = Server(Echo(Reply(200)), port=int(url.rpartition(":")[2]))
        assert await second.start() == url == second.url
        assert (await exchange(second, raw("GET /"))).startswith(b"HTTP/1.1 200 ")
        await second.stop()

    asyncio.run(run())


@pytest.mark.parametrize("broken", ["", "reset", "truncate"])
def test_a_client_that_disconnects_does_not_disturb_others(broken: str) -> None:
    async def run() -> bytes:
        asked, gone = asyncio.Event(), asyncio.Event()

        async def handle(request: Request) -> Reply:
            if request.path == "/leave":
                asked.set()
                await gone.wait()
                return Reply(200, {}, b"body", broken)
            return Reply(200, {}, b"well")

        server = Server(handle)
        await server.start()
        leaving = asyncio.create_task(exchange(server, raw("GET /leave")))
        await asked.wait()
        leaving.cancel()
        while server.connections:  # noqa: ASYNC110 - aiohttp has no event for it
            await asyncio.sleep(0)
        gone.set()
        answer = await exchange(server, raw("GET /stay"))
        await server.stop()
        return answer

    assert asyncio.run(run()).endswith(b"well")


@pytest.mark.parametrize("framing", ["Content-Length: 9", "Transfer-Encoding: chunked"])
def test_a_body_that_is_cut_short_reaches_nobody_and_is_not_logged(
    framing: str, caplog: pytest.LogCaptureFixture
) -> None:
    echo = Echo(Reply(200))

    async def run() -> None:
        server = Server(echo)
        url = await server.start()
        _, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
        writer.write(f"POST / HTTP/1.1\r\nHost: localhost\r\n{framing}\r\n\r\n5".encode())
        await writer.drain()
        while not server.connections:  # noqa: ASYNC110 - aiohttp has no event for it
            await asyncio.sleep(0)
        writer.close()
        while server.connections:  # noqa: ASYNC110
            await asyncio.sleep(0)
        await server.stop()

    asyncio.run(run())
    assert (echo.asked, caplog.records) == ([], [])


OWN = [
    "127.0.0.1:9000",
    "localhost",
    "LOCALHOST:9000",
    "a-1.localhost:9000",
    "a-1.cos.localhost",
    "[::1]:9000",
    "a-1.cos.ap-guangzhou.myqcloud.com",
    "cdn.api.qcloud.com",
]
FOREIGN = [
    "evil.example",
    "127.0.0.1.evil.example",
    "localhost.evil.example:9000",
    "evillocalhost",
    "xmyqcloud.com",
    "",
    "10.0.0.1",
]


def test_a_foreign_host_is_refused() -> None:
    assert said_to(*(f"Host: {host}" for host in OWN)) == [200] * len(OWN)
    assert said_to(*(f"Host: {host}" for host in FOREIGN)) == [403] * len(FOREIGN)


def test_foreign_pages_can_not_use_local_paths() -> None:
    own = "Host: 127.0.0.1:9000\r\nOrigin: "
    origins = ["https://evil.example", "null", "http://127.0.0.1:9001", "http://localhost:9000"]
    assert said_to(f"{own}http://127.0.0.1:9000", path="/_local/invoke") == [200]
    assert said_to(*(own + origin for origin in origins), path="/_local/invoke") == [403] * len(origins)
    assert said_to(*(own + origin for origin in origins), path="/query-video") == [200] * len(origins)


def test_a_local_path_can_be_percent_encoded_and_an_unknown_one_does_not_reach_the_service() -> None:
    assert said_to("Host: localhost", path="/%5Flocal/a%2Db") == [200]
    assert said_to("Host: localhost", path="/_local/a/b") == [404]


def test_malformed_http_is_answered_without_a_traceback(caplog: pytest.LogCaptureFixture) -> None:
    _, (answer,) = asked(Reply(200), b"GET / HTTP/1.1\r\nHost: localhost\r\nbad header\r\n\r\n")
    assert b" 400 " in answer[:16]
    assert caplog.records == []


def test_a_fault_of_the_service_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def run() -> bytes:
        async def fail(_: Request) -> Reply:
            raise ZeroDivisionError

        server = Server(fail)
        await server.start()
        try:
            return await exchange(server, raw("GET /"))
        finally:
            await server.stop()

    assert asyncio.run(run()).startswith(b"HTTP/1.1 500 ")
    assert "ZeroDivisionError" in caplog.text


def test_a_stream_is_sent_piece_by_piece() -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"one"
        yield b"two"

    _, (answer,) = asked(Reply(200, {"Content-Type": "text/event-stream"}, stream=pieces()), raw("GET /"))
    assert answer.index(b"one") < answer.index(b"two")
