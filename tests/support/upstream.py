"""An upstream that misbehaves: a real server on a free port whose connections follow a script of bytes and pauses."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

#: Seconds that nothing here takes: whatever gets there fails the test.
NEVER = 60.0
#: Seconds between two pieces of a trickle.
BEAT = 0.01
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


class Line:
    """One connection, as its script sees it."""

    def __init__(self, sock: socket.socket, ended: threading.Event) -> None:
        self.sock = sock
        self._ended = ended

    def request(self) -> bytes:
        """Read a request; empty when the client has gone."""
        read, whole = b"", 1
        while len(read) < whole:
            piece = self.sock.recv(65536)
            if not piece:
                return b""
            read += piece
            head, blank, _ = read.partition(b"\r\n\r\n")
            size = re.search(rb"(?i)content-length: *([0-9]+)", head)
            whole = len(head + blank) + int(size[1] if size else 0) if blank else len(read) + 1
        return read

    def send(self, text: bytes) -> None:
        self.sock.sendall(text)

    def hold(self) -> None:
        """Say nothing more until the client has gone; only the end of the test ends it otherwise."""
        while self.sock.recv(65536):
            """What the client still sends is read."""

    def trickle(self, piece: bytes) -> None:
        """Send something every now and then, until the client has gone or the test ends."""
        while not self._ended.wait(BEAT):
            self.send(piece)


Script = Callable[[Line], None]


class Upstream:
    """A server; each connection runs the script in a thread of its own."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=256)
        self._ended = threading.Event()
        self._threads: list[threading.Thread] = []
        self._socks: list[socket.socket] = []
        self.port: int = self._listening.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"

    @property
    def connections(self) -> int:
        """How many there have been."""
        return len(self._socks)

    def serve(self) -> None:
        with suppress(OSError):  # closed
            while True:
                sock, _ = self._listening.accept()
                self._socks.append(sock)
                thread = threading.Thread(target=self._run, args=(sock,), daemon=True)
                thread.start()
                self._threads.append(thread)

    def _run(self, sock: socket.socket) -> None:
        with sock, suppress(OSError):  # the client has gone
            self._script(Line(sock, self._ended))

    def left_alone(self) -> bool:
        """Whether the client has closed, or closes, every connection that it has opened."""
        joined = 0
        while joined < len(self._threads):  # one that was on its way may still be accepted
            self._threads[joined].join(NEVER)
            joined += 1
        return not any(thread.is_alive() for thread in self._threads[:joined])

    def close(self) -> None:
        self._ended.set()
        for sock in (self._listening, *self._socks):
            with suppress(OSError):  # closed already
                sock.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for thread in self._threads:
            thread.join(NEVER)


@contextmanager
def upstream(script: Script) -> Iterator[Upstream]:
    """Run a server until the block ends."""
    made = Upstream(script)
    accepting = threading.Thread(target=made.serve, daemon=True)
    accepting.start()
    try:
        yield made
    finally:
        made.close()
        accepting.join(NEVER)


def answering(head: bytes, then: Script) -> Script:
    """The script that reads a request, sends some bytes, and goes on with another."""

    def script(line: Line) -> None:
        if line.request():
            line.send(head)
            then(line)

    return script


def _trickling(piece: bytes) -> Script:
    return lambda line: line.trickle(piece)


CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
SIZED = HEAD + b"Content-Length: 1000000\r\n\r\n"
GZIP = HEAD + b"Content-Encoding: gzip\r\nContent-Length: 1000000\r\n\r\n"
#: Ten bytes of header with FLG.FNAME set (RFC 1952): a name follows that ends with a zero byte.
GZIP_NAME = b"\x1f\x8b\x08\x08" + bytes(6)
#: A gzip header and then empty stored blocks of deflate (RFC 1951, 3.2.4): data without output.
GZIP_START, EMPTY_BLOCK = b"\x1f\x8b\x08\x00" + bytes(6), b"\x00\x00\x00\xff\xff"

#: What an upstream may do instead of answering.
STALLS: dict[str, Script] = {
    "accepts, says nothing": Line.hold,
    "reads, says nothing": answering(b"", Line.hold),
    "slow status line": answering(b"HTTP/1.1 200 ", _trickling(b"O")),
    "slow header": answering(HEAD + b"X-Slow: ", _trickling(b"x")),
    "half a header": answering(HEAD + b"X-Half", Line.hold),
    "endless 100 Continue": answering(b"", _trickling(b"HTTP/1.1 100 Continue\r\n\r\n")),
    "silent after its headers": answering(SIZED, Line.hold),
    "silent after its first bytes": answering(SIZED + b'{"code":', Line.hold),
    "a byte now and then": answering(SIZED, _trickling(b" ")),
    "slow chunk size": answering(CHUNKED, _trickling(b"0")),
    "slow chunk extension": answering(CHUNKED + b"5;name=", _trickling(b"x")),
    "slow chunks": answering(CHUNKED, _trickling(b"1\r\n \r\n")),
    "endless trailers": answering(CHUNKED + b"2\r\n{}\r\n0\r\n", _trickling(b"X-Trailer: x\r\n")),
    "slow gzip header": answering(GZIP + GZIP_NAME, _trickling(b"n")),
    "gzip data without output": answering(GZIP + GZIP_START, _trickling(EMPTY_BLOCK)),
}
