"""COS through real sockets, asked by the official client."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from qcloud_cos import CosConfig, CosS3Client
from qcloud_cos.cos_exception import CosServiceError

from local.cos.service import CosService, too_large
from local.cos.store import CosStore
from local.faults import Faulty
from local.keys import BUCKET, PERMANENT, REGION, ROLE
from local.server import MAX_BODY, Server
from shared.signing.cos import CosAuth, cos_authorization
from shared.signing.credentials import Credentials
from tests.support.cos import Client


@contextmanager
def background_loop() -> Iterator[asyncio.AbstractEventLoop]:
    """An event loop that runs in a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield loop
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@contextmanager
def served(service: CosService) -> Iterator[str]:
    """The URL of a service that listens on a free port, behind its faults."""
    with background_loop() as loop:
        front = Faulty(service)
        server = Server(front.handle, routes=front.routes, too_large=too_large())
        start: Future[str] = asyncio.run_coroutine_threadsafe(server.start(), loop)
        try:
            yield start.result()
        finally:
            asyncio.run_coroutine_threadsafe(server.stop(), loop).result()


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    with served(CosService(CosStore(tmp_path / "state"))) as address:
        yield address


@pytest.fixture
def session() -> Iterator[requests.Session]:
    with closing(requests.Session()) as opened:
        yield opened


def by_domain(url: str, session: requests.Session, keys: Credentials = PERMANENT) -> CosS3Client:
    """The official client with 127.0.0.1 as the bucket's custom domain."""
    config = CosConfig(
        Region=REGION,
        SecretId=keys.secret_id,
        SecretKey=keys.secret_key,
        Token=keys.token or None,
        Scheme="http",
        Domain=urlsplit(url).netloc,
    )
    return CosS3Client(config, retry=0, session=session)


def by_address(url: str, session: requests.Session, keys: Credentials = PERMANENT) -> CosS3Client:
    """The official client, which names the bucket in Host and is sent to 127.0.0.1."""
    config = CosConfig(
        Region=REGION,
        SecretId=keys.secret_id,
        SecretKey=keys.secret_key,
        Token=keys.token or None,
        Scheme="http",
    )
    config.set_ip_port(urlsplit(url).hostname, urlsplit(url).port)
    return CosS3Client(config, retry=0, session=session)


def by_endpoint(url: str, session: requests.Session, keys: Credentials = PERMANENT) -> CosS3Client:
    """The official client, which puts the bucket's name before the endpoint."""
    config = CosConfig(
        SecretId=keys.secret_id,
        SecretKey=keys.secret_key,
        Token=keys.token or None,
        Scheme="http",
        Endpoint=f"localhost:{urlsplit(url).port}",
    )
    return CosS3Client(config, retry=0, session=session)


@pytest.fixture(autouse=True)
def loopback_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names below localhost are 127.0.0.1, as RFC 6761 wants it; not every system's resolver follows it."""
    resolve = socket.getaddrinfo

    def resolving(host: Any, *more: Any, **options: Any) -> Any:
        return resolve("127.0.0.1" if str(host).endswith(".localhost") else host, *more, **options)

    monkeypatch.setattr(socket, "getaddrinfo", resolving)


clients = pytest.mark.parametrize("make", [by_domain, by_address, by_endpoint])
KEYS = [
    "results/video.json",
    "结果/é 视频.json",
    "../../etc/passwd",
    "a//b",
    "./x",
    "x/../y",
    "a+b c%2F&?#=;",
    "~",
    "视" * 283,
]


@clients
@pytest.mark.parametrize("keys", [PERMANENT, ROLE])
def test_the_official_client(url: str, session: requests.Session, tmp_path: Path, make: Any, keys: Credentials) -> None:
    cos = make(url, session, keys)
    for key in KEYS:
        body = key.encode() * 3
        put = cos.put_object(
            Bucket=BUCKET, Key=key, Body=body, EnableMD5=True, ContentType="text/x", Metadata={"x-cos-meta-a": "b"}
        )
        head = cos.head_object(Bucket=BUCKET, Key=key)
        got = cos.get_object(Bucket=BUCKET, Key=key)
        assert got["Body"].get_raw_stream().read() == body
        assert put["ETag"] == head["ETag"] == got["ETag"] == f'"{hashlib.md5(body).hexdigest()}"'
        assert head["Content-Length"] == got["Content-Length"] == str(len(body))
        assert (head["Content-Type"], head["x-cos-meta-a"], head["Server"]) == ("text/x", "b", "tencent-cos")
    listed = cos.list_objects(Bucket=BUCKET)
    assert [entry["Key"] for entry in listed["Contents"]] == sorted(KEYS, key=str.encode)
    for key in KEYS:
        cos.delete_object(Bucket=BUCKET, Key=key)
    assert "Contents" not in cos.list_objects(Bucket=BUCKET)
    assert [path.name for path in tmp_path.iterdir()] == ["state"]


@clients
def test_the_official_client_pages_and_groups(url: str, session: requests.Session, make: Any) -> None:
    cos = make(url, session)
    for key in ("a/1", "a/2", "é/1", "z z"):
        cos.put_object(Bucket=BUCKET, Key=key, Body=b"x")
    page = cos.list_objects(Bucket=BUCKET, Delimiter="/", MaxKeys=2)
    assert [entry["Prefix"] for entry in page["CommonPrefixes"]] == ["a/"]
    assert (page["IsTruncated"], page["NextMarker"]) == ("true", "z z")
    rest = cos.list_objects(Bucket=BUCKET, Delimiter="/", Marker=page["NextMarker"])
    assert [entry["Prefix"] for entry in rest["CommonPrefixes"]] == ["é/"]


@clients
def test_the_official_client_asks_for_parts(url: str, session: requests.Session, make: Any) -> None:
    cos = make(url, session)
    etag = cos.put_object(Bucket=BUCKET, Key="k", Body=b"0123456789")["ETag"]
    got = cos.get_object(Bucket=BUCKET, Key="k", Range="bytes=2-3", IfMatch=etag, ResponseContentType="text/y")
    assert (got["Body"].get_raw_stream().read(), got["Content-Type"]) == (b"23", "text/y")
    assert got["Content-Range"] == "bytes 2-3/10"
    with pytest.raises(CosServiceError) as refused:
        cos.get_object(Bucket=BUCKET, Key="k", IfMatch='"other"')
    assert (refused.value.get_status_code(), refused.value.get_error_code()) == (412, "PreconditionFailed")


@clients
def test_the_official_client_can_check_the_crc(url: str, session: requests.Session, tmp_path: Path, make: Any) -> None:
    cos = make(url, session)
    cos.put_object(Bucket=BUCKET, Key="k", Body=b"0123456789")
    target = tmp_path / "copy"
    cos.download_file(Bucket=BUCKET, Key="k", DestFilePath=str(target), EnableCRC=True)
    assert target.read_bytes() == b"0123456789"


@clients
def test_the_official_client_signs_urls(url: str, session: requests.Session, make: Any) -> None:
    cos = make(url, session)
    cos.put_object(Bucket=BUCKET, Key="é/k", Body=b"x")
    signed = cos.get_presigned_url(Bucket=BUCKET, Key="é/k", Method="GET", SignHost=False)
    assert session.get(signed).content == b"x"
    assert session.get(signed.replace("/k?", "/l?")).status_code == 403


@clients
def test_the_official_client_with_a_wrong_key(url: str, session: requests.Session, make: Any) -> None:
    with pytest.raises(CosServiceError) as refused:
        make(url, session, Credentials("AKIDLOCALEXAMPLE", "guess")).get_object(Bucket=BUCKET, Key="k")
    assert (refused.value.get_status_code(), refused.value.get_error_code()) == (403, "SignatureDoesNotMatch")
    with pytest.raises(CosServiceError) as unknown:
        make(url, session, Credentials("AKIDNOBODY", "guess")).get_object(Bucket=BUCKET, Key="k")
    assert unknown.value.get_error_code() == "InvalidAccessKeyId"


def test_the_official_client_and_another_bucket(url: str, session: requests.Session) -> None:
    with pytest.raises(CosServiceError) as refused:
        by_address(url, session).get_object(Bucket="other-1253125191", Key="k")
    assert (refused.value.get_status_code(), refused.value.get_error_code()) == (404, "NoSuchBucket")


def test_faults_to_order(url: str, session: requests.Session) -> None:
    cos = by_domain(url, session)
    session.post(f"{url}/_local/faults", json=[{"kind": "code", "value": "SlowDown", "times": 1}])
    with pytest.raises(CosServiceError) as refused:
        cos.put_object(Bucket=BUCKET, Key="k", Body=b"x")
    assert (refused.value.get_status_code(), refused.value.get_error_code()) == (503, "SlowDown")
    cos.put_object(Bucket=BUCKET, Key="k", Body=b"x")
    assert session.get(f"{url}/_local/calls").json() == {"PutObject": 2}


@pytest.mark.parametrize("body", [b"", b"content"])
def test_head_has_the_length_of_the_object(url: str, session: requests.Session, body: bytes) -> None:
    auth = CosAuth(PERMANENT)
    assert session.put(f"{url}/k", data=body, headers={"Content-Length": str(len(body))}, auth=auth).status_code == 200
    head = session.head(f"{url}/k", auth=auth)
    assert (head.headers["Content-Length"], head.content) == (str(len(body)), b"")
    missing = session.head(f"{url}/missing", auth=auth)
    assert (missing.status_code, missing.content) == (404, b"")
    # The connection is still in step: a body after the HEAD answer would be read as the next one.
    assert session.get(f"{url}/k", auth=auth).content == body


def test_what_was_put_compressed_stays_compressed(url: str, session: requests.Session, tmp_path: Path) -> None:
    auth, compressed = CosAuth(PERMANENT), gzip.compress(b"x" * 1000)
    put = session.put(f"{url}/k", data=compressed, headers={"Content-Encoding": "gzip"}, auth=auth)
    assert put.headers["ETag"] == f'"{hashlib.md5(compressed).hexdigest()}"'
    assert CosStore(tmp_path / "state").get("k").body == compressed
    assert session.get(f"{url}/k", auth=auth).content == b"x" * 1000


def test_a_key_with_a_leading_slash(url: str, session: requests.Session) -> None:
    auth = CosAuth(PERMANENT)
    assert session.put(f"{url}//etc/passwd", data=b"x", auth=auth).status_code == 200
    assert session.get(f"{url}//etc/passwd", auth=auth).content == b"x"
    assert session.get(f"{url}/etc/passwd", auth=auth).status_code == 404


@pytest.mark.parametrize("key", [".", "..", "a/..", "../.."])
def test_keys_that_http_libraries_would_tidy_away(url: str, tmp_path: Path, key: str) -> None:
    # urllib3 removes dot segments at the end of a path, so neither requests nor the official client can send these.
    host, window = urlsplit(url).netloc, f"{int(time.time()) - 60};{int(time.time()) + 600}"
    with closing(HTTPConnection(host)) as connection:
        for method, body in (("PUT", b"x"), ("GET", b"")):
            authorization = cos_authorization(PERMANENT, method, f"/{key}", {}, {"host": host}, window)
            connection.request(method, f"/{key}", body, {"Authorization": authorization})
            response = connection.getresponse()
            assert (response.status, response.read()) == (200, b"" if method == "PUT" else b"x")
    assert [path.name for path in tmp_path.iterdir()] == ["state"]


@given(key=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=200), body=st.binary(max_size=100))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_key_and_any_content_come_back(client: Client, key: str, body: bytes) -> None:
    assert client("PUT", key, body=body).status == 200
    assert client("GET", key).body == body
    assert client("DELETE", key).status == 204
    assert client("GET", key).status == 404


def test_an_object_that_is_too_large_here_is_refused_as_cos_would(url: str, session: requests.Session) -> None:
    with pytest.raises(CosServiceError) as caught:
        by_domain(url, session).put_object(Bucket=BUCKET, Key="k", Body=bytes(MAX_BODY + 1))
    assert caught.value.get_error_code() == "EntityTooLarge"
    assert str(MAX_BODY) in caught.value.get_error_msg()
