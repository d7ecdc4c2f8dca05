"""The buckets of the account, with signed requests and with Tencent's own client."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import requests
from qcloud_cos import CosConfig, CosS3Client
from qcloud_cos.cos_exception import CosServiceError

from local.cos.buckets import MAX_BUCKETS, Buckets
from local.cos.store import CosStore
from local.keys import APP_ID, BUCKET, PERMANENT, REGION
from local.server import Request
from shared.signing.cos import cos_authorization
from tests.support.desk import desk

NOW = 1_700_000_000
OTHER = f"results-{APP_ID}"


@pytest.fixture
def buckets(tmp_path: Path) -> Buckets:
    return Buckets(tmp_path, CosStore(tmp_path), clock=lambda: NOW)


def ask(
    buckets: Buckets, method: str, host: str, path: str = "/", body: bytes = b"", /, **more: str
) -> tuple[int, str]:
    """The status of a signed request, and the error code or the body."""
    headers = {"host": host, "content-length": str(len(body)), **{name.replace("_", "-"): more[name] for name in more}}
    key_time = f"{NOW - 60};{NOW + 60}"
    authorization = cos_authorization(PERMANENT, method, path, {}, {"host": host}, key_time)
    plain, _, query = path.partition("?")
    reply = buckets.handle(Request(method, plain, query, {**headers, "authorization": authorization}, body))
    text = reply.body.decode()
    return reply.status, text.partition("<Code>")[2].partition("<")[0] or text


def host_of(bucket: str, region: str = REGION) -> str:
    return f"{bucket}.cos.{region}.myqcloud.com"


def test_a_bucket_is_there_once_it_is_created(buckets: Buckets) -> None:
    assert ask(buckets, "HEAD", host_of(OTHER))[0] == 404
    assert ask(buckets, "PUT", host_of(OTHER), "/key", b"x") == (404, "NoSuchBucket")
    assert ask(buckets, "PUT", host_of(OTHER), "/?acl") == (404, "NoSuchBucket")
    assert ask(buckets, "PUT", host_of(OTHER), x_cos_acl="private") == (200, "")
    assert ask(buckets, "HEAD", host_of(OTHER)) == (200, "")
    assert ask(buckets, "PUT", host_of(OTHER)) == (409, "BucketAlreadyOwnedByYou")
    assert ask(buckets, "HEAD", host_of(BUCKET)) == (200, "")
    assert ask(buckets, "PUT", host_of(BUCKET, "ap-shanghai")) == (501, "NotImplemented")


def test_buckets_keep_their_objects_apart_and_on_disk(buckets: Buckets, tmp_path: Path) -> None:
    ask(buckets, "PUT", host_of(OTHER))
    ask(buckets, "PUT", host_of(OTHER), "/key", b"other")
    ask(buckets, "PUT", "127.0.0.1:9002", "/key", b"first")
    assert ask(buckets, "GET", host_of(OTHER), "/key") == (200, "other")
    assert ask(buckets, "GET", host_of(BUCKET), "/key") == (200, "first")
    (tmp_path / f"No Bucket-{APP_ID}").mkdir()
    first = CosStore(tmp_path)
    again = Buckets(tmp_path, first, clock=lambda: NOW)
    for host in (host_of(OTHER), f"{OTHER}.localhost:9002", f"{OTHER}.cos.localhost"):
        assert ask(again, "GET", host, "/key") == (200, "other")
    assert set(again.services) == {BUCKET, OTHER}
    assert again.services[BUCKET].store is first
    assert again.services[OTHER].calls is again.calls


def test_buckets_are_listed(buckets: Buckets) -> None:
    ask(buckets, "PUT", host_of(OTHER))
    for host in ("service.cos.myqcloud.com", f"cos.{REGION}.myqcloud.com", "cos.localhost:9002"):
        status, text = ask(buckets, "GET", host)
        assert status == 200
        assert f"<Name>{BUCKET}</Name><Location>{REGION}</Location>" in text
        assert f"<Name>{OTHER}</Name>" in text
        assert len(re.findall("<CreationDate>2[0-9]{3}-[0-9-]{5}T[0-9:]{8}Z</CreationDate>", text)) == 2
    assert buckets.calls["GetService"] == 3
    unsigned = buckets.handle(Request("GET", "/", "", {"host": f"cos.{REGION}.myqcloud.com"}))
    assert (unsigned.status, b"<Code>AccessDenied</Code>" in unsigned.body) == (403, True)


@pytest.mark.parametrize(
    ("host", "more", "code"),
    [
        (host_of("results-1"), {}, "AccessDenied"),
        (host_of("results"), {}, "InvalidBucketName"),
        (host_of(f"-results-{APP_ID}"), {}, "InvalidBucketName"),
        (host_of(OTHER, "ap-shanghai"), {}, "NotImplemented"),
        (host_of(OTHER), {"x_cos_acl": "public-read"}, "NotImplemented"),
        (host_of(OTHER), {"x_cos_tagging": "a=b"}, "NotImplemented"),
        (host_of(OTHER), {"authorization": "none"}, "AccessDenied"),
    ],
    ids=str,
)
def test_a_wrong_new_bucket_is_refused(buckets: Buckets, host: str, more: dict[str, str], code: str) -> None:
    if "authorization" in more:
        refused = buckets.handle(Request("PUT", "/", "", {"host": host, **more})).body.decode()
        assert f"<Code>{code}</Code>" in refused
    else:
        assert ask(buckets, "PUT", host, **more)[1] == code
    assert ask(buckets, "HEAD", host)[0] == 404


def test_what_a_new_bucket_can_be_given_besides_headers_is_refused(buckets: Buckets) -> None:
    assert ask(buckets, "PUT", host_of(OTHER), "/", b"<CreateBucketConfiguration/>") == (501, "NotImplemented")
    assert ask(buckets, "HEAD", host_of(OTHER))[0] == 404


def test_an_account_has_a_limit_of_buckets(buckets: Buckets) -> None:
    for number in range(MAX_BUCKETS - 1):
        assert ask(buckets, "PUT", host_of(f"b{number}-{APP_ID}"))[0] == 200
    assert ask(buckets, "PUT", host_of(OTHER)) == (400, "TooManyBuckets")


def test_the_cloud_refuses_an_object_that_is_too_large_as_cos_would(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("local.server.MAX_BODY", 1000)
    with desk(tmp_path) as opened:
        refused = requests.put(f"{opened.cloud.cos}/key", data=bytes(1001), timeout=60)
    assert refused.status_code == 400
    assert "<Code>EntityTooLarge</Code>" in refused.text


def test_tencents_client_creates_and_fills_a_bucket(tmp_path: Path) -> None:
    with desk(tmp_path) as opened:
        proxy = {"http": opened.cloud.cos}
        config = CosConfig(Region=REGION, SecretId=PERMANENT[0], SecretKey=PERMANENT[1], Scheme="http", Proxies=proxy)
        client = CosS3Client(config, retry=0)  # it would wait and ask again after each 501
        assert not client.bucket_exists(OTHER)
        client.create_bucket(OTHER)
        assert client.bucket_exists(OTHER)
        assert {each["Name"] for each in client.list_buckets()["Buckets"]["Bucket"]} == {BUCKET, OTHER}
        assert len(client.list_buckets(MaxKeys=2)["Buckets"]["Bucket"]) == 2
        for part in ({"Marker": BUCKET}, {"MaxKeys": 1}, {"MaxKeys": "9" * 9}, {"Region": REGION}):
            with pytest.raises(CosServiceError, match="NotImplemented"):
                client.list_buckets(**part)
        with pytest.raises(CosServiceError, match="BucketAlreadyOwnedByYou"):
            client.create_bucket(OTHER)
        client.put_object(Bucket=OTHER, Key="key", Body=b"x")
        assert [one["Key"] for one in client.list_objects(OTHER)["Contents"]] == ["key"]
        assert client.list_objects(BUCKET).get("Contents") is None
