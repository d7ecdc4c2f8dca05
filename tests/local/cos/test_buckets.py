"""The buckets of the account, with signed requests and with Tencent's own client."""

from __future__ import annotations

from pathlib import Path

import pytest
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
    reply = buckets.handle(Request(method, path, "", {**headers, "authorization": authorization}, body))
    text = reply.body.decode()
    return reply.status, text.partition("<Code>")[2].partition("<")[0] or text


def host_of(bucket: str, region: str = REGION) -> str:
    return f"{bucket}.cos.{region}.myqcloud.com"


def test_a_bucket_is_there_once_it_is_created(buckets: Buckets) -> None:
    assert ask(buckets, "HEAD", host_of(OTHER))[0] == 404
    assert ask(buckets, "PUT", host_of(OTHER), "/key", b"x") == (404, "NoSuchBucket")
    assert ask(buckets, "PUT", host_of(OTHER), x_cos_acl="private") == (200, "")
    assert ask(buckets, "HEAD", host_of(OTHER)) == (200, "")
    assert ask(buckets, "PUT", host_of(OTHER)) == (409, "BucketAlreadyOwnedByYou")
    assert ask(buckets, "HEAD", host_of(BUCKET)) == (200, "")


def test_buckets_keep_their_objects_apart_and_on_disk(buckets: Buckets, tmp_path: Path) -> None:
    ask(buckets, "PUT", host_of(OTHER))
    ask(buckets, "PUT", host_of(OTHER), "/key", b"other")
    ask(buckets, "PUT", "127.0.0.1:9002", "/key", b"first")
    assert ask(buckets, "GET", host_of(OTHER), "/key") == (200, "other")
    assert ask(buckets, "GET", host_of(BUCKET), "/key") == (200, "first")
    again = Buckets(tmp_path, CosStore(tmp_path), clock=lambda: NOW)
    for host in (host_of(OTHER), f"{OTHER}.localhost:9002", f"{OTHER}.cos.localhost"):
        assert ask(again, "GET", host, "/key") == (200, "other")
    assert set(again.services) == {BUCKET, OTHER}
    assert again.services[OTHER].calls is again.calls


def test_buckets_are_listed(buckets: Buckets) -> None:
    ask(buckets, "PUT", host_of(OTHER))
    for host in ("service.cos.myqcloud.com", f"cos.{REGION}.myqcloud.com", "cos.localhost:9002"):
        status, text = ask(buckets, "GET", host)
        assert status == 200
        assert f"<Name>{BUCKET}</Name><Location>{REGION}</Location>" in text
        assert f"<Name>{OTHER}</Name>" in text
    assert buckets.calls["GetService"] == 3


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


def test_an_account_has_a_limit_of_buckets(buckets: Buckets) -> None:
    for number in range(MAX_BUCKETS - 1):
        assert ask(buckets, "PUT", host_of(f"b{number}-{APP_ID}"))[0] == 200
    assert ask(buckets, "PUT", host_of(OTHER)) == (400, "TooManyBuckets")


def test_tencents_client_creates_and_fills_a_bucket(tmp_path: Path) -> None:
    with desk(tmp_path) as opened:
        proxy = {"http": opened.cloud.cos}
        config = CosConfig(Region=REGION, SecretId=PERMANENT[0], SecretKey=PERMANENT[1], Scheme="http", Proxies=proxy)
        client = CosS3Client(config, retry=0)  # it would wait and ask again after each 501
        assert not client.bucket_exists(OTHER)
        client.create_bucket(OTHER)
        assert client.bucket_exists(OTHER)
        assert {each["Name"] for each in client.list_buckets()["Buckets"]["Bucket"]} == {BUCKET, OTHER}
        for part in ({"Marker": BUCKET}, {"MaxKeys": 1}, {"MaxKeys": "9" * 9}, {"Region": REGION}):
            with pytest.raises(CosServiceError, match="NotImplemented"):
                client.list_buckets(**part)
        with pytest.raises(CosServiceError, match="BucketAlreadyOwnedByYou"):
            client.create_bucket(OTHER)
        client.put_object(Bucket=OTHER, Key="key", Body=b"x")
        assert [one["Key"] for one in client.list_objects(OTHER)["Contents"]] == ["key"]
        assert client.list_objects(BUCKET).get("Contents") is None
