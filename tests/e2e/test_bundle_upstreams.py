"""The bundle alone, with an upstream on TLS: what it leaves out of its libraries makes no difference to a query."""

from __future__ import annotations

import gzip
import json
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from benchmarks.certificate import write_certificate
from tests.support import bundles

#: Asks each of the URLs given about one task; a line a reply.
ASK = """
import json, os, sys
from query_video import main_handler
for url in sys.argv[1:]:
    os.environ["MEDIA_API_URL"] = url
    reply = main_handler({"vids": ["a"]}, {"request_id": "r", "time_limit_in_ms": 1000})
    print("reply", json.dumps(reply))
"""
ENVIRONMENT = {"SECRET_ID": "AKIDEXAMPLE", "SECRET_KEY": "secret"}
RECORD = {"vid": "a", "status": 5, "url": "http://例子.example/视频.mp4"}
ENVELOPE = json.dumps({"code": 0, "data": [RECORD]}, ensure_ascii=False)
#: Status, Content-Encoding, Content-Type and body of the reply, by path.
REPLIES: dict[str, tuple[int, str, str, bytes]] = {
    "/utf-8": (200, "", "application/json", ENVELOPE.encode()),
    "/gzip": (200, "gzip", "text/html; charset=iso-8859-1", gzip.compress(ENVELOPE.encode())),
    "/refused": (200, "", "text/plain", json.dumps({"code": 4000, "message": "拒绝"}).encode()),
    "/status": (404, "", "text/html", "页面不存在".encode("gb18030")),
}


class Upstream(BaseHTTPRequestHandler):
    """Answers as its path says."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        status, encoding, content_type, body = REPLIES[self.path]
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        if encoding:
            self.send_header("Content-Encoding", encoding)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as the standard library has it
        """Nobody reads it."""


class Server(ThreadingHTTPServer):
    """A server with TLS; what clients think of its certificate is their affair."""

    def handle_error(self, *_: object) -> None:
        """The client has hung up."""


@contextmanager
def server(certificate: Path) -> Iterator[str]:
    """Serve on a free port, with a new certificate for `localhost`; yield the URL."""
    write_certificate(certificate, "localhost")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with Server(("127.0.0.1", 0), Upstream) as made:
        made.socket = context.wrap_socket(made.socket, server_side=True, do_handshake_on_connect=False)
        serving = threading.Thread(target=made.serve_forever)
        serving.start()
        try:
            yield f"https://localhost:{made.server_port}"
        finally:
            made.shutdown()
            serving.join()


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    dist = tmp_path_factory.mktemp("dist")
    bundles.build(dist)
    return dist / "bundle"


def ask(bundle: Path, *urls: str) -> list[Any]:
    """What the bundle, with nothing else to import from, replies of each URL; it says nothing on stderr."""
    command = [bundles.PYTHON, "-E", "-s", "-S", "-c", ASK, *urls]
    done = subprocess.run(command, cwd=bundle, env=ENVIRONMENT, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return [json.loads(line.removeprefix("reply ")) for line in done.stdout.splitlines() if line.startswith("reply ")]


def test_replies_are_read_and_errors_reported_as_in_the_checkout(bundle: Path, tmp_path: Path) -> None:
    with server(tmp_path / "server.pem") as url:
        trusted = bundle / "certifi" / "cacert.pem"
        before = trusted.read_text()
        trusted.write_text(before + (tmp_path / "server.pem").read_text())
        try:
            plain, packed, refused, status = ask(bundle, *(url + path for path in REPLIES))
        finally:
            trusted.write_text(before)
    assert (plain["code"], plain["data"]) == (packed["code"], packed["data"]) == (0, [RECORD])
    assert (refused["code"], refused["message"]) == (4000, "vid, vids: the media API refuses a parameter")
    assert (status["code"], status["message"]) == (6000, "the media API answered HTTP 404")


def test_a_certificate_that_nobody_trusts_is_refused(bundle: Path, tmp_path: Path) -> None:
    with server(tmp_path / "server.pem") as url:
        (reply,) = ask(bundle, f"{url}/utf-8")
    assert reply["code"] == 6000
    assert "the media API" in reply["message"]
    assert "data" not in reply
