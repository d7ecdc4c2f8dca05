"""The local Cloud Infinite: replies and refusals as of the real one, for signed requests."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from typing import Any
from urllib.parse import quote
from xml.etree.ElementTree import fromstring

import pytest
from requests import Request as Made

from local import keys
from local.ci import jobs as ci_jobs
from local.ci.jobs import CiJobs
from local.ci.service import ERRORS, CiService, cos_and_ci
from local.cos.service import CosService
from local.cos.store import CosStore
from local.faults import Faulty
from local.server import Reply, Request
from shared.signing.cos import CiAuth, CosAuth
from shared.signing.credentials import Credentials
from tests.support.routes import ask_route

NOW = 1_700_000_000
HOST = f"{keys.BUCKET}.ci.{keys.REGION}.myqcloud.com"
COS_HOST = f"{keys.BUCKET}.cos.{keys.REGION}.myqcloud.com"
UNKNOWN = f"j{'0' * 32}"


@pytest.fixture
def service() -> CiService:
    return CiService(CiJobs(), clock=lambda: NOW)


def signed(
    path: str,
    *,
    host: str = HOST,
    method: str = "GET",
    credentials: Credentials = keys.ROLE,
    at: float = NOW,
    auth: Callable[..., CosAuth] = CiAuth,
) -> Request:
    """A request as the functions sign it."""
    made = auth(credentials, lambda: at)(Made(method, f"https://{host}{path}").prepare())
    headers = {name.lower(): str(value) for name, value in made.headers.items()} | {"host": host}
    plain, _, query = path.partition("?")
    return Request(method, plain, query, headers)


def code(reply: Reply) -> tuple[int, str | None]:
    return reply.status, fromstring(reply.body).findtext("Code")


def test_a_job(service: CiService) -> None:
    reply = service.handle(signed(f"/jobs/{ci_jobs.TRANSCODE}"))
    assert (reply.status, reply.headers["Content-Type"], reply.headers["Server"]) == (
        200,
        "application/xml",
        "tencent-ci",
    )
    assert reply.headers["x-ci-request-id"]
    root = fromstring(reply.body)
    assert (root.tag, len(root), root.findtext("JobsDetail/State")) == ("Response", 1, "Success")
    assert root.findtext("JobsDetail/Input/BucketId") == keys.BUCKET
    assert root.find("JobsDetail/Message") is not None


def test_several_jobs(service: CiService) -> None:
    asked = [ci_jobs.SEGMENT, UNKNOWN, ci_jobs.FAILED, "jx"]
    root = fromstring(service.handle(signed(f"/jobs/{','.join(asked)}")).body)
    assert [job.findtext("JobId") for job in root.findall("JobsDetail")] == [ci_jobs.SEGMENT, ci_jobs.FAILED]
    assert [node.text for node in root.findall("NonExistJobIds")] == [UNKNOWN, "jx"]
    names = root.findall("JobsDetail/Operation/MediaResult/OutputFile/ObjectName")
    assert len(names) == 3, "a list is a node that is repeated"


OWN = [HOST, HOST.upper(), f"{HOST}:8080", COS_HOST, f"{keys.BUCKET}.localhost", "127.0.0.1:9002", "proxy.example"]


@pytest.mark.parametrize("host", OWN)
def test_hosts(service: CiService, host: str) -> None:
    assert service.handle(signed(f"/jobs/{UNKNOWN}", host=host)).status == 200


@pytest.mark.parametrize(
    "host", [HOST.replace("media", "other"), HOST.replace("guangzhou", "beijing"), "other-1.localhost"]
)
def test_other_buckets(service: CiService, host: str) -> None:
    assert code(service.handle(signed(f"/jobs/{UNKNOWN}", host=host))) == (400, "InvalidHost")


JOB = f"/jobs/{UNKNOWN}"
REFUSED: dict[str, tuple[Request, tuple[int, str]]] = {
    "unsigned": (Request("GET", JOB, headers={"host": HOST}), (401, "MissingAuthorization")),
    "no signature": (signed(JOB)._replace(headers={"host": HOST, "authorization": "x"}), (401, "InvalidAuthorization")),
    "half a signature": (Request("GET", JOB, "q-signature=x", {"host": HOST}), (401, "InvalidAuthorization")),
    "another path": (signed(JOB)._replace(path="/jobs/jx"), (403, "AccessDenied")),
    "another key": (signed(JOB, credentials=Credentials("AKIDX", "k")), (401, "SecretidNotExist")),
    "wrong key": (signed(JOB, credentials=keys.PERMANENT._replace(secret_key="x")), (403, "AccessDenied")),
    "no token": (signed(JOB, credentials=keys.ROLE._replace(token="")), (401, "InvalidAuthorization")),
    "the token of COS": (signed(JOB, auth=CosAuth), (401, "InvalidAuthorization")),
    "late": (signed(JOB, at=NOW - 3600), (401, "SignatureExpired")),
    "early": (signed(JOB, at=NOW + 3600), (401, "SignatureExpired")),
    "no id": (signed("/jobs/"), (404, "InvalidUrl")),
    "another operation of CI": (signed("/queue"), (501, "NotImplemented")),
    "the list of jobs": (signed("/jobs"), (501, "NotImplemented")),
    "the list of buckets": (signed("/mediabucket", host=f"ci.{keys.REGION}.myqcloud.com"), (501, "NotImplemented")),
    "no path of CI": (signed("/nothing"), (404, "InvalidUrl")),
    "two levels": (signed(f"{JOB}/x"), (404, "InvalidUrl")),
    "an empty id": (signed(f"{JOB},"), (400, "InvalidArgument")),
    "a new job": (signed("/jobs", method="POST"), (501, "NotImplemented")),
    "another method": (signed(JOB, method="PUT"), (501, "NotImplemented")),
    "no UTF-8": (Request("GET", "/jobs/%ff", headers={"host": HOST}), (400, "InvalidArgument")),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refusals(service: CiService, case: str) -> None:
    request, expected = REFUSED[case]
    reply = service.handle(request)
    assert code(reply) == expected
    root = fromstring(reply.body)
    assert [node.tag for node in root] == ["Code", "Message", "RequestId", "TraceId"], "no Resource, unlike COS"
    assert root.findtext("RequestId") == reply.headers["x-ci-request-id"]


def test_permanent_keys_need_no_token(service: CiService) -> None:
    assert service.handle(signed(JOB, credentials=keys.PERMANENT)).status == 200


@pytest.mark.parametrize("name", [*ERRORS, "Nonsense"])
def test_error(service: CiService, name: str) -> None:
    expected = (ERRORS[name], name) if name in ERRORS else (500, "InternalError")
    assert code(service.error(name)) == expected


INFO = f"/{ci_jobs.SONG}?ci-process=videoinfo"


def test_media_info(service: CiService) -> None:
    reply = service.handle(signed(INFO, host=COS_HOST, auth=CosAuth))
    root = fromstring(reply.body)
    assert (root.tag, root.findtext("MediaInfo/Format/FormatName")) == ("Response", "flac")
    jobs = {"sources": {"音 1.mp3": {"Stream": [{"Audio": None}]}}}
    ask_route(service.routes, "POST", "/_local/jobs", json.dumps(jobs).encode())
    other = service.handle(signed(f"/{quote('音 1.mp3')}?ci-process=videoinfo", host=COS_HOST, auth=CosAuth))
    assert fromstring(other.body).find("MediaInfo/Stream/Audio") is not None


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (signed("/gone.mp3?ci-process=videoinfo", host=COS_HOST, auth=CosAuth), (404, "NoSuchKey")),
        (signed(INFO, host=COS_HOST), (403, "AccessDenied")),
        (signed(INFO, host=COS_HOST, auth=CosAuth, method="DELETE"), (501, "NotImplemented")),
        (signed(f"{INFO}&live=1", host=COS_HOST, auth=CosAuth), (501, "NotImplemented")),
        (signed(f"/{ci_jobs.SONG}?ci-process=snapshot", host=COS_HOST, auth=CosAuth), (501, "NotImplemented")),
        (Request("GET", f"/{ci_jobs.SONG}", "ci-process=videoinfo", {"host": COS_HOST}), (403, "AccessDenied")),
    ],
)
def test_media_info_refused_as_cos_refuses(service: CiService, request_: Request, expected: tuple[int, str]) -> None:
    reply = service.handle(request_)
    assert code(reply) == expected
    assert reply.headers["Server"] == "tencent-cos"


def test_calls_are_counted(service: CiService) -> None:
    for request in (signed(JOB), Request("GET", JOB), signed("/queue"), signed(INFO, host=COS_HOST, auth=CosAuth)):
        service.handle(request)
    assert service.calls == Counter(DescribeMediaJob=2, other=1, GetMediaInfo=1)


def test_jobs_are_added(service: CiService) -> None:
    spec = {"jobs": [{"JobId": UNKNOWN, "State": "Running"}]}
    reply = ask_route(service.routes, "POST", "/_local/jobs", json.dumps(spec).encode())
    assert (reply.status, json.loads(reply.body)) == (200, {"jobs": 1})
    assert fromstring(service.handle(signed(JOB)).body).findtext("JobsDetail/State") == "Running"


def test_jobs_are_listed_as_they_can_be_added(service: CiService) -> None:
    listed = ask_route(service.routes, "GET", "/_local/jobs").body
    jobs = json.loads(listed)
    assert ci_jobs.TRANSCODE in {job["JobId"] for job in jobs["jobs"]}
    assert ci_jobs.SONG in jobs["sources"]
    added = ask_route(service.routes, "POST", "/_local/jobs", listed)
    assert json.loads(added.body) == {"jobs": len(jobs["jobs"])}


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"jobs": [{}]}'])
def test_jobs_that_can_not_be_added(service: CiService, body: bytes) -> None:
    reply = ask_route(service.routes, "POST", "/_local/jobs", body)
    assert reply.status == 400
    assert json.loads(reply.body)["error"]


def test_cos_s_port_serves_both(service: CiService, tmp_path: Any) -> None:
    cos = CosService(CosStore(tmp_path), clock=lambda: NOW)
    port = cos_and_ci(Faulty(cos), Faulty(service))

    def ask(request: Request) -> Reply:
        async def answer() -> Reply:
            return await port(request)

        return asyncio.run(answer())

    assert fromstring(ask(signed(JOB)).body).tag == "Response"
    assert fromstring(ask(signed(INFO, host=COS_HOST, auth=CosAuth)).body).tag == "Response"
    assert code(ask(signed(JOB, host=COS_HOST, auth=CosAuth))) == (404, "NoSuchKey"), "a key like any other"
    assert code(ask(signed("/mediabucket", host=f"ci.{keys.REGION}.myqcloud.com"))) == (501, "NotImplemented")
    assert (service.calls["DescribeMediaJob"], cos.calls) == (1, {"GetObject": 1})
